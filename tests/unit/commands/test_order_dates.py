"""To which finish of a production order planning may commit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.domain.proposal import Change
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.cases import Case
from tests.unit.commands.planning import COMMIT, ORDER, step


def _living(**changed: object) -> Case:
    return COMMIT.living(order=(replace(ORDER, **changed),))  # type: ignore[arg-type]


@guarantees("rules.production_commitment")
def test_a_sound_commitment_changes_one_date_of_the_version_of_now() -> None:
    """From the 2nd to the 7th of April, five days after the schedule ends."""
    draft = COMMIT.draft()
    assert {one.verdict for one in draft.checks} == {"ok"}
    assert (draft.key, draft.version_token, draft.document) == ("M1", "v3", "M1")
    assert draft.fields == {"production_order_id": "M1", "commit_date": "2026-04-07"}
    assert draft.changes == (Change(field="planned_finish", before="2026-04-02", after="2026-04-07"),)
    assert "Undo: propose 2026-04-02 again." in draft.effects
    assert any("5 days before the committed day" in one for one in draft.effects)


@guarantees("rules.production_commitment")
@pytest.mark.parametrize(
    ("day", "rule", "verdict"),
    [
        ("2026-04-01", "R-SCHEDULE", "refuse"),
        ("2026-04-02", "R-SAME-DATE", "refuse"),
        ("2026-04-03", "R-SCHEDULE", "ok"),
        ("2027-03-17", "R-DATE", "ok"),
        ("2027-03-18", "R-DATE", "refuse"),
        ("2026-03-15", "R-DATE", "refuse"),
        ("2026-03-16", "R-DATE", "ok"),
    ],
)
def test_no_day_before_the_schedule_ends_and_none_that_is_past(day: str, rule: str, verdict: str) -> None:
    """Who can be quicker moves the schedule first."""
    assert COMMIT.given(commit_date=day).verdict(rule) == verdict


@guarantees("rules.production_commitment")
@pytest.mark.parametrize(("day", "verdict"), [("2026-04-07", "ok"), ("2026-04-08", "flag")])
def test_a_day_after_the_one_that_the_customer_wants_is_told(day: str, verdict: str) -> None:
    """Its own line counts, not the other one of the order."""
    assert COMMIT.given(commit_date=day).verdict("R-CUSTOMER") == verdict


@guarantees("rules.production_commitment")
def test_an_order_for_nobody_or_of_a_closed_line_says_so() -> None:
    """Nothing is made up."""
    assert _living(sales_order_id=None, sales_order_line=None).verdict("R-CUSTOMER") == "flag"
    assert COMMIT.having(sold=()).verdict("R-CUSTOMER") == "flag"


@guarantees("rules.production_commitment")
def test_what_has_begun_is_not_committed_to_anew() -> None:
    """As for other dates of an order."""
    assert _living(request_state="Running").verdict("R-STATE") == "refuse"
    begun = COMMIT.living(operations=(step("0010", "CNC-01", "2026-03-30", "Completed"),))
    assert begun.verdict("R-STARTED") == "refuse"
    with pytest.raises(RuleRefusedError) as gone:
        COMMIT.given(production_order_id="M2").draft()
    assert gone.value.facts["rule"] == "R-ORDER"


@guarantees("rules.not_evaluable")
@pytest.mark.parametrize(("gap", "rule"), [("operations", "R-STARTED"), ("sold", "R-CUSTOMER")])
def test_what_can_not_be_looked_at_is_not_taken_for_fine(gap: str, rule: str) -> None:
    """A rule without its facts says nothing."""
    with pytest.raises(RuleNotEvaluableError) as caught:
        replace(COMMIT, gaps=(gap,)).draft()
    assert caught.value.facts["rule"] == rule
