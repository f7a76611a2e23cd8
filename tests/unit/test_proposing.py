"""A proposal is kept whole or not at all, found again by its key, and told to nobody but its agent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from erp_mcp import answers
from erp_mcp.answers.proposals import next_step, waiting_for
from erp_mcp.domain.answer import Answer
from erp_mcp.domain.command import Written
from erp_mcp.domain.decision import Limit
from erp_mcp.domain.lifecycle import State as Stand
from erp_mcp.domain.proposal import Proposal, Receipt, SignedDecision, Step
from erp_mcp.errors import (
    BadCursorError,
    KeyReusedError,
    NotAllowedError,
    PossibleDuplicateError,
    ProposalMovedError,
    ProposalNotFoundError,
    RuleNotEvaluableError,
    RuleRefusedError,
    SystemUnreachableError,
)
from erp_mcp.proposing import LOOK_EVERY_S, MAX_WAITING, Proposing
from erp_mcp.store.state.sqlite import State
from tests.guarantees import guarantees
from tests.unit.small_write import OPERATION, TERMS, SmallWrite, status_tool

GET, LIST, CANCEL = status_tool("get"), status_tool("list"), status_tool("cancel")


@pytest.fixture
def small() -> SmallWrite:
    return SmallWrite()


@pytest.fixture
def state(tmp_path: Path, small: SmallWrite) -> Iterator[State]:
    opened = small.state(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def proposing(small: SmallWrite, state: State) -> Proposing:
    return small.proposing(state)


def only(answer: Answer, table: str = "proposal") -> dict[str, Any]:
    """Return the one row of a table."""
    (row,) = rows(answer, table)
    return row


def rows(answer: Answer, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table by column name."""
    found = answer.tables[table]
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def everything(state: State) -> list[Proposal]:
    """Return all proposals there are."""
    return state.proposals.in_states(tuple(Stand), limit=1000)


async def made(proposing: Proposing, small: SmallWrite, agent: str = "buyer", **arguments: Any) -> str:
    """Make a proposal and return its id."""
    told = await proposing.answer(small.wish(agent=agent, **arguments))
    return str(only(told.answer)["proposal_id"])


def decided(state: State, proposal_id: str, decision: Any = "approve") -> None:
    """Store a person's decision; nothing here looks at signatures."""
    state.proposals.decide(
        SignedDecision(
            proposal_id=proposal_id,
            approver_id="dagny",
            decision=decision,
            envelope='{"comment":"because Dagny says so"}',
            signature="00",
            nonce=f"nonce-{proposal_id}",
            decided_at="2026-11-02T09:00:00Z",
        )
    )


# --- one proposal per key ---------------------------------------------------------------------------------------------


@guarantees("P3.binding", "P3.live_preview")
async def test_a_proposal_holds_all_that_people_will_decide_on(
    proposing: Proposing, small: SmallWrite, state: State
) -> None:
    """Payload, preview, version, tool, policy, terms and sources: what is not in it can't be bound by a signature."""
    told = await proposing.answer(small.wish())

    (proposal,) = everything(state)
    content = proposal.content
    command = content.command
    assert told.proposal == proposal
    assert (proposal.state, content.risk) == (Stand.AWAITING_APPROVAL, "W2")
    assert (command.operation, command.system, command.entity) == (OPERATION, "erp", "purchase_order_line")
    assert (command.key, command.version_token, command.fields["new_date"]) == ("line-1", "v7", "2026-03-24")
    assert len(command.reference) == 12
    assert content.arguments == small.wish().call.arguments
    assert content.rationale == "The supplier asked for it by mail."
    assert (content.bundle, content.rules, content.tool_hash) == ("b" * 64, ("buyers-propose",), "t" * 64)
    assert (content.terms, content.expires_at) == (TERMS, "2026-11-02T13:00:00Z")
    assert content.sources == {"erp (live)": "2026-03-16T05:00:00Z", "erp (read_model)": "2026-03-16T05:00:00Z"}
    assert content.correlation_id == "call-1"


