"""A delivery is made: from the agent over a person into the ERP, once, and nothing leaves by it."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

TOOL: Final = "propose_create_delivery"
pytestmark = covers(TOOL, DEMO_PLANT)
ORDER: Final = "0010000250"
UNTOUCHED: Final = (
    "SELECT * FROM so_item",
    "SELECT * FROM so_head",
    "SELECT * FROM stock_qty",
    "SELECT * FROM resv",
    "SELECT * FROM mat_move",
)
CALL: Final[dict[str, JsonValue]] = {
    "sales_order_id": ORDER,
    "lines": [{"line": "000010", "qty": "4"}],
    "planned_goods_issue": "2026-03-20",
    "reason": "The customer takes four of them now.",
    "idempotency_key": "ship-2026-12:250",
}


@guarantees("P3.people_commit", "P4.one_effect", "P4.idempotent", "rules.delivery")
def test_a_delivery_is_made_once_from_lots_that_are_free(desk: WriteDesk) -> None:
    """Order line, stock and reservations stay what they are until somebody picks and posts."""
    kept = [desk.erp(statement) for statement in UNTOUCHED]

    done = desk.carry_through(TOOL, **CALL)

    assert done.receipt is not None
    number = done.receipt.written.document
    assert number == "0080000538"
    query = "SELECT plant, so_no, so_item, mat_no, uom, gi_plan, gi_act, pick_stat, pod FROM dlv_item WHERE dlv_no = ?"
    assert set(desk.erp(query, number)) == {
        ("1000", ORDER, "000010", "FG-001", "EA", "2026-03-20", None, "A", 0)
    }  # fmt: skip
    ((total,),) = desk.erp("SELECT sum(qty) FROM dlv_item WHERE dlv_no = ?", number)
    assert total == 4
    assert [desk.erp(statement) for statement in UNTOUCHED] == kept
    rows = [one for one in desk.rows("list_deliveries", "deliveries", sales_order_id=ORDER)
            if one["delivery_id"] == number]  # fmt: skip
    assert sum(float(one["qty"]) for one in rows) == 4
    assert {one["delivery_state"] for one in rows} == {"open"}


@guarantees("rules.delivery")
def test_what_is_in_a_delivery_is_picked_for_no_other(desk: WriteDesk) -> None:
    """As soon as the first is written, for any agent and under any key."""
    desk.commit(TOOL, **CALL)

    again = {**CALL, "planned_goods_issue": "2026-03-23", "idempotency_key": "ship-2026-13:250"}
    refused = desk.refusal(TOOL, **again)

    assert (refused.facts["rule"], refused.facts["would_pass"]) == ("R-STOCK", "0")


@guarantees("P4.stale")
def test_an_order_that_was_changed_meanwhile_is_not_delivered(desk: WriteDesk) -> None:
    """Its version is one of those that the delivery stands on, though the delivery is a record of its own."""
    change = f"UPDATE so_head SET memo = 'called', changed_at = '2026-03-16T05:00:01Z' WHERE so_no = '{ORDER}'"

    desk.goes_stale(TOOL, change, **CALL)
