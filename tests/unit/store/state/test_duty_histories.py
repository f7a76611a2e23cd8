"""Weeks of decisions by chance, in the store itself: nobody ends with two halves of one duty, whatever they try."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Final

import pytest

from erp_mcp.domain.decision import Separation
from erp_mcp.domain.instants import exact_instant, parse_instant
from erp_mcp.domain.proposal import Content, SignedDecision
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import FakeClock, a_content, a_decision
from tests.unit.store.state.stores import opened
from tests.unit.store.state.storm import tried
from tests.unit.store.state.test_hundred_at_once import at_once, say

DAY: Final = timedelta(days=1)
WINDOW: Final = 7 * DAY
APART: Final = Separation(
    rule="apart", tools=("propose_supplier", "propose_order"), key="supplier", window_s=int(WINDOW.total_seconds())
)
TOOLS: Final = (*APART.tools, "propose_price")
PEOPLE: Final = ("anna", "bea", "carl")
SUPPLIERS: Final = ("V-1", "V-2")
QUOTA: Final = 2


def waiting(state: DeploymentState, number: int, tool: str, supplier: str, now: datetime) -> Content:
    """Store a proposal of a tool about a supplier, with duties kept apart and a quota."""
    plain = a_content(f"key-{number:08d}", created=now, valid_s=30 * 86_400)
    terms = replace(plain.terms, separations=(APART,), quota=QUOTA)
    content = replace(plain, tool=tool, terms=terms, concerns={"supplier": [supplier]})
    state.proposals.create(content)
    return content


def signed(content: Content, who: str, at: datetime) -> SignedDecision:
    """Return a yes that says that it was made then."""
    return replace(a_decision(content.proposal_id, by=who), decided_at=exact_instant(at))


def violations(state: DeploymentState, contents: list[Content]) -> Iterator[str]:
    """Name each person who holds two halves of one duty, or said yes more often in an hour than the quota lets."""
    said: dict[str, list[tuple[datetime, Content]]] = {}
    for content in contents:
        for yes in state.proposals.decisions(content.proposal_id):
            said.setdefault(yes.approver_id, []).append((parse_instant(yes.decided_at), content))
    for who, held in said.items():
        for (at, one), (then, other) in combinations(held, 2):
            halves = {one.tool, other.tool} == set(APART.tools) and one.concerns == other.concerns
            if halves and abs(at - then) < WINDOW:
                yield f"{who} holds {one.tool} and {other.tool} about {one.concerns}"
        for at, _ in held:
            if sum(at <= then < at + timedelta(hours=1) for then, _ in held) > QUOTA:
                yield f"{who} said yes more than {QUOTA} times in the hour from {at}"


@guarantees("P3.separation", "P4.two_stores")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_history_by_chance_leaves_one_person_with_both_halves(
    state: DeploymentState, clock: FakeClock, seed: int
) -> None:
    """Three people, two suppliers, three weeks; some say that they decided earlier than they did."""
    chance, contents, told = Random(seed), [], Counter[str]()
    for number in range(90):
        clock.now += timedelta(seconds=chance.choice((60, 60, 60, 600, 12 * 3600)))
        content = waiting(state, number, chance.choice(TOOLS), chance.choice(SUPPLIERS), clock.now)
        contents.append(content)
        for who in chance.sample(PEOPLE, 2):
            at = clock.now - timedelta(seconds=chance.choice((0, 0, 0, 240)))
            told[tried(state.proposals.decide, signed(content, who, at))] += 1
    assert list(violations(state, contents)) == []
    assert set(told) == {"done", "proposal.moved", "approval.separated", "approval.quota"}
    assert min(told["done"], told["approval.separated"]) >= 10, told


@guarantees("P3.separation", "P4.two_stores")
def test_who_signs_both_halves_at_the_same_moment_holds_one(
    state: DeploymentState, home: Path, clock: FakeClock
) -> None:
    """From two windows at once, again and again: one of the two counts, whichever is stored first."""
    pairs = []
    for number in range(10):
        pair = [waiting(state, 2 * number + n, tool, f"V-{number}", clock.now) for n, tool in enumerate(APART.tools)]
        pairs.append((f"person-{number}", pair))
    with ExitStack() as stack:
        stores = [stack.enter_context(closing(opened(home, clock, busy_s=120.0))) for _ in range(4)]
        for who, pair in pairs:
            acts = [partial(say, decision=signed(content, who, clock.now)) for content in pair]
            assert Counter(at_once(stores, acts)) == {"done": 1, "approval.separated": 1}
    assert list(violations(state, [content for _, pair in pairs for content in pair])) == []
