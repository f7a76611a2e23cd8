"""An unknown outcome is found out by reading back: twice in vain, each time after the system had its time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from erp_mcp.approval.envelope import digest
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.command import Committed
from erp_mcp.domain.forms import to_json
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content
from tests.guarantees import guarantees
from tests.unit.approval.people import NOW
from tests.unit.committing.office import TOOLS, Office, reached

SETTLE_S = 5  # of the demo ERP's contracts


async def unknown(office: Office, *, tool: str = TOOLS[0]) -> Content:
    """Return a proposal whose request was cut before the system committed."""
    content = office.approved(tool)
    office.erp.faults = ["cut_before"]
    await office.work()
    assert office.stand(content) == ("UNKNOWN", "connection_lost")
    return content


@guarantees("P4.unknown")
async def test_nothing_is_looked_for_before_the_system_had_its_time(office: Office) -> None:
    """A request may still be under way inside the system when the connection has long gone."""
    content = await unknown(office, tool=TOOLS[1])
    office.clock.advance(SETTLE_S - 1)
    assert await office.committer().work("w1") is None
    office.clock.advance(1)
    first = (await office.work()).proposal
    assert (first.state, first.reason, first.misses) == (State.UNKNOWN, "missed", 1)
    assert await office.committer().work("w1") is None
    office.clock.advance(SETTLE_S)
    second = (await office.work()).proposal
    assert (second.state, second.reason, second.misses) == (State.NOT_APPLIED, "not_applied", 2)
    assert (office.flaws(), office.effects(content)) == ([], 0)


@guarantees("P4.unknown", "P4.one_effect")
@pytest.mark.parametrize("tool", TOOLS)
async def test_a_change_that_arrives_between_the_two_looks_is_found_by_the_second(office: Office, tool: str) -> None:
    """This is what the second look is for."""
    content = await unknown(office, tool=tool)
    office.clock.advance(SETTLE_S)
    assert (await office.work()).proposal.reason == "missed"
    assert isinstance(await office.erp.send(content.command), Committed)  # the late request, from inside the system
    office.clock.advance(SETTLE_S)
    assert (await office.work()).proposal.state is State.COMMITTED
    assert office.effects(content) == 1


@guarantees("P4.unknown", "P4.table")
async def test_what_a_worker_wrote_that_stands_still_is_found_by_another(office: Office) -> None:
    """The one that comes to itself again can record nothing any more: its fence is an old one."""
    content = office.approved()
    office.erp.faults = ["hang"]
    work = asyncio.create_task(office.committer().work("w1"))
    await reached(office.erp.hanging, work)
    office.clock.advance(121)  # the first worker stands still, its lease runs out
    lost = (await office.work("w2")).proposal
    early = (await office.work("w2")).proposal
    assert (lost.state, early.state) == (State.UNKNOWN, State.COMMITTED)  # it was written, and is found at once
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert (office.stand(content), office.effects(content)) == (("COMMITTED", ""), 1)


@guarantees("P4.unknown", "P10.survives")
async def test_an_early_look_after_a_takeover_is_no_clean_miss(office: Office) -> None:
    """It takes two looks after the time to settle, counted from the moment that the outcome became unknown."""
    content = office.approved()

    class Dead(BaseException):
        pass

    def die(point: str) -> None:
        if point == "after_send":
            raise Dead

    with pytest.raises(Dead):
        await office.committer(at=die).work("w1")
    office.clock.advance(121)
    told = []
    for _ in range(4):
        told.append((await office.work("w2")).proposal.reason)
        if told[-1]:
            office.clock.advance(SETTLE_S)
    assert told == ["", "not_settled", "missed", "not_applied"]
    assert (office.stand(content)[0], office.effects(content)) == ("NOT_APPLIED", 0)


@guarantees("P4.unknown", "P10.outage")
async def test_a_system_that_is_down_while_reading_back_is_asked_again_for_a_day(office: Office) -> None:
    """After that a person has to look; until then it is neither sent again nor called not applied."""
    content = await unknown(office)
    office.erp.finds_down = set(range(10_000))
    proposal = await office.until_end(content, step_s=300)
    assert (proposal.state, proposal.reason) == (State.NEEDS_HUMAN, "unknown_for_too_long")
    waited = office.clock.wall() - NOW
    assert 24 * 3600 <= waited.total_seconds() < 25 * 3600
    assert len(office.erp.sent) == 1


@guarantees("P4.unknown", "P10.survives")
async def test_a_worker_that_is_stopped_while_reading_back_leaves_it_unknown(office: Office) -> None:
    """The next one looks again; a look that was not finished counts for nothing."""
    content = await unknown(office)
    office.clock.advance(SETTLE_S)
    stuck = asyncio.Event()

    async def never(_system: str) -> None:
        stuck.set()
        await asyncio.Event().wait()

    work = asyncio.create_task(replace(office.committer(), commands=never).work("w1"))  # type: ignore[arg-type]
    await reached(stuck, work)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    proposal = office.state.proposals.get(content.proposal_id)
    assert (proposal.state, proposal.reason, proposal.misses) == (State.UNKNOWN, "worker_stopped", 0)
    assert (await office.until_end(content)).state is State.NOT_APPLIED


@guarantees("P3.binding", "P4.unknown")
@pytest.mark.bends_log("the row of what was approved is changed")
async def test_a_proposal_that_is_altered_while_its_outcome_is_unknown_goes_to_a_person(office: Office) -> None:
    """An altered reference would be looked for in vain, and not applied would be a lie."""
    content = office.approved()
    office.erp.faults = ["cut_after"]
    await office.work()
    office.clock.advance(SETTLE_S)
    other = replace(content, command=replace(content.command, reference="R00000000009"))
    text = canonical(to_json(other)).decode()
    office.alter("UPDATE proposal SET content = ?, digest = ?", text, digest(other))
    await office.work_off()
    assert office.stand(content) == ("NEEDS_HUMAN", "content_altered")


@guarantees("P4.unknown")
async def test_an_operation_that_the_profile_no_longer_has_stays_unknown(office: Office) -> None:
    """A change of the configuration says nothing about what was written."""
    content = await unknown(office)
    office.clock.advance(SETTLE_S)

    class Other:
        operations: dict[str, object] = {}

    async def other(_system: str) -> Other:
        return Other()

    await replace(office.committer(), commands=other).work("w1")  # type: ignore[arg-type]
    assert office.stand(content) == ("UNKNOWN", "operation_not_offered")
    assert (await office.until_end(content)).state is State.NOT_APPLIED


@guarantees("P4.unknown")
async def test_without_the_events_of_a_proposal_nothing_is_called_not_applied_too_early(office: Office) -> None:
    """When it became unknown is told by its events; without them its whole time has to pass."""
    content = await unknown(office)
    office.alter("DELETE FROM outbox")
    office.clock.advance(SETTLE_S)
    proposal = (await office.work()).proposal
    assert (proposal.state, proposal.reason) == (State.UNKNOWN, "not_settled")
    assert proposal.not_before > content.expires_at


@guarantees("P4.one_effect", "P4.unknown")
async def test_what_came_too_late_for_one_proposal_is_not_written_again_by_the_next(office: Office) -> None:
    """The first was called not applied and its document came after all; a person looks before there are two."""
    first = await unknown(office, tool=TOOLS[1])
    for _ in range(2):
        office.clock.advance(SETTLE_S)
        await office.work()
    assert office.stand(first)[0] == "NOT_APPLIED"
    assert isinstance(await office.erp.send(first.command), Committed)  # much too late, from inside the system
    again = office.propose(TOOLS[1], number=2, like=first.fingerprint)
    office.approve(again)
    await office.work()

    assert office.stand(again) == ("NEEDS_HUMAN", "applied_late")
    assert (office.effects(first), office.effects(again)) == (1, 0)


@guarantees("P4.one_effect")
async def test_what_was_not_applied_and_never_came_is_written_by_the_next_proposal(office: Office) -> None:
    """Looking for the earlier one must not stand in the way of trying again."""
    first = await unknown(office, tool=TOOLS[1])
    for _ in range(2):
        office.clock.advance(SETTLE_S)
        await office.work()
    again = office.propose(TOOLS[1], number=2, like=first.fingerprint)
    office.approve(again)
    await office.work()

    assert office.stand(again)[0] == "COMMITTED"
    assert (office.effects(first), office.effects(again)) == (0, 1)
