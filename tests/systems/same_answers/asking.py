"""The same calls of every deployment: what the questions of people ask, and each read tool with several arguments."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mcp import Client, StdioServerParameters

from tests.questions.answering import ANSWERS, Answer
from tests.questions.desk import Desk, RefusedError
from tests.questions.scoring import Truth, questions
from tests.systems.same_answers.subjects import subjects, suppositions

AGENT: Final = "planner"
NOT_KEPT: Final = "answer.field_not_kept"
"""Refused since the systems keep no field that could decide it: alike where both do, and known to be so."""
_ASIDE: Final = frozenset({"call_id", "sources", "next_cursor"})  # numbers, ages and names of systems

# Each read tool with arguments, beside what the questions ask; {braces} are filled from the plant's truth.
TOOLS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("get_plant_briefing", {}),
    ("get_plant_briefing", {"site": "1000"}),
    ("get_plant_briefing", {"site": "2000"}),
    ("list_sales_orders", {}),
    ("list_sales_orders", {"late_only": True}),
    ("list_sales_orders", {"status": ["open", "closed", "cancelled"], "site": "2000"}),
    ("list_sales_orders", {"blocked_only": True}),
    ("list_purchase_orders", {}),
    ("list_purchase_orders", {"status": ["open", "closed", "cancelled"], "site": "1000"}),
    ("list_purchase_orders", {"promise_moved_only": True}),
    ("list_purchase_orders", {"unconfirmed_only": True}),
    ("list_purchase_orders", {"overdue_only": True}),
    ("rank_expedite_candidates", {}),
    ("rank_expedite_candidates", {"impact": "harmless"}),
    ("get_stock", {}),
    ("get_stock", {"by_lot": True}),
    ("list_production_orders", {}),
    ("list_production_orders", {"request_state": ["Completed", "Closed", "Cancelled"], "site": "1000"}),
    ("list_production_orders", {"late_only": True}),
    ("list_wip_jobs", {}),
    ("list_hold_lots", {}),
    ("list_hold_lots", {"site": "1000"}),
    ("list_deliveries", {}),
    ("list_deliveries", {"overdue_only": True}),
    ("list_deliveries", {"status": ["shipped", "delivered"], "ship_from": "2026-03-01", "ship_to": "2026-03-16"}),
    ("list_customer_returns", {}),
    ("list_customer_returns", {"status": ["open", "received", "closed"], "site": "1000"}),
    ("list_purchase_requisitions", {}),
    ("list_purchase_requisitions", {"release_state": "waiting", "age_min_days": 7}),
    ("list_purchase_requisitions", {"unassigned_only": True, "status": ["open", "converted", "closed"]}),
    ("list_match_exceptions", {}),
    ("list_match_exceptions", {"status": ["parked", "posted", "paid"], "kind": ["qty", "no_receipt", "duplicate"]}),
    ("get_supplier_scorecard", {"top_n": 5}),
    ("get_supplier_scorecard", {"window_days": 90, "site": "1000"}),
    ("get_budget_status", {}),
    ("get_budget_status", {"overspent_only": True}),
    ("find_slow_stock", {}),
    ("find_slow_stock", {"reason": ["expired", "expiring"], "site": "1000"}),
    ("compare_stock_erp_mes", {}),
    ("compare_stock_erp_mes", {"unexplained_only": True, "site": "1000"}),
    ("list_goods_movements", {"window_days": 3}),
    ("list_goods_movements", {"movement_code": ["scrap", "customer_return"], "site": "1000"}),
    ("list_reservations", {"site": "1000", "need_to": "2026-03-23"}),
    ("list_shortages", {"horizon_days": 14}),
    ("list_shortages", {"site": "1000", "procurement": "buy"}),
    ("list_mrp_exceptions", {"severity": ["high"]}),
    ("list_mrp_exceptions", {"exception_code": ["reschedule_in", "overdue"], "site": "1000"}),
    ("list_planned_orders", {"procurement": "buy", "site": "1000"}),
    ("list_planned_orders", {"convertible_only": True, "start_to": "2026-03-29"}),
    ("get_capacity_load", {"weeks": 2}),
    ("get_capacity_load", {"site": "1000", "weeks": 4}),
    ("compare_order_erp_mes", {}),
    ("compare_order_erp_mes", {"site": "1000", "unexplained_only": True}),
    ("get_wip_ageing", {}),
    ("get_wip_ageing", {"site": "1000", "buckets_h": ["24", "72"]}),
    ("get_oee", {"site": "1000", "date_from": "2026-03-09", "date_to": "2026-03-15"}),
    ("get_oee", {"grain": "week", "date_from": "2026-03-02", "date_to": "2026-03-15"}),
    ("get_downtime_pareto", {}),
    ("get_downtime_pareto", {"site": "1000", "kind": "unplanned", "date_from": "2026-02-16"}),
    ("list_maintenance_orders", {}),
    ("list_maintenance_orders", {"order_type": ["preventive"], "overdue_only": True}),
    ("list_maintenance_orders", {"status": ["open", "in_process", "completed"], "site": "1000"}),
    ("list_quality_notifications", {}),
    ("list_quality_notifications", {"status": ["open", "in_process", "closed"], "hold_only": True}),
    ("list_inspection_lots", {}),
    ("list_inspection_lots", {"status": ["open", "in_process", "closed"], "origin": ["return"]}),
    ("list_inspection_lots", {"overdue_only": True, "site": "1000"}),
)
# And these for each of several subjects: a name of `subjects` is filled in for the argument before its colon.
EACH: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("explain_late_order", "sales_order_id", {}),
    ("get_sales_order", "sales_order_id", {}),
    ("find_order", "reference", {}),
    ("get_shortages_for_order", "production_order_id", {"all_components": True}),
    ("get_supply_demand", "material_id", {}),
    ("get_stock", "material_id", {}),
    ("list_sales_orders", "customer_id", {"status": ["open", "closed", "cancelled"]}),
    ("list_purchase_orders", "supplier_id", {"status": ["open", "closed", "cancelled"]}),
    ("get_order_status_timeline", "sales_order_id:some", {}),
    ("get_purchase_order", "purchase_order_id:some", {}),
    ("get_purchase_order", "purchase_order_id:blocked", {}),
    ("get_purchase_history", "material_id:bought", {}),
    ("get_purchase_history", "material_id:bought", {"qty": "500", "top_n": 3}),
    ("get_vendor_summary", "supplier_id:some", {}),
    ("get_supplier_scorecard", "supplier_id:some", {}),
    ("list_match_exceptions", "supplier_id:billing", {"status": ["parked", "posted", "paid"]}),
    ("list_supply_sources", "material_id:bought", {}),
    ("list_supply_sources", "material_id:bought", {"usable_only": True}),
    ("get_supplier", "supplier_id:some", {}),
    ("get_customer", "customer_id:some", {}),
    ("get_material", "material_id:bought", {}),
    ("get_material", "material_id:made", {"site": "1000"}),
    ("get_bom", "material_id:made", {}),
    ("get_bom", "material_id:made", {"depth": 10, "qty": "12"}),
    ("get_routing", "material_id:made", {}),
    ("check_availability", "material_id:bought", {"qty": "50", "date": "2026-03-30"}),
    ("check_availability", "material_id:made", {"qty": "500", "date": "2026-04-15", "site": "1000"}),
    ("list_reservations", "material_id:bought", {}),
    ("list_goods_movements", "material_id:bought", {"window_days": 366}),
    ("list_goods_movements", "lot_id:sent", {"window_days": 366}),
    ("list_goods_movements", "order_id:received", {"window_days": 366}),
    ("trace_lot", "lot_id:sent", {}),
    ("trace_lot", "lot_id:received", {"direction": "down"}),
    ("list_inspection_lots", "lot_id:inspected", {"status": ["open", "in_process", "closed"]}),
    ("list_quality_notifications", "lot_id:held", {"status": ["open", "in_process", "closed"]}),
    ("get_production_order", "production_order_id:some", {}),
    ("get_production_order", "production_order_id:done", {}),
    ("compare_order_erp_mes", "production_order_id:some", {}),
    ("get_capacity_load", "work_center_id:some", {"weeks": 8}),
    ("list_dispatch_list", "work_center_id:some", {}),
    ("get_asset_history", "work_center_id:some", {"window_days": 180}),
    ("list_customer_returns", "customer_id:returning", {"status": ["open", "received", "closed"]}),
)
SUPPOSING: Final = "simulate_atp"
"""The tool that is asked what would be if an order of the plant came later, or gave to another what it holds."""
# Arguments of tools that take several subjects.
_LISTS: Final = frozenset({("get_stock", "material_id"), ("get_capacity_load", "work_center_id")})


@dataclass(slots=True)
class Call:
    """One call and what came of it: the tables of the answer, or the code of a refusal."""

    tool: str
    arguments: dict[str, Any]
    answer: dict[str, Any]


class RecordingDesk(Desk):
    """A desk that keeps every call with its answer, ages and names aside."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.kept: list[Call] = []

    async def ask(self, tool: str, **arguments: object) -> dict[str, Any]:
        shown = {name: value for name, value in arguments.items() if name != "cursor"}
        try:
            answer = await super().ask(tool, **arguments)
        except RefusedError as refused:
            self.kept.append(Call(tool, shown, {"refused": refused.code}))
            raise
        self.kept.append(Call(tool, shown, {name: one for name, one in answer.items() if name not in _ASIDE}))
        return answer


