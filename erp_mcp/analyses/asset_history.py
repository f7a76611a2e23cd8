"""`get_asset_history`: how often an asset failed, how long repairs took, and whether preventive work came in time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from erp_mcp.analyses.dependences import ASSET_HISTORY
from erp_mcp.analyses.figures import percent, quotient
from erp_mcp.analyses.plant import rows_of
from erp_mcp.domain.analysis import Analysis, Facts, Findings, RawCell
from erp_mcp.domain.days import local_day
from erp_mcp.errors import InvalidArgumentError

_DEFAULT_DAYS: Final = 90
_HOUR_S: Final = 3_600
# Figures that are wrong, and not merely left empty, for want of a field.
_FIGURED: Final = frozenset({"failures", "mtbf_h", "mttr_h", "pm_compliance_pct", "unplanned_stops"})


class WorkRow(NamedTuple):
    """A maintenance order with when it was planned and done."""

    maintenance_order_id: str
    site: str
    asset_id: str | None
    work_center_id: str | None
    order_type: str | None
    priority: str | None
    order_state: str
    planned_start: str | None
    planned_finish: str | None
    actual_start: str | None
    actual_finish: str | None
    description: str | None


class StopRow(NamedTuple):
    """A time in which a work centre could not work; without an end it still can't."""

    work_center_id: str
    started_at: str
    ended_at: str | None
    planned: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The time looked back on, from `start` to `end` (now). Dates are the plant's; `today` itself is not over yet."""

    start: datetime
    end: datetime
    first: str
    today: str

    def inside(self, instant: str | None) -> bool:
        """Return whether something happened in the period."""
        return instant is not None and self.start <= datetime.fromisoformat(instant) <= self.end

    def seconds(self, began: str | None, ended: str | None) -> int:
        """Return how much of a time lies in the period; without an end it lasts until now, without a start it is 0."""
        if began is None:
            return 0
        last = min(datetime.fromisoformat(ended), self.end) if ended else self.end
        return max(0, int((last - max(datetime.fromisoformat(began), self.start)).total_seconds()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A maintenance order and what it says of time: `on_time` is `None` where nothing says."""

    row: WorkRow
    began: bool  # in the period
    duration_s: int | None
    due: bool  # preventive work that should have been done in the period by now
    on_time: bool | None

    @property
    def repair(self) -> bool:
        """Whether something had failed."""
        return self.row.order_type == "repair"


def asset_history(facts: Facts) -> Findings:
    """Answer `get_asset_history`: tables `figures` and `events`.

    Args:
        facts: Rows of `READS`; arguments `asset_id`, `work_center_id` (one of them is needed) and `window_days`
            (1..730).

    Returns:
        Figures per asset and work centre over the window, which ends now, and the maintenance orders behind them. Hours
        and percent are rounded once, at the end.

    Raises:
        InvalidArgumentError: `call.invalid_argument`, when neither asset nor work centre is named.
    """
    if not (facts.arguments.get("asset_id") or facts.arguments.get("work_center_id")):
        raise InvalidArgumentError(argument="asset_id", rule="required", expected="asset_id or work_center_id")
    period = _period(facts)
    groups: defaultdict[tuple[str, str, str], list[Work]] = defaultdict(list)
    for row in rows_of(facts, "orders", WorkRow):
        groups[row.asset_id or "", row.work_center_id or "", row.site].append(_work(facts, period, row))
    stops = _stops(facts, period)
    found = [one for ones in groups.values() for one in ones]
    untold = {told for gap in facts.gaps if gap.field for told in gap.affects}
    return Findings(
        tables={
            "figures": [_figures(facts, period, *one, stops) for one in sorted(groups.items())],
            "events": [_event(one) for one in found if _happened(period, one)],
        },
        complete=not facts.missing and not untold & _FIGURED,
        warnings=_warnings(found),
    )


def _period(facts: Facts) -> Period:
    days = facts.arguments.get("window_days")
    end = datetime.fromisoformat(facts.now)
    start = end - timedelta(days=days if isinstance(days, int) else _DEFAULT_DAYS)
    first = local_day(start.strftime("%Y-%m-%dT%H:%M:%SZ"), facts.zone)
    return Period(start=start, end=end, first=first, today=facts.today)


def _work(facts: Facts, period: Period, row: WorkRow) -> Work:
    planned = row.planned_finish
    due = row.order_type == "preventive" and planned is not None and period.first <= planned < period.today
    on_time: bool | None = None
    if due and row.actual_finish and planned:
        on_time = local_day(row.actual_finish, facts.zone) <= planned
    elif due and row.order_state != "completed":
        on_time = False
    duration = None
    if row.actual_start and row.actual_finish:
        ended, began = datetime.fromisoformat(row.actual_finish), datetime.fromisoformat(row.actual_start)
        duration = int((ended - began).total_seconds())
    return Work(row=row, began=period.inside(row.actual_start), duration_s=duration, due=due, on_time=on_time)


def _happened(period: Period, one: Work) -> bool:
    """Return whether an order tells of the period: it was planned, began or ended in it, or is under way."""
    row = one.row
    planned = any(
        day is not None and period.first <= day < period.today for day in (row.planned_start, row.planned_finish)
    )
    return planned or one.began or period.inside(row.actual_finish) or row.order_state == "in_process"


def _stops(facts: Facts, period: Period) -> Mapping[str, list[StopRow]] | None:
    """Return the unplanned stops of the period by work centre; `None` when nothing tells of stops."""
    if "downtime" in facts.missing or "downtime.planned" in facts.lacking:
        return None
    found: defaultdict[str, list[StopRow]] = defaultdict(list)
    for row in rows_of(facts, "stops", StopRow):
        if not row.planned and period.inside(row.started_at):
            found[row.work_center_id].append(row)
    return found


def _figures(
    facts: Facts,
    period: Period,
    about: tuple[str, str, str],
    work: list[Work],
    stops: Mapping[str, list[StopRow]] | None,
) -> tuple[RawCell, ...]:
    asset, center, site = about
    told = not {"maintenance_order.actual_start", "maintenance_order.order_type"} & facts.lacking
    stopped = stops.get(center, []) if stops is not None else None
    return (
        asset or None,
        center or None,
        site,
        period.first,
        period.today,
        *(_failures(period, work) if told else (None,) * 3),
        *_preventive(facts, work),
        len(stopped) if stopped is not None else None,
        _minutes(period, stopped) if stopped is not None else None,
    )


def _failures(period: Period, work: Iterable[Work]) -> tuple[RawCell, ...]:
    """Failures, hours between them (time of the window without repairs), and hours to repair one."""
    repairs = [one for one in work if one.repair]
    down_s = sum(period.seconds(one.row.actual_start, one.row.actual_finish) for one in repairs)
    failures = sum(one.began for one in repairs)
    ended = [one.duration_s for one in repairs if one.began and one.duration_s is not None]
    whole_s = int((period.end - period.start).total_seconds())
    between = quotient(max(0, whole_s - down_s), failures * _HOUR_S)
    return failures, between, quotient(sum(ended), len(ended) * _HOUR_S)


def _preventive(facts: Facts, work: Iterable[Work]) -> tuple[RawCell, ...]:
    """Preventive orders that were due and are judged, how many were done in time, and the share in percent."""
    needed = {"maintenance_order.actual_finish", "maintenance_order.planned_finish", "maintenance_order.order_type"}
    if needed & facts.lacking:
        return None, None, None
    judged = [one.on_time for one in work if one.on_time is not None]
    return len(judged), sum(judged), percent(sum(judged), len(judged))


def _minutes(period: Period, stops: Iterable[StopRow]) -> int:
    return sum(period.seconds(one.started_at, one.ended_at) for one in stops) // 60


def _event(one: Work) -> tuple[RawCell, ...]:
    row = one.row
    hours = None if one.duration_s is None else quotient(one.duration_s, _HOUR_S)
    return (
        row.maintenance_order_id,
        row.asset_id,
        row.work_center_id,
        row.order_type,
        row.priority,
        row.order_state,
        row.planned_start,
        row.planned_finish,
        row.actual_start,
        row.actual_finish,
        hours,
        one.on_time,
        row.description,
    )


def _warnings(work: list[Work]) -> tuple[str, ...]:
    if not work:
        return ("No maintenance order of such an asset in the data at hand, or none in this role's scope.",)
    undated = sum(one.repair and one.row.actual_start is None and one.row.order_state != "open" for one in work)
    unjudged = sum(one.due and one.on_time is None for one in work)
    return (
        *((f"{undated} repairs without an actual start are not counted as failures.",) if undated else ()),
        *((f"{unjudged} preventive orders are done, nobody says when; they are not counted.",) if unjudged else ()),
    )


READS: Final[Mapping[str, type[NamedTuple]]] = {"orders": WorkRow, "stops": StopRow}
ANALYSIS: Final = Analysis(
    name="asset_history",
    function=asset_history,
    reads=READS,
    definition_id="asset_history.1",
    dependences=ASSET_HISTORY,
)
