"""What a system gave for asking is kept with the move that it came with, in both stores."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.domain.lifecycle import State, moves
from erp_mcp.errors import ProposalMovedError
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import a_content
from tests.unit.store.state.stores import Behind, stand
from tests.unit.store.state.test_moves import FENCE, a_step


def moved(state: DeploymentState, proposal_id: str, name: str, source: State, fence: int, ticket: str = "") -> int:
    """Make a move that a ticket may come with; return the fence after it."""
    move = moves(name, source)
    assert move is not None
    step = a_step(move, fence=fence)
    return state.proposals.move(proposal_id, replace(step, facts={"ticket": ticket} if ticket else {})).fence


@guarantees("P4.accepted", "P10.survives")
def test_the_newest_ticket_since_it_was_sent_is_kept(state: DeploymentState, behind: Behind) -> None:
    """None before it is taken in; a later word without a ticket takes nothing away; another proposal's is its own."""
    proposals = state.proposals
    first, second = (proposals.create(a_content(f"key-0000000{number}"))[0].content.proposal_id for number in (1, 2))
    for one in (first, second):
        stand(behind, one, State.CLAIMED, fence=FENCE)
    assert proposals.ticket(first) == ""
    fence = moved(state, first, "send", State.CLAIMED, FENCE)
    fence = moved(state, first, "accept", State.SENDING, fence, "/jobs/1?x=ü")
    assert (proposals.ticket(first), proposals.ticket(second)) == ("/jobs/1?x=ü", "")
    fence = moved(state, first, "ask", State.AWAITING_ACK, fence)
    fence = moved(state, first, "wait", State.RECONCILING, fence)
    assert proposals.ticket(first) == "/jobs/1?x=ü"
    fence = moved(state, first, "ask", State.AWAITING_ACK, fence)
    moved(state, first, "wait", State.RECONCILING, fence, "/jobs/2")
    assert proposals.ticket(first) == "/jobs/2"
    assert proposals.ticket("prp_nowhere") == ""


@guarantees("P4.accepted", "P4.table")
def test_a_ticket_comes_with_its_move_or_not_at_all(state: DeploymentState, behind: Behind) -> None:
    """A worker whose fence is an old one leaves none."""
    proposal_id = state.proposals.create(a_content())[0].content.proposal_id
    stand(behind, proposal_id, State.SENDING, fence=FENCE)
    with pytest.raises(ProposalMovedError):
        moved(state, proposal_id, "accept", State.SENDING, FENCE - 1, "Q-1")
    assert state.proposals.ticket(proposal_id) == ""
