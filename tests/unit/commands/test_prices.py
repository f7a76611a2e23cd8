"""How far prices may go: each rule from both sides, and sums to the hundredth."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from erp_mcp.commands.price_revision import percent_text
from erp_mcp.domain.proposal import Change
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.buying import PRICE, RIVAL, SALES_PRICE, SOLD, SOURCE
from tests.unit.commands.cases import SUPPLIER, UNIT, Case

# --- What we buy at ---------------------------------------------------------------------------------------------------


@guarantees("rules.price")
def test_a_purchase_price_is_proposed_in_the_terms_of_its_source() -> None:
    """21.00 instead of 20.00 for ten pieces; two open lines keep what they have."""
    draft = PRICE.draft()
    assert (draft.key, draft.version_token, draft.document) == ("RM-1/S-1/1000", "s1", "RM-1/S-1/1000")
    assert draft.fields == {
        "material_id": "RM-1",
        "supplier_id": "S-1",
        "site": "1000",
        "price": "21.00",
        "price_unit": 10,
        "currency": "EUR",
    }
    assert draft.changes == (Change(field="price", before="20.00", after="21.00", unit="EUR per 10 EA"),)
    assert {one.rule for one in draft.checks if one.verdict != "ok"} == {"R-CONTRACT"}
    assert "Open purchase order lines that keep the price they have: 2." in draft.effects


@guarantees("rules.price")
@pytest.mark.parametrize(
    ("price", "rule", "verdict"),
    [
        (0, "R-PRICE", "refuse"),
        (200_000, "R-PRICE", "refuse"),
        (220_000, "R-PRICE-CHANGE", "ok"),
        (220_001, "R-PRICE-CHANGE", "flag"),
        (180_000, "R-PRICE-CHANGE", "ok"),
        (179_999, "R-PRICE-CHANGE", "flag"),
        (300_000, "R-PRICE-CHANGE", "flag"),
        (300_001, "R-PRICE-CHANGE", "refuse"),
        (100_000, "R-PRICE-CHANGE", "flag"),
        (99_999, "R-PRICE-CHANGE", "refuse"),
    ],
)
def test_a_price_moves_ten_per_cent_unseen_and_fifty_at_most(price: int, rule: str, verdict: str) -> None:
    """Of 20.00; what would pass stands in the refusal."""
    found = PRICE.given(new_price=price).check(rule)
    assert found.verdict == verdict
    if verdict == "refuse":
        assert (found.facts["earliest"], found.facts["latest"]) == ("10.00", "30.00")


@guarantees("rules.price")
@pytest.mark.parametrize(
    ("case", "rule"),
    [
        (PRICE.living(source=(replace(SOURCE, blocked=True),)), "R-SOURCE"),
        (PRICE.living(source=(replace(SOURCE, valid_to="2026-03-15"),)), "R-SOURCE"),
        (PRICE.living(supplier=(replace(SUPPLIER, blocked=True),)), "R-SUPPLIER-BLOCKED"),
    ],
)
def test_a_price_that_does_not_count_is_not_changed(case: Case, rule: str) -> None:
    """As its system has it now."""
    assert case.verdict(rule) == "refuse"


@guarantees("rules.price")
def test_a_source_that_would_be_cheaper_is_named() -> None:
    """19.00 for ten; not one that is blocked, over, or in another currency or unit."""
    assert PRICE.having(rivals=(RIVAL,)).check("R-CHEAPER").facts == {"supplier_id": "S-2"}
    for rival in (
        RIVAL._replace(price=210_000),
        RIVAL._replace(price=19_000, price_unit=1, currency="USD"),
        RIVAL._replace(uom="BX"),
        RIVAL._replace(blocked=1),
        RIVAL._replace(valid_to="2026-03-15"),
        RIVAL._replace(price=None),
    ):
        assert PRICE.having(rivals=(rival,)).verdict("R-CHEAPER") == "ok", rival


# --- What we sell at --------------------------------------------------------------------------------------------------


@guarantees("rules.price")
def test_a_sales_price_carries_the_value_of_its_line_to_the_hundredth() -> None:
    """30 at 100.00 in all are 3.3333 each; 3.50 each are 105.00."""
    draft = SALES_PRICE.draft()
    assert (draft.key, draft.version_token, draft.document) == ("80/10", "v3", "80/10")
    assert draft.fields == {
        "sales_order_id": "80",
        "line": "10",
        "price": "3.50",
        "net_value": "105.00",
        "currency": "EUR",
    }
    assert draft.changes == (
        Change(field="price", before="3.3333", after="3.50", unit="EUR per EA"),
        Change(field="net_value", before="100.00", after="105.00", unit="EUR"),
    )
    assert draft.amounts == {"value": "105.00", "currency": "EUR", "material_id": "FG-1", "site": "1000"}
    assert {one.rule for one in draft.checks if one.verdict != "ok"} == {"R-AGREED"}
    assert draft.effects[0] == "The line is worth 5.00 EUR more than before."


@guarantees("rules.price")
@pytest.mark.parametrize(("price", "value"), [(33_335, "100.01"), (33_350, "100.05"), (33_348, "100.04")])
def test_a_value_is_rounded_once_a_half_up(price: int, value: str) -> None:
    """3.3335 times 30 are 100.005."""
    assert SALES_PRICE.given(new_price=price).draft().fields["net_value"] == value


@guarantees("rules.price")
@pytest.mark.parametrize(
    ("price", "verdict"), [(50_000, "flag"), (50_001, "refuse"), (16_667, "flag"), (16_666, "refuse"), (36_666, "ok")]
)
def test_the_share_is_of_the_exact_price_as_it_is(price: int, verdict: str) -> None:
    """It is 3.3333 and a third of a ten-thousandth; half more is 5.00, half less 1.6667 when rounded up."""
    assert SALES_PRICE.given(new_price=price).verdict("R-PRICE-CHANGE") == verdict


@guarantees("rules.price")
def test_what_is_billed_keeps_its_price() -> None:
    """A credit note is a person's; a line of the same order is another matter."""
    billed = SALES_PRICE.having(invoices=(SALES_PRICE.rows["invoices"][0]._replace(sales_order_line="10"),))
    assert billed.verdict("R-INVOICED") == "refuse"
    assert SALES_PRICE.verdict("R-INVOICED") == "ok"


