"""What a system turned away and did all the same is found before it is called anything else, and never done twice."""

from __future__ import annotations

from typing import Any, cast

import pytest

from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Step
from erp_mcp.errors import ProposalMovedError, RuleRefusedError, SystemUnreachableError
from tests.guarantees import guarantees
from tests.unit.committing.erp import Fault, change_line
from tests.unit.committing.office import CREATE, TERMS, TOOLS, UPDATE, Office, a_tool
from tests.unit.committing.test_checked_again import forbid


@guarantees("P4.turned_away", "P4.one_effect")
@pytest.mark.parametrize("tool", TOOLS)
async def test_what_was_done_though_turned_away_is_committed_by_reading_back(office: Office, tool: str) -> None:
    """A 429 with a time that came after the effect: at that time it is looked for, found, and not sent again."""
    content = office.approved(tool)
    office.erp.faults = ["limited_after"]
    waiting = (await office.work()).proposal
    assert (waiting.state, waiting.reason) == (State.APPROVED, "rate_limited")
    proposal = await office.until_end(content)
    assert proposal.receipt is not None
    assert (proposal.state, proposal.receipt.found, proposal.reason) == (State.COMMITTED, "read_back", "")
    assert (len(office.erp.sent), office.effects(content), office.flaws()) == (1, 1, [])
    assert office.path_of(content)[-4:] == ["SENDING", "APPROVED", "CLAIMED", "COMMITTED"]


@guarantees("P4.turned_away")
@pytest.mark.parametrize("tool", TOOLS)
async def test_where_no_time_is_named_it_is_looked_for_at_once(office: Office, tool: str) -> None:
    """The proposal never stands as approved although it is carried out."""
    content = office.approved(tool)
    office.erp.faults = ["limited_at_once_after"]
    assert (await office.work()).proposal.state is State.COMMITTED
    assert (len(office.erp.sent), office.effects(content)) == (1, 1)
    assert office.path_of(content)[-2:] == ["SENDING", "COMMITTED"]


@guarantees("P4.turned_away", "P10.outage")
@pytest.mark.parametrize("tool", TOOLS)
async def test_what_was_turned_away_and_not_done_is_sent_once_more(office: Office, tool: str) -> None:
    """Looking for it finds nothing, so it goes out a second time, and takes effect once."""
    content = office.approved(tool)
    office.erp.faults = ["limited"]
    assert (await office.until_end(content)).state is State.COMMITTED
    assert (len(office.erp.sent), office.effects(content), office.flaws()) == (2, 1, [])


@guarantees("P4.turned_away", "P3.not_stricter")
async def test_what_is_there_is_not_called_denied(office: Office) -> None:
    """Policy may forbid it today; it was sent when it was allowed, and what became of it is a fact."""
    content = office.approved()
    office.erp.faults = ["limited_after"]
    await office.work()
    forbid(cast("dict[str, Any]", office.policy))
    office.apply()
    assert (await office.until_end(content)).state is State.COMMITTED


@guarantees("P4.turned_away", "P4.stale")
async def test_what_is_not_there_is_denied_or_stale_as_ever(office: Office) -> None:
    """Another change of the record is not taken for ours."""
    content = office.approved()
    office.erp.faults = ["limited"]
    await office.work()
    change_line(office.erp_path)
    proposal = await office.until_end(content)
    assert (proposal.state, proposal.reason) == (State.STALE, "record_changed")
    assert (len(office.erp.sent), office.effects(content)) == (1, 0)


@guarantees("P4.turned_away", "P4.stale")
@pytest.mark.parametrize("point", ["preparing", "before_send"])
async def test_what_arrives_between_the_look_and_the_send_is_not_called_stale(office: Office, point: str) -> None:
    """Late, under our own hands: the record has another version, which is the one that we wrote."""
    content = office.approved()
    office.erp.faults = ["limited_late"]
    await office.work()
    office.clock.advance(31)
    if point == "preparing":
        office.desk.before = office.erp.arrive
    committer = office.committer(at=lambda at: office.erp.arrive() if at == point else None)
    done = await committer.work("w1")
    assert done is not None
    assert ((await office.until_end(content)).state, office.effects(content)) == (State.COMMITTED, 1)
    assert office.flaws() == []


@guarantees("P4.turned_away", "P4.stale", "P4.unknown")
@pytest.mark.parametrize(("came", "state"), [("ours", "COMMITTED"), ("theirs", "STALE"), ("unseen", "COMMITTED")])
async def test_another_version_at_the_second_send_is_looked_at_before_it_is_called_stale(
    office: Office, came: str, state: str
) -> None:
    """It may be the one that the first send wrote; whoever can't look there and then looks later."""
    content = office.approved()
    office.erp.faults = ["limited" if came == "theirs" else "limited_late", "superseded"]
    await office.work()
    office.clock.advance(31)

    def meanwhile(at: str) -> None:
        if at == "before_send":
            office.erp.arrive()
            office.erp.finds_down = {office.erp.found} if came == "unseen" else set()

    await office.committer(at=meanwhile).work("w1")
    assert (await office.until_end(content)).state == state
    assert ("UNKNOWN" in office.path_of(content)) == (came == "unseen")
    assert (office.effects(content), office.flaws()) == (int(came != "theirs"), [])


