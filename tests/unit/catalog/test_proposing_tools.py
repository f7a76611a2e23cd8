"""Tools that propose and tools about proposals: what the compiler adds to them, and what it keeps them from."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from erp_mcp.analyses import ANALYSES
from erp_mcp.catalog import compiled, proposal_tables
from erp_mcp.catalog.arguments import check
from erp_mcp.catalog.lint import error_codes
from erp_mcp.catalog.load import load_catalog
from erp_mcp.catalog.schemas import input_schema, output_schema
from erp_mcp.commands import OPERATIONS
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import State
from erp_mcp.errors import InvalidArgumentError, UnknownArgumentError
from erp_mcp.ports import MAX_KEYS
from tests.guarantees import guarantees
from tests.unit.projections.small_plant import ROOT, shipped

CATALOG = shipped()
WRITING = [tool for tool in CATALOG if tool.effect == "write"]
OWN_TASKS = {"propose_create_human_task", "propose_request_work_order_release"}  # no system of record is written to
MOVE = CATALOG.tools["propose_update_delivery_date"]
CALL: dict[str, JsonValue] = {
    "purchase_order_id": "45",
    "line": "10",
    "new_date": "2026-04-10",
    "reason": "The supplier told us so.",
    "idempotency_key": "mail-7f3a91:date",
}


@guarantees("P4.idempotent")
@pytest.mark.parametrize("name", ["reason", "idempotency_key"])
def test_what_the_compiler_adds_is_demanded_of_every_proposal(name: str) -> None:
    """Without a key there is no telling a repetition from a second wish."""
    for tool in WRITING:
        assert name in input_schema(tool)["required"]  # type: ignore[operator]
    with pytest.raises(InvalidArgumentError) as caught:
        check(MOVE, {key: value for key, value in CALL.items() if key != name})
    assert (caught.value.facts["argument"], caught.value.facts["rule"]) == (name, "required")


@guarantees("P4.idempotent")
@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("abcdefgh", ""),
        ("0190a6b2-1111-7000-8000-000000000001", ""),
        ("run:2026-03-16.A_1", ""),
        ("k" * 64, ""),
        ("abcdefg", "length"),
        ("k" * 65, "length"),
        ("", "length"),
        ("with space", "pattern"),
        ("slash/slash", "pattern"),
        ("emoji-🏭🏭🏭🏭", "pattern"),
        ("line\nbreak-", "pattern"),
        (12345678, "type"),
        (None, "type"),
    ],
)
def test_a_key_is_eight_to_sixty_four_plain_characters(key: JsonValue, rule: str) -> None:
    """It is compared byte by byte and written into records."""
    call = {**CALL, "idempotency_key": key}
    if not rule:
        assert check(MOVE, call).arguments["idempotency_key"] == key
        return
    with pytest.raises(InvalidArgumentError) as caught:
        check(MOVE, call)
    assert (caught.value.facts["argument"], caught.value.facts["rule"]) == ("idempotency_key", rule)


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("reason", "rule"),
    [
        ("because it", ""),
        ("  because   it  ", ""),
        ("x" * 500, ""),
        ("because i", "length"),
        ("x" * 501, "length"),
        (" " * 20, "length"),
        ("because it\u202e", "characters"),
        ("because it\x00", "characters"),
    ],
)
def test_a_reason_has_ten_to_five_hundred_characters_that_can_be_seen(reason: str, rule: str) -> None:
    """An approver reads it."""
    call: dict[str, JsonValue] = {**CALL, "reason": reason}
    if not rule:
        assert check(MOVE, call).arguments["reason"] == " ".join(reason.split())
        return
    with pytest.raises(InvalidArgumentError) as caught:
        check(MOVE, call)
    assert (caught.value.facts["argument"], caught.value.facts["rule"]) == ("reason", rule)
    assert "10 to 500" in str(caught.value.facts["expected"])


@guarantees("input.clear_errors")
def test_asking_for_a_proposal_waits_no_longer_than_allowed_and_knows_its_states() -> None:
    """A wrong state would find nothing and look like an answer."""
    get, listed = CATALOG.tools["get_proposal"], CATALOG.tools["list_my_proposals"]
    assert check(get, {"proposal_id": "prp_0Grxp25veLSr"}).arguments["wait_s"] == 0
    for given in ({"wait_s": 26}, {"wait_s": -1}, {"wait_s": True}, {"proposal_id": "a b"}):
        with pytest.raises(InvalidArgumentError):
            check(get, {"proposal_id": "prp_0Grxp25veLSr", **given})
    assert check(listed, {"state": "AWAITING_APPROVAL", "limit": 5}).limit == 5
    with pytest.raises(InvalidArgumentError):
        check(listed, {"state": "approved"})
    with pytest.raises(UnknownArgumentError):
        check(CATALOG.tools["cancel_proposal"], {"proposal_id": "prp_0Grxp25veLSr", "wait_s": 1})
    (argument,) = listed.arguments
    assert {*argument.values} <= {state.value for state in State}
    assert "PROPOSED" not in argument.values


@guarantees("catalog.lint")
def test_the_compiled_form_keeps_command_risk_and_status() -> None:
    """A server that starts from the cache must not take a proposal for a reading."""
    again = compiled.from_json(compiled.to_json(CATALOG))
    for tool in CATALOG:
        assert (tool.command, tool.risk, tool.status) == (
            again.tools[tool.name].command, again.tools[tool.name].risk, again.tools[tool.name].status
        )  # fmt: skip
        assert again.tools[tool.name].discovery == tool.discovery
        assert (again.tools[tool.name].steps, again.tools[tool.name].undone_by) == (tool.steps, tool.undone_by)
    assert {tool.command for tool in again if tool.command} == set(OPERATIONS)


@guarantees("catalog.lint")
def test_a_tool_is_bound_to_exactly_one_thing_that_is_its_effect() -> None:
    """The gateway goes by the effect, the binding says what it does."""
    for tool in CATALOG:
        assert not (tool.command and tool.steps)
        bound = {
            "write": bool(tool.command or tool.steps),
            "status": bool(tool.status),
            "discovery": bool(tool.discovery),
        }
        assert [effect for effect, is_bound in bound.items() if is_bound] == [tool.effect] * (tool.effect != "read")
        assert bool(tool.risk) == (tool.effect == "write")
        assert not (tool.reads and tool.effect in {"status", "discovery"})


@guarantees("catalog.lint")
def test_what_is_read_again_names_its_records_and_fits_into_one_look() -> None:
    """The worker finds them by system and key."""
    for tool in (one for one in WRITING if one.command):
        live = OPERATIONS[tool.command].live
        assert not live or any(not query.optional for query in tool.reads if query.name in live)
        for query in tool.reads:
            if query.name in live:
                assert len(query.entities) == 1
                assert query.max_rows <= MAX_KEYS


@guarantees("catalog.pinned")
def test_the_hash_of_a_tool_covers_what_the_compiler_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    """An approval names the hash, so it stands for everything that was asked and shown."""
    wider = (*proposal_tables.TABLES[:-1], replace(proposal_tables.TABLES[-1], name="slip"))
    monkeypatch.setattr(proposal_tables, "TABLES", wider)
    monkeypatch.setattr(proposal_tables, "PROPOSE_ARGUMENTS", proposal_tables.PROPOSE_ARGUMENTS)
    changed = load_catalog([ROOT / "tools"], dict(ANALYSES), OPERATIONS)  # other ones: nothing kept of before fits
    for tool in CATALOG:
        differs = tool.effect == "write" or tool.status in ("get", "cancel", "undo")
        assert (changed.tools[tool.name].hash != tool.hash) is differs, tool.name


@guarantees("docs.agree")
def test_declared_errors_are_those_that_a_proposal_can_meet() -> None:
    """An agent that reads them knows what it may be told."""
    for tool in CATALOG:
        assert set(tool.errors) <= error_codes()
    for tool in WRITING:
        needed = {"rule.refused", "proposal.key_reused"} | ({"rule.not_evaluable"} if tool.reads else set())
        assert needed <= set(tool.errors), tool.name


@guarantees("docs.agree")
def test_descriptions_of_proposals_say_that_a_person_decides_and_what_to_do_next() -> None:
    """A model that takes a proposal for the deed tells its user something false."""
    for tool in WRITING:
        if tool.name not in OWN_TASKS:
            assert re.search(r"until (a person approves|people approve); then poll get_proposal", tool.description)
        (key,) = (one for one in tool.arguments if one.name == "idempotency_key")
        assert "repeat it unchanged" in key.description
        assert "committed" not in json.dumps(input_schema(tool))
        assert "receipt" in json.dumps(output_schema(tool))
