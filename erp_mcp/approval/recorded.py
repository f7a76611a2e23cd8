"""Whether what people signed is true, from the records of the audit alone: whose it is, and about what.

The worker looks at each signature before it sends. This looks at all of them again, years later if need be: also at
those by which nothing was sent, at the statements and reviews that come afterwards, at words about what an agent read,
and at the enrolments and revocations that all of them stand on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple, Protocol

from erp_mcp.approval import envelope, keys, registry, resolution, review, taint
from erp_mcp.approval.envelope import Envelope, OidcEnvelope
from erp_mcp.approval.resolution import OidcResolution, Resolution
from erp_mcp.approval.review import OidcReview, Review
from erp_mcp.approval.taint import OidcClearing
from erp_mcp.domain.approver import Approver, Enrolment, Signed, account_row, page_row
from erp_mcp.domain.audit import AuditRecord
from erp_mcp.domain.lifecycle import GLASS_REVIEWED, RESOLVE_APPLIED, RESOLVE_NOT_APPLIED, RESOLVE_TAKE_BACK

_MOST: Final = 1_000  # findings that are kept
_BY_A_PAGE: Final = (OidcEnvelope, OidcResolution, OidcReview, OidcClearing)
_DECIDED: Final = frozenset({"approve", "reject", "break_glass"})
_STATED: Final = frozenset({RESOLVE_APPLIED, RESOLVE_NOT_APPLIED, RESOLVE_TAKE_BACK, "review"})


class _Words(Protocol):
    """What all of them say."""

    @property
    def approver_id(self) -> str:
        """Return whose they are."""

    @property
    def public_key(self) -> str:
        """Return whose key signed them: the person's own, or the page's."""


class _Enrolled(NamedTuple):
    """What the record of an enrolment says; `person` is empty where its words were erased, or are those of a page."""

    public_key: str
    person: str


class Signatures:
    """Gathers through the log who was enrolled with which key, and holds each signed record against that.

    `held` is how many signatures under decisions, statements and reviews are true. `flaws` are the numbers of the
    records of all that is signed and is not, and why: `form` (not the words that are signed, or none at all),
    `signature` (not of these words by this key), `other` (another word than the record says, about something else, or
    of another person), `not_enrolled` (nobody had that key then).
    """

    def __init__(self) -> None:
        """Begin with nobody enrolled."""
        self.held = 0
        self.flaws: list[tuple[int, str]] = []
        self._enrolled: dict[str, _Enrolled] = {}
        self._revoked: set[str] = set()
        self._signers: dict[str, str] = {}  # the keys of all people who were ever enrolled; those enrol and revoke

    def through(self, records: Iterable[AuditRecord]) -> Iterator[AuditRecord]:
        """Yield records as they come, in the order of the log, and look at each."""
        for record in records:
            self._see(record)
            yield record

    def _see(self, record: AuditRecord) -> None:
        try:
            leaf = json.loads(record.leaf)
            kind, facts = str(leaf["kind"]), leaf["facts"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return  # the chain says what is wrong with it
        if not isinstance(facts, dict):
            return
        flaw: str | None = None
        if kind == "approver.enrolled":
            flaw = self._enrolment_flaw(facts, _kept(record, leaf, "text"))
        elif kind == "approver.revoked":
            flaw = self._revocation_flaw(facts, _kept(record, leaf, "text"))
        elif kind == "taint.cleared":
            flaw = self._clearing_flaw(facts, str(leaf.get("actor")), _kept(record, leaf, "statement"))
        elif kind.startswith("proposal.") and ("signature" in facts or facts.get("move") in _DECIDED | _STATED):
            flaw = self._word_flaw(kind, facts, record, leaf)
            self.held += flaw == ""
        if flaw and len(self.flaws) < _MOST:
            self.flaws.append((record.seq, flaw))

    # --- Who there is -------------------------------------------------------------------------------------------------

    def _enrolment_flaw(self, facts: Mapping[str, Any], text: str | None) -> str | None:
        """Take in an enrolment, and return what is wrong with it; `None` where its words were erased."""
        row_id, key = str(facts.get("approver")), str(facts.get("public_key", ""))
        found = registry.opened(_row(facts, text)) if text is not None else None
        words = found[0] if found is not None else None
        first = isinstance(words, Enrolment) and words.enrolled_by == words.approver_id and not self._signers
        signer = key if first else self._signers.get(str(facts.get("signer")), "")
        self._enrolled[row_id] = _Enrolled(key, str(getattr(words, "approver_id", "")))
        if ":" not in row_id:
            self._signers[row_id] = key
        if text is None:
            return None
        if found is None or words is None:
            return "form"
        said = (registry.row_id(words), words.enrolled_by, getattr(words, "public_key", ""))
        return _signed_flaw(facts, found[1], signer, agrees=said == (row_id, str(facts.get("signer")), key))

    def _revocation_flaw(self, facts: Mapping[str, Any], text: str | None) -> str | None:
        """Take in a revocation, and return what is wrong with it; `None` where its words were erased."""
        row_id, signer = str(facts.get("approver")), str(facts.get("signer"))
        self._enrolled.pop(row_id, None)
        self._revoked.add(row_id)
        if text is None:
            return None
        found = registry.opened_revocation(text)
        if found is None:
            return "form"
        said = (found[0].approver_id, found[0].revoked_by)
        return _signed_flaw(facts, found[1], self._signers.get(signer, ""), agrees=said == (row_id, signer))

    def _is_known(self, words: _Words) -> bool:
        if not isinstance(words, _BY_A_PAGE):
            own = self._enrolled.get(words.approver_id)
            return own is not None and own.public_key == words.public_key
        account = self._enrolled.get(account_row(words.sign_in.issuer, words.sign_in.subject))
        page = self._enrolled.get(page_row(words.public_key))
        if account is None or page is None or words.approver_id in self._revoked:  # with their own key goes all of them
            return False
        return account.person in ("", words.approver_id) and page.public_key == words.public_key

    # --- What they say ------------------------------------------------------------------------------------------------

    def _word_flaw(
        self, kind: str, facts: Mapping[str, Any], record: AuditRecord, leaf: Mapping[str, Any]
    ) -> str | None:
        """Return what is wrong with what somebody said of a proposal; `None` where the words were erased."""
        is_decision = "envelope_digest" in facts or facts.get("move") in _DECIDED
        text = _kept(record, leaf, "envelope" if is_decision else "statement")
        if text is None:
            return None
        found = _opened(kind, text, is_decision=is_decision)
        if found is None:
            return "form"
        words, signed_bytes = found
        about = (words.proposal_id, words.digest, words.approver_id, words.nonce)
        told = tuple(facts.get(name) for name in ("proposal_id", "digest", "approver", "nonce"))
        agrees = about == told and _move_of(words) == facts.get("move")
        return self._flaw(words, signed_bytes, facts, text, agrees=agrees)

    def _clearing_flaw(self, facts: Mapping[str, Any], actor: str, text: str | None) -> str | None:
        """Return what is wrong with what somebody said of an agent's reading; `None` where the words were erased."""
        if text is None:
            return None
        found = taint.opened(text)
        if found is None:
            return "form"
        words, signed_bytes = found
        agrees = (words.agent, words.approver_id) == (facts.get("agent"), actor)
        return self._flaw(words, signed_bytes, facts, text, agrees=agrees)

    def _flaw(self, words: _Words, signed_bytes: bytes, facts: Mapping[str, Any], text: str, *, agrees: bool) -> str:
        flaw = _signed_flaw(facts, signed_bytes, words.public_key, agrees=agrees)
        if not flaw and not self._is_known(words):
            return "not_enrolled"
        is_same = _digest(text) == facts.get("envelope_digest", facts.get("statement_digest"))
        return flaw or ("" if is_same else "other")


