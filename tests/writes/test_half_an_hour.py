"""What moves or holds stock waits for its people for half an hour, if no policy says otherwise; the rest for four."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from erp_mcp.errors import ProposalMovedError
from tests.faults.plant import DrivenClock
from tests.guarantees import guarantees
from tests.writes.desk import WriteDesk
from tests.writes.test_create_purchase_order import ORDER
from tests.writes.test_create_purchase_order import TOOL as BUY
from tests.writes.test_procurement import ASKED as PROCURE
from tests.writes.test_procurement import TOOL as SAGA
from tests.writes.test_reserve_inventory import HOLD
from tests.writes.test_reserve_inventory import TOOL as RESERVE

HALF_AN_HOUR: Final = timedelta(minutes=30)
STOCK: Final = {
    "propose_adjust_allocation", "propose_post_goods_movement", "propose_release_reservation", RESERVE,
}  # fmt: skip


def waits(proposal: Proposal) -> timedelta:
    return parse_instant(proposal.content.expires_at) - parse_instant(proposal.content.created_at)


@guarantees("P3.expires")
def test_the_tools_that_move_or_hold_stock_say_so_in_their_files(desk: WriteDesk) -> None:
    """These and no other of those that are shipped, each a write of one change."""
    tools = {one.name: one for one in desk.deployment.catalog if one.stock}

    assert set(tools) == STOCK
    assert all(one.effect == "write" and one.command for one in tools.values())


@guarantees("P3.expires", "P10.saga")
@pytest.mark.parametrize(
    ("tool", "arguments", "hours"), [(RESERVE, HOLD, 0.5), (BUY, ORDER, 4), (SAGA, PROCURE, 0.5)],
    ids=["stock", "an order", "a saga with a step that holds stock"],
)  # fmt: skip
def test_a_proposal_says_until_when_it_waits(
    desk: WriteDesk, tool: str, arguments: dict[str, JsonValue], hours: float
) -> None:
    """In what is sealed and in what its agent is told; a saga waits no longer than the shortest of its steps."""
    asked = desk.propose(tool, **arguments)

    assert (waits(asked), asked.content.terms.valid_s) == (timedelta(hours=hours), hours * 3600)
    (row,) = desk.rows("get_proposal", "proposal", proposal_id=asked.content.proposal_id)
    assert parse_instant(str(row["expires_at"])) == parse_instant(asked.content.expires_at)


@guarantees("P3.expires", "P4.one_effect")
def test_after_half_an_hour_nobody_can_say_yes_to_holding_stock(timed: WriteDesk, clock: DrivenClock) -> None:
    """A moment before they can; after it nothing is held, and an order can still be approved."""
    ordered = timed.propose(BUY, **ORDER)
    late = timed.propose(RESERVE, **HOLD)
    before = timed.dump()
    clock.pass_by(HALF_AN_HOUR.total_seconds() + 1)

    with pytest.raises(ProposalMovedError):
        timed.approve(late)

    assert timed.proposal(late.content.proposal_id).state is State.EXPIRED
    assert timed.work() == []
    assert timed.dump() == before
    assert timed.approve(ordered).state is State.APPROVED
    again = timed.propose(RESERVE, **{**HOLD, "idempotency_key": "plan-2026-12:RM-007:again"})
    clock.pass_by(HALF_AN_HOUR.total_seconds() - 60)
    assert timed.approve(again).state is State.APPROVED
