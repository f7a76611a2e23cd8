"""`get_capacity_load`: how much work waits at each work centre, week by week, against what it can do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, NamedTuple, cast

from erp_mcp.analyses.figures import hours, percent
from erp_mcp.analyses.plant import rows_of
from erp_mcp.domain.analysis import Ahead, Analysis, Dependence, Facts, Findings, RawCell
from erp_mcp.domain.days import local_day, shift
from erp_mcp.domain.derivation import Derivation, Key, Lookup, Sight, Source, Together, reach_of

_DEFAULT_WEEKS = 4
_NOT_COMPLETED: Final = "COALESCE(row.request_state, 'Waiting') <> 'Completed'"
_OPEN: Final = "row.request_state NOT IN ('Completed', 'Closed', 'Aborted', 'Cancelled')"


class WorkRow(NamedTuple):
    """Operations of unfinished orders that are not completed, of one work centre, start and state.

    `measured` of them say how much is still to do: `work_min` together.
    """

    work_center_id: str
    site: str
    planned_start: str | None
    request_state: str | None
    operations: int
    measured: int | None
    work_min: int | None


class CapacityRow(NamedTuple):
    """What a work centre can do on one day."""

    system: str
    as_of: str
    work_center_id: str
    site: str
    capacity_date: str
    available_min: int


class Week(NamedTuple):
    """A calendar week as far as it lies in the horizon."""

    name: str  # ISO 8601: 2026-W12
    first: str
    last: str


class Work(NamedTuple):
    """Operations on the day their work counts on: that of their planned start, today when that has passed."""

    day: str
    waiting: bool
    overdue: bool
    operations: int
    minutes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Work against capacity in minutes; `None` where nothing tells."""

    work: tuple[Work, ...]
    available: int | None

    @property
    def committed(self) -> int | None:
        """Minutes of work, of the operations that say how much it is."""
        told = [one.minutes for one in self.work if one.minutes is not None]
        return sum(told) if told or not self.work else None

    @property
    def load_pct(self) -> int | None:
        """Work in percent of capacity."""
        if self.committed is None or self.available is None:
            return None
        return percent(self.committed, self.available)

    @property
    def overload(self) -> int | None:
        """Minutes of work that do not fit."""
        if self.committed is None or self.available is None:
            return None
        return max(0, self.committed - self.available)


def capacity_load(facts: Facts) -> Findings:
    """Answer `get_capacity_load`: tables `work_centers` and `weeks`.

    Args:
        facts: Rows of reads `waiting_work` and `capacity`; arguments `work_center_id` (keeps these) and `weeks`
            (1..26): seven days each, from today on.

    Returns:
        Per work centre and calendar week, clipped to the horizon: hours available and committed, load in percent and
        hours above capacity; per work centre the same over the horizon, the week with the highest load, and how many
        operations wait, should have begun, or can't be placed for want of a start or of work. Busiest first.
    """
    asked = facts.arguments.get("weeks")
    horizon = _weeks(facts.today, 7 * (asked if isinstance(asked, int) else _DEFAULT_WEEKS))
    end = horizon[-1].last
    work, loose = _work(facts)
    capacity = _capacity(facts, end)
    centers: list[tuple[RawCell, ...]] = []
    weeks: list[tuple[RawCell, ...]] = []
    for center in sorted({*work, *loose, *capacity}):
        inside = [one for one in work.get(center, ()) if one.day <= end]
        loads = {week: _load(week, inside, capacity.get(center, {})) for week in horizon}
        weeks += [(*center, *week, _operations(load.work), *_figures(load)) for week, load in loads.items()]
        centers.append(_center(center, loads, loose.get(center, 0)))
    centers.sort(key=_busiest)
    return Findings(
        tables={"work_centers": centers, "weeks": weeks},
        complete=not facts.gaps,
        warnings=_warnings(facts, {center for center, _ in (*work, *loose, *capacity)}),
    )


def _weeks(today: str, days: int) -> list[Week]:
    """Cut the days from today on into calendar weeks; the first and the last may be parts of one."""
    found: list[Week] = []
    last_day, first = shift(today, days - 1), today
    while first <= last_day:
        weekday = date.fromisoformat(first)
        year, number, day = weekday.isocalendar()
        last = min(shift(first, 7 - day), last_day)
        found.append(Week(f"{year}-W{number:02}", first, last))
        first = shift(last, 1)
    return found


_Center = tuple[str, str]  # work centre and site


def _work(facts: Facts) -> tuple[dict[_Center, list[Work]], dict[_Center, int]]:
    """Return the work by work centre, and how many operations can't be placed."""
    asked = facts.arguments.get("work_center_id")
    placed: defaultdict[_Center, list[Work]] = defaultdict(list)
    loose: defaultdict[_Center, int] = defaultdict(int)
    for row in rows_of(facts, "waiting_work", WorkRow):
        if isinstance(asked, tuple) and row.work_center_id not in asked:
            continue
        center = (row.work_center_id, row.site)
        loose[center] += row.operations - (row.measured or 0 if row.planned_start else 0)
        if row.planned_start is None:
            continue
        start, waiting = local_day(row.planned_start, facts.zone), row.request_state != "Running"
        placed[center].append(
            Work(
                day=max(start, facts.today),
                waiting=waiting,
                overdue=waiting and start < facts.today,
                operations=row.operations,
                minutes=row.work_min,
            )
        )
    return dict(placed), dict(loose)


def _operations(work: Iterable[Work]) -> int:
    return sum(one.operations for one in work)


