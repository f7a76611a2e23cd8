"""For whom the worker asks a system: for itself, so that no agent's reads hold up an approved change."""

from __future__ import annotations

from erp_mcp.domain.call_context import WORKER, current_call
from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.unit.committing.office import Office


@guarantees("P9.fair_share")
async def test_what_the_worker_asks_counts_for_the_worker(office: Office) -> None:
    """From the moment a proposal is taken to its end."""
    office.approved()
    heard: dict[str, str] = {}
    done = await office.committer(lambda point: heard.update({point: current_call().caller})).work("w1")
    assert done is not None
    assert done.proposal.state is State.COMMITTED
    points = list(heard)
    taken = next(number for number, point in enumerate(points) if point.startswith("taken"))
    assert len(points) > taken + 1
    assert {heard[point] for point in points[taken + 1 :]} == {WORKER}
    assert current_call().caller == ""
