"""Facts of small cases on sales orders, deliveries and returns; a test changes what it is about."""

from __future__ import annotations

from dataclasses import replace

from erp_mcp.commands import rows
from erp_mcp.commands.rows_planning import RecordRow, StockRecordRow
from erp_mcp.commands.rows_selling import ReasonCodeRow, SalesLineRefRow, SalesOrderRefRow, SentRow, SoldLineRow
from erp_mcp.domain.call import Rows
from erp_mcp.domain.entities.inventory import Lot, Stock
from erp_mcp.domain.entities.orders import SalesOrder, SalesOrderLine
from tests.unit.commands.cases import COMPONENT, NOW, OPEN_LINE, UNIT, Case

SALES_LINE = SalesOrderLine(
    system="erp", source_key="10/000010", version_token="v3", as_of=NOW, sales_order_id="10", line="000010",
    site="1000", customer_id="C-1", material_id="RM-1", qty_ordered=60 * UNIT, qty_confirmed=60 * UNIT,
    qty_delivered=20 * UNIT, qty_open=40 * UNIT, uom="EA", requested_date="2026-03-20", confirmed_date="2026-03-27",
    credit_status="released", delivery_block=None, order_state="open",
)  # fmt: skip
SALES_DEMAND = rows.SalesLineRow("10", "000010", 40 * UNIT, "EA", "2026-03-20")
PROMISE = Case(
    operation="sales_order_line.update_delivery_date",
    arguments={"sales_order_id": "10", "line": "000010", "new_date": "2026-03-30"},
    rows={
        "line": (
            SalesLineRefRow(
                system="erp", source_key="10/000010", sales_order_id="10", line="000010", site="1000",
                material_id="RM-1",
            ),
        ),
        "purchase_lines": (OPEN_LINE,),
        "demand": (COMPONENT._replace(qty_open=10 * UNIT),),
        "sales_demand": (SALES_DEMAND,),
        "deliveries": (),
        "supply_orders": (),
        "orders": (),
        "stock": (),
        "lots": (),
        "reservations": (),
    },
    live={"line": (SALES_LINE,)},
)  # fmt: skip
SALES_ORDER = SalesOrder(
    system="erp", source_key="10", version_token="v9", as_of=NOW, sales_order_id="10", site="1000", customer_id="C-1",
    credit_status="released", delivery_block=None, order_state="open",
)  # fmt: skip
STOCK = Stock(
    system="erp", source_key="RM-1/1000/0003/L1/F", version_token="v1", as_of=NOW, material_id="RM-1", site="1000",
    storage_location_id="0003", lot_id="L1", stock_type="unrestricted", qty=50 * UNIT, uom="EA",
)  # fmt: skip
USABLE_LOT = Lot(
    system="erp", source_key="L1", version_token="v1", as_of=NOW, lot_id="L1", material_id="RM-1", site="1000",
    lot_disposition="UnRestricted",
)  # fmt: skip


def wanted(**quantities: int) -> Rows:
    """Return lines to deliver: `_000010=5` are five of line 000010."""
    return Rows(columns=("line", "qty"), rows=tuple((name[1:], qty * UNIT) for name, qty in quantities.items()))


SHIP = Case(
    operation="delivery.create",
    arguments={"sales_order_id": "10", "lines": wanted(_000010=40), "planned_goods_issue": "2026-03-20"},
    rows={
        "order": (SalesOrderRefRow("erp", "10", "10"),),
        "order_lines": PROMISE.rows["line"],
        "shipping": (),
        "others": (),
        "on_hand": (StockRecordRow("erp", STOCK.source_key, "L1"),),
        "held_lots": (RecordRow("erp", "L1"),),
        "holds": (),
        "held": (),
    },
    live={"order": (SALES_ORDER,), "order_lines": (SALES_LINE,), "on_hand": (STOCK,), "held_lots": (USABLE_LOT,)},
)
SOLD_LINE = replace(
    SALES_LINE, qty_delivered=60 * UNIT, qty_open=0, order_state="closed", net_value=1_000_000, currency="EUR"
)
SENT = SentRow(20 * UNIT, "EA", "L1", "2026-03-01", "2026-03-03")
SEND_BACK = Case(
    operation="customer_return.create",
    arguments={
        "sales_order_id": "10", "line": "000010", "qty": 5 * UNIT, "reason_code": "DAMAGED", "lot_id": "L1",
    },
    rows={
        "sold": (SoldLineRow("erp", "10/000010", "10", "000010", "1000", "RM-1", 1_000_000, "EUR"),),
        "sent": (SENT, SentRow(40 * UNIT, "EA", "L2", "2026-01-10", "2026-01-12")),
        "returned": (),
        "codes": (ReasonCodeRow("DAMAGED"),),
    },
    live={"sold": (SOLD_LINE,)},
)  # fmt: skip
