"""`get_downtime_pareto`: which reasons cost the most time, how often work centres stop and how long a stop lasts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from erp_mcp.analyses.figures import hours, percent, quotient
from erp_mcp.analyses.plant import rows_of
from erp_mcp.analyses.window import Window, window_of
from erp_mcp.domain.analysis import Analysis, Dependence, Facts, Findings, RawCell
from erp_mcp.errors import FieldNotKeptError

_DEFAULT_DAYS = 30
_PLANNED: Final = "downtime.planned"
_ENDED: Final = "downtime.ended_at"


class StopRow(NamedTuple):
    """A time in which a work centre could not work; without an end it still can't."""

    system: str
    as_of: str
    downtime_id: str
    site: str
    work_center_id: str
    started_at: str
    ended_at: str | None
    reason_code: str | None
    planned: int | None


class ProductionTimeRow(NamedTuple):
    """How long a work centre produced in one shift."""

    system: str
    as_of: str
    work_center_id: str
    site: str
    shift_date: str
    shift: str
    production_min: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A stop as far as it lies in the window. `repair_s` is its whole length, if it is unplanned and ended inside."""

    center: str
    site: str
    reason: str
    lost_s: int
    planned: bool
    repair_s: int | None
    open_since: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Figures of some stops together; those of unplanned ones only where it is `told` which are planned."""

    stops: tuple[Stop, ...]
    told: bool = True

    @property
    def lost_s(self) -> int:
        """Seconds lost inside the window."""
        return sum(stop.lost_s for stop in self.stops)

    @property
    def unplanned(self) -> tuple[Stop, ...]:
        """Those that nobody had planned."""
        return tuple(stop for stop in self.stops if not stop.planned)

    @property
    def mttr_min(self) -> int | None:
        """Mean whole length of the unplanned stops that ended in the window."""
        repairs = [stop.repair_s for stop in self.stops if stop.repair_s is not None and self.told]
        return quotient(sum(repairs), 60 * len(repairs))

    def mtbf_h(self, produced: Mapping[str, int]) -> int | None:
        """Return production time per unplanned stop, of the centres whose production time is known."""
        known = [stop for stop in self.unplanned if stop.center in produced and self.told]
        return quotient(sum(produced.values()), 60 * len(known))


def downtime_pareto(facts: Facts) -> Findings:
    """Answer `get_downtime_pareto`: tables `reasons`, `total` and `work_centers`.

    Args:
        facts: Rows of reads `stops` and `shifts`; arguments `date_from`, `date_to` (default: the last 30 days) and
            `kind` (`any`, `planned`, `unplanned`).

    Returns:
        Reasons by minutes lost inside the window with their share and the sum of shares so far; the same figures for
        all stops together and per work centre. A stop that lasts counts until now. Mean times are of unplanned stops
        only: between them the production time of shifts, to repair the whole length of those that ended in the window.

    Raises:
        InvalidArgumentError: `call.invalid_argument`, for a window that is upside down or too wide.
        FieldNotKeptError: `answer.field_not_kept`, when one kind is asked for and no system tells them apart.
    """
    window = window_of(facts, days=_DEFAULT_DAYS)
    kind = facts.arguments.get("kind") or "any"
    told = _PLANNED not in facts.lacking
    if kind != "any" and not told:
        systems = tuple(gap.system for gap in facts.gaps if f"{gap.entity}.{gap.field}" == _PLANNED)
        raise FieldNotKeptError(systems=systems, fields=(_PLANNED,), argument="kind")
    stops = [
        stop
        for stop in _stops_in(window, rows_of(facts, "stops", StopRow))
        if kind == "any" or stop.planned == (kind == "planned")
    ]
    produced = _production_min(window, rows_of(facts, "shifts", ProductionTimeRow))
    tables: dict[str, list[tuple[RawCell, ...]]] = {
        "total": [(window.first, window.last, *_total(stops, produced, told=told))] if stops or produced else [],
        "reasons": _reasons(stops, produced, told=told),
        "work_centers": _centers(stops, produced, told=told),
    }
    return Findings(tables=tables, complete=not facts.gaps, warnings=_warnings(facts, stops, produced))


