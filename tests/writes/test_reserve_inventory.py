"""Stock held for an order line: from the agent over a person into the ERP, and back as a reservation."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

TOOL: Final = "propose_reserve_inventory"
pytestmark = covers(TOOL, DEMO_PLANT)
HOLD: Final[dict[str, JsonValue]] = {
    "material_id": "RM-007",
    "site": "1000",
    "qty": "20.5",
    "uom": "KGM",
    "demand_id": "000001000539",
    "need_date": "2026-03-19",
    "reason": "The order starts this week and its customer was promised the date.",
    "idempotency_key": "plan-2026-12:RM-007",
}
RESERVED: Final = "SELECT resv_no, mat_no, plant, lot_no, dem_type, dem_no, dem_item, qty, uom, need_date FROM resv"


@guarantees("P3.people_commit", "P4.one_effect", "P4.idempotent", "rules.reservation")
def test_stock_is_held_once_for_the_one_line_and_shown_by_the_next_read(desk: WriteDesk) -> None:
    """The lot was chosen when it was proposed, and people saw it."""
    done = desk.carry_through(TOOL, **HOLD)

    assert done.receipt is not None
    number = done.receipt.written.document
    assert desk.erp(f"{RESERVED} WHERE resv_no = ?", number) == [
        (number, "RM-007", "1000", "L000850", "PRD", "000001000539", "0080", "20.500", "KGM", "2026-03-19")
    ]
    assert number == "RS00001700"
    assert desk.erp("SELECT qty FROM stock_qty WHERE mat_no = 'RM-007' AND stk_type = 'F'") == [("642.000",)]
    desk.sync()
    (row,) = desk.rows("list_reservations", "reservations", order_id="000001000539", material_id="RM-007")
    assert (row["reservation_id"], row["lot_id"], row["qty"], row["uom"]) == (number, "L000850", "20.5", "KGM")


@guarantees("rules.reservation", "P4.one_effect")
def test_what_is_held_already_is_not_held_again_under_another_key(desk: WriteDesk) -> None:
    """Fifty are needed: twenty and a half are held, so thirty would go too far."""
    desk.commit(TOOL, **HOLD)
    desk.sync()
    again = {**HOLD, "qty": "30", "idempotency_key": "plan-2026-12:RM-007:2"}
    refused = desk.refusal(TOOL, **again)
    assert (refused.facts["rule"], refused.facts["would_pass"]) == ("R-NEED", "29.5")


@guarantees("P4.stale", "rules.reservation")
def test_a_lot_that_somebody_else_took_in_between_is_not_held(desk: WriteDesk) -> None:
    """The rules are looked at again just before sending, on live stock."""
    desk.approve(desk.propose(TOOL, **HOLD))
    desk.in_erp("UPDATE stock_qty SET qty = '90.000' WHERE mat_no = 'RM-007' AND lot_no = 'L000850'")
    before = desk.dump()

    (done,) = desk.work()

    assert done.state in (State.DENIED, State.STALE), (done.state, done.reason)
    assert desk.dump() == before
