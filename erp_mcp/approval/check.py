"""Is a proposal approved? Worked out from what is stored, of which nothing is believed that no signature holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from erp_mcp.approval import envelope, keys, oidc
from erp_mcp.approval.envelope import MIN_REASON, Choice, Envelope, OidcEnvelope, meaning_of
from erp_mcp.approval.oidc import PageWord
from erp_mcp.approval.requesters import asked_in_emergency, is_self_approval, names_of, proves_anew
from erp_mcp.domain import quorum
from erp_mcp.domain.approver import Enrolment
from erp_mcp.domain.human_task import needs_nobody
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.proposal import Content, Proposal, SignedDecision
from erp_mcp.domain.quorum import Said

_SKEW: Final = timedelta(minutes=5)  # between the clocks of whoever signs and whoever checks


def refusal_of(
    proposal: Proposal,
    decisions: Sequence[SignedDecision],
    trusted: Mapping[str, Enrolment],
    requesters: frozenset[str],
    now: datetime,
) -> str:
    """Return why a proposal does not count as approved, empty when enough people said yes to exactly this.

    One decision that is not what was signed refuses it all: what was changed is found, however many others are right.

    Args:
        proposal: The proposal as stored; its digest is worked out again.
        decisions: The decisions about it as stored.
        trusted: Approvers as `registry.trusted` found them.
        requesters: Normalised names as `requesters.requesters` found them.
        now: The wall clock.

    Returns:
        `digest`, `envelope`, `not_enrolled`, `signature`, `rejected`, `requester`, `not_named`, `no_break_glass`,
        `no_reason`, `decided_before_proposal`, `decided_after_expiry`, `decided_in_future`, `too_few`,
        `group_missing`, or nothing.
    """
    if not is_whole(proposal):
        return "digest"
    if needs_nobody(proposal.content):
        return ""
    people: list[tuple[frozenset[str], Said]] = []
    in_emergency: list[tuple[frozenset[str], Said]] = []
    for decision in decisions:
        reason = _flaw(proposal, decision, trusted, now) or _objection(proposal.content, decision, trusted, requesters)
        if reason:
            return reason
        said = (names_of(trusted[decision.approver_id]), said_by(decision))
        (in_emergency if decision.decision == "break_glass" else people).append(said)
    if quorum.is_glass_broken(proposal.content.terms, different(in_emergency)):
        return ""
    few, groups = quorum.missing(proposal.content.terms, different(people), parse_instant(proposal.content.created_at))
    return "group_missing" if groups else "too_few" if few else ""


def objection_to(
    content: Content,
    approver: Enrolment,
    requesters: frozenset[str],
    at: datetime | None = None,
    choice: Choice = "approve",
) -> str:
    """Return why this approver may not decide about this content then: `requester`, `not_named`, or nothing.

    Without a moment only those count whom policy named from the start. In an emergency those count whom it names for
    that, and it may be `no_break_glass` as well.
    """
    if choice == "break_glass":
        return _objection_in_emergency(content, approver, requesters)
    if names_of(approver) & requesters:
        return "requester"
    made = parse_instant(content.created_at)
    return "" if quorum.may_decide(content.terms, Said(approver.approver_id, at or made), made) else "not_named"


def _objection_in_emergency(content: Content, approver: Enrolment, requesters: frozenset[str]) -> str:
    if content.terms.break_glass is None:
        return "no_break_glass"
    if names_of(approver) & asked_in_emergency(content, requesters):
        return "requester"
    return "" if quorum.may_break_glass(content.terms, approver.approver_id) else "not_named"


def said_by(decision: SignedDecision) -> Said:
    """Return whose decision it is, and when it was made."""
    return Said(decision.approver_id, parse_instant(decision.decided_at))


def different(people: Sequence[tuple[frozenset[str], Said]]) -> list[list[Said]]:
    """Return those who are different people for certain, with what each said: two who share a name may be one."""
    known: list[tuple[frozenset[str], list[Said]]] = []
    for names, said in people:
        same = [one for one in known if one[0] & names]
        apart = [one for one in known if not one[0] & names]
        merged = names.union(*(one[0] for one in same))
        known = [*apart, (merged, [*(before for one in same for before in one[1]), said])]
    return [said for _, said in known]


def is_whole(proposal: Proposal) -> bool:
    """Whether the content is the one that the digest is of."""
    try:
        return envelope.digest(proposal.content) == proposal.digest
    except (ValueError, RecursionError):
        return False


def _flaw(proposal: Proposal, decision: SignedDecision, trusted: Mapping[str, Enrolment], now: datetime) -> str:
    """Return what is wrong with the row, the words or the signature of one decision."""
    found = envelope.opened(decision.envelope)
    if found is None or not _is_of(proposal, decision, found[0]):
        return "envelope"
    words, signed_bytes = found
    approver = trusted.get(decision.approver_id)
    if approver is None or not _are_of(words, approver):
        return "not_enrolled"
    unsigned = _unsigned(proposal.content, words, signed_bytes, decision.signature, approver)
    if unsigned:
        return unsigned
    self_approval = is_self_approval(proposal.content, approver)
    narrows = bool(proposal.content.narrows)
    if words.meaning != meaning_of(words.decision, by_self_approval=self_approval, narrows=narrows):
        return "envelope"
    if words.method == "session" and proves_anew(words.decision, proposal.content, approver):
        return "envelope"
    if words.decision == "break_glass" and len(words.comment.strip()) < MIN_REASON:
        return "no_reason"
    return _untimely(proposal.content, words.decided_at, now)


def _unsigned(content: Content, words: Envelope, signed_bytes: bytes, signature: str, approver: Enrolment) -> str:
    """Return what is wrong with the signature: of the person's own key, or of the page's for whom a provider knew."""
    if not isinstance(words, OidcEnvelope):
        return "" if keys.verifies(approver.public_key, signed_bytes, signature) else "signature"
    anew = proves_anew(words.decision, content, approver)
    word = PageWord(
        sign_in=words.sign_in,
        page_key=words.public_key,
        said_at=words.decided_at,
        message=signed_bytes,
        signature=signature,
    )
    return oidc.flaw(word, approver, frozenset(filter(None, (content.proposal_id, content.narrows))) if anew else ())


def _is_of(proposal: Proposal, decision: SignedDecision, words: Envelope) -> bool:
    """Whether the words are about this proposal, and the row beside them says the same."""
    content = proposal.content
    about = (words.deployment, words.proposal_id, words.digest)
    row = (decision.proposal_id, decision.approver_id, decision.decision, decision.nonce, decision.decided_at)
    return about == (content.deployment, content.proposal_id, proposal.digest) and row == (
        words.proposal_id,
        words.approver_id,
        words.decision,
        words.nonce,
        words.decided_at,
    )


def _are_of(words: Envelope, approver: Enrolment) -> bool:
    """Whether the words name this approver as enrolled."""
    key = words.public_key if isinstance(words, OidcEnvelope) else approver.public_key  # the page's is looked at later
    named = (words.deployment, words.approver_id, words.approver_name, words.public_key)
    return named == (approver.deployment, approver.approver_id, approver.name, key)


def _untimely(content: Content, decided_at: str, now: datetime) -> str:
    try:
        decided = parse_instant(decided_at)
        created, expires = parse_instant(content.created_at), parse_instant(content.expires_at)
    except ValueError:
        return "envelope"
    if decided < created - _SKEW:
        return "decided_before_proposal"
    if decided >= expires:
        return "decided_after_expiry"
    return "decided_in_future" if decided > now + _SKEW else ""


def _objection(
    content: Content, decision: SignedDecision, trusted: Mapping[str, Enrolment], requesters: frozenset[str]
) -> str:
    if decision.decision == "reject":
        return "rejected"
    at = parse_instant(decision.decided_at)
    return objection_to(content, trusted[decision.approver_id], requesters, at, decision.decision)
