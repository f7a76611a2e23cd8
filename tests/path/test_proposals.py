"""A buyer proposes on the demo plant: through the whole gateway, over the real systems, with its records."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from erp_mcp.answers import structured
from erp_mcp.demo.tables import dump_hash
from erp_mcp.domain.answer import Refusal
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.path.buyer import DATE_TOOL, NEW_DATE, REQUISITION, REQUISITION_TOOL, allow_requisitions, kept, run, shown
from tests.path.conftest import Desk, open_desk
from tests.path.test_record_of_calls import FullDisk


@pytest.fixture(scope="module")
def prepared_for_both(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plant where buyers may propose requisitions too."""
    directory = Path(shutil.copytree(prepared, tmp_path_factory.mktemp("both") / "demo"))
    allow_requisitions(directory)
    return directory


@pytest.fixture(scope="module")
def both(prepared_for_both: Path) -> Iterator[Desk]:
    """One deployment for all refusals, since none of them changes anything."""
    opened = open_desk(prepared_for_both)
    yield opened
    opened.deployment.close()


def codes(desk: Desk) -> list[str]:
    """Return the codes of the recorded calls."""
    return [json.loads(record.leaf)["facts"].get("code", "answered") for record in desk.recorded()]


# --- one proposal -----------------------------------------------------------------------------------------------------


@guarantees("P3.people_commit", "P3.live_preview")
def test_a_buyer_gets_a_handle_and_the_erp_stays_as_it_is(desk: Desk) -> None:
    """The preview shows before and after, the rules that were looked at and what follows; nothing is written."""
    before = dump_hash(desk.directory / "erp.sqlite")

    answer = desk.answer("buyer", DATE_TOOL, **NEW_DATE)

    row, change = shown(answer), shown(answer, "changes")
    assert (row["state"], row["waiting_for"], row["system"]) == ("AWAITING_APPROVAL", "approval", "erp")
    assert (change["before"], change["after"]) == ("2026-03-11", "2026-04-02")
    assert {"R-OPEN", "R-DATE", "R-IMPACT"} <= {check[0] for check in answer.tables["checks"].rows}
    assert {(source.system, source.via) for source in answer.sources} == {("erp", "read_model"), ("erp", "live")}
    (proposal,) = kept(desk.deployment)
    assert proposal.content.command.fields["new_date"] == "2026-04-02"
    assert (proposal.content.environment, proposal.content.deployment) == ("demo", "demo-plant")
    assert dump_hash(desk.directory / "erp.sqlite") == before


@guarantees("P4.idempotent")
def test_the_same_key_gives_the_same_handle_and_another_meaning_under_it_is_refused(desk: Desk) -> None:
    """Also from another process, and after the system of record has gone."""
    first = shown(desk.answer("buyer", DATE_TOOL, **NEW_DATE))
    (desk.directory / "erp.sqlite").rename(desk.directory / "erp.away")
    other = open_desk(desk.directory)
    again = shown(other.answer("buyer", DATE_TOOL, **NEW_DATE))
    refused = other.refusal("buyer", DATE_TOOL, **{**NEW_DATE, "new_date": "2026-04-03"})
    other.deployment.close()

    assert again == first
    assert (refused.code, refused.facts["proposal_id"]) == ("proposal.key_reused", first["proposal_id"])
    assert len(kept(desk.deployment)) == 1


