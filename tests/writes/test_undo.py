"""What was written is taken back by a proposal of its own, or it is said why not."""

from __future__ import annotations

import asyncio

import pytest

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from erp_mcp.errors import ProposalNotFoundError
from tests.guarantees import guarantees
from tests.writes.desk import WriteDesk

TOOL = "propose_update_delivery_date"
LINE = ("4500000640", "00010")
MOVED: dict[str, JsonValue] = {
    "purchase_order_id": LINE[0],
    "line": LINE[1],
    "new_date": "2026-04-02",
    "reason": "The supplier wrote that the truck leaves a week later.",
    "idempotency_key": "mail-7f3a91:date",
}


CHANGE = "UPDATE po_item SET promise = ?, changed_at = ? WHERE po_no = ? AND item_no = ?"


def undo(proposal_id: str, key: str = "undo-key-0001") -> dict[str, JsonValue]:
    """Return the arguments of a call that takes a proposal back."""
    return {"proposal_id": proposal_id, "reason": "The supplier took it back.", "idempotency_key": key}


def promise(desk: WriteDesk) -> str:
    """Return the promised date as the ERP has it."""
    return str(desk.erp("SELECT promise FROM po_item WHERE po_no = ? AND item_no = ?", *LINE)[0][0])


def moved(desk: WriteDesk) -> Proposal:
    """Move a date that was promised for later, and return the proposal that did."""
    desk.in_erp(CHANGE, "2026-03-25", "2026-03-16T04:30:00Z", *LINE)
    proposed = desk.propose(TOOL, **MOVED)
    desk.approve(proposed)
    desk.written()
    return desk.proposal(proposed.content.proposal_id)


@guarantees("P4.undo", "P4.one_effect")
def test_a_moved_date_is_moved_back_by_a_proposal_of_its_own(desk: WriteDesk) -> None:
    """The ERP has the day of before, written once, approved by itself, under a reference of its own."""
    first = moved(desk)
    assert promise(desk) == "2026-04-02"
    back = desk.propose("propose_undo", **undo(first.content.proposal_id))
    assert (back.content.tool, back.content.undoes) == (TOOL, first.content.proposal_id)
    assert back.state is State.AWAITING_APPROVAL
    assert f"Takes back what {first.content.proposal_id} wrote." in back.content.preview.effects
    assert back.content.command.reference != first.content.command.reference
    assert promise(desk) == "2026-04-02"
    desk.approve(back)
    receipt = desk.written()
    assert (promise(desk), receipt.found) == ("2026-03-25", "read_back")
    again = desk.propose("propose_undo", **undo(first.content.proposal_id))
    assert again.content.proposal_id == back.content.proposal_id
    assert desk.work() == []


@guarantees("P4.undo", "P4.one_effect")
def test_one_way_back_of_a_change_waits_at_a_time_whatever_the_agent_says_of_the_first(desk: WriteDesk) -> None:
    """Under another key, and with the word that it knows of the other one."""
    first = moved(desk)
    back = desk.propose("propose_undo", **undo(first.content.proposal_id))
    for known in ({}, {"acknowledge_duplicate_of": back.content.proposal_id}):
        again = desk.refusal("propose_undo", **undo(first.content.proposal_id, "undo-key-0002"), **known)
        assert (again.code, again.facts["rule"]) == ("rule.refused", "R-UNDO-TWICE")
        assert again.facts["proposal_id"] == back.content.proposal_id
    desk.reject(back)
    assert desk.propose("propose_undo", **undo(first.content.proposal_id, "undo-key-0003")).content.undoes


@guarantees("P4.undo")
def test_what_somebody_changed_since_is_not_taken_back(desk: WriteDesk) -> None:
    """Their change would be lost with it."""
    first = moved(desk)
    desk.in_erp(CHANGE, "2026-04-09", "2026-03-16T05:30:00Z", *LINE)
    refusal = desk.refusal("propose_undo", **undo(first.content.proposal_id))
    assert (refusal.code, refusal.facts["rule"]) == ("rule.refused", "R-UNDO-CHANGED")
    assert promise(desk) == "2026-04-09"


@guarantees("P4.undo", "P4.stale")
def test_a_way_back_that_was_approved_too_late_is_stale(desk: WriteDesk) -> None:
    """It is bound to the record as it was shown, like any other change."""
    first = moved(desk)
    desk.approve(desk.propose("propose_undo", **undo(first.content.proposal_id)))
    desk.in_erp(CHANGE, "2026-04-09", "2026-03-16T05:30:00Z", *LINE)
    (done,) = desk.work()
    assert (done.state, promise(desk)) == (State.STALE, "2026-04-09")


@guarantees("P4.undo", "input.clear_errors")
def test_what_can_not_be_taken_back_says_why(desk: WriteDesk) -> None:
    """Not written yet, no way back, nobody's."""
    proposed = desk.propose(TOOL, **MOVED)
    refusal = desk.refusal("propose_undo", **undo(proposed.content.proposal_id))
    assert (refusal.code, refusal.facts["state"]) == ("proposal.moved", "AWAITING_APPROVAL")
    desk.reject(proposed)
    made = desk.carry_through(
        "propose_create_human_task",
        site="1000",
        role="buyer",
        title="Call the supplier",
        instructions="Please ask when the truck leaves.",
        reason="The date moved twice.",
        idempotency_key="call-the-supplier",
    )
    refusal = desk.refusal("propose_undo", **undo(made.content.proposal_id))
    assert (refusal.code, refusal.facts["rule"]) == ("rule.refused", "R-UNDO")
    assert "erp-mcp tasks cancel" in str(refusal.facts["message"])
    assert desk.refusal("propose_undo", **undo("prp_nothing00000")).code == "proposal.not_found"


@guarantees("P4.undo")
def test_a_promise_that_has_passed_is_not_given_again(desk: WriteDesk) -> None:
    """The line of the example was promised for last week."""
    desk.approve(desk.propose(TOOL, **MOVED))
    (done,) = desk.work()
    refusal = desk.refusal("propose_undo", **undo(done.content.proposal_id))
    assert (refusal.facts["rule"], refusal.facts["before"]) == ("R-UNDO-PAST", "2026-03-11")


@guarantees("P4.undo", "P1.hidden_is_missing")
def test_a_way_back_is_asked_of_policy_like_the_way_there(desk: WriteDesk) -> None:
    """Who may not move dates any more takes none back either; and another agent finds no such proposal."""
    first = moved(desk)
    with pytest.raises(ProposalNotFoundError):
        asyncio.run(desk.deployment.proposing.way_back("somebody-else", first.content.proposal_id, "undo-key-0001"))
    desk.take_away(TOOL)
    hidden = desk.refusal("propose_undo", **undo(first.content.proposal_id))
    assert hidden.code == desk.refusal(TOOL, **MOVED).code == desk.refusal("propose_nothing", **MOVED).code
