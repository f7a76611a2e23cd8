"""`planned_order.confirm`: a planned order made firm, or made an order that somebody still has to release."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from erp_mcp.commands import plan_load, rows, rows_planning, sources, told
from erp_mcp.commands.plan_load import Plan
from erp_mcp.commands.units import units_of
from erp_mcp.commands.verdicts import (
    flag,
    known,
    live_record,
    need,
    ok,
    refuse,
    refused,
    rows_of,
    stale_checks,
    text_argument,
)
from erp_mcp.domain.entities.inventory import Material
from erp_mcp.domain.entities.planning import PlannedOrder
from erp_mcp.domain.operation import CommandFacts, Draft, Operation
from erp_mcp.domain.proposal import Change, Check
from erp_mcp.domain.value import money_text, quantity_text
from erp_mcp.errors import RuleNotEvaluableError

FIRM: Final = "firm"
CONVERT: Final = "convert"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """The planned order as its system has it now, and what is to become of it."""

    facts: CommandFacts
    row: rows_planning.PlannedRow
    live: PlannedOrder
    action: str

    @property
    def made(self) -> bool:
        """Whether it is made here."""
        return self.live.procurement == "make"

    @property
    def start(self) -> str:
        """The day on which it starts, or is to be ordered."""
        return self.live.planned_start or ""

    @property
    def finish(self) -> str:
        """The day on which it is there."""
        return self.live.planned_finish or ""

    @property
    def plan(self) -> Plan:
        """What is to be made, when."""
        return Plan(facts=self.facts, qty=self.live.qty, start=self.start, finish=self.finish)

    @property
    def becomes(self) -> str:
        """What it becomes by converting."""
        return "production order" if self.made else "purchase requisition"


def confirm(facts: CommandFacts) -> Draft:
    """Work out what becomes of one planned order.

    Raises:
        RuleRefusedError: `rule.refused`, where there is no such planned order.
        RuleNotEvaluableError: `rule.not_evaluable`, where a rule lacks its facts.
    """
    case = _case(facts)
    number, what = (
        case.row.planned_order_id,
        f"{quantity_text(case.live.qty)} {case.live.uom} of {case.row.material_id}",
    )
    checks = [*_checks(case)]
    broken = any(one.verdict == "refuse" for one in checks)
    value, currency = (None, "") if broken or case.made or case.action == FIRM else _value(case)
    if not broken and case.action == CONVERT and value is None:
        checks.append(flag("R-VALUE", "What it is worth is not known here."))
    head = f"Make planned order {number} firm: {what}"
    if case.action == CONVERT:
        head = f"Convert planned order {number} into a {case.becomes} of {what}"
    return Draft(
        system=case.row.system,
        key=case.row.source_key,
        version_token=case.live.version_token,
        fields={"planned_order_id": number, "action": case.action},
        document=number,
        headline=f"{head} by {case.finish}",
        changes=tuple(_changes(case)),
        checks=(*checks, *stale_checks(facts)),
        effects=() if broken else tuple(_effects(case)),
        amounts={
            "material_id": case.row.material_id,
            "site": case.live.site,
            **({} if value is None else {"value": money_text(value), "currency": currency}),
        },
    )


def _case(facts: CommandFacts) -> _Case:
    number = text_argument(facts, "planned_order_id")
    found = [one for one in rows_of(facts, "planned", rows_planning.PlannedRow) if one.planned_order_id == number]
    if not found:
        message = f"There is no planned order {number}; use an id of list_planned_orders."
        raise refused("R-PLANNED-ORDER", message, planned_order_id=number)
    if len(found) > 1:
        raise RuleNotEvaluableError(rule="R-PLANNED-ORDER", missing="one system that has it")
    live = live_record(facts, "planned", found[0].system, found[0].source_key, PlannedOrder)
    if live.procurement not in ("make", "buy"):
        raise RuleNotEvaluableError(rule="R-PLANNED-ORDER", missing="whether it is made or bought")
    if not live.planned_start or not live.planned_finish:
        raise RuleNotEvaluableError(rule="R-DATE", missing="dates of the planned order")
    return _Case(facts=facts, row=found[0], live=live, action=text_argument(facts, "action"))


# --- Rules ------------------------------------------------------------------------------------------------------------


def _checks(case: _Case) -> Iterator[Check]:
    yield _state(case)
    yield _material(case)
    yield _date(case)
    if case.made:
        yield _bill(case)
        yield _routing(case)
        yield plan_load.capacity(case.plan)
        yield plan_load.components(case.plan)
    else:
        yield _source(case)


def _state(case: _Case) -> Check:
    if case.action == FIRM and case.live.firm is None:
        raise RuleNotEvaluableError(rule="R-FIRM", missing="whether it is firm")
    if case.action == FIRM and case.live.firm:
        return refuse("R-FIRM", "It is firm already; there is nothing to change, converting it may pass.")
    if case.action == FIRM:
        return ok("R-FIRM", "It is not firm yet.")
    if case.live.convertible is None:
        raise RuleNotEvaluableError(rule="R-CONVERTIBLE", missing="whether it may become an order")
    if not case.live.convertible:
        message = "Its system does not let it become an order now; one that is convertible would pass."
        return refuse("R-CONVERTIBLE", message, firm=int(bool(case.live.firm)))
    return ok("R-CONVERTIBLE", "Its system lets it become an order now.")


def _material(case: _Case) -> Check:
    found = [
        one
        for one in rows_of(case.facts, "materials", rows.MaterialRow)
        if (one.system, one.material_id) == (case.row.system, case.row.material_id)
    ]
    if not found:
        raise RuleNotEvaluableError(rule="R-MATERIAL-STATUS", missing="the material")
    status = live_record(case.facts, "materials", found[0].system, found[0].source_key, Material).status
    if not status:
        raise RuleNotEvaluableError(rule="R-MATERIAL-STATUS", missing="status of the material")
    if status != "active":
        message = "The material is not active in its system; a planned order for one that is would pass."
        return refuse("R-MATERIAL-STATUS", message, status=known(status, "blocked", "discontinued"))
    return ok("R-MATERIAL-STATUS", "The material is active in its system at this moment.")


def _date(case: _Case) -> Check:
    today = case.facts.today
    if case.finish < today or (case.made and case.start < today):
        message = f"Its dates have passed; one that starts on {today} or later would pass: plan it again first."
        return refuse("R-DATE", message, earliest=today)
    if case.start < today:
        message = "It should have been ordered before today: whether its finish can be met is not known."
        return flag("R-DATE", message, planned_start=case.start)
    return ok("R-DATE", "Its dates have not passed.")


def _bill(case: _Case) -> Check:
    need(case.facts, "R-BOM", "bill")
    if not case.plan.bill:
        message = f"No bill of material is valid on {case.start}; one that is would pass, see get_bom."
        return refuse("R-BOM", message, date=case.start)
    return ok(
        "R-BOM", f"A bill of material is valid on {case.start}: {told.counted(len(case.plan.bill), 'component')}."
    )


def _routing(case: _Case) -> Check:
    need(case.facts, "R-ROUTING", "routing")
    steps = rows_of(case.facts, "routing", rows_planning.RoutingRow)
    if not steps:
        return refuse("R-ROUTING", "No routing says how it is made at this site; one that does would pass.")
    return ok("R-ROUTING", f"A routing says how it is made: {told.counted(len(steps), 'operation')}.")


def _source(case: _Case) -> Check:
    need(case.facts, "R-SOURCE", "sources", "suppliers")
    best = _best(case)
    if best is None:
        return flag("R-SOURCE", "No usable source of supply is known, so neither price nor lead time is.")
    return ok("R-SOURCE", f"Supplier {best.supplier_id} is an approved source.", supplier_id=best.supplier_id)


def _best(case: _Case) -> rows.SourceRow | None:
    found = rows_of(case.facts, "sources", rows.SourceRow)
    blocked = {one.supplier_id: bool(one.blocked) for one in rows_of(case.facts, "suppliers", rows.SupplierRow)}
    return sources.best(found, blocked, case.facts.today)


def _value(case: _Case) -> tuple[int | None, str]:
    best = _best(case)
    units = units_of(case.live.uom, rows_of(case.facts, "units", rows.UnitRow))
    value = sources.value_of(best, case.live.qty, case.live.uom, units)
    return value, (best.currency or "") if best else ""


# --- What follows -----------------------------------------------------------------------------------------------------


def _changes(case: _Case) -> Iterator[Change]:
    if case.action == FIRM:
        yield Change(field="firm", before="false", after="true")
        return
    number, live = case.row.planned_order_id, case.live
    yield Change(field="planned_order_id", before=number, after="")
    after = "Waiting" if case.made else "waiting"
    yield Change(field="request_state" if case.made else "release_state", before="", after=after)
    yield Change(field="material_id", before="", after=case.row.material_id)
    yield Change(field="site", before="", after=case.row.site)
    yield Change(field="qty", before="", after=quantity_text(live.qty), unit=live.uom)
    if case.made:
        yield Change(field="planned_start", before="", after=case.start)
    yield Change(field="planned_finish" if case.made else "delivery_date", before="", after=case.finish)


def _effects(case: _Case) -> Iterator[str]:
    if case.made:
        yield from plan_load.short_components(case.plan)
    if case.action == FIRM:
        yield "Planning does not move or delete it any more until somebody takes the mark out."
        yield "Undo: a planner takes the mark out in its system."
        return
    if case.made:
        yield "The production order stays created: nothing is released to the floor, reserved or issued by it."
        yield "Undo: delete the production order in its system as long as it is created; planning proposes it again."
    else:
        yield "The requisition waits for its release: nothing is ordered by it and no supplier is told."
        yield "Undo: close the requisition in its system, as long as it has not become an order."
    yield "Messages of the last planning run name the planned order until the next run."


OPERATION: Final = Operation(
    name="planned_order.confirm",
    entity="planned_order",
    function=confirm,
    reads={
        "planned": rows_planning.PlannedRow,
        "materials": rows.MaterialRow,
        "units": rows.UnitRow,
        "bill": rows_planning.BomRow,
        "routing": rows_planning.RoutingRow,
        "work": rows_planning.CenterWorkRow,
        "capacity": rows_planning.CenterDayRow,
        "component_stock": rows_planning.AmountRow,
        "component_held": rows_planning.AmountRow,
        "sources": rows.SourceRow,
        "suppliers": rows.SupplierRow,
    },
    live=("planned", "materials"),
    irreversible="The mark or the order that came of it is taken away by a planner in the system.",
)
