"""Commands of procurement, and of prices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from erp_mcp.demo.writing.order import CREATE_ORDER
from erp_mcp.demo.writing.order_cancel import CANCEL_LINES
from erp_mcp.demo.writing.order_change import CHANGE_LINE
from erp_mcp.demo.writing.promise import UPDATE_DATE
from erp_mcp.demo.writing.requisition import CREATE_REQUISITION
from erp_mcp.demo.writing.sales_price import UPDATE_SALES_PRICE
from erp_mcp.demo.writing.source_price import UPDATE_PRICE
from erp_mcp.demo.writing.vendor import CREATE_VENDOR
from erp_mcp.domain.call import JsonValue
from tests.contract.erp_goods.form import Goods, Made, Row

_CALLED: Final = (
    "UPDATE po_item SET memo = 'called', changed_at = '2026-03-16T05:00:00Z' WHERE po_no || '/' || item_no = ?"
)

# Each operation has lines of its own, or one would take away the version that another was made of.
_OPEN: Final = "SELECT po_no, item_no, changed_at, price FROM po_item WHERE stat = 'OPEN' AND {} ORDER BY 1, 2"
_UNBILLED: Final = "NOT EXISTS (SELECT 1 FROM vend_inv v WHERE v.po_no = po_item.po_no AND v.po_item = po_item.item_no)"


def _new_date(row: Row, _: int) -> Made:
    number, item, version, _price = row
    fields = {"purchase_order_id": number, "line": item, "new_date": "2027-02-01"}
    return Made(fields=fields, key=f"{number}/{item}", version=version)


def _order(row: Row, number: int) -> Made:
    supplier, material, plant, unit, price, per, currency = row
    line = {
        "material_id": material,
        "uom": unit,
        "price": f"{price[:-2]}",
        "price_unit": per,
        "delivery_date": "2027-02-01",
    }
    lines: list[JsonValue] = [
        {**line, "qty": f"{500 + number}.5"},
        {**line, "qty": "600", "delivery_date": "2027-02-08"},
    ]
    return Made(
        fields={"supplier_id": supplier, "site": plant, "currency": currency, "lines": lines, "requisitions": []}
    )


def _changed(row: Row, number: int) -> Made:
    order, item, version, price = row
    fields: dict[str, JsonValue] = {
        "purchase_order_id": order, "line": item, "qty": f"{9000 + number}.5", "price": f"{price[:-2]}",
        "delivery_date": "2027-02-01",
    }  # fmt: skip
    return Made(fields=fields, key=f"{order}/{item}", version=version)


def _cancelled(row: Row, _: int) -> Made:
    order, item, version, _price = row
    fields: dict[str, JsonValue] = {
        "purchase_order_id": order, "lines": [item], "cancel_reason": "no_demand", "versions": [],
    }  # fmt: skip
    return Made(fields=fields, key=f"{order}/{item}", version=version)


def _vendor(row: Row, number: int) -> Made:
    fields: dict[str, JsonValue] = {
        "name": f"Probe {number} GmbH", "country": "DE", "tax_id": f"DE9{number:08d}", "supplier_type": "service",
        "payment_terms": row[0], "blocked": True,
    }  # fmt: skip
    return Made(fields=fields)


def _source_price(row: Row, _: int) -> Made:
    material, supplier, site, version, per, currency = row
    fields: dict[str, JsonValue] = {
        "material_id": material, "supplier_id": supplier, "site": site, "price": "0.25", "price_unit": per,
        "currency": currency,
    }  # fmt: skip
    return Made(fields=fields, key=f"{material}/{supplier}/{site}", version=version)


def _sales_price(row: Row, _: int) -> Made:
    order, item, version, qty, currency = row
    net = f"{int(qty.partition('.')[0])}.00"
    fields = {"sales_order_id": order, "line": item, "price": "1.00", "net_value": net, "currency": currency}
    return Made(fields=fields, key=f"{order}/{item}", version=version)


def _requisition(row: Row, number: int) -> Made:
    material, plant, unit = row
    return Made(
        fields={
            "material_id": material, "site": plant, "qty": f"{number}.5", "uom": unit, "delivery_date": "2027-02-01",
            "supplier_id": None, "cost_object": None,
        }
    )  # fmt: skip


GOODS: Final[Mapping[str, Goods]] = {
    UPDATE_DATE: Goods(
        records=_OPEN.format("po_no % 3 = 0"),
        good=_new_date,
        wrong={"new_date": "2026-03-01"},
        touch=_CALLED,
    ),
    CREATE_ORDER: Goods(
        records="SELECT s.vendor_no, s.mat_no, s.plant, s.uom, s.price, s.price_per, s.curr FROM source_list s"
        " JOIN vendor v USING (vendor_no) JOIN mat_gen g USING (mat_no) WHERE v.purch_block = 0 AND s.blocked = 0"
        " AND g.mat_stat = '01' AND s.price LIKE '%00' ORDER BY 1, 2, 3",
        good=_order,
        wrong={"currency": "GBP"},
    ),
    CHANGE_LINE: Goods(
        records=_OPEN.format(f"po_no % 3 = 1 AND {_UNBILLED}"),
        good=_changed,
        wrong={"price": "0"},
        touch=_CALLED,
    ),
    CANCEL_LINES: Goods(
        records=_OPEN.format(f"po_no % 3 = 2 AND CAST(qty_recv AS REAL) = 0 AND {_UNBILLED}"),
        good=_cancelled,
        wrong={"cancel_reason": "a whim"},
        touch=_CALLED,
    ),
    UPDATE_PRICE: Goods(
        records="SELECT mat_no, s.vendor_no, plant, s.changed_at, price_per, curr FROM source_list s JOIN vendor v"
        " USING (vendor_no) WHERE blocked = 0 AND purch_block = 0 AND vendor_no > 'S0020' ORDER BY 1 DESC, 2, 3",
        good=_source_price,
        wrong={"currency": "GBP"},
        touch="UPDATE source_list SET changed_at = '2026-03-16T05:00:00Z'"
        " WHERE mat_no || '/' || vendor_no || '/' || plant = ?",
    ),
    UPDATE_SALES_PRICE: Goods(
        records="SELECT so_no, item_no, changed_at, qty_ord, curr FROM so_item s WHERE stat = 'OPEN'"
        " AND qty_ord LIKE '%.000' AND so_no > '0010000410' AND NOT EXISTS"
        " (SELECT 1 FROM bill_item b WHERE b.so_no = s.so_no AND b.so_item = s.item_no) ORDER BY 1 DESC, 2",
        good=_sales_price,
        wrong={"currency": "GBP"},
        touch="UPDATE so_item SET changed_at = '2026-03-16T05:00:00Z' WHERE so_no || '/' || item_no = ?",
    ),
    CREATE_VENDOR: Goods(
        records="SELECT pay_terms FROM vendor ORDER BY vendor_no",
        good=_vendor,
        wrong={"payment_terms": "N999"},
    ),
    CREATE_REQUISITION: Goods(
        records="SELECT p.mat_no, p.plant, g.base_uom FROM mat_plant p JOIN mat_gen g USING (mat_no)"
        " WHERE proc_type = 'F' AND mat_stat = '01' ORDER BY 1, 2",
        good=_requisition,
        wrong={"delivery_date": "2026-03-01"},
    ),
}
_LINES: Final = """
    SELECT po_no || '/' || item_no, po_no || '/00010',
           promise || changed_at || qty_ord || qty_open || price || req_date || stat || release_ind
           || coalesce(promise_set_at, '')
           || (SELECT count(*) FROM po_conf c WHERE c.po_no = p.po_no AND c.item_no = p.item_no)
      FROM po_item p
"""
_REQUISITIONS: Final = """
    SELECT pr_no || '/' || item_no, pr_no || '/' || item_no,
           mat_no || qty || uom || dlv_date || release_ind || stat || changed_at
      FROM pr_item
"""
_VENDORS: Final = "SELECT vendor_no, vendor_no, name1 || tax_no || purch_block || changed_at FROM vendor"
_SOURCES: Final = """
    SELECT mat_no || '/' || vendor_no || '/' || plant, mat_no || '/' || vendor_no || '/' || plant, price || changed_at
      FROM source_list
"""
EFFECTS: Final = (_LINES, _REQUISITIONS, _VENDORS, _SOURCES)
