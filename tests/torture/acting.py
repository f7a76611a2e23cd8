"""Who acts in the scenes of the stage `meanwhile`, and what everybody in them may do."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.lifecycle import moves
from erp_mcp.domain.proposal import Content, Decided, Proposal, SignedDecision, Step
from erp_mcp.ports import Lease
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.torture.holding import Given
from tests.torture.two import Act
from tests.unit.store.state.fakes import (
    FakeClock,
    a_content,
    a_decision,
    a_receipt,
)

LEASE_S: Final = 60
_LONG_S: Final = 30 * 86_400
_RECEIPTS: Final = frozenset({"commit", "commit_in_part"})

Acts = Mapping[str, Act]
Prepare = Callable[[DeploymentState, "Cast"], None]


@dataclass(slots=True, kw_only=True)
class Cast:
    """What a scene holds beside the rows: proposals by what they are called in it, and what was told of leases."""

    clock: FakeClock
    by_name: dict[str, Content] = field(default_factory=dict)
    told: Given = field(default_factory=Given)

    @property
    def now(self) -> datetime:
        return self.clock.now

    def made(self, name: str, **changed: Any) -> Content:
        """Return a new content; `terms` are changed one by one."""
        terms, valid_s = changed.pop("terms", {}), changed.pop("valid_s", _LONG_S)
        plain = a_content(f"key-{name}-{secrets.token_hex(4)}", created=self.now, valid_s=valid_s)
        plain = replace(plain, command=replace(plain.command, key=f"{name}/10"))
        return replace(plain, terms=replace(plain.terms, **terms), **changed)

    def put(self, state: DeploymentState, name: str, **changed: Any) -> Content:
        """Propose something under a name."""
        self.by_name[name] = content = self.made(name, **changed)
        state.proposals.create(content)
        return content

    def said(self, content: Content, who: str, decision: Decided = "approve") -> SignedDecision:
        """Return somebody's word at this moment."""
        return replace(a_decision(content.proposal_id, by=who, decision=decision), decided_at=exact_instant(self.now))

    def decides(self, name: str, who: str, decision: Decided = "approve") -> Act:
        """Return that somebody decides."""
        return lambda state: state.proposals.decide(self.said(self.by_name[name], who, decision))

    def acquires(self, name: str, who: str) -> Callable[[DeploymentState], Lease | None]:
        """Return that somebody asks for a lease."""

        def acquired(state: DeploymentState) -> Lease | None:
            given = state.leases.acquire(name, who, ttl_s=LEASE_S)
            if given is None:
                self.told.refused.append((name, who))
            else:
                self.told.given.append(given)
            return given

        return acquired

    def gives_back(self, lease: Lease) -> Act:
        """Return that a lease is given back by whoever had it, or believes so."""

        def given_back(state: DeploymentState) -> bool:
            state.leases.release(lease)
            self.told.released.append(lease)
            return True

        return given_back

    def moves(self, state: DeploymentState, name: str, *steps: str) -> Proposal:
        """Let a worker that has it make some moves."""
        one = state.proposals.get(self.by_name[name].proposal_id)
        for step in steps:
            one = state.proposals.move(one.content.proposal_id, step_of(step, one, self.now))
        return one


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """How it stands, and what may be done.

    `prepare` makes it, and `acts` gives what anybody may do then; it is asked once for each of the two, so that no two
    of them use a key or a name that must be one's own.
    """

    name: str
    prepare: Prepare
    acts: Callable[[Cast, str], Acts]


def step_of(name: str, one: Proposal, now: datetime) -> Step:
    again = exact_instant(now + timedelta(seconds=30)) if name in ("wait", "lose") else ""
    receipt = a_receipt() if name in _RECEIPTS else None
    lease = exact_instant(now) if name == "wait" else ""
    said = Step(name=name, actor=one.holder or "one", fence=one.fence, reason="busy", receipt=receipt)
    return replace(said, not_before=again, lease_expires_at=lease)


def by_its_worker(handle: str, name: str) -> Act:
    """Return a move of whoever has it, as it stands in the scene."""

    def made(state: DeploymentState) -> object:
        one = state.proposals.get(handle)
        known = moves(name, one.state)
        if known is not None and not known.leased:  # it has a move of this name that is the clock's
            return None
        return state.proposals.move(handle, step_of(name, one, state.proposals._clock.wall()))

    return made


def does(act: Callable[[DeploymentState], None]) -> Act:
    """Return that something is done whose end says nothing."""

    def done(state: DeploymentState) -> bool:
        act(state)
        return True

    return done


def stop(who: str) -> Act:
    return does(lambda state: state.switches.stop("all", by=who, reason=""))
