"""The demo ERP takes a credit request by rules of its own, and pays nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.writing.refund import REQUEST_REFUND
from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.unit.demo.writing.order_desk import OrderDesk, open_desk


@pytest.fixture
def desk(plant: DemoPlant, tmp_path: Path) -> Iterator[OrderDesk]:
    with open_desk(plant.erp, tmp_path) as opened:
        yield opened


ORDER, ITEM = "0010000242", "000010"  # billed once, for 186432.00 EUR


def _call(desk: OrderDesk, **changed: JsonValue) -> dict[str, JsonValue]:
    (version,) = desk.one("SELECT changed_at FROM so_item WHERE so_no = ? AND item_no = ?", ORDER, ITEM)
    return {
        "so_no": ORDER, "so_item": ITEM, "rma_no": None, "amount": "388.40", "curr": "EUR", "reason": "DAMAGED",
        "version": version, **changed,
    }  # fmt: skip


@guarantees("P7.demo_plant")
def test_a_request_waits_for_finance_and_changes_no_bill(desk: OrderDesk) -> None:
    """And a second one for the same thing is turned away until finance has rejected the first."""
    bills = desk.rows("SELECT * FROM bill_item")

    done = desk.done(REQUEST_REFUND, _call(desk))

    query = "SELECT so_no, so_item, rma_no, amount, curr, reason, stat, created_on FROM cr_req WHERE cr_no = ?"
    assert desk.one(query, done.number) == (ORDER, ITEM, None, "388.40", "EUR", "DAMAGED", "REQ", "2026-03-16")
    assert desk.rows("SELECT * FROM bill_item") == bills
    assert desk.code(REQUEST_REFUND, _call(desk)) == "already_requested"
    desk.change("UPDATE cr_req SET stat = 'REJ'")
    assert desk.done(REQUEST_REFUND, _call(desk)).number > done.number


@guarantees("P7.demo_plant")
def test_what_a_real_erp_refuses_is_refused(desk: OrderDesk) -> None:
    """Whatever was looked at before it was sent."""
    for changed, code in (
        ({"so_no": "0099999999"}, "unknown_document"),
        ({"version": "2020-01-01T00:00:00Z"}, "superseded"),
        ({"amount": "0"}, "bad_amount"),
        ({"amount": "1.005"}, "bad_amount"),
        ({"curr": "USD"}, "other_currency"),
        ({"reason": "ODD"}, "unknown_reason"),
        ({"rma_no": "0060000101"}, "unknown_return"),
        ({"amount": "186432.01"}, "more_than_billed"),
    ):
        assert desk.code(REQUEST_REFUND, _call(desk, **changed)) == code
    assert desk.done(REQUEST_REFUND, _call(desk, amount="186432.00")).number
