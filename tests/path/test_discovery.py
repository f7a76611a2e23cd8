"""Finding, describing and calling tools that no list shows, through the whole gateway."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from erp_mcp import answers
from erp_mcp.domain.answer import Answer, Refusal
from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.path.conftest import Desk, records

FINDERS = {"search_tools", "describe_tool", "call_tool"}


def _listed(desk: Desk, agent: str) -> set[str]:
    return {view.name for view in desk.deployment.gateway.tools(desk.deployment.principal(agent))}


def _able(desk: Desk, agent: str) -> set[str]:
    return {tool.name for tool in desk.deployment.gateway.callable_tools(desk.deployment.principal(agent))}


def _facts(desk: Desk) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(desk.recorded()[-1].leaf)["facts"]
    return found


@guarantees("discovery.lists", "P1.discovery")
def test_a_planner_finds_reads_about_and_calls_a_tool_that_is_not_listed(desk: Desk) -> None:
    """The three steps that an agent takes."""
    assert "get_oee" not in _listed(desk, "planner")

    first = desk.rows("planner", "search_tools", "tools", query="overall equipment effectiveness")[0]
    told = desk.answer("planner", "describe_tool", name="get_oee")
    called = desk.answer("planner", "call_tool", name="list_wip_jobs", arguments={"min_age_h": 48})

    assert (first["tool"], first["call"]) == ("get_oee", "call_tool")
    assert "work_center_id" in first["arguments"]
    assert "work_center_id" in {row["argument"] for row in records(told, "arguments")}
    assert records(told, "tool")[0]["call"] == "call_tool"
    assert (told.complete, told.sources) == (True, [])
    assert called.tables["jobs"].rows


@guarantees("discovery.as_direct")
@pytest.mark.parametrize(
    ("agent", "tool", "arguments"),
    [
        ("planner", "list_wip_jobs", {"min_age_h": 48, "limit": 5}),
        ("supervisor", "list_wip_jobs", {"site": "2000"}),
        ("buyer", "get_stock", {"material_id": ["RM-013"]}),
        ("planner", "get_stock", {"material": "RM-013"}),
        ("planner", "get_sales_order", {"sales_order_id": 5}),
        ("planner", "get_sales_order", {}),
        ("planner", "get_stock", {"material_id": ["RM-013"], "cursor": "bm9uZQ"}),
        ("planner", "list_sales_orders", {"customer_id": "stop the machine now, start batch 4711"}),
        ("planner", "start_batch", {"batch": "4711"}),
    ],
)
def test_a_call_that_is_passed_on_answers_and_is_recorded_as_the_direct_call(
    agent: str, tool: str, arguments: dict[str, JsonValue], desk: Desk
) -> None:
    """Scope, masks, checks, screening, envelope: nothing is otherwise but the note that it was passed on."""
    direct = desk.ask(agent, tool, **arguments)
    recorded = _facts(desk)
    passed_on = desk.ask(agent, "call_tool", name=tool, arguments=arguments)
    record = _facts(desk)

    told, other = answers.structured(passed_on), answers.structured(direct)
    assert told.pop("call_id") != other.pop("call_id")
    told.pop("next_cursor", None), other.pop("next_cursor", None)
    assert told == other
    assert record.pop("through", record.get("code")) in {"call_tool", "policy.boundary"}  # screened before it is opened
    assert {**record, "call_id": ""} == {**recorded, "call_id": ""}


@guarantees("discovery.as_direct")
def test_pages_go_on_through_either_way(desk: Desk) -> None:
    """A cursor belongs to the question, not to the way it was asked."""
    asked: dict[str, JsonValue] = {"late_only": True, "limit": 3}
    first = desk.answer("planner", "call_tool", name="list_sales_orders", arguments=asked)
    cursor: JsonValue = first.next_cursor

    direct = desk.answer("planner", "list_sales_orders", **asked, cursor=cursor)
    through = desk.answer("planner", "call_tool", name="list_sales_orders", arguments={**asked, "cursor": cursor})

    assert direct.tables["lines"].rows == through.tables["lines"].rows != first.tables["lines"].rows


@guarantees("P3.called_directly")
@pytest.mark.parametrize("tool", ["propose_update_delivery_date", "get_proposal", "cancel_proposal", *sorted(FINDERS)])
def test_what_writes_or_finds_is_not_passed_on(tool: str, desk: Desk) -> None:
    """A person who always allows call_tool has allowed reading alone."""
    before = desk.answer("buyer", "list_my_proposals").tables["proposals"].rows

    refusal = desk.refusal("buyer", "call_tool", name=tool, arguments={"proposal_id": "prp_0Grxp25veLSr"})

    assert (refusal.code, refusal.facts) == ("call.call_directly", {"tool": tool})
    assert desk.answer("buyer", "list_my_proposals").tables["proposals"].rows == before


@guarantees("P1.discovery", "P1.hidden_is_missing")
@pytest.mark.parametrize("way", ["call_tool", "describe_tool"])
def test_a_hidden_tool_answers_as_one_that_never_was(way: str, desk: Desk) -> None:
    """A write that another role has, a read that this role has not, and a name that nobody knows."""
    given: dict[str, JsonValue] = {"arguments": {"x": 1}} if way == "call_tool" else {}
    told = [
        desk.refusal("support", way, name=name, **given)
        for name in ("propose_update_delivery_date", "list_wip_jobs", "no_such_thing", "xq.z")
    ]

    assert {(one.code, one.summary, one.advice, str(one.facts)) for one in told} == {
        ("call.unknown_tool", told[0].summary, told[0].advice, "{'argument': 'name'}")
    }


@guarantees("P1.discovery")
def test_a_misspelt_name_is_answered_with_one_that_the_role_may_call(desk: Desk) -> None:
    """The suggestion comes from what is callable, listed or not."""
    mine = desk.refusal("planner", "call_tool", name="list_wip_job", arguments={})
    others = desk.refusal("support", "describe_tool", name="list_wip_job")

    assert mine.facts == {"argument": "name", "suggestion": "list_wip_jobs"}
    assert others.facts == {"argument": "name"}


@guarantees("P1.discovery", "discovery.lists")
@pytest.mark.parametrize("agent", ["planner", "buyer", "supervisor", "quality", "support", "maintenance", "finance"])
def test_each_role_finds_every_tool_of_its_own_and_no_other(agent: str, desk: Desk) -> None:
    """Searched by their titles, whatever is in the list."""
    able = _able(desk, agent)
    found = set()
    for tool in desk.deployment.catalog:
        rows = desk.rows(agent, "search_tools", "tools", query=tool.title)
        found |= {row["tool"] for row in rows}
        if tool.name in able - FINDERS:
            assert tool.name in {row["tool"] for row in rows}

    assert found == able - FINDERS
    assert _listed(desk, agent) <= able
    assert (_listed(desk, agent) >= FINDERS) == (able - FINDERS > _listed(desk, agent) - FINDERS)


@guarantees("P1.discovery")
def test_whoever_may_call_nothing_has_no_search_either(desk: Desk) -> None:
    """Nothing to find, so nothing that finds."""
    refusal = desk.refusal("auditor", "search_tools", query="stock")

    assert (refusal.code, refusal.facts) == ("call.unknown_tool", {})
    assert _able(desk, "auditor") == set()


@guarantees("input.clear_errors", "discovery.as_direct")
@pytest.mark.parametrize(
    ("tool", "arguments", "argument", "rule"),
    [
        ("search_tools", {}, "query", "required"),
        ("search_tools", {"query": "x" * 121}, "query", "length"),
        ("search_tools", {"query": 7}, "query", "type"),
        ("call_tool", {"name": "get_stock", "arguments": "{}"}, "arguments", "type"),
        ("call_tool", {"name": "get_stock", "arguments": [1]}, "arguments", "type"),
        ("call_tool", {"arguments": {}}, "name", "required"),
        ("call_tool", {"name": "get stock"}, "name", "pattern"),
        ("describe_tool", {"name": None}, "name", "type"),
    ],
)
def test_wrong_arguments_are_named(
    tool: str, arguments: dict[str, JsonValue], argument: str, rule: str, desk: Desk
) -> None:
    """By the same front door as any other tool's."""
    refusal = desk.refusal("planner", tool, **arguments)

    assert (refusal.code, refusal.facts["argument"], refusal.facts["rule"]) == ("call.invalid_argument", argument, rule)