@guarantees("P3.agent_told")
async def test_the_answer_is_a_handle_with_what_was_worked_out(proposing: Proposing, small: SmallWrite) -> None:
    """The agent sees what a person will see, and what to do now."""
    told = await proposing.answer(small.wish())

    row = only(told.answer)
    assert (row["state"], row["waiting_for"], row["document"]) == ("AWAITING_APPROVAL", "approval", "4500000001")
    assert row["proposal_id"].startswith("prp_")
    assert only(told.answer, "changes") == {
        "field": "promised_date",
        "before": "2026-03-20",
        "after": "2026-03-24",
        "unit": None,
    }
    assert [check["verdict"] for check in rows(told.answer, "checks")] == ["ok", "ok"]
    assert rows(told.answer, "receipt") == []
    assert [(source.system, source.via) for source in told.answer.sources] == [("erp", "read_model"), ("erp", "live")]


@guarantees("P3.live_preview")
async def test_the_preview_says_that_the_system_itself_was_not_asked(
    proposing: Proposing, small: SmallWrite, state: State
) -> None:
    """Every rule that was looked at is ours; people and agents must not take that for the system's word."""
    told = await proposing.answer(small.wish())
    (proposal,) = everything(state)
    last = proposal.content.preview.effects[-1]
    assert last.startswith("erp offers no check before sending")
    assert rows(told.answer, "effects")[-1] == {"effect": last}


@guarantees("P4.idempotent")
async def test_the_same_key_gives_the_same_handle_whatever_the_words_around_it(
    proposing: Proposing, small: SmallWrite, state: State
) -> None:
    """A repeated call after a lost answer makes nothing new, even where the system is down by now."""
    first = await made(proposing, small)
    small.live.failure = SystemUnreachableError(system="erp")
    again = await made(proposing, small, reason="Said in other words this time.")

    assert again == first
    assert len(everything(state)) == 1


@guarantees("P4.idempotent")
async def test_the_same_key_with_another_meaning_is_refused(proposing: Proposing, small: SmallWrite) -> None:
    """A key stands for one change; the error names the proposal that has it."""
    first = await made(proposing, small)
    with pytest.raises(KeyReusedError) as refused:
        await made(proposing, small, new_date="2026-03-25")
    assert refused.value.facts["proposal_id"] == first


@guarantees("P4.idempotent")
async def test_keys_of_two_agents_are_strangers(proposing: Proposing, small: SmallWrite, state: State) -> None:
    """An agent can neither find nor block what another one proposed."""
    assert await made(proposing, small) != await made(proposing, small, agent="planner")
    assert len(everything(state)) == 2


@guarantees("P4.idempotent")
async def test_the_same_change_under_another_key_must_be_acknowledged(
    proposing: Proposing, small: SmallWrite, state: State
) -> None:
    """Agents forget what they did an hour ago; a second order of the same thing must be meant."""
    first = await made(proposing, small)
    for acknowledged in ({}, {"acknowledge_duplicate_of": "prp_000000000000"}):
        with pytest.raises(PossibleDuplicateError) as refused:
            await made(proposing, small, idempotency_key="key-00000002", **acknowledged)
        assert refused.value.facts["proposal_id"] == first
    second = await made(proposing, small, idempotency_key="key-00000002", acknowledge_duplicate_of=first)

    assert second != first
    assert len(everything(state)) == 2


@guarantees("P4.idempotent")
async def test_a_day_later_or_after_a_no_the_same_change_is_a_new_one(proposing: Proposing, small: SmallWrite) -> None:
    """What ended without an effect, or long ago, is no duplicate."""
    first = await made(proposing, small)
    await proposing.answer(small.wish(CANCEL, proposal_id=first))
    await made(proposing, small, idempotency_key="key-00000002")
    small.clocks.pass_by(24 * 3600 + 1)
    await made(proposing, small, idempotency_key="key-00000003")


