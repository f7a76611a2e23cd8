"""What a system gives for asking outlives every worker; without it nothing is called not applied early."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from erp_mcp.domain.command import Accepted, Command, Committed, Outcome, Refused, RetryContract, Unknown
from erp_mcp.domain.instants import parse_instant
from erp_mcp.errors import SystemUnreachableError
from tests.guarantees import guarantees
from tests.unit.committing.erp import Erp
from tests.unit.committing.office import CREATE, TOOLS, Office

Word = Committed | Refused | Accepted | Unknown
ACK_S = 3600
DAY_S = 24 * 3600


@dataclass(slots=True, kw_only=True)
class Queue(Erp):
    """An ERP behind a queue: it takes in, and is asked by ticket. `words` are what it says in turn, the last for ever.

    `shows` says that it is asked by our reference too; `cut` that the answer which takes in gets lost.
    """

    words: list[Word | None] = field(default_factory=lambda: [None])
    asked: list[str] = field(default_factory=list)
    ticket: str = "Q-17"
    ask_after_s: int = 10
    cut: bool = False
    shows: bool = False
    down: bool = False
    ack_s: int = ACK_S

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        contract = {"settle_s": ACK_S, "ack_s": self.ack_s, "shows_taken_in": self.shows}
        return {
            name: RetryContract(kind=one.kind, **contract)  # type: ignore[arg-type]
            for name, one in self._inner().operations.items()
        }

    async def send(self, command: Command) -> Outcome:
        self.faults = ["accept"]
        said = await Erp.send(self, command)
        assert isinstance(said, Accepted)
        taken = replace(said, ticket=self.ticket, ask_after_s=self.ask_after_s)
        return Unknown(reason="connection_lost") if self.cut else taken

    async def acknowledged(self, command: Command, ticket: str) -> Word | None:
        self.asked.append(ticket)
        if self.down:
            raise SystemUnreachableError(system="erp")
        return self.words.pop(0) if len(self.words) > 1 else self.words[0]


@pytest.fixture
def queue(office: Office) -> Queue:
    """The office's ERP, behind a queue."""
    one = Queue(path=office.erp_path, clock=office.clock)
    office.erp = one
    return one


class DeadError(BaseException):
    """A worker that dies here."""


def dying(point: str) -> Callable[[str], None]:
    """Return what dies at a point."""

    def at(name: str) -> None:
        if name == point:
            raise DeadError

    return at


async def asked_on(office: Office, times: int, *, step_s: int = 400) -> None:
    """Let time pass and work, some times over."""
    for _ in range(times):
        office.clock.advance(step_s)
        await office.work_off()


@guarantees("P4.accepted", "P10.survives")
@pytest.mark.parametrize("tool", TOOLS)
async def test_a_worker_that_starts_later_asks_with_the_ticket(office: Office, queue: Queue, tool: str) -> None:
    """It stands in the record of the move that took it in, so it is there or the move is not."""
    content = office.approved(tool)
    await office.work("w1")
    assert office.stand(content)[0] == "AWAITING_ACK"
    assert office.state.proposals.ticket(content.proposal_id) == "Q-17"
    office.clock.advance(11)
    with pytest.raises(DeadError):
        await office.committer(dying("asked")).work("w1")
    office.clock.advance(200)
    await office.work_off(holder="w2")
    assert queue.asked == ["Q-17", "Q-17"]
    queue.arrive()
    there = await queue.find(content.command)
    assert there is not None
    queue.words = [Committed(written=there, warnings=("W-1",))]
    await asked_on(office, 1)
    assert (office.stand(content), office.effects(content), len(queue.sent)) == (("COMMITTED", ""), 1, 1)
    assert office.flaws() == []


@guarantees("P4.accepted")
async def test_the_newest_ticket_is_asked_with(office: Office, queue: Queue) -> None:
    """A system may name another one while it goes on; one that it says again is no news."""
    queue.words = [Accepted(ticket="Q-18"), Accepted(ticket="Q-18"), Accepted(), Unknown(reason="ticket_gone")]
    content = office.approved()
    await office.work()
    await asked_on(office, 4)
    assert queue.asked == ["Q-17", "Q-18", "Q-18", "Q-18"]
    assert office.stand(content) == ("AWAITING_ACK", "ticket_gone")
    assert (len(queue.sent), office.flaws()) == (1, [])


@guarantees("P4.accepted", "P9.bounded")
async def test_it_is_asked_when_the_system_says_and_never_after_its_time(office: Office, queue: Queue) -> None:
    """A wish to be left alone is followed, for an hour at most, and never past the moment when a person is called."""
    queue.ask_after_s, queue.ack_s = 700, 2 * ACK_S
    queue.words = [Accepted(ask_after_s=900), Accepted(ask_after_s=10**9)]
    content = office.approved()
    await office.work()

    def again_in_s() -> int:
        again = parse_instant(office.state.proposals.get(content.proposal_id).not_before)
        return round((again - office.clock.wall()).total_seconds())

    waits = []
    for _ in range(4):
        waits.append(again_in_s())
        assert await office.committer().work("w1") is None
        office.clock.advance(waits[-1])
        await office.work_off()
    assert waits == [700, 900, 3600, 2 * ACK_S - 5200]
    assert office.stand(content) == ("NEEDS_HUMAN", "not_acknowledged")
    assert (len(queue.asked), len(queue.sent)) == (4, 1)


