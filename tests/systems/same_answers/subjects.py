"""What the tools are asked about: orders, materials, lots and partners of the plant, by the plant's own tables."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from tests.questions.scoring import Truth

_PICKED: Final = 3
_LATE: Final = ("sales_order_id", "production_order_id", "material_id")
# Name of the subjects → column and table of the ERP, with a condition: those that come up there most often.
_OFTEN: Final = {
    "sales_order_id:some": ("so_no", "dlv_item", ""),
    "purchase_order_id:some": ("po_no", "vend_inv", ""),
    "purchase_order_id:blocked": ("po_no", "vend_inv", "block <> ''"),
    "order_id:received": ("po_no", "gr_item", ""),
    "material_id:bought": ("mat_no", "source_list", "mat_no IN (SELECT mat_no FROM po_item)"),
    "material_id:made": ("mat_no", "bom_item", ""),
    "supplier_id:some": ("vendor_no", "gr_item", ""),
    "supplier_id:billing": ("vendor_no", "vend_inv", "stat = 'PARK'"),
    "customer_id:some": ("cust_no", "so_item", "stat = 'OPEN'"),
    "customer_id:returning": ("cust_no", "rma_item", ""),
    "lot_id:sent": ("lot_no", "dlv_item", "gi_act <> ''"),
    "lot_id:received": ("in_lot", "lot_trace", "in_lot IN (SELECT lot_no FROM gr_item)"),
    "lot_id:inspected": ("lot_no", "insp_lot", ""),
    "lot_id:held": ("lot_no", "qual_notif", "hold_flag = 1 AND lot_no <> ''"),
    "production_order_id:some": ("ord_no", "prod_op", "stat = 'PCNF'"),
    "production_order_id:done": ("ord_no", "op_conf", ""),
    "work_center_id:some": ("wc_no", "prod_op", ""),
}
_FIRST: Final = {
    "reference": "SELECT cust_po FROM so_head ORDER BY so_no LIMIT 20",
    "customer_id": "SELECT cust_no FROM customer ORDER BY 1 LIMIT 10",
    "supplier_id": "SELECT vendor_no FROM vendor ORDER BY 1 LIMIT 10",
}
_BOUGHT: Final = "SELECT mat_no, plant FROM po_item GROUP BY 1, 2 ORDER BY count(*) DESC, 1, 2 LIMIT 3"
_LATER: Final = """
SELECT mat_no, po_no || '/' || item_no FROM po_item WHERE stat = 'OPEN' ORDER BY promise, 2 LIMIT 2
"""
_GIVEN: Final = """
SELECT a.mat_no, a.dem_no || '/' || b.dem_no || '/1' FROM resv AS a JOIN resv AS b USING (mat_no, plant)
 WHERE a.dem_type = 'PRD' AND b.dem_type = 'PRD' AND a.dem_no < b.dem_no ORDER BY a.dem_no, b.dem_no LIMIT 2
"""


def subjects(truth: Truth, plant: Path) -> dict[str, list[str]]:
    """Return subjects by name: all late lines with their needs, and a few of everything else."""
    late = truth.select("SELECT * FROM truth_late_line ORDER BY sales_order_id, line")
    found = {name: sorted({str(row[name]) for row in late if row[name]}) for name in _LATE}
    with closing(_erp(plant)) as erp:
        for name, statement in _FIRST.items():
            found[name] = [row[0] for row in erp.execute(statement)]
        for name, (column, table, condition) in _OFTEN.items():
            counted = f"SELECT {column} FROM {table} WHERE {condition or 'true'} GROUP BY 1 ORDER BY count(*) DESC, 1"
            found[name] = [row[0] for row in erp.execute(f"{counted} LIMIT {_PICKED}")]
    return found


def suppositions(plant: Path) -> list[dict[str, Any]]:
    """Return what may be supposed: more of a material at a site, an order that comes later, one that gives away."""
    more = {"add_demand": ["50/2026-04-02"], "add_supply": ["20/2026-03-27"]}
    with closing(_erp(plant)) as erp:
        added = [{"material_id": one, "site": site, **more} for one, site in erp.execute(_BOUGHT)]
        moved = [{"material_id": one, "move_supply": [f"{order}/2026-05-04"]} for one, order in erp.execute(_LATER)]
        return [*added, *moved, *({"material_id": one, "reassign": [words]} for one, words in erp.execute(_GIVEN))]


def _erp(plant: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{(plant / 'erp.sqlite').resolve().as_uri()}?mode=ro", uri=True)
