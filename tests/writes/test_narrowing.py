"""One person says yes to less: the smaller order is in the ERP, the larger one never is."""

from __future__ import annotations

import asyncio

import pytest

from erp_mcp import administration
from erp_mcp.administration import Narrowed, Signing
from erp_mcp.approval import envelope
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from erp_mcp.domain.saga import plan_of
from erp_mcp.errors import GatewayError, NotAllowedError, NotSmallerError, ProposalMovedError, RuleRefusedError
from tests.guarantees import guarantees
from tests.writes.desk import APPROVERS, WriteDesk, passphrase_of
from tests.writes.test_create_purchase_order import NEXT_NUMBER, ORDER, TOOL
from tests.writes.test_procurement import ASKED as PROCURE
from tests.writes.test_procurement import TOOL as SAGA
from tests.writes.test_saga_altered import BUDGET


def _signing(desk: WriteDesk, who: str) -> Signing:
    return Signing(approver_id=who, passphrase=passphrase_of(desk.directory, who))


def _smaller(desk: WriteDesk, shown: Proposal, sizes: dict[str, str], *leave_out: str) -> Narrowed:
    async def work_out() -> Narrowed:
        try:
            return await administration.narrowed(desk.deployment, shown, sizes, leave_out)
        finally:
            await desk.deployment.disconnect()

    return asyncio.run(work_out())


@guarantees("P3.narrowed", "P4.one_effect", "P3.people_commit")
def test_one_line_less_and_a_smaller_amount_are_what_is_ordered(desk: WriteDesk) -> None:
    """Both people decide about the smaller one; the larger one is rejected with a pointer to it, for good."""
    asked = desk.propose(TOOL, **ORDER)
    untouched = desk.dump()

    made = _smaller(desk, asked, {"lines[0].qty": "60.5"}, "lines[1]")
    assert (desk.dump(), desk.proposal(asked.content.proposal_id)) == (untouched, asked)
    after = administration.narrow(desk.deployment, made, _signing(desk, APPROVERS[0]), "enough for March")

    assert (after.state, after.content.narrows) == (State.AWAITING_APPROVAL, asked.content.proposal_id)
    rejected = desk.proposal(asked.content.proposal_id)
    assert (rejected.state, rejected.reason) == (State.REJECTED, "narrowed")
    (told,) = desk.rows("get_proposal", "proposal", proposal_id=asked.content.proposal_id)
    assert "less of it" in " ".join(str(one) for one in told.values())
    second = administration.decide(desk.deployment, after, _signing(desk, APPROVERS[1]), "approve")
    assert second.state is State.APPROVED
    receipt = desk.written()
    assert receipt.written.document == NEXT_NUMBER
    assert desk.erp("SELECT item_no, mat_no, qty_ord FROM po_item WHERE po_no = ?", NEXT_NUMBER) == [
        ("00010", "RM-002", "60.500")
    ]
    assert desk.work() == []
    assert desk.erp("SELECT count(*) FROM po_head WHERE po_no > ?", NEXT_NUMBER) == [(0,)]
    again = desk.propose(TOOL, **ORDER)
    assert (again.content.proposal_id, again.state) == (asked.content.proposal_id, State.REJECTED)


@guarantees("P3.narrowed", "P3.binding")
def test_the_words_that_are_signed_say_that_it_is_less_than_was_asked_for(desk: WriteDesk) -> None:
    """What the person saw, what they meant, and in the place of what."""
    asked = desk.propose(TOOL, **ORDER)
    made = _smaller(desk, asked, {}, "lines[1]")
    administration.narrow(desk.deployment, made, _signing(desk, APPROVERS[0]))
    store = desk.deployment.state.proposals
    (yes,) = store.decisions(made.content.proposal_id)
    (no,) = store.decisions(asked.content.proposal_id)
    said, refused = envelope.opened(yes.envelope), envelope.opened(no.envelope)

    assert said is not None
    assert refused is not None
    assert said[0].digest == envelope.digest(made.content)
    assert "less than was asked for" in said[0].meaning
    assert made.content.proposal_id in refused[0].comment
    assert made.content.preview.headline != asked.content.preview.headline


