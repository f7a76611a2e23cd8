"""A defect is reported: from the agent over a person into the ERP, once, with the hold asked for and not applied."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

TOOL: Final = "propose_create_quality_notification"
pytestmark = covers(TOOL, DEMO_PLANT)
LOT: Final = "L000281"
CALL: Final[dict[str, JsonValue]] = {
    "site": "1000",
    "lot_id": LOT,
    "defect_code": "SURF",
    "description": "Scratches on four of twelve pieces, seen at packing.",
    "request_hold": True,
    "reason": "Packing reported it this morning.",
    "idempotency_key": "pck-2026-03-16:L000281",
}


@guarantees("P3.people_commit", "P4.one_effect", "P4.idempotent", "rules.quality_notification")
def test_a_defect_is_reported_once_and_no_lot_is_touched(desk: WriteDesk) -> None:
    """The next read shows the notification; the lot and its stock are what they were."""
    (material,) = desk.erp("SELECT mat_no FROM batch WHERE lot_no = ?", LOT)[0]
    kept = desk.erp("SELECT * FROM batch"), desk.erp("SELECT * FROM stock_qty")

    done = desk.carry_through(TOOL, **CALL)

    assert done.receipt is not None
    number = done.receipt.written.document
    query = "SELECT plant, mat_no, lot_no, defect, descr, hold_flag, stat FROM qual_notif WHERE qn_no = ?"
    assert desk.erp(query, number) == [("1000", material, LOT, "SURF", CALL["description"], 1, "OSNO")]
    assert (desk.erp("SELECT * FROM batch"), desk.erp("SELECT * FROM stock_qty")) == kept
    (row,) = [
        one for one in desk.rows("list_quality_notifications", "notifications", lot_id=LOT)
        if one["notification_id"] == number
    ]  # fmt: skip
    assert (row["order_state"], row["hold"], row["defect_code"], row["site"]) == ("open", True, "SURF", "1000")


@guarantees("rules.duplicate")
def test_the_same_defect_again_is_refused_with_the_number_of_the_first(desk: WriteDesk) -> None:
    """Under another key: two agents that saw the same pieces make one notification."""
    receipt = desk.commit(TOOL, **CALL)

    again = {**CALL, "description": "Four pieces are scratched.", "idempotency_key": "pck-2026-03-16:again"}
    refused = desk.refusal(TOOL, **again)

    assert refused.facts["rule"] == "R-DUPLICATE"
    assert refused.facts["notification_id"] == receipt.written.document


@guarantees("P4.stale")
def test_what_somebody_else_reported_meanwhile_is_not_reported_twice(desk: WriteDesk) -> None:
    """The rules are looked at again just before it is sent."""
    desk.approve(desk.propose(TOOL, **CALL))
    desk.in_erp(
        "INSERT INTO qual_notif SELECT 'QN00299999', plant, 'Q3', '3', mat_no, lot_no, 'SURF', 0,"
        " '2026-03-16T04:30:00Z', 'OSNO', 'quality_inspector', 'seen', '2026-03-16T05:00:01Z'"
        " FROM batch WHERE lot_no = ?", LOT
    )  # fmt: skip
    desk.sync()
    before = desk.dump()

    (ended,) = desk.work()

    assert ended.receipt is None
    assert ended.state.value in {"STALE", "DENIED"}
    assert desk.dump() == before
