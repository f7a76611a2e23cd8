"""States that somebody wrote into the database: where no record leads there, nothing is sent, begun or taken back."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final
from unittest import mock

import pytest

from erp_mcp.audit.verify import unproved
from erp_mcp.domain import saga as sagas
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content, Proposal
from erp_mcp.store.state.rows import ORDER_COLUMNS, beside, content_digest, content_text
from tests.guarantees import guarantees
from tests.writes.desk import WriteDesk
from tests.writes.test_procurement import RELEASE, STEPS, carried_out, once, parts, saga_of, stuck, ways_back
from tests.writes.test_saga_altered import in_state
from tests.writes.test_saga_hindered import is_intact, ordered

SENT: Final = ("proposal.claimed", "proposal.sending", "proposal.committed")
Forges = Callable[[WriteDesk, Proposal], Sequence[str]]


def quoted(text: str) -> str:
    return text.replace("'", "''")


def row_of(content: Content, state: str, fence: int = 0) -> str:
    """Return the SQL that puts a proposal there in the middle of its way."""
    text = content_text(content)
    names = "proposal_id, content, digest, state, since, fence, needed, part_of, undoes,"
    names += " agent, tool, system, idempotency_key, fingerprint, made_at, ends_at"
    of = (content.terms.needed, content.part_of, content.undoes, *beside(content))
    values = (content.proposal_id, text, content_digest(text), state, content.created_at, fence, *of)
    told = ", ".join(str(one) if isinstance(one, int) else f"'{quoted(str(one).rstrip('Z'))}'" for one in values)
    return f"INSERT INTO proposal ({names}) VALUES ({told})"


def stands(proposal_id: str, state: str) -> str:
    """Return the SQL by which a row stands elsewhere, as if nobody had it and nothing were written."""
    free = "receipt = '', lease_expires_at = ''"
    return f"UPDATE proposal SET state = '{state}', {free} WHERE proposal_id = '{proposal_id}'"


def forgotten(proposal_id: str, *kinds: str) -> str:
    """Return the SQL that takes events of a proposal away."""
    return f"DELETE FROM outbox WHERE aggregate_id = '{proposal_id}' AND type IN ({', '.join(map(repr, kinds))})"


def failed_out_of_nothing(_: WriteDesk, saga: Proposal) -> Sequence[str]:
    """The order is said to be refused before it was begun."""
    order = sagas.part_of(saga.content, sagas.plan_of(saga.content)[2])
    return [row_of(order, "DENIED")]


def failed_and_taken_back(desk: WriteDesk, saga: Proposal) -> Sequence[str]:
    """The same, and the saga is said to be on its way back already."""
    return [*failed_out_of_nothing(desk, saga), stands(saga.content.proposal_id, "COMPENSATING")]


def step_undone(desk: WriteDesk, saga: Proposal) -> Sequence[str]:
    """A step that was written is said to be turned down, and what it was sent with is gone."""
    part = parts(desk, saga)["allocate_budget", False].content.proposal_id
    return [stands(part, "DENIED"), forgotten(part, *SENT)]


def step_gone(desk: WriteDesk, saga: Proposal) -> Sequence[str]:
    """A step that was written was never begun, so that it would be sent once more."""
    part = parts(desk, saga)["allocate_budget", False].content.proposal_id
    return [
        forgotten(part, *SENT, "proposal.proposed", "proposal.approved"),
        f"DELETE FROM proposal WHERE proposal_id = '{part}'",
    ]


def step_done(_: WriteDesk, saga: Proposal) -> Sequence[str]:
    """The order is said to be written, so that people are told of it."""
    order = sagas.part_of(saga.content, sagas.plan_of(saga.content)[2])
    return [row_of(order, "COMMITTED", 1)]


def back_begun(desk: WriteDesk, saga: Proposal) -> Sequence[str]:
    """A way back is said to be begun, of a saga that goes forward."""
    plan = sagas.plan_of(saga.content)
    change = replace(plan[0], tool=plan[0].undo_tool, proposal_id="prp_forged000001")
    key = sagas.key_of_back(saga.content.proposal_id, plan[0].name, 1)
    change = replace(change, idempotency_key=key, fingerprint="forged")
    at = saga.content.created_at
    back = sagas.back_of(saga.content, plan[0], change, created_at=at, expires_at=saga.content.expires_at)
    return [*failed_and_taken_back(desk, saga), row_of(back, "APPROVED")]


@guarantees("P5.rows_proved", "P10.saga", "P3.people_commit")
@pytest.mark.parametrize(
    "forges", [failed_out_of_nothing, failed_and_taken_back, step_undone, step_gone, step_done, back_begun]
)
@pytest.mark.bends_log("rows of parts that nothing led to")
def test_a_signed_saga_goes_neither_on_nor_back_by_rows_that_no_record_leads_to(
    desk: WriteDesk, forges: Forges
) -> None:
    """What people signed may be taken back where a step failed, and not because somebody wrote that one did."""
    saga = saga_of(desk)
    held: list[str] = []

    def forge() -> None:
        held.append(desk.dump())
        in_state(desk, *forges(desk, saga))

    saga = carried_out(desk, saga, once("allocate_budget", "after_commit", forge))
    assert desk.dump() == held[0]
    assert saga.state in (State.NEEDS_HUMAN, State.COMPENSATION_STUCK)
    assert saga.reason == "records_disagree"
    assert not [one for step in STEPS for one in ways_back(desk, saga, step) if one.state is State.COMMITTED]
    rows, told = desk.deployment.state.proposals.recorded(saga.content.proposal_id)
    assert unproved(told, rows)


@guarantees("P5.rows_proved", "P10.saga", "P3.people_commit")
@pytest.mark.bends_log("the row of a part is changed")
def test_a_saga_that_is_done_is_not_taken_back_by_a_row_that_says_that_its_order_failed(desk: WriteDesk) -> None:
    """With the events of the order gone, nobody would look for it, and stock and budget would go from under it."""
    saga = carried_out(desk, saga_of(desk))
    assert saga.state is State.COMMITTED
    held = desk.dump()
    done = {step: parts(desk, saga)[step, False].content.proposal_id for step in STEPS}
    in_state(
        desk,
        stands(done["create_order"], "DENIED"),
        forgotten(done["create_order"], *SENT),
        forgotten(done["tell_requester"], *SENT, "proposal.proposed", "proposal.approved"),
        f"DELETE FROM proposal WHERE proposal_id = '{done['tell_requester']}'",
        stands(saga.content.proposal_id, "COMPENSATING"),
    )
    saga = carried_out(desk, saga)
    assert (saga.state, saga.reason) == (State.COMPENSATION_STUCK, "records_disagree")
    assert desk.dump() == held


@guarantees("P5.rows_proved", "P4.one_effect", "P3.people_commit")
@pytest.mark.parametrize("forgets", [False, True])
@pytest.mark.bends_log("the row of what was written is changed")
def test_what_was_written_is_not_sent_once_more_because_its_row_says_that_it_is_approved(
    desk: WriteDesk, forgets: bool
) -> None:
    """Whether or not somebody also took away that it was sent."""
    proposal = desk.approve(desk.propose("propose_release_reservation", **{**RELEASE, "reservation_id": "RS00000001"}))
    desk.written()
    held = desk.dump()
    name = proposal.content.proposal_id
    in_state(desk, stands(name, "APPROVED"), *([forgotten(name, *SENT)] if forgets else []))
    (done,) = desk.work()
    assert (done.state, done.reason) == (State.NEEDS_HUMAN, "records_disagree")
    assert desk.dump() == held


@guarantees("P5.rows_proved", "P5.tamper_evident")
@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(
            "UPDATE audit_record SET leaf = CAST(replace(CAST(leaf AS TEXT), 'rule_refused', 'rule_x') AS BLOB)",
            marks=pytest.mark.bends_log("a record is changed"),
        ),
        pytest.param(
            "UPDATE audit_record SET leaf_hash = printf('%064d', 1)"
            " WHERE seq = (SELECT MIN(audit_seq) - 1 FROM outbox)",
            marks=pytest.mark.bends_log("a record is changed"),
        ),
        pytest.param(
            "DELETE FROM audit_record WHERE seq = (SELECT MIN(audit_seq) FROM outbox WHERE type = 'proposal.claimed')",
            marks=pytest.mark.bends_log("a record is taken away"),
        ),
        "UPDATE outbox SET type = 'proposal.stale' WHERE type = 'proposal.denied'",
        "UPDATE outbox SET aggregate_id = (SELECT MAX(part_of) FROM proposal) WHERE type = 'proposal.denied'",
        pytest.param(
            "UPDATE audit_detail SET salt = '00' WHERE name = 'receipt'",
            marks=pytest.mark.bends_log("a kept value is changed"),
        ),
        pytest.param(
            "DELETE FROM audit_detail WHERE name = 'receipt'",
            marks=pytest.mark.bends_log("kept values are taken away"),
        ),
    ],
)
def test_nothing_is_taken_back_on_records_that_somebody_changed(desk: WriteDesk, statement: str) -> None:
    """The order did fail here; but the record of it is not as it was written, so a person looks first."""
    saga = saga_of(desk)
    blocks = once("create_order", "taken_claimed", partial(desk.in_erp, "UPDATE vendor SET purch_block = 1"))
    alters = once("create_order", "after_deny", partial(in_state, desk, statement))

    def at(point: str, part: Proposal) -> None:
        blocks(point, part)
        alters(point, part)

    saga = carried_out(desk, saga, at)
    assert (saga.state, saga.reason) == (State.NEEDS_HUMAN, "records_disagree")
    assert desk.erp("SELECT planned FROM budget WHERE cost_ctr = '4200-1000' AND period = '2026'") == [("867800.00",)]


ORDER_BENT: Final = pytest.mark.bends_log("an order is changed or taken away")
TOUCHED: Final = "UPDATE resv SET qty = '{}', changed_at = '2026-03-16T05:3{}:00Z' WHERE resv_no = 'RS00001700'"


def order_of(desk: WriteDesk, saga: Proposal) -> dict[str, str]:
    (kept,) = desk.deployment.state.proposals.orders(saga.content.proposal_id)
    return {"statement": kept.said.statement, "made_at": kept.made_at}


@guarantees("P5.rows_proved", "P4.resolved", "P3.people_commit")
@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        pytest.param("DELETE FROM take_back_order", "order_missing", marks=ORDER_BENT),
        pytest.param(
            "UPDATE take_back_order SET statement = replace(statement, 'put right', 'put wrong')",
            "order_signature",
            marks=ORDER_BENT,
        ),
        pytest.param(
            "UPDATE take_back_order SET signature = replace(signature, '0', '1')", "order_signature", marks=ORDER_BENT
        ),
        pytest.param("UPDATE take_back_order SET approver_id = 'second-approver'", "order_envelope", marks=ORDER_BENT),
        ("UPDATE take_back_order SET resolved_at = '2026-01-01T00:00:00.000000Z'", "order_envelope"),
    ],
)
def test_a_stuck_saga_is_taken_back_further_only_on_an_order_that_holds(
    desk: WriteDesk, statement: str, reason: str
) -> None:
    """Its move is in the records; whose word it was made on has to be there too, as it was signed."""
    saga = ordered(desk, stuck(desk, TOUCHED.format("1.000", 0)))
    desk.in_erp(TOUCHED.format("20.500", 1))
    in_state(desk, statement)
    saga = carried_out(desk, saga)
    assert (saga.state, saga.reason) == (State.COMPENSATION_STUCK, reason)
    assert desk.erp("SELECT qty FROM resv WHERE resv_no = 'RS00001700'") == [("20.500",)]


@guarantees("P5.rows_proved", "P4.resolved", "P3.people_commit")
@pytest.mark.bends_log("an order that no record tells of")
def test_an_order_that_somebody_signed_and_that_no_saga_went_on_by_lets_none_go_on(desk: WriteDesk) -> None:
    """Signed and never stored, since the process died: whoever has the words puts them beside the others."""
    saga = stuck(desk, TOUCHED.format("1.000", 0))
    with mock.patch.object(desk.deployment.state.proposals, "resolve") as stored:
        ordered(desk, saga)
    said = stored.call_args.args[0]
    saga = ordered(desk, saga)
    desk.in_erp(TOUCHED.format("20.500", 1))
    words = (said.proposal_id, said.approver_id, said.statement, said.signature, said.nonce, said.resolved_at)
    row = ", ".join(f"'{quoted(one)}'" for one in (*words, said.resolved_at))
    in_state(desk, f"INSERT INTO take_back_order ({ORDER_COLUMNS}, fence) VALUES ({row}, {saga.fence + 7})")
    saga = carried_out(desk, saga)
    assert (saga.state, saga.reason) == (State.COMPENSATION_STUCK, "order_missing")
    assert desk.erp("SELECT qty FROM resv WHERE resv_no = 'RS00001700'") == [("20.500",)]


@guarantees("P5.rows_proved", "P4.resolved", "P3.people_commit")
@pytest.mark.bends_log("a state that no move led to")
def test_one_order_lets_a_saga_go_on_once(desk: WriteDesk) -> None:
    """Stuck again, it stays so: the words of the time before, stored a second time, are nobody's."""
    saga = ordered(desk, stuck(desk, TOUCHED.format("1.000", 0)))
    saga = carried_out(desk, saga)
    assert saga.state is State.COMPENSATION_STUCK
    assert is_intact(desk)
    desk.in_erp(TOUCHED.format("20.500", 1))
    name = saga.content.proposal_id
    in_state(desk, stands(name, "COMPENSATING"))
    saga = carried_out(desk, saga)
    assert (saga.state, saga.reason) == (State.COMPENSATION_STUCK, "records_disagree")
    assert desk.erp("SELECT qty FROM resv WHERE resv_no = 'RS00001700'") == [("20.500",)]
    assert not is_intact(desk)
    assert "put right" in json.loads(order_of(desk, saga)["statement"])["reason"]