def _capacity(facts: Facts, end: str) -> dict[_Center, dict[str, int]]:
    """Return available minutes by work centre and day."""
    found: defaultdict[_Center, dict[str, int]] = defaultdict(dict)
    for row in rows_of(facts, "capacity", CapacityRow):
        if facts.today <= row.capacity_date <= end:
            found[row.work_center_id, row.site][row.capacity_date] = row.available_min
    return dict(found)


def _load(week: Week, work: Iterable[Work], capacity: dict[str, int]) -> Load:
    days = [minutes for day, minutes in capacity.items() if week.first <= day <= week.last]
    return Load(
        work=tuple(one for one in work if week.first <= one.day <= week.last), available=sum(days) if days else None
    )


def _figures(load: Load) -> tuple[RawCell, ...]:
    minutes = (load.available, load.committed, load.overload)
    available, committed, overload = (None if one is None else hours(one) for one in minutes)
    return (available, committed, load.load_pct, overload)


def _center(center: _Center, loads: dict[Week, Load], loose: int) -> tuple[RawCell, ...]:
    work = tuple(one for load in loads.values() for one in load.work)
    known = [load.available for load in loads.values() if load.available is not None]
    whole = Load(work=work, available=sum(known) if known else None)
    overloads = [load.overload for load in loads.values() if load.overload is not None]
    peak = max(loads, key=lambda week: loads[week].load_pct or 0)
    peak_pct = loads[peak].load_pct
    available, committed, load_pct, _ = _figures(whole)
    return (
        *center,
        _operations(one for one in work if one.waiting and not one.overdue),
        _operations(one for one in work if one.overdue),
        loose,
        available,
        committed,
        load_pct,
        hours(sum(overloads)) if overloads else None,
        peak.name if peak_pct else None,
        peak_pct,
    )


def _busiest(row: tuple[RawCell, ...]) -> tuple[int, int, str]:
    load_pct, waiting = row[7], row[2]
    return (
        -(load_pct if isinstance(load_pct, int) else -1),
        -(waiting if isinstance(waiting, int) else 0),
        str(row[0]),
    )


def _warnings(facts: Facts, known: Iterable[str]) -> tuple[str, ...]:
    asked = facts.arguments.get("work_center_id")
    silent = sorted(set(asked if isinstance(asked, tuple) else ()) - set(known))
    if not silent:
        return ()
    return (f"Neither work nor capacity in the data at hand, or none in this role's scope: {', '.join(silent)}.",)


class WorkSum(NamedTuple):
    """What waits at a work centre, as `WorkRow`; empty texts where the operation has no start or no state."""

    work_center_id: str
    site: str
    planned_start: str
    request_state: str
    operations: int
    measured: int
    work_min: int


class _OperationRow(NamedTuple):
    """An operation that is not completed."""

    work_center_id: str | None
    site: str
    planned_start: str | None
    request_state: str | None
    work_min: int | None


class _OrderRow(NamedTuple):
    """An order that is not finished."""

    production_order_id: str


def _waiting(sight: Sight, key: Key) -> Iterator[WorkSum]:
    """Yield what waits of an order, once for each of its rows, as a join gives them."""
    for _ in sight.find("orders", *key):
        for one in cast("Sequence[_OperationRow]", sight.find("operations", *key)):
            measured, minutes = int(one.work_min is not None), one.work_min or 0
            yield WorkSum(
                one.work_center_id or "",
                one.site,
                one.planned_start or "",
                one.request_state or "",
                1,
                measured,
                minutes,
            )


_ORDER: Final = ("production_order_id",)
WAITING_WORK: Final = Derivation(
    name="waiting_work",
    version=2,
    sources=(Source(entity="production_operation", key=_ORDER, where=_NOT_COMPLETED),),
    lookups={
        "operations": Lookup(
            entity="production_operation",
            by=_ORDER,
            row=_OperationRow,
            reach=reach_of(*_ORDER),
            where=f"{_NOT_COMPLETED} AND row.work_center_id IS NOT NULL",
        ),
        "orders": Lookup(entity="production_order", by=_ORDER, row=_OrderRow, reach=reach_of(*_ORDER), where=_OPEN),
    },
    row=WorkSum,
    function=_waiting,
    together=(Together(lookup="orders"), Together(lookup="operations")),
    dated=False,
    sums=("operations", "measured", "work_min"),
)


def _from_sums(facts: Facts) -> Findings:
    """Answer from sums, in the rows of the read."""
    sums = rows_of(facts, WAITING_WORK.name, WorkSum)
    work = tuple(
        WorkRow(
            one.work_center_id, one.site, one.planned_start or None, one.request_state or None, one.operations,
            one.measured, one.work_min if one.measured else None,
        )
        for one in sums
    )  # fmt: skip
    return capacity_load(replace(facts, rows={**facts.rows, "waiting_work": work}))


ANALYSIS: Final = Analysis(
    name="capacity_load",
    function=capacity_load,
    reads={"waiting_work": WorkRow, "capacity": CapacityRow},
    definition_id="capacity_load.1",
    dependences=(
        Dependence(fields=("production_operation.planned_start",), tells=("weeks", "operations_waiting")),
        Dependence(fields=("production_operation.request_state",), tells=("operations_waiting", "operations_overdue")),
        Dependence(fields=("production_operation.work_min",), tells=("committed_h", "load_pct", "overload_h")),
    ),
    ahead=Ahead(derivations=(WAITING_WORK,), function=_from_sums, reads=("capacity",)),
)
