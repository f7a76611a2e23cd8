"""What two who come between each other find, and what either of them may do: scenes of the stage `meanwhile`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from erp_mcp.domain.approver import Signed
from erp_mcp.domain.decision import BreakGlass
from erp_mcp.domain.lifecycle import MOVES, State
from erp_mcp.domain.proposal import LimitUse, Step, Unlike
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.torture.acting import LEASE_S, Acts, Cast, Prepare, Scene, by_its_worker, does, step_of
from tests.torture.order import ONCE
from tests.torture.scenes_of_many import scenes_of_many
from tests.torture.two import Act
from tests.unit.store.state.fakes import (
    a_receipt,
    a_resolution,
    an_approver,
)
from tests.unit.store.state.test_break_glass import a_review

ROOM: Final = 3  # how many of one agent may wait, in the stage
_USE: Final = LimitUse(limit="few", key="all", amount=1, maximum=2, window_s=3600)
_GLASS: Final = BreakGlass(people=("carl", "dora", "emil", "fred"), review_by=("olaf",), review_s=1800)
_LONG_S: Final = 30 * 86_400
_LEASED: Final = tuple(sorted({one.name for one in MOVES if one.leased} - {"finish", "compensate", "stick"}))


# --- one change in each of its states ---------------------------------------------------------------------------------


def _worked(*steps: str, lease_s: int = LEASE_S, then: str = "") -> Prepare:
    """Return that a worker takes it and makes some moves; `then` it is taken once more, or time goes on."""

    def prepare(state: DeploymentState, cast: Cast) -> None:
        _approved(state, cast)
        state.proposals.take("one", lease_s=lease_s)
        cast.moves(state, "it", *steps)
        if then == "taken":
            cast.clock.pass_seconds(40)
            state.proposals.take("one", lease_s=lease_s)
        elif then == "over":
            cast.clock.pass_seconds(lease_s + 1)
        elif then == "expired":
            cast.clock.pass_seconds(_LONG_S + 1)

    return prepare


def _proposed(state: DeploymentState, cast: Cast, **terms: Any) -> None:
    terms = {"quota": 1, "escalates_s": 30, "escalates_to": ("gina",), "break_glass": _GLASS, **terms}
    state.approvers.enrol(an_approver("anna"))
    cast.put(state, "it", limits=(_USE,), terms=terms)
    cast.clock.pass_seconds(40)
    cast.put(state, "other", terms={"quota": 1})


def _approved(state: DeploymentState, cast: Cast) -> None:
    _proposed(state, cast)
    cast.decides("it", "hanna")(state)


def _approved_long_ago(state: DeploymentState, cast: Cast) -> None:
    _proposed(state, cast, carry_out_s=30)
    cast.decides("it", "hanna")(state)
    cast.clock.pass_seconds(40)


def _expired(state: DeploymentState, cast: Cast) -> None:
    _approved(state, cast)
    cast.clock.pass_seconds(_LONG_S)


def _half_decided(state: DeploymentState, cast: Cast) -> None:
    _proposed(state, cast, needed=2, approvers=())
    cast.decides("it", "hanna")(state)


def _half_broken(state: DeploymentState, cast: Cast) -> None:
    _proposed(state, cast, needed=3)
    cast.decides("it", "carl", "break_glass")(state)


def _broken(state: DeploymentState, cast: Cast, late: int = 0) -> None:
    _half_broken(state, cast)
    cast.decides("it", "dora", "break_glass")(state)
    state.proposals.take("one", lease_s=7200)
    cast.put(state, "urgent", agent="planner", terms={"needed": 3, "break_glass": _GLASS})
    cast.decides("urgent", "emil", "break_glass")(state)
    cast.clock.pass_seconds(late)


def _broken_and_late(state: DeploymentState, cast: Cast) -> None:
    _broken(state, cast, late=1801)


def _stopped(prepare: Prepare) -> Prepare:
    def both(state: DeploymentState, cast: Cast) -> None:
        prepare(state, cast)
        state.switches.stop("all", by="olga", reason="inventory")

    return both


def _acts(cast: Cast, who: str) -> Acts:
    """Return what may be done with one change, and beside it."""
    it, own = cast.by_name["it"], f"worker {who}"
    handle = it.proposal_id
    same = cast.made("same", fingerprint=f"{ONCE} same")
    counted = cast.made("counted", limits=(_USE,), agent=f"agent {who}")
    less = replace(cast.made("less", limits=(_USE,)), narrows=handle)
    gone = Signed(text="gone", signer="anna", signature="f" * 128)
    there = replace(a_receipt(), found="stated")
    acts: dict[str, Act] = {
        "propose": lambda state: state.proposals.create(same, Unlike(fingerprints=[same.fingerprint], within_s=600)),
        "propose counted": lambda state: state.proposals.create(counted),
        "approve": cast.decides("it", "anna"),
        "approve other": cast.decides("other", "anna"),
        "reject": cast.decides("it", "bea", "reject"),
        "narrow": lambda state: state.proposals.narrow(cast.said(it, "anna", "reject"), less, cast.said(less, "anna")),
        "cancel": lambda state: state.proposals.move(handle, Step(name="cancel", actor="buyer")),
        "take": lambda state: state.proposals.take(own, lease_s=LEASE_S),
        "expire": lambda state: state.proposals.expire(),
        "escalate": lambda state: state.proposals.escalate(),
        "resolve applied": lambda state: state.proposals.resolve(a_resolution(handle), there),
        "resolve not applied": lambda state: state.proposals.resolve(a_resolution(handle, applied=False), None),
        "stop": does(lambda state: state.switches.stop("all", by=who, reason="")),
        "resume": lambda state: state.switches.resume("all", by=who),
        "break glass": cast.decides("it", "dora", "break_glass"),
        "revoke": does(lambda state: state.approvers.revoke("anna", gone)),
        "review": does(lambda state: state.proposals.review(a_review(it, by="anna"))),
    }
    if "urgent" in cast.by_name:
        acts["break another glass"] = cast.decides("urgent", "fred", "break_glass")
    for name in _LEASED:
        acts[f"worker's {name}"] = by_its_worker(handle, name)
    for name in ("through", "turned away"):
        acts[name] = _all_of_it(own, name)
    return acts


def _all_of_it(own: str, how: str) -> Act:
    """Return that a worker takes what there is, sends it, and it is written, or turned away at the door."""

    def made(state: DeploymentState) -> object:
        one = state.proposals.take(own, lease_s=LEASE_S)
        if one is None or one.state is not State.CLAIMED:
            return one
        for name in ("send", "commit" if how == "through" else "postpone"):
            one = state.proposals.move(one.content.proposal_id, step_of(name, one, state.proposals._clock.wall()))
        return one

    return made


_OF_ONE: Final[Mapping[str, Prepare]] = {
    "awaiting": _proposed,
    "half decided": _half_decided,
    "half broken": _half_broken,
    "broken": _broken,
    "broken and late": _broken_and_late,
    "approved": _approved,
    "approved long ago": _approved_long_ago,
    "expired": _expired,
    "claimed": _worked(),
    "claimed and lost": _worked(then="over"),
    "turned away": _worked("send", "postpone"),
    "turned away and expired": _worked("send", "postpone", then="expired"),
    "sending": _worked("send"),
    "sending and lost": _worked("send", then="over"),
    "unknown": _worked("send", "lose", then="over"),
    "reconciling": _worked("send", "lose", then="taken"),
    "awaiting ack": _worked("send", "accept"),
    "for a person": _worked("hand_over"),
}
_STOPPED: Final = ("approved", "claimed", "claimed and lost", "sending", "sending and lost", "turned away")


def scenes() -> Iterator[Scene]:
    """Yield all of them."""
    for name, prepare in _OF_ONE.items():
        yield Scene(name=name, prepare=prepare, acts=_acts)
    for name in _STOPPED:
        yield Scene(name=f"{name}, stopped", prepare=_stopped(_OF_ONE[name]), acts=_acts)
    yield from scenes_of_many()
