"""A return is announced: from the agent over two people into the ERP, once, with nothing credited."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

TOOL: Final = "propose_create_customer_return"
pytestmark = covers(TOOL, DEMO_PLANT)
ORDER, LINE = "0010000242", "000010"
CALL: Final[dict[str, JsonValue]] = {
    "sales_order_id": ORDER,
    "line": LINE,
    "qty": "3",
    "reason_code": "DAMAGED",
    "reason": "The customer sent pictures of three dented housings.",
    "idempotency_key": "mail-81c2:return",
}


@guarantees("P3.people_commit", "P3.enough_people", "P4.one_effect", "P4.idempotent", "rules.customer_return")
def test_a_return_is_announced_once_and_no_stock_moves(desk: WriteDesk) -> None:
    """The next read shows it, open and pending; the order line and the stock are what they were."""
    kept = desk.erp("SELECT * FROM so_item"), desk.erp("SELECT * FROM stock_qty"), desk.erp("SELECT * FROM mat_move")

    done = desk.carry_through(TOOL, **CALL)

    assert done.content.terms.needed == 2
    assert done.receipt is not None
    number = done.receipt.written.document
    query = "SELECT plant, so_no, so_item, mat_no, lot_no, qty, uom, reason, disp, stat FROM rma_item WHERE rma_no = ?"
    assert desk.erp(query, number) == [
        ("2000", ORDER, LINE, "FG-009", None, "3.000", "EA", "DAMAGED", "PEND", "OPEN")
    ]  # fmt: skip
    assert kept == (
        desk.erp("SELECT * FROM so_item"), desk.erp("SELECT * FROM stock_qty"), desk.erp("SELECT * FROM mat_move"),
    )  # fmt: skip
    (row,) = [one for one in desk.rows("list_customer_returns", "returns", sales_order_id=ORDER)
              if one["return_id"] == number]  # fmt: skip
    assert (row["qty"], row["disposition"], row["order_state"]) == ("3", "pending", "open")


@guarantees("P4.stale")
def test_a_line_that_was_changed_meanwhile_is_not_returned(desk: WriteDesk) -> None:
    """Its version is one of those that the return stands on."""
    change = f"UPDATE so_item SET changed_at = '2026-03-16T05:00:01Z' WHERE so_no = '{ORDER}' AND item_no = '{LINE}'"

    desk.goes_stale(TOOL, change, **CALL)
