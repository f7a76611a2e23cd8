"""How the deciding goes: how old the queue is; per approver how fast, how often yes, how often otherwise than asked.

Each picture is drawn on the server and stands beside a table of the same figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from erp_mcp import administration
from erp_mcp.administration import Figures
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.web.visit import Answer, Shown, Visit

_DAYS: Final = ("7", "30", "90")
_MOST: Final = 2000  # waiting proposals that are counted
_AGES: Final = ((15, "up to 15 min"), (60, "up to 1 h"), (240, "up to 4 h"), (1440, "up to 1 day"), (0, "older"))
_ROW: Final = 44  # pixels a bar takes, with its name above it
_WIDTH: Final = 180  # of the longest bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of a picture: where it begins from above and how long it is, in pixels, and what it says."""

    label: str
    told: str
    top: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture of horizontal bars, told in words as well."""

    title: str
    bars: tuple[Bar, ...]
    height: int
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The figures of one approver, as words."""

    approver: str
    decided: int
    approved: int
    rejected: int
    narrowed: int
    median: str
    approve_rate: str
    override_rate: str
    caught: str
    by_break_glass: str


def show(visit: Visit) -> Answer:
    """Show the figures of the last days: `days` of the query is 7, 30 or 90."""
    deployment = visit.office.deployment
    days = visit.query.get("days", "30")
    days = days if days in _DAYS else "30"
    now = deployment.clock.wall()
    found = administration.figures(deployment, since=now - timedelta(days=int(days)))
    ages = _ages(visit, now)
    facts: dict[str, object] = {
        "days": days,
        "choices": _DAYS,
        "ages": ages,
        "rows": [row_of(one) for one in found],
        "pictures": [
            picture("Age of what waits", {name: Decimal(number) for name, number in ages.items()}),
            picture("Decisions per approver", {one.approver_id: Decimal(one.decided) for one in found}),
            picture(
                "Decided otherwise than asked, per cent",
                {one.approver_id: one.override_rate * 100 for one in found if one.override_rate is not None},
            ),
        ],
    }
    return Shown(template="figures.html", facts=facts)


def picture(title: str, values: Mapping[str, Decimal]) -> Picture:
    """Return a picture of values, the longest bar as wide as there is room."""
    most = max(values.values(), default=Decimal(0))
    bars = tuple(
        Bar(
            label=label,
            told=f"{value.normalize():f}",
            top=index * _ROW,
            length=int(value / most * _WIDTH) if most else 0,
        )
        for index, (label, value) in enumerate(values.items())
    )
    told = ", ".join(f"{bar.label}: {bar.told}" for bar in bars) or "nothing yet"
    return Picture(title=title, bars=bars, height=max(1, len(bars)) * _ROW, told=f"{title}. {told}.")


def row_of(one: Figures) -> Row:
    """Return the figures of one approver as words; a dash where there is nothing to count."""
    return Row(
        approver=one.approver_id,
        decided=one.decided,
        approved=one.approved,
        rejected=one.rejected,
        narrowed=one.narrowed,
        median=_span(one.median_s),
        approve_rate=_rate(one.approve_rate),
        override_rate=_rate(one.override_rate),
        caught=f"{one.canaries_caught} of {one.canaries_seen}" if one.canaries_seen else "—",
        by_break_glass=", ".join(f"{count} in {month}" for month, count in one.by_break_glass) or "—",
    )


def _ages(visit: Visit, now: datetime) -> dict[str, int]:
    waiting = visit.office.deployment.state.proposals.in_states((State.AWAITING_APPROVAL,), limit=_MOST)
    minutes: Sequence[float] = [(now - parse_instant(one.content.created_at)).total_seconds() / 60 for one in waiting]
    counted = dict.fromkeys((name for _, name in _AGES), 0)
    for age in minutes:
        counted[next(name for most, name in _AGES if age <= most or not most)] += 1
    return counted


def _span(seconds: int | None) -> str:
    if seconds is None:
        return "—"
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min" if seconds < 3600 else f"{seconds // 3600} h"


def _rate(rate: Decimal | None) -> str:
    return "—" if rate is None else f"{(rate * 100).normalize():f} %"
