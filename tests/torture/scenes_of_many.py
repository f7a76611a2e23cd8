"""Scenes of the stage `meanwhile` in which changes share something, or are one; and what is kept beside them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from erp_mcp.domain.approver import Signed
from erp_mcp.domain.decision import Separation
from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.page_session import EndedThere, PageSession
from erp_mcp.domain.proposal import Content, LimitUse, Unlike
from erp_mcp.errors import StateUnavailableError
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.torture.acting import LEASE_S, Acts, Cast, Prepare, Scene, by_its_worker, does, step_of, stop
from tests.torture.order import ONCE
from tests.torture.two import Act
from tests.unit.store.state.fakes import (
    a_resolution,
    an_approver,
    an_entry,
)
from tests.unit.store.state.test_parts import a_part, a_saga

_ONE: Final = LimitUse(limit="one", key="all", amount=1, maximum=1, window_s=3600)
_APART: Final = Separation(rule="apart", tools=("propose_a", "propose_b"), key="supplier", window_s=86_400)


# --- what two changes share -------------------------------------------------------------------------------------------


def _two_claimed(state: DeploymentState, cast: Cast) -> None:
    """One may be sent in an hour; two were proposed hours apart, and a worker has each."""
    for name in ("it", "other"):
        cast.put(state, name, limits=(_ONE,))
        cast.decides(name, "anna")(state)
        cast.clock.pass_seconds(2 * 3600)
    for _ in range(2):
        state.proposals.take("one", lease_s=LEASE_S)


def _two_sent(cast: Cast, who: str) -> Acts:
    more = cast.made("more", limits=(_ONE,))
    names = ("send", "postpone", "hand_over", "expire")
    acts = {
        f"{move} {name}": by_its_worker(cast.by_name[name].proposal_id, move) for name in cast.by_name for move in names
    }
    return {**acts, "propose": lambda state: state.proposals.create(more), "stop": stop(who)}


def _apart(state: DeploymentState, cast: Cast) -> None:
    """Two halves of a duty, of which one was proposed before policy kept them apart."""
    about = {"concerns": {"supplier": ["V-9"]}}
    for who in ("anna", "bea"):
        state.approvers.enrol(an_approver(who))
    cast.put(state, "a", tool="propose_a", terms={"separations": (_APART,), "quota": 1}, **about)
    cast.put(state, "b", tool="propose_b", terms={"separations": (_APART,)}, **about)
    cast.put(state, "before", tool="propose_b", **about)


def _apart_acts(cast: Cast, who: str) -> Acts:
    about = {"concerns": {"supplier": ["V-9"]}, "terms": {"separations": (_APART,)}, "agent": f"agent {who}"}
    asked = cast.made("asked", tool="propose_b", owner="anna", **about)
    names = {"it": cast.by_name["a"]}
    less = replace(cast.made("less", tool="propose_a", **about), narrows=names["it"].proposal_id, agent="buyer")
    return {
        **{f"{one} {name}": cast.decides(name, one) for name in cast.by_name for one in ("anna", "bea")},
        "narrow a": lambda state: state.proposals.narrow(
            cast.said(names["it"], "anna", "reject"), less, cast.said(less, "anna")
        ),
        "ask": lambda state: state.proposals.create(asked),
    }


# --- several changes as one -------------------------------------------------------------------------------------------


def _begun(state: DeploymentState, cast: Cast) -> None:
    """A saga waits for its first part, which a worker has; something else is asked for about the same record."""
    whole = cast.by_name["it"] = replace(a_saga(), created_at=exact_instant(cast.now))
    state.proposals.create(whole)
    cast.decides("it", "anna")(state)
    taken = state.proposals.take("one", lease_s=LEASE_S)
    assert taken is not None
    part = cast.by_name["part"] = a_part(whole)
    state.proposals.begin(step_of("wait", taken, cast.now), part)
    cast.put(state, "beside", agent="planner", command=part.command)
    cast.decides("beside", "anna")(state)
    for _ in range(2):
        state.proposals.take("one", lease_s=LEASE_S)
    cast.clock.pass_seconds(31)


def _sent(*steps: str) -> Prepare:
    """Return that the first part goes some way further."""

    def prepare(state: DeploymentState, cast: Cast) -> None:
        _begun(state, cast)
        cast.moves(state, "part", *steps)
        taken = state.proposals.take("one", lease_s=LEASE_S)
        if taken is not None and taken.state is State.UNKNOWN:
            state.proposals.take("one", lease_s=LEASE_S)

    return prepare


def _taken_back(state: DeploymentState, cast: Cast) -> None:
    _sent("send", "commit")(state, cast)
    cast.moves(state, "it", "compensate")


def _saga_acts(cast: Cast, who: str) -> Acts:
    whole, part, beside = (cast.by_name[name] for name in ("it", "part", "beside"))
    next_ = replace(a_part(whole, "second"), fingerprint=f"{ONCE} second")
    back = a_part(whole, "first", undoes=part.proposal_id)
    same = cast.made("same", fingerprint=f"{ONCE} second")
    more = cast.made("more", agent=f"agent {who}", command=part.command)
    acts: dict[str, Act] = {
        "propose": lambda state: state.proposals.create(same, Unlike(fingerprints=[same.fingerprint], within_s=600)),
        "propose beside": lambda state: state.proposals.create(more),
        "begin": _begins(next_),
        "begin back": _begins(back),
        "take": lambda state: state.proposals.take(f"worker {who}", lease_s=LEASE_S),
        "resolve": lambda state: state.proposals.resolve(a_resolution(part.proposal_id, applied=False), None),
        "take back": lambda state: state.proposals.resolve(
            replace(a_resolution(whole.proposal_id), verdict="take_back"), None
        ),
        "stop": stop(who),
        "stop saga": does(lambda state: state.switches.stop(f"tool:{whole.tool}", by=who, reason="")),
        "resume": lambda state: state.switches.resume("all", by=who),
    }
    for move in ("send", "commit", "postpone", "lose", "miss", "hand_over", "refuse"):
        acts[f"{move} part"] = by_its_worker(part.proposal_id, move)
    for move in ("hand_over", "stick", "finish", "wait", "compensate", "commit"):
        acts[f"{move} saga"] = _unless_refused(by_its_worker(whole.proposal_id, move))
    return {**acts, "send beside": by_its_worker(beside.proposal_id, "send")}


def _begins(part: Content) -> Act:
    def made(state: DeploymentState) -> object:
        whole = state.proposals.get(part.part_of)
        return state.proposals.begin(step_of("wait", whole, state.proposals._clock.wall()), part)

    return made


def _unless_refused(act: Act) -> Act:
    """Return that a worker does something with its saga, to which the database says no where it has gone elsewhere."""

    def done(state: DeploymentState) -> object:
        try:
            return act(state)
        except StateUnavailableError as error:
            if error.facts["reason"] != "IntegrityConstraintViolation":
                raise
            return None

    return done


# --- what is kept beside proposals ------------------------------------------------------------------------------------


def _kept(state: DeploymentState, cast: Cast) -> None:
    for who in ("anna", "bea"):
        state.approvers.enrol(an_approver(who))
    for number in range(3):
        state.page_sessions.begin(_session(f"{number}" * 64, "anna", cast.now))
    state.page_sessions.begin(replace(_session("9" * 64, "bea", cast.now), ends_at=exact_instant(cast.now)))
    for code in ("a", "b"):
        state.page_sessions.refused_there("page.sign_in_refused", code, "")
        state.page_sessions.refused_there("page.sign_in_refused", code, "")
    cast.clock.pass_seconds(61)


def _session(token: str, who: str, now: datetime) -> PageSession:
    at, ends = exact_instant(now), exact_instant(now + timedelta(hours=8))
    return PageSession(
        token_hash=token, approver_id=who, method="oidc", signed_in_at=at, seen_at=at, ends_at=ends, provider_session=""
    )


def _kept_acts(cast: Cast, who: str) -> Acts:
    mine = _session(secrets.token_hex(32), "anna", cast.now)
    gone = Signed(text="gone", signer="anna", signature="f" * 128)
    word = EndedThere(word=f"word of {who}", approver_id="anna")
    fields = {"site": "1000", "title": "Look"}
    return {
        "sign in": does(lambda state: state.page_sessions.begin(mine)),
        "sign out 1": does(lambda state: state.page_sessions.end(_session("1" * 64, "anna", cast.now), reason="asked")),
        "sign out 2": does(lambda state: state.page_sessions.end(_session("2" * 64, "anna", cast.now), reason="asked")),
        "end there": lambda state: state.page_sessions.end_there(word),
        "refused": does(lambda state: state.page_sessions.refused_there("page.sign_in_refused", "b", "")),
        "tell refusals": does(lambda state: state.page_sessions.tell_refusals()),
        "failed": does(lambda state: state.page_sessions.failed("anna", failures=1, code="x")),
        "enrol": does(lambda state: state.approvers.enrol(an_approver("carl"))),
        "revoke": does(lambda state: state.approvers.revoke("bea", gone)),
        "task": lambda state: state.tasks.create("R1", "human_task.create", dict(fields)),
        "stop": stop(who),
        "resume": lambda state: state.switches.resume("all", by=who),
        "clear": does(
            lambda state: state.taint.clear("buyer", gone, nonce=secrets.token_hex(8), at=exact_instant(cast.now))
        ),
        "read": lambda state: state.audit.append(
            replace(an_entry(), facts={"tool": "get_stock", "outsider_text": ["quality_notification.text"]})
        ),
        "lease": cast.acquires("sync", who),
        "apply": lambda state: state.bundles.put_bundle(sha256(b"{}").hexdigest(), "{}", applied_by=who, previous=""),
    }


# --- leases by name ---------------------------------------------------------------------------------------------------


def _leased(seconds: int, *, given_back: bool = False) -> Prepare:
    """Return that somebody took a lease, so long ago; twice, so that its fence is not the first."""

    def prepare(state: DeploymentState, cast: Cast) -> None:
        for _ in range(2):
            lease = cast.acquires("sync", "one")(state)
            assert lease is not None
            state.leases.release(lease)
        lease = cast.acquires("sync", "one")(state)
        assert lease is not None
        if given_back:
            state.leases.release(lease)
        cast.clock.pass_seconds(seconds)

    return prepare


def _lease_acts(cast: Cast, who: str) -> Acts:
    """Return what those do who ask for a lease, and whoever had it or still believes so."""
    had = next((one for one in reversed(cast.told.given)), None)
    acts: dict[str, Act] = {"ask": cast.acquires("sync", who), "ask for another": cast.acquires("notices", who)}
    if had is None:
        return {**acts, "ask by one": cast.acquires("sync", "one")}

    def hands_on(state: DeploymentState) -> object:
        cast.gives_back(had)(state)
        return cast.acquires("sync", who)(state)

    return {**acts, "renew": cast.acquires("sync", "one"), "give back": cast.gives_back(had), "hand on": hands_on}


def scenes_of_many() -> Iterator[Scene]:
    """Yield all of them."""
    yield Scene(name="two to be sent", prepare=_two_claimed, acts=_two_sent)
    yield Scene(name="two halves", prepare=_apart, acts=_apart_acts)
    yield Scene(name="saga begun", prepare=_begun, acts=_saga_acts)
    yield Scene(name="saga, part sent", prepare=_sent("send"), acts=_saga_acts)
    yield Scene(name="saga, part written", prepare=_sent("send", "commit"), acts=_saga_acts)
    yield Scene(name="saga, part for a person", prepare=_sent("hand_over"), acts=_saga_acts)
    yield Scene(name="saga taken back", prepare=_taken_back, acts=_saga_acts)
    yield Scene(name="kept beside", prepare=_kept, acts=_kept_acts)
    yield Scene(name="lease free", prepare=lambda state, cast: None, acts=_lease_acts)
    yield Scene(name="lease held", prepare=_leased(10), acts=_lease_acts)
    yield Scene(name="lease over", prepare=_leased(LEASE_S), acts=_lease_acts)
    yield Scene(name="lease given back", prepare=_leased(10, given_back=True), acts=_lease_acts)
