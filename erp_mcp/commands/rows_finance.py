"""Row types of the reads that operations on budgets and refunds stand on; money is integers of 10⁻⁴ of the currency."""

from __future__ import annotations

from typing import NamedTuple


class BudgetRefRow(NamedTuple):
    """A budget that changes; read again from its system."""

    system: str
    source_key: str
    cost_center_id: str
    period: str


class InvoicedRow(NamedTuple):
    """What a customer was billed for a sales order line."""

    invoice_id: str
    amount: int
    currency: str


class RefundRow(NamedTuple):
    """A request to pay a customer back for a sales order line."""

    refund_request_id: str
    return_id: str | None
    amount: int
    currency: str
    order_state: str
