"""Causes on the sales side: credit, delivery block, shipping."""

from __future__ import annotations

from erp_mcp.analyses.findings import Cause, Witness, step
from erp_mcp.analyses.plant import Plant
from erp_mcp.analyses.rows import DeliveryRow, SalesLineRow


def sales_causes(plant: Plant, line: SalesLineRow) -> list[Cause]:
    """Return what holds the line up in sales and shipping, most certain first.

    A picked delivery counts when its planned goods issue has come (or nothing says when it was planned); one that left
    the plant counts when the customer has not got it although the requested date has passed.
    """
    return [*_blocks(plant, line), *_shipping(plant, line)]


def _blocks(plant: Plant, line: SalesLineRow) -> list[Cause]:
    header = plant.headers.get(line.sales_order_id)
    found = []
    if line.credit_status == "blocked":
        found.append(_block("credit_block", "sales_order_line", line, f"{line.sales_order_id}/{line.line}"))
    elif header is not None and header.credit_status == "blocked":
        found.append(_block("credit_block", "sales_order", header, header.sales_order_id))
    if line.delivery_block:
        found.append(_block("delivery_block", "sales_order_line", line, f"{line.sales_order_id}/{line.line}"))
    elif header is not None and header.delivery_block:
        found.append(_block("delivery_block", "sales_order", header, header.sales_order_id))
    return found


def _block(code: str, node_type: str, witness: Witness, node_id: str) -> Cause:
    fact = "credit_blocked" if code == "credit_block" else "delivery_blocked"
    return Cause(code=code, steps=(step(witness, node_type, node_id, fact),))


def _shipping(plant: Plant, line: SalesLineRow) -> list[Cause]:
    found = []
    for delivery in plant.deliveries.get((line.sales_order_id, line.line), ()):
        planned = delivery.planned_goods_issue or plant.today
        if delivery.actual_goods_issue:
            if delivery.delivered == 0 and line.requested_date < plant.today:
                found.append(_delivery("carrier_delay", "shipped_not_delivered", delivery))
        elif delivery.pick_status == "picked" and planned <= plant.today:
            found.append(_delivery("picked_not_shipped", "picked_not_issued", delivery))
    return found


def _delivery(code: str, fact: str, row: DeliveryRow) -> Cause:
    node_id = f"{row.delivery_id}/{row.line}"
    one = step(
        row,
        "delivery",
        node_id,
        fact,
        qty=row.qty,
        uom=row.uom,
        planned=row.planned_goods_issue,
        expected=row.actual_goods_issue,
        since=row.picked_at,
    )
    return Cause(code=code, steps=(one,), since=row.picked_at or "")
