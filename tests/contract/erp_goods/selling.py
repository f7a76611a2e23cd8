"""Commands of sales."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from erp_mcp.demo.writing.customer_return import CREATE_RETURN
from erp_mcp.demo.writing.outbound import CREATE_DELIVERY
from erp_mcp.demo.writing.sales_date import UPDATE_SALES_DATE
from tests.contract.erp_goods.form import Goods, Made, Row


def _sales_date(row: Row, _: int) -> Made:
    number, item, version = row
    fields = {"sales_order_id": number, "line": item, "new_date": "2027-02-01"}
    return Made(fields=fields, key=f"{number}/{item}", version=version)


def _delivery(row: Row, _: int) -> Made:
    order, line, head_version, version = row
    return Made(
        fields={
            "sales_order_id": order, "planned_goods_issue": "2026-12-01",
            "lines": [{"line": line, "qty": "0.001", "uom": "EA"}],
            "versions": [{"line": "", "version": head_version}, {"line": line, "version": version}],
        }
    )  # fmt: skip


def _return(row: Row, number: int) -> Made:
    order, line, version = row
    return Made(
        fields={
            "sales_order_id": order, "sales_order_line": line, "qty": f"0.{number:03d}", "uom": "EA",
            "reason_code": "EXCESS", "lot_id": None, "versions": [{"line": line, "version": version}],
        }
    )  # fmt: skip


GOODS: Final[Mapping[str, Goods]] = {
    UPDATE_SALES_DATE: Goods(
        records="SELECT so_no, item_no, changed_at FROM so_item WHERE stat = 'OPEN' ORDER BY 1, 2",
        good=_sales_date,
        wrong={"new_date": "2026-03-01"},
        touch="UPDATE so_item SET changed_at = '2026-03-16T05:00:00Z' WHERE so_no || '/' || item_no = ?",
    ),
    CREATE_DELIVERY: Goods(
        records="SELECT i.so_no, i.item_no, h.changed_at, i.changed_at FROM so_item i JOIN so_head h USING (so_no)"
        " WHERE i.so_no = '0010000410' AND i.item_no = '000020'",
        good=_delivery,
        wrong={"planned_goods_issue": "2026-03-01"},
    ),
    CREATE_RETURN: Goods(
        records="SELECT so_no, item_no, changed_at FROM so_item WHERE stat = 'CLSD' ORDER BY qty_dlv DESC, 1, 2",
        good=_return,
        wrong={"reason_code": "ODD"},
    ),
}
_LINES: Final = "SELECT so_no || '/' || item_no, so_no, conf_date || changed_at || qty_open || stat FROM so_item"
_DELIVERIES: Final = (
    "SELECT dlv_no || '/' || item_no, dlv_no || '/0010', so_no || so_item || lot_no || qty || gi_plan || changed_at"
    " FROM dlv_item"
)
_RETURNS: Final = (
    "SELECT rma_no || '/' || item_no, rma_no || '/' || item_no, so_no || so_item || qty || reason || stat || changed_at"
    " FROM rma_item"
)
EFFECTS: Final = (_LINES, _DELIVERIES, _RETURNS)
