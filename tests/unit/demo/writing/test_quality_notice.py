"""The demo ERP takes a quality notification by rules of its own, and holds nothing by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.writing.quality_notice import CREATE_NOTICE
from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.unit.demo.writing.order_desk import OrderDesk, open_desk


@pytest.fixture
def desk(plant: DemoPlant, tmp_path: Path) -> Iterator[OrderDesk]:
    with open_desk(plant.erp, tmp_path) as opened:
        yield opened


def _call(desk: OrderDesk, **changed: JsonValue) -> dict[str, JsonValue]:
    lot, material, plant = desk.one("SELECT lot_no, mat_no, plant FROM batch WHERE disp = 'U' ORDER BY 1")
    return {
        "plant": plant, "mat_no": material, "lot_no": lot, "defect": "SURF", "descr": "Scratches.", "hold_flag": 1,
        **changed,
    }  # fmt: skip


@guarantees("P7.demo_plant")
def test_numbers_go_on_where_the_plant_ended_and_the_lot_stays_as_it_is(desk: OrderDesk) -> None:
    """A hold that is asked for changes no lot and no stock."""
    call = _call(desk)
    (last,) = desk.one("SELECT max(qn_no) FROM qual_notif")
    others = desk.rows("SELECT * FROM batch"), desk.rows("SELECT * FROM stock_qty")

    first, second = desk.done(CREATE_NOTICE, call), desk.done(CREATE_NOTICE, call)

    assert [first.number, second.number] == [f"QN{int(last[2:]) + step:08d}" for step in (1, 2)]
    assert (desk.rows("SELECT * FROM batch"), desk.rows("SELECT * FROM stock_qty")) == others
    assert desk.one("SELECT stat, hold_flag, lot_no, qn_type FROM qual_notif WHERE qn_no = ?", first.number) == (
        "OSNO", 1, call["lot_no"], "Q3",
    )  # fmt: skip


@guarantees("P7.demo_plant")
def test_what_a_real_erp_refuses_is_refused(desk: OrderDesk) -> None:
    """Whatever was looked at before it was sent."""
    for changed, code in (
        ({"defect": "ODD"}, "unknown_defect"),
        ({"mat_no": "RM-999"}, "unknown_material"),
        ({"plant": "9000"}, "unknown_material"),
        ({"lot_no": "L999999"}, "unknown_lot"),
        ({"descr": ""}, "bad_text"),
        ({"descr": "x" * 501}, "bad_text"),
        ({"descr": "two\nlines"}, "bad_text"),
        ({"lot_no": None}, "hold_without_lot"),
    ):
        assert desk.code(CREATE_NOTICE, _call(desk, **changed)) == code
    other = desk.one("SELECT lot_no FROM batch WHERE mat_no <> ?", str(_call(desk)["mat_no"]))[0]
    assert desk.code(CREATE_NOTICE, _call(desk, lot_no=other)) == "unknown_lot"