@guarantees("P6.planning_side")
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("search_tools", {"query": "write setpoint of the oven to 185"}),
        ("call_tool", {"name": "write_setpoint", "arguments": {}}),
        ("call_tool", {"name": "get_stock", "arguments": {"JobOrder": {"Command": "Start"}}}),
    ],
)
def test_orders_to_the_floor_are_refused_in_whatever_they_are_wrapped(
    tool: str, arguments: dict[str, JsonValue], desk: Desk
) -> None:
    """Before any tool is looked up."""
    assert desk.refusal("planner", tool, **arguments).code == "policy.boundary"


@guarantees("P8.no_person")
@pytest.mark.parametrize("agent", ["planner", "support"])
def test_asking_who_did_something_is_refused_as_what_it_is(desk: Desk, agent: str) -> None:
    """Whether the tool is there, hidden or was never: the refusal is the same, and it is recorded."""
    asked = (
        ("list_wip_jobs", {"operator_badge": "B-1"}),
        ("get_operator", {"job_id": "J-1"}),
        ("call_tool", {"name": "list_wip_jobs", "arguments": {"confirmed_by": "x"}}),
    )
    for tool, arguments in asked:
        assert desk.refusal(agent, tool, **arguments).code == "policy.personal_data", tool
        assert b"policy.personal_data" in desk.recorded()[-1].leaf

    told = desk.answer(agent, "search_tools", query="which operator confirmed the job")
    assert any("personal data" in warning for warning in told.warnings)


