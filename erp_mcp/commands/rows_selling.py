"""Row types of the reads that operations on sales orders, deliveries and returns stand on.

As in `rows`: exactly these columns, in this order; quantities are integers of 10⁻⁶ of the unit beside them, money of
10⁻⁴ of the currency, dates `YYYY-MM-DD`.
"""

from __future__ import annotations

from typing import NamedTuple


class SalesLineRefRow(NamedTuple):
    """A sales order line that something is proposed for; read again from its system."""

    system: str
    source_key: str
    sales_order_id: str
    line: str
    site: str
    material_id: str


class SalesOrderRefRow(NamedTuple):
    """A sales order that something is proposed for; read again from its system."""

    system: str
    source_key: str
    sales_order_id: str


class SoldLineRow(NamedTuple):
    """A sales order line that was delivered; read again from its system, its value with it."""

    system: str
    source_key: str
    sales_order_id: str
    line: str
    site: str
    material_id: str
    net_value: int | None
    currency: str | None


class SentRow(NamedTuple):
    """What left for a sales order line, and when it arrived, as far as there is a proof."""

    qty: int
    uom: str
    lot_id: str | None
    actual_goods_issue: str | None
    delivered_on: str | None


class ReturnedRow(NamedTuple):
    """What was sent back of a sales order line, or is announced."""

    return_id: str
    qty: int
    uom: str
    disposition: str | None
    order_state: str


class ReasonCodeRow(NamedTuple):
    """A reason code that was used before."""

    reason_code: str
