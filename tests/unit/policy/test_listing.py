"""Which tools a list shows."""

from __future__ import annotations

import dataclasses
import shutil
from itertools import chain
from pathlib import Path

from erp_mcp.domain.tool import SagaStep, Tool
from erp_mcp.policy.activate import diff
from erp_mcp.policy.bundle import canonical, from_document, from_json
from erp_mcp.policy.decide import decide_role
from erp_mcp.policy.listing import CHOSEN, SHORT, listed
from erp_mcp.policy.load import Checked, check
from tests.guarantees import guarantees
from tests.unit.policy.plant import KNOWN, STATUS, TOOLS, WRITE, document, old_document, role, rule, tool

GOOD = Path(__file__).parents[3] / "fixtures" / "policies" / "broken" / "_good"
FINDERS = [tool(name, toolset="discovery", effect="discovery") for name in ("call_tool", "search_tools")]
READS = [*TOOLS.values()]


def _many(*counts: int) -> list[Tool]:
    sets = (
        [tool(f"get_{letter}{number}", toolset=letter) for number in range(count)]
        for letter, count in zip("abcdefgh", counts, strict=False)
    )
    return [*chain.from_iterable(sets)]


def _names(tools: list[Tool]) -> list[str]:
    return [one.name for one in tools]


@guarantees("discovery.lists")
def test_a_short_list_shows_all_and_needs_no_search() -> None:
    """What costs nothing in one conversation costs nothing in any."""
    able = [*FINDERS, *_many(SHORT), STATUS, WRITE]

    assert listed(able, None) == [*_many(SHORT), STATUS, WRITE]


@guarantees("discovery.lists")
def test_a_long_list_that_nobody_chose_takes_turns_among_the_toolsets_and_gets_the_search() -> None:
    """No toolset is hidden because its name comes late."""
    able = [*FINDERS, *_many(20, 3, 1)]

    shown = _names(listed(able, None))

    assert shown[:2] == ["call_tool", "search_tools"]
    assert len(shown) == 2 + CHOSEN
    assert {"get_b0", "get_b1", "get_b2", "get_c0"} <= set(shown)
    assert shown[2:] == [name for name in _names(able) if name in shown[2:]]


@guarantees("discovery.lists")
def test_a_policy_names_what_is_shown_and_what_is_left_out_is_found_by_search() -> None:
    """In the order of the catalogue, whatever the order of the file."""
    able = [*FINDERS, *READS]

    assert _names(listed(able, ("get_stock", "find_order"))) == ["call_tool", "search_tools", "find_order", "get_stock"]
    assert listed(able, tuple(_names(READS))) == READS


@guarantees("discovery.lists")
def test_what_a_saga_does_for_the_agent_is_left_out_of_a_chosen_list_unless_it_is_named() -> None:
    """Steps and ways back are granted so that the saga may use them; each is still called by its own name."""
    step = dataclasses.replace(WRITE, name="propose_step", undone_by="propose_step_back")
    back, other = (dataclasses.replace(WRITE, name=name) for name in ("propose_step_back", "propose_other"))
    saga = dataclasses.replace(WRITE, name="propose_both", steps=(SagaStep(name="one", tool="propose_step"),))
    able = [*FINDERS, other, saga, step, back, STATUS]

    assert listed(able, ()) == [*FINDERS, other, saga, STATUS]
    assert listed(able, ("propose_step",)) == [*FINDERS, other, saga, step, STATUS]
    assert listed(able, None) == able[2:]


@guarantees("P1.hidden_is_missing")
def test_a_list_shows_nothing_that_may_not_be_called() -> None:
    """Naming a tool grants nothing."""
    assert listed(READS[:2], tuple(_names([*READS, WRITE]))) == READS[:2]


@guarantees("P3.called_directly")
def test_what_proposes_and_looks_after_proposals_is_always_listed() -> None:
    """It can't be called through another tool, so a list that hides it would take it away."""
    assert listed([*FINDERS, *READS, STATUS, WRITE], ())[-2:] == [STATUS, WRITE]


