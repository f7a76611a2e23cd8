"""What racers do in a storm: all kinds of moves at once, by few people, against one limit, the switch pressed amid.

The clock stands, so that everything is within one window and one hour. Leases last no time: whatever a worker has
taken, another one may take from it at once.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final, Literal, ParamSpec

from erp_mcp.domain.instants import exact_instant, instant_text
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content, LimitUse, Proposal, SignedDecision, Step
from erp_mcp.errors import GatewayError
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.unit.store.state.fakes import FakeClock, a_content, a_decision, a_receipt, a_resolution, a_task

USE: Final = LimitUse(limit="storm", key="all", amount=1, maximum=3, window_s=3600)
PEOPLE: Final = ("anna", "bea", "carl", "dora")
QUOTA: Final = 4  # of each of them, in an hour: fewer than they are asked for
ROUNDS: Final = 60
_COUNTED: Final = 0.7  # of what is proposed
# What is committed takes its share for good, so it is seldom.
_SENT_ENDS: Final = {"commit": 1, "refuse": 10, "lose": 8, "postpone": 4}
_READ_ENDS: Final = {"commit": 1, "miss": 8, "lose": 4, "hand_over": 4}

Arguments = ParamSpec("Arguments")
Told = dict[str, str]


class Racer:
    """One of those who do everything at the same time."""

    def __init__(self, state: DeploymentState, name: str) -> None:
        """Race on a state of one's own."""
        self._proposals, self._switches = state.proposals, state.switches
        self._name = name
        self._chance = random.Random(name)

    def race(self) -> Told:
        """Do one thing after the other; return what came of each.

        All begin with a task, so that one is made before the limit is used up or the switch is pressed.
        """
        acts: list[tuple[Callable[[], object], int]] = [
            (self._propose, 4), (self._ask_for_a_task, 2), (self._undo, 2), (self._decide, 6), (self._narrow, 3),
            (self._cancel, 1), (self._work, 6), (self._resolve, 2), (self._stop, 1), (self._resume, 3),
            (self._proposals.escalate, 1), (self._proposals.expire, 1),
        ]  # fmt: skip
        told = {"ask_for_a_task": tried(self._ask_for_a_task)}
        for number in range(ROUNDS):
            (act,) = self._chance.choices([one for one, _ in acts], [weight for _, weight in acts])
            told[f"{act.__name__.strip('_')} {number}"] = tried(act)
        return told

    def _content(self, *, agent: str = "", like: Content | None = None) -> Content:
        """Return something to propose, under a key and mostly by an agent of one's own.

        Some of it no limit counts: each kind of move stays possible once what was written has used the limit up.
        """
        counted = (USE,) if self._chance.random() < _COUNTED else ()
        plain = like or a_content(f"{self._name}-{self._chance.random()}", limits=(USE,))
        terms = replace(plain.terms, quota=QUOTA, escalates_s=1, escalates_to=PEOPLE)
        made = instant_text(FakeClock().now - timedelta(seconds=10))  # so that it is due to be told to others
        return replace(plain, agent=agent or self._name, terms=terms, limits=counted, created_at=made)

    def _propose(self) -> None:
        self._proposals.create(self._content())

    def _ask_for_a_task(self) -> None:
        self._proposals.create(self._content(like=a_task(f"{self._name}-{self._chance.random()}")))

    def _undo(self) -> None:
        one = self._any(State.COMMITTED)
        if one is not None:
            self._proposals.create(replace(self._content(), undoes=one.content.proposal_id))

    def _decide(self) -> None:
        one = self._any(State.AWAITING_APPROVAL)
        if one is not None:
            self._proposals.decide(self._said(one.content, self._chance.choice(PEOPLE), self._mostly_yes()))

    def _narrow(self) -> None:
        one = self._any(State.AWAITING_APPROVAL)
        if one is not None:
            less = replace(self._content(agent=one.content.agent), narrows=one.content.proposal_id)
            who = self._chance.choice(PEOPLE)
            self._proposals.narrow(self._said(one.content, who, "reject"), less, self._said(less, who, "approve"))

    def _cancel(self) -> None:
        one = self._any(State.AWAITING_APPROVAL, State.APPROVED)
        if one is not None:
            self._proposals.move(one.content.proposal_id, Step(name="cancel", actor=one.content.agent))

    def _work(self) -> None:
        """Take something and go on with it, or die with it in hand."""
        taken = self._proposals.take(self._name, lease_s=0)
        if taken is None or self._chance.random() < 0.1:
            return
        if taken.state is State.CLAIMED:
            if self._chance.random() < 0.2:
                self._stop()  # between what was looked at and what is sent
            taken = self._moved(taken, "send")
            if self._chance.random() < 0.2:
                return
            self._moved(taken, self._one_of(_SENT_ENDS))
        elif taken.state is State.RECONCILING:
            self._moved(taken, self._one_of(_READ_ENDS))

    def _resolve(self) -> None:
        one = self._any(State.UNKNOWN, State.NEEDS_HUMAN)
        if one is not None:
            applied = self._chance.random() < 0.1
            said = a_resolution(one.content.proposal_id, by=self._chance.choice(PEOPLE), applied=applied)
            self._proposals.resolve(said, replace(a_receipt(), found="stated") if applied else None)

    def _stop(self) -> None:
        self._switches.stop("all", by=self._name, reason="")

    def _resume(self) -> None:
        self._switches.resume("all", by=self._name)

    def _any(self, *states: State) -> Proposal | None:
        """Return one of those that stand there, which the others may be at as well."""
        found = self._proposals.in_states(states, limit=5)
        return self._chance.choice(found) if found else None

    def _moved(self, taken: Proposal, name: str) -> Proposal:
        receipt = a_receipt() if name == "commit" else None
        step = Step(name=name, actor=self._name, fence=taken.fence, receipt=receipt)
        return self._proposals.move(taken.content.proposal_id, step)

    def _one_of(self, ways: dict[str, int]) -> str:
        return self._chance.choices(list(ways), list(ways.values()))[0]

    def _mostly_yes(self) -> Literal["approve", "reject"]:
        return "approve" if self._chance.random() < 0.8 else "reject"

    def _said(self, content: Content, who: str, choice: Literal["approve", "reject"]) -> SignedDecision:
        said = a_decision(content.proposal_id, by=who, decision=choice)
        return replace(said, decided_at=exact_instant(FakeClock().now))


def tried(act: Callable[Arguments, object], *arguments: Arguments.args, **named: Arguments.kwargs) -> str:
    """Return what came of it: `done`, or the code of the error."""
    try:
        act(*arguments, **named)
    except GatewayError as error:
        return error.code
    return "done"


def storm(state: DeploymentState, name: str, ids: list[str]) -> Told:
    """Do everything that can be done, with everybody else."""
    return Racer(state, name).race()
