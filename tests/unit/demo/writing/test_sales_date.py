"""The demo ERP confirms another date for a sales order line by rules of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.writing.sales_date import UPDATE_SALES_DATE
from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.unit.demo.writing.order_desk import OrderDesk, open_desk

LATER: Final = "2026-06-01"
_LINE: Final = "SELECT so_no, item_no, changed_at, conf_date FROM so_item WHERE {} ORDER BY 1, 2"


@pytest.fixture
def desk(plant: DemoPlant, tmp_path: Path) -> Iterator[OrderDesk]:
    with open_desk(plant.erp, tmp_path) as opened:
        yield opened


def _call(desk: OrderDesk, condition: str = "stat = 'OPEN'", **changed: JsonValue) -> dict[str, JsonValue]:
    number, item, version, _ = desk.one(_LINE.format(condition))
    return {"so_no": number, "item_no": item, "version": version, "new_date": LATER, **changed}


@guarantees("P7.demo_plant")
def test_the_confirmed_date_moves_and_the_wish_of_the_customer_stays(desk: OrderDesk) -> None:
    """How late we are counts from what was asked for."""
    call = _call(desk)
    key = str(call["so_no"]), str(call["item_no"])
    query = "SELECT req_date, qty_open, stat, conf_date, changed_at FROM so_item WHERE so_no = ? AND item_no = ?"
    before = desk.one(query, *key)

    done = desk.done(UPDATE_SALES_DATE, call)

    assert desk.one(query, *key) == (*before[:3], LATER, done.version)
    assert done.version > before[4]


@guarantees("P4.stale")
def test_a_line_at_another_version_is_a_conflict(desk: OrderDesk) -> None:
    """The version is used up by the first change."""
    call = _call(desk)
    desk.done(UPDATE_SALES_DATE, call)
    assert desk.code(UPDATE_SALES_DATE, {**call, "new_date": "2026-06-02"}) == "superseded"


@guarantees("P7.demo_plant")
def test_what_a_real_erp_refuses_is_refused(desk: OrderDesk) -> None:
    """Whatever was looked at before it was sent."""
    shown = str(desk.one(_LINE.format("stat = 'OPEN'"))[3])
    desk.change("UPDATE so_item SET stat = 'CANC' WHERE so_no = (SELECT max(so_no) FROM so_item)")
    for call, code in (
        (_call(desk, new_date=shown), "nothing_changes"),
        (_call(desk, new_date="2026-03-15"), "date_in_past"),
        (_call(desk, new_date="1st of May"), "bad_date"),
        (_call(desk, "stat = 'CLSD'"), "document_closed"),
        (_call(desk, "stat = 'CANC'"), "document_cancelled"),
        ({**_call(desk), "so_no": "0099999999"}, "unknown_document"),
    ):
        assert desk.code(UPDATE_SALES_DATE, call) == code
    desk.change("UPDATE so_item SET qty_open = '0.000' WHERE stat = 'OPEN'")
    assert desk.code(UPDATE_SALES_DATE, _call(desk)) == "fully_delivered"
