"""Before anything is sent the worker looks once more whether whoever said yes had the other half asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from erp_mcp.domain.decision import Separation
from erp_mcp.domain.proposal import Content
from tests.guarantees import guarantees
from tests.unit.approval import people
from tests.unit.committing.office import CREATE, TERMS, UPDATE, Office

APART: Final = Separation(rule="apart", tools=(UPDATE, CREATE), key="supplier", window_s=86_400)
SEPARATED: Final = replace(TERMS, separations=(APART,))


def of_bob(office: Office, asked_at: str) -> Content:
    """Store what Bob's own agent asked for, by its words at that moment; under terms that kept nothing apart then."""
    plain = people.content(proposal_id="prp_00000000000b", terms=TERMS)
    made = replace(
        plain, owner="Bob Buyer", agent="another", tool=CREATE, idempotency_key="of bob", created_at=asked_at
    )
    office.state.proposals.create(made)
    return made


@guarantees("P3.separation", "P3.requesters")
@pytest.mark.parametrize(
    ("asked_at", "ends"),
    [(people.at(minutes=-15), ("NEEDS_HUMAN", "approval_asked_half")), (people.at(minutes=-5), ("COMMITTED", ""))],
    ids=["asked before the yes", "asked after it"],
)
async def test_a_yes_of_the_one_who_had_the_other_half_asked_for_sends_nothing(
    office: Office, asked_at: str, ends: tuple[str, str]
) -> None:
    """What the store could not see yet; who asks for the other half later took nothing back of what they decided."""
    wanted = office.propose(UPDATE, terms=SEPARATED)
    office.approve(wanted)
    of_bob(office, asked_at)

    await office.work_off()

    assert office.stand(wanted) == ends
    assert len(office.erp.sent) == (1 if ends[0] == "COMMITTED" else 0)
