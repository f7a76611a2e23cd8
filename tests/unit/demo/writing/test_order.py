"""The demo ERP makes purchase orders by rules of its own, in one piece or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.demo import DemoPlant, lock
from erp_mcp.demo.writing.order import CREATE_ORDER
from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.unit.demo.writing.order_desk import OrderDesk, open_desk

ITEM: Final[dict[str, JsonValue]] = {
    "mat_no": "RM-002", "qty": "120.5", "uom": "MTR", "price": "14.07", "price_per": 1, "dlv_date": "2026-05-18",
}  # fmt: skip
ORDER: Final[dict[str, JsonValue]] = {
    "vendor_no": "S0014", "plant": "1000", "curr": "EUR", "items": [ITEM], "refs": [],
}  # fmt: skip
OPEN_REQUISITION: Final = (
    "INSERT INTO pr_item VALUES ('0030000900', '00010', '1000', 'RM-002', '60.000', 'MTR', '2026-05-18', 'x', ?, NULL,"
    " ?, 'USER', '2026-03-01T06:00:00Z')"
)


@pytest.fixture
def erp(plant: DemoPlant, tmp_path: Path) -> Iterator[OrderDesk]:
    """A copy of the plant's ERP."""
    with open_desk(plant.erp, tmp_path) as desk:
        yield desk


def referring(version: str = "2026-03-01T06:00:00Z") -> dict[str, JsonValue]:
    """Return an order for a requisition."""
    return {**ORDER, "refs": [{"pr_no": "0030000900", "item_no": "00010", "version": version}]}


@guarantees("P7.demo_plant")
def test_numbers_go_on_and_one_that_was_deleted_is_not_given_again(erp: OrderDesk) -> None:
    """A supplier who has the number on paper must not get another order under it."""
    first = erp.done(CREATE_ORDER, ORDER)
    erp.change("DELETE FROM po_item WHERE po_no = ?", first.number)
    erp.change("DELETE FROM po_head WHERE po_no = ?", first.number)
    second = erp.done(CREATE_ORDER, {**ORDER, "items": [ITEM, ITEM]})

    assert int(second.number) == int(first.number) + 1
    assert erp.rows("SELECT item_no, open_value FROM po_item WHERE po_no = ? ORDER BY 1", second.number) == [
        ("00010", "1695.44"),
        ("00020", "1695.44"),
    ]


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"vendor_no": "S9999"}, "unknown_supplier"),
        ({"vendor_no": ""}, "unknown_supplier"),
        ({"vendor_no": "S0001"}, "no_source"),
        ({"plant": "2000"}, "unknown_material"),
        ({"curr": "USD"}, "other_terms"),
        ({"items": []}, "bad_items"),
        ({"items": [ITEM] * 51}, "bad_items"),
        ({"items": [ITEM, {**ITEM, "mat_no": "RM-999"}]}, "unknown_material"),
        ({"items": [{**ITEM, "qty": "9.999"}]}, "below_minimum"),
        ({"items": [{**ITEM, "qty": "0"}]}, "bad_quantity"),
        ({"items": [{**ITEM, "uom": "EA"}]}, "unknown_unit"),
        ({"items": [{**ITEM, "price_per": 10}]}, "other_terms"),
        ({"items": [{**ITEM, "price": "15.4771"}]}, "price_too_high"),
        ({"items": [{**ITEM, "price": "0"}]}, "bad_price"),
        ({"items": [{**ITEM, "price": "14.07001"}]}, "bad_price"),
        ({"items": [{**ITEM, "price": "NaN"}]}, "bad_price"),
        ({"items": [{**ITEM, "dlv_date": "2026-03-15"}]}, "date_in_past"),
    ],
)
def test_it_refuses_what_is_wrong_and_writes_nothing(erp: OrderDesk, wrong: dict[str, JsonValue], code: str) -> None:
    """Whatever the gateway has let pass."""
    assert erp.code(CREATE_ORDER, {**ORDER, **wrong}) == code


@guarantees("P7.demo_plant")
def test_a_price_at_its_own_border_is_taken(erp: OrderDesk) -> None:
    """Ten per cent above 14.07 are 15.477."""
    erp.done(CREATE_ORDER, {**ORDER, "items": [{**ITEM, "price": "15.477"}]})


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE vendor SET purch_block = 1 WHERE vendor_no = 'S0014'", "supplier_blocked"),
        ("UPDATE source_list SET blocked = 1 WHERE vendor_no = 'S0014' AND mat_no = 'RM-002'", "source_blocked"),
        ("UPDATE source_list SET valid_to = '2026-03-15' WHERE vendor_no = 'S0014'", "source_blocked"),
        ("UPDATE mat_gen SET mat_stat = '02' WHERE mat_no = 'RM-002'", "material_blocked"),
        ("UPDATE mat_gen SET mat_stat = '03' WHERE mat_no = 'RM-002'", "material_discontinued"),
    ],
)
def test_it_refuses_what_was_blocked_since(erp: OrderDesk, change: str, code: str) -> None:
    """The last word is the ERP's."""
    erp.change(change)
    assert erp.code(CREATE_ORDER, ORDER) == code


@guarantees("P7.demo_plant")
def test_with_purchasing_locked_no_order_is_taken_until_it_is_unlocked(erp: OrderDesk) -> None:
    """As a person at the ERP locks it; that it is locked leaves nothing behind."""
    before = erp.dump()
    lock.lock(erp.path)
    lock.lock(erp.path)
    assert erp.code(CREATE_ORDER, ORDER) == "purchasing_locked"
    lock.unlock(erp.path)
    lock.unlock(erp.path)
    assert erp.dump() == before

    erp.done(CREATE_ORDER, ORDER)


@guarantees("P7.demo_plant")
def test_a_requisition_is_closed_with_the_order_or_neither_is_written(erp: OrderDesk) -> None:
    """An order for a requisition that stays open would be made twice."""
    assert erp.code(CREATE_ORDER, referring()) == "unknown_document"
    erp.change(OPEN_REQUISITION, "R", "OPEN")
    assert erp.code(CREATE_ORDER, referring(version="v0")) == "superseded"
    erp.change("UPDATE pr_item SET release_ind = 'W' WHERE pr_no = '0030000900'")
    assert erp.code(CREATE_ORDER, referring()) == "requisition_not_open"
    erp.change("UPDATE pr_item SET release_ind = 'R' WHERE pr_no = '0030000900'")

    done = erp.done(CREATE_ORDER, referring())

    assert erp.one("SELECT stat, changed_at FROM pr_item WHERE pr_no = '0030000900'") == ("CONV", done.version)
    assert erp.code(CREATE_ORDER, referring(version=done.version)) == "requisition_not_open"