def _signed_flaw(facts: Mapping[str, Any], signed_bytes: bytes, public_key: str, *, agrees: bool) -> str:
    if not public_key:
        return "not_enrolled"
    if not keys.verifies(public_key, signed_bytes, str(facts.get("signature"))):
        return "signature"
    return "" if agrees else "other"


def _opened(kind: str, text: str, *, is_decision: bool) -> tuple[Envelope | Resolution | Review, bytes] | None:
    if is_decision:
        return envelope.opened(text)
    return review.opened(text) if kind == GLASS_REVIEWED else resolution.opened(text)


def _move_of(words: Envelope | Resolution | Review) -> str:
    """Return by which move something like this is said."""
    if isinstance(words, Envelope):
        return words.decision
    return "review" if isinstance(words, Review) else f"resolve_{words.verdict}"


def _row(facts: Mapping[str, Any], text: str) -> Approver:
    signed = Signed(text=text, signer=str(facts.get("signer")), signature=str(facts.get("signature")))
    return Approver(approver_id=str(facts.get("approver")), enrolment=signed, sealed_key="")


def _kept(record: AuditRecord, leaf: Mapping[str, Any], name: str) -> str | None:
    """Return the signed words that a record keeps, empty where it never did, `None` where they were erased."""
    _, value = record.details.get(name, ("", None))
    if isinstance(value, str):
        return value
    return None if isinstance(leaf.get("fields"), dict) and name in leaf["fields"] else ""


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
