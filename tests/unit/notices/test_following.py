"""People are told that something waits for them, at least once, and by what is told nothing is decided."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from erp_mcp.domain.decision import BreakGlass
from erp_mcp.domain.lifecycle import State as Stand
from erp_mcp.domain.notice import NOTICE_KINDS, Notice
from erp_mcp.domain.proposal import Step
from erp_mcp.errors import NoticeNotSentError
from erp_mcp.notices.following import LEASE, Notifier, Told
from erp_mcp.store.state.sqlite import State
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import FakeClock, a_content, a_decision, a_state
from tests.unit.store.state.stores import Behind

PAGE = "https://approvals.example"


@dataclass(slots=True)
class Box:
    """A channel that keeps what it takes, and fails as it is told to."""

    name: str = "box"
    broken: bool = False
    notices: list[Notice] = field(default_factory=list)

    async def send(self, notice: Notice) -> None:
        if self.broken:
            raise NoticeNotSentError(channel=self.name, reason="unreachable")
        self.notices.append(notice)

    async def close(self) -> None:
        """Nothing is open."""


@dataclass(slots=True)
class Desk:
    """A state, and what follows its events into boxes."""

    folder: Path
    clock: FakeClock
    state: State
    boxes: list[Box]

    def notifier(self) -> Notifier:
        """Return a notifier as another process would make it."""
        return Notifier(
            proposals=self.state.proposals, followers=self.state.followers, leases=self.state.leases,
            clock=self.clock, page=PAGE,
            told=[Told(channel=box, kinds=frozenset(NOTICE_KINDS)) for box in self.boxes],
        )  # fmt: skip

    def propose(self, key: str = "key-00000001") -> str:
        """Keep a proposal that waits for people; return its id."""
        content = a_content(key, fingerprint=f"of {key}", created=self.clock.now)
        return self.state.proposals.create(content)[0].content.proposal_id


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    clock = FakeClock()
    state = a_state(tmp_path, clock)
    it = Desk(folder=tmp_path, clock=clock, state=state, boxes=[Box()])
    yield it
    state.close()


@guarantees("P3.notices")
async def test_who_may_decide_is_told_once_with_a_link_that_carries_no_authority(desk: Desk) -> None:
    """The link names the proposal and nothing else: whoever opens it has to sign in."""
    notifier = desk.notifier()
    await notifier.work("w1")
    proposal_id = desk.propose()

    assert await notifier.work("w1") == 1
    assert await notifier.work("w1") == 0
    (notice,) = desk.boxes[0].notices
    assert notice.kind == "approval_waits"
    assert notice.link == f"{PAGE}/proposals/{proposal_id}"
    assert notice.subject == "Decide by 2026-03-02 10:00 UTC: Move line 10 of 4500000001 to 2026-03-20"


@guarantees("P3.notices", "P8.text_is_data")
async def test_nothing_that_an_agent_wrote_is_in_a_notice(desk: Desk) -> None:
    """Words of an agent that arrive by mail look like ours."""
    notifier = desk.notifier()
    await notifier.work("w1")
    desk.propose()
    await notifier.work("w1")

    told = repr(desk.boxes[0].notices)
    assert "two more days" not in told
    assert "key-00000001" not in told


@guarantees("P3.notices")
async def test_what_was_decided_meanwhile_is_not_told(desk: Desk) -> None:
    """A message about something that no longer waits costs attention for nothing."""
    notifier = desk.notifier()
    await notifier.work("w1")
    proposal_id = desk.propose()
    desk.state.proposals.decide(a_decision(proposal_id, decision="reject"))

    assert await notifier.work("w1") == 0


@guarantees("P3.notices", "P3.break_glass")
@pytest.mark.parametrize("ended", [False, True])
async def test_an_approval_in_an_emergency_is_told_to_all_concerned_whatever_a_channel_takes(
    desk: Desk, *, ended: bool
) -> None:
    """An alarm: at once, by each way, also when the change is written or over by then; and once."""
    glass = BreakGlass(people=("carl", "dora"), review_by=("olaf", "bob"), review_s=24 * 3600)
    only = replace(desk.notifier(), told=[Told(channel=desk.boxes[0], kinds=frozenset())])
    await only.work("w1")
    plain = a_content(created=desk.clock.now)
    terms = replace(plain.terms, approvers=("bob", "eve"), break_glass=glass)
    content = desk.state.proposals.create(replace(plain, terms=terms))[0].content
    for who in ("carl", "dora"):
        assert await only.work("w1") == 0
        desk.state.proposals.decide(a_decision(content.proposal_id, by=who, decision="break_glass"))
    if ended:
        desk.state.proposals.move(content.proposal_id, Step(name="cancel", actor="buyer"))

    assert [await only.work("w1") for _ in range(2)] == [1, 0]
    (notice,) = desk.boxes[0].notices
    assert (notice.kind, notice.approvers) == ("glass_broken", ("olaf", "bob", "eve", content.owner))
    assert notice.subject == "Glass broken: Move line 10 of 4500000001 to 2026-03-20"
    assert any("reviews it by 2026-03-03 06:00 UTC" in line for line in notice.lines)
    assert notice.link == f"{PAGE}/proposals/{content.proposal_id}"
    desk.clock.pass_seconds(24 * 3600 - 1)
    desk.state.proposals.escalate()
    assert await only.work("w1") == 0
    desk.clock.pass_seconds(1)
    desk.state.proposals.escalate()
    assert [await only.work("w1") for _ in range(2)] == [1, 0]
    assert desk.boxes[0].notices[1].subject == "Review overdue: Move line 10 of 4500000001 to 2026-03-20"
    assert desk.boxes[0].notices[1].approvers == notice.approvers


@guarantees("P3.notices", "P3.break_glass")
@pytest.mark.parametrize(("approvers", "everybody"), [((), True), (("bob",), False)], ids=["any", "named"])
async def test_where_a_rule_names_nobody_an_alarm_is_for_everybody(
    desk: Desk, approvers: tuple[str, ...], *, everybody: bool
) -> None:
    """Whoever is enrolled might have decided it; also when the review is overdue."""
    glass = BreakGlass(people=("carl", "dora"), review_by=("olaf",), review_s=3600)
    notifier = desk.notifier()
    await notifier.work("w1")
    plain = a_content(created=desk.clock.now)
    terms = replace(plain.terms, approvers=approvers, break_glass=glass)
    content = desk.state.proposals.create(replace(plain, terms=terms))[0].content
    for who in ("carl", "dora"):
        desk.state.proposals.decide(a_decision(content.proposal_id, by=who, decision="break_glass"))
    desk.clock.pass_seconds(3600)
    desk.state.proposals.escalate()
    await notifier.work("w1")

    alarms = [one for one in desk.boxes[0].notices if one.kind == "glass_broken"]
    assert [one.everybody for one in alarms] == [everybody, everybody]
    assert all(one.approvers == ("olaf", *approvers, content.owner) for one in alarms)


@guarantees("P3.notices", "P10.survives")
async def test_a_process_that_died_before_it_noted_how_far_it_was_tells_again_with_the_same_id(desk: Desk) -> None:
    """Told twice is better than never, and the id shows that it is the same."""
    await desk.notifier().work("w1")
    desk.propose()
    notifier = desk.notifier()
    forgetful = replace(notifier, followers=Forgetful(desk.state.followers.position("notices:box")))

    await forgetful.work("w1")
    await notifier.work("w1")
    first, second = desk.boxes[0].notices
    assert first == second


class Forgetful:
    """Positions that are never kept: the process ended in between."""

    def __init__(self, position: int) -> None:
        self._position = position

    def position(self, name: str) -> int:
        return self._position

    def advance(self, name: str, position: int) -> None:
        """Forget it."""


@guarantees("P3.notices", "P9.bounded")
async def test_a_channel_that_fails_is_left_alone_for_a_while_and_keeps_nobody_waiting(desk: Desk) -> None:
    """A mail server that is down must not stop the messages of a webhook, nor be asked in a loop."""
    broken = Box(name="broken", broken=True)
    desk.boxes.insert(0, broken)
    notifier = desk.notifier()
    await notifier.work("w1")
    desk.propose()

    assert await notifier.work("w1") == 1
    assert len(desk.boxes[1].notices) == 1
    broken.broken = False
    assert await notifier.work("w1") == 0
    desk.clock.pass_seconds(5)
    assert await notifier.work("w1") == 1
    assert [one.proposal_id for one in broken.notices] == [one.proposal_id for one in desk.boxes[1].notices]


@guarantees("P3.notices")
async def test_one_process_at_a_time_tells(desk: Desk) -> None:
    """Several workers on one state would otherwise tell everything several times."""
    await desk.notifier().work("w1")
    desk.propose()

    assert await desk.notifier().work("w2") == 0
    desk.clock.pass_seconds(61)
    assert await desk.notifier().work("w2") == 1
    assert desk.state.leases.acquire(LEASE, "w1", ttl_s=60) is None


@guarantees("P3.notices")
async def test_a_new_channel_begins_with_what_comes_now(desk: Desk) -> None:
    """Whoever sets up mail on a Monday does not get last week's proposals."""
    desk.propose("key-00000001")
    notifier = desk.notifier()
    assert await notifier.work("w1") == 0
    desk.propose("key-00000002")
    assert await notifier.work("w1") == 1


