"""A reader of events goes on where it was, on both stores."""

from __future__ import annotations

from erp_mcp.store.state.deployment_state import DeploymentState
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import a_content


@guarantees("P3.notices", "P4.two_stores")
def test_a_new_follower_begins_behind_the_newest_event_and_goes_forward_only(state: DeploymentState) -> None:
    """What was before it is not its business, and an older position that comes late takes nothing back."""
    state.proposals.create(a_content("key-00000001"))
    begun = state.followers.position("one")
    assert state.proposals.events(after=begun) == []

    state.proposals.create(a_content("key-00000002"))
    new = state.proposals.events(after=begun)
    state.followers.advance("one", new[-1].audit_seq)
    state.followers.advance("one", begun)

    assert len(new) > 0
    assert state.followers.position("one") == new[-1].audit_seq
    assert state.followers.positions() == {"one": new[-1].audit_seq}
