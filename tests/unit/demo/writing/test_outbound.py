"""The demo ERP makes a delivery by rules of its own: blocks, open quantities, lots that are free."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.writing.outbound import CREATE_DELIVERY
from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.unit.demo.writing.order_desk import OrderDesk, open_desk

ORDER, ITEM = "0010000256", "000020"
OTHER: Final = "000010"
_HELD: Final = (
    "INSERT INTO resv SELECT lot_no, mat_no, plant, lot_no, 'SLS', ?, '000010', qty, uom, '2026-03-20', changed_at"
    " FROM stock_qty WHERE mat_no = 'FG-002'"
)


@pytest.fixture
def desk(plant: DemoPlant, tmp_path: Path) -> Iterator[OrderDesk]:
    with open_desk(plant.erp, tmp_path) as opened:
        opened.change("DELETE FROM resv WHERE mat_no = 'FG-002'")  # 84 are there, 16 of them in a delivery
        yield opened


def _call(desk: OrderDesk, qty: str = "48", **changed: JsonValue) -> dict[str, JsonValue]:
    head = desk.one("SELECT changed_at FROM so_head WHERE so_no = ?", ORDER)[0]
    item = desk.one("SELECT changed_at FROM so_item WHERE so_no = ? AND item_no = ?", ORDER, ITEM)[0]
    return {
        "so_no": ORDER, "gi_plan": "2026-03-20", "items": [{"item_no": ITEM, "qty": qty, "uom": "EA"}],
        "versions": {"": head, ITEM: item}, **changed,
    }  # fmt: skip


@guarantees("P7.demo_plant")
def test_lots_are_taken_as_far_as_they_go_and_never_twice(desk: OrderDesk) -> None:
    """Two deliveries of one line together take no more than each lot has."""
    desk.done(CREATE_DELIVERY, _call(desk, "30"))
    second = desk.done(CREATE_DELIVERY, _call(desk, "18"))

    assert second.number == "0080000539"
    taken = desk.rows(
        "SELECT lot_no, sum(qty) FROM dlv_item WHERE mat_no = 'FG-002' AND gi_act IS NULL GROUP BY lot_no"
    )
    for lot, qty in taken:
        (stock,) = desk.one("SELECT sum(qty) FROM stock_qty WHERE lot_no = ? AND stk_type = 'F'", lot)
        assert Decimal(str(qty)) <= Decimal(str(stock))
    assert desk.code(CREATE_DELIVERY, _call(desk, "0.001")) == "more_than_open"


@guarantees("P7.demo_plant")
def test_what_a_real_erp_refuses_is_refused(desk: OrderDesk) -> None:
    """And nothing of a delivery is left of one whose second line fails."""
    row: JsonValue = {"item_no": ITEM, "qty": "1", "uom": "EA"}
    for changed, code in (
        ({"gi_plan": "2026-03-15"}, "date_in_past"),
        ({"gi_plan": "soon"}, "bad_date"),
        ({"items": []}, "superseded"),
        ({"items": [row, row]}, "bad_items"),
        ({"items": [{"item_no": ITEM, "qty": "0", "uom": "EA"}]}, "bad_quantity"),
        ({"items": [{"item_no": ITEM, "qty": "1", "uom": "KGM"}]}, "unknown_unit"),
        ({"so_no": "0099999999"}, "unknown_document"),
        ({"versions": {}}, "superseded"),
    ):
        assert desk.code(CREATE_DELIVERY, _call(desk, **changed)) == code
    assert desk.code(CREATE_DELIVERY, _call(desk, "49")) == "more_than_open"
    two = desk.one("SELECT changed_at FROM so_item WHERE so_no = ? AND item_no = ?", ORDER, OTHER)[0]
    call = _call(desk, items=[{"item_no": OTHER, "qty": "1", "uom": "EA"}, {"item_no": ITEM, "qty": "49", "uom": "EA"}])
    versions = call["versions"]
    assert isinstance(versions, dict)
    assert desk.code(CREATE_DELIVERY, {**call, "versions": {**versions, OTHER: two}}) == "more_than_open"


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE so_head SET credit_flag = 'BLK' WHERE so_no = ?", "credit_blocked"),
        ("UPDATE so_head SET dlv_block = '01' WHERE so_no = ?", "delivery_blocked"),
        ("UPDATE so_head SET stat = 'CANC' WHERE so_no = ?", "document_cancelled"),
        ("UPDATE so_head SET stat = 'CLSD' WHERE so_no = ?", "document_closed"),
        ("UPDATE so_item SET stat = 'CLSD' WHERE so_no = ?", "document_closed"),
        ("UPDATE so_item SET qty_open = '0.000' WHERE so_no = ?", "fully_delivered"),
        ("UPDATE batch SET disp = 'R' WHERE mat_no = 'FG-002' AND ? <> ''", "not_enough_stock"),
        (_HELD, "not_enough_stock"),
    ],
)  # fmt: skip
def test_blocks_states_and_stock_of_the_moment_count(desk: OrderDesk, change: str, code: str) -> None:
    """Also where nobody noticed before it was sent."""
    desk.change(change, ORDER)
    assert desk.code(CREATE_DELIVERY, _call(desk)) == code