@guarantees("P3.notices", "P9.bounded")
async def test_what_could_not_be_told_for_a_day_is_not_told_any_more(desk: Desk) -> None:
    """After an outage of a week nobody wants a thousand messages."""
    notifier = desk.notifier()
    await notifier.work("w1")
    content = replace(a_content(created=desk.clock.now), expires_at="2026-03-09T06:00:00Z")
    desk.state.proposals.create(content)
    desk.clock.pass_seconds(24 * 3600 + 1)

    assert await notifier.work("w1") == 0
    assert desk.state.proposals.get(content.proposal_id).state is Stand.AWAITING_APPROVAL


@guarantees("P3.notices", "P4.unknown")
async def test_operators_are_told_where_a_machine_can_not_find_out_what_happened(desk: Desk) -> None:
    """An outcome that nobody knows is the one thing that must not lie unseen."""
    notifier = desk.notifier()
    await notifier.work("w1")
    proposal_id = desk.propose()
    desk.state.proposals.decide(a_decision(proposal_id))
    taken = desk.state.proposals.take("w1", lease_s=60)
    assert taken is not None
    desk.state.proposals.move(
        proposal_id, Step(name="hand_over", actor="w1", fence=taken.fence, reason="reference_used")
    )

    assert await notifier.work("w1") == 1
    (notice,) = desk.boxes[0].notices
    assert (notice.kind, notice.approvers) == ("person_needed", ())
    assert notice.subject.startswith("A person is needed: ")


