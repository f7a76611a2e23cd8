"""The demo ERP posts goods movements by rules of its own; stock is the sum of what was posted, and never below zero."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.writing.movement import POST_MOVEMENT
from erp_mcp.demo.writing.reservation import CREATE_RESERVATION
from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.unit.demo.writing.order_desk import OrderDesk, open_desk

ORDER: Final = "000001000539"
LINE: Final[dict[str, JsonValue]] = {
    "ref_item": "0080", "mat_no": "RM-007", "lot_no": "L000850", "sloc": "0001", "to_sloc": "", "qty": "20.5",
    "uom": "KGM",
}  # fmt: skip
BOUGHT: Final[dict[str, JsonValue]] = {
    **LINE, "ref_item": "00030", "mat_no": "RM-025", "lot_no": "L009001", "qty": "30", "uom": "MTK",
}  # fmt: skip


@pytest.fixture
def desk(plant: DemoPlant, tmp_path: Path) -> Iterator[OrderDesk]:
    with open_desk(plant.erp, tmp_path) as opened:
        yield opened


def _issue(desk: OrderDesk, *lines: dict[str, JsonValue], **changed: Any) -> dict[str, JsonValue]:
    parts = desk.rows("SELECT item_no, changed_at FROM prod_comp WHERE ord_no = ?", ORDER)
    return {
        "mv_code": "261", "plant": "1000", "ref_no": ORDER, "witness": "A. Weber", "lines": list(lines or (LINE,)),
        "versions": {f"{ORDER}/{item}": version for item, version in parts}, **changed,
    }  # fmt: skip


def _receipt(desk: OrderDesk, *lines: dict[str, JsonValue], **changed: Any) -> dict[str, JsonValue]:
    (version,) = desk.one("SELECT changed_at FROM po_item WHERE po_no = '4500000630' AND item_no = '00030'")
    return {
        "mv_code": "101", "plant": "1000", "ref_no": "4500000630", "witness": "A. Weber",
        "lines": list(lines or (BOUGHT,)), "versions": {"4500000630/00030": version}, **changed,
    }  # fmt: skip


@guarantees("P7.demo_plant")
def test_stock_is_the_sum_of_movements_after_every_kind(desk: OrderDesk) -> None:
    """The plant's own invariant, for all four codes."""
    desk.done(POST_MOVEMENT, _issue(desk))
    desk.done(POST_MOVEMENT, _receipt(desk))
    moved = {**LINE, "to_sloc": "0002", "ref_item": ""}
    desk.done(POST_MOVEMENT, _issue(desk, moved, mv_code="311", ref_no="TR-1"))
    scrap = {**LINE, "mat_no": "RM-014", "lot_no": "L000906", "qty": "50", "uom": "EA", "ref_item": ""}
    desk.done(POST_MOVEMENT, _issue(desk, scrap, mv_code="555", ref_no="QN00200102"))
    for lot in ("L000850", "L009001", "L000906"):
        posted = desk.rows("SELECT sloc, stk_type, qty FROM mat_move WHERE lot_no = ?", lot)
        sums: dict[tuple[str, str], Decimal] = {}
        for sloc, kind, qty in posted:
            sums[sloc, kind] = sums.get((sloc, kind), Decimal(0)) + Decimal(qty)
        kept = desk.rows("SELECT sloc, stk_type, qty FROM stock_qty WHERE lot_no = ?", lot)
        assert {(sloc, kind): Decimal(qty) for sloc, kind, qty in kept if Decimal(qty)} == {
            key: qty for key, qty in sums.items() if qty
        }


@guarantees("P7.demo_plant")
def test_numbers_go_up_and_the_order_line_closes_with_its_last_receipt(desk: OrderDesk) -> None:
    """Thirty and twelve of forty-two; a third finds it closed."""
    first = desk.done(POST_MOVEMENT, _receipt(desk))
    rest = desk.done(POST_MOVEMENT, _receipt(desk, {**BOUGHT, "qty": "12"}))
    assert int(rest.number) == int(first.number) + 1
    line = "SELECT qty_recv, qty_open, open_value, stat FROM po_item WHERE po_no = '4500000630' AND item_no = '00030'"
    assert desk.one(line) == ("42.000", "0.000", "0.00", "CLSD")
    assert desk.rows("SELECT seq, qty FROM gr_item WHERE po_no = '4500000630' AND item_no = '00030' ORDER BY 1") == [
        (1, "30.000"), (2, "12.000"),
    ]  # fmt: skip
    assert desk.code(POST_MOVEMENT, _receipt(desk, {**BOUGHT, "qty": "3"})) == "document_closed"


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"mat_no": "RM-999"}, "unknown_material"),
        ({"qty": "0"}, "bad_quantity"),
        ({"uom": "EA"}, "unknown_unit"),
        ({"lot_no": "L000001"}, "unknown_lot"),
        ({"ref_item": "0010"}, "unknown_reference"),
        ({"qty": "50.001"}, "more_than_open"),
        ({"sloc": "0002"}, "not_enough_stock"),
    ],
)
def test_an_issue_that_does_not_fit_is_refused(desk: OrderDesk, changed: dict[str, JsonValue], code: str) -> None:
    """Its rules stand whatever was looked at before."""
    assert desk.code(POST_MOVEMENT, _issue(desk, {**LINE, **changed})) == code


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"qty": "42.001"}, "more_than_open"),
        ({"qty": "0.001"}, "bad_quantity"),
        ({"uom": "EA"}, "unknown_unit"),
        ({"lot_no": ""}, "no_lot"),
        ({"lot_no": "L000850"}, "unknown_lot"),
        ({"ref_item": "00099"}, "unknown_reference"),
    ],
)
def test_a_receipt_that_does_not_fit_is_refused(desk: OrderDesk, changed: dict[str, JsonValue], code: str) -> None:
    """A thousandth of a square metre is no whole thousandth of a piece."""
    assert desk.code(POST_MOVEMENT, _receipt(desk, {**BOUGHT, **changed})) == code


