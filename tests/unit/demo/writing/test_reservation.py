"""The demo ERP holds stock by rules of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.writing.reservation import CREATE_RESERVATION
from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.unit.demo.writing.order_desk import OrderDesk, open_desk


@pytest.fixture
def desk(plant: DemoPlant, tmp_path: Path) -> Iterator[OrderDesk]:
    with open_desk(plant.erp, tmp_path) as opened:
        yield opened


def _call(**changed: JsonValue) -> dict[str, JsonValue]:
    return {
        "mat_no": "RM-007", "plant": "1000", "lot_no": "L000850", "dem_type": "PRD", "dem_no": "000001000539",
        "dem_item": "0080", "qty": "12.5", "uom": "KGM", "need_date": "2026-03-19", **changed,
    }  # fmt: skip


@guarantees("P7.demo_plant")
def test_what_is_held_gets_the_next_number_and_all_that_was_asked_for(desk: OrderDesk) -> None:
    """Numbers go up by one, also after a person has deleted the last."""
    first, second = desk.done(CREATE_RESERVATION, _call()), desk.done(CREATE_RESERVATION, _call(qty="1"))
    assert (first.number, second.number) == ("RS00001700", "RS00001701")
    assert desk.one("SELECT * FROM resv WHERE resv_no = 'RS00001700'") == (
        "RS00001700", "RM-007", "1000", "L000850", "PRD", "000001000539", "0080", "12.500", "KGM", "2026-03-19",
        first.version,
    )  # fmt: skip
    desk.change("DELETE FROM resv WHERE resv_no = 'RS00001701'")
    assert desk.done(CREATE_RESERVATION, _call(qty="1")).number == "RS00001702"


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"mat_no": "RM-999"}, "unknown_material"),
        ({"plant": "2000"}, "unknown_material"),
        ({"uom": "EA"}, "unknown_unit"),
        ({"qty": "0"}, "bad_quantity"),
        ({"qty": "0.0001"}, "bad_quantity"),
        ({"need_date": "2026-03-15"}, "date_in_past"),
        ({"need_date": "soon"}, "bad_date"),
        ({"lot_no": "L000001"}, "unknown_lot"),
        ({"dem_no": "000001009999"}, "unknown_demand"),
        ({"dem_item": "0010"}, "unknown_demand"),
        ({"dem_type": "SLS"}, "unknown_demand"),
        ({"dem_type": "ANY"}, "unknown_demand"),
        ({"qty": "50.001"}, "more_than_needed"),
    ],
)
def test_what_can_not_be_held_is_refused_and_nothing_written(
    desk: OrderDesk, changed: dict[str, JsonValue], code: str
) -> None:
    """Its rules stand whatever was looked at before."""
    assert desk.code(CREATE_RESERVATION, _call(**changed)) == code


@guarantees("P7.demo_plant")
def test_a_lot_gives_no_more_than_is_free_of_it(desk: OrderDesk) -> None:
    """To the thousandth: what others hold is theirs."""
    desk.change("UPDATE stock_qty SET qty = '30.000' WHERE lot_no = 'L000850'")
    desk.done(CREATE_RESERVATION, _call(qty="20"))
    assert desk.code(CREATE_RESERVATION, _call(qty="10.001")) == "not_enough_stock"
    desk.done(CREATE_RESERVATION, _call(qty="10"))


@guarantees("P7.demo_plant")
def test_a_lot_that_is_restricted_or_expires_by_then_and_a_blocked_material_are_refused(desk: OrderDesk) -> None:
    """The day of expiry is too late."""
    desk.change("UPDATE batch SET expires_on = '2026-03-19' WHERE lot_no = 'L000850'")
    assert desk.code(CREATE_RESERVATION, _call()) == "lot_expired"
    desk.change("UPDATE batch SET disp = 'R' WHERE lot_no = 'L000850'")
    assert desk.code(CREATE_RESERVATION, _call()) == "lot_restricted"
    desk.change("UPDATE mat_gen SET mat_stat = '02' WHERE mat_no = 'RM-007'")
    assert desk.code(CREATE_RESERVATION, _call()) == "material_blocked"