@guarantees("P4.accepted", "P4.unknown", "P10.survives")
@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("point", ["answered", "before_accept"])
async def test_a_worker_killed_between_the_answer_and_the_record_leaves_it_unknown_until_it_is_there(
    office: Office, queue: Queue, tool: str, point: str
) -> None:
    """The ticket died with it. For its whole time nobody calls it not applied; it is found once it is there."""
    content = office.approved(tool)
    with pytest.raises(DeadError):
        await office.committer(dying(point)).work("w1")
    office.clock.advance(121)
    await office.work_off(holder="w2")
    await asked_on(office, 8)
    assert office.stand(content) == ("UNKNOWN", "not_settled")
    queue.arrive()
    office.clock.advance(301)
    await office.work_off()
    assert (office.stand(content), office.effects(content), len(queue.sent)) == (("COMMITTED", ""), 1, 1)
    assert office.flaws() == []


@guarantees("P4.accepted", "P10.survives")
async def test_a_worker_killed_after_the_record_loses_nothing(office: Office, queue: Queue) -> None:
    """The move and the ticket are one transaction."""
    content = office.approved()
    with pytest.raises(DeadError):
        await office.committer(dying("after_accept")).work("w1")
    assert office.stand(content)[0] == "AWAITING_ACK"
    office.clock.advance(11)
    await office.work_off(holder="w2")
    assert queue.asked == ["Q-17"]


@guarantees("P4.unknown", "P4.accepted")
async def test_a_lost_ticket_is_missed_only_after_twice_its_time(office: Office, queue: Queue) -> None:
    """It is looked for every five minutes; a look before its time is over is no miss, nor is one between two misses."""
    queue.cut = True
    content = office.approved()
    await office.work()
    told = []
    for _ in range(2 * ACK_S // 300):
        told.append(office.stand(content))
        await asked_on(office, 1, step_s=300)
    before, after = told[: ACK_S // 300 + 1], told[ACK_S // 300 + 1 :]
    assert {state for state, _ in told} == {"UNKNOWN"}
    assert {reason for _, reason in before[1:-1]} == {"not_settled"}
    assert {reason for _, reason in after} == {"missed"}
    assert queue.found > 20
    await asked_on(office, 2, step_s=301)
    assert (office.stand(content), office.effects(content)) == (("NOT_APPLIED", "not_applied"), 0)
    assert (len(queue.sent), office.flaws()) == (1, [])


@guarantees("P4.accepted", "P4.unknown")
@pytest.mark.parametrize(
    ("word", "end"),
    [
        (Accepted(ticket="A-3"), ("AWAITING_ACK", "not_acknowledged_yet")),
        (Refused(code="not_confirmed"), ("REFUSED_BY_SYSTEM", "not_confirmed")),
        (Unknown(reason="borne_twice"), ("UNKNOWN", "borne_twice")),
        (None, ("UNKNOWN", "not_settled")),
    ],
)
async def test_a_system_that_shows_what_it_took_in_is_asked_before_it_is_missed(
    office: Office, queue: Queue, word: Word | None, end: tuple[str, str]
) -> None:
    """By our reference alone, where the answer with the ticket was lost."""
    queue.cut, queue.shows, queue.words = True, True, [word]
    content = office.approved(CREATE)
    await office.work()
    await asked_on(office, 1, step_s=301)
    assert (office.stand(content), queue.asked) == (end, [""])
    if isinstance(word, Accepted):
        queue.words = [None]
        await asked_on(office, 1)
        assert queue.asked == ["", "A-3"]
        assert office.path_of(content)[-3:] == ["AWAITING_ACK", "RECONCILING", "AWAITING_ACK"]
    assert (len(queue.sent), office.flaws()) == (1, [])


@guarantees("P4.accepted", "P10.outage")
@pytest.mark.parametrize(("ack_s", "patience_s"), [(ACK_S, DAY_S), (7 * DAY_S, 7 * DAY_S)])
async def test_an_outage_while_it_waits_takes_nothing_of_its_time(
    office: Office, queue: Queue, ack_s: int, patience_s: int
) -> None:
    """A system that can't be asked has not been silent: it is asked for a day at least, and for all of its own time."""
    queue.ack_s, queue.down = ack_s, True
    content = office.approved()
    await office.work()
    await asked_on(office, 4, step_s=patience_s // 4 - 400)
    assert office.stand(content) == ("AWAITING_ACK", "system_unreachable")
    await asked_on(office, 1, step_s=2000)
    assert office.stand(content) == ("NEEDS_HUMAN", "not_acknowledged")
    assert (len(queue.sent), office.flaws()) == (1, [])


@guarantees("P4.accepted")
@pytest.mark.bends_log("a record is overwritten")
async def test_a_record_that_was_altered_gives_no_ticket(office: Office, queue: Queue) -> None:
    """The verifier finds it; until then it is looked for by our reference."""
    content = office.approved()
    await office.work()
    office.alter("UPDATE audit_record SET leaf = CAST('x' AS BLOB) WHERE instr(leaf, CAST(? AS BLOB)) > 0", "Q-17")
    assert office.state.proposals.ticket(content.proposal_id) == ""
    office.clock.advance(11)
    await office.work_off()
    assert queue.asked == [""]
    assert office.flaws() != []