@guarantees("P5.every_decision", "P4.whole_or_none")
def test_the_record_of_each_call_names_its_proposal_and_where_it_stands(desk: Desk) -> None:
    """Who reads the audit finds the calls of a proposal, and each of its moves beside them."""
    proposal_id = shown(desk.answer("buyer", DATE_TOOL, **NEW_DATE))["proposal_id"]
    desk.answer("buyer", "get_proposal", proposal_id=proposal_id)
    desk.refusal("buyer", DATE_TOOL, **{**NEW_DATE, "new_date": "2026-04-03"})
    desk.answer("buyer", "cancel_proposal", proposal_id=proposal_id)

    facts = [json.loads(record.leaf)["facts"] for record in desk.recorded()]
    assert [(one["proposal_id"], one.get("state")) for one in facts] == [
        (proposal_id, "AWAITING_APPROVAL"),
        (proposal_id, "AWAITING_APPROVAL"),
        (proposal_id, None),
        (proposal_id, "CANCELLED"),
    ]
    leaves = [json.loads(record.leaf) for record in desk.deployment.state.audit.read(limit=10_000)]
    moved = [leaf["kind"] for leaf in leaves if leaf["kind"].startswith("proposal.")]
    assert moved == ["proposal.proposed", "proposal.awaiting_approval", "proposal.cancelled"]


@guarantees("P5.audit_or_nothing", "P4.whole_or_none")
def test_a_proposal_whose_answer_was_withheld_is_found_by_its_key(desk: Desk) -> None:
    """The record of the call could not be written after the proposal was kept; the agent calls again."""
    audit = desk.deployment.gateway.audit
    desk.deployment.gateway.audit = FullDisk()
    refused = desk.refusal("buyer", DATE_TOOL, **NEW_DATE)
    desk.deployment.gateway.audit = audit
    handle = shown(desk.answer("buyer", DATE_TOOL, **NEW_DATE))

    assert refused.code == "audit.unavailable"
    assert [proposal.content.proposal_id for proposal in kept(desk.deployment)] == [handle["proposal_id"]]


@guarantees("P3.agent_told")
def test_another_agents_proposal_answers_as_none(desk: Desk) -> None:
    """A second buyer sees neither the proposal nor that it is there."""
    desk.edit_policy(
        "buyer: {role: buyer, owner: demo-owner}",
        "buyer: {role: buyer, owner: demo-owner}\n  buyer2: {role: buyer, owner: other-owner}",
    )
    run(desk.directory, "policy", "apply", "--yes", "--as", "demo-admin")
    proposal_id = shown(desk.answer("buyer", DATE_TOOL, **NEW_DATE))["proposal_id"]

    for tool in ("get_proposal", "cancel_proposal"):
        theirs = structured(desk.refusal("buyer2", tool, proposal_id=proposal_id))
        none = structured(desk.refusal("buyer2", tool, proposal_id="prp_000000000000"))
        assert theirs["error"] == none["error"]
    assert desk.answer("buyer2", "list_my_proposals").tables["proposals"].rows == []
    assert kept(desk.deployment)[0].state is State.AWAITING_APPROVAL


@guarantees("P1.hidden_is_missing", "P2.one_at_a_time")
@pytest.mark.parametrize("agent", ["planner", "supervisor", "quality", "support", "auditor"])
def test_tools_about_proposals_do_not_exist_for_roles_that_propose_nothing(desk: Desk, agent: str) -> None:
    """Neither in the list nor when they are called."""
    listed = {tool.name for tool in desk.deployment.gateway.tools(desk.deployment.principal(agent))}
    for tool in (DATE_TOOL, REQUISITION_TOOL, "get_proposal", "list_my_proposals", "cancel_proposal"):
        assert tool not in listed
        assert desk.refusal(agent, tool).code == "call.unknown_tool"


@guarantees("P2.one_at_a_time")
def test_the_write_that_is_off_does_not_exist_for_the_role_that_has_the_other(desk: Desk) -> None:
    """One write tool is turned on for one role."""
    assert desk.refusal("buyer", REQUISITION_TOOL, **REQUISITION).code == "call.unknown_tool"