@guarantees("rules.price")
@pytest.mark.parametrize(
    ("case", "verdict"),
    [
        (SALES_PRICE, "ok"),
        (SALES_PRICE.given(new_price=34_999), "flag"),
        (SALES_PRICE.having(cost=()), "flag"),
        (SALES_PRICE.having(cost=(SALES_PRICE.rows["cost"][0]._replace(currency="USD"),)), "flag"),
        (SALES_PRICE.having(cost=(SALES_PRICE.rows["cost"][0]._replace(base_uom="KGM"),)), "flag"),
        (SALES_PRICE.having(cost=(SALES_PRICE.rows["cost"][0]._replace(price_unit=10),)), "ok"),
    ],
)
def test_below_the_standard_price_is_told(case: Case, verdict: str) -> None:
    """And so is that it can't be compared."""
    assert case.verdict("R-COST") == verdict


@guarantees("rules.price")
def test_what_has_left_or_is_closed_is_looked_at() -> None:
    """What has left would be billed at the new price; a closed line keeps its own."""
    sent = SALES_PRICE.living(line=(replace(SOLD, qty_delivered=UNIT, qty_open=29 * UNIT),))
    assert sent.verdict("R-DELIVERED") == "flag"
    assert SALES_PRICE.living(line=(replace(SOLD, order_state="closed"),)).verdict("R-OPEN") == "refuse"


# --- Both -------------------------------------------------------------------------------------------------------------


@guarantees("rules.price", "rules.not_evaluable")
@pytest.mark.parametrize(
    "case",
    [
        PRICE.living(source=(replace(SOURCE, price=None),)),
        PRICE.living(source=(replace(SOURCE, currency=None),)),
        PRICE.living(supplier=(replace(SUPPLIER, blocked=None),)),
        PRICE.having(supplier=()),
        PRICE.having(source=PRICE.rows["source"] * 2),
        replace(PRICE, gaps=("rivals",)),
        SALES_PRICE.living(line=(replace(SOLD, net_value=None),)),
        SALES_PRICE.living(line=(replace(SOLD, currency=None),)),
        replace(SALES_PRICE, gaps=("invoices",)),
        replace(SALES_PRICE, gaps=("cost",)),
    ],
)
def test_a_rule_without_its_facts_refuses(case: Case) -> None:
    """Unknown is not allowed."""
    with pytest.raises(RuleNotEvaluableError):
        case.draft()


@guarantees("rules.price")
@pytest.mark.parametrize(
    ("case", "rule"), [(PRICE.given(site="2000"), "R-SOURCE"), (SALES_PRICE.given(line="99"), "R-LINE")]
)
def test_what_is_not_there_is_refused(case: Case, rule: str) -> None:
    """With where ids come from."""
    with pytest.raises(RuleRefusedError) as caught:
        case.draft()
    assert caught.value.facts["rule"] == rule


@guarantees("rules.price")
def test_a_share_is_told_to_the_tenth_a_half_up() -> None:
    """Three and a third are 3.3; 12.35 are 12.4."""
    assert percent_text(Fraction(30), 31) == "3.3"
    assert percent_text(Fraction(10_000), 11_235) == "12.4"
