"""Outcomes that nobody knows: what is known of each, and a person's signed word for it (`looking`: what is there)."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, fields
from typing import Final

from erp_mcp.administration.deciding import check_signed_in
from erp_mcp.administration.looking import Sight
from erp_mcp.administration.people import Signing, sign_as, trusted
from erp_mcp.administration.refusals import recorded
from erp_mcp.approval import envelope, resolution
from erp_mcp.approval.requesters import APPLIED_WITHIN, requesters
from erp_mcp.approval.resolution import OidcResolution, Resolution, Verdict
from erp_mcp.bootstrap import Deployment
from erp_mcp.domain.approver import Enrolment
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Written
from erp_mcp.domain.forms import to_json
from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.lifecycle import ENDS, RESOLVABLE, State
from erp_mcp.domain.proposal import Content, DamagedProposal, Event, Proposal, Receipt, SignedResolution, TakeBackOrder
from erp_mcp.domain.saga import is_saga
from erp_mcp.errors import (
    ApproverNotFoundError,
    InvalidArgumentError,
    PassphraseNeededError,
    ProposalDamagedError,
    ProposalMovedError,
    RequesterError,
)

MAX_REASON: Final = 500
MAX_DOCUMENT: Final = 80
_HALTED: Final = frozenset({State.COMPENSATION_STUCK, State.NEEDS_HUMAN})
# The most urgent first: those that nothing ends but a person, then those that a worker still reads back.
UNSETTLED: Final = (
    State.COMPENSATION_STUCK,
    State.NEEDS_HUMAN,
    State.UNKNOWN,
    State.RECONCILING,
    State.AWAITING_ACK,
    State.PARTIALLY_COMMITTED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the records tell of a change whose outcome is not known.

    `sent` and `lost` are the last instants at which it was sent, and at which its outcome came to be unknown. `looks`
    are the read-backs since: when, and the code of what each gave. `native_code` is the system's own word, if any.
    `taken_in` is when the system took it in to say later what became of it, `ticket` what it gave for asking. Of what
    stands still for a person `halted_at` is the step of a saga and `halted_by` the rule or error, where there is one.
    """

    proposal: Proposal
    sent: str = ""
    lost: str = ""
    why: str = ""
    native_code: str = ""
    taken_in: str = ""
    ticket: str = ""
    halted_at: str = ""
    halted_by: str = ""
    looks: tuple[tuple[str, str], ...] = ()
    history: tuple[Event, ...] = ()
    parts: tuple[Proposal, ...] = ()  # of a saga, as far as they were begun
    resolution: SignedResolution | None = None
    orders: tuple[TakeBackOrder, ...] = ()  # that it be taken back further, oldest first


def unsettled(deployment: Deployment, *, limit: int = 200) -> list[Proposal]:
    """Return what is stuck or unknown, the most urgent first, the oldest of each first."""
    store = deployment.state.proposals
    return [one for state in UNSETTLED for one in store.in_states((state,), limit=limit)][:limit]


def damaged(deployment: Deployment, *, everything: bool = False) -> list[DamagedProposal]:
    """Return those under way or for a person to look at whose row is not what was written; or of all there are."""
    states = (state for state in State if everything or state not in ENDS or state in RESOLVABLE)
    return deployment.state.proposals.damaged(tuple(states))


def known(deployment: Deployment, proposal_id: str) -> Known:
    """Return what the records tell of a proposal.

    Raises:
        ProposalNotFoundError: `proposal.not_found`. ProposalDamagedError: `proposal.damaged`.
        StateUnavailableError: `state.unavailable`.
    """
    store = deployment.state.proposals
    proposal, history = store.get(proposal_id), tuple(store.history(proposal_id))
    sent = max((at for at, one in enumerate(history) if one.type == "proposal.sending"), default=None)
    since = history[sent:] if sent is not None else ()
    lost = next((one for one in since if one.type in ("proposal.unknown", "proposal.awaiting_ack")), None)
    handed = next((one for one in reversed(history) if one.type == "proposal.needs_human"), None)
    why = lost or handed
    halted = _facts(deployment, history[-1]) if history and proposal.state in _HALTED else {}
    taken = next((one.time for one in since if one.type == "proposal.awaiting_ack"), "")
    looked = [one for one in since if one.payload.get("from") == State.RECONCILING and one is not lost]
    return Known(
        proposal=proposal,
        sent=history[sent].time if sent is not None else "",
        lost=why.time if why else "",
        why=str(why.payload.get("reason", "")) if why else proposal.reason,
        native_code=next(filter(None, (_native_code(deployment, one) for one in since)), ""),
        taken_in=taken,
        ticket=store.ticket(proposal_id) if taken else "",
        halted_at=str(halted.get("step", "")),
        halted_by=str(halted.get("rule") or halted.get("code") or ""),
        looks=tuple((one.time, str(one.payload.get("reason", "")) or one.type) for one in looked),
        history=history,
        parts=tuple(store.parts(proposal_id)) if is_saga(proposal.content) else (),
        resolution=store.resolution(proposal_id),
        orders=tuple(store.orders(proposal_id)),
    )


