"""The shipped query tools through the gateway, scored against the truth of the demo plant that no server sees."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.domain.answer import Answer
from erp_mcp.domain.call import JsonValue, ToolCall
from tests.guarantees import guarantees
from tests.prepared import DemoPlant


class _Desk:
    """Asks as the planner does, page by page, and looks the right answers up in the truth."""

    def __init__(self, folder: Path) -> None:
        self.deployment: Deployment = open_deployment(folder / "erp-mcp.yaml")
        self.truth = sqlite3.connect(folder / "truth.sqlite")
        self.model = sqlite3.connect(folder / "read_model.sqlite")

    async def ask(self, tool: str, **arguments: JsonValue) -> Answer:
        call = ToolCall(tool=tool, arguments=arguments, call_id=self.deployment.ids.new())
        answer = await self.deployment.gateway.call(self.deployment.principal("planner"), call)
        assert isinstance(answer, Answer), answer
        assert answer.complete
        return answer

    async def rows(self, tool: str, table: str, **arguments: JsonValue) -> list[dict[str, object]]:
        """Return all rows of all pages."""
        found: list[dict[str, object]] = []
        cursor: dict[str, JsonValue] = {}
        while True:
            answer = await self.ask(tool, **arguments, **cursor)
            one = answer.tables[table]
            found += [dict(zip(one.columns, row, strict=True)) for row in one.rows]
            if not answer.next_cursor:
                return found
            cursor = {"cursor": answer.next_cursor}

    def right(self, question: int) -> list[tuple[str, str]]:
        """Return (key, value) of a question's computed answer."""
        sql = "SELECT key, value FROM truth_answer WHERE question = ? ORDER BY rank"
        return list(self.truth.execute(sql, (str(question),)))

    def close(self) -> None:
        """Let go of everything."""
        self.deployment.close()
        self.truth.close()
        self.model.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Iterator[_Desk]:
    """A prepared demo plant of seed 1."""
    folder = demo_plant(tmp_path_factory.mktemp("plant") / "demo")
    one = _Desk(folder)
    yield one
    one.close()


@guarantees("P7.stable_paging", "P7.exact_numbers")
async def test_late_sales_lines_are_exactly_those_of_the_truth_page_by_page(desk: _Desk) -> None:
    """Question 1 with pages of ten: none missing, none twice."""
    rows = await desk.rows("list_sales_orders", "lines", late_only=True, limit=10)
    found = [f"{row['sales_order_id']}/{row['line']}" for row in rows]
    assert sorted(found) == sorted(key for key, _ in desk.right(1))


@guarantees("P7.exact_numbers")
async def test_purchase_lines_whose_promise_moved_are_exactly_those_of_the_truth(desk: _Desk) -> None:
    """Question 17."""
    rows = await desk.rows("list_purchase_orders", "lines", promise_moved_only=True, limit=20)
    found = [(f"{row['purchase_order_id']}/{row['line']}", row["supplier_id"]) for row in rows]
    assert sorted(found) == sorted(desk.right(17))


@guarantees("P7.exact_numbers")
async def test_unconfirmed_lines_of_the_next_two_weeks_are_exactly_those_of_the_truth(desk: _Desk) -> None:
    """Question 21."""
    rows = await desk.rows("list_purchase_orders", "lines", unconfirmed_only=True, promised_to="2026-03-30")
    found = {f"{row['purchase_order_id']}/{row['line']}" for row in rows}
    assert found == {key for key, _ in desk.right(21)}


@guarantees("P7.exact_numbers")
async def test_free_stock_excludes_what_is_reserved_blocked_or_in_inspection(desk: _Desk) -> None:
    """Question 15, to the last digit and with its unit."""
    (material, qty), (_, uom) = desk.right(15)
    rows = await desk.rows("get_stock", "stock", material_id=[material])
    assert [(float(str(row["qty_available"])), row["uom"]) for row in rows] == [(float(qty), uom)]


@guarantees("P7.exact_numbers")
async def test_long_running_jobs_are_exactly_those_of_the_truth(desk: _Desk) -> None:
    """Question 28."""
    rows = await desk.rows("list_wip_jobs", "jobs", min_age_h=48, state=["Running"], limit=5)
    assert [row["job_id"] for row in rows if row["response_state"] == "Running"]
    assert {row["job_id"] for row in rows} == {key for key, _ in desk.right(28)}


@guarantees("P7.right_cause")
async def test_lots_on_hold_and_the_orders_they_block_are_exactly_those_of_the_truth(desk: _Desk) -> None:
    """Question 31."""
    rows = await desk.rows("list_hold_lots", "blocked_orders")
    assert {(row["lot_id"], row["production_order_id"]) for row in rows} == set(desk.right(31))


@guarantees("P7.no_false_empty")
async def test_a_reference_of_two_customers_gives_both_and_says_so(desk: _Desk) -> None:
    """Question 10: the agent has to ask which one is meant."""
    right = desk.right(10)
    reference = desk.model.execute(
        "SELECT customer_reference FROM sales_order WHERE sales_order_id = ?", (right[0][0],)
    ).fetchone()[0]
    answer = await desk.ask("find_order", reference=reference)
    found = answer.tables["orders"]
    order, customer = found.columns.index("sales_order_id"), found.columns.index("customer_id")
    assert {(row[order], row[customer]) for row in found.rows} == set(right)
    assert answer.tables["matches"].rows == [[2, 2]]


@guarantees("P7.no_false_empty")
async def test_an_order_that_is_not_there_and_one_out_of_scope_look_alike(desk: _Desk) -> None:
    """Question 39: neither says whether the order exists."""
    sql = "SELECT sales_order_id FROM sales_order WHERE site = '2000' ORDER BY 1"
    elsewhere = desk.model.execute(sql).fetchone()[0]
    supervisor = desk.deployment.principal("supervisor")
    shown = []
    for order in ("0019999999", elsewhere):
        call = ToolCall(tool="list_production_orders", arguments={"sales_order_id": order}, call_id="1")
        answer = await desk.deployment.gateway.call(supervisor, call)
        assert isinstance(answer, Answer)
        shown.append((answer.tables["orders"].rows, answer.warnings, answer.complete))
    assert shown[0] == shown[1]
    assert shown[0][0] == []
