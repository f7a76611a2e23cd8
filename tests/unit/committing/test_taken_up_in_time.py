"""What was taken up in time goes on after an outage, however long after its yes that is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.unit.committing.office import TERMS, Office

CARRY_OUT_S = 900


@guarantees("P3.taken_up", "P10.outage")
@pytest.mark.parametrize(("taken_up", "ended"), [(True, State.COMMITTED), (False, State.EXPIRED)])
async def test_the_time_to_be_carried_out_in_is_for_what_nobody_has_taken_up(
    office: Office, taken_up: bool, ended: State
) -> None:
    """A system that was down when its turn came is no reason to let it go; a worker that never came is."""
    content = office.propose(terms=replace(TERMS, carry_out_s=CARRY_OUT_S))
    office.approve(content)
    if taken_up:
        office.erp.faults = ["down"]
        assert (await office.work()).proposal.state is State.APPROVED
    office.clock.advance(CARRY_OUT_S + 1, plant=False)

    await office.work_off()

    assert (office.state.proposals.get(content.proposal_id).state, office.effects(content)) == (
        ended,
        1 if ended is State.COMMITTED else 0,
    )