def may_resolve(
    deployment: Deployment, proposal: Proposal, approver_id: str, verdict: Verdict = "not_applied"
) -> Enrolment:
    """Return the enrolment of an approver who may say what became of this; a refusal is recorded.

    Only what is stuck can be ordered to be taken back further.

    Raises:
        ProposalDamagedError: `proposal.damaged`. ProposalMovedError: `proposal.moved`, where nobody has to say it.
        ApproverNotFoundError: `approval.not_found`. RequesterError: `approval.requester`.
        RegistryDamagedError: `approval.broken_registry`.
    """
    with recorded(deployment, proposal, approver_id, "resolution.refused"):
        content = proposal.content
        if envelope.digest(content) != proposal.digest or content.deployment != deployment.settings.deployment:
            raise ProposalDamagedError(proposal_id=content.proposal_id)
        if proposal.state not in ((State.COMPENSATION_STUCK,) if verdict == "take_back" else RESOLVABLE):
            raise ProposalMovedError(state=proposal.state)
        approver = trusted(deployment).get(approver_id)
        if approver is None:
            raise ApproverNotFoundError(approver=approver_id[:64])
        if resolution.objection_to(content, approver, _requesters(deployment, content)):
            raise RequesterError(approver=approver_id)
        return approver


def resolve(
    deployment: Deployment,
    shown: Proposal,
    signing: Signing,
    verdict: Verdict,
    *,
    reason: str,
    document: str = "",
    found: Written | None = None,
) -> Proposal:
    """Sign what became of a change and end it by that, or let a saga that is stuck be taken back further.

    Args:
        deployment: Where.
        shown: The proposal as the operator looked at it.
        signing: Who says so, with their passphrase for this very statement.
        verdict: It is there as it was approved, or nothing of it is; or it is to be taken back further.
        reason: Where they looked and what they saw, 1 to 500 characters.
        document: Number of the document that is there; may be empty where `found` or the preview names it.
        found: What the system showed, if it did.

    Returns:
        The proposal as it stands now.

    Raises:
        InvalidArgumentError: `call.invalid_argument`. PassphraseNeededError: `approval.passphrase_needed`, for a key
            that was opened before. SignInAgainError: `approval.sign_in_again`, likewise at a provider.
            BadPassphraseError: `approval.bad_passphrase`. Otherwise as `may_resolve` and the store. Nothing was stored.
    """
    _check_words(verdict, reason, document)
    there = _written(shown, document.strip(), found)
    if verdict == "applied" and not there.document:
        raise InvalidArgumentError(argument="document", rule="missing", expected="the number of what is there")
    approver = may_resolve(deployment, shown, signing.approver_id, verdict)
    if signing.sign_in is not None:
        check_signed_in(signing.sign_in, (shown.content.proposal_id,), deployment.clock.wall())
    elif signing.key is not None:
        raise PassphraseNeededError(approver=signing.approver_id, risk=shown.content.risk)
    said = _by(signing, _said(deployment, shown, approver, verdict, reason=reason.strip(), there=there))
    text, message = resolution.message(said)
    with recorded(deployment, shown, signing.approver_id, "resolution.refused"):
        signature = sign_as(deployment, signing, text, message).signature
    stored = SignedResolution(
        proposal_id=said.proposal_id,
        approver_id=said.approver_id,
        verdict=verdict,
        statement=text,
        signature=signature,
        nonce=said.nonce,
        resolved_at=said.resolved_at,
    )
    return deployment.state.proposals.resolve(stored, _receipt(said, found))


