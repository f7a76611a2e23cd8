"""Several changes as one: a procurement is carried out as a whole, or what was written of it is taken back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Final

import pytest

from erp_mcp.administration import resolving
from erp_mcp.audit.verify import verify
from erp_mcp.domain import saga as sagas
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal, Step
from erp_mcp.errors import ProposalMovedError
from erp_mcp.store.state.rows import content_digest, content_text
from erp_mcp.web.sagas import steps_of
from erp_mcp.worker.refreshing import Touched, refreshed
from tests.guarantees import guarantees
from tests.writes.desk import APPROVERS, WriteDesk
from tests.writes.test_procure_steps import standing

TOOL: Final = "propose_procurement"
BLOCKED: Final = "UPDATE vendor SET purch_block = 1 WHERE vendor_no = 'S0003'"
STEPS: Final = ("reserve_stock", "allocate_budget", "create_order", "tell_requester")
ASKED: Final[dict[str, JsonValue]] = {
    "material_id": "RM-007",
    "site": "1000",
    "reserve_qty": "20.5",
    "uom": "KGM",
    "demand_id": "000001000539",
    "need_date": "2026-03-19",
    "from_cost_center_id": "4100-1000",
    "to_cost_center_id": "4200-1000",
    "period": "2026",
    "amount": "800.00",
    "supplier_id": "S0003",
    "lines": [{"material_id": "RM-007", "qty": "30", "uom": "KGM", "delivery_date": "2026-04-20"}],
    "tell_role": "planner",
    "message": "What you asked for is reserved, paid for and ordered.",
    "reason": "The order of Friday lacks what nobody has on stock.",
    "idempotency_key": "procure-rm007-539",
}


RELEASE: Final[dict[str, JsonValue]] = {
    "reservation_id": "RS00001700",
    "qty": "1",
    "reason": "It is not needed any more.",
    "idempotency_key": "release-0001",
}


def parts(desk: WriteDesk, saga: Proposal) -> dict[tuple[str, bool], Proposal]:
    """Return the parts of a saga by step, and whether they take it back."""
    found = desk.deployment.state.proposals.parts(saga.content.proposal_id)
    return {(one.content.step, bool(one.content.undoes)): one for one in found}


def ways_back(desk: WriteDesk, saga: Proposal, step: str) -> list[Proposal]:
    """Return the ways back of a step that were begun, oldest first."""
    return sagas.ways_back_of(step, desk.deployment.state.proposals.parts(saga.content.proposal_id))


def saga_of(desk: WriteDesk, **other: JsonValue) -> Proposal:
    """Propose a procurement, and let people say yes to it."""
    return desk.approve(desk.propose(TOOL, **{**ASKED, **other}))


def carried_out(desk: WriteDesk, saga: Proposal, at: Callable[[str, Proposal], None] = lambda *_: None) -> Proposal:
    """Let a worker go on until nothing is due; `at` is told each point that a part comes to, with the newest part."""
    proposal_id = saga.content.proposal_id

    def told(point: str) -> None:
        begun = desk.deployment.state.proposals.parts(proposal_id)
        if begun:
            at(point, begun[-1])

    async def work() -> None:
        committer = desk.deployment.committer(at=told, refresh=partial(refreshed, desk.deployment))
        touched = Touched(desk.deployment)
        try:
            while (done := await committer.work("worker:one")) is not None:
                if done.proposal.state is State.COMMITTED:
                    touched.add(done.proposal.content.command)
            await touched.refresh()
        finally:
            await desk.deployment.disconnect()

    asyncio.run(work())
    return desk.proposal(proposal_id)


def once(step: str, point: str, then: Callable[[], None], *, back: bool = False) -> Callable[[str, Proposal], None]:
    """Do something the first time that a step comes to a point."""
    done: list[str] = []

    def at(here: str, part: Proposal) -> None:
        if not done and (here, part.content.step, bool(part.content.undoes)) == (point, step, back):
            done.append(here)
            then()

    return at


@guarantees("P10.saga", "P4.one_effect", "P3.people_commit")
def test_a_procurement_is_written_step_by_step_once_people_have_said_yes_to_all_of_it(desk: WriteDesk) -> None:
    """Nothing before that; then stock, budget, order and task, each once, and nothing more by another worker."""
    saga = desk.propose(TOOL, **ASKED)
    assert (saga.state, parts(desk, saga)) == (State.AWAITING_APPROVAL, {})
    assert desk.work() == []
    desk.approve(saga)
    desk.work()
    saga = desk.proposal(saga.content.proposal_id)
    done = parts(desk, saga)
    assert [(step, back, one.state) for (step, back), one in done.items()] == [
        (step, False, State.COMMITTED) for step in STEPS
    ]
    assert saga.state is State.COMMITTED
    assert saga.receipt is not None
    order = done["create_order", False].receipt
    assert order is not None
    assert saga.receipt.written.document == order.written.document
    assert desk.erp("SELECT mat_no, qty_ord FROM po_item WHERE po_no = ?", order.written.document) == [
        ("RM-007", "30.000")
    ]
    after = desk.dump()
    assert desk.work() == []
    assert desk.dump() == after


@guarantees("P4.idempotent", "P10.saga", "input.clear_errors")
def test_one_word_of_its_agent_lets_the_same_procurement_be_asked_for_again(desk: WriteDesk) -> None:
    """What is named is the whole, not a part that carried it out, and the newest where several say the same."""
    budget = {name: ASKED[name] for name in ("from_cost_center_id", "to_cost_center_id", "period", "amount", "reason")}
    budget |= {"purpose_code": "project", "idempotency_key": "budget-alone-1"}
    alone = desk.propose("propose_allocate_budget", **budget)
    first = {**ASKED, "acknowledge_duplicate_of": alone.content.proposal_id}
    assert desk.refusal(TOOL, **ASKED).facts["proposal_id"] == alone.content.proposal_id
    saga = saga_of(desk, **first)
    carried_out(desk, saga)
    assert desk.proposal(saga.content.proposal_id).state is State.COMMITTED
    again = {**ASKED, "idempotency_key": "procure-rm007-540"}
    for acknowledged in ("", *(one.content.proposal_id for one in (alone, *parts(desk, saga).values()))):
        named = {"acknowledge_duplicate_of": acknowledged} if acknowledged else {}
        refused = desk.refusal(TOOL, **again, **named)
        assert (refused.code, refused.facts["proposal_id"]) == (
            "proposal.possible_duplicate",
            saga.content.proposal_id,
        )
    second = desk.propose(TOOL, **again, acknowledge_duplicate_of=saga.content.proposal_id)
    assert second.content.proposal_id not in {saga.content.proposal_id, alone.content.proposal_id}


@guarantees("P10.saga", "P4.one_effect")
def test_where_the_order_is_refused_budget_and_stock_are_as_before(desk: WriteDesk) -> None:
    """The supplier is blocked between two steps: what was written is taken back in reverse, and nobody is told."""
    before = standing(desk)
    saga = saga_of(desk)
    saga = carried_out(desk, saga, once("create_order", "taken_claimed", partial(desk.in_erp, BLOCKED)))
    assert saga.state is State.COMPENSATED, (saga.state, saga.reason, parts(desk, saga))
    assert [(step, back, str(one.state)) for (step, back), one in parts(desk, saga).items()] == [
        ("reserve_stock", False, "COMMITTED"),
        ("allocate_budget", False, "COMMITTED"),
        ("create_order", False, "DENIED"),
        ("allocate_budget", True, "COMMITTED"),
        ("reserve_stock", True, "COMMITTED"),
    ]
    assert standing(desk) == before
    assert carried_out(desk, saga).state is State.COMPENSATED


def resolved_as(desk: WriteDesk, saga: Proposal, why: str) -> Proposal:
    """Let an operator say that nothing of a saga stands."""
    signing = desk._signing(APPROVERS[0])
    return resolving.resolve(desk.deployment, saga, signing, "not_applied", reason=why, document="", found=None)


def stuck(desk: WriteDesk, meanwhile: str) -> Proposal:
    """Return a procurement whose order was refused, and whose reservation somebody changed in the ERP before that."""
    saga = saga_of(desk)
    at_order = once("create_order", "taken_claimed", partial(desk.in_erp, BLOCKED))
    at_budget = once("allocate_budget", "after_commit", partial(desk.in_erp, meanwhile), back=True)

    def both(point: str, part: Proposal) -> None:
        at_order(point, part)
        at_budget(point, part)

    return carried_out(desk, saga, both)


@guarantees("P10.saga", "P4.resolved")
def test_what_cannot_be_taken_back_is_left_to_a_person_with_what_stands_in_view(desk: WriteDesk) -> None:
    """The budget is back, the stock is not, and nothing goes on until somebody has said how it stands."""
    saga = stuck(desk, "DELETE FROM resv WHERE resv_no = 'RS00001700'")
    assert (saga.state, saga.reason) == (State.COMPENSATION_STUCK, "record_gone")
    done = parts(desk, saga)
    assert ("reserve_stock", True) not in done
    assert done["allocate_budget", True].state is State.COMMITTED
    assert desk.work() == []
    shown = [row["effect"] for row in desk.rows("get_proposal", "effects", proposal_id=saga.content.proposal_id)]
    assert any(line.startswith("Now: reserve_stock stands at COMMITTED, document RS00001700") for line in shown)
    resolved = resolved_as(desk, saga, "Looked at the reservations: the stock was used by hand.")
    assert resolved.state is State.NOT_APPLIED


TOUCHED: Final = "UPDATE resv SET changed_at = '2026-03-16T05:30:0{}Z' WHERE resv_no = 'RS00001700'"


def taken_back_while_somebody_changes_it(desk: WriteDesk, times: int) -> Proposal:
    """Return a procurement whose order was refused; somebody saves its reservation before each of so many ways back."""
    saga = saga_of(desk)
    at_order = once("create_order", "taken_claimed", partial(desk.in_erp, BLOCKED))
    met: list[str] = []

    def at(point: str, part: Proposal) -> None:
        at_order(point, part)
        content = part.content
        is_new = content.proposal_id not in met and len(met) < times
        if is_new and (point, content.step, bool(content.undoes)) == ("taken_claimed", "reserve_stock", True):
            met.append(content.proposal_id)
            desk.in_erp(TOUCHED.format(len(met)))

    saga = carried_out(desk, saga, at)
    assert len(met) == times
    return saga


@guarantees("P10.saga", "P4.one_effect", "P5.moves_proved")
@pytest.mark.parametrize("times", [1, 2])
def test_a_way_back_that_came_too_late_for_a_changed_record_is_worked_out_anew(desk: WriteDesk, times: int) -> None:
    """Each is a part of its own in the records; the stock is free in the end, once."""
    before = standing(desk)
    saga = taken_back_while_somebody_changes_it(desk, times)
    assert saga.state is State.COMPENSATED, (saga.state, saga.reason, parts(desk, saga))
    tried = ways_back(desk, saga, "reserve_stock")
    assert [(one.state, one.reason) for one in tried[:-1]] == [(State.STALE, "record_changed")] * times
    assert tried[-1].state is State.COMMITTED
    keys = [one.content.idempotency_key.removeprefix(f"{saga.content.proposal_id}/") for one in tried]
    assert keys == ["reserve_stock/back", "reserve_stock/back/2", "reserve_stock/back/3"][: times + 1]
    assert len({one.content.command.version_token for one in tried}) == times + 1  # each on the record as it was then
    assert standing(desk) == before
    shown = [row["effect"] for row in desk.rows("get_proposal", "effects", proposal_id=saga.content.proposal_id)]
    assert sum("reserve_stock is taken back at STALE" in line for line in shown) == times
    store = desk.deployment.state.proposals
    on_page = steps_of(saga.content, store.parts(saga.content.proposal_id))[0].backs
    assert [one.proposal_id for one in on_page] == [one.content.proposal_id for one in tried]
    state = desk.deployment.state
    assert verify(state.audit.read_all(), strays=state.audit.strays(), proposals=state.proposals.kept()).intact
    assert desk.work() == []


@guarantees("P10.saga")
def test_after_three_ways_back_that_came_to_nothing_a_person_looks(desk: WriteDesk) -> None:
    """The reservation stands, nothing is tried for ever, and the saga says at which step."""
    saga = taken_back_while_somebody_changes_it(desk, sagas.MAX_WAYS_BACK)
    assert (saga.state, saga.reason) == (State.COMPENSATION_STUCK, "not_taken_back")
    assert [one.state for one in ways_back(desk, saga, "reserve_stock")] == [State.STALE] * 3
    assert desk.erp("SELECT qty FROM resv WHERE resv_no = 'RS00001700'") == [("20.500",)]
    assert desk.work() == []


@guarantees("P10.saga", "P4.one_effect")
def test_what_a_stuck_saga_has_written_is_frozen_until_a_person_has_said_how_it_stands(desk: WriteDesk) -> None:
    """Nobody changes the reservation meanwhile, not by another proposal and not by one approved before."""
    change = "UPDATE resv SET qty = '1.000', changed_at = '2026-03-16T05:30:00Z' WHERE resv_no = 'RS00001700'"
    saga = stuck(desk, change)
    assert saga.state is State.COMPENSATION_STUCK, (saga.state, saga.reason)
    refusal = desk.refusal("propose_release_reservation", **RELEASE)
    assert (refusal.code, refusal.facts["proposal_id"]) == ("proposal.object_frozen", saga.content.proposal_id)
    resolved_as(desk, saga, "Set free by hand what was left of it.")
    assert desk.propose("propose_release_reservation", **RELEASE).state is State.AWAITING_APPROVAL


@guarantees("P10.saga", "P3.people_commit")
def test_an_agent_can_neither_cancel_a_part_nor_take_one_back_while_its_saga_is_under_way(desk: WriteDesk) -> None:
    """What was approved as one is not taken apart by whoever asked for it."""
    saga = saga_of(desk)
    refused: list[str] = []

    def try_it() -> None:
        step = parts(desk, saga)["reserve_stock", False].content.proposal_id
        store = desk.deployment.state.proposals
        with pytest.raises(ProposalMovedError):
            store.begin(Step(name="wait", actor="other", fence=99), store.get(step).content)
        refused.append(store.get(step).state)

    carried_out(desk, saga, once("allocate_budget", "taken_claimed", try_it))
    assert refused == [State.COMMITTED]
    part = parts(desk, saga)["reserve_stock", False].content.proposal_id
    assert desk.refusal("cancel_proposal", proposal_id=part).code == "proposal.moved"
    listed = {row["proposal_id"] for row in desk.rows("list_my_proposals", "proposals")}
    assert part not in listed
    assert saga.content.proposal_id in listed


@guarantees("P10.saga", "P3.binding")
@pytest.mark.bends_log("the row of a part is changed")
def test_a_part_that_somebody_altered_in_the_database_is_not_sent(desk: WriteDesk) -> None:
    """What people signed is the saga; a part that says something else has nobody's signature."""
    saga = saga_of(desk)

    def alter() -> None:
        with closing(sqlite3.connect(desk.directory / "state" / "state.sqlite")) as database, database:
            database.execute("DROP TRIGGER proposal_content_is_final")
            part = parts(desk, saga)["allocate_budget", False]
            command = part.content.command
            more = replace(command, fields={**command.fields, "amount": "80000.00"})
            forged = replace(part.content, command=more)
            text = content_text(forged)
            values = (text, content_digest(text), part.content.proposal_id)
            database.execute("UPDATE proposal SET content = ?, digest = ? WHERE proposal_id = ?", values)

    saga = carried_out(desk, saga, once("allocate_budget", "after_begin", alter))
    part = parts(desk, saga)["allocate_budget", False]
    assert (part.state, part.reason) == (State.NEEDS_HUMAN, "approval_not_of_saga")
    assert (saga.state, saga.reason) == (State.NEEDS_HUMAN, "records_disagree")
    assert desk.erp("SELECT planned FROM budget WHERE cost_ctr = '4200-1000' AND period = '2026'") == [("867000.00",)]
