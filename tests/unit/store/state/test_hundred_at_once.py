"""A hundred threads at one proposal: said yes to, said no to, said again with the same words, taken and sent; once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Barrier
from typing import Final

import pytest

from erp_mcp.audit.verify import verify
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content, SignedDecision, Step, Unlike
from erp_mcp.errors import PossibleDuplicateError
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import FakeClock, a_content, a_decision
from tests.unit.store.state.stores import opened
from tests.unit.store.state.storm import tried

THREADS: Final = 100
CONNECTED: Final = 20  # stores opened for them; a server has a bound on its sessions
DAY_S: Final = 24 * 3600
Act = Callable[[DeploymentState], str]


@pytest.fixture
def stores(home: Path, state: DeploymentState, clock: FakeClock) -> Iterator[list[DeploymentState]]:
    """The same state opened many times."""
    with ExitStack() as stack:
        yield [stack.enter_context(closing(opened(home, clock, busy_s=120.0))) for _ in range(CONNECTED)]


def at_once(stores: Sequence[DeploymentState], acts: Sequence[Act]) -> list[str]:
    """Let each act be done by a thread of its own, all begun together; return what each was told."""
    free: SimpleQueue[DeploymentState] = SimpleQueue()
    for one in stores:
        free.put(one)
    start = Barrier(len(acts))

    def run(act: Act) -> str:
        start.wait()
        one = free.get()
        try:
            return act(one)
        finally:
            free.put(one)

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(run, acts))


def say(state: DeploymentState, *, decision: SignedDecision) -> str:
    """Store a decision; return what came of it."""
    return tried(state.proposals.decide, decision)


def move(state: DeploymentState, *, proposal_id: str, step: Step) -> str:
    """Make a move; return what came of it."""
    return tried(state.proposals.move, proposal_id, step)


def kinds_of(state: DeploymentState, proposal_id: str) -> Counter[str]:
    """Count the records of the moves of a proposal, and see that rows and records agree."""
    report = verify(state.audit.read_all(), strays=state.audit.strays(), proposals=state.proposals.kept())
    assert report.findings == ()
    leaves = (json.loads(one.leaf) for one in state.audit.read_all())
    return Counter(one["kind"] for one in leaves if one["facts"].get("proposal_id") == proposal_id)


@guarantees("P3.enough_people", "P4.table", "P4.two_stores")
def test_of_a_hundred_who_say_yes_no_and_the_same_again_what_counts_is_decided_once(
    state: DeploymentState, stores: list[DeploymentState]
) -> None:
    """The first no ends it, or the second yes approves it; words that were used once are used up."""
    proposal_id = state.proposals.create(a_content(needed=2))[0].content.proposal_id
    replayed = [a_decision(proposal_id, by=f"early-{n}") for n in range(3)]
    said = [
        *(a_decision(proposal_id, by=f"for-{n}") for n in range(40)),
        *(a_decision(proposal_id, by=f"against-{n}", decision="reject") for n in range(30)),
        *(replayed[n % 3] for n in range(30)),
    ]
    order = sorted(range(THREADS), key=lambda n: (n * 37) % THREADS)  # all kinds from the beginning
    told = at_once(stores, [partial(say, decision=said[n]) for n in order])

    stored = state.proposals.decisions(proposal_id)
    yes = [one for one in stored if one.decision == "approve"]
    no = [one for one in stored if one.decision == "reject"]
    end = state.proposals.get(proposal_id).state
    assert (end, len(yes), len(no)) in {(State.APPROVED, 2, 0), (State.REJECTED, 0, 1), (State.REJECTED, 1, 1)}
    assert Counter(told) == {"done": len(stored), "proposal.moved": THREADS - len(stored)}
    assert len({one.nonce for one in stored}) == len({one.approver_id for one in stored}) == len(stored)
    kinds = kinds_of(state, proposal_id)
    assert kinds["proposal.approved"] + kinds["proposal.rejected"] == 1


@guarantees("P3.enough_people", "P4.two_stores")
def test_the_same_words_said_a_hundred_times_at_once_are_said_once(
    state: DeploymentState, stores: list[DeploymentState]
) -> None:
    """Two people are needed, so nothing else ends it: the one yes that was copied stays one."""
    proposal_id = state.proposals.create(a_content(needed=2))[0].content.proposal_id
    approval = a_decision(proposal_id)
    told = at_once(stores, [partial(say, decision=approval)] * THREADS)

    assert Counter(told) == {"done": 1, "proposal.moved": THREADS - 1}
    assert state.proposals.decisions(proposal_id) == [approval]
    assert state.proposals.get(proposal_id).state is State.AWAITING_APPROVAL


@guarantees("P4.one_effect", "P3.binding", "P4.two_stores")
def test_of_a_hundred_who_use_an_approval_one_does(state: DeploymentState, stores: list[DeploymentState]) -> None:
    """It is taken by one, and sent by that one alone, also where all of them hold its fence and say it again."""
    proposal_id = state.proposals.create(a_content())[0].content.proposal_id
    approval = a_decision(proposal_id)
    state.proposals.decide(approval)

    def take(one: DeploymentState) -> str:
        taken = one.proposals.take("worker", lease_s=3600)
        return "" if taken is None else taken.content.proposal_id

    assert Counter(at_once(stores, [take] * THREADS)) == {proposal_id: 1, "": THREADS - 1}
    fence = state.proposals.get(proposal_id).fence
    sends = [Step(name="send", actor="worker", fence=fence) for _ in range(THREADS // 2)]
    acts: list[Act] = [partial(move, proposal_id=proposal_id, step=step) for step in sends]
    acts += [partial(say, decision=approval)] * (THREADS // 2)
    assert Counter(at_once(stores, acts)) == {"done": 1, "proposal.moved": THREADS - 1}
    assert kinds_of(state, proposal_id)["proposal.sending"] == 1


@guarantees("P4.idempotent", "P4.two_stores")
def test_of_a_hundred_of_one_meaning_under_keys_of_their_own_one_is_stored(
    state: DeploymentState, stores: list[DeploymentState]
) -> None:
    """Looked at in the transaction that stores it, under the lock of the agent; another agent is not told of it."""
    contents = [a_content(f"fresh-{n:08d}", fingerprint="one meaning") for n in range(THREADS - 1)]
    contents.append(a_content("fresh-of-another", agent="other", fingerprint="one meaning"))

    def create(content: Content) -> Act:
        def act(one: DeploymentState) -> str:
            try:
                proposal, _ = one.proposals.create(content, Unlike(fingerprints=["one meaning"], within_s=DAY_S))
            except PossibleDuplicateError as error:
                return f"like {error.facts['proposal_id']}"
            return f"new {proposal.content.agent}"

        return act

    told = Counter(at_once(stores, [create(one) for one in contents]))
    (mine,) = state.proposals.of_agent("buyer", limit=100)
    assert told == {"new buyer": 1, "new other": 1, f"like {mine.content.proposal_id}": THREADS - 2}
