"""What an agent may write freely is shown as its own words, for every such tool, from its call to the terminal."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from click.testing import CliRunner

from erp_mcp.administration import free_text_fields
from erp_mcp.cli.app import main
from erp_mcp.commands import OPERATIONS
from erp_mcp.domain.answer import Answer, Refusal
from erp_mcp.domain.proposal import Proposal
from erp_mcp.domain.tool import Argument, Tool
from tests.guarantees import guarantees
from tests.writes.desk import WriteDesk

_THEIR_TOOLS = {
    "propose_create_human_task",
    "propose_create_maintenance_notification",
    "propose_create_quality_notification",
    "propose_create_supplier",
    "propose_post_goods_movement",
    "propose_procurement",
}
# What a saga is given is shown where its steps take it.
_TAKEN_TO = {("propose_procurement", "message"): "tell_requester.instructions"}


def _shown(desk: WriteDesk, proposal_id: str, *words: str) -> str:
    done = CliRunner().invoke(main, ["approvals", "show", proposal_id, "--demo-dir", str(desk.directory), *words])
    assert done.exit_code == 0, done.output
    return done.stdout


@guarantees("P3.own_words")
def test_every_tool_with_free_text_has_it_shown_as_the_agents_own_words(desk: WriteDesk) -> None:
    """On a terminal such a text stands behind a bar, and nowhere else but in a headline that says so."""
    tools = [one for one in desk.deployment.catalog if one.effect == "write"]
    free = {one.name: {arg.name for arg in one.arguments if arg.type == "text"} - {"reason"} for one in tools}
    assert {tool for tool, names in free.items() if names} == _THEIR_TOOLS
    for tool in tools:
        if not free[tool.name]:
            continue
        arguments = json.loads(tool.examples[0])
        outcome = desk.ask(tool.name, **arguments)
        assert isinstance(outcome, Answer), (tool.name, outcome)
        proposal_id = str(outcome.tables["proposal"].rows[0][0])
        told = json.loads(_shown(desk, proposal_id, "--json"))
        said = [arguments[name] for name in free[tool.name] if name in arguments]
        places = {_TAKEN_TO.get((tool.name, name), name) for name in free[tool.name] & {*arguments}}
        assert set(told["agents_own_words"]) >= places, tool.name
        assert not {"site", "qty", "material_id", "due"} & set(told["agents_own_words"])
        lines = _shown(desk, proposal_id).splitlines()
        for text in said:
            bare = [one for one in lines if text[:40] in one and not one.lstrip().startswith("| ")]
            assert bare == [line for line in lines[:1] if text[:40] in line], tool.name
            if bare:
                assert "quotes the agent's own words" in lines[1]


# Well formed, and nobody's: by tool and argument, with the field that takes it.
_NOBODYS = {
    ("propose_create_human_task", "subject_id"): ("subject", "ZZ-NOBODY-77"),
    ("propose_create_human_task", "evidence"): ("evidence", ["zz-nobody-77"]),
    ("propose_request_refund", "reason_code"): ("reason_code", "ZZ7"),
    ("propose_create_supplier", "tax_id"): ("tax_id", "DE000000077"),
    ("propose_create_supplier", "country"): ("country", "ZZ"),
    ("propose_create_customer_return", "reason_code"): ("reason_code", "ZZ7"),
    ("propose_create_quality_notification", "defect_code"): ("defect_code", "ZZ7"),
}
_STRANGE = "ZZ-NOBODY-77"


def _ids(arguments: tuple[Argument, ...], table: str = "") -> Iterator[tuple[str, Argument]]:
    """Yield the ids and codes that a call may choose freely, each with the table it is a column of."""
    for one in arguments:
        if one.type in {"id", "code"} and not one.values and not one.is_site and one.name != "acknowledge_duplicate_of":
            yield table, one
        yield from _ids(one.columns, one.name)


def _with(tool: Tool, table: str, name: str, value: Any) -> dict[str, Any]:
    """Return the example of a tool with one of its ids or codes replaced."""
    arguments = copy.deepcopy(json.loads(tool.examples[0]))
    arguments["idempotency_key"] = f"strange:{table}:{name}"
    if not table:
        return {**arguments, name: value}
    first, *others = arguments.get(table, [{}])
    return {**arguments, table: [{**first, name: value}, *others]}


def _tool(desk: WriteDesk, name: str) -> Tool:
    found = desk.deployment.catalog.get(name)
    assert found is not None
    return found


def _asked(desk: WriteDesk, tool: Tool, arguments: dict[str, Any]) -> Proposal | Refusal:
    outcome = desk.ask(tool.name, **arguments)
    return desk.proposal(str(outcome.tables["proposal"].rows[0][0])) if isinstance(outcome, Answer) else outcome


def _holding(found: Proposal, strange: str) -> set[str]:
    return {name for name, value in found.content.command.fields.items() if strange in json.dumps(value)}


@guarantees("P3.own_words")
def test_an_id_that_nobody_looks_up_or_finds_is_refused_or_shown_as_the_agents_own_word(desk: WriteDesk) -> None:
    """What looks like a number of the ERP is believed sooner than a sentence, and is as easily made up."""
    tried = 0
    for tool in (one for one in desk.deployment.catalog if one.effect == "write"):
        for table, one in _ids(tool.arguments):
            tried += 1
            found = _asked(desk, tool, _with(tool, table, one.name, [_STRANGE] if one.many else _STRANGE))
            if isinstance(found, Refusal):
                continue
            held = _holding(found, _STRANGE)
            assert held <= free_text_fields(tool, found.content), (tool.name, one.name, held)
    assert tried > 50


@guarantees("P3.own_words")
def test_what_is_marked_as_looked_up_by_nobody_really_is_and_stands_apart_on_the_terminal(desk: WriteDesk) -> None:
    """A mark on what was checked would teach people to look past marks."""
    fields = {
        (operation, name)
        for operation, one in OPERATIONS.items()
        for name in one.unverified.union(*one.doubted.values())
    }
    seen = {("goods_movement.post", "reference_id"), ("goods_movement.post", "to_location")}  # of transfers, below
    for (name, argument), (field, value) in _NOBODYS.items():
        tool = _tool(desk, name)
        arguments = _with(tool, "", argument, value)
        if argument == "country":
            arguments["tax_id"] = "ZZ000000077"
        found = _asked(desk, tool, arguments)
        assert isinstance(found, Proposal), (name, argument, found)
        shown = _shown(desk, found.content.proposal_id).splitlines()
        strange = str(value[0] if isinstance(value, list) else value)
        assert field in json.loads(_shown(desk, found.content.proposal_id, "--json"))["agents_own_words"]
        bare = [one for one in shown if strange in one.split() and not one.lstrip().startswith("| ")]
        assert bare in ([], shown[:1])
        assert not bare or "quotes the agent's own words" in shown[1]
        seen.add((found.content.command.operation, field))
    assert seen == fields
    release = _tool(desk, "propose_request_work_order_release")
    asked = _asked(desk, release, json.loads(release.examples[0]))
    assert isinstance(asked, Proposal)
    assert not {"subject", "order_id"} & free_text_fields(release, asked.content)


@guarantees("P3.own_words")
def test_a_code_that_was_used_before_is_not_the_agents_own_word(desk: WriteDesk) -> None:
    """Its rule has found it, so that nothing is to be looked at twice."""
    for name, field in (
        ("propose_create_customer_return", "reason_code"),
        ("propose_create_quality_notification", "defect_code"),
    ):
        tool = _tool(desk, name)
        asked = _asked(desk, tool, json.loads(tool.examples[0]))
        assert isinstance(asked, Proposal)
        assert field in asked.content.command.fields
        assert field not in free_text_fields(tool, asked.content)


@guarantees("P3.own_words", "rules.goods_movement")
def test_where_a_transfer_goes_and_what_asks_for_it_are_the_agents_own_words(desk: WriteDesk) -> None:
    """No system tells of either; the number of the order that a receipt is for is looked up, and stands as it is."""
    tool = _tool(desk, "propose_post_goods_movement")
    line = {"material_id": "RM-007", "lot_id": "L000850", "storage_location_id": "0001", "to_location": "0002"}
    whole = {**json.loads(tool.examples[0]), "movement": "transfer", "reference_id": "TR-77"}
    whole |= {"lines": [{**line, "qty": "100", "uom": "KGM"}], "idempotency_key": "transfer-to-0002"}
    asked = _asked(desk, tool, whole)
    assert isinstance(asked, Proposal), asked
    marked = free_text_fields(tool, asked.content)
    assert marked >= {"reference_id", "lines", "lines[0] to_location"}
    assert not {one for one in marked if one.endswith(("lot_id", " moved", "stock at 0001"))}
    shown = _shown(desk, asked.content.proposal_id).splitlines()
    assert "quotes the agent's own words" in shown[1]
    bare = [one for one in shown[1:] if {"TR-77", "0002"} & {*one.split()} and not one.lstrip().startswith("| ")]
    assert bare == []
    receipt = _asked(desk, tool, json.loads(tool.examples[0]))
    assert isinstance(receipt, Proposal), receipt
    assert receipt.content.command.fields["movement"] != "transfer"
    assert not {"reference_id", "lines"} & free_text_fields(tool, receipt.content)
