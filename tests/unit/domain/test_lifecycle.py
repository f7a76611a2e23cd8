"""What can become of a proposal is a table, and the table says what was promised."""

from __future__ import annotations

from erp_mcp.domain.lifecycle import ENDS, MOVES, RESOLVABLE, State, moves
from tests.guarantees import guarantees


def reached(start: State, *, without: frozenset[str] = frozenset()) -> set[State]:
    """Return every state that can follow `start`, not using the moves named."""
    found, open_ = {start}, [start]
    while open_:
        here = open_.pop()
        for move in MOVES:
            if move.source == here and move.name not in without and move.target not in found:
                found.add(move.target)
                open_.append(move.target)
    return found


@guarantees("P3.people_commit")
def test_nothing_is_sent_without_a_person_saying_yes() -> None:
    """Take what lets a change through away, and no state in which a system may have been touched can be reached."""
    touched = {State.APPROVED, State.CLAIMED, State.SENDING, State.COMMITTED, State.UNKNOWN, State.RECONCILING}
    assert reached(State.PROPOSED, without=frozenset({"approve", "break_glass", "allow"})).isdisjoint(touched)
    assert touched <= reached(State.PROPOSED)
    assert {move.mover for move in MOVES if move.name in ("approve", "break_glass")} == {"approver"}


@guarantees("P4.one_effect")
def test_what_may_have_been_sent_is_never_sent_again_without_being_certain() -> None:
    """From UNKNOWN no way leads back to SENDING; only a refusal at the door goes back to APPROVED."""
    assert State.SENDING not in reached(State.UNKNOWN)
    back = {(move.name, move.source) for move in MOVES if move.target == State.APPROVED}
    waits = State.AWAITING_APPROVAL
    yes = {("approve", waits), ("break_glass", waits), ("allow", State.PROPOSED)}
    assert back == yes | {("postpone", State.CLAIMED), ("postpone", State.SENDING)}
    assert State.SENDING not in reached(State.AWAITING_ACK)


@guarantees("P4.one_effect")
def test_only_under_a_lease_is_anything_sent_or_closed() -> None:
    """A worker that lost its lease can't move a row: each of its moves carries the fence or takes a higher one."""
    assert all(move.leased or move.takes_lease for move in MOVES if move.mover == "worker")
    assert not any(move.leased or move.takes_lease for move in MOVES if move.mover != "worker")


@guarantees("P10.survives")
def test_every_state_on_the_way_leads_on() -> None:
    """No state is a trap: each leads to an end, and ends lead nowhere."""
    used = {move.source for move in MOVES} | {move.target for move in MOVES}
    for state in used - ENDS:
        assert reached(state) & ENDS, state
    assert all(move.source not in ENDS for move in MOVES if move.mover != "operator")
    assert used == set(State), "a state that nothing leads to is none"


@guarantees("P4.resolved")
def test_only_what_nobody_knows_is_ended_by_an_operator() -> None:
    """A statement must not undo an outcome that is known, nor end what a worker has in hand."""
    assert set(RESOLVABLE) == {State.UNKNOWN, State.NEEDS_HUMAN, State.COMPENSATION_STUCK}
    ends = {move.target for move in MOVES if move.mover == "operator" and move.name != "resolve_take_back"}
    assert ends == {State.COMMITTED, State.NOT_APPLIED}
    assert ends <= ENDS


@guarantees("P4.resolved", "P10.saga")
def test_the_one_thing_that_an_operator_sets_going_again_is_taking_back_what_is_stuck() -> None:
    """What was in the way may be put right; from there nothing goes forward."""
    (going,) = [move for move in MOVES if move.name == "resolve_take_back"]
    assert (going.source, going.target, going.mover) == (State.COMPENSATION_STUCK, State.COMPENSATING, "operator")
    assert State.SENDING not in reached(State.COMPENSATING)


@guarantees("P4.one_effect")
def test_a_move_has_one_target_from_each_state() -> None:
    """A name and a state decide where it goes, so that a record of the name is a record of the way."""
    keys = [(move.name, move.source) for move in MOVES]
    assert len(keys) == len(set(keys))
    assert moves("approve", State.AWAITING_APPROVAL) is not None
    assert moves("approve", State.COMMITTED) is None
