"""The kill switch for one site: what is about it stays where it is, whoever proposes, narrows, claims or sends."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content, Step
from erp_mcp.errors import StateUnavailableError, WritesStoppedError
from erp_mcp.store.state import switches
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import FakeClock, a_content, a_decision
from tests.unit.store.state.racing import race
from tests.unit.store.state.stores import Behind, opened, stand
from tests.unit.store.state.test_races import intact

HERE = "site:1000"
TOUCHED = {"here": ("1000",), "here and there": ("1000", "2000"), "nobody knows": ()}


def about(*sites: str, key: str = "key-00000001") -> Content:
    """Return the content of a proposal that is about sites; about none: they are not known."""
    return replace(a_content(key), concerns={"site": list(sites)} if sites else {})


def stop(state: DeploymentState, scope: str = HERE) -> None:
    state.switches.stop(scope, by="olga", reason="inventory")


@guarantees("P4.stopped_sites", "P4.kill_switch")
@pytest.mark.parametrize("sites", TOUCHED.values(), ids=TOUCHED)
def test_nothing_that_touches_a_stopped_site_is_proposed(
    sites: tuple[str, ...], state: DeploymentState, behind: Behind
) -> None:
    """Which site is stopped is told to whoever named it, and to nobody else."""
    stop(state)
    before = behind.everything()
    with pytest.raises(WritesStoppedError) as told:
        state.proposals.create(about(*sites))
    assert told.value.facts == ({"scope": HERE} if sites else {"scope": "site", "reason": "site_not_known"})
    assert behind.everything() == before
    assert state.switches.resume(HERE, by="olga")
    assert state.proposals.create(about(*sites))[1]


@guarantees("P4.stopped_sites")
def test_what_is_about_another_site_goes_on(state: DeploymentState) -> None:
    """One plant counts its stock; the other one works. A name that only begins alike is another site."""
    for scope in (HERE, "site:20", "site:20001"):
        stop(state, scope)
    content = about("2000")
    state.proposals.create(content)
    state.proposals.decide(a_decision(content.proposal_id))
    taken = state.proposals.take("w", lease_s=60)
    assert taken is not None
    assert state.proposals.move(content.proposal_id, Step(name="send", actor="w", fence=1)).state is State.SENDING


@guarantees("P4.stopped_sites", "P4.kill_switch")
@pytest.mark.parametrize("sites", TOUCHED.values(), ids=TOUCHED)
def test_what_touches_a_stopped_site_is_neither_claimed_nor_sent(
    sites: tuple[str, ...], state: DeploymentState, behind: Behind
) -> None:
    """Both transactions look; what may have been sent is read back, and what is elsewhere is taken up."""
    keys = ("key-waiting", "key-claimed", "key-lost", "key-unknown")
    waiting, claimed, lost, unknown = (state.proposals.create(about(*sites, key=key))[0].content for key in keys)
    elsewhere = state.proposals.create(about("2000", key="key-elsewhere"))[0].content
    stand(behind, waiting.proposal_id, "APPROVED")
    stand(behind, claimed.proposal_id, "CLAIMED", fence=1, lease="2026-03-02T07:00:00.000000Z")
    stand(behind, lost.proposal_id, "CLAIMED", fence=1)
    stand(behind, unknown.proposal_id, "UNKNOWN")
    stand(behind, elsewhere.proposal_id, "APPROVED")
    stop(state)
    before = behind.everything()
    with pytest.raises(WritesStoppedError):
        state.proposals.move(claimed.proposal_id, Step(name="send", actor="w", fence=1))
    assert behind.everything() == before
    taken = [state.proposals.take("w", lease_s=60) for _ in range(3)]
    assert [one and one.content.proposal_id for one in taken] == [unknown.proposal_id, elsewhere.proposal_id, None]
    assert state.switches.resume(HERE, by="olga")
    step = Step(name="send", actor="w", fence=1)
    assert state.proposals.move(claimed.proposal_id, step).state is State.SENDING
    after = [state.proposals.take("w", lease_s=60) for _ in range(3)]
    assert {one and one.content.proposal_id for one in after} == {lost.proposal_id, waiting.proposal_id, None}


@guarantees("P4.stopped_sites", "P3.narrowed", "P4.whole_or_none")
@pytest.mark.parametrize("sites", TOUCHED.values(), ids=TOUCHED)
def test_nothing_is_narrowed_at_a_stopped_site(sites: tuple[str, ...], state: DeploymentState, behind: Behind) -> None:
    """A smaller change of the site is one too; the larger one stays as it was."""
    content = about("2000")
    state.proposals.create(content)
    less = replace(about(*sites, key="key-smaller1"), narrows=content.proposal_id)
    stop(state)
    before = behind.everything()
    said = a_decision(content.proposal_id, decision="reject"), less, a_decision(less.proposal_id)
    with pytest.raises(WritesStoppedError):
        state.proposals.narrow(*said)
    assert behind.everything() == before
    assert state.switches.resume(HERE, by="olga")
    assert state.proposals.narrow(*said).state is State.APPROVED


@guarantees("P4.stopped_sites")
@pytest.mark.parametrize(
    "forged",
    ['{"concerns": {"site": ["2000"]}}', '{"concerns": {"site": "2000"}}', "[", '{"concerns": []}'],
    ids=["another site", "no list", "no JSON", "no concerns"],
)
def test_a_proposal_moved_to_another_site_behind_the_gateways_back_is_not_sent(
    forged: str, state: DeploymentState, behind: Behind
) -> None:
    """A worker that looks for work goes by the row, but nothing is carried out that is not as it was written."""
    content = about("1000")
    state.proposals.create(content)
    stand(behind, content.proposal_id, "APPROVED")
    stop(state)
    behind.displace("UPDATE proposal SET content = ? WHERE proposal_id = ?", (forged, content.proposal_id))
    assert state.proposals.take("w", lease_s=60) is None
    ((stands,),) = behind.rows("SELECT state FROM proposal")
    assert stands == ("NEEDS_HUMAN" if forged == '{"concerns": {"site": ["2000"]}}' else "APPROVED")


@guarantees("P4.stopped_sites", "P5.rows_vouched")
def test_a_stopped_site_is_recorded_and_vouched_for(state: DeploymentState) -> None:
    """Who stopped it, who let it go on; a second scope is one of its own."""
    stop(state)
    stop(state, "site:2000")
    assert state.switches.resume(HERE, by="ben")
    assert [one.scope for one in state.switches.stopped()] == ["site:2000"]
    leaves = [json.loads(record.leaf) for record in state.audit.read()]
    assert [(one["kind"], one["actor"], one["facts"]) for one in leaves] == [
        ("writes.stopped", "olga", {"scope": HERE}),
        ("writes.stopped", "olga", {"scope": "site:2000"}),
        ("writes.resumed", "ben", {"scope": HERE}),
    ]


@guarantees("P4.stopped_sites", "P4.kill_switch")
def test_a_stop_of_a_site_waits_for_what_is_being_sent(state: DeploymentState, home: Path) -> None:
    """Whoever pressed the switch reads what is under way then; nothing may come that did not see it."""
    content = about("1000")
    state.proposals.create(content)
    state.proposals.decide(a_decision(content.proposal_id))
    taken = state.proposals.take("w", lease_s=3600)
    assert taken is not None
    operator = opened(home, busy_s=0.05)
    with state.engine.writing() as sending:
        assert switches.stops(sending) == frozenset()
        with pytest.raises(StateUnavailableError):
            stop(operator)
    stop(operator)
    with pytest.raises(WritesStoppedError):
        state.proposals.move(content.proposal_id, Step(name="send", actor="w", fence=taken.fence))
    operator.close()


@guarantees("P4.stopped_sites", "P4.kill_switch", "P4.one_effect")
def test_of_processes_that_send_while_a_site_is_stopped_none_sends_behind_the_stop(
    state: DeploymentState, clock: FakeClock, home: Path
) -> None:
    """Records are in the order of their transactions: behind the stop stands no send of the site, but of the other."""
    sites = [("1000",), (), ("2000",)]
    made = [about(*sites[number % 3], key=f"key-{number:08d}") for number in range(90)]
    for content in made:
        state.proposals.create(content)
        state.proposals.decide(a_decision(content.proposal_id))
    told = race(home, "send_or_stop", ["1000"])
    leaves = [json.loads(record.leaf) for record in state.audit.read_all()]
    (at,) = (number for number, one in enumerate(leaves) if one["kind"] == "writes.stopped")
    free = {one.proposal_id for one in made if one.about("site") == ("2000",)}
    behind = {one["facts"]["proposal_id"] for one in leaves[at:] if one["kind"] == "proposal.sending"}
    sent = {one["facts"]["proposal_id"] for one in leaves if one["kind"] == "proposal.sending"}
    assert behind <= free
    assert free <= sent
    answers = [answer for one in told for answer in one.values()]
    assert set(answers) <= {"done", "writes.stopped"}
    assert answers.count("done") == 1 + len(sent)
    assert intact(state)
