"""Operations: what can be proposed, as pure functions from typed rows and live records to a draft of one change.

A tool file names an operation by its key here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from erp_mcp.commands import (
    allocation,
    budget_transfer,
    customer_return,
    delivery_date,
    goods_movement,
    human_task,
    maintenance_notification,
    maintenance_order,
    order_dates,
    outbound_delivery,
    planned_order,
    purchase_order,
    purchase_order_cancel,
    purchase_order_change,
    purchase_price,
    purchase_requisition,
    quality_notification,
    refund_request,
    reschedule,
    reservation,
    reservation_release,
    sales_delivery_date,
    sales_price,
    supplier,
    work_order_release,
)
from erp_mcp.domain.operation import Operation

OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        module.OPERATION.name: module.OPERATION
        for module in (
            allocation,
            budget_transfer,
            customer_return,
            delivery_date,
            goods_movement,
            human_task,
            maintenance_notification,
            maintenance_order,
            order_dates,
            outbound_delivery,
            planned_order,
            purchase_order,
            purchase_order_cancel,
            purchase_order_change,
            purchase_price,
            purchase_requisition,
            quality_notification,
            refund_request,
            reschedule,
            reservation,
            reservation_release,
            sales_delivery_date,
            sales_price,
            supplier,
            work_order_release,
        )
    }
)

__all__ = ["OPERATIONS"]
