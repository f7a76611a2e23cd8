"""An outcome that nobody knows, in front of a real record: what the system shows, and a person's word for it."""

from __future__ import annotations

import asyncio

import pytest

from erp_mcp.administration import looking, resolving
from erp_mcp.audit.verify import verify
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Committed
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal, Step
from tests.guarantees import guarantees
from tests.writes.desk import APPROVERS, WriteDesk

TOOL = "propose_update_delivery_date"
MOVED: dict[str, JsonValue] = {
    "purchase_order_id": "4500000640",
    "line": "00010",
    "new_date": "2026-04-02",
    "reason": "The supplier wrote that the truck leaves a week later.",
    "idempotency_key": "mail-7f3a91:date",
}


def lost(desk: WriteDesk, *, arrives: bool) -> Proposal:
    """Send a change whose answer nobody gets, whether or not it arrives."""
    approved = desk.approve(desk.propose(TOOL, **MOVED))
    proposal_id = approved.content.proposal_id
    store = desk.deployment.state.proposals
    taken = store.take("w", lease_s=60)
    assert taken is not None
    store.move(proposal_id, Step(name="send", actor="w", fence=taken.fence))
    if arrives:
        assert isinstance(asyncio.run(sent(desk, approved)), Committed)
    later = "2999-01-01T00:00:00Z"
    lose = Step(name="lose", actor="w", fence=taken.fence, reason="connection_lost", not_before=later)
    return store.move(proposal_id, lose)


async def sent(desk: WriteDesk, proposal: Proposal) -> object:
    """Write a change as the worker's port does."""
    port = await desk.deployment.signed_commands("erp")
    try:
        return await port.send(proposal.content.command)
    finally:
        await desk.deployment.disconnect()


def promise(desk: WriteDesk) -> str:
    """Return the promised date as the ERP has it."""
    return str(desk.erp("SELECT promise FROM po_item WHERE po_no = '4500000640' AND item_no = '00010'")[0][0])


@guarantees("P4.resolved", "P4.one_effect")
@pytest.mark.parametrize("arrives", [True, False])
def test_what_the_system_shows_is_what_a_person_signs(arrives: bool, desk: WriteDesk) -> None:
    """Nothing is sent again: looking reads, and the statement ends it as it is there."""
    proposal = lost(desk, arrives=arrives)
    before = desk.dump()
    sight = asyncio.run(looking.look(desk.deployment, proposal))
    assert (sight.answer, sight.contract) == ("found" if arrives else "missing", "conditional")
    assert sight.record["promised_date"] == promise(desk)
    after = resolving.resolve(
        desk.deployment,
        proposal,
        desk._signing(APPROVERS[0]),
        "applied" if arrives else "not_applied",
        reason="looked at the line and its changes",
        found=sight.found,
    )
    assert after.state is (State.COMMITTED if arrives else State.NOT_APPLIED)
    assert (after.receipt is None) != arrives
    if after.receipt is not None and sight.found is not None:
        assert (after.receipt.written, after.receipt.found) == (sight.found, "stated")
    assert desk.work() == []
    assert desk.dump() == before
    state = desk.deployment.state
    report = verify(
        state.audit.read_all(), strays=state.audit.strays(), proposals=state.proposals.kept(), rows=state.kept_rows()
    )
    assert report.intact, report.findings
    assert resolving.statement_flaw(desk.deployment, after) == ""
