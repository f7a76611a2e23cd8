"""Commands of finance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from erp_mcp.demo.writing.budget_transfer import TRANSFER_BUDGET
from erp_mcp.demo.writing.refund import REQUEST_REFUND
from tests.contract.erp_goods.form import Goods, Made, Row

_MANY_BUDGETS: Final = """
    INSERT INTO budget
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 800)
    SELECT printf('K%04d', i), period, company, planned, committed, actual, curr, changed_at
      FROM budget, n WHERE cost_ctr = '4100-1000'
"""


def _transfer(row: Row, _: int) -> Made:
    giver, taker, given, taken = row
    return Made(
        fields={
            "from_cost_center_id": giver, "to_cost_center_id": taker, "period": "2026", "amount": "12.50",
            "currency": "EUR", "purpose_code": "project",
            "versions": [{"cost_center_id": giver, "version": given}, {"cost_center_id": taker, "version": taken}],
        }
    )  # fmt: skip


def _refund(row: Row, _: int) -> Made:
    order, line, version = row
    return Made(
        fields={
            "sales_order_id": order, "sales_order_line": line, "return_id": None, "amount": "1.50", "currency": "EUR",
            "reason_code": "EXCESS", "versions": [{"line": line, "version": version}],
        }
    )  # fmt: skip


GOODS: Final[Mapping[str, Goods]] = {
    TRANSFER_BUDGET: Goods(
        before=_MANY_BUDGETS,
        records="SELECT a.cost_ctr, b.cost_ctr, a.changed_at, b.changed_at FROM budget a JOIN budget b"
        " ON b.cost_ctr = printf('K%04d', 1 + substr(a.cost_ctr, 2)) WHERE a.cost_ctr LIKE 'K%'"
        " AND substr(a.cost_ctr, 2) % 2 = 1 ORDER BY 1",
        each=True,
        good=_transfer,
        wrong={"purpose_code": "gift"},
    ),
    REQUEST_REFUND: Goods(
        records="SELECT so_no, item_no, changed_at FROM so_item WHERE stat = 'CLSD' AND (so_no, item_no) IN"
        " (SELECT so_no, so_item FROM bill_item) ORDER BY 1, 2",
        each=True,
        good=_refund,
        wrong={"amount": "0"},
    ),
}
_TRANSFERS: Final = """
    SELECT doc_no, to_ctr || '/' || period, from_ctr || to_ctr || period || amount || curr || purpose || changed_at
      FROM bud_doc
"""
_REFUNDS: Final = "SELECT cr_no, cr_no, so_no || so_item || amount || curr || reason || stat || changed_at FROM cr_req"
EFFECTS: Final = (_TRANSFERS, _REFUNDS)