def statement_flaw(deployment: Deployment, proposal: Proposal) -> str:
    """Return what is wrong with the stored statement about a proposal, empty where it is in order or there is none."""
    stored = deployment.state.proposals.resolution(proposal.content.proposal_id)
    if stored is None:
        return ""
    asked = _requesters(deployment, proposal.content)
    return resolution.refusal_of(proposal, stored, trusted(deployment), asked)


def as_json(known_: Known, sight: Sight | None) -> dict[str, JsonValue]:
    """Return what is known, and seen if anybody looked, for programs."""
    command = known_.proposal.content.command
    told: dict[str, JsonValue] = {
        "proposal_id": known_.proposal.content.proposal_id,
        "state": str(known_.proposal.state),
        "resolvable": known_.proposal.state in RESOLVABLE,
        "why": known_.why,
        "sent_at": known_.sent,
        "unknown_since": known_.lost,
        "native_code": known_.native_code,
        "halted_at": known_.halted_at,
        "halted_by": known_.halted_by,
        "taken_in_at": known_.taken_in,
        "ticket": known_.ticket,
        "asked_again_at": known_.proposal.not_before if known_.proposal.state is State.AWAITING_ACK else "",
        "looked": [{"at": at, "gave": gave} for at, gave in known_.looks],
        "command": to_json(command),
        "statement": to_json(known_.resolution) if known_.resolution else None,
        "orders": [to_json(one) for one in known_.orders],
    }
    if sight is not None:
        told["now"] = to_json(sight)
    return told


def _said(
    deployment: Deployment, shown: Proposal, approver: Enrolment, verdict: Verdict, *, reason: str, there: Written
) -> Resolution:
    content, applied = shown.content, verdict == "applied"
    return Resolution(
        deployment=content.deployment,
        proposal_id=content.proposal_id,
        digest=shown.digest,
        verdict=verdict,
        meaning=resolution.meaning_of(verdict),
        document=there.document if applied else "",
        key=there.key if applied else "",
        version_token=there.version_token if applied else "",
        reason=reason,
        approver_id=approver.approver_id,
        approver_name=approver.name,
        public_key=approver.public_key,
        resolved_at=exact_instant(deployment.clock.wall()),
        nonce=secrets.token_hex(16),
    )


def _by(signing: Signing, said: Resolution) -> Resolution:
    """Return a statement in the words of the page where a provider knew its person."""
    if signing.sign_in is None or signing.key is None:
        return said
    told = {one.name: getattr(said, one.name) for one in fields(said)}
    return OidcResolution(**{**told, "public_key": signing.key.public}, sign_in=signing.sign_in)


def _written(shown: Proposal, document: str, found: Written | None) -> Written:
    """Return what is there: what the system showed, else what the operator names."""
    content = shown.content
    if found is not None and document in ("", found.document):
        return found
    return Written(document=document or content.preview.document, key=content.command.key, version_token="")


def _receipt(said: Resolution, found: Written | None) -> Receipt | None:
    if said.verdict != "applied":
        return None
    fields = found.fields if found is not None and found.key == said.key else {}
    written = Written(document=said.document, key=said.key, version_token=said.version_token, fields=fields)
    return Receipt(written=written, committed_at=said.resolved_at, found="stated")


def _check_words(verdict: Verdict, reason: str, document: str) -> None:
    if not 1 <= len(reason.strip()) <= MAX_REASON:
        raise InvalidArgumentError(argument="reason", rule="length", expected=f"1 to {MAX_REASON} characters")
    if len(document) > MAX_DOCUMENT or not document.isprintable():
        raise InvalidArgumentError(argument="document", rule="form", expected=f"at most {MAX_DOCUMENT} characters")
    if document and verdict != "applied":
        raise InvalidArgumentError(argument="document", rule="form", expected="nothing where nothing was written")


def _requesters(deployment: Deployment, content: Content) -> frozenset[str]:
    now = deployment.clock.wall()
    applied = deployment.state.bundles.applied(since=exact_instant(now - APPLIED_WITHIN))
    return requesters(content, applied, now)


def _native_code(deployment: Deployment, event: Event) -> str:
    """Return the system's own code that the record of an event holds, if any."""
    return str(_facts(deployment, event).get("native_code", ""))


def _facts(deployment: Deployment, event: Event) -> dict[str, JsonValue]:
    """Return what the record of an event says in the clear; empty where it is gone or no record any more."""
    records = deployment.state.audit.read(after=event.audit_seq - 1, limit=1)
    try:
        found = json.loads(records[0].leaf)["facts"] if records else None
    except (ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
