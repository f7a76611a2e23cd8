"""What a system is spared, as pure moves: a state, an event and a moment give the next state.

Moments are seconds of a clock that all processes of the machine share. A bucket of tokens bounds the rate, tickets
bound what runs at once, callers take turns (`turns`), and one breaker per kind of request leaves a failing system
alone: closed, open for a while, then half open for exactly one probe.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Final

from erp_mcp.domain.traffic import Admission, BreakerState, Ending, TrafficKind, TrafficLimits, TrafficState
from erp_mcp.egress import turns

KINDS: Final[tuple[TrafficKind, ...]] = ("read", "write")

LONGEST_PAUSE_S: Final = 3600.0  # whatever a system asks for
MOST_REPEATS: Final = 10.0  # that can be saved up
FIRST_REPEATS: Final = 1.0
FULL_WAIT_S: Final = 0.05  # until it is worth asking again for a place
_PROBE_AGAIN_S: Final = 1.0
_ROUNDING: Final = 1e-6  # of tokens, which are counted in binary fractions


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One request under way; `until` is when nobody can be waiting for it any more."""

    name: str
    kind: TrafficKind
    until: float
    probe: bool = False
    caller: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One kind of request to a system: its breaker and its figures.

    `recent` are the last requests, oldest first, `1` for a failed one. `until` is when an open breaker lets a probe go,
    `rest_s` how long it rests this time.
    """

    breaker: BreakerState = "closed"
    recent: str = ""
    until: float = 0.0
    rest_s: float = 0.0
    requests: int = 0
    retries: int = 0
    turned_away: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One system as all processes see it; `at` is when tokens were last counted, `paused` until when it asked for."""

    at: float
    tokens: float
    paused: float = 0.0
    repeats: float = FIRST_REPEATS
    tickets: tuple[Ticket, ...] = ()
    line: turns.Line = ()
    read: Lane = field(default_factory=Lane)
    write: Lane = field(default_factory=Lane)

    def lane(self, kind: TrafficKind) -> Lane:
        """Return the lane of a kind."""
        return self.read if kind == "read" else self.write

    def having(self, kind: TrafficKind, lane: Lane) -> Load:
        """Return this load with another lane of a kind."""
        return replace(self, read=lane) if kind == "read" else replace(self, write=lane)


def idle(limits: TrafficLimits, now: float) -> Load:
    """Return a system of which nothing was asked yet."""
    return Load(at=now, tokens=float(limits.burst))


def admitted(
    load: Load,
    kind: TrafficKind,
    limits: TrafficLimits,
    now: float,
    *,
    name: str,
    lasts_s: float,
    callers: Collection[str] = ("",),
) -> tuple[Load, Admission]:
    """Return whether a request of one of these callers may go now; it is counted under `name` if it may."""
    load = settled(load, limits, now)
    lane = load.lane(kind)
    refused = _held_back(load, lane, limits, now)
    if refused is not None and refused.resting:  # nobody waits for that
        return replace(load, line=turns.left(load.line, kind, callers)), refused
    wait_s = FULL_WAIT_S if refused is None else refused.wait_s
    line = turns.joined(load.line, kind, callers, now + wait_s + turns.STANDS_S)
    caller = None if refused is not None else turns.next_of(line, kind, callers, _room(load, limits, now))
    if caller is None:
        return replace(load, line=line), refused or Admission(wait_s=wait_s)
    probe = lane.breaker != "closed"
    ticket = Ticket(name=name, kind=kind, until=now + lasts_s, probe=probe, caller=caller)
    lane = replace(lane, requests=lane.requests + 1, breaker="half_open" if probe else "closed")
    taken = replace(
        load,
        tokens=load.tokens - 1,
        repeats=min(MOST_REPEATS, load.repeats + limits.retry_share),
        tickets=(*load.tickets, ticket),
        line=turns.left(line, kind, {caller}),
    )
    return taken.having(kind, lane), Admission(ticket=name, caller=caller, probe=probe)


def finished(load: Load, limits: TrafficLimits, now: float, *, name: str, ending: Ending, pause_s: float = 0.0) -> Load:
    """Return the load after a request ended; a ticket that has run out counted as failed, so it counts no more."""
    load = settled(load, limits, now)
    ticket = next((one for one in load.tickets if one.name == name), None)
    if pause_s > 0:
        load = replace(load, paused=max(load.paused, now + min(pause_s, LONGEST_PAUSE_S)))
    if ticket is None:
        return load
    load = replace(load, tickets=tuple(one for one in load.tickets if one is not ticket))
    return load.having(ticket.kind, _ended(load.lane(ticket.kind), ticket, ending, limits, now))


