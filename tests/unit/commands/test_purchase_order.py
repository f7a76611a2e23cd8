"""What may be ordered: each rule from both sides, and what the draft says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.commands import rows_buying
from erp_mcp.domain.entities.procurement import PurchaseRequisition
from erp_mcp.domain.proposal import Change
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.buying import (
    LINE,
    ORDER,
    OTHER_SOURCE,
    REFERRING,
    REQUISITION,
    SOURCE,
    line,
    lines,
    ordered,
    source_row,
)
from tests.unit.commands.cases import MATERIAL, SUPPLIER, UNIT, Case

NOT_LOOKED_AT = {"R-SANCTIONS", "R-BUDGET", "R-TERMS"}


@guarantees("rules.purchase_order")
def test_a_sound_order_becomes_a_draft_that_flags_only_what_no_system_tells() -> None:
    """40 pieces at 20.00 for ten are 80.00; the price stands in the payload, so it is approved too."""
    draft = ORDER.draft()
    assert {one.rule for one in draft.checks if one.verdict != "ok"} == NOT_LOOKED_AT
    assert (draft.system, draft.key, draft.version_token, draft.document) == ("erp", "", "", "")
    assert draft.fields == {
        "supplier_id": "S-1",
        "site": "1000",
        "currency": "EUR",
        "lines": [
            {
                "material_id": "RM-1",
                "qty": "40",
                "uom": "EA",
                "price": "20.00",
                "price_unit": 10,
                "delivery_date": "2026-05-18",
            }
        ],
        "requisitions": [],
    }
    assert draft.amounts == {"value": "80.00", "currency": "EUR"}
    assert Change(field="lines[0].price", before="", after="20.00", unit="EUR per 10 EA") in draft.changes
    assert any(effect.startswith("Undo: ") for effect in draft.effects)


@guarantees("rules.purchase_order")
def test_the_value_is_the_exact_sum_of_the_lines() -> None:
    """Each line is rounded once, to a ten-thousandth, a half up."""
    case = ordered(LINE, line(qty=10_333_000, price=200_001))
    assert case.draft().amounts["value"] == "100.6661"  # 80 and 20.66610333
    assert ordered(line(qty=10_500_000, price=200_010)).draft().amounts["value"] == "21.0011"  # 21.00105


@guarantees("rules.purchase_order")
@pytest.mark.parametrize(
    ("rule", "good", "bad", "would_pass"),
    [
        ("R-QTY", {"qty": 10 * UNIT + 1000}, {"qty": 10 * UNIT + 100}, "10.001"),
        ("R-MIN-QTY", {"qty": 10 * UNIT}, {"qty": 10 * UNIT - 1000}, "10"),
        ("R-UOM", {"uom": "EA"}, {"uom": "BX"}, "EA"),
        ("R-PRICE", {"price": 210_000}, {"price": 210_001}, "21.00"),
        ("R-PRICE", {"price": 210_000}, {"price": 0}, "21.00"),
    ],
)
def test_a_line_passes_at_the_border_and_is_refused_one_step_beyond(
    rule: str, good: dict[str, int | str], bad: dict[str, int | str], would_pass: str
) -> None:
    """The refusal says what would pass, and which line it is about."""
    assert ordered(line(**good)).verdict(rule) == "ok"
    refused = ordered(LINE, line(**bad)).check(rule)
    assert (refused.verdict, refused.facts["line"], refused.facts["would_pass"]) == ("refuse", 2, would_pass)


@guarantees("rules.purchase_order")
def test_a_price_far_below_the_sources_is_told_to_the_approver() -> None:
    """19.00 is five per cent below 20.00."""
    assert ordered(line(price=190_000)).verdict("R-PRICE") == "ok"
    assert ordered(line(price=189_999)).verdict("R-PRICE") == "flag"


@guarantees("rules.purchase_order")
@pytest.mark.parametrize(
    ("date", "rule", "verdict"),
    [
        ("2026-03-15", "R-DATE", "refuse"),
        ("2026-03-16", "R-DATE", "ok"),
        ("2027-03-17", "R-DATE", "ok"),
        ("2027-03-18", "R-DATE", "refuse"),
        ("2026-03-29", "R-LEAD-TIME", "flag"),
        ("2026-03-30", "R-LEAD-TIME", "ok"),
    ],
)
def test_a_day_is_neither_past_nor_too_far_nor_quicker_than_the_supplier(date: str, rule: str, verdict: str) -> None:
    """Fourteen days from 16 March are 30 March."""
    assert ordered(line(delivery_date=date)).verdict(rule) == verdict


@guarantees("rules.purchase_order")
@pytest.mark.parametrize(
    ("case", "rule"),
    [
        (ORDER.living(supplier=(replace(SUPPLIER, blocked=True),)), "R-SUPPLIER-BLOCKED"),
        (ORDER.living(materials=(replace(MATERIAL, status="blocked"),)), "R-MATERIAL-STATUS"),
        (ORDER.living(sources=(replace(SOURCE, blocked=True),)), "R-SOURCE"),
        (ORDER.living(sources=(replace(SOURCE, valid_to="2026-03-15"),)), "R-SOURCE"),
        (ORDER.living(sources=()), "R-SOURCE"),
        (ORDER.having(sources=(source_row(replace(SOURCE, site="2000")),)), "R-SOURCE"),
    ],
)
def test_what_is_blocked_or_no_source_is_not_ordered(case: Case, rule: str) -> None:
    """As the system has it now, whatever the copy says."""
    assert case.verdict(rule) == "refuse"


@guarantees("rules.purchase_order")
def test_a_source_is_valid_on_its_last_day() -> None:
    """A border of its own."""
    assert ORDER.living(sources=(replace(SOURCE, valid_to="2026-03-16"),)).verdict("R-SOURCE") == "ok"


@guarantees("rules.purchase_order")
def test_one_order_has_one_currency() -> None:
    """A sum of several would be none."""
    other = replace(OTHER_SOURCE, currency="USD")
    case = ordered(LINE, line(material_id="RM-2")).living(sources=(SOURCE, other))
    assert (case.check("R-CURRENCY").facts, case.verdict("R-CURRENCY")) == ({"currencies": "EUR, USD"}, "refuse")
    assert case.draft().amounts == {}


@guarantees("rules.purchase_order", "rules.not_evaluable")
@pytest.mark.parametrize(
    "case",
    [
        ORDER.living(supplier=(replace(SUPPLIER, blocked=None),)),
        ORDER.living(sources=(replace(SOURCE, price=None),)),
        ORDER.living(sources=(replace(SOURCE, currency=None),)),
        ORDER.living(materials=(replace(MATERIAL, status=None),)),
        ORDER.living(materials=()),
        replace(ORDER, gaps=("units",)),
        replace(ORDER, gaps=("requisitions",)),
        replace(ORDER, gaps=("purchase_lines",)),
        REFERRING.living(references=(replace(REQUISITION, release_state=None),)),
        REFERRING.living(references=(replace(REQUISITION, uom="KGM"),)),
        ORDER.having(supplier=ORDER.rows["supplier"] * 2),
    ],
)
def test_a_rule_without_its_facts_refuses(case: Case) -> None:
    """Unknown is not allowed."""
    with pytest.raises(RuleNotEvaluableError):
        case.draft()


@guarantees("rules.purchase_order")
@pytest.mark.parametrize(
    ("case", "rule"),
    [
        (ORDER.given(supplier_id="S-9"), "R-SUPPLIER"),
        (ordered(line(material_id="RM-9")), "R-MATERIAL"),
        (ORDER.given(site="2000"), "R-MATERIAL"),
        (REFERRING.having(references=()), "R-REQUISITION"),
        (REFERRING.living(references=()), "R-GONE"),
    ],
)
def test_what_is_not_there_is_refused(case: Case, rule: str) -> None:
    """Whether it is elsewhere is not told."""
    with pytest.raises(RuleRefusedError) as caught:
        case.draft()
    assert caught.value.facts["rule"] == rule


# --- Requisitions -----------------------------------------------------------------------------------------------------


@guarantees("rules.purchase_order")
def test_a_requisition_is_closed_with_the_version_that_was_looked_at() -> None:
    """So that one that changes before it is sent stops the order."""
    draft = REFERRING.draft()
    assert draft.fields["requisitions"] == [{"requisition_id": "30", "line": "10", "version": "r4"}]
    assert Change(field="requisition 30/10", before="open", after="converted") in draft.changes
    assert REFERRING.verdict("R-REQUISITION") == "ok"


@guarantees("rules.purchase_order")
@pytest.mark.parametrize(
    "live",
    [
        replace(REQUISITION, order_state="converted"),
        replace(REQUISITION, release_state="waiting"),
        replace(REQUISITION, site="2000"),
        replace(REQUISITION, material_id="RM-2"),
        replace(REQUISITION, qty=40 * UNIT + 1000),
        replace(REQUISITION, qty=16 * UNIT + 1000, uom="BX"),
    ],
)
def test_a_requisition_that_is_not_open_released_and_covered_is_not_closed(live: PurchaseRequisition) -> None:
    """Sixteen boxes of two and a half pieces are the forty that are ordered."""
    assert REFERRING.living(references=(live,)).verdict("R-REQUISITION") == "refuse"


@guarantees("rules.purchase_order")
def test_a_requisition_in_another_unit_is_covered_exactly() -> None:
    """Forty pieces for sixteen boxes."""
    live = replace(REQUISITION, qty=16 * UNIT, uom="BX")
    assert REFERRING.living(references=(live,)).verdict("R-REQUISITION") == "ok"


@guarantees("rules.purchase_order")
def test_what_is_open_already_is_told_but_not_what_the_order_takes_the_place_of() -> None:
    """An order may be wanted beside an open one; the requisition that it closes is none beside it."""
    there = rows_buying.OpenRequisitionRow("RM-1", "30", "10", 40 * UNIT, "EA", "2026-05-18")
    assert ORDER.having(requisitions=(there,)).verdict("R-DUPLICATE") == "flag"
    assert REFERRING.having(requisitions=(there,)).verdict("R-DUPLICATE") == "ok"
    elsewhere = there._replace(material_id="RM-2")
    assert ORDER.having(requisitions=(elsewhere,)).verdict("R-DUPLICATE") == "ok"


@guarantees("rules.purchase_order")
def test_fifty_lines_make_one_sentence_a_rule() -> None:
    """An approver reads exceptions, not fifty times that all is well."""
    rules = [one.rule for one in ORDER.given(lines=lines(*[LINE] * 50)).draft().checks]
    assert len(rules) == len(set(rules))