@guarantees("P3.notices", "P3.escalation")
async def test_whoever_may_decide_as_well_by_now_is_told_and_nobody_twice(desk: Desk) -> None:
    """A proposal that nobody looked at goes to somebody else, while it still waits."""
    notifier = desk.notifier()
    await notifier.work("w1")
    plain = a_content(created=desk.clock.now)
    terms = replace(plain.terms, approvers=("anna",), escalates_s=3600, escalates_to=("boss",))
    desk.state.proposals.create(replace(plain, terms=terms))
    await notifier.work("w1")
    desk.clock.pass_seconds(3600)
    desk.state.proposals.escalate()

    assert await notifier.work("w1") == 1
    assert await notifier.work("w1") == 0
    first, second = desk.boxes[0].notices
    assert (first.approvers, second.approvers) == (("anna",), ("boss",))
    assert second.subject.startswith("Still undecided, decide by ")


@guarantees("P3.notices", "P3.binding")
async def test_operators_are_told_of_a_proposal_that_somebody_altered(desk: Desk) -> None:
    """What it says now is not what was proposed, so nothing of it is in the message."""
    notifier = desk.notifier()
    await notifier.work("w1")
    proposal_id = desk.propose()
    desk.state.proposals.decide(a_decision(proposal_id))
    await notifier.work("w1")
    with closing(Behind(desk.folder)) as behind:
        behind.forge("UPDATE proposal SET content = replace(content, '2026-03-20', '2026-03-30')")
    desk.state.proposals.take("w1", lease_s=60)

    assert await notifier.work("w1") == 1
    (notice,) = desk.boxes[0].notices
    assert (notice.kind, notice.proposal_id, notice.approvers) == ("person_needed", proposal_id, ())
    assert "is not what was written" in notice.subject
    assert "2026-03" not in repr(notice)