@guarantees("P4.turned_away", "P4.stale", "P4.unknown")
@pytest.mark.parametrize("unseen", [False, True])
async def test_a_version_that_the_change_itself_wrote_is_no_reason_to_call_it_stale(
    office: Office, unseen: bool
) -> None:
    """Something on the way sent it twice, and the second answer came back; whoever can't look then looks later."""
    content = office.approved()
    office.erp.faults = ["superseded_after"]
    office.erp.finds_down = {1} if unseen else set()
    assert (await office.work()).proposal.state is (State.UNKNOWN if unseen else State.COMMITTED)
    assert (await office.until_end(content)).state is State.COMMITTED
    assert (len(office.erp.sent), office.effects(content), office.flaws()) == (1, 1, [])


@guarantees("P4.turned_away", "P4.unknown")
async def test_while_it_cannot_be_looked_for_it_is_neither_sent_nor_ended(office: Office) -> None:
    """Whoever can't look can't say that it was not written."""
    content = office.approved()
    office.erp.faults = ["limited_after"]
    await office.work()
    forbid(cast("dict[str, Any]", office.policy))
    office.apply()
    office.erp.finds_down = {office.erp.found}
    office.clock.advance(31)
    waiting = (await office.work()).proposal
    assert (waiting.state, waiting.reason) == (State.APPROVED, "system_unreachable")
    assert (await office.until_end(content)).state is State.COMMITTED
    assert len(office.erp.sent) == 1


@guarantees("P4.turned_away")
@pytest.mark.parametrize(
    "error", [RuleRefusedError(rule="R-GONE", message="gone"), SystemUnreachableError(system="erp")]
)
async def test_what_preparing_meets_ends_or_postpones_what_is_not_there(office: Office, error: Exception) -> None:
    """As for a proposal that was never sent."""
    content = office.approved(UPDATE)
    office.erp.faults = ["limited"]
    await office.work()
    office.desk.error = error
    office.clock.advance(31)
    await office.work()
    ending = ("STALE", "record_gone") if isinstance(error, RuleRefusedError) else ("APPROVED", "system_unreachable")
    assert (office.stand(content), len(office.erp.sent)) == (ending, 1)


@guarantees("P4.turned_away", "P4.one_effect")
async def test_where_nothing_can_be_found_a_request_turned_away_goes_to_a_person(office: Office) -> None:
    """Without a reference and a version there is no looking; sent again it could be there twice."""
    content = office.approved(CREATE)
    office.erp.kind = "none"
    office.erp.faults = ["limited_after"]
    proposal = await office.until_end(content)
    assert (proposal.state, proposal.reason) == (State.NEEDS_HUMAN, "cannot_be_read_back")
    assert (len(office.erp.sent), office.effects(content)) == (1, 1)


@guarantees("P4.turned_away")
async def test_what_never_left_this_machine_is_sent_later_whatever_the_contract(office: Office) -> None:
    """No connection is no answer that could be wrong."""
    content = office.approved(CREATE)
    office.erp.kind = "none"
    office.erp.faults = ["down"]
    assert (await office.until_end(content)).state is State.COMMITTED
    assert office.effects(content) == 1


@guarantees("P4.turned_away", "P3.expires")
@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(("fault", "state"), [("limited_after", "COMMITTED"), ("limited", "EXPIRED")])
async def test_what_was_turned_away_expires_only_once_somebody_looked(
    office: Office, tool: str, fault: Fault, state: str
) -> None:
    """Its time may end before the system lets anybody look; what is there all the same is not called never written."""
    content = office.approved(tool)
    office.erp.faults = [fault]
    await office.work()
    office.clock.advance(TERMS.valid_s + 1, plant=False)
    assert office.state.proposals.expire() == 0
    assert (await office.until_end(content)).state == state
    assert (len(office.erp.sent), office.effects(content), office.flaws()) == (1, int(state == "COMMITTED"), [])


@guarantees("P4.turned_away", "P4.one_effect")
async def test_the_same_proposed_anew_makes_no_second_document(office: Office) -> None:
    """The first was denied when it was not there yet, and came all the same."""
    first = office.approved(CREATE)
    office.erp.faults = ["limited_late"]
    await office.work()
    office.tools[CREATE] = a_tool(CREATE, hashed="f" * 64)
    assert (await office.until_end(first)).state is State.DENIED
    office.tools[CREATE] = a_tool(CREATE)
    office.erp.arrive()
    second = office.propose(CREATE, number=2, like=first.fingerprint)
    office.approve(second)
    proposal = await office.until_end(second)
    assert (proposal.state, proposal.reason) == (State.NEEDS_HUMAN, "applied_late")
    assert (office.effects(first), office.effects(second)) == (1, 0)


@guarantees("P4.turned_away")
@pytest.mark.parametrize(("fault", "sends"), [("limited_after", 1), ("limited", 2), ("down", 2)])
async def test_what_was_sent_before_is_not_cancelled(office: Office, fault: Fault, sends: int) -> None:
    """It may be carried out already; a worker looks and says so, and no record says that it was taken away."""
    content = office.approved()
    office.erp.faults = [fault]
    assert (await office.work()).proposal.state is State.APPROVED
    step = Step(name="cancel", actor=content.agent, reason="cancelled_by_agent")
    with pytest.raises(ProposalMovedError) as told:
        office.state.proposals.move(content.proposal_id, step)
    assert told.value.facts["reason"] == "sent_before"
    assert (await office.until_end(content)).state is State.COMMITTED
    assert (len(office.erp.sent), office.effects(content), office.flaws()) == (sends, 1, [])
