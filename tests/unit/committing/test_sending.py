"""What the system says decides where a proposal ends; what it does not say is never guessed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from erp_mcp.committing import committer as the_way
from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.unit.committing.erp import Fault, change_line
from tests.unit.committing.office import TOOLS, UPDATE, Office, reached


@guarantees("P4.one_effect")
@pytest.mark.parametrize("tool", TOOLS)
async def test_an_approved_change_is_written_once_and_its_receipt_is_what_is_there(office: Office, tool: str) -> None:
    """The receipt is read back from the system, so it says what a person would find there."""
    content = office.approved(tool)
    done = await office.work()
    receipt = done.proposal.receipt
    assert (done.proposal.state, office.effects(content)) == (State.COMMITTED, 1)
    assert receipt is not None
    assert (receipt.found, bool(receipt.written.document), bool(receipt.written.version_token)) == (
        "read_back",
        True,
        True,
    )
    assert office.path_of(content)[-3:] == ["CLAIMED", "SENDING", "COMMITTED"]
    assert office.flaws() == []
    assert await office.committer().work("w1") is None


@guarantees("P4.one_effect")
async def test_a_commit_that_cannot_be_read_back_stands_with_what_the_answer_said(office: Office) -> None:
    """It is written; a failure afterwards must not make it unknown."""
    content = office.approved()
    office.erp.finds_down = {1}
    done = await office.work()
    assert done.proposal.receipt is not None
    assert (done.proposal.state, done.proposal.receipt.found, office.effects(content)) == (
        State.COMMITTED,
        "answered",
        1,
    )


@guarantees("P4.one_effect")
async def test_what_the_system_refuses_ends_there(office: Office) -> None:
    """The system's own rules are the last word, and nothing is tried again."""
    content = office.approved()
    office.erp.faults = ["refuse"]
    await office.work_off()
    assert (office.stand(content), office.effects(content)) == (("REFUSED_BY_SYSTEM", "document_closed"), 0)


@guarantees("P5.moves_proved", "P8.no_leaks")
async def test_the_systems_own_code_is_a_fact_of_the_record_and_of_nothing_else(office: Office) -> None:
    """People look it up in the system's documentation; the agent is told ours."""
    content = office.approved()
    office.erp.faults = ["refuse"]
    done = await office.work()
    told = [str(one) for one in office.state.audit.read_all() if "06/115" in str(one)]
    assert len(told) == 1
    assert "06/115" not in str(done.proposal)
    assert office.stand(content) == ("REFUSED_BY_SYSTEM", "document_closed")


@guarantees("P4.one_effect", "P4.stale")
async def test_a_record_that_changes_between_the_look_and_the_send_is_a_conflict(office: Office) -> None:
    """The version goes to the system with the change, so that even the last gap is closed there."""
    content = office.approved()
    committer = office.committer(at=lambda point: change_line(office.erp_path) if point == "before_send" else None)
    done = await committer.work("w1")
    assert done is not None
    assert (office.stand(content), office.effects(content)) == (("STALE", "record_changed"), 0)


@guarantees("P4.one_effect", "P10.outage")
async def test_a_system_that_is_down_is_tried_again_later(office: Office) -> None:
    """A change that certainly did not arrive stays approved, with a time before which nobody tries."""
    content = office.approved()
    office.erp.faults = ["down"]
    waiting = (await office.work()).proposal
    assert (waiting.state, waiting.reason) == (State.APPROVED, "system_unreachable")
    assert waiting.not_before >= "2026-03-16T08:00:30"
    assert await office.committer().work("w1") is None
    office.clock.advance(31)
    assert (await office.work()).proposal.state is State.COMMITTED
    assert office.effects(content) == 1


@guarantees("P10.outage")
async def test_an_outage_ends_with_the_time_of_the_proposal(office: Office) -> None:
    """Waiting is bounded by what the approver was told, and each wait is longer than the last, up to five minutes."""
    content = office.approved()
    office.erp.down_until = "9999"
    proposal = await office.until_end(content, step_s=60)
    assert (proposal.state, office.effects(content)) == (State.EXPIRED, 0)
    assert len(office.erp.sent) < 45  # three hours of every five minutes, not of every second


