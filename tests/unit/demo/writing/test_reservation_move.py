"""The demo ERP holds stock for another order by rules of its own, all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.writing.reservation_move import MOVE_RESERVATION
from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.unit.demo.writing.order_desk import OrderDesk, open_desk

TAKER: Final = "000001000603"
LINE: Final = {"dem_type": "PRD", "dem_no": TAKER, "dem_item": "0010", "need_date": "2026-03-30"}


@pytest.fixture
def desk(plant: DemoPlant, tmp_path: Path) -> Iterator[OrderDesk]:
    with open_desk(plant.erp, tmp_path) as opened:
        yield opened


def _call(desk: OrderDesk, *lines: tuple[str, str], **changed: Any) -> dict[str, JsonValue]:
    versions = {number: desk.one("SELECT changed_at FROM resv WHERE resv_no = ?", number)[0] for number, _ in lines}
    return {
        "resv_no": lines[0][0], "mat_no": "SF-001", "plant": "1000", "uom": "EA",
        "lines": [{"resv_no": number, "qty": qty, **LINE, **changed} for number, qty in lines], "versions": versions,
    }  # fmt: skip


@guarantees("P7.demo_plant")
def test_one_reservation_may_give_twice_and_keeps_what_is_left(desk: OrderDesk) -> None:
    """Twelve: five and seven leave nothing, and two new ones stand for the same lot."""
    call = _call(desk, ("RS00000005", "5"), ("RS00000005", "7"))
    done = desk.done(MOVE_RESERVATION, call)
    assert (done.number, done.fields["qty"]) == ("RS00000005", "0.000")
    assert desk.rows(
        "SELECT resv_no, dem_no, qty FROM resv WHERE resv_no > 'RS00001699' AND lot_no ="
        " (SELECT lot_no FROM resv WHERE resv_no = 'RS00000005')"
    ) == [("RS00001700", TAKER, "5.000"), ("RS00001701", TAKER, "7.000")]


@guarantees("P7.demo_plant", "P4.one_effect")
def test_the_second_line_that_can_not_be_undoes_the_first(desk: OrderDesk) -> None:
    """Too much, another version, a reservation that is gone, more than the order needs."""
    assert desk.code(MOVE_RESERVATION, _call(desk, ("RS00000005", "5"), ("RS00000006", "48.001"))) == "not_enough_held"
    call = _call(desk, ("RS00000005", "5"), ("RS00000006", "5"))
    assert desk.code(MOVE_RESERVATION, {**call, "versions": {"RS00000005": "x"}}) == "superseded"
    versions = dict(call["versions"], RS00000006="2020-01-01T00:00:00Z")  # type: ignore[arg-type]
    assert desk.code(MOVE_RESERVATION, {**call, "versions": versions}) == "superseded"
    assert (
        desk.code(MOVE_RESERVATION, _call(desk, ("RS00000005", "12"), ("RS00000006", "44.001"))) == "more_than_needed"
    )
    desk.change("DELETE FROM resv WHERE resv_no = 'RS00000006'")
    assert desk.code(MOVE_RESERVATION, call) == "unknown_document"


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"qty": "0"}, "bad_quantity"),
        ({"dem_no": "000001000480"}, "same_demand"),
        ({"dem_no": "000009999999"}, "unknown_demand"),
        ({"dem_item": "0099"}, "unknown_demand"),
        ({"need_date": "soon"}, "bad_date"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(desk: OrderDesk, changed: dict[str, str], code: str) -> None:
    """Its rules stand whatever was looked at before."""
    assert desk.code(MOVE_RESERVATION, _call(desk, ("RS00000005", "1"), **changed)) == code


@guarantees("P7.demo_plant")
def test_a_head_that_does_not_fit_its_lines_is_refused(desk: OrderDesk) -> None:
    """No lines, another leading one, another material or unit."""
    call = _call(desk, ("RS00000005", "1"))
    assert desk.code(MOVE_RESERVATION, {**call, "lines": []}) == "bad_lines"
    assert desk.code(MOVE_RESERVATION, {**call, "resv_no": "RS00000006"}) == "bad_lines"
    assert desk.code(MOVE_RESERVATION, {**call, "mat_no": "SF-002"}) == "unknown_document"
    assert desk.code(MOVE_RESERVATION, {**call, "mat_no": "XX-001"}) == "unknown_material"
    assert desk.code(MOVE_RESERVATION, {**call, "uom": "KGM"}) == "unknown_unit"


@guarantees("P7.demo_plant")
def test_stock_of_a_restricted_lot_and_of_what_is_picked_stays(desk: OrderDesk) -> None:
    """Both as they are in the transaction that writes."""
    call = _call(desk, ("RS00000005", "1"))
    desk.change("UPDATE batch SET disp = 'R' WHERE lot_no = (SELECT lot_no FROM resv WHERE resv_no = 'RS00000005')")
    assert desk.code(MOVE_RESERVATION, call) == "lot_restricted"
    (sold,) = desk.one("SELECT so_no FROM dlv_item WHERE pick_stat = 'C' AND gi_act IS NULL")
    desk.change("UPDATE resv SET dem_type = 'SLS', dem_no = ? WHERE resv_no = 'RS00000005'", sold)
    assert desk.code(MOVE_RESERVATION, call) == "already_picked"
