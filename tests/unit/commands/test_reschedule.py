"""Which production order may get other dates, and which ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.commands import rows_planning
from erp_mcp.domain.proposal import Change
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.cases import UNIT, Case
from tests.unit.commands.planning import ORDER, RESCHEDULE, step


def _living(**changed: object) -> Case:
    return RESCHEDULE.living(order=(replace(ORDER, **changed),))  # type: ignore[arg-type]


def _unknown(case: Case) -> str:
    with pytest.raises(RuleNotEvaluableError) as caught:
        case.draft()
    return str(caught.value.facts["rule"])


@guarantees("rules.production_dates")
def test_a_sound_move_keeps_the_length_and_stands_on_the_version_of_now() -> None:
    """Three days from start to finish, before and after; the work of two centres moves a week."""
    draft = RESCHEDULE.draft()
    assert {one.rule for one in draft.checks if one.verdict != "ok"} == {"R-CAPACITY"}
    assert (draft.system, draft.key, draft.version_token, draft.document) == ("erp", "M1", "v3", "M1")
    assert draft.fields == {"production_order_id": "M1", "new_start": "2026-04-06", "new_finish": "2026-04-09"}
    assert Change(field="scheduled_finish", before="2026-04-02", after="2026-04-09") in draft.changes
    assert len(draft.changes) == 4
    assert draft.amounts == {"material_id": "FG-1", "site": "1000"}
    assert "Its operations at CNC-01, ASM-01 and its component needs move 7 days later." in draft.effects
    assert "Undo: propose the finish 2026-04-02 again." in draft.effects
    assert RESCHEDULE.given(new_finish=None, new_start="2026-04-06").draft().fields == draft.fields


@guarantees("rules.production_dates")
def test_one_of_both_dates_is_given_and_the_order_is_there_once() -> None:
    """Two dates would change its length, none says nothing."""
    for wrong in (RESCHEDULE.given(new_start="2026-04-06"), RESCHEDULE.given(new_finish=None)):
        with pytest.raises(RuleRefusedError) as refused:
            wrong.draft()
        assert refused.value.facts["rule"] == "R-ARGUMENTS"
    with pytest.raises(RuleRefusedError) as gone:
        RESCHEDULE.given(production_order_id="M2").draft()
    assert gone.value.facts["rule"] == "R-ORDER"
    assert _unknown(RESCHEDULE.having(order=RESCHEDULE.rows["order"] * 2)) == "R-ORDER"


@guarantees("rules.production_dates")
def test_only_what_is_created_or_released_and_not_begun_moves() -> None:
    """All of it as the system has it now."""
    for state in ("Running", "Held", "Completed", "Closed", "Cancelled", "something new"):
        assert _living(request_state=state).verdict("R-STATE") == "refuse"
    for state in ("Forecast", "Waiting", "Released", "Ready"):
        assert _living(request_state=state).verdict("R-STARTED") == "ok"
    assert _living(qty_yield=1).verdict("R-STARTED") == "refuse"
    assert _living(qty_scrap=1).verdict("R-STARTED") == "refuse"
    begun = RESCHEDULE.living(operations=(step("0010", "CNC-01", "2026-03-30", "Running"),))
    assert begun.verdict("R-STARTED") == "refuse"
    issued = RESCHEDULE.having(components=(rows_planning.WithdrawnRow("0010", UNIT, None),))
    assert issued.verdict("R-STARTED") == "refuse"


@guarantees("rules.production_dates")
@pytest.mark.parametrize(
    ("start", "new_start", "rule", "verdict"),
    [
        ("2026-03-17", "2026-04-06", "R-FROZEN", "refuse"),
        ("2026-03-18", "2026-04-06", "R-FROZEN", "ok"),
        ("2026-03-30", "2026-03-17", "R-FROZEN", "refuse"),
        ("2026-03-30", "2026-03-18", "R-FROZEN", "ok"),
        ("2026-03-30", "2027-03-14", "R-DATE", "ok"),
        ("2026-03-30", "2027-03-15", "R-DATE", "refuse"),
        ("2026-03-30", "2026-03-30", "R-SAME-DATE", "refuse"),
    ],
)
def test_neither_the_old_nor_the_new_start_lies_in_the_frozen_zone(
    start: str, new_start: str, rule: str, verdict: str
) -> None:
    """Today and tomorrow are the supervisor's; today is the 16th."""
    case = _living(scheduled_start=start) if start != "2026-03-30" else RESCHEDULE
    assert case.given(new_finish=None, new_start=new_start).verdict(rule) == verdict