@guarantees("P4.one_effect", "P4.unknown")
@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("fault", ["cut_after", "raise"])
async def test_an_answer_lost_after_the_commit_is_found_by_reading_back(
    office: Office, tool: str, fault: Fault
) -> None:
    """Nobody knows, so it is looked for, and never sent again."""
    content = office.approved(tool)
    office.erp.faults = [fault]
    lost = (await office.work()).proposal
    assert (lost.state, lost.not_before > lost.since) == (State.UNKNOWN, True)
    proposal = await office.until_end(content)
    assert proposal.receipt is not None
    assert (proposal.state, proposal.receipt.found, office.effects(content)) == (State.COMMITTED, "read_back", 1)
    assert len(office.erp.sent) == 1


@guarantees("P4.one_effect", "P4.unknown")
@pytest.mark.parametrize("tool", TOOLS)
async def test_an_answer_lost_before_the_commit_ends_as_not_applied(office: Office, tool: str) -> None:
    """Two clean misses say that it is not there; a new proposal is one step away."""
    content = office.approved(tool)
    office.erp.faults = ["cut_before"]
    proposal = await office.until_end(content)
    assert (proposal.state, proposal.misses, office.effects(content)) == (State.NOT_APPLIED, 2, 0)
    assert len(office.erp.sent) == 1


@guarantees("P4.unknown", "P9.bounded")
async def test_a_system_that_does_not_answer_is_left_before_the_lease_ends(office: Office) -> None:
    """A worker that waits longer than its lease could be overtaken while its request is still under way."""
    assert the_way.SEND_S < the_way.LEASE_S
    content = office.approved()
    office.erp.faults = ["hang"]
    await replace(office.committer(), send_s=0.05).work("w1")
    assert office.stand(content) == ("UNKNOWN", "no_answer_in_time")
    assert (await office.until_end(content)).state is State.COMMITTED
    assert office.effects(content) == 1


@guarantees("P4.unknown", "P10.survives")
async def test_a_worker_that_is_stopped_while_sending_says_that_nobody_knows(office: Office) -> None:
    """Whether the request arrived can't be told from here, so the state must not pretend."""
    content = office.approved()
    office.erp.faults = ["hang"]
    work = asyncio.create_task(office.committer().work("w1"))
    await reached(office.erp.hanging, work)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert office.stand(content) == ("UNKNOWN", "worker_stopped")
    assert (await office.until_end(content)).state is State.COMMITTED
    assert office.effects(content) == 1


@guarantees("P10.survives")
async def test_a_worker_that_is_stopped_before_sending_gives_the_proposal_back(office: Office) -> None:
    """Nothing was sent, so the next worker may begin at once instead of waiting for the lease to run out."""
    content = office.approved()
    stuck = asyncio.Event()

    async def never(_system: str) -> None:
        stuck.set()
        await asyncio.Event().wait()

    work = asyncio.create_task(replace(office.committer(), commands=never).work("w1"))  # type: ignore[arg-type]
    await reached(stuck, work)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert office.stand(content) == ("APPROVED", "worker_stopped")
    assert (await office.until_end(content)).state is State.COMMITTED


@guarantees("P4.one_effect")
async def test_a_reference_that_is_there_before_the_first_send_goes_to_a_person(office: Office) -> None:
    """Something wrote under our reference, and it was not this proposal: only a person can say what that means."""
    first = office.approved(UPDATE, number=1)
    await office.work()
    second = office.propose(UPDATE, number=2, reference=first.command.reference)
    office.approve(second)
    await office.work_off()
    assert office.stand(second) == ("NEEDS_HUMAN", "reference_used")
    assert (len(office.erp.sent), office.effects(first)) == (1, 1)


@guarantees("P4.unknown")
async def test_where_nothing_can_be_read_back_an_unknown_outcome_goes_to_a_person_at_once(office: Office) -> None:
    """A system without references and versions would take the same change twice without a word."""
    content = office.approved()
    office.erp.kind = "none"
    office.erp.faults = ["cut_after"]
    proposal = await office.until_end(content)
    assert (proposal.state, proposal.reason) == (State.NEEDS_HUMAN, "cannot_be_read_back")
    assert (len(office.erp.sent), office.effects(content)) == (1, 1)


@guarantees("P4.table")
async def test_a_worker_that_was_held_up_past_its_lease_sends_nothing(office: Office) -> None:
    """Just before it sends it looks at the clock: from the end of its lease on, somebody else may be at it."""
    content = office.approved()
    committer = office.committer(at=lambda point: office.clock.advance(115) if point == "after_send" else None)
    done = await committer.work("w1")
    assert done is not None
    assert (done.proposal.state, done.proposal.reason) == (State.APPROVED, "lease_too_short")
    assert (office.erp.sent, office.effects(content)) == ([], 0)
