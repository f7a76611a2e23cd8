"""Commands of planning and stock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from erp_mcp.demo.writing.movement import POST_MOVEMENT
from erp_mcp.demo.writing.order_commitment import CONFIRM_DATES
from erp_mcp.demo.writing.order_dates import RESCHEDULE
from erp_mcp.demo.writing.planned import CONFIRM_PLANNED
from erp_mcp.demo.writing.reservation import CREATE_RESERVATION
from erp_mcp.demo.writing.reservation_move import MOVE_RESERVATION
from erp_mcp.demo.writing.reservation_release import RELEASE_RESERVATION
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.value import QUANTITY_DIGITS, quantity_text, to_scaled
from tests.contract.erp_goods.form import Goods, Made, Row

THOUSANDTH: Final = 1_000
_QUANTITY_CHANGED: Final = (
    "UPDATE prod_head SET qty_plan = '7.000', changed_at = '2026-03-16T05:00:00Z' WHERE ord_no = ?"
)


def _reservation(row: Row, number: int) -> Made:
    material, plant, unit, lot, order, item = row
    return Made(
        fields={
            "material_id": material, "site": plant, "lot_id": lot, "demand_type": "production_order",
            "demand_id": order, "demand_line": item, "qty": quantity_text(number * THOUSANDTH), "uom": unit,
            "need_date": "2026-03-19",
        }
    )  # fmt: skip


def _other_dates(row: Row, _: int) -> Made:
    order, version = row
    fields = {"production_order_id": order, "new_start": "2026-05-04", "new_finish": "2026-05-08"}
    return Made(fields=fields, key=order, version=version)


def _other_order(row: Row, _: int) -> Made:
    number, material, plant, unit, order, item, version = row
    line: JsonValue = {
        "reservation_id": number, "demand_type": "production_order", "demand_id": order, "demand_line": item,
        "qty": "0.001", "need_date": "2026-03-30",
    }  # fmt: skip
    return Made(
        fields={"material_id": material, "site": plant, "uom": unit, "lines": [line], "versions": {}},
        key=number,
        version=version,
    )


def _given_up(row: Row, _: int) -> Made:
    number, unit, qty, version = row
    whole = quantity_text(to_scaled(qty, QUANTITY_DIGITS))
    fields = {"reservation_id": number, "qty": whole, "uom": unit, "qty_left": "0"}
    return Made(fields=fields, key=number, version=version)


def _firm(row: Row, _: int) -> Made:
    number, version = row
    return Made(fields={"planned_order_id": number, "action": "firm"}, key=number, version=version)


def _committed(row: Row, _: int) -> Made:
    order, version = row
    return Made(fields={"production_order_id": order, "commit_date": "2026-05-08"}, key=order, version=version)


def _transfer(row: Row, number: int) -> Made:
    material, plant, unit, lot = row
    line: JsonValue = {
        "reference_line": None, "material_id": material, "lot_id": lot, "storage_location_id": "0001",
        "to_location": "0002", "qty": quantity_text(number * THOUSANDTH), "uom": unit,
    }  # fmt: skip
    return Made(
        fields={
            "movement": "transfer", "site": plant, "reference_type": "transfer_request", "reference_id": "TR-1",
            "confirmed_by": "A. Weber, store, 05:40", "lines": [line], "versions": {},
        }
    )  # fmt: skip


GOODS: Final[Mapping[str, Goods]] = {
    CREATE_RESERVATION: Goods(
        records="SELECT s.mat_no, s.plant, s.uom, s.lot_no, c.ord_no, c.item_no FROM stock_qty s"
        " JOIN prod_comp c USING (mat_no, plant) WHERE s.mat_no = 'RM-007' AND s.stk_type = 'F'"
        " AND c.ord_no = '000001000539'",
        good=_reservation,
        wrong={"need_date": "2026-03-01"},
    ),
    RESCHEDULE: Goods(
        records="SELECT ord_no, changed_at FROM prod_head WHERE stat = 'CRTD' ORDER BY 1",
        good=_other_dates,
        wrong={"new_finish": "2026-03-01"},
        touch=_QUANTITY_CHANGED,
    ),
    MOVE_RESERVATION: Goods(
        # What is open and unserved first, once: looked for anew at each pair, it takes seconds.
        records="WITH c AS MATERIALIZED (SELECT * FROM prod_comp WHERE CAST(qty_open AS REAL) > 0 AND NOT EXISTS"
        " (SELECT 1 FROM resv o WHERE o.dem_no = prod_comp.ord_no AND o.dem_item = prod_comp.item_no))"
        " SELECT r.resv_no, r.mat_no, r.plant, r.uom, min(c.ord_no), c.item_no, r.changed_at FROM resv r"
        " JOIN c USING (mat_no, plant) JOIN batch b USING (lot_no) WHERE r.dem_type = 'PRD'"
        " AND c.ord_no <> r.dem_no AND b.disp = 'U' AND (b.expires_on IS NULL OR b.expires_on > '2026-03-30')"
        " GROUP BY 1 ORDER BY 1",
        good=_other_order,
        wrong={"uom": "ZZZ"},
        touch="UPDATE resv SET qty = '0.500', changed_at = '2026-03-16T04:59:59Z' WHERE resv_no = ?",
    ),
    RELEASE_RESERVATION: Goods(
        records="SELECT resv_no, uom, qty, changed_at FROM resv WHERE qty <> '0.000' AND resv_no < 'RS00001700'"
        " ORDER BY 1 DESC",
        good=_given_up,
        wrong={"uom": "ZZZ"},
        touch="UPDATE resv SET qty = '0.500', changed_at = '2026-03-16T04:59:59Z' WHERE resv_no = ?",
    ),
    CONFIRM_PLANNED: Goods(
        records="SELECT pln_no, changed_at FROM pln_ord WHERE firm = 0 ORDER BY 1 DESC",
        good=_firm,
        wrong={"action": "release"},
        touch="UPDATE pln_ord SET qty = '7.000', changed_at = '2026-03-16T05:00:00Z' WHERE pln_no = ?",
        before="""
            INSERT INTO pln_ord
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150)
            SELECT printf('PL%08d', 1000 + i), '1000', 'FG-007', '48.000', 'EA', '2026-04-16', '2026-04-20', 'E', 0, 0,
                   '2026-03-15T19:00:00Z' FROM n
        """,
    ),
    CONFIRM_DATES: Goods(
        records="SELECT ord_no, changed_at FROM prod_head WHERE stat = 'CRTD' ORDER BY 1 DESC",
        good=_committed,
        wrong={"commit_date": "2026-03-01"},
        touch=_QUANTITY_CHANGED,
    ),
    POST_MOVEMENT: Goods(
        records="SELECT mat_no, plant, uom, lot_no FROM stock_qty WHERE lot_no = 'L000850' AND stk_type = 'F'",
        good=_transfer,
        wrong={"movement": "adjust"},
    ),
}
# A reservation that is made of another belongs to what was done to that one: both have the stamp of their command.
_RESERVATIONS: Final = """
    SELECT resv_no, leading,
           mat_no || plant || lot_no || dem_no || dem_item || qty || uom || need_date || changed_at
      FROM resv JOIN (SELECT changed_at, min(resv_no) AS leading FROM resv GROUP BY changed_at) USING (changed_at)
"""
_ORDERS: Final = """
    SELECT ord_no, ord_no, start_basic || finish_basic || start_sched || finish_sched || qty_plan || stat || changed_at
           || (SELECT group_concat(start_at || finish_at || changed_at) FROM prod_op o WHERE o.ord_no = p.ord_no)
      FROM prod_head p WHERE stat = 'CRTD'
"""
_PLANNED: Final = "SELECT pln_no, pln_no, qty || start_on || finish_on || firm || conv || changed_at FROM pln_ord"
_MOVEMENTS: Final = """
    SELECT doc_no || '/' || item_no, doc_no || '/0001',
           mv_code || mat_no || sloc || lot_no || stk_type || qty || ref_no || changed_at
      FROM mat_move WHERE doc_no > '4900007000'
"""
EFFECTS: Final = (_RESERVATIONS, _ORDERS, _PLANNED, _MOVEMENTS)
