"""Facts of small cases on budgets and refunds; a test changes what it is about. Money is in 10⁻⁴ of the currency."""

from __future__ import annotations

from erp_mcp.commands.rows_finance import BudgetRefRow, InvoicedRow
from erp_mcp.commands.rows_selling import ReturnedRow
from erp_mcp.domain.entities.finance import Budget
from tests.unit.commands.cases import NOW, UNIT, Case
from tests.unit.commands.selling import SEND_BACK

EURO = 10_000
GIVER = Budget(
    system="erp", source_key="41/2026", version_token="v1", as_of=NOW, cost_center_id="41", period="2026",
    company_code="1000", budget=100 * EURO, committed=20 * EURO, actual=30 * EURO, currency="EUR",
)  # fmt: skip
TAKER = Budget(
    system="erp", source_key="42/2026", version_token="v2", as_of=NOW, cost_center_id="42", period="2026",
    company_code="1000", budget=10 * EURO, committed=12 * EURO, actual=0, currency="EUR",
)  # fmt: skip
TRANSFER = Case(
    operation="budget.transfer",
    arguments={
        "from_cost_center_id": "41", "to_cost_center_id": "42", "period": "2026", "amount": 40 * EURO,
        "purpose_code": "reallocation",
    },
    rows={
        "budgets": (BudgetRefRow("erp", "41/2026", "41", "2026"), BudgetRefRow("erp", "42/2026", "42", "2026")),
    },
    live={"budgets": (GIVER, TAKER)},
)  # fmt: skip
CAME_BACK = ReturnedRow("60", 6 * UNIT, "EA", "pending", "received")  # of sixty that were sold for 100.00
REFUND = Case(
    operation="refund_request.create",
    arguments={
        "sales_order_id": "10", "line": "000010", "return_id": "60", "amount": 8 * EURO, "currency": "EUR",
        "reason_code": "DAMAGED",
    },
    rows={
        "sold": SEND_BACK.rows["sold"],
        "invoiced": (InvoicedRow("90", 60 * EURO, "EUR"), InvoicedRow("91", 40 * EURO, "EUR")),
        "refunds": (),
        "returned": (CAME_BACK,),
    },
    live=SEND_BACK.live,
)  # fmt: skip