@guarantees("rules.production_dates")
@pytest.mark.parametrize(
    ("new_start", "verdict"),
    [("2026-04-12", "ok"), ("2026-04-13", "refuse"), ("2026-04-14", "refuse"), ("2026-04-15", "ok")],
)
def test_no_step_lies_in_the_maintenance_of_its_centre(new_start: str, verdict: str) -> None:
    """CNC-01 is maintained on the 13th and 14th, and the first step takes one day; the message says what passes."""
    case = RESCHEDULE.given(new_finish=None, new_start=new_start)
    assert case.verdict("R-MAINTENANCE") == verdict
    if verdict == "refuse":
        facts = case.check("R-MAINTENANCE").facts
        assert (facts["earliest"], facts["earliest_finish"]) == ("2026-04-15", "2026-04-18")


@guarantees("rules.production_dates")
def test_maintenance_that_should_be_over_goes_on_today_but_not_for_ever() -> None:
    """What is in process blocks until its end, at least today; what never began does not."""
    under_way = rows_planning.MaintenanceRow("MT2", "CNC-01", "2026-03-10", "2026-03-20", "in_process")
    case = RESCHEDULE.having(maintenance=(under_way,)).given(new_finish=None)
    assert case.given(new_start="2026-03-20").verdict("R-MAINTENANCE") == "refuse"
    assert case.given(new_start="2026-03-21").verdict("R-MAINTENANCE") == "ok"
    overdue = RESCHEDULE.having(maintenance=(under_way._replace(planned_finish="2026-03-12"),)).given(new_finish=None)
    assert overdue.given(new_start="2026-03-18").verdict("R-MAINTENANCE") == "ok"


@guarantees("rules.impact", "rules.production_dates")
def test_the_customer_it_is_made_for_is_named_when_he_has_to_wait() -> None:
    """Wanted on the 9th: a finish on the 9th is in time, one on the 10th is not."""
    assert RESCHEDULE.verdict("R-IMPACT") == "ok"
    late = RESCHEDULE.given(new_finish="2026-04-10")
    assert late.check("R-IMPACT").facts == {"worse": 1, "better": 0}
    assert "Sales order 10/000010 needs 50 EA by 2026-04-09: 50 EA late instead of 0; all of it by 2026-04-10." in (
        late.draft().effects
    )


@guarantees("rules.production_dates")
def test_what_is_not_looked_at_and_what_feeds_it_is_told() -> None:
    """Capacity never is; components when it comes earlier; orders that feed it when they finish too late."""
    earlier = RESCHEDULE.given(new_finish="2026-03-30")
    assert earlier.verdict("R-COMPONENTS") == earlier.verdict("R-CAPACITY") == "person"
    child = rows_planning.ChildRow("C1", None, "2026-04-06")
    assert RESCHEDULE.having(children=(child,)).verdict("R-CHILDREN") == "ok"
    late = RESCHEDULE.having(children=(child._replace(scheduled_finish="2026-04-07"),))
    assert late.check("R-CHILDREN").facts == {"production_order_id": "C1", "orders": 1}


@guarantees("rules.not_evaluable")
def test_what_can_not_be_looked_at_is_not_taken_for_fine() -> None:
    """Steps, maintenance, feeding orders, who waits for it, and dates that are not there."""
    for gap, rule in (
        ("operations", "R-STARTED"),
        ("components", "R-STARTED"),
        ("maintenance", "R-MAINTENANCE"),
        ("children", "R-CHILDREN"),
        ("sales_demand", "R-IMPACT"),
    ):
        assert _unknown(replace(RESCHEDULE, gaps=(gap,))) == rule
    assert _unknown(RESCHEDULE.having(supply_orders=())) == "R-IMPACT"
    undated = replace(step("0010", "CNC-01", "2026-03-30"), planned_start=None)
    assert _unknown(RESCHEDULE.living(operations=(undated,))) == "R-MAINTENANCE"
    assert _unknown(_living(scheduled_start=None, planned_start=None)) == "R-DATE"
