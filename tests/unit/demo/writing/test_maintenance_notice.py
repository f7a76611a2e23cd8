"""The demo ERP takes a maintenance notification by rules of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.writing.maintenance_notice import CREATE_NOTICE
from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.unit.demo.writing.order_desk import OrderDesk, open_desk


@pytest.fixture
def desk(plant: DemoPlant, tmp_path: Path) -> Iterator[OrderDesk]:
    with open_desk(plant.erp, tmp_path) as opened:
        yield opened


def _call(**changed: JsonValue) -> dict[str, JsonValue]:
    return {
        "plant": "2000", "wc_no": "CNC-21", "asset_no": "AST-CNC-21", "brk_flag": 0, "prio": "2",
        "descr": "Spindle vibrates.", "witness": None, **changed,
    }  # fmt: skip


@guarantees("P7.demo_plant")
def test_numbers_go_on_and_nothing_is_planned(desk: OrderDesk) -> None:
    """A planner takes it up; a second breakdown of the same asset is none."""
    (last,) = desk.one("SELECT max(mn_no) FROM mnt_notif")
    orders = desk.rows("SELECT * FROM maint_order")

    first = desk.done(CREATE_NOTICE, _call())
    broken = desk.done(CREATE_NOTICE, _call(brk_flag=1, witness="shift lead"))

    assert [first.number, broken.number] == [f"MN{int(last[2:]) + step:08d}" for step in (1, 2)]
    query = "SELECT stat, mnt_no, brk_flag, witness FROM mnt_notif WHERE mn_no = ?"
    assert desk.one(query, broken.number) == ("OSNO", None, 1, "shift lead")
    assert desk.rows("SELECT * FROM maint_order") == orders
    assert desk.code(CREATE_NOTICE, _call(brk_flag=1, witness="shift lead")) == "breakdown_reported"


@guarantees("P7.demo_plant")
def test_what_a_real_erp_refuses_is_refused(desk: OrderDesk) -> None:
    """Whatever was looked at before it was sent."""
    for changed, code in (
        ({"plant": "1000"}, "unknown_work_center"),
        ({"wc_no": "CNC-99"}, "unknown_work_center"),
        ({"asset_no": "AST-CNC-01"}, "unknown_asset"),
        ({"prio": "9"}, "bad_priority"),
        ({"descr": ""}, "bad_text"),
        ({"descr": "x" * 501}, "bad_text"),
        ({"brk_flag": 1}, "no_witness"),
    ):
        assert desk.code(CREATE_NOTICE, _call(**changed)) == code