# --- terms and limits -------------------------------------------------------------------------------------------------


@guarantees("P3.people_commit")
async def test_nothing_is_proposed_where_policy_names_nobody_to_approve(
    proposing: Proposing, small: SmallWrite, state: State
) -> None:
    """An obligation that can't be fulfilled is a denial."""
    small.obligations = replace(small.obligations, approval=None)
    with pytest.raises(NotAllowedError):
        await made(proposing, small)
    assert everything(state) == []


@pytest.mark.parametrize(
    ("limit", "used"),
    [
        (Limit(id="L", measure="count", key="agent", maximum="3", window_s=900), ("agent:buyer", 1, 3)),
        (Limit(id="L", measure="count", key="owner", maximum="3", window_s=900), ("owner:buyer-owner", 1, 3)),
        (Limit(id="L", measure="count", key="material", maximum="3", window_s=900), ("material:RM-001", 1, 3)),
        (
            Limit(id="L", measure="value", key="agent", maximum="2000.50", window_s=900, currency="EUR"),
            ("agent:buyer", 12_500_000, 20_005_000),
        ),
    ],
)
@guarantees("P7.exact_numbers")
async def test_what_a_proposal_takes_of_a_limit_is_exact(
    proposing: Proposing, small: SmallWrite, state: State, limit: Limit, used: tuple[str, int, int]
) -> None:
    """Counts are whole, values are integers of 10⁻⁴ of the currency."""
    small.obligations = replace(small.obligations, limits=(limit,))
    await made(proposing, small)
    (use,) = everything(state)[0].content.limits
    assert (use.key, use.amount, use.maximum) == used


@guarantees("P3.live_preview")
async def test_a_limit_on_a_value_that_is_not_known_refuses(
    proposing: Proposing, small: SmallWrite, state: State
) -> None:
    """Another currency is not converted by guess, and no value is not zero."""
    for currency in ("USD", "eur"):
        limit = Limit(id="L-VALUE", measure="value", key="agent", maximum="2000", window_s=900, currency=currency)
        small.obligations = replace(small.obligations, limits=(limit,))
        with pytest.raises(RuleNotEvaluableError) as refused:
            await made(proposing, small)
        assert refused.value.facts["rule"] == "L-VALUE"
    assert everything(state) == []


@guarantees("P3.live_preview")
async def test_what_a_rule_refuses_leaves_no_proposal(proposing: Proposing, small: SmallWrite, state: State) -> None:
    """Nothing but the record of the call tells that it was tried."""
    with pytest.raises(RuleRefusedError):
        await made(proposing, small, new_date="2026-03-01")
    assert everything(state) == []


# --- cut off anywhere -------------------------------------------------------------------------------------------------


@guarantees("P4.whole_or_none")
async def test_a_call_that_is_cancelled_at_any_turn_leaves_none_or_one_that_its_key_finds(
    tmp_path: Path,
) -> None:
    """At every point where the call gives way, once: then the same key is tried again."""
    kept = []
    for turn in range(30):
        small = SmallWrite()
        state = small.state(tmp_path / str(turn))
        proposing = small.proposing(state)
        calling = asyncio.create_task(proposing.answer(small.wish()))
        for _ in range(turn):
            await asyncio.sleep(0)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        kept.append(len(everything(state)))
        assert calling.cancelled() == (kept[-1] == 0)
        again = await made(proposing, small)
        assert [proposal.content.proposal_id for proposal in everything(state)] == [again]
        state.close()
        if not calling.cancelled():
            break

    assert kept == [0] * (len(kept) - 1) + [1]
    assert len(kept) > 4