def repeated(load: Load, limits: TrafficLimits) -> tuple[Load, bool]:
    """Return whether one read may be asked again, taken out of what first requests have earned."""
    if load.repeats < 1:
        return load, False
    # the repeat itself earns nothing
    lane = replace(load.read, retries=load.read.retries + 1)
    return replace(load, repeats=load.repeats - 1 - limits.retry_share, read=lane), True


def settled(load: Load, limits: TrafficLimits, now: float) -> Load:
    """Return the load at a moment: tokens filled up, and tickets of which nobody came back counted as failed."""
    if now < load.at:  # the machine started anew since: nothing of that time is under way
        fresh = idle(limits, now)
        return replace(fresh, read=_after_start(load.read), write=_after_start(load.write))
    tokens = min(float(limits.burst), load.tokens + (now - load.at) * limits.requests_per_s)
    lost = tuple(one for one in load.tickets if one.until <= now)
    kept = tuple(one for one in load.tickets if one.until > now)
    line = tuple(one for one in load.line if one.until > now)
    load = replace(load, at=now, tokens=tokens, tickets=kept, line=line)
    for ticket in lost:
        load = load.having(ticket.kind, _ended(load.lane(ticket.kind), ticket, "failed", limits, now))
    return load


def told(system: str, where: str, kind: TrafficKind, load: Load, now: float) -> TrafficState:
    """Return how a system is doing at an address, from a settled load."""
    lane = load.lane(kind)
    rest = lane.until - now if lane.breaker == "open" else 0.0
    return TrafficState(
        system=system,
        where=where,
        kind=kind,
        breaker=lane.breaker,
        rest_s=max(0.0, rest, load.paused - now),
        running=sum(one.kind == kind for one in load.tickets),
        tokens=load.tokens,
        failures=lane.recent.count("1"),
        requests=lane.requests,
        retries=lane.retries,
        turned_away=lane.turned_away,
    )


def _room(load: Load, limits: TrafficLimits, now: float) -> turns.Room:
    return turns.Room(
        places=limits.concurrent,
        holders=tuple(one.caller for one in load.tickets),
        most=int(load.tokens + _ROUNDING),
        resting=tuple(kind for kind in KINDS if _rests(load.lane(kind), now)),
    )


def _rests(lane: Lane, now: float) -> bool:
    return lane.breaker == "half_open" or (lane.breaker == "open" and now < lane.until)


def _held_back(load: Load, lane: Lane, limits: TrafficLimits, now: float) -> Admission | None:
    """Return why a request may not go now, and when to ask again; `None` where it may."""
    pause = max(0.0, load.paused - now)
    if lane.breaker == "half_open":
        return Admission(wait_s=max(pause, _PROBE_AGAIN_S), resting=True)
    if lane.breaker == "open" and now < lane.until:
        return Admission(wait_s=max(pause, lane.until - now), resting=True)
    if pause > 0:
        return Admission(wait_s=pause)
    if len(load.tickets) >= limits.concurrent:
        return Admission(wait_s=FULL_WAIT_S)
    if load.tokens < 1 - _ROUNDING:
        return Admission(wait_s=(1 - load.tokens) / limits.requests_per_s)
    return None


def _ended(lane: Lane, ticket: Ticket, ending: Ending, limits: TrafficLimits, now: float) -> Lane:
    if ending == "turned_away":
        lane = replace(lane, turned_away=lane.turned_away + 1)
    if ticket.probe:
        return _probed(lane, ending, limits, now)
    if lane.breaker != "closed" or ending in ("turned_away", "given_up"):
        return lane  # what began before the breaker opened says nothing of now
    recent = (lane.recent + ("1" if ending == "failed" else "0"))[-limits.window :]
    if recent.count("1") < limits.failures:
        return replace(lane, recent=recent)
    return replace(lane, breaker="open", recent=recent, until=now + limits.rest_s, rest_s=limits.rest_s)


def _probed(lane: Lane, ending: Ending, limits: TrafficLimits, now: float) -> Lane:
    """Return the lane after its one probe."""
    if ending == "answered":
        return replace(lane, breaker="closed", recent="", until=0.0, rest_s=0.0)
    if ending == "given_up":
        return replace(lane, breaker="open", until=now + _PROBE_AGAIN_S)
    rest = min(limits.longest_rest_s, lane.rest_s * 2) if ending == "failed" else lane.rest_s
    return replace(lane, breaker="open", until=now + rest, rest_s=rest)


def _after_start(lane: Lane) -> Lane:
    return Lane(requests=lane.requests, retries=lane.retries, turned_away=lane.turned_away)
