"""`get_oee`: how well work centres were used, by the elements of ISO 22400, per period and over the whole window."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple, TypeVar

from erp_mcp.analyses.figures import percent, quotient
from erp_mcp.analyses.plant import rows_of
from erp_mcp.analyses.window import Window, window_of
from erp_mcp.domain.analysis import Analysis, Dependence, Facts, Findings, RawCell
from erp_mcp.domain.days import shift
from erp_mcp.domain.value import QUANTITY_DIGITS

_DEFAULT_DAYS = 7
_UNIT = 10**QUANTITY_DIGITS
Key = TypeVar("Key", bound=Hashable)


class ShiftRow(NamedTuple):
    """Time and quantity elements of one work centre and shift: minutes, seconds per item, quantities."""

    system: str
    as_of: str
    work_center_id: str
    site: str
    shift_date: str
    shift: str
    planned_busy_min: int
    production_min: int
    run_s_per_item: int
    qty_produced: int
    qty_good: int
    uom: str | None


class Period(NamedTuple):
    """A stretch of the window: first and last day, and the shift where it is one."""

    first: str
    last: str
    shift: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Elements:
    """The elements of some shifts, added up; ratios are made of the sums, never of other ratios."""

    shifts: int
    busy_min: int  # PBT
    production_min: int  # APT
    needed_s: int  # PRI · PQ, seconds times 10⁻⁶ items
    produced: int  # PQ
    good: int  # GQ
    uoms: frozenset[str]

    @property
    def one_unit(self) -> bool:
        """Whether the quantities are all in one unit: others can't be added."""
        return len(self.uoms) <= 1

    @property
    def oee(self) -> int | None:
        """Availability times effectiveness times quality in percent; 0 where nothing good was made in busy time."""
        if not self.one_unit:
            return None
        if not self.produced:
            return percent(0, self.busy_min)
        return percent(self.needed_s * self.good, self.busy_min * 60 * _UNIT * self.produced)


def oee(facts: Facts) -> Findings:
    """Answer `get_oee`: tables `totals` and `periods`.

    Args:
        facts: Rows of read `shifts`; arguments `date_from`, `date_to` (default: the last seven days) and `grain`
            (`shift`, `day`, `week`).

    Returns:
        Per work centre, over the whole window and per period with a shift record: the three factors and their product
        in percent, rounded once at the end, and the elements they are made of. A factor is empty where its denominator
        is 0; quantities, quality and OEE are empty where shifts were counted in different units.

    Raises:
        InvalidArgumentError: `call.invalid_argument`, for a window that is upside down or too wide.
    """
    window = window_of(facts, days=_DEFAULT_DAYS)
    found = [row for row in rows_of(facts, "shifts", ShiftRow) if window.first <= row.shift_date <= window.last]
    cut = _CUTS[str(facts.arguments.get("grain") or "day")]
    totals: list[tuple[RawCell, ...]] = []
    periods: list[tuple[RawCell, ...]] = []
    for (center, site), shifts in sorted(_grouped(found, lambda row: (row.work_center_id, row.site)).items()):
        totals.append((center, site, window.first, window.last, *_figures(elements(shifts))))
        by_period = _grouped(shifts, lambda row: cut(row, window))
        periods += [(center, *period, *_figures(elements(rows))) for period, rows in by_period.items()]
    return Findings(
        tables={"totals": totals, "periods": periods}, complete=not facts.gaps, warnings=_warnings(facts, found)
    )


def elements(shifts: Iterable[ShiftRow]) -> Elements:
    """Add up the elements of shifts."""
    rows = list(shifts)
    return Elements(
        shifts=len(rows),
        busy_min=sum(row.planned_busy_min for row in rows),
        production_min=sum(row.production_min for row in rows),
        needed_s=sum(row.run_s_per_item * row.qty_produced for row in rows),
        produced=sum(row.qty_produced for row in rows),
        good=sum(row.qty_good for row in rows),
        uoms=frozenset(row.uom for row in rows if row.uom),
    )


def _figures(one: Elements) -> tuple[RawCell, ...]:
    single = one.one_unit
    return (
        one.shifts,
        percent(one.production_min, one.busy_min),
        percent(one.needed_s, one.production_min * 60 * _UNIT),
        percent(one.good, one.produced) if single else None,
        one.oee,
        one.busy_min,
        one.production_min,
        quotient(one.needed_s, one.produced) if single else None,
        one.produced if single else None,
        one.good if single else None,
        next(iter(one.uoms), None) if single else None,
    )


def _grouped(rows: Iterable[ShiftRow], key: Callable[[ShiftRow], Key]) -> dict[Key, list[ShiftRow]]:
    groups: defaultdict[Key, list[ShiftRow]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return dict(groups)


def _by_shift(row: ShiftRow, _window: Window) -> Period:
    return Period(row.shift_date, row.shift_date, row.shift)


def _by_day(row: ShiftRow, _window: Window) -> Period:
    return Period(row.shift_date, row.shift_date)


def _by_week(row: ShiftRow, window: Window) -> Period:
    """The calendar week from Monday, as far as it lies in the window."""
    monday = shift(row.shift_date, -date.fromisoformat(row.shift_date).weekday())
    return Period(max(monday, window.first), min(shift(monday, 6), window.last))


_CUTS: Final[dict[str, Callable[[ShiftRow, Window], Period]]] = {"shift": _by_shift, "day": _by_day, "week": _by_week}


def _warnings(facts: Facts, found: Iterable[ShiftRow]) -> tuple[str, ...]:
    rows = list(found)
    asked = facts.arguments.get("work_center_id")
    silent = sorted(set(asked if isinstance(asked, tuple) else ()) - {row.work_center_id for row in rows})
    warnings = [f"No shift record in this window, or none in this role's scope: {', '.join(silent)}."] if silent else []
    by_center = _grouped(rows, lambda row: row.work_center_id)
    mixed = sorted(center for center, shifts in by_center.items() if not elements(shifts).one_unit)
    if mixed:
        warnings.append(f"Counted in several units, so quality and OEE are left out: {', '.join(mixed)}.")
    return tuple(warnings)


ANALYSIS: Final = Analysis(
    name="oee",
    function=oee,
    reads={"shifts": ShiftRow},
    definition_id="oee.1",
    dependences=(Dependence(fields=("shift_record.uom",), tells=("uom", "quality_pct", "oee_pct")),),
)
