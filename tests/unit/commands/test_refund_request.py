"""What a customer may be paid back: billed, not credited yet, and once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.commands.rows_finance import InvoicedRow, RefundRow
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.cases import UNIT
from tests.unit.commands.money import CAME_BACK, EURO, REFUND
from tests.unit.commands.selling import SOLD_LINE

EARLIER = RefundRow("65", "61", 30 * EURO, "EUR", "open")


@guarantees("rules.refund")
def test_a_sound_request_pays_nothing_and_counts_as_money() -> None:
    """Limits count what it asks for; the payment is not ours."""
    draft = REFUND.draft()
    assert (draft.system, draft.key, draft.version_token) == ("erp", "", "")
    assert draft.fields == {
        "sales_order_id": "10", "sales_order_line": "000010", "return_id": "60", "amount": "8.00", "currency": "EUR",
        "reason_code": "DAMAGED", "versions": [{"line": "000010", "version": "v3"}],
    }  # fmt: skip
    assert draft.amounts == {"material_id": "RM-1", "site": "1000", "value": "8.00", "currency": "EUR"}
    assert [one.rule for one in draft.checks if one.verdict != "ok"] == ["R-OPEN-ITEMS"]
    assert draft.effects[0].startswith("Nothing is paid or posted by it")


@guarantees("rules.refund")
@pytest.mark.parametrize(
    ("amount", "rule", "verdict"),
    [
        (0, "R-AMOUNT", "refuse"),
        (1, "R-AMOUNT", "refuse"),
        (10 * EURO, "R-RETURN", "ok"),
        (10 * EURO + 100, "R-RETURN", "refuse"),
    ],
)
def test_no_more_is_refunded_than_the_return_was_sold_for(amount: int, rule: str, verdict: str) -> None:
    """Six of sixty that were sold for 100.00 are worth 10.00."""
    assert REFUND.given(amount=amount).verdict(rule) == verdict


@guarantees("rules.refund")
def test_no_more_is_refunded_than_was_billed_and_not_credited() -> None:
    """A hundred were billed; thirty are asked for, and six more pieces were credited for ten."""
    free = REFUND.given(return_id=None).having(returned=())
    assert free.verdict("R-RETURN") == "flag"
    assert free.given(amount=100 * EURO).verdict("R-INVOICED") == "ok"
    assert free.given(amount=100 * EURO + 100).check("R-INVOICED").facts["would_pass"] == "100.00"
    credited = CAME_BACK._replace(return_id="62", disposition="credit_only", order_state="closed")
    both = REFUND.having(refunds=(EARLIER,), returned=(CAME_BACK, credited))
    assert both.check("R-INVOICED").facts == {"left": "60.00"}
    rejected = EARLIER._replace(order_state="rejected")
    assert REFUND.having(refunds=(rejected,)).check("R-INVOICED").facts == {"left": "100.00"}


@guarantees("rules.refund")
def test_nothing_is_refunded_twice() -> None:
    """By a request for the same return, by one for the whole line, or by a credit of the return."""
    assert REFUND.having(refunds=(EARLIER._replace(return_id="60"),)).verdict("R-PRIOR-CREDIT") == "refuse"
    assert REFUND.having(refunds=(EARLIER._replace(return_id=None),)).verdict("R-PRIOR-CREDIT") == "refuse"
    assert REFUND.having(refunds=(EARLIER,)).verdict("R-PRIOR-CREDIT") == "ok"
    whole = REFUND.given(return_id=None)
    assert whole.having(refunds=(EARLIER,)).verdict("R-PRIOR-CREDIT") == "refuse"
    settled = CAME_BACK._replace(disposition="credit_only", order_state="closed")
    assert REFUND.having(returned=(settled,)).verdict("R-PRIOR-CREDIT") == "refuse"


@guarantees("rules.refund")
def test_a_refund_is_in_the_currency_of_the_bill_and_for_a_return_of_the_line() -> None:
    """Goods that are not here yet are told."""
    assert REFUND.given(currency="USD").verdict("R-CURRENCY") == "refuse"
    assert REFUND.having(invoiced=(InvoicedRow("90", EURO, "USD"),)).verdict("R-CURRENCY") == "refuse"
    with pytest.raises(RuleRefusedError) as refused:
        REFUND.given(return_id="99").draft()
    assert refused.value.facts["rule"] == "R-RETURN"
    assert REFUND.having(returned=(CAME_BACK._replace(order_state="open"),)).verdict("R-RETURN") == "flag"


@guarantees("rules.not_evaluable")
@pytest.mark.parametrize("gap", ["invoiced", "refunds", "returned"])
def test_what_nobody_looked_at_refuses(gap: str) -> None:
    """Nothing was credited, as far as anybody looked, is no answer."""
    with pytest.raises(RuleNotEvaluableError):
        replace(REFUND, gaps=(gap,)).draft()
    with pytest.raises(RuleNotEvaluableError):
        REFUND.living(sold=(replace(SOLD_LINE, net_value=None),)).draft()
    with pytest.raises(RuleNotEvaluableError):
        REFUND.having(returned=(CAME_BACK._replace(uom="BX", qty=UNIT),)).draft()
