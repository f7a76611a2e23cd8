"""For what maintenance may be planned, in which days, and what the approver is told of them."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from erp_mcp.commands.maintenance_order import create
from erp_mcp.commands.rows_maintenance import OperationRow, PlannedWorkRow
from erp_mcp.domain.operation import CommandFacts
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.cases import NOW, TODAY
from tests.unit.commands.maintaining import NOTICE, PLAN


@guarantees("rules.maintenance")
def test_a_sound_plan_stays_unreleased_and_carries_the_version_of_its_notification() -> None:
    """The system compares it before it writes."""
    draft = PLAN.draft()
    assert (draft.system, draft.key, draft.version_token) == ("erp", "", "")
    assert draft.fields == {
        "notification_id": "MN1", "asset_id": "AST-1", "work_center_id": "CNC", "planned_start": "2026-03-30",
        "planned_finish": "2026-03-31", "permit_to_work": True,
        "versions": [{"notification_id": "MN1", "version": "v5"}],
    }  # fmt: skip
    assert [one.rule for one in draft.checks if one.verdict != "ok"] == ["R-BUDGET"]
    assert draft.effects[0].startswith("The order stays unreleased")
    assert PLAN.given(permit_to_work=False).verdict("R-PERMIT") == "flag"


@guarantees("rules.maintenance")
def test_only_a_notification_that_waits_gets_an_order() -> None:
    """As its system has it now."""
    for changed in ({"order_state": "closed"}, {"order_state": "in_process"}, {"maintenance_order_id": "4"}):
        record = replace(NOTICE, **changed)  # type: ignore[arg-type]
        assert PLAN.living(notice=(record,)).verdict("R-NOTIFICATION") == "refuse"
    for case, rule in ((PLAN.having(notice=()), "R-NOTIFICATION"), (PLAN.living(notice=()), "R-GONE")):
        with pytest.raises(RuleRefusedError) as refused:
            case.draft()
        assert refused.value.facts["rule"] == rule
    for unclear in (PLAN.having(notice=PLAN.rows["notice"] * 2), PLAN.living(notice=(replace(NOTICE, asset_id=None),))):
        with pytest.raises(RuleNotEvaluableError):
            unclear.draft()


@guarantees("rules.maintenance")
@pytest.mark.parametrize(
    ("start", "finish", "verdict"),
    [
        ("2026-03-15", "2026-03-20", "refuse"),
        ("2026-03-16", "2026-03-16", "ok"),
        ("2026-03-17", "2026-03-16", "refuse"),
        ("2026-04-01", "2026-05-31", "ok"),
        ("2026-04-01", "2026-06-01", "refuse"),
        ("2027-03-18", "2027-03-18", "refuse"),
    ],
)
def test_days_are_not_past_not_turned_and_not_without_end(start: str, finish: str, verdict: str) -> None:
    """Today is the 16th of March; sixty days are the longest."""
    assert PLAN.given(planned_start=start, planned_finish=finish).verdict("R-DATE") == verdict


@guarantees("rules.maintenance")
def test_other_work_and_production_in_these_days_are_told() -> None:
    """A day of the plant counts, not of UTC."""
    work = PlannedWorkRow("4", "AST-1", "2026-03-20", "2026-03-30")
    assert PLAN.having(orders=(work,)).check("R-DUPLICATE").facts == {"maintenance_order_id": "4", "orders": 1}
    assert PLAN.having(orders=(work._replace(planned_finish="2026-03-29"),)).verdict("R-DUPLICATE") == "ok"
    assert PLAN.having(orders=(work._replace(planned_finish=None),)).verdict("R-DUPLICATE") == "flag"
    step = OperationRow("P1", "0010", "2026-03-31T20:00:00Z", "2026-04-01T04:00:00Z")
    assert PLAN.having(operations=(step,)).check("R-CAPACITY").facts == {"operations": 1, "production_order_id": "P1"}
    after = step._replace(planned_start="2026-04-01T00:00:00Z")
    assert PLAN.having(operations=(after,)).verdict("R-CAPACITY") == "ok"
    before = step._replace(planned_start="2026-03-27T00:00:00Z", planned_finish="2026-03-29T20:00:00Z")
    assert PLAN.having(operations=(before,)).verdict("R-CAPACITY") == "ok"


@guarantees("rules.maintenance")
def test_an_operation_is_on_the_day_that_the_plant_calls_it() -> None:
    """Half past ten in the evening by UTC is the next day in Berlin."""
    step = OperationRow("P1", "0010", "2026-03-31T22:30:00Z", "2026-04-01T04:00:00Z")
    case = PLAN.having(operations=(step,))
    facts = CommandFacts(
        rows=case.rows, live=case.live, arguments=case.arguments, today=TODAY, now=NOW, zone=ZoneInfo("Europe/Berlin")
    )
    (found,) = (one for one in create(facts).checks if one.rule == "R-CAPACITY")
    assert found.verdict == "ok"
    assert case.verdict("R-CAPACITY") == "flag"  # where the plant's zone is UTC


@guarantees("rules.not_evaluable")
@pytest.mark.parametrize("gap", ["orders", "operations"])
def test_what_nobody_looked_at_refuses(gap: str) -> None:
    """Nothing is planned there, as far as anybody looked, is no answer."""
    with pytest.raises(RuleNotEvaluableError):
        replace(PLAN, gaps=(gap,)).draft()
