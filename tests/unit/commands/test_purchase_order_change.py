"""What may become of an order line that stands: changed or cancelled, each rule from both sides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.domain.entities.procurement import PurchaseOrderLine
from erp_mcp.domain.proposal import Change
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.buying import (
    BOUGHT,
    CANCEL,
    CHANGE,
    INVOICED,
    SECOND,
    STANDING,
    UNTOUCHED,
    WHOLE,
)
from tests.unit.commands.cases import UNIT, Case


@guarantees("rules.purchase_order_change")
def test_a_change_says_the_whole_line_as_it_will_be() -> None:
    """80 are still to come at 2.00 then instead of 60; what was not asked for stays."""
    draft = CHANGE.draft()
    assert (draft.key, draft.version_token, draft.document) == ("45/10", "v7", "45/10")
    assert draft.fields == {
        "purchase_order_id": "45",
        "line": "10",
        "qty": "120",
        "price": "2.00",
        "delivery_date": "2026-03-20",
    }
    assert draft.changes == (Change(field="qty", before="100", after="120", unit="EA"),)
    about = {"material_id": "RM-1", "supplier_id": "S-1", "site": "1000"}
    assert draft.amounts == {"value": "160.00", "currency": "EUR", **about}
    assert draft.headline == "Change purchase order line 45/10: qty 120 EA instead of 100"
    assert "What is still to come is worth 160.00 instead of 120.00 EUR." in draft.effects
    assert {one.rule for one in draft.checks if one.verdict == "flag"} == {"R-CONFIRMED"}
    assert {one.rule for one in draft.checks if one.verdict == "person"} == {"R-TERMS", "R-BUDGET"}


@guarantees("rules.purchase_order_change")
@pytest.mark.parametrize(
    ("given", "rule", "verdict"),
    [
        ({"qty": 40 * UNIT}, "R-QTY", "ok"),
        ({"qty": 40 * UNIT - 1000}, "R-QTY", "refuse"),
        ({"qty": 120 * UNIT + 100}, "R-QTY", "refuse"),
        ({"price": 21_000}, "R-PRICE", "ok"),
        ({"price": 21_001}, "R-PRICE", "refuse"),
        ({"price": 0}, "R-PRICE", "refuse"),
        ({"price": 19_000}, "R-PRICE", "ok"),
        ({"price": 18_999}, "R-PRICE", "flag"),
        ({"delivery_date": "2026-03-16"}, "R-DATE", "ok"),
        ({"delivery_date": "2026-03-15"}, "R-DATE", "refuse"),
        ({"delivery_date": "2027-03-17"}, "R-DATE", "ok"),
        ({"delivery_date": "2027-03-18"}, "R-DATE", "refuse"),
        ({"qty": 100 * UNIT}, "R-CHANGE", "refuse"),
    ],
)
def test_a_value_passes_at_the_border_and_is_refused_one_step_beyond(
    given: dict[str, int | str], rule: str, verdict: str
) -> None:
    """40 have come; the source's price is 2.00, five per cent of which are 0.10."""
    assert CHANGE.given(**given).verdict(rule) == verdict


@guarantees("rules.purchase_order_change")
def test_each_of_the_three_values_is_sent_as_it_was_asked_for() -> None:
    """60 still to come at 2.05 are 123.00."""
    draft = CHANGE.given(qty=None, price=20_500, delivery_date="2026-04-20").draft()
    assert (draft.fields["qty"], draft.fields["price"], draft.fields["delivery_date"]) == ("100", "2.05", "2026-04-20")
    assert [one.field for one in draft.changes] == ["price", "delivery_date"]
    assert draft.amounts["value"] == "123.00"


@guarantees("rules.purchase_order_change")
def test_no_less_than_is_billed_and_no_less_than_the_supplier_takes() -> None:
    """70 are billed of which 40 have come; an invoice that was cancelled does not count."""
    billed = CHANGE.given(qty=70 * UNIT - 1000).having(invoices=(INVOICED,))
    assert (billed.verdict("R-QTY"), billed.check("R-QTY").facts["would_pass"]) == ("refuse", "70")
    assert billed.given(qty=70 * UNIT).verdict("R-QTY") == "ok"
    assert billed.having(invoices=(INVOICED._replace(invoice_state="cancelled"),)).verdict("R-QTY") == "ok"
    large = replace(BOUGHT, min_order_qty=120 * UNIT)
    assert CHANGE.living(sources=(large,)).verdict("R-MIN-QTY") == "ok"
    assert CHANGE.given(qty=120 * UNIT - 1000).living(sources=(large,)).verdict("R-MIN-QTY") == "refuse"


@guarantees("rules.purchase_order_change", "rules.impact")
def test_less_supply_shows_who_loses_cover_and_more_hurts_nobody() -> None:
    """50 are needed on 25 March and 60 come on the 24th: ten less is enough, eleven is not."""
    assert CHANGE.verdict("R-IMPACT") == "ok"
    assert CHANGE.given(qty=90 * UNIT).verdict("R-IMPACT") == "ok"
    less = CHANGE.given(qty=89 * UNIT)
    assert less.verdict("R-IMPACT") == "flag"
    assert any(effect.startswith("Production order P1/0010 needs 50 EA") for effect in less.draft().effects)


@guarantees("rules.purchase_order_change", "rules.purchase_order_cancel")
@pytest.mark.parametrize("case", [CHANGE, CANCEL])
@pytest.mark.parametrize(
    ("live", "rule"),
    [
        (replace(STANDING, order_state="closed"), "R-OPEN"),
        (replace(STANDING, order_state="cancelled"), "R-OPEN"),
        (replace(STANDING, qty_received=100 * UNIT, qty_open=0), "R-RECEIVED"),
    ],
)
def test_what_is_not_open_is_neither_changed_nor_cancelled(case: Case, live: PurchaseOrderLine, rule: str) -> None:
    """As its system has it now."""
    assert case.living(line=(live,)).verdict(rule) == "refuse"


