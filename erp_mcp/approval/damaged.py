"""What two people approved in an emergency whose row is not what they signed any more: what their signatures still say.

Nobody can look at it then, so nobody can call it justified. What a reviewer signs in its place is about the digest that
stands in the words of the two.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from erp_mcp.approval import envelope, keys, oidc, review
from erp_mcp.approval.envelope import Envelope, OidcEnvelope
from erp_mcp.approval.oidc import PageWord
from erp_mcp.approval.requesters import key_of, names_of
from erp_mcp.domain.approver import Enrolment
from erp_mcp.domain.proposal import SignedDecision, SignedReview
from erp_mcp.domain.quorum import BREAK_GLASS_NEEDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of it without its row.

    `digest` is of what the two signed, empty where their words are not in order either. `reviewers` are the ids of whom
    the policy of today names for its tool, `asked` the normalised names of those who asked for it.
    """

    deployment: str
    proposal_id: str
    digest: str
    broken_by: tuple[str, ...]
    reviewers: Collection[str]
    asked: frozenset[str]


def glass_of(decisions: Sequence[SignedDecision]) -> list[SignedDecision]:
    """Return the yeses in an emergency, by who said them."""
    return sorted((one for one in decisions if one.decision == "break_glass"), key=lambda one: one.approver_id)


def names_digest(decisions: Sequence[SignedDecision], digest: str) -> bool:
    """Whether everybody who said yes in an emergency speaks of this content; nothing of it is verified here."""
    told = [envelope.opened(one.envelope) for one in glass_of(decisions)]
    return all(one is not None and one[0].digest == digest for one in told)


def signed_digest(
    decisions: Sequence[SignedDecision], trusted: Mapping[str, Enrolment], deployment: str, proposal_id: str
) -> str:
    """Return the digest that two or more people signed who approved something in an emergency.

    Args:
        decisions: As stored; nothing of them is believed that no signature holds.
        trusted: Approvers as they were when these decided.
        deployment: Where.
        proposal_id: Of what they are about.

    Returns:
        Empty where one of them is not what was signed, they speak of different contents, or too few are different
        people.
    """
    glass = glass_of(decisions)
    digests = {_digest(one, trusted.get(one.approver_id), deployment, proposal_id) for one in glass}
    people: set[str] = set()
    for one in glass:
        names = names_of(trusted[one.approver_id]) if one.approver_id in trusted else frozenset[str]()
        if names & people:
            return ""
        people |= names
    return next(iter(digests)) if len(digests) == 1 and len(glass) >= BREAK_GLASS_NEEDED else ""


def objection_to(standing: Standing, approver: Enrolment, broken_by: Collection[Enrolment]) -> str:
    """Return why this approver may not close its review.

    Returns:
        `unknown` where what the two signed, or whose tool it was, can't be told; `not_reviewer`, `broke_it`,
        `requester`, or nothing.
    """
    if not standing.digest or not standing.asked:
        return "unknown"
    if approver.approver_id not in standing.reviewers:
        return "not_reviewer"
    if approver.approver_id in standing.broken_by or any(names_of(approver) & names_of(one) for one in broken_by):
        return "broke_it"
    return "requester" if names_of(approver) & standing.asked else ""


def refusal_of(
    standing: Standing, stored: SignedReview, trusted: Mapping[str, Enrolment], broken_by: Collection[Enrolment]
) -> str:
    """Return why a stored statement does not count, empty when it does; as `review.refusal_of`."""
    meanings = (review.DAMAGED,) if stored.verdict == "not_justified" else ()
    approver = review.signer_of(stored, trusted, standing, meanings)
    return approver if isinstance(approver, str) else objection_to(standing, approver, broken_by)


def askers(*names: str) -> frozenset[str]:
    """Return names as `Standing.asked` has them."""
    return frozenset(filter(None, map(key_of, names)))


def _digest(decision: SignedDecision, approver: Enrolment | None, deployment: str, proposal_id: str) -> str:
    """Return what a yes in an emergency is about, empty where it is not what its person signed."""
    found = envelope.opened(decision.envelope)
    if found is None or approver is None:
        return ""
    words, signed_bytes = found
    about = (words.deployment, words.proposal_id, words.decision, words.meaning)
    meaning = envelope.meaning_of("break_glass", by_self_approval=False)
    row = (decision.proposal_id, decision.approver_id, decision.nonce, decision.decided_at)
    said = (words.proposal_id, words.approver_id, words.nonce, words.decided_at)
    if about != (deployment, proposal_id, "break_glass", meaning) or row != said:
        return ""
    known = words.approver_name == approver.name and words.method != "session"
    return words.digest if known and _is_signed(words, signed_bytes, decision.signature, approver) else ""


def _is_signed(words: Envelope, signed_bytes: bytes, signature: str, approver: Enrolment) -> bool:
    if not isinstance(words, OidcEnvelope):
        own = words.public_key == approver.public_key
        return own and keys.verifies(approver.public_key, signed_bytes, signature)
    word = PageWord(
        sign_in=words.sign_in,
        page_key=words.public_key,
        said_at=words.decided_at,
        message=signed_bytes,
        signature=signature,
    )
    return not oidc.flaw(word, approver, (words.proposal_id,))
