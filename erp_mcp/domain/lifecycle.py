"""What can become of a proposal: its states and the moves between them, as data.

A move that is not listed here can't happen: the store refuses it, and so does the database, whatever code asks. States
that only an operator's statement leads out of are ends: nothing goes on by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal


class State(StrEnum):
    """Where a proposal stands."""

    PROPOSED = "PROPOSED"
    DENIED = "DENIED"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    APPROVED = "APPROVED"
    CLAIMED = "CLAIMED"
    SENDING = "SENDING"
    COMMITTED = "COMMITTED"
    REFUSED_BY_SYSTEM = "REFUSED_BY_SYSTEM"
    AWAITING_ACK = "AWAITING_ACK"
    UNKNOWN = "UNKNOWN"
    RECONCILING = "RECONCILING"
    NOT_APPLIED = "NOT_APPLIED"
    NEEDS_HUMAN = "NEEDS_HUMAN"
    PARTIALLY_COMMITTED = "PARTIALLY_COMMITTED"
    STALE = "STALE"
    COMPENSATING = "COMPENSATING"
    COMPENSATED = "COMPENSATED"
    COMPENSATION_STUCK = "COMPENSATION_STUCK"


Mover = Literal["gateway", "agent", "approver", "operator", "worker", "clock"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One allowed change of state.

    `mover` is who may make it. A `leased` move is made under the lease of a worker and carries its fence, so a worker
    that lost its lease can't make it. `takes_lease` starts a lease with a higher fence.
    """

    name: str
    source: State
    target: State
    mover: Mover
    leased: bool = False
    takes_lease: bool = False


def _leased(name: str, source: State, target: State) -> Move:
    return Move(name=name, source=source, target=target, mover="worker", leased=True)


def _takes(name: str, source: State, target: State) -> Move:
    return Move(name=name, source=source, target=target, mover="worker", takes_lease=True)


def _resolved(name: str, source: State, target: State) -> Move:
    return Move(name=name, source=source, target=target, mover="operator")


ESCALATED: Final = "proposal.escalated"  # an event without a move: more people may decide by now
GLASS_BROKEN: Final = "proposal.glass_broken"  # likewise: it was approved in an emergency, and a review is due
REVIEW_OVERDUE: Final = "proposal.review_overdue"  # likewise: nobody has looked at that in time
GLASS_REVIEWED: Final = "proposal.glass_reviewed"  # likewise: somebody has looked at that
RESOLVE_APPLIED: Final = "resolve_applied"
RESOLVE_NOT_APPLIED: Final = "resolve_not_applied"
RESOLVE_TAKE_BACK: Final = "resolve_take_back"

