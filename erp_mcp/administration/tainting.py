"""Agents that have read text which outsiders wrote: who, until when it counts, and a person's word about it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta

from erp_mcp.administration.deciding import check_signed_in
from erp_mcp.administration.people import Signing, sign_as, trusted
from erp_mcp.approval import taint
from erp_mcp.approval.taint import Clearing, OidcClearing
from erp_mcp.bootstrap import Deployment
from erp_mcp.domain.instants import exact_instant, parse_instant
from erp_mcp.domain.principal import Principal
from erp_mcp.errors import ApproverNotFoundError, NotTaintedError, PassphraseNeededError, RequesterError
from erp_mcp.policy.bundle import Bundle, from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Tainted:
    """An agent whose proposals take one more person, since when, until when, and for which fields."""

    agent: str
    since: str
    until: str
    fields: tuple[str, ...]


def tainted(deployment: Deployment) -> tuple[Tainted, ...]:
    """Return the agents for which what they read counts now, by name; none where policy has no such rule."""
    bundle = _in_force(deployment)
    seconds = _looks_back(bundle)
    if bundle is None or not seconds:
        return ()
    return tuple(
        Tainted(
            agent=one.agent,
            since=one.read_at,
            until=exact_instant(parse_instant(one.read_at) + timedelta(seconds=seconds)),
            fields=one.fields,
        )
        for one in deployment.state.taint.all()
        if one.agent in bundle.agents and deployment.is_tainted(bundle.agents[one.agent], seconds)
    )


def agents(deployment: Deployment) -> Mapping[str, Principal]:
    """Return the agents of the policy in force with whom they act for, by name."""
    bundle = _in_force(deployment)
    return bundle.agents if bundle is not None else {}


def clear_taint(deployment: Deployment, agent: str, signing: Signing, reason: str) -> None:
    """Say, signed, that what an agent has read up to now is of no concern; what it reads after that counts again.

    Args:
        deployment: Where.
        agent: Whose reading.
        signing: Who says so; neither the agent nor the person it acts for.
        reason: Why, in their own words.

    Raises:
        NotTaintedError: `approval.not_tainted`, where nothing it read counts now.
        RequesterError: `approval.requester`. ApproverNotFoundError: `approval.not_found`.
        PassphraseNeededError: `approval.passphrase_needed`, for a key that was opened before. SignInAgainError:
        `approval.sign_in_again`, likewise at a provider. BadPassphraseError: `approval.bad_passphrase`.
        RegistryDamagedError: `approval.broken_registry`.
    """
    bundle, read = _in_force(deployment), deployment.state.taint.of(agent)
    if bundle is None or read is None or not any(one.agent == agent for one in tainted(deployment)):
        raise NotTaintedError(agent=agent[:64])
    approver = trusted(deployment).get(signing.approver_id)
    if approver is None:
        raise ApproverNotFoundError(approver=signing.approver_id[:64])
    if not taint.may_clear(approver, bundle.agents[agent]):
        raise RequesterError(approver=signing.approver_id)
    if signing.sign_in is not None:
        check_signed_in(signing.sign_in, (taint.asked_for(agent),), deployment.clock.wall())
    elif signing.key is not None:
        raise PassphraseNeededError(approver=signing.approver_id)
    now = exact_instant(deployment.clock.wall())
    words = Clearing(
        deployment=deployment.settings.deployment,
        agent=agent,
        read_at=read.read_at,
        fields=read.fields,
        reason=reason,
        approver_id=approver.approver_id,
        approver_name=approver.name,
        public_key=approver.public_key,
        cleared_at=now,
        nonce=secrets.token_hex(16),
    )
    if signing.sign_in is not None and signing.key is not None:
        told = {one.name: getattr(words, one.name) for one in fields(words)}
        words = OidcClearing(**{**told, "public_key": signing.key.public}, sign_in=signing.sign_in)
    text, message = taint.message(words)
    deployment.state.taint.clear(agent, sign_as(deployment, signing, text, message), nonce=words.nonce, at=now)


def _in_force(deployment: Deployment) -> Bundle | None:
    digest, text = deployment.state.bundles.active()
    return from_json(text, digest) if digest else None


def _looks_back(bundle: Bundle | None) -> int:
    grants = bundle.grants.values() if bundle is not None else ()
    return max((one.approval.taint_s for one in grants), default=0)
