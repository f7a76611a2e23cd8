"""Tables of the truth: what was planted, and the answers that follow. The gateway never opens them."""

from __future__ import annotations

from typing import NamedTuple


class LateLineRow(NamedTuple):
    """Table `truth_late_line`: one late sales order line and the one reason for it."""

    sales_order_id: str
    line: str
    role: str
    root_cause_code: str
    site: str
    production_order_id: str | None = None
    material_id: str | None = None
    purchase_order_id: str | None = None
    purchase_order_line: str | None = None
    original_promise_date: str | None = None
    promised_date: str | None = None
    promise_changed_at: str | None = None
    supplier_id: str | None = None
    lot_id: str | None = None
    notification_id: str | None = None
    work_center_id: str | None = None
    maintenance_order_id: str | None = None
    repair_end: str | None = None
    child_order_id: str | None = None
    expected_finish: str | None = None
    qty_erp: str | None = None
    qty_mes: str | None = None
    qty_short: str | None = None
    uom: str | None = None
    need_date: str | None = None
    delivery_id: str | None = None
    customer_id: str | None = None


class RoleRow(NamedTuple):
    """Table `truth_role`: a stable name for a record that questions speak of."""

    role: str
    entity: str
    id: str


class ExceptionRow(NamedTuple):
    """Table `truth_exception`: every record of every exception class."""

    class_: str
    id: str
    detail: str | None = None


class AnswerRow(NamedTuple):
    """Table `truth_answer`: one row per part of an answer; `rank` orders lists, `value` is text."""

    question: str
    key: str
    value: str
    rank: int


class MetaRow(NamedTuple):
    """Table `truth_meta`."""

    name: str
    value: str


TRUTH_TABLES: dict[str, tuple[type[NamedTuple], int]] = {
    "truth_late_line": (LateLineRow, 2),
    "truth_role": (RoleRow, 2),
    "truth_exception": (ExceptionRow, 2),
    "truth_answer": (AnswerRow, 2),
    "truth_meta": (MetaRow, 1),
}