@guarantees("P4.whole_or_none")
async def test_calls_with_one_key_at_the_same_time_make_one_proposal(
    proposing: Proposing, small: SmallWrite, state: State
) -> None:
    """All have looked for the key before any has made it; the store still keeps one."""
    handles = await asyncio.gather(*(made(proposing, small) for _ in range(5)))
    assert len(set(handles)) == len(everything(state)) == 1


# --- what became of it ------------------------------------------------------------------------------------------------


@guarantees("P3.agent_told")
async def test_another_agents_proposal_answers_as_none(proposing: Proposing, small: SmallWrite) -> None:
    """Neither looking nor cancelling tells whether an id is somebody else's."""
    theirs = await made(proposing, small, agent="planner")
    for tool in (GET, CANCEL):
        errors = []
        for proposal_id in (theirs, "prp_000000000000"):
            with pytest.raises(ProposalNotFoundError) as refused:
                await proposing.answer(small.wish(tool, proposal_id=proposal_id))
            errors.append((refused.value.code, refused.value.facts))
        assert errors[0] == errors[1]
    assert rows((await proposing.answer(small.wish(LIST))).answer, "proposals") == []


@guarantees("P3.agent_told")
async def test_an_agent_keeps_its_proposals_when_its_owner_or_role_changes(
    proposing: Proposing, small: SmallWrite
) -> None:
    """The agent asked for it and answers for it; who it acts for today is policy's business."""
    proposal_id = await made(proposing, small)
    asked = small.wish(GET, proposal_id=proposal_id)
    moved = replace(asked, principal=replace(asked.principal, owner="someone-else", role="clerk"))
    assert only((await proposing.answer(moved)).answer)["proposal_id"] == proposal_id


@guarantees("P3.agent_told")
async def test_nothing_of_who_decided_reaches_the_agent(proposing: Proposing, small: SmallWrite, state: State) -> None:
    """Neither name nor comment: an agent must not learn whom to work on."""
    for number, decision in enumerate(("approve", "reject")):
        proposal_id = await made(
            proposing, small, idempotency_key=f"key-0000000{number}", new_date=f"2026-04-0{number + 1}"
        )
        decided(state, proposal_id, decision)
        answer = (await proposing.answer(small.wish(GET, proposal_id=proposal_id))).answer
        for shown in (answers.text(answer), json.dumps(answers.structured(answer))):
            assert "dagny" not in shown.lower()


@guarantees("P3.agent_told")
async def test_waiting_ends_as_soon_as_the_proposal_moves(
    proposing: Proposing, small: SmallWrite, state: State
) -> None:
    """The agent hears within a quarter of a second, and asks once instead of a hundred times."""
    proposal_id = await made(proposing, small)

    async def approve_at_the_third_look(seconds: float) -> None:
        small.slept.append(seconds)
        if len(small.slept) == 3:
            decided(state, proposal_id)

    proposing.sleep = approve_at_the_third_look
    told = await proposing.answer(small.wish(GET, proposal_id=proposal_id, wait_s=25))

    row = only(told.answer)
    assert small.slept == [LOOK_EVERY_S] * 3
    assert (row["state"], row["waiting_for"]) == ("APPROVED", "worker")
    assert row["next_step"] == "Approved, waiting for the worker. Poll get_proposal."


@guarantees("P9.bounded")
async def test_waiting_ends_when_its_time_is_over_and_does_not_begin_at_an_end(
    proposing: Proposing, small: SmallWrite
) -> None:
    """A host gives up on calls that hang; and what is over will not move."""
    proposal_id = await made(proposing, small)
    await proposing.answer(small.wish(GET, proposal_id=proposal_id, wait_s=25))
    assert sum(small.slept) == 25

    await proposing.answer(small.wish(CANCEL, proposal_id=proposal_id))
    small.slept.clear()
    await proposing.answer(small.wish(GET, proposal_id=proposal_id, wait_s=25))
    assert small.slept == []


