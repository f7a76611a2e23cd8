"""Times that policy gives end at their very moment: what counts a millisecond before does not count from then on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from erp_mcp.domain.instants import parse_instant
from erp_mcp.errors import ProposalMovedError
from tests.guarantees import guarantees
from tests.unit.approval import people
from tests.unit.approval.people import BOB, EVE
from tests.unit.committing.office import TERMS, Office

MS: Final = 0.001
MOMENTS: Final = pytest.mark.parametrize(
    ("offset_s", "in_time"),
    [(-MS, True), (0.0, False), (MS, False)],
    ids=["1 ms before", "at the moment", "1 ms after"],
)
VALID_S: Final = 600


@guarantees("P3.expires")
@MOMENTS
@pytest.mark.parametrize("choice", ["approve", "reject"])
def test_a_decision_counts_until_the_millisecond_before_the_time_is_over(
    office: Office, choice: str, offset_s: float, in_time: bool
) -> None:
    """The store looks at its own clock; whoever decides a millisecond too late changes nothing."""
    content = office.propose(terms=replace(TERMS, valid_s=VALID_S))
    ends = parse_instant(content.expires_at)
    office.clock.advance((ends - office.clock.wall()).total_seconds() + offset_s, plant=False)
    proposal = office.state.proposals.get(content.proposal_id)
    at = (ends - timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    decision = people.decided(proposal, BOB, decision=choice, decided_at=at)  # type: ignore[arg-type]
    if in_time:
        assert office.state.proposals.decide(decision).state == ("APPROVED" if choice == "approve" else "REJECTED")
        return
    with pytest.raises(ProposalMovedError):
        office.state.proposals.decide(decision)
    assert office.stand(content)[0] == "AWAITING_APPROVAL"
    assert office.state.proposals.decisions(content.proposal_id) == []
    assert office.state.proposals.expire() == 1
    assert office.stand(content) == ("EXPIRED", "not_decided")


@guarantees("P3.expires")
@MOMENTS
async def test_what_was_approved_is_sent_until_the_millisecond_before_its_time_is_over(
    office: Office, offset_s: float, in_time: bool
) -> None:
    """What the worker finds later has expired, and the system was never asked."""
    content = office.approved()
    ends = parse_instant(content.expires_at)
    office.clock.advance((ends - office.clock.wall()).total_seconds() + offset_s, plant=False)
    await office.work_off()
    assert office.stand(content) == (("COMMITTED", "") if in_time else ("EXPIRED", "not_carried_out"))
    assert office.effects(content) == len(office.erp.sent) == int(in_time)


@guarantees("P3.expires")
@pytest.mark.parametrize(("late_s", "sent"), [(-MS, 1), (0.0, 0), (MS, 0)])
async def test_time_that_ends_between_the_claim_and_the_send_ends_it(office: Office, late_s: float, sent: int) -> None:
    """Taken up in time and worked out until it was over: looked at once more, to the millisecond."""
    content = office.approved()
    ends = parse_instant(content.expires_at)
    office.clock.advance((ends - office.clock.wall()).total_seconds() - 1, plant=False)
    office.desk.before = lambda: office.clock.advance(1 + late_s, plant=False)
    await office.work_off()
    assert (office.stand(content)[0], len(office.erp.sent)) == ("COMMITTED" if sent else "EXPIRED", sent)


@guarantees("P3.taken_up")
@MOMENTS
async def test_what_no_worker_took_up_goes_at_its_millisecond(office: Office, offset_s: float, in_time: bool) -> None:
    """Counted from the moment that stands in the signed words."""
    content = office.propose(terms=replace(TERMS, carry_out_s=VALID_S))
    proposal = office.approve(content)
    (decision,) = office.state.proposals.decisions(content.proposal_id)
    until = parse_instant(decision.decided_at) + timedelta(seconds=VALID_S)
    assert until < parse_instant(proposal.content.expires_at)
    office.clock.advance((until - office.clock.wall()).total_seconds() + offset_s, plant=False)
    await office.work_off()
    assert office.stand(content) == (("COMMITTED", "") if in_time else ("EXPIRED", "not_carried_out"))
    assert office.effects(content) == int(in_time)


@guarantees("P3.escalation")
@pytest.mark.parametrize(
    ("offset_s", "ends"),
    [(-MS, ("NEEDS_HUMAN", "approval_not_named")), (0.0, ("COMMITTED", ""))],
    ids=["1 ms before", "at the moment"],
)
async def test_others_decide_as_well_from_the_millisecond_that_policy_says(
    office: Office, offset_s: float, ends: tuple[str, str]
) -> None:
    """Eve says yes in Bob's place; the worker goes by what she signed as its moment."""
    terms = replace(TERMS, approvers=("bob",), escalates_s=VALID_S, escalates_to=("eve",))
    content = office.propose(terms=terms)
    moment = parse_instant(content.created_at) + timedelta(seconds=VALID_S + offset_s)
    await _signed_at(office, content.proposal_id, moment.isoformat().replace("+00:00", "Z"))
    assert office.stand(content) == ends
    assert office.effects(content) == int(ends[0] == "COMMITTED")


async def _signed_at(office: Office, proposal_id: str, moment: str) -> None:
    """Let Eve say yes at a moment, by a clock that stands there, and let a worker work."""
    proposal = office.state.proposals.get(proposal_id)
    office.clock.advance(max(0.0, (parse_instant(moment) - office.clock.wall()).total_seconds()), plant=False)
    office.state.proposals.decide(people.decided(proposal, EVE, decided_at=moment))
    await office.work_off()
