"""Figures of how people decide: against a plain count over a simulated journal."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from erp_mcp.approval.figures import Decided, Figures, figures
from erp_mcp.domain.instants import exact_instant, parse_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content
from tests.guarantees import guarantees
from tests.unit.approval import people
from tests.unit.approval.people import BOB, EVE, Person

SEEDED = "f" * 64


def is_canary(content: Content) -> bool:
    return content.target == SEEDED


def decided(
    number: int,
    who: Person,
    seconds: int,
    *,
    yes: bool = True,
    seeded: bool = False,
    reason: str = "",
    narrows: str = "",
) -> Decided:
    plain = people.content(proposal_id=f"prp_{number:012d}")
    content = replace(plain, target=SEEDED if seeded else plain.target, narrows=narrows)
    at = exact_instant(parse_instant(content.created_at) + timedelta(seconds=seconds))
    proposal = replace(people.proposal(content), state=State.APPROVED if yes else State.REJECTED, reason=reason)
    return Decided(people.decided(proposal, who, decided_at=at, decision="approve" if yes else "reject"), proposal)


@guarantees("P3.figures", "P3.break_glass")
def test_what_somebody_said_by_break_glass_is_counted_by_month_and_is_a_yes() -> None:
    """Who breaks it often is seen."""
    journal = [decided(number, BOB, 10) for number in (1, 2, 3)]
    said = [replace(one.decision, decision="break_glass") for one in journal[:2]]
    late = replace(said[1], decided_at="2026-04-01T00:00:00.000000Z")
    (bob,) = figures([Decided(said[0], journal[0].proposal), Decided(late, journal[1].proposal), journal[2]], is_canary)

    assert bob.by_break_glass == (("2026-03", 1), ("2026-04", 1))
    assert (bob.decided, bob.approved, bob.rejected) == (3, 3, 0)


@guarantees("P3.figures")
def test_a_person_s_figures_are_what_a_hand_count_gives() -> None:
    """Two yes, one no, one made smaller, two seeded of which one was caught."""
    journal = [
        decided(1, BOB, 10),
        decided(2, BOB, 30),
        decided(3, BOB, 95, yes=False),
        decided(4, BOB, 40, yes=False, reason="narrowed"),
        decided(5, BOB, 1, narrows="prp_000000000004"),
        decided(6, BOB, 5, seeded=True),
        decided(7, BOB, 5, seeded=True, yes=False),
        decided(8, EVE, 7, narrows="prp_000000000004"),
    ]

    bob, eve = figures(journal, is_canary)

    assert bob == Figures(
        approver_id="bob", decided=4, approved=2, rejected=1, narrowed=1, median_s=30,
        approve_rate=Decimal("0.500"), override_rate=Decimal("0.500"),
        canaries_seen=2, canaries_caught=1, catch_rate=Decimal("0.500"),
    )  # fmt: skip
    assert (eve.decided, eve.approved, eve.approve_rate, eve.catch_rate) == (1, 1, Decimal("1.000"), None)


@guarantees("P3.figures")
def test_a_seeded_one_that_is_made_smaller_was_missed() -> None:
    """Less of what is wrong is wrong."""
    journal = [
        decided(1, BOB, 10, seeded=True, yes=False, reason="narrowed"),
        decided(2, BOB, 11, seeded=True, narrows="prp_000000000001"),
    ]

    (bob,) = figures(journal, is_canary)

    assert (bob.decided, bob.canaries_seen, bob.canaries_caught) == (0, 1, 0)
    assert (bob.approve_rate, bob.median_s, bob.catch_rate) == (None, None, Decimal("0.000"))


@guarantees("P3.figures")
@pytest.mark.parametrize("seed", range(5))
def test_over_a_simulated_month_they_are_what_counting_by_hand_says(seed: int) -> None:
    """A tired person, a careful one, and seeded proposals among the real ones, in any order."""
    dice = random.Random(seed)
    journal = [
        decided(
            number, dice.choice([BOB, EVE]), dice.randint(1, 900), yes=dice.random() < 0.8, seeded=dice.random() < 0.1
        )
        for number in range(300)
    ]
    dice.shuffle(journal)

    for found in figures(journal, is_canary):
        mine = [one for one in journal if one.decision.approver_id == found.approver_id]
        real = [one for one in mine if not is_canary(one.proposal.content)]
        seeded = [one for one in mine if is_canary(one.proposal.content)]
        caught = [one for one in seeded if one.decision.decision == "reject"]
        approved = sum(one.decision.decision == "approve" for one in real)
        assert (found.decided, found.approved, found.rejected) == (len(real), approved, len(real) - approved)
        assert (found.canaries_seen, found.canaries_caught) == (len(seeded), len(caught))
        assert abs(float(found.approve_rate or 0) - approved / len(real)) <= 0.0005


@guarantees("P3.figures")
def test_nobody_who_decided_nothing_has_figures() -> None:
    """An empty journal is no row of zeros."""
    assert figures([], is_canary) == ()