@guarantees("P7.demo_plant")
def test_a_head_without_code_witness_reference_or_lines_is_refused(desk: OrderDesk) -> None:
    """Inventory differences are none of its codes."""
    for changed, code in (
        ({"mv_code": "701"}, "movement_not_allowed"),
        ({"witness": " "}, "no_witness"),
        ({"ref_no": ""}, "no_reference"),
        ({"lines": []}, "bad_lines"),
        ({"lines": [LINE] * 21}, "bad_lines"),
        ({"versions": {}}, "superseded"),
    ):
        assert desk.code(POST_MOVEMENT, _issue(desk, **changed)) == code


@guarantees("P7.demo_plant", "P4.one_effect")
def test_a_last_line_that_can_not_be_undoes_all_before_it(desk: OrderDesk) -> None:
    """Twenty and a half pass, the thirty after them are more than is open."""
    assert desk.code(POST_MOVEMENT, _issue(desk, LINE, {**LINE, "qty": "30"})) == "more_than_open"


@guarantees("P7.demo_plant")
def test_what_is_held_for_others_is_not_issued_and_what_is_held_for_it_is_used_up(desk: OrderDesk) -> None:
    """Twenty-five are there: ten held for another order, fifteen for this one."""
    desk.change("UPDATE stock_qty SET qty = '25.000' WHERE lot_no = 'L000850'")
    usual: dict[str, JsonValue] = {
        "mat_no": "RM-007", "plant": "1000", "lot_no": "L000850", "dem_type": "PRD", "uom": "KGM",
        "need_date": "2026-03-19", "dem_item": "0080",
    }  # fmt: skip
    desk.done(CREATE_RESERVATION, {**usual, "dem_no": "000001000416", "qty": "10"})
    mine = desk.done(CREATE_RESERVATION, {**usual, "dem_no": ORDER, "qty": "15"}).number
    assert desk.code(POST_MOVEMENT, _issue(desk, {**LINE, "qty": "15.001"})) == "not_enough_stock"
    desk.done(POST_MOVEMENT, _issue(desk, {**LINE, "qty": "14"}))
    assert desk.one("SELECT qty FROM resv WHERE resv_no = ?", mine) == ("1.000",)


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE prod_head SET stat = 'CRTD' WHERE ord_no = '000001000539'", "not_released"),
        ("UPDATE batch SET disp = 'R' WHERE lot_no = 'L000850'", "lot_restricted"),
        ("UPDATE batch SET expires_on = '2026-03-15' WHERE lot_no = 'L000850'", "lot_expired"),
        ("UPDATE mat_gen SET mat_stat = '02' WHERE mat_no = 'RM-007'", "material_blocked"),
    ],
)
def test_what_may_not_be_used_is_not_issued(desk: OrderDesk, statement: str, code: str) -> None:
    """As it is in the transaction that writes; what expires today may be used today."""
    desk.change(statement)
    assert desk.code(POST_MOVEMENT, _issue(desk)) == code


@guarantees("P7.demo_plant")
def test_transfers_lead_somewhere_and_scrap_has_its_open_notification(desk: OrderDesk) -> None:
    """Only what is blocked is scrapped."""
    for to_sloc in ("", "0001"):
        line = {**LINE, "to_sloc": to_sloc}
        assert desk.code(POST_MOVEMENT, _issue(desk, line, mv_code="311", ref_no="TR-1")) == "same_location"
    scrap = {**LINE, "mat_no": "RM-014", "lot_no": "L000906", "qty": "50.001", "uom": "EA"}
    assert desk.code(POST_MOVEMENT, _issue(desk, scrap, mv_code="555", ref_no="QN00200102")) == "not_enough_stock"
    assert desk.code(POST_MOVEMENT, _issue(desk, scrap, mv_code="555", ref_no="QN00200101")) == "unknown_reference"
    for change in ("UPDATE po_item SET release_ind = 'W'", "UPDATE po_item SET stat = 'CANC'"):
        desk.change(f"{change} WHERE po_no = '4500000630'")
        expected = "not_released" if "release" in change else "document_cancelled"
        assert desk.code(POST_MOVEMENT, _receipt(desk)) == expected
