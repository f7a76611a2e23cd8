"""A way back that is another than people saw, or of something that is not there any more, is for a person."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from erp_mcp.committing.ways_back import WaysBack
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content
from erp_mcp.domain.saga import PlannedStep, plan_of
from erp_mcp.domain.tool import Tool
from tests.guarantees import guarantees
from tests.writes.desk import WriteDesk
from tests.writes.test_procure_steps import standing
from tests.writes.test_procurement import BLOCKED, carried_out, once, parts, saga_of, stuck, ways_back


@guarantees("P10.saga", "P3.people_commit")
@pytest.mark.parametrize("by", ["propose_adjust_allocation", ""], ids=["by another tool", "by none"])
def test_a_step_is_taken_back_by_no_other_tool_than_people_saw(desk: WriteDesk, by: str) -> None:
    """The package is renewed after they said yes, and takes it back otherwise: to that nobody has said anything."""
    saga = saga_of(desk)
    (step,) = [one for one in plan_of(saga.content) if one.name == "allocate_budget"]
    before = desk.deployment.preparation
    operation = before.operations[step.command.operation]
    assert operation.undo is not None
    renewed = replace(operation, undo=replace(operation.undo, tool=by) if by else None)
    operations = {**before.operations, step.command.operation: renewed}
    desk.deployment.__dict__["preparation"] = replace(before, operations=operations)

    saga = carried_out(desk, saga, once("create_order", "taken_claimed", partial(desk.in_erp, BLOCKED)))

    assert (saga.state, saga.reason) == (State.COMPENSATION_STUCK, "way_back_changed")
    done = parts(desk, saga)
    assert ("allocate_budget", True) not in done
    assert (done["reserve_stock", False].state, done["allocate_budget", False].state) == (State.COMMITTED,) * 2


@guarantees("P10.saga")
def test_what_bears_our_reference_no_more_is_taken_back_by_nobody_but_a_person(desk: WriteDesk) -> None:
    """There may be something of that number; that it is ours nothing says any more."""
    saga = stuck(desk, "DELETE FROM ext_ref WHERE doc_no = 'RS00001700'")

    assert (saga.state, saga.reason) == (State.COMPENSATION_STUCK, "written_is_gone")
    assert ("reserve_stock", True) not in parts(desk, saga)
    assert desk.work() == []


@guarantees("P10.saga", "P3.people_commit", "P4.one_effect")
def test_a_way_back_takes_back_what_its_step_wrote_and_nothing_else(
    desk: WriteDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was begun about the stock of somebody else is worked out again before it is sent, and is not."""
    before, call_of, begun = standing(desk), WaysBack.call_of, list[str]()

    async def of_another(self: WaysBack, whole: Content, step: PlannedStep) -> tuple[Tool, dict[str, JsonValue]]:
        tool, arguments = await call_of(self, whole, step)
        if step.name != "reserve_stock" or begun:
            return tool, arguments
        begun.append(step.name)
        return tool, {**arguments, "reservation_id": "RS00000001", "qty": "1"}

    monkeypatch.setattr(WaysBack, "call_of", of_another)
    saga = carried_out(desk, saga_of(desk), once("create_order", "taken_claimed", partial(desk.in_erp, BLOCKED)))

    tried = ways_back(desk, saga, "reserve_stock")
    assert [(one.state, one.reason) for one in tried] == [(State.STALE, "way_back_changed"), (State.COMMITTED, "")]
    assert saga.state is State.COMPENSATED
    assert standing(desk) == before
