"""The same calls of every deployment: what the questions of people ask, and each read tool with several arguments."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mcp import Client, StdioServerParameters

from tests.questions.answering import ANSWERS, Answer
from tests.questions.desk import Desk, RefusedError
from tests.questions.scoring import Truth, questions

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
)
# And these for each of several subjects: a name of `subjects` is filled in for the argument.
EACH: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("explain_late_order", "sales_order_id", {}),
    ("get_sales_order", "sales_order_id", {}),
    ("find_order", "reference", {}),
    ("get_shortages_for_order", "production_order_id", {"all_components": True}),
    ("get_supply_demand", "material_id", {}),
    ("get_stock", "material_id", {}),
    ("list_sales_orders", "customer_id", {"status": ["open", "closed", "cancelled"]}),
    ("list_purchase_orders", "supplier_id", {"status": ["open", "closed", "cancelled"]}),
)
_LISTS: Final = frozenset({"get_stock"})  # tools that take several subjects


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
    each = [
        (tool, {name: [one] if tool in _LISTS else one, **more}) for tool, name, more in EACH for one in found[name]
    ]
    return [*TOOLS, *each]


def subjects(truth: Truth, plant: Path) -> dict[str, list[str]]:
    """Return what the tools of `EACH` are asked about: all late lines and their needs, some customers and suppliers."""
    late = truth.select("SELECT * FROM truth_late_line ORDER BY sales_order_id, line")
    with closing(sqlite3.connect(f"{(plant / 'erp.sqlite').resolve().as_uri()}?mode=ro", uri=True)) as erp:
        references = [row[0] for row in erp.execute("SELECT cust_po FROM so_head ORDER BY so_no LIMIT 20")]
        customers = [row[0] for row in erp.execute("SELECT cust_no FROM customer ORDER BY 1 LIMIT 10")]
        suppliers = [row[0] for row in erp.execute("SELECT vendor_no FROM vendor ORDER BY 1 LIMIT 10")]
    return {
        "sales_order_id": _known(late, "sales_order_id"), "production_order_id": _known(late, "production_order_id"),
        "material_id": _known(late, "material_id"), "reference": references, "customer_id": customers,
        "supplier_id": suppliers,
    }  # fmt: skip


def _known(rows: list[dict[str, Any]], name: str) -> list[str]:
    return sorted({str(row[name]) for row in rows if row[name]})


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