@guarantees("P3.narrowed")
@pytest.mark.parametrize(
    ("sizes", "error"),
    [
        ({"lines[0].qty": "121"}, NotSmallerError),
        ({"lines[0].qty": "120.5"}, NotSmallerError),
        ({"lines[0].qty": "0"}, RuleRefusedError),
        ({"lines[1].price": "0.01"}, NotSmallerError),
    ],
)
def test_what_is_not_smaller_or_breaks_a_rule_is_no_way_to_say_yes(
    desk: WriteDesk, sizes: dict[str, str], error: type[GatewayError]
) -> None:
    """The rules hold for the smaller change as for each other; nothing is stored."""
    asked = desk.propose(TOOL, **ORDER)

    with pytest.raises(error):
        _smaller(desk, asked, sizes)
    assert desk.proposal(asked.content.proposal_id) == asked


@guarantees("P3.narrowed", "P4.one_effect")
def test_whoever_comes_second_finds_that_it_waits_no_more(desk: WriteDesk) -> None:
    """Two people narrow the same proposal, or one narrows what the other has rejected: one of them counts."""
    asked = desk.propose(TOOL, **ORDER)
    one, other = _smaller(desk, asked, {}, "lines[1]"), _smaller(desk, asked, {}, "lines[0]")
    administration.narrow(desk.deployment, one, _signing(desk, APPROVERS[0]))

    with pytest.raises(ProposalMovedError):
        administration.narrow(desk.deployment, other, _signing(desk, APPROVERS[1]))
    with pytest.raises(ProposalMovedError):
        administration.decide(desk.deployment, asked, _signing(desk, APPROVERS[1]), "approve")
    assert len(desk.deployment.state.proposals.in_states((State.AWAITING_APPROVAL,))) == 1


@guarantees("P3.narrowed", "P10.saga", "P4.one_effect")
def test_of_several_changes_as_one_the_smaller_ones_are_written(desk: WriteDesk) -> None:
    """Less is reserved and ordered, the budget is moved as asked; each part is as the smaller one says."""
    asked = desk.propose(SAGA, **PROCURE)
    untouched = desk.dump()
    made = _smaller(desk, asked, {"reserve_qty": "10.5", "lines[0].qty": "12"})
    assert (desk.dump(), desk.proposal(asked.content.proposal_id)) == (untouched, asked)
    then, now = (plan_of(one) for one in (asked.content, made.content))
    assert [one.name for one in now] == [one.name for one in then]
    assert {one.proposal_id for one in now}.isdisjoint(one.proposal_id for one in then)
    changed = {one.field for one in made.content.preview.changes} & {
        one.field for one in set(asked.content.preview.changes) - set(made.content.preview.changes)
    }
    assert {one.partition(".")[0] for one in changed} == {"reserve_stock", "create_order"}

    first = administration.narrow(desk.deployment, made, _signing(desk, APPROVERS[0]), "half of it will do")
    assert (first.state, first.content.narrows) == (State.AWAITING_APPROVAL, asked.content.proposal_id)
    administration.decide(desk.deployment, first, _signing(desk, APPROVERS[1]), "approve")
    desk.work()
    saga = desk.proposal(made.content.proposal_id)
    assert saga.state is State.COMMITTED, (saga.state, saga.reason)
    assert desk.erp("SELECT qty FROM resv WHERE resv_no = 'RS00001700'") == [("10.500",)]
    assert saga.receipt is not None
    order = saga.receipt.written.document
    assert desk.erp("SELECT mat_no, qty_ord FROM po_item WHERE po_no = ?", order) == [("RM-007", "12.000")]
    assert desk.erp(BUDGET) == [("867800.00",)]
    assert desk.deployment.state.proposals.parts(asked.content.proposal_id) == []
    assert [one.content.narrows for one in desk.deployment.state.proposals.parts(saga.content.proposal_id)] == [""] * 4
    assert desk.proposal(asked.content.proposal_id).state is State.REJECTED
    assert desk.work() == []


@guarantees("P3.narrowed", "P10.saga", "P1.default_deny")
def test_several_changes_are_not_made_smaller_into_others_or_without_a_grant_of_each(desk: WriteDesk) -> None:
    """One step that grows is enough; so is one that the agent may not propose any more."""
    asked = desk.propose(SAGA, **PROCURE)
    with pytest.raises(NotSmallerError):
        _smaller(desk, asked, {"reserve_qty": "10.5", "lines[0].qty": "31"})
    with pytest.raises(NotSmallerError):
        _smaller(desk, asked, {"reserve_qty": "20.50"})
    desk.take_away(SAGA, "propose_create_purchase_order")
    with pytest.raises(NotAllowedError):
        _smaller(desk, asked, {"reserve_qty": "10.5"})
    assert desk.proposal(asked.content.proposal_id) == asked
