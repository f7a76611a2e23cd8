"""Several processes and threads at one state, and processes that die in the middle of it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from erp_mcp.audit.verify import verify
from erp_mcp.domain.lifecycle import State as Standing
from erp_mcp.domain.proposal import Step
from erp_mcp.errors import ProposalMovedError, StateUnavailableError, WritesStoppedError
from erp_mcp.store.state import switches
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import FakeClock, a_content, a_decision
from tests.unit.store.state.racer import USE
from tests.unit.store.state.racing import RACERS, ROOT, proposed_in_windows, race, sent_in_windows, stormed
from tests.unit.store.state.stores import opened
from tests.unit.store.state.storm import QUOTA
from tests.unit.store.state.storm import USE as STORM


def approved(state: DeploymentState, count: int) -> list[str]:
    """Make proposals that are approved; return their ids."""
    ids = [state.proposals.create(a_content(f"key-{n:08d}"))[0].content.proposal_id for n in range(count)]
    for proposal_id in ids:
        state.proposals.decide(a_decision(proposal_id))
    return ids


def intact(state: DeploymentState) -> bool:
    """Return whether records and rows agree."""
    report = verify(state.audit.read_all(), strays=state.audit.strays(), proposals=state.proposals.kept())
    return report.findings == ()


@guarantees("P4.idempotent")
def test_of_processes_that_propose_under_one_key_exactly_one_makes_it(state: DeploymentState, home: Path) -> None:
    """A client that lost its connection tries again through another server while the first is still at it."""
    keys = [f"key-{number:08d}" for number in range(30)]
    told = race(home, "create", keys)
    for key in keys:
        answers = [one[key].split() for one in told]
        assert sorted(how for how, _ in answers) == ["new", *["there"] * (RACERS - 1)]
        assert len({proposal_id for _, proposal_id in answers}) == 1
    assert len(state.proposals.of_agent("buyer", limit=100)) == 30
    assert intact(state)


@guarantees("P3.enough_people", "P4.table")
@pytest.mark.parametrize("needed", [1, 3])
def test_of_people_who_decide_at_once_exactly_as_many_decide_as_needed(
    needed: int, state: DeploymentState, home: Path
) -> None:
    """The last of those who are needed makes the move, whoever it is; the others hear that it was made."""
    made = [a_content(f"key-{n:08d}", needed=needed) for n in range(20)]
    ids = [state.proposals.create(content)[0].content.proposal_id for content in made]
    told = race(home, "decide", ids)
    for one in ids:
        answers = Counter(each[one] for each in told)
        assert answers == {"done": needed, "proposal.moved": RACERS - needed}
        assert len(state.proposals.decisions(one)) == needed
        assert state.proposals.get(one).state is Standing.APPROVED
    assert intact(state)


@guarantees("P4.one_effect")
def test_of_workers_that_take_at_once_each_gets_work_of_its_own(state: DeploymentState, home: Path) -> None:
    """Two workers at one proposal would send it twice."""
    ids = approved(state, 40)
    told = race(home, "take", [])
    taken = Counter(one for answers in told for one in answers)
    assert taken == Counter(ids)
    assert intact(state)


@guarantees("P4.limits")
def test_a_limit_is_exact_while_processes_propose_at_once(state: DeploymentState, home: Path) -> None:
    """Each looks at what is used and adds to it in one transaction, so none looks away from another."""
    told = race(home, "propose", [f"{n:04d}" for n in range(12)])
    answers = Counter(answer for one in told for answer in one.values())
    assert answers == {"done": USE.maximum, "limit.exceeded": 12 * RACERS - USE.maximum}


@guarantees("P4.limits")
def test_a_limit_is_exact_while_workers_send_at_once(state: DeploymentState, clock: FakeClock, home: Path) -> None:
    """What was proposed over hours may be approved in a minute; what is written still keeps to the limit."""
    for number in range(30):
        clock.now = FakeClock().now
        clock.pass_seconds(-3600 * (31 - number))
        content = a_content(f"key-{number:08d}", limits=(USE,), created=clock.now, valid_s=90 * 3600)
        state.proposals.decide(a_decision(state.proposals.create(content)[0].content.proposal_id))
    told = race(home, "send", [])
    answers = Counter(answer for one in told for answer in one.values())
    assert answers == {"done": USE.maximum, "limit.exceeded": 30 - USE.maximum}


@guarantees("P4.table", "P10.survives")
def test_all_kinds_of_moves_at_once_never_wait_for_each_other_in_a_circle(state: DeploymentState, home: Path) -> None:
    """Each holds what another wants next, were the order of locks not the same for all."""
    ids = [state.proposals.create(a_content(f"key-{n:08d}", agent="planner"))[0].content.proposal_id for n in range(6)]
    told = race(home, "mix", ids)
    answers = Counter(answer for one in told for answer in one.values())
    assert set(answers) == {"done", "limit.exceeded", "proposal.moved"}
    assert sum(one[key] == "done" for one in told for key in one if key.startswith("create")) == USE.maximum
    assert intact(state)


@guarantees("P4.limits")
def test_in_no_window_more_is_proposed_than_a_limit_admits(state: DeploymentState, home: Path) -> None:
    """Time goes on while all propose: whatever runs out of the window makes room for as many again, and no more."""
    seen = proposed_in_windows(home)
    assert (seen.most, intact(state)) == (3, True)
    assert seen.admitted > 2 * 3
    assert seen.refused > seen.admitted


@guarantees("P4.limits")
def test_in_no_window_more_is_sent_than_a_limit_admits(state: DeploymentState, clock: FakeClock, home: Path) -> None:
    """The window of what is sent begins when it is sent, however long before it was proposed and approved."""
    seen = sent_in_windows(state, clock, home)
    assert (seen.most, intact(state)) == (3, True)
    assert seen.admitted > 2 * 3
    assert seen.refused > seen.admitted


@guarantees("P4.limits", "P4.kill_switch", "P3.enough_people", "P4.table")
def test_in_a_storm_of_all_moves_limit_quota_and_switch_hold_at_every_moment(
    state: DeploymentState, home: Path
) -> None:
    """Narrowed, taken back, resolved, allowed, escalated, lost and found again, with the switch pressed amid."""
    seen = stormed(state, home)
    assert (seen.counting, seen.sent) <= (STORM.maximum, STORM.maximum)
    assert seen.counting == STORM.maximum
    assert seen.yes <= QUOTA
    assert seen.behind == []
    assert set(seen.answers) <= {"done", "limit.exceeded", "proposal.moved", "writes.stopped", "approval.quota"}
    assert {"allow", "approve", "reject", "escalate", "claim", "send", "resolve_not_applied"} <= set(seen.moves)
    assert intact(state)


@guarantees("P4.kill_switch")
def test_a_stop_waits_for_what_is_being_sent_and_nothing_is_sent_behind_it(state: DeploymentState, home: Path) -> None:
    """Whoever pressed the switch reads what is under way then; nothing may come that did not see it."""
    proposal_id = approved(state, 1)[0]
    taken = state.proposals.take("w", lease_s=3600)
    assert taken is not None
    operator = opened(home, busy_s=0.05)
    with state.engine.writing() as sending:
        assert switches.stops(sending) == frozenset()
        with pytest.raises(StateUnavailableError):
            operator.switches.stop("all", by="olga", reason="")
    operator.switches.stop("all", by="olga", reason="")
    with pytest.raises(WritesStoppedError):
        state.proposals.move(proposal_id, Step(name="send", actor="w", fence=taken.fence))
    operator.close()


@guarantees("P4.idempotent", "P4.table")
def test_threads_with_connections_of_their_own_race_like_processes(home: Path, state: DeploymentState) -> None:
    """A server answers several calls at once."""
    states = [opened(home, busy_s=30.0) for _ in range(4)]
    start, made, moved = threading.Barrier(4), [], []

    def one(state: DeploymentState) -> None:
        start.wait()
        proposal, new = state.proposals.create(a_content())
        made.append((new, proposal.content.proposal_id))
        start.wait()
        try:
            state.proposals.move(proposal.content.proposal_id, Step(name="cancel", actor="buyer"))
            moved.append(True)
        except ProposalMovedError:
            moved.append(False)

    threads = [threading.Thread(target=one, args=(state,)) for state in states]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(new for new, _ in made) == [False, False, False, True]
    assert len({proposal_id for _, proposal_id in made}) == 1
    assert sorted(moved) == [False, False, False, True]
    assert intact(states[0])
    for one_state in states:
        one_state.close()


@guarantees("P5.moves_proved")
def test_a_verification_beside_running_work_cries_no_wolf(state: DeploymentState, home: Path) -> None:
    """Rows and records are of one moment, although another process moves on between the two looks."""
    proposal_id = approved(state, 1)[0]
    other = opened(home)
    with state.engine.snapshot():
        records = list(state.audit.read_all())
        other.proposals.create(a_content("key-meanwhile"))
        other.proposals.move(proposal_id, Step(name="cancel", actor="buyer"))
        assert verify(records, strays=state.audit.strays(), proposals=state.proposals.kept()).findings == ()
    other.close()
    assert state.proposals.get(proposal_id).state is Standing.CANCELLED
    assert intact(state)


@guarantees("P10.survives", "P5.audit_or_nothing")
@pytest.mark.parametrize(("act", "stands"), [
    ("create", ""), ("decide", ""), ("take", "APPROVED"), ("send", "CLAIMED"), ("commit", "SENDING"), ("stop", ""),
])  # fmt: skip
def test_a_process_killed_before_any_statement_leaves_the_old_state(
    act: str, stands: str, state: DeploymentState, home: Path
) -> None:
    """The row, its record, its event and its share of a limit are written together or not at all."""
    proposal_id = approved(state, 1)[0] if stands else state.proposals.create(a_content())[0].content.proposal_id
    if stands in {"CLAIMED", "SENDING"}:
        state.proposals.take("w", lease_s=60)
    if stands == "SENDING":
        state.proposals.move(proposal_id, Step(name="send", actor="w", fence=1))
    state.close()
    command = [sys.executable, "-m", "tests.unit.store.state.killed", str(home), act, proposal_id]
    told = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert len(told["deaths"]) >= 4
    assert all(told["deaths"])
    assert told["done"]
    assert told["intact"]