@guarantees("P9.bounded")
async def test_waits_leave_places_for_other_calls_and_give_theirs_back_when_cancelled(
    proposing: Proposing, small: SmallWrite
) -> None:
    """One wait beyond the bound is answered at once; a cancelled one counts no more."""
    proposal_id = await made(proposing, small)
    asked = small.wish(GET, proposal_id=proposal_id, wait_s=25)

    async def for_ever(_seconds: float) -> None:
        await asyncio.Event().wait()

    proposing.sleep = for_ever
    waiting = [asyncio.create_task(proposing.answer(asked)) for _ in range(MAX_WAITING)]
    await asyncio.sleep(0)
    beyond = await proposing.answer(asked)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    again = asyncio.create_task(proposing.answer(asked))
    await asyncio.sleep(0)

    assert only(beyond.answer)["state"] == "AWAITING_APPROVAL"
    assert all(task.cancelled() for task in waiting)
    assert not again.done()
    again.cancel()
    await asyncio.gather(again, return_exceptions=True)


@guarantees("P3.agent_told", "P4.one_effect")
async def test_a_committed_proposal_shows_its_receipt(proposing: Proposing, small: SmallWrite, state: State) -> None:
    """Document, version and time, as read back."""
    proposal_id = await made(proposing, small)
    decided(state, proposal_id)
    taken = state.proposals.take("worker-1", lease_s=60)
    assert taken is not None
    written = Written(document="4500000001", key="line-1", version_token="v8")
    receipt = Receipt(written=written, committed_at="2026-11-02T09:05:00.250Z", found="answered")
    state.proposals.move(proposal_id, Step(name="send", actor="worker-1", fence=taken.fence))
    state.proposals.move(proposal_id, Step(name="commit", actor="worker-1", fence=taken.fence, receipt=receipt))

    answer = (await proposing.answer(small.wish(GET, proposal_id=proposal_id))).answer

    assert only(answer)["waiting_for"] == "nothing"
    assert only(answer, "receipt") == {
        "document": "4500000001",
        "version": "v8",
        "committed_at": "2026-11-02T09:05:00Z",
        "found": "answered",
    }


@guarantees("P3.agent_told")
async def test_a_change_that_came_back_from_the_worker_waits_for_its_system(
    proposing: Proposing, small: SmallWrite, state: State
) -> None:
    """An outage is told, so that nobody asks people to approve again."""
    proposal_id = await made(proposing, small)
    decided(state, proposal_id)
    taken = state.proposals.take("worker-1", lease_s=60)
    assert taken is not None
    postponed = Step(name="postpone", actor="worker-1", fence=taken.fence, reason="adapter.unreachable")
    state.proposals.move(proposal_id, replace(postponed, not_before="2026-11-02T09:01:00Z"))

    row = only((await proposing.answer(small.wish(GET, proposal_id=proposal_id))).answer)

    assert (row["state"], row["waiting_for"], row["reason"]) == ("APPROVED", "system", "adapter.unreachable")


@guarantees("P3.expires", "P3.agent_told")
@pytest.mark.parametrize("tool", [GET, LIST])
async def test_a_proposal_whose_time_is_over_says_so_without_a_worker(
    proposing: Proposing, small: SmallWrite, tool: Any
) -> None:
    """It can't be approved any more, so the agent must not wait for it."""
    proposal_id = await made(proposing, small)
    small.clocks.pass_by(TERMS.valid_s)
    asked = small.wish(tool) if tool is LIST else small.wish(tool, proposal_id=proposal_id)
    answer = (await proposing.answer(asked)).answer
    assert only(answer, next(iter(answer.tables)))["state"] == "EXPIRED"


