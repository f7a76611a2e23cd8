"""Facts of a small case for each operation; a test changes what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from erp_mcp.commands import OPERATIONS, rows
from erp_mcp.domain.call import ArgumentValue
from erp_mcp.domain.entities import Record
from erp_mcp.domain.entities.inventory import Material
from erp_mcp.domain.entities.procurement import PurchaseOrderLine, Supplier
from erp_mcp.domain.operation import CommandFacts, Draft
from erp_mcp.domain.proposal import Check

TODAY = "2026-03-16"
NOW = "2026-03-16T05:00:00Z"
UNIT = 1_000_000
MATERIAL = Material(
    system="erp", source_key="RM-1", version_token="v1", as_of=NOW, material_id="RM-1", base_uom="EA", status="active"
)
SUPPLIER = Supplier(system="erp", source_key="S-1", version_token="v1", as_of=NOW, supplier_id="S-1", blocked=False)
LINE = PurchaseOrderLine(
    system="erp", source_key="45/10", version_token="v7", as_of=NOW, purchase_order_id="45", line="10", site="1000",
    supplier_id="S-1", material_id="RM-1", qty_ordered=100 * UNIT, qty_received=40 * UNIT, qty_open=60 * UNIT, uom="EA",
    order_date="2026-03-01", requested_date="2026-03-20", original_promise_date="2026-03-20",
    promised_date="2026-03-24", release_state="released", order_state="open",
)  # fmt: skip
SOURCE = rows.SourceRow(
    supplier_id="S-1", rank=1, price=12_345, price_unit=1, currency="EUR", uom="EA", min_order_qty=10 * UNIT,
    lead_time_days=14, valid_to="2026-12-31", blocked=0,
)  # fmt: skip
OTHER_SOURCE = SOURCE._replace(supplier_id="S-2", rank=2, price=10_000, lead_time_days=30)
OPEN_LINE = rows.PurchaseLineRow(
    purchase_order_id="45", line="10", qty_open=60 * UNIT, uom="EA", qty_open_base=60 * UNIT, base_uom="EA",
    requested_date="2026-03-20", original_promise_date="2026-03-20", promised_date="2026-03-24",
)  # fmt: skip
COMPONENT = rows.ComponentRow(
    production_order_id="P1", line="0010", qty_open=50 * UNIT, uom="EA", need_date="2026-03-25", supply_order_id=None
)
REQUISITION = rows.RequisitionRow(requisition_id="30", line="10", qty=40 * UNIT, uom="EA", delivery_date="2026-05-18")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One operation and all it looks at."""

    operation: str
    arguments: Mapping[str, ArgumentValue]
    rows: Mapping[str, tuple[NamedTuple, ...]]
    live: Mapping[str, tuple[Record, ...]]
    gaps: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    parameters: Mapping[str, int] = field(default_factory=dict)

    def given(self, **arguments: ArgumentValue) -> Case:
        """Ask for something else."""
        return replace(self, arguments={**self.arguments, **arguments})

    def having(self, **found: tuple[NamedTuple, ...]) -> Case:
        """Find other rows."""
        return replace(self, rows={**self.rows, **found})

    def living(self, **found: tuple[Record, ...]) -> Case:
        """Read other records from the system."""
        return replace(self, live={**self.live, **found})

    def draft(self) -> Draft:
        """Work the change out."""
        facts = CommandFacts(
            rows=self.rows,
            live=self.live,
            arguments=self.arguments,
            today=TODAY,
            now=NOW,
            gaps=self.gaps,
            stale=self.stale,
            parameters=self.parameters,
        )
        return OPERATIONS[self.operation].function(facts)

    def check(self, rule: str) -> Check:
        """Return what the rule said; it spoke once."""
        (found,) = (one for one in self.draft().checks if one.rule == rule)
        return found

    def verdict(self, rule: str) -> str:
        """Return the verdict of a rule."""
        return self.check(rule).verdict


REQUEST = Case(
    operation="purchase_requisition.create",
    arguments={
        "material_id": "RM-1",
        "site": "1000",
        "qty": 40 * UNIT,
        "uom": "EA",
        "delivery_date": "2026-05-18",
        "supplier_id": None,
        "cost_object": None,
    },
    rows={
        "materials": (
            rows.MaterialRow(system="erp", source_key="RM-1", material_id="RM-1", base_uom="EA", status="active"),
        ),
        "planning": (rows.PlanningRow(system="erp", site="1000", procurement="buy", lead_time_days=20),),
        "units": (rows.UnitRow(uom="BX", base_uom="EA", numerator=5, denominator=2),),
        "sources": (OTHER_SOURCE, SOURCE),
        "suppliers": (
            rows.SupplierRow(system="erp", source_key="S-1", supplier_id="S-1", blocked=0),
            rows.SupplierRow(system="erp", source_key="S-2", supplier_id="S-2", blocked=0),
        ),
        "supplier": (),
        "requisitions": (),
        "purchase_lines": (),
    },
    live={"materials": (MATERIAL,)},
)
MOVE = Case(
    operation="purchase_order_line.update_delivery_date",
    arguments={"purchase_order_id": "45", "line": "10", "new_date": "2026-04-10"},
    rows={
        "line": (
            rows.LineRow(
                system="erp", source_key="45/10", purchase_order_id="45", line="10", site="1000", supplier_id="S-1",
                material_id="RM-1", order_date="2026-03-01",
            ),
        ),
        "sources": (SOURCE,),
        "purchase_lines": (OPEN_LINE,),
        "demand": (COMPONENT,),
        "sales_demand": (),
        "deliveries": (),
        "supply_orders": (),
        "orders": (),
        "stock": (),
        "lots": (),
        "reservations": (),
    },
    live={"line": (LINE,)},
)  # fmt: skip


def wanted_from(supplier_id: str, *, blocked: bool = False) -> Case:
    """Return the request with a preferred supplier that exists."""
    row = rows.SupplierRow(system="erp", source_key=supplier_id, supplier_id=supplier_id, blocked=int(blocked))
    record = replace(SUPPLIER, source_key=supplier_id, supplier_id=supplier_id, blocked=blocked)
    return REQUEST.given(supplier_id=supplier_id).having(supplier=(row,)).living(supplier=(record,))
