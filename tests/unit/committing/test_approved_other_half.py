"""Before anything is sent the worker looks once more whether whoever asks for it had approved the other half."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from erp_mcp.domain.instants import parse_instant
from tests.guarantees import guarantees
from tests.unit.approval import people
from tests.unit.approval.people import EVE, ROOT, Person, at
from tests.unit.committing.office import CREATE, TERMS, Office
from tests.unit.committing.test_asked_other_half import SEPARATED

OLGA = Person(id="olga", name="Olga Owner")


@guarantees("P3.separation", "P3.requesters")
@pytest.mark.parametrize(
    ("said_at", "ends"),
    [(-1, ("NEEDS_HUMAN", "approval_approved_half")), (1, ("COMMITTED", ""))],
    ids=["said before the asking", "said after it"],
)
@pytest.mark.parametrize("is_revoked", [False, True])
async def test_what_somebody_asks_for_who_had_approved_the_other_half_is_not_sent(
    office: Office, said_at: int, is_revoked: bool, ends: tuple[str, str]
) -> None:
    """What the store could not see, since that yes was given under terms that kept nothing apart; revoked or not."""
    office.state.approvers.enrol(people.enrolled(OLGA, ROOT))
    wanted = office.propose(terms=SEPARATED)
    plain = people.content(proposal_id="prp_00000000000b", terms=replace(TERMS, approvers=("olga",)))
    other = replace(plain, owner="carl", agent="another", tool=CREATE, idempotency_key="of carl")
    then = parse_instant(wanted.created_at) + timedelta(minutes=said_at)
    office.state.proposals.create(replace(other, created_at=at(minutes=-30)))
    proposal = office.state.proposals.get(other.proposal_id)
    office.state.proposals.decide(people.decided(proposal, OLGA, decided_at=then.isoformat().replace("+00:00", "Z")))
    if is_revoked:
        revocation = people.revoked(people.enrolled(OLGA, ROOT), OLGA, ROOT).revocation
        assert revocation is not None
        office.state.approvers.revoke("olga", revocation)
    office.approve(wanted, EVE)

    await office.work_off()

    assert office.stand(wanted) == ends
    assert office.effects(wanted) == (1 if ends[0] == "COMMITTED" else 0)
