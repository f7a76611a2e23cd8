"""What budget may move: within a company and a period that is not over, no more than is left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.commands import OPERATIONS
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Written
from erp_mcp.domain.entities import Record
from erp_mcp.domain.operation import Undoing
from erp_mcp.domain.proposal import Change
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.money import EURO, GIVER, TAKER, TRANSFER


@guarantees("rules.budget", "P7.exact_numbers")
def test_a_sound_transfer_shows_both_budgets_before_and_after() -> None:
    """A hundred less twenty ordered and thirty spent leave fifty; forty of them move."""
    draft = TRANSFER.draft()
    assert (draft.system, draft.key, draft.version_token) == ("erp", "", "")
    assert draft.fields == {
        "from_cost_center_id": "41", "to_cost_center_id": "42", "period": "2026", "amount": "40.00",
        "currency": "EUR", "purpose_code": "reallocation",
        "versions": [{"cost_center_id": "41", "version": "v1"}, {"cost_center_id": "42", "version": "v2"}],
    }  # fmt: skip
    assert draft.changes[:2] == (
        Change(field="41/budget", before="100.00", after="60.00", unit="EUR"),
        Change(field="42/budget", before="10.00", after="50.00", unit="EUR"),
    )
    assert draft.amounts == {"value": "40.00", "currency": "EUR"}
    assert [one.rule for one in draft.checks if one.verdict != "ok"] == ["R-AUTHORITY"]
    assert draft.effects[:2] == ("41 has 10.00 EUR left afterwards.", "42 has 38.00 EUR left, not -2.00.")


@guarantees("rules.budget")
@pytest.mark.parametrize(
    ("amount", "rule", "verdict"),
    [
        (0, "R-AMOUNT", "refuse"),
        (1, "R-AMOUNT", "refuse"),
        (100, "R-AVAILABLE", "ok"),
        (50 * EURO, "R-AVAILABLE", "ok"),
        (50 * EURO + 100, "R-AVAILABLE", "refuse"),
    ],
)
def test_no_more_moves_than_is_left_in_whole_cents(amount: int, rule: str, verdict: str) -> None:
    """Fifty are left."""
    found = TRANSFER.given(amount=amount).check(rule)
    assert found.verdict == verdict
    assert rule != "R-AVAILABLE" or verdict != "refuse" or found.facts["would_pass"] == "50.00"


@guarantees("rules.budget")
def test_an_overspent_cost_centre_gives_nothing() -> None:
    """What would pass is nothing, not a negative amount."""
    poor = TRANSFER.living(budgets=(replace(GIVER, actual=90 * EURO), TAKER)).check("R-AVAILABLE")
    assert (poor.verdict, poor.facts["would_pass"]) == ("refuse", "0.00")


@guarantees("rules.budget")
@pytest.mark.parametrize(
    ("period", "verdict"),
    [("2025", "refuse"), ("2026", "ok"), ("2027", "ok"), ("2026-02", "refuse"), ("2026-03", "ok")],
)
def test_a_period_that_is_over_is_closed(period: str, verdict: str) -> None:
    """It is March 2026."""
    rows = tuple(one._replace(period=period) for one in TRANSFER.rows["budgets"])
    live = tuple(replace(one, period=period) for one in (GIVER, TAKER))
    assert TRANSFER.given(period=period).having(budgets=rows).living(budgets=live).verdict("R-PERIOD") == verdict


@guarantees("rules.budget")
def test_nothing_moves_between_companies_or_currencies() -> None:
    """Nor where nobody says which company it is."""
    assert TRANSFER.living(budgets=(GIVER, replace(TAKER, company_code="2000"))).verdict("R-COMPANY") == "refuse"
    assert TRANSFER.living(budgets=(GIVER, replace(TAKER, currency="USD"))).verdict("R-COMPANY") == "refuse"
    with pytest.raises(RuleNotEvaluableError):
        TRANSFER.living(budgets=(GIVER, replace(TAKER, company_code=None))).draft()


@guarantees("rules.budget")
def test_what_is_not_there_or_the_same_is_refused() -> None:
    """And a budget of two systems is not judged."""
    for case, rule in (
        (TRANSFER.given(to_cost_center_id="43"), "R-COST-CENTER"),
        (TRANSFER.given(to_cost_center_id="41"), "R-COST-CENTER"),
        (TRANSFER.living(budgets=(GIVER,)), "R-GONE"),
    ):
        with pytest.raises(RuleRefusedError) as refused:
            case.draft()
        assert refused.value.facts["rule"] == rule
    with pytest.raises(RuleNotEvaluableError):
        TRANSFER.having(budgets=TRANSFER.rows["budgets"] * 2).draft()


# --- The way back -----------------------------------------------------------------------------------------------------

GOT = replace(TAKER, budget=TAKER.budget + 40 * EURO)  # forty came, two of them cover what was overspent


def _taken_back(live: Record) -> tuple[str, dict[str, JsonValue]]:
    draft, undo = TRANSFER.draft(), OPERATIONS["budget.transfer"].undo
    assert undo is not None
    command = Command(
        operation="budget.transfer", system="erp", entity="budget", key="", version_token="", reference="R1",
        fields=draft.fields,
    )  # fmt: skip
    written = Written(document="70000101", key="42/2026", version_token="v9")
    undoing = Undoing(command=command, changes=draft.changes, written=written, live=live, today="2026-03-16")
    return undo.tool, dict(undo.function(undoing))


@guarantees("P4.undo", "rules.budget")
def test_the_same_amount_moves_back_as_long_as_it_is_left() -> None:
    """To the cent, and as a correction."""
    assert _taken_back(replace(GOT, budget=GOT.budget + 2 * EURO)) == (
        "propose_allocate_budget",
        {
            "from_cost_center_id": "42", "to_cost_center_id": "41", "period": "2026", "amount": "40.00",
            "purpose_code": "correction",
        },
    )  # fmt: skip


@guarantees("P4.undo", "rules.budget")
@pytest.mark.parametrize(
    ("changed", "rule", "would_pass"),
    [
        ({}, "R-UNDO-SPENT", "38.00"),
        ({"actual": TAKER.actual + 38 * EURO + 100}, "R-UNDO-SPENT", "0.00"),
        ({"committed": TAKER.committed + 100 * EURO}, "R-UNDO-SPENT", "0.00"),
        ({"cost_center_id": "41"}, "R-UNDO-CHANGED", None),
        ({"period": "2025"}, "R-UNDO-CHANGED", None),
        ({"currency": "USD"}, "R-UNDO-CHANGED", None),
    ],
)
def test_what_is_ordered_or_spent_by_now_is_not_moved_back(
    changed: dict[str, int | str], rule: str, would_pass: str | None
) -> None:
    """It says what is left of it."""
    with pytest.raises(RuleRefusedError) as refused:
        _taken_back(replace(GOT, **changed))  # type: ignore[arg-type]
    assert (refused.value.facts["rule"], refused.value.facts.get("would_pass")) == (rule, would_pass)
