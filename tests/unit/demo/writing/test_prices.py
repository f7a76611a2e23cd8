"""The demo ERP changes prices by rules of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.writing.sales_price import UPDATE_SALES_PRICE
from erp_mcp.demo.writing.source_price import UPDATE_PRICE
from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.unit.demo.writing.order_desk import OrderDesk, open_desk

SOURCE = ("RM-002", "S0014", "1000")  # 14.07 EUR
LINE = ("0010000250", "000010")  # 16 at 35024.00 EUR


@pytest.fixture
def erp(plant: DemoPlant, tmp_path: Path) -> Iterator[OrderDesk]:
    """A copy of the plant's ERP."""
    with open_desk(plant.erp, tmp_path) as desk:
        yield desk


def bought(erp: OrderDesk, **wanted: JsonValue) -> dict[str, JsonValue]:
    """Return another price of a source."""
    version = erp.one("SELECT changed_at FROM source_list WHERE mat_no = ? AND vendor_no = ? AND plant = ?", *SOURCE)[0]
    key: dict[str, JsonValue] = dict(zip(("mat_no", "vendor_no", "plant"), SOURCE, strict=True))
    return {**key, "version": version, "price": "14.60", "price_per": 1, "curr": "EUR", **wanted}


def sold(erp: OrderDesk, **wanted: JsonValue) -> dict[str, JsonValue]:
    """Return another price of a sales order line."""
    version = erp.one("SELECT changed_at FROM so_item WHERE so_no = ? AND item_no = ?", *LINE)[0]
    key: dict[str, JsonValue] = {"so_no": LINE[0], "item_no": LINE[1], "version": version}
    return {**key, "price": "2150.125", "net_value": "34402.00", "curr": "EUR", **wanted}


@guarantees("P7.demo_plant")
def test_a_source_gets_a_price_and_open_orders_keep_theirs(erp: OrderDesk) -> None:
    """With four decimals, as it keeps them."""
    lines = erp.rows("SELECT * FROM po_item")
    done = erp.done(UPDATE_PRICE, bought(erp))
    key = "mat_no = ? AND vendor_no = ? AND plant = ?"
    assert erp.one(f"SELECT price, changed_at FROM source_list WHERE {key}", *SOURCE) == ("14.6000", done.version)
    assert erp.rows("SELECT * FROM po_item") == lines


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"vendor_no": "S0001"}, "unknown_document"),
        ({"version": "2026-03-16T06:00:00Z"}, "superseded"),
        ({"price": "14.07"}, "nothing_changes"),
        ({"price": "0"}, "bad_price"),
        ({"price": "14.60001"}, "bad_price"),
        ({"price": "28.1401"}, "price_too_high"),
        ({"curr": "USD"}, "other_terms"),
        ({"price_per": 10}, "other_terms"),
    ],
)
def test_it_refuses_a_purchase_price_that_is_wrong(erp: OrderDesk, wrong: dict[str, JsonValue], code: str) -> None:
    """Twice 14.07 are 28.14."""
    assert erp.code(UPDATE_PRICE, bought(erp, **wrong)) == code


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE vendor SET purch_block = 1 WHERE vendor_no = 'S0014'", "supplier_blocked"),
        ("UPDATE source_list SET blocked = 1 WHERE vendor_no = 'S0014'", "source_blocked"),
        ("UPDATE source_list SET valid_to = '2026-03-15' WHERE vendor_no = 'S0014'", "source_blocked"),
    ],
)
def test_a_price_that_does_not_count_is_not_changed(erp: OrderDesk, change: str, code: str) -> None:
    """Whatever was looked at before it was sent."""
    erp.change(change)
    assert erp.code(UPDATE_PRICE, bought(erp)) == code


@guarantees("P7.demo_plant")
def test_the_sum_of_a_sales_order_follows_its_line(erp: OrderDesk) -> None:
    """16 at 2150.125 are 34402.00; the other line has 140728.00."""
    done = erp.done(UPDATE_SALES_PRICE, sold(erp))
    query = "SELECT net_value, open_value, changed_at FROM so_item WHERE so_no = ? AND item_no = ?"
    assert erp.one(query, *LINE) == ("34402.00", "34402.00", done.version)
    assert erp.one("SELECT net_value FROM so_head WHERE so_no = ?", LINE[0]) == ("175130.00",)


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"item_no": "000099"}, "unknown_document"),
        ({"version": "2026-03-16T06:00:00Z"}, "superseded"),
        ({"price": "2189", "net_value": "35024.00"}, "nothing_changes"),
        ({"price": "0"}, "bad_price"),
        ({"net_value": "34402.01"}, "other_value"),
        ({"net_value": ""}, "other_value"),
        ({"curr": "USD"}, "other_terms"),
    ],
)
def test_it_refuses_a_sales_price_that_is_wrong(erp: OrderDesk, wrong: dict[str, JsonValue], code: str) -> None:
    """A value that does not come of price and quantity is not what was approved."""
    assert erp.code(UPDATE_SALES_PRICE, sold(erp, **wrong)) == code


@guarantees("P7.demo_plant")
def test_what_is_billed_or_closed_keeps_its_price(erp: OrderDesk) -> None:
    """A part of an order may be billed before the rest."""
    erp.change(
        f"INSERT INTO bill_item VALUES ('B1', '1', '1000', '{LINE[0]}', '{LINE[1]}', '2026-03-15', '1', 'EUR', 'x')"
    )
    assert erp.code(UPDATE_SALES_PRICE, sold(erp)) == "billed"
    erp.change("UPDATE so_item SET stat = 'CLSD' WHERE so_no = ?", LINE[0])
    assert erp.code(UPDATE_SALES_PRICE, sold(erp)) == "document_closed"