def _stops_in(window: Window, rows: Iterable[StopRow]) -> Iterable[Stop]:
    for row in rows:
        began = datetime.fromisoformat(row.started_at)
        ended = datetime.fromisoformat(row.ended_at) if row.ended_at else None
        lost = window.seconds_of(began, ended)
        if lost <= 0:
            continue
        repaired = ended is not None and ended <= window.end and not row.planned
        yield Stop(
            center=row.work_center_id,
            site=row.site,
            reason=row.reason_code or "",
            lost_s=lost,
            planned=bool(row.planned),
            repair_s=int((ended - began).total_seconds()) if ended is not None and repaired else None,
            open_since=None if ended else row.started_at,
        )


def _production_min(window: Window, rows: Iterable[ProductionTimeRow]) -> dict[str, int]:
    """Return minutes of production per work centre with shift records in the window."""
    minutes: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        if window.first <= row.shift_date <= window.last:
            minutes[row.work_center_id] += row.production_min
    return dict(minutes)


def _total(stops: Iterable[Stop], produced: Mapping[str, int], *, told: bool) -> tuple[RawCell, ...]:
    losses = Losses(stops=tuple(stops), told=told)
    unplanned = Losses(stops=losses.unplanned)
    return (
        len(losses.stops),
        quotient(losses.lost_s, 60),
        len(unplanned.stops) if told else None,
        quotient(unplanned.lost_s, 60) if told else None,
        sum(stop.open_since is not None for stop in losses.stops),
        hours(sum(produced.values())) if produced else None,
        losses.mtbf_h(produced),
        losses.mttr_min,
    )


def _reasons(stops: Iterable[Stop], produced: Mapping[str, int], *, told: bool) -> list[tuple[RawCell, ...]]:
    by_reason: defaultdict[str, list[Stop]] = defaultdict(list)
    for stop in stops:
        by_reason[stop.reason].append(stop)
    losses = {reason: Losses(stops=tuple(group), told=told) for reason, group in by_reason.items()}
    whole = sum(one.lost_s for one in losses.values())
    table: list[tuple[RawCell, ...]] = []
    so_far = 0
    for reason, one in sorted(losses.items(), key=lambda item: (-item[1].lost_s, item[0])):
        so_far += one.lost_s
        table.append(
            (
                len(table) + 1,
                reason or None,
                quotient(one.lost_s, 60),
                len(one.stops),
                percent(one.lost_s, whole),
                percent(so_far, whole),
                one.mtbf_h(produced),
                one.mttr_min,
            )
        )
    return table


def _centers(stops: Iterable[Stop], produced: Mapping[str, int], *, told: bool) -> list[tuple[RawCell, ...]]:
    by_center: defaultdict[tuple[str, str], list[Stop]] = defaultdict(list)
    for stop in stops:
        by_center[stop.center, stop.site].append(stop)
    table: list[tuple[RawCell, ...]] = []
    for (center, site), group in sorted(by_center.items(), key=lambda item: (-sum(s.lost_s for s in item[1]), item[0])):
        own = {center: produced[center]} if center in produced else {}
        events, minutes, unplanned, unplanned_min, _, production_h, mtbf_h, mttr_min = _total(group, own, told=told)
        down_since = min((stop.open_since for stop in group if stop.open_since), default=None)
        table.append(
            (center, site, events, minutes, unplanned, unplanned_min, down_since, production_h, mtbf_h, mttr_min)
        )
    return table


def _warnings(facts: Facts, stops: Iterable[Stop], produced: Mapping[str, int]) -> tuple[str, ...]:
    asked = facts.arguments.get("work_center_id")
    known = {stop.center for stop in stops} | set(produced)
    silent = sorted(set(asked if isinstance(asked, tuple) else ()) - known)
    warnings: tuple[str, ...] = ()
    if _ENDED in facts.lacking:
        warnings += ("Only stops that last are known: those that are over are not told.",)
    if silent:
        warnings += (f"Neither stops nor shifts in this window, or none in this role's scope: {', '.join(silent)}.",)
    return warnings


ANALYSIS: Final = Analysis(
    name="downtime_pareto",
    function=downtime_pareto,
    reads={"stops": StopRow, "shifts": ProductionTimeRow},
    definition_id="downtime_pareto.1",
    dependences=(
        Dependence(fields=("downtime.ended_at",), tells=("events", "minutes", "mttr_min")),
        Dependence(fields=("downtime.reason_code",), tells=("reason_code",)),
        Dependence(
            fields=("downtime.planned",),
            tells=("kind", "unplanned_events", "unplanned_minutes", "mtbf_h", "mttr_min"),
        ),
    ),
)