@guarantees("P4.idempotent")
def test_the_same_requisition_under_another_key_must_be_acknowledged(prepared_for_both: Path, tmp_path: Path) -> None:
    """Two requisitions of the same thing are bought twice."""
    desk = open_desk(Path(shutil.copytree(prepared_for_both, tmp_path / "demo")))
    first = shown(desk.answer("buyer", REQUISITION_TOOL, **REQUISITION))["proposal_id"]
    again = {**REQUISITION, "idempotency_key": "another-key-1", "qty": "60.000"}
    refused = desk.refusal("buyer", REQUISITION_TOOL, **again)
    second = desk.answer("buyer", REQUISITION_TOOL, **again, acknowledge_duplicate_of=first)
    proposals = kept(desk.deployment)
    desk.deployment.close()

    assert (refused.code, refused.facts["proposal_id"]) == ("proposal.possible_duplicate", first)
    assert shown(second)["proposal_id"] != first
    assert len({proposal.content.command.reference for proposal in proposals}) == 2


class GivesWay:
    """Whatever the gateway waits for, behind a turn of the event loop."""

    def __init__(self, behind: Any) -> None:
        """Stand before `behind`."""
        self._behind = behind

    def __getattr__(self, name: str) -> Any:
        """Return the method, which gives way before and after."""
        method = getattr(self._behind, name)

        async def waiting(*values: Any, **named: Any) -> Any:
            await asyncio.sleep(0)
            found = await method(*values, **named)
            await asyncio.sleep(0)
            return found

        return waiting


@guarantees("P4.whole_or_none", "P5.every_decision")
async def test_a_call_cancelled_at_any_point_is_recorded_and_leaves_none_or_one_that_its_key_finds(plant: Path) -> None:
    """Through the whole gateway, at each turn that the call takes, with the same key again afterwards."""
    desk = open_desk(plant)
    gateway, proposing = desk.deployment.gateway, desk.deployment.proposing
    preparation = proposing.preparation
    proposing.preparation = dataclasses.replace(
        preparation, read_model=GivesWay(preparation.read_model), live=GivesWay(preparation.live)
    )
    buyer, turns, finished = desk.deployment.principal("buyer"), 0, False
    call = ToolCall(tool=DATE_TOOL, arguments=dict(NEW_DATE), call_id="call-1")
    while not finished:
        calling = asyncio.create_task(gateway.call(buyer, call))
        for _ in range(turns + 1):
            await asyncio.sleep(0)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        finished = not calling.cancelled()
        assert len(kept(desk.deployment)) == (1 if finished else 0)
        turns += 1
        code = json.loads(desk.recorded()[-1].leaf)["facts"].get("code")
        assert code == (None if finished else "call.cancelled")
    again = await gateway.call(buyer, call)
    found = [proposal.content.proposal_id for proposal in kept(desk.deployment)]
    await desk.deployment.disconnect()
    desk.deployment.close()

    assert found == [shown(again)["proposal_id"]]
    assert turns > 20


# --- bad input --------------------------------------------------------------------------------------------------------