MOVES: Final[tuple[Move, ...]] = (
    Move(name="submit", source=State.PROPOSED, target=State.AWAITING_APPROVAL, mover="gateway"),
    Move(name="allow", source=State.PROPOSED, target=State.APPROVED, mover="gateway"),  # a task, or a part of a saga
    Move(name="deny", source=State.PROPOSED, target=State.DENIED, mover="gateway"),
    Move(name="approve", source=State.AWAITING_APPROVAL, target=State.APPROVED, mover="approver"),
    Move(name="break_glass", source=State.AWAITING_APPROVAL, target=State.APPROVED, mover="approver"),
    Move(name="reject", source=State.AWAITING_APPROVAL, target=State.REJECTED, mover="approver"),
    Move(name="cancel", source=State.AWAITING_APPROVAL, target=State.CANCELLED, mover="agent"),
    Move(name="expire", source=State.AWAITING_APPROVAL, target=State.EXPIRED, mover="clock"),
    Move(name="cancel", source=State.APPROVED, target=State.CANCELLED, mover="agent"),
    Move(name="expire", source=State.APPROVED, target=State.EXPIRED, mover="clock"),
    _takes("claim", State.APPROVED, State.CLAIMED),
    _takes("claim", State.CLAIMED, State.CLAIMED),  # the worker that had it is gone, and nothing was sent
    _leased("postpone", State.CLAIMED, State.APPROVED),  # the system is down; an outage loses nothing
    _leased("expire", State.CLAIMED, State.EXPIRED),
    _leased("deny", State.CLAIMED, State.DENIED),  # policy or rules are stricter than when it was approved
    _leased("go_stale", State.CLAIMED, State.STALE),
    _leased("hand_over", State.CLAIMED, State.NEEDS_HUMAN),  # what was approved is not what is stored
    _leased("send", State.CLAIMED, State.SENDING),
    _leased("commit", State.CLAIMED, State.COMMITTED),  # sent before and turned away, and there all the same
    _leased("commit", State.SENDING, State.COMMITTED),
    _leased("refuse", State.SENDING, State.REFUSED_BY_SYSTEM),
    _leased("go_stale", State.SENDING, State.STALE),
    _leased("postpone", State.SENDING, State.APPROVED),  # certainly not applied: refused at the door
    _leased("lose", State.SENDING, State.UNKNOWN),
    _takes("find_lost", State.SENDING, State.UNKNOWN),  # the worker that sent it is gone
    _takes("reconcile", State.UNKNOWN, State.RECONCILING),
    _takes("reconcile", State.RECONCILING, State.RECONCILING),
    _leased("commit", State.RECONCILING, State.COMMITTED),
    _leased("miss", State.RECONCILING, State.NOT_APPLIED),
    _leased("hand_over", State.RECONCILING, State.NEEDS_HUMAN),
    _leased("lose", State.RECONCILING, State.UNKNOWN),  # could not be read back yet
    # A system that takes things in and says later what became of them: looked for until it says so, or time is over.
    _leased("accept", State.SENDING, State.AWAITING_ACK),
    _takes("ask", State.AWAITING_ACK, State.RECONCILING),
    _leased("wait", State.RECONCILING, State.AWAITING_ACK),
    _leased("refuse", State.RECONCILING, State.REFUSED_BY_SYSTEM),
    # Some lines of a change were written and others not; the receipt says which.
    _leased("commit_in_part", State.CLAIMED, State.PARTIALLY_COMMITTED),
    _leased("commit_in_part", State.SENDING, State.PARTIALLY_COMMITTED),
    _leased("commit_in_part", State.RECONCILING, State.PARTIALLY_COMMITTED),
    # Several steps of which a later one failed: what the earlier ones wrote is taken back.
    _leased("wait", State.CLAIMED, State.CLAIMED),  # for a part of it; the lease is given back
    _leased("compensate", State.CLAIMED, State.COMPENSATING),
    _takes("compensate", State.COMPENSATING, State.COMPENSATING),
    _leased("wait", State.COMPENSATING, State.COMPENSATING),
    _leased("finish", State.COMPENSATING, State.COMPENSATED),
    _leased("stick", State.COMPENSATING, State.COMPENSATION_STUCK),
    # A person has looked into the system and signs what they found.
    _resolved(RESOLVE_APPLIED, State.UNKNOWN, State.COMMITTED),
    _resolved(RESOLVE_APPLIED, State.NEEDS_HUMAN, State.COMMITTED),
    _resolved(RESOLVE_APPLIED, State.COMPENSATION_STUCK, State.COMMITTED),
    _resolved(RESOLVE_NOT_APPLIED, State.UNKNOWN, State.NOT_APPLIED),
    _resolved(RESOLVE_NOT_APPLIED, State.NEEDS_HUMAN, State.NOT_APPLIED),
    _resolved(RESOLVE_NOT_APPLIED, State.COMPENSATION_STUCK, State.NOT_APPLIED),
    _resolved(RESOLVE_TAKE_BACK, State.COMPENSATION_STUCK, State.COMPENSATING),  # what was in the way is not any more
)

# What was approved waits since its system can't be had: that time is not counted against it, as far as policy lets it.
OUTAGES: Final = frozenset({"system_unreachable", "system_timeout", "system_busy", "system_resting"})

ENDS: Final = frozenset(State) - {move.source for move in MOVES if move.mover != "operator"}
# Where an operator's statement is asked for, sooner or later; the worker goes on by itself from the first alone.
RESOLVABLE: Final = tuple(dict.fromkeys(move.source for move in MOVES if move.mover == "operator"))


def moves(name: str, source: State) -> Move | None:
    """Return the move of this name from this state, or `None` where there is none."""
    return next((move for move in MOVES if move.name == name and move.source == source), None)
