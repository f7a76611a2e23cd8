"""The demo ERP announces a customer return by rules of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.writing.customer_return import CREATE_RETURN
from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.unit.demo.writing.order_desk import OrderDesk, open_desk

ORDER, ITEM = "0010000242", "000010"


@pytest.fixture
def desk(plant: DemoPlant, tmp_path: Path) -> Iterator[OrderDesk]:
    with open_desk(plant.erp, tmp_path) as opened:
        yield opened


def _call(desk: OrderDesk, **changed: JsonValue) -> dict[str, JsonValue]:
    (version,) = desk.one("SELECT changed_at FROM so_item WHERE so_no = ? AND item_no = ?", ORDER, ITEM)
    (lot,) = desk.one("SELECT lot_no FROM dlv_item WHERE so_no = ? AND so_item = ?", ORDER, ITEM)
    return {
        "so_no": ORDER, "so_item": ITEM, "qty": "40", "uom": "EA", "reason": "DAMAGED", "lot_no": lot,
        "version": version, **changed,
    }  # fmt: skip


@guarantees("P7.demo_plant")
def test_numbers_go_on_and_no_more_comes_back_than_went_out(desk: OrderDesk) -> None:
    """Forty-eight went out; all returns of the line count."""
    first = desk.done(CREATE_RETURN, _call(desk))
    assert desk.code(CREATE_RETURN, _call(desk, qty="8.001")) == "more_than_delivered"
    second = desk.done(CREATE_RETURN, _call(desk, qty="8", lot_no=None))

    assert (first.number, second.number) == ("0060000113", "0060000114")
    query = "SELECT cust_no, mat_no, qty, disp, stat, created_on, memo FROM rma_item WHERE rma_no = ?"
    customer, material = desk.one("SELECT cust_no, mat_no FROM so_item WHERE so_no = ? AND item_no = ?", ORDER, ITEM)
    assert desk.one(query, first.number) == (customer, material, "40.000", "PEND", "OPEN", "2026-03-16", None)


@guarantees("P7.demo_plant")
def test_what_a_real_erp_refuses_is_refused(desk: OrderDesk) -> None:
    """Whatever was looked at before it was sent."""
    for changed, code in (
        ({"so_no": "0099999999"}, "unknown_document"),
        ({"version": "2020-01-01T00:00:00Z"}, "superseded"),
        ({"qty": "0"}, "bad_quantity"),
        ({"uom": "KGM"}, "unknown_unit"),
        ({"reason": "ODD"}, "unknown_reason"),
        ({"lot_no": "L999999"}, "unknown_lot"),
    ):
        assert desk.code(CREATE_RETURN, _call(desk, **changed)) == code
