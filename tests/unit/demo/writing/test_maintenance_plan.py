"""The demo ERP plans maintenance for a notification by rules of its own, and releases nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.writing.maintenance_plan import CREATE_ORDER
from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.unit.demo.writing.order_desk import OrderDesk, open_desk


@pytest.fixture
def desk(plant: DemoPlant, tmp_path: Path) -> Iterator[OrderDesk]:
    with open_desk(plant.erp, tmp_path) as opened:
        yield opened


def _call(desk: OrderDesk, **changed: JsonValue) -> dict[str, JsonValue]:
    number, center, asset, version = desk.one(
        "SELECT mn_no, wc_no, asset_no, changed_at FROM mnt_notif WHERE stat = 'OSNO' ORDER BY 1"
    )
    return {
        "mn_no": number, "wc_no": center, "asset_no": asset, "start_plan": "2026-03-30", "finish_plan": "2026-03-31",
        "permit_flag": 1, "version": version, **changed,
    }  # fmt: skip


@guarantees("P7.demo_plant")
def test_an_order_is_created_unreleased_and_its_notification_taken_up(desk: OrderDesk) -> None:
    """One notification, one order."""
    call = _call(desk)
    (last,) = desk.one("SELECT max(mnt_no) FROM maint_order")

    done = desk.done(CREATE_ORDER, call)

    assert done.number == f"{int(last) + 1:012d}"
    query = "SELECT stat, mnt_type, start_plan, finish_plan, permit_flag, began_at FROM maint_order WHERE mnt_no = ?"
    assert desk.one(query, done.number) == ("CRTD", "PM02", "2026-03-30", "2026-03-31", 1, None)
    notice = desk.one("SELECT stat, mnt_no, changed_at FROM mnt_notif WHERE mn_no = ?", str(call["mn_no"]))
    assert notice == ("NOPR", done.number, done.version)
    assert desk.code(CREATE_ORDER, call) == "superseded"
    assert desk.code(CREATE_ORDER, {**call, "version": done.version}) == "not_open"


@guarantees("P7.demo_plant")
def test_what_a_real_erp_refuses_is_refused(desk: OrderDesk) -> None:
    """Whatever was looked at before it was sent."""
    for changed, code in (
        ({"mn_no": "MN99999999"}, "unknown_document"),
        ({"version": "2020-01-01T00:00:00Z"}, "superseded"),
        ({"asset_no": "AST-CNC-99"}, "key_mismatch"),
        ({"start_plan": "2026-03-15"}, "date_in_past"),
        ({"finish_plan": "soon"}, "bad_date"),
        ({"finish_plan": "2026-03-29"}, "bad_date"),
    ):
        assert desk.code(CREATE_ORDER, _call(desk, **changed)) == code
