"""How long it took until work went on is told by the journal's own times, and by nothing that happened before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.proposal import Event
from tests.crash.recovering import Stop, ended_after, first_after, spread
from tests.guarantees import guarantees

BEGAN: Final = datetime(2026, 11, 23, tzinfo=UTC)


def at(second: float) -> datetime:
    return BEGAN + timedelta(seconds=second)


def event(second: float, state: str, actor: str = "worker:a") -> Event:
    payload = {"state": state, "actor": actor}
    kind = f"proposal.{state.lower()}"
    return Event(event_id="e", proposal_id="p", type=kind, time=exact_instant(at(second)), payload=payload, audit_seq=1)


@guarantees("P10.outage")
def test_what_is_counted_after_a_stop_is_the_first_step_of_its_kind_once_the_server_was_up() -> None:
    """A step before the stop is none; one that came after the next stop is late, and not left out."""
    stops = [Stop(at=at(10), up=at(11)), Stop(at=at(20), up=at(21)), Stop(at=at(30), up=at(31))]
    events = [event(9.9, "SENDING"), event(12.5, "PROPOSED"), event(13, "SENDING"), event(13.5, "COMMITTED")]
    assert first_after(stops, events, lambda one: one.type == "proposal.sending") == [2.0]
    assert first_after(stops, [*events, event(33, "CLAIMED")], lambda one: one.payload["actor"] == "worker:a") == [
        1.5,
        12.0,
        2.0,
    ]


@guarantees("P10.survives")
def test_what_a_killed_worker_had_in_hand_is_over_when_another_has_brought_it_to_its_end() -> None:
    """What it had finished, what nobody had in hand and what its own worker went on with is not counted."""
    left = [event(1, "CLAIMED"), event(2, "SENDING"), event(120, "UNKNOWN", "worker:b"), event(130, "COMMITTED", "b")]
    done = [event(1, "CLAIMED"), event(1.5, "SENDING"), event(2, "COMMITTED")]
    waits = [event(1, "APPROVED"), event(9, "CLAIMED", "worker:b"), event(9.5, "COMMITTED", "worker:b")]
    own = [event(4, "SENDING", "worker:c"), event(8, "COMMITTED", "worker:c")]
    paths = {"left": left, "done": done, "waits": waits, "own": own}
    assert ended_after([at(5)], paths, by_another=True) == [125.0]
    assert sorted(ended_after([at(5)], paths, by_another=False)) == [3.0, 125.0]
    assert ended_after([at(5), at(6)], paths, by_another=True) == [125.0]
    assert ended_after([at(125)], {"open": left[:-1]}, by_another=True) == []


@guarantees("P10.survives")
def test_figures_are_told_as_they_were_and_none_as_none() -> None:
    """The 95th of 100 figures in order, and the greatest."""
    assert spread([float(one) for one in range(100, 0, -1)]) == "p50 50.00 s, p95 95.00 s, at most 100.00 s, of 100"
    assert spread([0.25]) == "p50 0.25 s, p95 0.25 s, at most 0.25 s, of 1"
    assert spread([]) == "nothing to measure"
