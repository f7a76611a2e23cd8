"""A system whose name stands for another one by now: what is missed there says nothing of what was sent before."""

from __future__ import annotations

from dataclasses import replace

from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.unit.committing.office import Office

HOURS = 3


@guarantees("P4.unknown", "P4.one_effect")
async def test_an_unknown_outcome_is_not_looked_for_in_another_system(office: Office) -> None:
    """It stays unknown while the name means another system, and is found once it means the same again."""
    content = office.approved()
    office.erp.faults = ["cut_after"]
    await office.work()
    assert office.stand(content)[0] == "UNKNOWN"
    elsewhere = replace(office.committer(), target=lambda _: "8" * 64)
    reasons = []
    for _ in range(HOURS * 12):
        office.clock.advance(300, plant=False)
        while (done := await elsewhere.work("w1")) is not None:
            reasons.append(done.proposal.reason)
    assert set(reasons) - {""} == {"target_changed"}
    assert office.stand(content) == ("UNKNOWN", "target_changed")

    office.clock.advance(600, plant=False)
    await office.work_off()

    assert office.state.proposals.get(content.proposal_id).state is State.COMMITTED
    assert office.effects(content) == 1