@dataclass(slots=True)
class Asked:
    """What one deployment answered: calls by question or tool, and the answers made of them."""

    calls: dict[str, list[Call]] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    right: dict[str, bool] = field(default_factory=dict)


@asynccontextmanager
async def desk(configuration: Path) -> AsyncIterator[RecordingDesk]:
    """Start the server of a deployment and connect to it over stdio."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "erp_mcp", "serve", "--config", str(configuration), "--as", AGENT]
    )
    async with Client(server) as client:
        yield RecordingDesk(client)


async def ask_everything(configuration: Path, plant: Path) -> Asked:
    """Ask every question of the fixture and every tool of `TOOLS`."""
    truth, asked = Truth(path=plant / "truth.sqlite"), Asked()
    async with desk(configuration) as one:
        for question in questions():
            subject = truth.subject(question)
            answer = await _kept(one, asked, f"question {question.id}", lambda: ANSWERS[question.id](one, subject))  # noqa: B023 - called before the next turn
            asked.answers[question.id] = answer
            asked.right[question.id] = bool(answer) and truth.right(question, answer)
        for number, (tool, given) in enumerate(tool_calls(truth, plant), 1):
            await _kept(one, asked, f"call {number:03d} {tool} {given}", lambda: _paged(one, tool, given))  # noqa: B023 - called before the next turn
    return asked


def tool_calls(truth: Truth, plant: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return all calls of tools: those of `TOOLS`, and those of `EACH` for every subject of theirs."""
    found = subjects(truth, plant)
    each = [(tool, {**_given(tool, name, one), **more}) for tool, name, more in EACH for one in found[name]]
    return [*TOOLS, *each, *((SUPPOSING, given) for given in suppositions(plant))]


def _given(tool: str, name: str, subject: str) -> dict[str, Any]:
    """Return the argument that a subject is given as; `material_id:made` is a material id."""
    argument = name.partition(":")[0]
    return {argument: [subject] if (tool, argument) in _LISTS else subject}


async def _kept(one: RecordingDesk, asked: Asked, name: str, call: Callable[[], Awaitable[Answer]]) -> Answer:
    """Make the calls of one question or tool and keep them under its name; a failure to answer is kept as one."""
    before = len(one.kept)
    try:
        answer = await call()
    except Exception as error:  # noqa: BLE001 - what can't be answered is no answer, and the next is asked
        answer = [(f"{type(error).__name__}: {error}"[:300],)]
    asked.calls[name] = one.kept[before:]
    return answer


async def _paged(one: RecordingDesk, tool: str, arguments: dict[str, Any]) -> Answer:
    answer = await one.ask(tool, **arguments)
    while cursor := answer.get("next_cursor"):
        answer = await one.ask(tool, cursor=cursor, **arguments)
    return []