@guarantees("P3.agent_told")
async def test_only_what_no_worker_has_can_be_cancelled(proposing: Proposing, small: SmallWrite, state: State) -> None:
    """Before a decision and after it; what is being written can't be taken back, and the state is told."""
    waiting = await made(proposing, small)
    approved = await made(proposing, small, idempotency_key="key-00000002", new_date="2026-04-01")
    taken = await made(proposing, small, idempotency_key="key-00000003", new_date="2026-04-02")
    decided(state, taken)
    state.proposals.take("worker-1", lease_s=60)
    decided(state, approved)

    for proposal_id in (waiting, approved):
        row = only((await proposing.answer(small.wish(CANCEL, proposal_id=proposal_id))).answer)
        assert (row["state"], row["reason"]) == ("CANCELLED", "cancelled_by_agent")
    for proposal_id, stands in ((taken, "CLAIMED"), (waiting, "CANCELLED")):
        with pytest.raises(ProposalMovedError) as refused:
            await proposing.answer(small.wish(CANCEL, proposal_id=proposal_id))
        assert refused.value.facts["state"] == stands


# --- lists ------------------------------------------------------------------------------------------------------------


@guarantees("P7.stable_paging")
async def test_a_list_pages_from_the_newest_to_the_oldest_once_each(proposing: Proposing, small: SmallWrite) -> None:
    """Also while new ones come."""
    ids = [
        await made(proposing, small, idempotency_key=f"key-000000{number:02}", new_date=f"2026-05-{number:02}")
        for number in range(1, 8)
    ]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = (await proposing.answer(small.wish(LIST, limit=3, **cursor))).answer
        seen += [row["proposal_id"] for row in rows(answer, "proposals")]
        if not answer.next_cursor:
            break
        cursor = {"cursor": answer.next_cursor}
        await made(
            proposing, small, idempotency_key=f"key-{answer.next_cursor[:20]}", new_date=f"2026-06-{len(seen):02}"
        )

    assert seen == ids[::-1]


@guarantees("P7.stable_paging")
async def test_a_list_of_one_state_skips_the_others(proposing: Proposing, small: SmallWrite) -> None:
    """Pages are full although others stand between."""
    ids = []
    for number in range(1, 7):
        ids.append(
            await made(proposing, small, idempotency_key=f"key-000000{number:02}", new_date=f"2026-05-{number:02}")
        )
        if number % 2:
            await proposing.answer(small.wish(CANCEL, proposal_id=ids[-1]))
    first = (await proposing.answer(small.wish(LIST, limit=2, state="CANCELLED"))).answer
    second = (await proposing.answer(small.wish(LIST, limit=2, state="CANCELLED", cursor=first.next_cursor))).answer

    assert [row["proposal_id"] for row in rows(first, "proposals")] == [ids[4], ids[2]]
    assert [row["proposal_id"] for row in rows(second, "proposals")] == [ids[0]]
    assert second.next_cursor == ""


@guarantees("P7.stable_paging", "P3.agent_told")
async def test_a_cursor_belongs_to_its_agent_and_its_question(proposing: Proposing, small: SmallWrite) -> None:
    """As for every other list."""
    for number in (1, 2):
        await made(proposing, small, idempotency_key=f"key-0000000{number}", new_date=f"2026-05-0{number}")
    cursor = (await proposing.answer(small.wish(LIST, limit=1))).answer.next_cursor
    for asked in (small.wish(LIST, agent="planner", cursor=cursor), small.wish(LIST, state="CANCELLED", cursor=cursor)):
        with pytest.raises(BadCursorError):
            await proposing.answer(asked)


@guarantees("P3.agent_told")
async def test_every_state_says_who_must_act_and_what_the_agent_does_now(
    proposing: Proposing, small: SmallWrite, state: State
) -> None:
    """An agent that does not know asks again and again, or proposes again."""
    await made(proposing, small)
    (proposal,) = everything(state)
    for stand in Stand:
        shown = replace(proposal, state=stand)
        assert waiting_for(shown) in {"approval", "worker", "system", "reconciliation", "person", "nothing"}
        assert next_step(shown).endswith(".")
        assert ("Poll get_proposal" in next_step(shown)) == (waiting_for(shown) not in {"nothing", "person"})