LONG = "x" * 501
BAD_DATES: list[tuple[dict[str, JsonValue], str, str]] = [
    ({"purchase_order_id": "4599999999"}, "rule.refused", "R-LINE"),
    ({"line": "99999"}, "rule.refused", "R-LINE"),
    ({"line": 10}, "call.invalid_argument", "type"),
    ({"purchase_order_id": None}, "call.invalid_argument", "type"),
    ({"new_date": "2026-03-15"}, "rule.refused", "R-DATE"),
    ({"new_date": "2036-03-15"}, "rule.refused", "R-DATE"),
    ({"new_date": "2026-03-11"}, "rule.refused", ""),
    ({"new_date": "2026-02-30"}, "call.invalid_argument", "calendar"),
    ({"new_date": "next Monday"}, "call.invalid_argument", "pattern"),
    ({"new_date": 20260402}, "call.invalid_argument", "type"),
    ({"reason": "too short"}, "call.invalid_argument", "length"),
    ({"reason": LONG}, "call.invalid_argument", "length"),
    ({"reason": "with a \u202e turn of direction"}, "call.invalid_argument", "characters"),
    ({"reason": ["a list"]}, "call.invalid_argument", "type"),
    ({"idempotency_key": "short"}, "call.invalid_argument", "length"),
    ({"idempotency_key": "k" * 65}, "call.invalid_argument", "length"),
    ({"idempotency_key": "with spaces in it"}, "call.invalid_argument", "pattern"),
    ({"idempotency_key": "../../etc/passwd;"}, "call.invalid_argument", "pattern"),
    ({"idempotency_key": 12345678}, "call.invalid_argument", "type"),
    ({"acknowledge_duplicate_of": "a b"}, "call.invalid_argument", "pattern"),
    ({"approved": True}, "call.unknown_argument", ""),
    ({"dry_run": False}, "call.unknown_argument", ""),
]
BAD_REQUISITIONS: list[tuple[dict[str, JsonValue], str, str]] = [
    ({"material_id": "NO-SUCH"}, "rule.refused", "R-MATERIAL"),
    ({"site": "9999"}, "rule.refused", "R-MATERIAL"),
    ({"qty": "0"}, "rule.refused", ""),
    ({"qty": "-1"}, "call.invalid_argument", "range"),
    ({"qty": 60}, "call.invalid_argument", "type"),
    ({"qty": "60,5"}, "call.invalid_argument", "pattern"),
    ({"qty": "1e3"}, "call.invalid_argument", "pattern"),
    ({"qty": "0.1234567"}, "call.invalid_argument", "pattern"),
    ({"qty": "99999999999"}, "call.invalid_argument", "range"),
    ({"uom": "LTR"}, "rule.refused", "R-UOM"),
    ({"uom": ""}, "call.invalid_argument", "pattern"),
    ({"delivery_date": "2026-03-01"}, "rule.refused", ""),
    ({"delivery_date": "15.06.2026"}, "call.invalid_argument", "pattern"),
    ({"supplier_id": "S9999"}, "rule.refused", ""),
    ({"cost_object": "CC-4711"}, "rule.not_evaluable", "R-BUDGET"),
    ({"reason": ""}, "call.invalid_argument", "length"),
    ({"idempotency_key": ""}, "call.invalid_argument", "length"),
    ({"price": "1.00"}, "call.unknown_argument", ""),
]


@guarantees("input.clear_errors", "P4.whole_or_none")
@pytest.mark.parametrize(
    ("tool", "right", "wrong", "code", "rule"),
    [(DATE_TOOL, NEW_DATE, *bad) for bad in BAD_DATES]
    + [(REQUISITION_TOOL, REQUISITION, *bad) for bad in BAD_REQUISITIONS],
)
def test_a_wrong_argument_is_refused_with_field_rule_and_fix_and_nothing_is_kept(
    both: Desk, tool: str, right: dict[str, JsonValue], wrong: dict[str, JsonValue], code: str, rule: str
) -> None:
    """The agent can mend it; the record says what was tried; there is no proposal."""
    before = len(both.recorded())

    refused = both.refusal("buyer", tool, **{**right, **wrong})

    assert refused.code == code
    assert rule in ("", refused.facts.get("rule"))
    assert refused.facts.get("message" if code == "rule.refused" else "rule", "said")
    assert kept(both.deployment) == []
    (leaf,) = [json.loads(record.leaf) for record in both.recorded()[before:]]
    assert (leaf["kind"], leaf["facts"]["code"], leaf["facts"]["tool"]) == ("call.refused", code, tool)


@guarantees("input.clear_errors")
@pytest.mark.parametrize("missing", ["purchase_order_id", "line", "new_date", "reason", "idempotency_key"])
def test_a_missing_argument_is_named(both: Desk, missing: str) -> None:
    """Every one that is required, key and reason among them."""
    given = {name: value for name, value in NEW_DATE.items() if name != missing}
    refused = both.refusal("buyer", DATE_TOOL, **given)
    assert (refused.code, refused.facts["argument"]) == ("call.invalid_argument", missing)


