"""Closing the review of what nobody can look at, since its row was changed behind the store's back; on both stores."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack, closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from erp_mcp.domain.lifecycle import GLASS_REVIEWED, State
from erp_mcp.domain.proposal import Content, SignedReview, Step
from erp_mcp.errors import (
    NotAReviewerError,
    ProposalDamagedError,
    ProposalMovedError,
    ReviewedAlreadyError,
    StateUnavailableError,
)
from erp_mcp.store.state.deployment_state import DeploymentState
from erp_mcp.store.state.rows import content_digest, content_text
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import FakeClock
from tests.unit.store.state.stores import Behind, Schema, opened
from tests.unit.store.state.storm import tried
from tests.unit.store.state.test_break_glass import DAY_S, a_review, broken, flaws, made, says
from tests.unit.store.state.test_damage import DAMAGES, damage
from tests.unit.store.state.test_hundred_at_once import at_once

OTHER_STATE = "UPDATE proposal SET state = 'GONE'"
ALL = {**DAMAGES, "no known state": OTHER_STATE}


def signed_of(content: Content) -> str:
    return content_digest(content_text(content))


def close(state: DeploymentState, content: Content, **told: Any) -> SignedReview:
    said = a_review(content, **{"verdict": "not_justified", **told})
    state.proposals.review_damaged(said, signed_of(content))
    return said


def reviewed(state: DeploymentState) -> list[dict[str, Any]]:
    """Return the leaves of the records of reviews."""
    leaves = (json.loads(one.leaf) for one in state.audit.read_all())
    return [one for one in leaves if one["kind"] == GLASS_REVIEWED]


@guarantees("P3.break_glass", "P5.moves_proved", "P4.two_stores")
@pytest.mark.parametrize("statement", ALL.values(), ids=ALL)
def test_its_review_is_closed_where_the_log_left_it_and_another_glass_can_be_broken(
    statement: str, state: DeploymentState, behind: Behind, clock: FakeClock
) -> None:
    """However the row was changed; the record says so, and the log finds nothing new beside the row."""
    content = broken(state)
    damage(behind, statement, content.proposal_id)
    clock.pass_seconds(DAY_S)
    before, row = flaws(state), behind.rows("SELECT * FROM proposal")

    said = close(state, content)

    kept = state.proposals.broken_glass(content.proposal_id)
    assert kept is not None
    assert (kept.review, state.proposals.to_review()) == (said, [])
    (leaf,) = reviewed(state)
    facts = leaf["facts"]
    assert (facts["damaged"], facts["verdict"], facts["approver"]) == (True, "not_justified", "olaf")
    assert (facts["digest"], facts["from"], facts["to"]) == (signed_of(content), "APPROVED", "APPROVED")
    assert flaws(state) == before
    assert behind.rows("SELECT * FROM proposal") == row
    other = made(state, "key-00000002")
    assert [says(state, other, who) for who in ("carl", "dora")] == [State.AWAITING_APPROVAL, State.APPROVED]


@guarantees("P3.break_glass", "P4.two_stores")
def test_a_row_with_another_content_that_is_whole_in_itself_is_damaged_too(
    state: DeploymentState, behind: Behind
) -> None:
    """Its digest was worked out anew with it; the one that the two signed is another."""
    content = broken(state)
    text = content_text(content).replace("2026-03-20", "2026-03-30")
    said = (text, content_digest(text), content.proposal_id)
    behind.forge("UPDATE proposal SET content = ?, digest = ? WHERE proposal_id = ?", said)

    close(state, content)

    assert reviewed(state)[0]["facts"]["digest"] == signed_of(content)


@guarantees("P3.break_glass", "P4.two_stores")
@pytest.mark.parametrize(
    ("is_damaged", "told", "digest", "error"),
    [
        (False, {}, "", ProposalMovedError),
        (True, {"verdict": "justified"}, "", ProposalMovedError),
        (True, {}, "f" * 64, ProposalDamagedError),
        (True, {"by": "carl"}, "", NotAReviewerError),
    ],
    ids=["the row is whole", "justified", "another digest", "one of the two"],
)
def test_nothing_else_closes_it(
    state: DeploymentState,
    behind: Behind,
    is_damaged: bool,
    told: dict[str, Any],
    digest: str,
    error: type[Exception],
) -> None:
    """And nothing is written: the review stays open."""
    content = broken(state)
    if is_damaged:
        damage(behind, DAMAGES["another payload"], content.proposal_id)
    before = behind.everything()

    with pytest.raises(error):
        state.proposals.review_damaged(
            a_review(content, **{"verdict": "not_justified", **told}), digest or signed_of(content)
        )

    assert behind.everything() == before
    assert len(state.proposals.to_review()) == 1


@guarantees("P3.break_glass", "P4.two_stores")
def test_it_is_closed_once_and_only_where_a_glass_was_broken(state: DeploymentState, behind: Behind) -> None:
    """A damaged proposal that was approved by nobody has no review to be closed."""
    content, plain = broken(state), made(state, "key-00000002")
    for one in (content, plain):
        damage(behind, DAMAGES["no JSON"], one.proposal_id)
    close(state, content)
    before = behind.everything()

    for one in (content, plain):
        with pytest.raises(ReviewedAlreadyError):
            close(state, one)

    assert behind.everything() == before


@guarantees("P3.break_glass", "P4.two_stores")
@pytest.mark.parametrize("what", ["none", "those of another", "those of another behind its own"])
def test_without_records_that_tell_of_it_nothing_is_closed(state: DeploymentState, behind: Behind, what: str) -> None:
    """Where its events are gone or lead elsewhere as well, the row has to be put right."""
    content, another = broken(state), made(state, "key-00000002")
    damage(behind, DAMAGES["no JSON"], content.proposal_id)
    if not what.endswith("own"):
        behind.forge("DELETE FROM outbox WHERE aggregate_id = ?", (content.proposal_id,))
    if what != "none":
        moved = (content.proposal_id, another.proposal_id)
        behind.forge("UPDATE outbox SET aggregate_id = ? WHERE aggregate_id = ?", moved)

    with pytest.raises(ProposalDamagedError):
        close(state, content)

    assert len(state.proposals.to_review()) == 1


@guarantees("P3.break_glass", "P4.two_stores", "P5.moves_proved")
def test_it_goes_on_from_where_a_worker_left_it_not_from_what_the_row_says(
    state: DeploymentState, behind: Behind
) -> None:
    """Sent and lost, and then a row that says something else: the log stays one that can have happened."""
    content = broken(state)
    taken = state.proposals.take("w1", lease_s=60)
    assert taken is not None
    state.proposals.move(content.proposal_id, Step(name="send", actor="w1", fence=taken.fence))
    damage(behind, "UPDATE proposal SET content = '{}', state = 'COMMITTED', fence = 7", content.proposal_id)
    before = flaws(state)

    close(state, content)

    facts = reviewed(state)[0]["facts"]
    assert (facts["from"], facts["to"], facts["fence"]) == ("SENDING", "SENDING", taken.fence)
    assert flaws(state) == before


@guarantees("P3.break_glass", "P4.two_stores", "P5.moves_proved")
def test_it_is_about_what_was_proposed_whatever_was_told_of_the_row_in_between(
    state: DeploymentState, behind: Behind, clock: FakeClock
) -> None:
    """An alarm of the overdue review has the digest that the row had by then."""
    content = broken(state)
    damage(behind, DAMAGES["another digest"], content.proposal_id)
    clock.pass_seconds(DAY_S)
    assert state.proposals.escalate() == 1

    close(state, content)

    assert reviewed(state)[0]["facts"]["digest"] == signed_of(content)


@guarantees("P3.break_glass", "P4.two_stores", "P5.moves_proved")
def test_it_waits_for_whoever_moves_the_proposal_this_moment(
    state: DeploymentState, home: Path, behind: Behind, clock: FakeClock
) -> None:
    """Else the log could leave it where it no longer stands: the row is held until the record is written."""
    content = broken(state)
    damage(behind, DAMAGES["another form"], content.proposal_id)
    is_file = Schema.of(home) is None
    behind.run("BEGIN IMMEDIATE" if is_file else "BEGIN")
    if not is_file:
        behind.run("SELECT 1 FROM proposal WHERE proposal_id = ? FOR UPDATE", (content.proposal_id,))

    with closing(opened(home, clock, busy_s=0.2)) as another, pytest.raises(StateUnavailableError):
        close(another, content)

    behind.run("ROLLBACK")
    close(state, content)
    assert state.proposals.to_review() == []


@guarantees("P3.break_glass", "P4.two_stores")
def test_of_two_who_close_it_at_once_one_counts(
    state: DeploymentState, home: Path, behind: Behind, clock: FakeClock
) -> None:
    """As with any review."""
    contents = [broken(state, f"key-{number:08d}") for number in range(6)]
    for content in contents:
        damage(behind, DAMAGES["another form"], content.proposal_id)
    clock.now += timedelta(seconds=60)
    with ExitStack() as stack:
        stores = [stack.enter_context(closing(opened(home, clock, busy_s=120.0))) for _ in range(2)]
        for content in contents:
            told = at_once(stores, [partial(closes, content=content, by=who) for who in ("olaf", "oda")])
            assert Counter(told) == {"done": 1, "approval.reviewed_already": 1}
    assert state.proposals.to_review() == []


def closes(state: DeploymentState, *, content: Content, by: str) -> str:
    """Close it; return what came of it."""
    return tried(partial(close, state, content, by=by))