@guarantees("rules.purchase_order_change", "rules.purchase_order_cancel", "rules.not_evaluable")
@pytest.mark.parametrize(
    "case",
    [
        CHANGE.living(line=(replace(STANDING, price=None),)),
        CHANGE.living(line=(replace(STANDING, requested_date=None),)),
        CHANGE.given(price=21_000).living(sources=()),
        CHANGE.given(price=21_000).living(sources=(replace(BOUGHT, currency="USD"),)),
        CHANGE.given(price=21_000).living(sources=(replace(BOUGHT, price_unit=10),)),
        CHANGE.having(invoices=(INVOICED._replace(uom="BX"),)),
        CHANGE.having(invoices=(INVOICED._replace(purchase_order_line=None),)),
        CHANGE.having(purchase_lines=()),
        replace(CHANGE, gaps=("invoices",)),
        replace(CHANGE, gaps=("sources",)),
        replace(CHANGE, gaps=("stock",)),
        replace(CANCEL, gaps=("invoices",)),
        replace(CANCEL, gaps=("demand",)),
    ],
)
def test_a_rule_without_its_facts_refuses(case: Case) -> None:
    """Unknown is not allowed."""
    with pytest.raises(RuleNotEvaluableError):
        case.draft()


@guarantees("rules.purchase_order_change", "rules.purchase_order_cancel")
@pytest.mark.parametrize("case", [CHANGE.given(line="99"), CANCEL.given(purchase_order_id="46")])
def test_a_line_that_is_not_there_is_refused(case: Case) -> None:
    """With where ids come from."""
    with pytest.raises(RuleRefusedError) as caught:
        case.draft()
    assert caught.value.facts["rule"] == "R-LINE"


# --- Cancelled --------------------------------------------------------------------------------------------------------


@guarantees("rules.purchase_order_cancel", "rules.impact")
def test_a_cancellation_names_line_money_and_who_loses_cover() -> None:
    """100 at 2.00; production order P1 needs 50 and nothing else is there."""
    draft = CANCEL.draft()
    assert (draft.key, draft.version_token, draft.document) == ("45/10", "v7", "45/10")
    assert draft.fields == {
        "purchase_order_id": "45",
        "lines": ["10"],
        "cancel_reason": "no_demand",
        "versions": [],
    }
    about = {"material_id": "RM-1", "supplier_id": "S-1", "site": "1000"}
    assert draft.amounts == {"value": "200.00", "currency": "EUR", **about}
    assert {one.rule for one in draft.checks if one.verdict == "flag"} == {"R-IMPACT", "R-CONFIRMED"}
    assert {one.rule for one in draft.checks if one.verdict == "person"} == {"R-TERMS"}
    (hurt,) = (one for one in draft.effects if one.startswith("Production order"))
    assert hurt.endswith("50 EA by 2026-03-25: 50 EA late instead of 0; all of it at no known date.")


@guarantees("rules.purchase_order_cancel")
def test_a_whole_order_carries_the_version_of_each_line() -> None:
    """The first leads; a line that is closed already is left alone."""
    draft = WHOLE.draft()
    assert (draft.fields["lines"], draft.fields["versions"]) == (["10", "20"], [{"line": "20", "version": "v8"}])
    assert (draft.document, draft.amounts["value"]) == ("45", "400.00")
    assert draft.headline == "Cancel 2 open lines of purchase order 45"
    assert "material_id" not in draft.amounts
    closed = WHOLE.living(line=(replace(UNTOUCHED, order_state="closed"), SECOND)).draft()
    assert (closed.key, closed.fields["lines"], closed.fields["versions"]) == ("45/20", ["20"], [])


@guarantees("rules.purchase_order_cancel")
def test_one_line_that_may_not_be_cancelled_stops_the_whole_order() -> None:
    """Nobody asked for a part of it."""
    received = replace(SECOND, qty_received=1, qty_open=100 * UNIT - 1)
    checks = WHOLE.living(line=(UNTOUCHED, received)).draft().checks
    assert [one.rule for one in checks if one.verdict == "refuse"] == ["R-RECEIVED"]


@guarantees("rules.purchase_order_cancel")
def test_what_is_billed_is_not_cancelled_until_the_invoice_is() -> None:
    """Also where nothing has come."""
    assert CANCEL.having(invoices=(INVOICED,)).verdict("R-INVOICED") == "refuse"
    assert CANCEL.having(invoices=(INVOICED._replace(invoice_state="cancelled"),)).verdict("R-INVOICED") == "ok"
    assert CANCEL.having(invoices=(INVOICED._replace(purchase_order_line="20"),)).verdict("R-INVOICED") == "ok"


@guarantees("rules.purchase_order_cancel")
def test_an_order_of_which_nothing_is_open_is_refused() -> None:
    """There is nothing to cancel."""
    gone = WHOLE.living(line=(replace(UNTOUCHED, order_state="closed"), replace(SECOND, order_state="cancelled")))
    with pytest.raises(RuleRefusedError) as caught:
        gone.draft()
    assert caught.value.facts["rule"] == "R-OPEN"


@guarantees("rules.purchase_order_cancel")
def test_lines_in_two_currencies_have_no_sum() -> None:
    """And no limit in money can count them."""
    assert "value" not in WHOLE.living(line=(UNTOUCHED, replace(SECOND, currency="USD"))).draft().amounts
