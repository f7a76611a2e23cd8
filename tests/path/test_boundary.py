"""The planning side and the freshness of data, through the whole gateway."""

from __future__ import annotations

import base64

import pytest

from tests.guarantees import guarantees
from tests.path.conftest import Desk


@guarantees("P6.planning_side")
def test_a_planning_list_is_answered(desk: Desk) -> None:
    """Vector P01: reading at level 4 is what the gateway is for."""
    assert desk.rows("planner", "list_production_orders", "orders")


@guarantees("P7.provenance", "P7.freshness")
def test_work_in_progress_of_forty_seconds_ago_is_answered_with_its_age(desk: Desk) -> None:
    """Vector P02: a level-3 read inside its budget of five minutes says how old it is."""
    answer = desk.answer("planner", "list_wip_jobs")

    assert [(source.system, source.age_s, source.stale) for source in answer.sources] == [("mes", 40, False)]


@guarantees("P7.freshness")
def test_work_in_progress_above_its_budget_is_flagged_stale(desk: Desk) -> None:
    """Between one and four budgets data is shown, but never passed off as current (vector P19: it is no evidence)."""
    desk.clock.pass_by(1_000)

    answer = desk.answer("planner", "list_wip_jobs")

    assert [(source.age_s, source.stale) for source in answer.sources] == [(1_040, True)]


@guarantees("P7.freshness")
def test_work_in_progress_above_four_budgets_is_refused(desk: Desk) -> None:
    """Vector P03: 1,500 s against a budget of 300 s."""
    desk.clock.pass_by(1_460)

    refusal = desk.refusal("planner", "list_wip_jobs")

    assert refusal.code == "freshness.stale"
    assert refusal.facts["rule"] == "F-STALE"
    assert (refusal.facts["age_s"], refusal.facts["budget_s"]) == (1_500, 300)


HOMOGLYPH = "ѕetpoint"  # the first letter is Cyrillic
VECTORS = [
    pytest.param("list_wip_jobs", {"work_center_id": {"JobOrder": {"Command": "Start"}}}, "B-COMMAND", id="P04"),
    pytest.param("find_order", {"reference": "acknowledge alarm on PNT-01"}, "B-ALARM", id="P12"),
    pytest.param("find_order", {"reference": "release lot L000123 from hold"}, "B-RECORD", id="P14"),
    pytest.param("find_order", {"reference": base64.b64encode(b"setpoint").decode()}, "B-SETPOINT", id="P21-base64"),
    pytest.param("find_order", {"reference": f"{HOMOGLYPH} PNT-01 185"}, "B-SETPOINT", id="P21-homoglyph"),
    pytest.param("set_oven_temperature", {"oven": "PNT-01"}, "B-SETPOINT", id="P06"),
]


@guarantees("P6.planning_side")
@pytest.mark.parametrize(("tool", "arguments", "rule"), VECTORS)
def test_a_call_that_reaches_below_the_planning_side_is_refused_by_name(
    desk: Desk, tool: str, arguments: dict[str, object], rule: str
) -> None:
    """Vectors of domain.md §1.7: the refusal names the rule, whether or not a tool of that name exists."""
    refusal = desk.refusal("planner", tool, **arguments)  # type: ignore[arg-type]  # JSON by construction

    assert (refusal.code, refusal.facts["rule"]) == ("policy.boundary", rule)


@guarantees("P6.planning_side", "P1.hidden_is_missing")
def test_a_floor_command_is_refused_alike_for_a_role_without_any_tool(desk: Desk) -> None:
    """Screening comes before any look-up, so its answer says nothing of what exists."""
    for agent in ("planner", "auditor"):
        assert desk.refusal(agent, "list_wip_jobs", Command="Start").code == "policy.boundary"


@guarantees("P8.text_is_data")
def test_an_instruction_inside_a_note_is_shown_as_data_and_does_nothing(desk: Desk) -> None:
    """Vector P20: text of a system is fenced, named untrusted, and no call follows from it."""
    answer = desk.answer("quality", "list_hold_lots")

    assert "description" in answer.tables["notifications"].untrusted
    assert len(desk.recorded()) == 1


GRANTED = ("[production/*, quality/*, get_plant_briefing]", "[production/*, quality/*, get_plant_briefing, orders/*]")


@guarantees("P1.scope")
def test_an_order_of_another_site_answers_exactly_as_one_that_does_not_exist(desk: Desk) -> None:
    """Vector P18: the supervisor's role ends at site 1000; what lies outside is not there, whichever tool asks."""
    order = desk.rows("planner", "list_sales_orders", "lines", site="2000")[0]["sales_order_id"]
    desk.edit_policy(*GRANTED)
    desk.run("policy", "apply")

    for tool in ("get_sales_order", "explain_late_order"):
        hidden = desk.answer("supervisor", tool, sales_order_id=order)
        missing = desk.answer("supervisor", tool, sales_order_id="0019999999")
        assert (hidden.tables, hidden.warnings) == (missing.tables, missing.warnings)


@guarantees("P1.scope")
def test_naming_a_site_outside_the_scope_gives_no_rows(desk: Desk) -> None:
    """An argument narrows the scope of a role and never widens it."""
    assert desk.rows("supervisor", "list_production_orders", "orders", site="2000") == []
    assert {row["site"] for row in desk.rows("supervisor", "list_production_orders", "orders", limit=200)} == {"1000"}
