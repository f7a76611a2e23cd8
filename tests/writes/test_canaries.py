"""Seeded proposals: nobody can tell them from others before they decide, and none of them ever reaches the ERP."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from datetime import timedelta

import pytest

from erp_mcp import administration
from erp_mcp.administration import Signing
from erp_mcp.approval import canaries
from erp_mcp.domain.forms import to_json
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from erp_mcp.errors import GatewayError, NothingToSeedError
from tests.guarantees import guarantees
from tests.writes.desk import APPROVERS, WriteDesk, passphrase_of
from tests.writes.test_create_purchase_order import ORDER, TOOL


def _signing(desk: WriteDesk, who: str) -> Signing:
    return Signing(approver_id=who, passphrase=passphrase_of(desk.directory, who))


def _seeded(desk: WriteDesk) -> tuple[Proposal, Proposal]:
    real = desk.propose(TOOL, **ORDER)
    return real, administration.seed_canary(desk.deployment)


@guarantees("P3.canaries")
def test_a_seeded_proposal_is_wrong_where_people_look_and_like_any_other_elsewhere(desk: WriteDesk) -> None:
    """Same agent, same tool, same terms; one value is absurd in the payload, the preview and the headline alike."""
    real, seeded = _seeded(desk)
    mine, theirs = real.content, seeded.content
    shown, wrong = to_json(mine), to_json(theirs)
    assert isinstance(shown, dict)
    assert isinstance(wrong, dict)

    differs = {name for name in shown if shown[name] != wrong[name]}

    assert differs == {
        "proposal_id", "idempotency_key", "fingerprint", "arguments", "command", "preview", "sources", "created_at",
        "expires_at", "correlation_id", "target",
    } - {name for name in ("created_at", "expires_at", "sources") if shown[name] == wrong[name]}  # fmt: skip
    assert len(theirs.target) == len(mine.target)
    assert "canary" not in json.dumps(wrong)
    assert "seed" not in json.dumps(wrong)
    assert theirs.preview.changes != mine.preview.changes
    assert not administration.was_canary(desk.deployment, seeded)  # nobody is told while it waits


@guarantees("P3.canaries", "P3.people_commit")
@pytest.mark.parametrize("knowing", [True, False], ids=["worker knows", "worker does not"])
def test_whoever_says_yes_nothing_reaches_the_system(desk: WriteDesk, knowing: bool) -> None:
    """Two yes, a worker, and the ERP stays as it is; also for a worker that could not tell a seeded one."""
    real, seeded = _seeded(desk)
    desk.reject(real)
    before = desk.dump()
    approved = desk.approve(seeded)
    assert administration.was_canary(desk.deployment, approved)

    if knowing:
        desk.work()
    else:
        committer = dataclasses.replace(desk.deployment.committer(), is_canary=lambda _: False)

        async def work() -> None:
            while await committer.work("w1") is not None:
                pass

        asyncio.run(work())

    ended = desk.proposal(seeded.content.proposal_id)
    assert (ended.state, ended.reason) == (State.DENIED, "canary" if knowing else "target_changed")
    assert desk.dump() == before
    history = desk.deployment.state.proposals.history(seeded.content.proposal_id)
    assert "proposal.sending" not in {event.type for event in history}


@guarantees("P3.canaries", "P3.agent_told")
def test_the_agent_in_whose_name_it_stands_never_hears_of_it(desk: WriteDesk) -> None:
    """It did not propose it, so it can't ask after it, list it or take it back."""
    real, seeded = _seeded(desk)

    listed = [one["proposal_id"] for one in desk.rows("list_my_proposals", "proposals")]

    assert listed == [real.content.proposal_id]
    hidden = desk.refusal("get_proposal", proposal_id=seeded.content.proposal_id)
    unknown = desk.refusal("get_proposal", proposal_id="prp_000000000000")
    assert hidden.code == unknown.code == "proposal.not_found"
    assert desk.refusal("cancel_proposal", proposal_id=seeded.content.proposal_id).code == "proposal.not_found"


@guarantees("P3.canaries", "P3.narrowed")
def test_a_seeded_one_made_smaller_is_a_seeded_one(desk: WriteDesk) -> None:
    """What no agent asked for must not become real by less being approved of it."""
    _, seeded = _seeded(desk)
    before = desk.dump()

    async def work_out() -> administration.Narrowed | None:
        try:
            return await administration.narrowed(desk.deployment, seeded, {}, ["lines[1]"])
        except GatewayError:  # an absurd change may break a rule
            return None
        finally:
            await desk.deployment.disconnect()

    made = asyncio.run(work_out())
    if made is None:
        return
    assert desk.deployment.is_canary(made.content)
    after = administration.narrow(desk.deployment, made, _signing(desk, APPROVERS[0]))
    administration.decide(desk.deployment, after, _signing(desk, APPROVERS[1]), "approve")
    desk.work()
    assert desk.proposal(after.content.proposal_id).state is State.DENIED
    assert desk.dump() == before


@guarantees("P3.canaries", "P3.figures")
def test_what_was_caught_is_recorded_and_counted(desk: WriteDesk) -> None:
    """One caught by who rejects it; one missed by both who said yes."""
    _, first = _seeded(desk)
    caught = desk.reject(first)
    desk.approve(administration.seed_canary(desk.deployment))

    found = {
        one.approver_id: one
        for one in administration.figures(desk.deployment, since=desk.deployment.clock.wall() - timedelta(days=1))
    }

    assert administration.was_canary(desk.deployment, caught)
    one, other = (found[who] for who in APPROVERS)
    assert (one.canaries_seen, one.canaries_caught, one.decided) == (2, 1, 0)
    assert (other.canaries_seen, other.canaries_caught) == (1, 0)
    leaves = [json.loads(record.leaf) for record in desk.deployment.state.audit.read_all()]
    assert [leaf["facts"]["caught"] for leaf in leaves if leaf["kind"] == "canary.decided"] == [True, False]


@guarantees("P3.canaries", "input.clear_errors")
def test_without_a_proposal_nothing_can_be_seeded(desk: WriteDesk) -> None:
    """A seeded one is made from a real one, and never from another seeded one alone."""
    with pytest.raises(NothingToSeedError):
        administration.seed_canary(desk.deployment)


@guarantees("P3.canaries")
def test_only_the_deployment_s_key_tells_a_seeded_one(desk: WriteDesk) -> None:
    """Its target is a keyed digest of its own id, so no other proposal has it, with whatever key but this."""
    real, seeded = _seeded(desk)
    key = desk.deployment.key("canaries")

    assert canaries.is_canary(key, seeded.content)
    assert not canaries.is_canary(b"x" * 32, seeded.content)
    assert not canaries.is_canary(key, real.content)
    assert not canaries.is_canary(key, dataclasses.replace(seeded.content, proposal_id="prp_000000000001"))
