"""Systems that take a change in and say later what became of it, and those that write only some of its lines."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import pytest

from erp_mcp.domain.command import Command, Committed, Refused, Written
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content
from tests.guarantees import guarantees
from tests.unit.committing.erp import LINES, Erp
from tests.unit.committing.office import CREATE, TOOLS, Office, reached

DAY_S = 24 * 3600


@dataclass(slots=True, kw_only=True)
class Queue(Erp):
    """An ERP behind a queue that can be asked what became of what it took in."""

    answer: Committed | Refused | None = None
    asked: int = 0

    async def acknowledged(self, command: Command, ticket: str) -> Committed | Refused | None:
        self.asked += 1
        return self.answer


async def taken_in(office: Office, tool: str = TOOLS[0]) -> Content:
    """Return a proposal that the system has taken in."""
    content = office.approved(tool)
    office.erp.faults = ["accept"]
    assert (await office.work()).proposal.state is State.AWAITING_ACK
    return content


@guarantees("P4.accepted", "P4.one_effect")
@pytest.mark.parametrize("tool", TOOLS)
async def test_what_was_taken_in_is_looked_for_until_it_is_there(office: Office, tool: str) -> None:
    """That it is not there yet says nothing, however often: two misses would call it not applied, and it comes."""
    content = await taken_in(office, tool)
    assert await office.committer().work("w1") is None  # it is not asked before its time
    for _ in range(4):
        office.clock.advance(400)
        await office.work_off()
        assert office.stand(content) == ("AWAITING_ACK", "not_acknowledged_yet")
    office.erp.arrive()
    office.clock.advance(400)
    await office.work_off()
    assert (office.stand(content), office.effects(content)) == (("COMMITTED", ""), 1)
    assert len(office.erp.sent) == 1
    assert office.path_of(content)[-3:] == ["AWAITING_ACK", "RECONCILING", "COMMITTED"]
    assert office.flaws() == []


@guarantees("P4.accepted")
async def test_without_a_word_for_a_day_a_person_has_to_ask(office: Office) -> None:
    """Nobody but the system knows, so it is neither called written nor not."""
    content = await taken_in(office)
    office.clock.advance(DAY_S - 1)
    await office.work_off()
    assert office.stand(content)[0] == "AWAITING_ACK"
    office.clock.advance(400)
    await office.work_off()
    assert office.stand(content) == ("NEEDS_HUMAN", "not_acknowledged")
    assert (len(office.erp.sent), office.flaws()) == (1, [])


@guarantees("P4.accepted")
async def test_a_system_that_can_be_asked_says_itself_what_became_of_it(office: Office) -> None:
    """Its word is an end, of both kinds; until it has one, nothing is concluded from what is there."""
    for number, (answer, state) in enumerate((("refused", "REFUSED_BY_SYSTEM"), ("written", "COMMITTED")), start=1):
        queue = Queue(path=office.erp_path, clock=office.clock, faults=["accept"])
        office.erp = queue
        content = office.approved(CREATE, number=number)
        assert (await office.work()).proposal.state is State.AWAITING_ACK
        office.clock.advance(11)
        await office.work()
        assert (queue.asked, office.stand(content)[0]) == (1, "AWAITING_ACK")
        queue.arrive()
        found = await queue.find(content.command)
        assert found is not None
        queue.answer = Refused(code="blocked") if answer == "refused" else Committed(written=found)
        office.clock.advance(400)
        await office.work()
        assert office.stand(content)[0] == state
        assert office.flaws() == []


@guarantees("P4.accepted", "P10.survives")
async def test_a_system_that_is_down_while_it_is_asked_is_asked_again(office: Office) -> None:
    """An outage is no answer; and a worker that is stopped meanwhile loses nothing."""
    content = await taken_in(office)
    office.erp.finds_down = {office.erp.found}
    office.clock.advance(11)
    await office.work()
    assert office.stand(content) == ("AWAITING_ACK", "system_unreachable")
    office.erp.arrive()
    office.clock.advance(400)
    await office.work_off()
    assert office.stand(content) == ("COMMITTED", "")


@guarantees("P4.accepted", "P10.survives")
async def test_a_worker_that_dies_while_it_asks_leaves_it_to_another(office: Office) -> None:
    """The lease runs out in RECONCILING; the next one still knows that it was taken in."""
    content = await taken_in(office)
    office.clock.advance(11)
    assert office.state.proposals.take("gone", lease_s=60) is not None
    assert office.stand(content)[0] == "RECONCILING"
    office.clock.advance(61)
    await office.work("w2")
    assert office.stand(content) == ("AWAITING_ACK", "not_acknowledged_yet")


@guarantees("P4.accepted", "P10.survives")
async def test_a_worker_that_is_stopped_while_it_asks_gives_it_back(office: Office) -> None:
    """Stopped by hand, it does not turn what was taken in into something unknown."""
    content = await taken_in(office)
    started = asyncio.Event()

    @dataclass(slots=True, kw_only=True)
    class Slow(Queue):
        async def acknowledged(self, command: Command, ticket: str) -> Committed | Refused | None:
            started.set()
            await asyncio.Event().wait()
            return None

    office.erp = Slow(path=office.erp_path, clock=office.clock)
    office.clock.advance(11)
    work = asyncio.create_task(office.committer().work("w1"))
    await reached(started, work)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert office.stand(content) == ("AWAITING_ACK", "worker_stopped")


@guarantees("P4.partly")
async def test_where_only_some_lines_were_written_the_receipt_says_which(office: Office) -> None:
    """It is an end of its own: neither committed nor refused, counted as written, and shown to a person."""
    content = office.approved()
    office.erp.faults = ["partly"]
    done = (await office.work()).proposal
    assert done.state is State.PARTIALLY_COMMITTED
    assert done.receipt is not None
    assert done.receipt.written.rows == LINES
    assert [row.line for row in done.receipt.written.rows if not row.written] == ["00020"]
    assert await office.committer().work("w1") is None
    assert (len(office.erp.sent), office.flaws()) == (1, [])
    assert office.state.proposals.get(content.proposal_id).receipt == done.receipt


@guarantees("P4.partly", "P4.unknown")
async def test_some_lines_found_by_reading_back_are_told_as_well(office: Office) -> None:
    """The answer was lost, and what is there is less than what was asked for."""
    content = office.approved()
    office.erp.faults = ["cut_after"]
    await office.work()

    @dataclass(slots=True, kw_only=True)
    class Some(Erp):
        async def find(self, command: Command) -> Written | None:
            there = await Erp.find(self, command)
            return there and replace(there, rows=LINES)

    office.erp = Some(path=office.erp_path, clock=office.clock)
    assert (await office.until_end(content)).state is State.PARTIALLY_COMMITTED