@guarantees("policy.closed_language")
def test_a_bundle_from_before_roles_said_what_they_show_still_opens() -> None:
    """What is applied stays in force through an upgrade; its digest is that of its own text."""
    now = document(rule("r", "find_order"))
    old = {**now, "format": 2, "roles": old_document()["roles"]}

    opened = from_json(canonical(old), from_document(old).digest)

    assert set(opened.shows.values()) == {None}
    assert opened.cells.keys() == from_document(now).cells.keys()


@guarantees("discovery.lists")
def test_tools_that_find_others_come_to_whoever_may_call_something_and_to_nobody_else() -> None:
    """No rule names them."""
    roles = {"planner": role(), "auditor": role()}
    bundle = from_document(document(rule("r", "find_order"), roles=roles))

    assert bundle.discovery.keys() == {"planner"}
    assert decide_role(bundle, "planner", FINDERS[0], {}).allowed
    assert not decide_role(bundle, "auditor", FINDERS[0], {}).allowed


@guarantees("discovery.lists", "input.clear_errors")
def test_a_list_that_names_what_its_role_may_not_call_is_pointed_out_and_not_refused(tmp_path: Path) -> None:
    """It shows less than somebody meant, and harms nobody; a name that no tool has is refused."""
    folder = Path(shutil.copytree(GOOD, tmp_path / "policies"))
    base = folder / "base.yaml"
    text = base.read_text(encoding="utf-8")
    role_at = text.index("\n", text.index("    sites:", text.index("\nroles:"))) + 1

    def checked(shown: str) -> Checked:
        base.write_text(f"{text[:role_at]}    shows: [{shown}]\n{text[role_at:]}", encoding="utf-8")
        return check(folder, KNOWN)

    pointed_out = checked("find_order, get_plant_briefing, quality/*")
    wrong = checked("no_such_tool")

    assert pointed_out.problems == ()
    assert {one.key.rpartition(".")[2] for one in pointed_out.advice} <= {"0", "1", "2"}
    assert any("get_plant_briefing" in one.reason for one in pointed_out.advice)
    assert [one.problem for one in wrong.problems] == ["unknown_tool"]


@guarantees("discovery.lists")
def test_another_list_of_a_role_is_a_difference_that_is_shown() -> None:
    """Who applies a policy sees that agents will see other tools."""
    before = from_document(document(rule("r", "find_order", "get_stock")))
    after = from_document(document(rule("r", "find_order", "get_stock"), roles={"planner": role(shows=["find_order"])}))

    difference = diff(before, after, TOOLS)

    assert [*difference.lines()] == ["~ planner list of tools shows: none → find_order"]
    assert not difference.empty
    assert diff(after, after, TOOLS).empty


@guarantees("discovery.lists", "policy.apply")
def test_of_a_long_list_only_what_came_and_went_is_shown() -> None:
    """One tool more among fifty is found at a glance; programs get both lists whole."""
    before = from_document(
        document(rule("r", "find_order", "get_stock"), roles={"planner": role(shows=["find_order"])})
    )
    after = from_document(
        document(
            rule("r", "find_order", "list_sales_orders"),
            roles={"planner": role(shows=["find_order", "list_sales_orders"])},
        )
    )

    difference = diff(before, after, TOOLS)

    assert [line for line in difference.lines() if line.startswith("~")] == [
        "~ rule r: permit planner: + list_sales_orders, - get_stock",
        "~ planner list of tools shows: + list_sales_orders",
    ]
    assert difference.rules[0].as_json()["before"] == "permit planner: find_order, get_stock"


@guarantees("discovery.lists", "policy.apply")
def test_the_same_list_in_another_order_is_shown_whole() -> None:
    """What comes first is what an agent sees first, and that changed."""
    rules = rule("r", "find_order", "get_stock")
    before = from_document(document(rules, roles={"planner": role(shows=["find_order", "get_stock"])}))
    after = from_document(document(rules, roles={"planner": role(shows=["get_stock", "find_order"])}))

    assert [*diff(before, after, TOOLS).lines()] == [
        "~ planner list of tools shows: find_order, get_stock → get_stock, find_order"
    ]