def _with_slips(text: str) -> list[str]:
    """Return a word as it is, with one letter out, and with one letter too many."""
    middle = len(text) // 2
    return [text, text[:middle] + text[middle + 1 :], f"{text[:middle]}q{text[middle:]}"]


@guarantees("P1.discovery", "P1.hidden_is_missing")
@pytest.mark.parametrize("agent", ["buyer", "support"])
def test_no_answer_tells_whether_a_hidden_tool_is_there(agent: str, desk: Desk) -> None:
    """Asked once with the whole catalogue and once as if what the role may not call had never been.

    A search that knew the words of hidden tools would take them as they are, and correct all others.
    """
    gateway, full, able = desk.deployment.gateway, desk.deployment.gateway.catalog, _able(desk, agent)
    hidden = [tool for tool in full if tool.name not in able]
    words = sorted({word for tool in hidden for word in (*tool.name.split("_"), *tool.title.split()) if len(word) > 3})

    def told() -> list[str]:
        gateway.__dict__.pop("_finding", None)
        names = [slip for tool in hidden for slip in _with_slips(tool.name)]
        asked = [
            *(desk.ask(agent, "search_tools", query=slip) for word in words for slip in _with_slips(word)),
            *(desk.ask(agent, "describe_tool", name=name) for name in names),
            *(desk.ask(agent, name) for name in names),
        ]
        return [_without_call_id(outcome) for outcome in asked]

    whole = told()
    gateway.catalog = replace(full, tools={tool.name: tool for tool in full if tool.name in able})

    assert told() == whole


def _without_call_id(outcome: Answer | Refusal) -> str:
    return str({**answers.structured(outcome), "call_id": ""})
