"""How things are made and what is planned: planned orders, bills of material and confirmations as S/4HANA has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

from tests.systems.cap.seed_values import Native, Plant, Row, local_date, local_time, unit

_FIRST_BILL: Final = 101
_MADE_OF: Final = "10"
"""Of how many of a material its bill tells the components: bills of S/4HANA are not for one."""
_BILLS: Final = """
SELECT b.*, p.plant, m.base_uom, dense_rank() OVER (ORDER BY b.mat_no, p.plant) AS bill
  FROM bom_item AS b JOIN mat_plant AS p USING (mat_no) JOIN mat_gen AS m USING (mat_no) ORDER BY bill, b.item_no
"""


def tables(plant: Plant) -> Iterator[tuple[str, Iterable[Row]]]:
    """Yield table and rows."""
    yield "plannedorder", map(_planned, plant.rows("pln_ord"))
    yield "prodnordconf", map(_confirmation, plant.rows("op_conf"))
    yield "materialbom", map(_bill, plant.select(f"SELECT * FROM ({_BILLS}) GROUP BY bill ORDER BY bill"))
    yield "materialbomitem", map(_component, plant.select(_BILLS))


def _planned(row: Native) -> Row:
    return {
        "PlannedOrder": row["pln_no"], "Material": row["mat_no"], "MRPPlant": row["plant"],
        "ProductionPlant": row["plant"], "BaseUnit": unit(row["uom"]), "TotalQuantity": row["qty"],
        "PlndOrderPlannedStartDate": row["start_on"], "PlndOrderPlannedEndDate": row["finish_on"],
        "MaterialProcurementCategory": row["proc_type"], "PlannedOrderIsFirm": bool(row["firm"]),
        "PlannedOrderIsConvertible": bool(row["conv"]),
    }  # fmt: skip


def _confirmation(row: Native) -> Row:
    return {
        "ConfirmationGroup": row["conf_no"], "ConfirmationCount": "00000001", "OrderID": row["ord_no"],
        "OrderOperation": row["op_no"], "Plant": row["plant"], "ConfirmationUnit": unit(row["uom"]),
        "ConfirmationYieldQuantity": row["qty_yield"], "ConfirmationScrapQuantity": row["qty_scrap"],
        "FinalConfirmationType": "X" if row["final"] else "",
        "ConfirmedExecutionEndDate": local_date(row["conf_at"]),
        "ConfirmedExecutionEndTime": local_time(row["conf_at"]),
    }  # fmt: skip


def _bill_key(row: Native) -> Row:
    return {
        "BillOfMaterial": f"{_FIRST_BILL + row['bill']:08d}", "Material": row["mat_no"], "Plant": row["plant"],
    }  # fmt: skip


def _bill(row: Native) -> Row:
    return {
        **_bill_key(row), "BOMHeaderQuantityInBaseUnit": _MADE_OF, "BOMHeaderBaseUnit": unit(row["base_uom"]),
    }  # fmt: skip


def _component(row: Native) -> Row:
    return {
        **_bill_key(row), "BillOfMaterialItemNodeNumber": f"{int(row['item_no']):08d}",
        "BillOfMaterialItemNumber": row["item_no"], "BillOfMaterialComponent": row["comp_no"],
        "BillOfMaterialItemQuantity": _times_made_of(row["qty_per"]), "BillOfMaterialItemUnit": unit(row["uom"]),
        "ValidityStartDate": row["valid_from"], "ValidityEndDate": row["valid_to"] or "9999-12-31",
    }  # fmt: skip


def _times_made_of(qty: str) -> str:
    return str(Decimal(qty) * Decimal(_MADE_OF))
