"""Facts of a small case for each operation on purchase orders, suppliers and prices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from erp_mcp.commands import rows, rows_buying
from erp_mcp.domain.call import Rows, Scalar
from erp_mcp.domain.entities.orders import SalesOrderLine
from erp_mcp.domain.entities.procurement import PurchaseRequisition, SupplySource
from tests.unit.commands.cases import LINE as LIVE_LINE
from tests.unit.commands.cases import MATERIAL, MOVE, NOW, SUPPLIER, UNIT, Case

SOURCE = SupplySource(
    system="erp", source_key="RM-1/S-1/1000", version_token="s1", as_of=NOW, material_id="RM-1", supplier_id="S-1",
    site="1000", rank=1, price=200_000, price_unit=10, currency="EUR", uom="EA", min_order_qty=10 * UNIT,
    lead_time_days=14, valid_to="2026-12-31", blocked=False,
)  # fmt: skip
OTHER_SOURCE = replace(SOURCE, source_key="RM-2/S-1/1000", material_id="RM-2")
REQUISITION = PurchaseRequisition(
    system="erp", source_key="30/10", version_token="r4", as_of=NOW, requisition_id="30", line="10", site="1000",
    material_id="RM-1", qty=40 * UNIT, uom="EA", release_state="released", order_state="open",
)  # fmt: skip
COLUMNS = ("material_id", "qty", "uom", "price", "delivery_date")
LINE: tuple[Scalar, ...] = ("RM-1", 40 * UNIT, "EA", None, "2026-05-18")
REFS = Rows(columns=("requisition_id", "line"), rows=(("30", "10"),))


def lines(*given: tuple[Scalar, ...]) -> Rows:
    """Return lines as an argument."""
    return Rows(columns=COLUMNS, rows=given)


def _material(material_id: str) -> rows.MaterialRow:
    return rows.MaterialRow(
        system="erp", source_key=material_id, material_id=material_id, base_uom="EA", status="active"
    )


def _planning(material_id: str) -> rows_buying.PlanningLineRow:
    return rows_buying.PlanningLineRow(
        system="erp", site="1000", material_id=material_id, procurement="buy", lead_time_days=20
    )


def source_row(found: SupplySource) -> rows_buying.SourceKeyRow:
    """Return the copied row of a source."""
    return rows_buying.SourceKeyRow(
        system=found.system, source_key=found.source_key, material_id=found.material_id,
        supplier_id=found.supplier_id, site=found.site, price=found.price,
    )  # fmt: skip


ORDER = Case(
    operation="purchase_order_line.create",
    arguments={"supplier_id": "S-1", "site": "1000", "lines": lines(LINE), "requisition_refs": None},
    rows={
        "supplier": (rows.SupplierRow(system="erp", source_key="S-1", supplier_id="S-1", blocked=0),),
        "materials": (_material("RM-1"), _material("RM-2")),
        "planning": (_planning("RM-1"), _planning("RM-2")),
        "units": (rows_buying.UnitLineRow(material_id="RM-1", uom="BX", base_uom="EA", numerator=5, denominator=2),),
        "sources": (source_row(SOURCE), source_row(OTHER_SOURCE)),
        "references": (),
        "requisitions": (),
        "purchase_lines": (),
    },
    live={
        "supplier": (SUPPLIER,),
        "materials": (MATERIAL, replace(MATERIAL, source_key="RM-2", material_id="RM-2")),
        "sources": (SOURCE, OTHER_SOURCE),
    },
)
REFERRING = (
    ORDER.given(requisition_refs=REFS)
    .having(
        references=(
            rows_buying.RequisitionKeyRow(
                system="erp", source_key="30/10", requisition_id="30", line="10", site="1000", material_id="RM-1"
            ),
        )
    )
    .living(references=(REQUISITION,))
)


def ordered(*given: tuple[Scalar, ...]) -> Case:
    """Return the order with other lines."""
    return ORDER.given(lines=lines(*given))


def line(**other: Scalar) -> tuple[Scalar, ...]:
    """Return the line of the case with other values."""
    values = {**dict(zip(COLUMNS, LINE, strict=True)), **other}
    return tuple(values[name] for name in COLUMNS)


# --- Lines that stand -------------------------------------------------------------------------------------------------

# 100 ordered at 2.00 each, 40 have come; the source's price is 2.00 as well
STANDING = replace(LIVE_LINE, price=20_000, price_unit=1, currency="EUR", confirmed=True)
FIRST = rows_buying.PricedLineRow("erp", "45/10", "45", "10", "1000", "S-1", "RM-1", 20_000)
BOUGHT = replace(SOURCE, price=20_000, price_unit=1)
CHANGE = Case(
    operation="purchase_order_line.change",
    arguments={"purchase_order_id": "45", "line": "10", "qty": 120 * UNIT, "price": None, "delivery_date": None},
    rows={**MOVE.rows, "line": (FIRST,), "sources": (source_row(BOUGHT),), "invoices": ()},
    live={"line": (STANDING,), "sources": (BOUGHT,)},
)
INVOICED = rows_buying.InvoicedRow(purchase_order_line="10", qty=70 * UNIT, uom="EA", invoice_state="posted")


def _wide(name: str, wide: Callable[..., NamedTuple]) -> tuple[NamedTuple, ...]:
    return tuple(wide("RM-1", "1000", *row) for row in MOVE.rows[name])


UNTOUCHED = replace(STANDING, qty_received=0, qty_open=100 * UNIT)
SECOND = replace(UNTOUCHED, source_key="45/20", version_token="v8", line="20", material_id="RM-2", confirmed=False)
CANCEL = Case(
    operation="purchase_order_line.cancel",
    arguments={"purchase_order_id": "45", "line": "10", "cancel_reason": "no_demand"},
    rows={
        **MOVE.rows,
        "line": (FIRST,),
        "invoices": (),
        "purchase_lines": _wide("purchase_lines", rows_buying.SiteMaterialRow),
        "demand": _wide("demand", rows_buying.SiteComponentRow),
    },
    live={"line": (UNTOUCHED,)},
)
WHOLE = (
    CANCEL.given(line=None)
    .having(
        line=(FIRST, FIRST._replace(source_key="45/20", line="20", material_id="RM-2")),
        purchase_lines=(
            *CANCEL.rows["purchase_lines"],
            rows_buying.SiteMaterialRow(
                "RM-2", "1000", "45", "20", 100 * UNIT, "EA", 100 * UNIT, "EA", "2026-03-20", None, "2026-03-24"
            ),
        ),
    )
    .living(line=(UNTOUCHED, SECOND))
)


# --- Prices -----------------------------------------------------------------------------------------------------------

RIVAL = rows_buying.RivalRow("S-2", 190_000, 10, "EUR", "EA", "2026-12-31", 0)
PRICE = Case(
    operation="supply_source.update_price",
    arguments={"material_id": "RM-1", "supplier_id": "S-1", "site": "1000", "new_price": 210_000},
    rows={
        "source": (source_row(SOURCE),),
        "supplier": ORDER.rows["supplier"],
        "rivals": (rows_buying.RivalRow("S-1", 200_000, 10, "EUR", "EA", "2026-12-31", 0),),
        "open_lines": (rows_buying.OpenPriceRow("45", "10"), rows_buying.OpenPriceRow("46", "10")),
    },
    live={"source": (SOURCE,), "supplier": (SUPPLIER,)},
)
SOLD = SalesOrderLine(
    system="erp", source_key="80/10", version_token="v3", as_of=NOW, sales_order_id="80", line="10", site="1000",
    customer_id="C-1", material_id="FG-1", qty_ordered=30 * UNIT, qty_delivered=0, qty_open=30 * UNIT, uom="EA",
    requested_date="2026-04-01", net_value=1_000_000, open_value=1_000_000, currency="EUR", order_state="open",
)  # fmt: skip
SALES_PRICE = Case(
    operation="sales_order_line.update_price",
    arguments={"sales_order_id": "80", "line": "10", "new_price": 35_000},
    rows={
        "line": (rows_buying.SoldPriceRow("erp", "80/10", "80", "10", "1000", "FG-1", 1_000_000),),
        "invoices": (rows_buying.BilledLineRow("90", "20"),),
        "cost": (rows_buying.CostRow("erp", 35_000, 1, "EUR", "EA"),),
    },
    live={"line": (SOLD,)},
)
