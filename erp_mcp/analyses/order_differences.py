"""`compare_order_erp_mes`: where the ERP's orders and the shop floor's jobs say different things, and why they may."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import tzinfo
from functools import partial
from typing import Final, NamedTuple

from erp_mcp.analyses.plant import FINISHED, rows_of
from erp_mcp.analyses.rows import WorkCenterRow
from erp_mcp.analyses.sides import unread_sides
from erp_mcp.domain.analysis import Analysis, Dependence, Facts, Findings, RawCell, RawRow, RowsOnDemand
from erp_mcp.domain.days import local_day
from erp_mcp.domain.value import quantity_text

_EXPLAINED: Final = frozenset({"in_progress", "moved_to_alternative"})
_Told = tuple[RawRow, Callable[[], RawRow]]  # what a row is ordered by, and what makes it
_PROGRESS: Final = {"Running": 1, "Held": 1, "Paused": 1, "Completed": 2, "Closed": 2}  # all else has not begun


class FloorJobRow(NamedTuple):
    """A job as the shop floor reports it."""

    system: str
    as_of: str
    job_id: str
    production_order_id: str
    operation_id: str | None
    site: str
    work_center_id: str
    material_id: str | None
    response_state: str
    expected_finish: str | None
    qty_good: int | None
    qty_scrap: int | None
    uom: str | None


class ErpOrderRow(NamedTuple):
    """A production order as the ERP has it."""

    system: str
    as_of: str
    production_order_id: str
    site: str
    material_id: str
    uom: str
    scheduled_finish: str | None
    planned_finish: str | None
    request_state: str


class ErpOperationRow(NamedTuple):
    """A step of a production order as the ERP has it."""

    system: str
    as_of: str
    production_order_id: str
    operation_id: str
    site: str
    work_center_id: str
    request_state: str | None


class ConfirmedRow(NamedTuple):
    """What was confirmed to the ERP for a step."""

    system: str
    as_of: str
    production_order_id: str
    operation_id: str | None
    site: str
    qty_yield: int
    qty_scrap: int | None


class Difference(NamedTuple):
    """One field that the two sides tell differently; an empty value is none."""

    field: str
    erp: str
    mes: str
    cause: str
    uom: str | None = None


class Pair(NamedTuple):
    """A job beside what the ERP has for it; `confirmed` is yield and scrap of its step, `None` where nobody tells."""

    job: FloorJobRow
    order: ErpOrderRow
    operation: ErpOperationRow | None
    confirmed: tuple[int, int] | None


def order_differences(facts: Facts) -> Findings:
    """Answer `compare_order_erp_mes`: tables `differences` and `compared`.

    Args:
        facts: Rows of reads `jobs`, `running`, `orders`, `operations`, `confirmations` and `work_centers`; arguments
            `finish_from` and `finish_to` keep orders by their planned finish, `unexplained_only` what no usual cause
            explains.

    Returns:
        One row per job and field that both sides tell differently: `state`, `work_center`, `material`, `qty_good`,
        `qty_scrap`, `finish` (only where the floor is later than the schedule), `order` (the ERP has none) and `job`
        (the floor has none for a step that runs), with a likely cause and whether that explains it: a step in progress
        is not confirmed yet, work went to the alternative. And how much was compared. Nothing where a side was never
        read: what is not known is not missing there.
    """
    if unread := unread_sides(facts, erp="production_order", floor="job"):
        return Findings(tables={"differences": [], "compared": []}, complete=False, warnings=unread)
    orders = {one.production_order_id: one for one in rows_of(facts, "orders", ErpOrderRow)}
    operations = _by_step(facts, "operations")
    windowed = any(facts.arguments.get(name) for name in ("finish_from", "finish_to"))
    wanted = {order_id for order_id, order in orders.items() if not windowed or _in_window(facts, order)}
    confirmed = _confirmed(facts)
    jobs = rows_of(facts, "jobs", FloorJobRow)
    centers = rows_of(facts, "work_centers", WorkCenterRow)
    alternatives = {one.work_center_id: one.alternative_id for one in centers}
    table: list[_Told] = []
    compared = [job for job in jobs if job.production_order_id in wanted]
    for job in compared:
        key = (job.production_order_id, job.operation_id or "")
        told = confirmed.get(key, (0, 0)) if confirmed is not None and job.operation_id else None
        pair = Pair(job, orders[key[0]], operations.get(key), told)
        table += [(_order(job, one), partial(_row, pair, one)) for one in _differences(pair, alternatives, facts.zone)]
    if not windowed:
        table += [_unknown_order(job) for job in jobs if job.production_order_id not in orders]
    table += [
        _missing_job(orders[one.production_order_id], one) for one in _alone(_by_step(facts, "running"), wanted, jobs)
    ]
    unexplained = [told for told in table if not told[0][0]]
    seen = {job.production_order_id for job in compared}
    totals: list[tuple[RawCell, ...]] = []
    if jobs or wanted:
        totals.append((len(seen), len(compared), len(table), len(unexplained)))
    shown = unexplained if facts.arguments.get("unexplained_only") else table
    warnings = () if totals else ("Nothing to compare in the data at hand, or nothing in this role's scope.",)
    found = RowsOnDemand(order=[told[0] for told in shown], make=lambda place: shown[place][1]())
    return Findings(tables={"differences": found, "compared": totals}, complete=not facts.gaps, warnings=warnings)


def _order(job: FloorJobRow, one: Difference) -> RawRow:
    """Explained, order, step, job and field."""
    return (one.cause in _EXPLAINED, job.production_order_id, job.operation_id, job.job_id, one.field)


def _by_step(facts: Facts, read: str) -> dict[tuple[str, str], ErpOperationRow]:
    return {(one.production_order_id, one.operation_id): one for one in rows_of(facts, read, ErpOperationRow)}


def _confirmed(facts: Facts) -> dict[tuple[str, str], tuple[int, int]] | None:
    """Return yield and scrap confirmed by order and step, `None` where no system gives confirmations."""
    if "production_confirmation" in facts.missing:
        return None
    sums: defaultdict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in rows_of(facts, "confirmations", ConfirmedRow):
        key = (row.production_order_id, row.operation_id or "")
        good, scrap = sums[key]
        sums[key] = (good + row.qty_yield, scrap + (row.qty_scrap or 0))
    return dict(sums)


def _in_window(facts: Facts, order: ErpOrderRow) -> bool:
    first, last = facts.arguments.get("finish_from"), facts.arguments.get("finish_to")
    finish = order.planned_finish or ""
    return (not isinstance(first, str) or finish >= first) and (not isinstance(last, str) or finish <= last)


def _alone(
    operations: dict[tuple[str, str], ErpOperationRow], wanted: set[str], jobs: Iterable[FloorJobRow]
) -> list[ErpOperationRow]:
    """Return the steps that run in the ERP and that no job of the floor is for."""
    on_floor = {(job.production_order_id, job.operation_id or "") for job in jobs}
    whole = {order for order, step in on_floor if not step}
    return [
        one
        for key, one in sorted(operations.items())
        if one.request_state == "Running" and key[0] in wanted and key[0] not in whole and key not in on_floor
    ]


def _differences(pair: Pair, alternatives: Mapping[str, str | None], zone: tzinfo) -> Iterable[Difference]:
    yield from _state(pair)
    yield from _place(pair, alternatives)
    yield from _quantities(pair)
    job, order = pair.job, pair.order
    if job.material_id and job.material_id != order.material_id:
        yield Difference("material", order.material_id, job.material_id, "other_material")
    scheduled = order.scheduled_finish or order.planned_finish
    expected = local_day(job.expected_finish or "", zone)
    if scheduled and expected > scheduled:
        yield Difference("finish", scheduled, expected, "late_on_the_floor")


def _state(pair: Pair) -> Iterable[Difference]:
    """The step's state where it is known, else the order's; what counts is begun or done, not the word."""
    job, order = pair.job, pair.order
    erp = (pair.operation.request_state if pair.operation else None) or order.request_state
    if order.request_state in FINISHED and job.response_state not in FINISHED:
        yield Difference("state", order.request_state, job.response_state, "order_finished_in_erp")
    elif order.request_state == "Held" and job.response_state == "Running":
        yield Difference("state", order.request_state, job.response_state, "runs_while_held")
    elif _PROGRESS.get(job.response_state, 0) > _PROGRESS.get(erp, 0):
        yield Difference("state", erp, job.response_state, "not_confirmed_yet")
    elif _PROGRESS.get(job.response_state, 0) < _PROGRESS.get(erp, 0):
        yield Difference("state", erp, job.response_state, "confirmed_ahead")


def _place(pair: Pair, alternatives: Mapping[str, str | None]) -> Iterable[Difference]:
    planned, works = pair.operation.work_center_id if pair.operation else "", pair.job.work_center_id
    if planned and planned != works:
        cause = "moved_to_alternative" if alternatives.get(planned) == works else "moved"
        yield Difference("work_center", planned, works, cause)


def _quantities(pair: Pair) -> Iterable[Difference]:
    """Compared in one unit only; another one is left to whoever converts it."""
    job = pair.job
    counted = (job.qty_good, job.qty_scrap)
    if pair.confirmed is None or pair.confirmed == counted or (job.uom or pair.order.uom) != pair.order.uom:
        return
    for name, erp, mes in zip(("qty_good", "qty_scrap"), pair.confirmed, counted, strict=True):
        if mes is not None and mes != erp:
            cause = _quantity_cause(job, erp, mes, same_sum=sum(pair.confirmed) == sum(one or 0 for one in counted))
            yield Difference(name, quantity_text(erp), quantity_text(mes), cause, pair.order.uom)


def _quantity_cause(job: FloorJobRow, erp: int, mes: int, *, same_sum: bool) -> str:
    if same_sum:
        return "counted_differently"  # good on one side, scrap on the other
    if mes > erp:
        return "not_confirmed_yet" if job.response_state in FINISHED else "in_progress"
    return "confirmed_ahead"


def _row(pair: Pair, one: Difference) -> tuple[RawCell, ...]:
    job, erp = pair.job, pair.operation or pair.order
    names = (job.production_order_id, job.operation_id, job.job_id, job.site)
    explained = one.cause in _EXPLAINED
    return (*names, one.field, one.erp, one.mes, one.uom, one.cause, explained, erp.as_of, job.as_of)


def _unknown_order(job: FloorJobRow) -> _Told:
    names = (job.production_order_id, job.operation_id, job.job_id, job.site)
    row = (*names, "order", None, job.production_order_id, None, "order_not_found", False, None, job.as_of)
    return (False, *names[:3], "order"), lambda: row


def _missing_job(order: ErpOrderRow, operation: ErpOperationRow) -> _Told:
    names = (order.production_order_id, operation.operation_id, None, order.site)
    row = (*names, "job", operation.request_state, None, None, "no_job_on_the_floor", False, operation.as_of, None)
    return (False, *names[:3], "job"), lambda: row


ANALYSIS: Final = Analysis(
    name="order_differences",
    function=order_differences,
    timed=False,
    reads={
        "jobs": FloorJobRow,
        "orders": ErpOrderRow,
        "running": ErpOperationRow,
        "operations": ErpOperationRow,
        "confirmations": ConfirmedRow,
        "work_centers": WorkCenterRow,
    },
    definition_id="order_differences.1",
    dependences=(
        Dependence(fields=("job.operation_id",), tells=("state", "work_center", "qty_good", "qty_scrap", "job")),
        Dependence(fields=("job.material_id",), tells=("material",)),
        Dependence(fields=("job.expected_finish",), tells=("finish",)),
        Dependence(fields=("production_order.scheduled_finish", "production_order.planned_finish"), tells=("finish",)),
        Dependence(fields=("production_order.planned_finish",), tells=("finish_from", "finish_to")),
        Dependence(fields=("production_operation.request_state",), tells=("state", "job")),
        Dependence(fields=("job.qty_good",), tells=("qty_good",)),
        Dependence(fields=("job.qty_scrap",), tells=("qty_scrap",)),
        Dependence(fields=("job.uom",), tells=("qty_good", "qty_scrap")),
        Dependence(fields=("production_confirmation.operation_id",), tells=("qty_good", "qty_scrap")),
        Dependence(fields=("production_confirmation.qty_scrap",), tells=("qty_scrap",)),
        Dependence(fields=("work_center.alternative_id",), tells=("likely_cause",)),
    ),
)
