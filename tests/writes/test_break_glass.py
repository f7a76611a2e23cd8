"""Several changes as one, approved in an emergency: carried out or taken back on the word of two people."""

from __future__ import annotations

import json
from functools import partial

import pytest

from erp_mcp import administration
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from tests.guarantees import guarantees
from tests.writes.desk import ADMIN, APPROVERS, WriteDesk
from tests.writes.test_procure_steps import standing
from tests.writes.test_procurement import ASKED, BLOCKED, STEPS, TOOL, carried_out, once, parts
from tests.writes.test_saga_hindered import is_intact

WHY = "The line stands still, and nobody of the buyers can be reached."
GLASS = {"people": [*APPROVERS], "review_by": ["demo-controller"]}


@pytest.fixture
def desk(desk: WriteDesk) -> WriteDesk:
    """The desk, at which each rule names somebody who is away, and has a glass."""
    file = desk.directory / "policies" / "base.yaml"
    policy = json.loads(file.read_text(encoding="utf-8"))
    for rule in policy["approvals"]:
        rule.update({"approvers": ["demo-controller", "demo-owner"], "break_glass": GLASS})
    file.write_text(json.dumps(policy), encoding="utf-8")
    administration.apply_policy(desk.deployment, applied_by="tests", signing=desk._signing(ADMIN))
    return desk


def broken(desk: WriteDesk) -> Proposal:
    saga = desk.propose(TOOL, **ASKED)
    assert saga.content.terms.break_glass is not None
    for who in APPROVERS:
        assert desk.work() == []
        saga = administration.decide(desk.deployment, saga, desk._signing(who), "break_glass", WHY)
    assert saga.state is State.APPROVED
    return saga


@guarantees("P3.break_glass", "P10.saga", "P4.one_effect")
def test_a_procurement_that_two_approved_in_an_emergency_is_written_whole(desk: WriteDesk) -> None:
    """Each of its steps once, in the ERP's own tables."""
    saga = carried_out(desk, broken(desk))
    assert saga.state is State.COMMITTED, (saga.state, saga.reason)
    assert [step for step, _ in parts(desk, saga)] == [*STEPS]
    order = parts(desk, saga)["create_order", False].receipt
    assert order is not None
    assert len(desk.erp("SELECT mat_no FROM po_item WHERE po_no = ?", order.written.document)) == 1
    assert is_intact(desk)


@guarantees("P3.break_glass", "P10.saga")
def test_one_of_which_a_step_is_refused_is_taken_back_on_their_word(desk: WriteDesk) -> None:
    """What they approved says how it is taken back."""
    before = standing(desk)
    saga = carried_out(desk, broken(desk), once("create_order", "taken_claimed", partial(desk.in_erp, BLOCKED)))
    assert saga.state is State.COMPENSATED, (saga.state, saga.reason)
    assert standing(desk) == before
    assert is_intact(desk)
