"""Looking at how people decide: figures from the journal, and seeded proposals that nobody should say yes to."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from erp_mcp.approval import canaries
from erp_mcp.approval import figures as counting
from erp_mcp.approval.figures import Figures
from erp_mcp.bootstrap import Deployment
from erp_mcp.domain.audit import AuditEntry
from erp_mcp.domain.ids import proposal_id_of
from erp_mcp.domain.instants import exact_instant, instant_text
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content, Proposal
from erp_mcp.domain.reference import reference_of
from erp_mcp.errors import NothingToSeedError

_OPEN = frozenset({State.PROPOSED, State.AWAITING_APPROVAL})


def figures(deployment: Deployment, *, since: datetime) -> tuple[Figures, ...]:
    """Return how everybody who decided since a moment did, by their id."""
    decided = deployment.state.proposals.decided(exact_instant(since))
    return counting.figures((counting.Decided(*one) for one in decided), deployment.is_canary)


def was_canary(deployment: Deployment, proposal: Proposal) -> bool:
    """Whether a proposal that was decided had been seeded; of one that still waits nobody is told."""
    return proposal.state not in _OPEN and deployment.is_canary(proposal.content)


def seed_canary(deployment: Deployment, like: str = "") -> Proposal:
    """Put a proposal before the approvers that is wrong in a way that shows, and that nothing can carry out.

    Args:
        deployment: Where.
        like: The proposal that it is made from; the newest one that has something to make wrong, where it is empty.

    Raises:
        NothingToSeedError: `approval.nothing_to_seed`, where no proposal was made yet or none has such a value.
        ProposalNotFoundError: `proposal.not_found`. LimitExceededError, TooManyProposalsError, WritesStoppedError: as
            for each proposal.
    """
    for template in _templates(deployment, like):
        wrong = canaries.slips(template.content)
        if wrong and not deployment.is_canary(template.content):
            content = _anew(deployment, canaries.spoiled(template.content, secrets.choice(wrong)))
            return deployment.state.proposals.create(content)[0]
    raise NothingToSeedError


def tell(deployment: Deployment, proposal: Proposal) -> None:
    """Leave a record of a seeded proposal that was decided: was it caught?"""
    if not was_canary(deployment, proposal):
        return
    content = proposal.content
    entry = AuditEntry(
        kind="canary.decided",
        correlation_id=content.correlation_id,
        causation_id="",
        trace="",
        actor="gateway",
        facts={"proposal_id": content.proposal_id, "caught": proposal.state is State.REJECTED},
        fields={},
    )
    deployment.state.audit.append(entry)


def _templates(deployment: Deployment, like: str) -> list[Proposal]:
    store = deployment.state.proposals
    if like:
        return [store.get(like)]
    return store.in_states(tuple(State), limit=200, newest=True)[::-1]


def _anew(deployment: Deployment, content: Content) -> Content:
    """Return a content as if it were proposed this moment; its target is none."""
    now, uuid = deployment.clock.wall(), deployment.ids.new()
    proposal_id = proposal_id_of(uuid)
    plant = instant_text(deployment.clock.plant())
    return replace(
        content,
        proposal_id=proposal_id,
        idempotency_key=secrets.token_hex(8),
        fingerprint=secrets.token_hex(32),
        command=replace(content.command, reference=reference_of(uuid)),
        sources=dict.fromkeys(content.sources, plant),
        created_at=instant_text(now),
        expires_at=instant_text(now + timedelta(seconds=content.terms.valid_s)),
        correlation_id=deployment.ids.new(),
        causation_id="",
        trace="",
        target=canaries.mark(deployment.key("canaries"), proposal_id),
        narrows="",
    )
