"""All commands that the demo ERP takes, and all kinds of documents that they leave."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from erp_mcp.demo.writing import (
    budget_transfer,
    customer_return,
    maintenance_notice,
    maintenance_plan,
    movement,
    order,
    order_cancel,
    order_change,
    order_commitment,
    order_dates,
    outbound,
    planned,
    promise,
    quality_notice,
    refund,
    requisition,
    reservation,
    reservation_move,
    reservation_release,
    sales_date,
    sales_price,
    source_price,
    vendor,
)
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation

OPERATIONS: Final[Mapping[str, ErpOperation]] = MappingProxyType(
    {
        one.OPERATION.name: one.OPERATION
        for one in (
            budget_transfer,
            customer_return,
            maintenance_notice,
            maintenance_plan,
            movement,
            order,
            order_cancel,
            order_change,
            order_commitment,
            order_dates,
            outbound,
            planned,
            promise,
            quality_notice,
            refund,
            requisition,
            reservation,
            reservation_move,
            reservation_release,
            sales_date,
            sales_price,
            source_price,
            vendor,
        )
    }
)
DOCUMENTS: Final[Mapping[str, DocumentKind]] = MappingProxyType(
    {
        "ORDER": order.DOCUMENT,
        "POCH": order_change.DOCUMENT,
        "POCX": order_cancel.DOCUMENT,
        "SOPR": sales_price.DOCUMENT,
        "SRC": source_price.DOCUMENT,
        "VENDOR": vendor.DOCUMENT,
        "DL": outbound.DOCUMENT,
        "RM": customer_return.DOCUMENT,
        "MN": maintenance_notice.DOCUMENT,
        "PM": maintenance_plan.DOCUMENT,
        "BD": budget_transfer.DOCUMENT,
        "CR": refund.DOCUMENT,
        "PO": promise.DOCUMENT,
        "PR": requisition.DOCUMENT,
        "QN": quality_notice.DOCUMENT,
        "SO": sales_date.DOCUMENT,
        "RS": reservation.DOCUMENT,
        "RSRL": reservation_release.DOCUMENT,
        "MO": order_dates.DOCUMENT,
        "PL": planned.DOCUMENT,
        "MV": movement.DOCUMENT,
    }
)

ALWAYS: Final = frozenset({"bad_reference", "reference_exists"})  # of every command
REFUSALS: Final = ALWAYS.union(*(one.refusals for one in OPERATIONS.values()))