@guarantees("P3.people_commit")
def test_stopped_writes_take_no_proposals_until_they_are_resumed(desk: Desk) -> None:
    """What waits can still be looked at and cancelled; the agent hears that it may work later."""
    first = shown(desk.answer("buyer", DATE_TOOL, **NEW_DATE))["proposal_id"]
    run(desk.directory, "writes", "stop", "all", "--reason", "inventory until noon")
    another = {**NEW_DATE, "idempotency_key": "mail-7f3a92:date", "new_date": "2026-04-09"}

    refused = desk.refusal("buyer", DATE_TOOL, **another)
    assert (refused.code, refused.retryable) == ("writes.stopped", True)
    assert "noon" not in repr(refused)
    assert shown(desk.answer("buyer", DATE_TOOL, **NEW_DATE))["proposal_id"] == first
    assert shown(desk.answer("buyer", "cancel_proposal", proposal_id=first))["state"] == "CANCELLED"

    run(desk.directory, "writes", "resume", "all")
    assert shown(desk.answer("buyer", DATE_TOOL, **another))["state"] == "AWAITING_APPROVAL"


@guarantees("P9.bounded")
def test_a_runaway_agent_meets_the_limit_of_its_policy(desk: Desk) -> None:
    """Twenty date changes a day, as it is delivered; the next one waits or is left to a person."""
    outcomes = [
        desk.ask(
            "buyer",
            DATE_TOOL,
            **{**NEW_DATE, "idempotency_key": f"runaway-{number:04}", "new_date": f"2026-05-{number:02}"},
        )
        for number in range(1, 22)
    ]
    last = outcomes[-1]
    assert isinstance(last, Refusal)
    assert (last.code, last.facts["limit"]) == ("limit.exceeded", "delivery-dates-a-day")
    assert len(kept(desk.deployment)) == 20


@guarantees("P2.opened_system")
def test_a_system_without_write_settings_takes_no_proposal(desk: Desk) -> None:
    """Policy allows the tool, but nobody has opened the system for writing."""
    file = desk.directory / "erp-mcp.yaml"
    text = file.read_text(encoding="utf-8")
    assert ", write: {}" in text
    file.write_text(text.replace(", write: {}", ""), encoding="utf-8")
    closed = open_desk(desk.directory)
    refused = closed.refusal("buyer", DATE_TOOL, **NEW_DATE)
    closed.deployment.close()

    assert (refused.code, refused.facts["system"]) == ("adapter.read_only", "erp")
    assert kept(desk.deployment) == []


@guarantees("P3.live_preview", "P8.no_leaks")
def test_a_system_that_is_down_leaves_nothing_and_says_that_it_may_work_later(desk: Desk) -> None:
    """The read model could still answer; a change is never worked out on a copy alone."""
    (desk.directory / "erp.sqlite").rename(desk.directory / "erp.away")

    refused = desk.refusal("buyer", DATE_TOOL, **NEW_DATE)

    assert (refused.code, refused.retryable) == ("adapter.unreachable", True)
    assert str(desk.directory) not in repr(refused)
    assert kept(desk.deployment) == []


@guarantees("P8.no_leaks")
def test_a_broken_profile_is_told_to_operators_and_not_to_agents(desk: Desk) -> None:
    """Its error names files; the agent hears that the system takes nothing."""
    file = desk.directory / "erp-mcp.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("profile: demo-erp", "profile: nowhere"), encoding="utf-8")
    broken = open_desk(desk.directory)
    refused = broken.refusal("buyer", DATE_TOOL, **NEW_DATE)
    broken.deployment.close()

    assert refused.code in {"adapter.unreachable", "adapter.read_only"}
    assert "nowhere" not in repr(refused)


@guarantees("P7.freshness")
def test_copied_data_far_above_its_budget_is_nothing_to_propose_from(desk: Desk) -> None:
    """The same bound as for reads."""
    desk.deployment.clock = desk.clock  # type: ignore[assignment]  # one that stands, for the part that prepares
    desk.clock.pass_by(30 * 24 * 3600)
    assert desk.refusal("buyer", DATE_TOOL, **NEW_DATE).code == "freshness.stale"
    assert kept(desk.deployment) == []
