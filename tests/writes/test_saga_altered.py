"""A saga whose rows, people, tools or time change while it is under way: nothing is written that nobody stands for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Final
from unittest import mock

import pytest

from erp_mcp import administration
from erp_mcp.administration import Signing, resolving
from erp_mcp.domain import saga as sagas
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from tests.guarantees import guarantees
from tests.writes.desk import ADMIN, APPROVERS, WriteDesk, passphrase_of
from tests.writes.test_procure_steps import standing
from tests.writes.test_procurement import ASKED, BLOCKED, RELEASE, TOOL, carried_out, once, parts, saga_of

At = Callable[[str, Proposal], None]
BUDGET: Final = "SELECT planned FROM budget WHERE cost_ctr = '4200-1000' AND period = '2026'"


def in_state(desk: WriteDesk, *statements: str) -> None:
    """Change the state file behind the back of everybody, as whoever may write to it can."""
    with closing(sqlite3.connect(desk.directory / "state" / "state.sqlite")) as database, database:
        named = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in named:
            database.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert database.execute(statement).rowcount > 0, statement


def revoked(desk: WriteDesk, approver_id: str = APPROVERS[1]) -> None:
    """Let the administrator revoke somebody."""
    signing = Signing(approver_id=ADMIN, passphrase=passphrase_of(desk.directory, ADMIN))
    administration.revoke(desk.deployment, approver_id, by=signing)


def refused_at_order(desk: WriteDesk, then: At) -> At:
    """Return a hook that blocks the supplier before the order is sent, and tells another hook of each point."""
    blocks = once("create_order", "taken_claimed", partial(desk.in_erp, BLOCKED))

    def at(point: str, part: Proposal) -> None:
        blocks(point, part)
        then(point, part)

    return at


@guarantees("P10.saga", "P3.people_commit", "P3.binding")
@pytest.mark.parametrize(
    ("step", "point", "back"), [("create_order", "after_deny", False), ("allocate_budget", "after_begin", True)]
)
@pytest.mark.bends_log("decisions are taken away")
def test_nothing_is_taken_back_of_a_saga_that_nobody_signed(desk: WriteDesk, step: str, point: str, back: bool) -> None:
    """Somebody who can write to the database makes rows; without signatures over them they are worth nothing."""
    saga = saga_of(desk)
    forge = partial(in_state, desk, "DELETE FROM decision")
    saga = carried_out(desk, saga, refused_at_order(desk, once(step, point, forge, back=back)))
    reasons = {saga.reason, *(one.reason for one in parts(desk, saga).values())}
    assert "approval_too_few" in reasons
    assert all(one.state is not State.COMMITTED for (_, back), one in parts(desk, saga).items() if back)
    assert saga.state in (State.NEEDS_HUMAN, State.COMPENSATION_STUCK)
    assert desk.erp(BUDGET) == [("867800.00",)]


@guarantees("P10.saga", "P3.people_commit")
def test_what_was_written_on_the_word_of_somebody_who_was_revoked_since_is_taken_back(desk: WriteDesk) -> None:
    """That an approver left is no reason to leave it half way."""
    before = standing(desk)
    saga = saga_of(desk)
    leaves = once("create_order", "after_deny", partial(revoked, desk))
    saga = carried_out(desk, saga, refused_at_order(desk, leaves))
    assert saga.state is State.COMPENSATED, (saga.state, saga.reason, parts(desk, saga))
    assert standing(desk) == before


@guarantees("P10.saga", "P3.people_commit")
def test_nothing_is_begun_on_the_word_of_somebody_who_was_revoked_before(desk: WriteDesk) -> None:
    """As long as nothing is written there is nothing to be taken back, so no part is there at all."""
    before = standing(desk)
    saga = saga_of(desk)
    revoked(desk)
    saga = carried_out(desk, saga)
    assert (saga.state, saga.reason) == (State.NEEDS_HUMAN, "approval_not_enrolled")
    assert parts(desk, saga) == {}
    assert standing(desk) == before


@guarantees("P10.saga", "P3.people_commit")
def test_a_yes_that_is_dated_after_its_person_was_revoked_counts_for_no_way_back(desk: WriteDesk) -> None:
    """Otherwise a key that was taken away could still sign rows that somebody makes."""
    whole, clock = saga_of(desk), desk.deployment.clock
    look = desk.deployment.committer().signatures.never_approved
    assert look(whole, now=clock.wall()) == ""
    before = SimpleNamespace(wall=lambda: clock.wall() - timedelta(hours=1))
    with mock.patch.object(desk.deployment, "clock", before):
        revoked(desk)
    assert look(whole, now=clock.wall()) == "approval_not_enrolled"


@guarantees("P10.saga", "P4.resolved")
def test_a_part_that_a_person_says_was_not_applied_lets_its_saga_be_taken_back(desk: WriteDesk) -> None:
    """An approver who is revoked before a step is sent holds it; nothing else is begun until somebody has looked.

    Until then nobody changes what the steps before it wrote.
    """
    before = standing(desk)
    saga = saga_of(desk)
    saga = carried_out(desk, saga, once("allocate_budget", "taken_claimed", partial(revoked, desk)))
    part = parts(desk, saga)["allocate_budget", False]
    assert (saga.state, part.state, part.reason) == (State.CLAIMED, State.NEEDS_HUMAN, "approval_not_enrolled")
    desk.sync()
    refusal = desk.refusal("propose_release_reservation", **RELEASE)
    assert (refusal.code, refusal.facts["proposal_id"]) == ("proposal.object_frozen", part.content.proposal_id)
    signing = desk._signing(APPROVERS[0])
    resolving.resolve(desk.deployment, part, signing, "not_applied", reason="not there", document="", found=None)
    assert desk.propose("propose_release_reservation", **RELEASE).state is State.AWAITING_APPROVAL
    assert carried_out(desk, saga).state is State.COMPENSATED
    assert standing(desk) == before


@guarantees("P10.saga", "P4.kill_switch")
def test_a_part_is_not_sent_while_the_tool_of_its_saga_is_stopped(desk: WriteDesk) -> None:
    """Whoever stops the procurement stops what was begun of it and is not yet sent."""
    saga = saga_of(desk)
    switches = desk.deployment.state.switches
    stop = partial(switches.stop, f"tool:{TOOL}", by="olga", reason="wait")
    carried_out(desk, saga, once("allocate_budget", "after_begin", stop))
    part = parts(desk, saga)["allocate_budget", False]
    assert (part.state, part.reason) == (State.APPROVED, "writes_stopped")
    assert desk.erp(BUDGET) == [("867000.00",)]


@guarantees("P10.saga", "P4.stopped_sites")
def test_a_saga_with_a_step_that_says_no_site_is_stopped_by_each_site(desk: WriteDesk) -> None:
    """Else it would stop half way, at the step that says none."""
    desk.deployment.state.switches.stop("site:2000", by="olga", reason="stocktaking")
    assert desk.refusal(TOOL, **ASKED).code == "writes.stopped"


@guarantees("P10.saga")
def test_a_way_back_has_no_time_in_which_it_must_be_taken_up(desk: WriteDesk) -> None:
    """That is the time of an approval, and its saga was taken up in it."""
    whole = desk.propose(TOOL, **ASKED).content
    whole = replace(whole, terms=replace(whole.terms, carry_out_s=600))
    step = sagas.plan_of(whole)[0]
    last = sagas.MAX_WAYS_BACK * (1 + sagas.MAX_ORDERS)
    keys = [sagas.key_of_back(whole.proposal_id, step.name, number) for number in (1, last, last + 1)]
    change = replace(step, tool=step.undo_tool, idempotency_key=keys[0])
    part = sagas.back_of(whole, step, change, created_at=whole.created_at, expires_at=whole.expires_at)
    assert sagas.part_of(whole, step).terms.carry_out_s == 600
    assert part.terms.carry_out_s == 0
    assert [sagas.is_of(replace(part, idempotency_key=key), whole) for key in keys] == [True, True, False]


@guarantees("P10.saga", "P10.survives")
def test_a_part_that_is_damaged_leaves_its_saga_to_a_person_and_stops_no_worker(desk: WriteDesk) -> None:
    """The worker says so of both, and goes on with others."""
    saga = saga_of(desk)
    switches = desk.deployment.state.switches
    switches.stop("tool:propose_allocate_budget", by="olga", reason="wait")
    carried_out(desk, saga)
    begun = parts(desk, saga)["allocate_budget", False]
    assert begun.state is State.APPROVED
    in_state(desk, f"UPDATE proposal SET agent = 'other' WHERE proposal_id = '{begun.content.proposal_id}'")
    switches.resume("tool:propose_allocate_budget", by="olga")
    desk.work()  # hands the part over, which wakes its saga
    desk.work()
    saga = desk.proposal(saga.content.proposal_id)
    assert (saga.state, saga.reason) == (State.NEEDS_HUMAN, "proposal_damaged")
    assert desk.erp(BUDGET) == [("867000.00",)]
