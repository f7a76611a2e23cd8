"""A refund is asked for: from the agent over two people into the ERP, once, and nothing is paid."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

TOOL: Final = "propose_request_refund"
pytestmark = covers(TOOL, DEMO_PLANT)
ORDER, LINE = "0010000242", "000010"
CALL: Final[dict[str, JsonValue]] = {
    "sales_order_id": ORDER,
    "line": LINE,
    "amount": "388.40",
    "currency": "EUR",
    "reason_code": "DAMAGED",
    "reason": "A tenth of the price for dented housings, agreed with sales.",
    "idempotency_key": "mail-81c2:refund",
}


@guarantees("P3.people_commit", "P3.enough_people", "P4.one_effect", "P4.idempotent", "rules.refund")
def test_a_refund_is_asked_for_once_and_nothing_is_paid(desk: WriteDesk) -> None:
    """It waits for finance; bills are what they were, and a second request is refused."""
    bills = desk.erp("SELECT * FROM bill_item")

    done = desk.carry_through(TOOL, **CALL)

    assert done.content.terms.needed == 2
    assert done.receipt is not None
    number = done.receipt.written.document
    query = "SELECT plant, so_no, so_item, rma_no, amount, curr, reason, stat FROM cr_req WHERE cr_no = ?"
    assert desk.erp(query, number) == [("2000", ORDER, LINE, None, "388.40", "EUR", "DAMAGED", "REQ")]
    assert desk.erp("SELECT * FROM bill_item") == bills
    again = {**CALL, "amount": "400.00", "idempotency_key": "mail-81c2:again"}
    refused = desk.refusal(TOOL, **again)
    assert (refused.facts["rule"], refused.facts["refund_request_id"]) == ("R-PRIOR-CREDIT", number)


@guarantees("P4.stale")
def test_a_line_that_was_changed_meanwhile_is_not_refunded(desk: WriteDesk) -> None:
    """Its version is one of those that the request stands on."""
    change = f"UPDATE so_item SET changed_at = '2026-03-16T05:00:01Z' WHERE so_no = '{ORDER}' AND item_no = '{LINE}'"

    desk.goes_stale(TOOL, change, **CALL)
