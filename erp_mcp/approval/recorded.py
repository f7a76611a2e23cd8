"""Whether what people signed about proposals is true, from the records of the audit alone: whose, and about what.

The worker looks at each signature before it sends. This looks at all of them again, years later if need be: also at
those by which nothing was sent, and at the statements and reviews that come afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, Protocol

from erp_mcp.approval import envelope, keys, oidc, resolution, review
from erp_mcp.approval.envelope import OidcEnvelope
from erp_mcp.approval.resolution import OidcResolution
from erp_mcp.approval.review import OidcReview
from erp_mcp.domain.approver import account_row, page_row
from erp_mcp.domain.audit import AuditRecord
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import GLASS_REVIEWED

_MOST: Final = 1_000  # findings that are kept
_BY_A_PAGE: Final = (OidcEnvelope, OidcResolution, OidcReview)


class _Words(oidc.Words, Protocol):
    """What all of them say."""

    @property
    def digest(self) -> str:
        """Return that of the whole content that they are about."""

    @property
    def approver_id(self) -> str:
        """Return whose they are."""


class _Enrolled(NamedTuple):
    """What the record of an enrolment says; `person` is empty where its words were erased, or are those of a page."""

    public_key: str
    person: str


class Signatures:
    """Gathers through the log who was enrolled with which key, and holds each signed record against that.

    `held` is how many signatures are true. `flaws` are the numbers of the records of others and why not: `form` (not
    the words that are signed), `signature` (not of these words by this key), `other` (about another proposal, another
    content, or of another person than the record says), `not_enrolled` (nobody had that key then).
    """

    def __init__(self) -> None:
        """Begin with nobody enrolled."""
        self.held = 0
        self.flaws: list[tuple[int, str]] = []
        self._enrolled: dict[str, _Enrolled] = {}
        self._revoked: set[str] = set()

    def through(self, records: Iterable[AuditRecord]) -> Iterator[AuditRecord]:
        """Yield records as they come, in the order of the log, and look at each."""
        for record in records:
            self._see(record)
            yield record

    def _see(self, record: AuditRecord) -> None:
        try:
            leaf = json.loads(record.leaf)
            kind, facts = leaf["kind"], leaf["facts"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return  # the chain says what is wrong with it
        if not isinstance(facts, dict):
            return
        if kind == "approver.enrolled":
            self._enrolled[str(facts.get("approver"))] = _Enrolled(str(facts.get("public_key", "")), _person(record))
        elif kind == "approver.revoked":
            self._enrolled.pop(str(facts.get("approver")), None)
            self._revoked.add(str(facts.get("approver")))
        elif str(kind).startswith("proposal.") and "signature" in facts and (text := _text(record)) is not None:
            self._judge(record.seq, str(kind), facts, text)

    def _judge(self, seq: int, kind: str, facts: dict[str, JsonValue], text: str) -> None:
        flaw = self._flaw(kind, facts, text)
        if not flaw:
            self.held += 1
        elif len(self.flaws) < _MOST:
            self.flaws.append((seq, flaw))

    def _flaw(self, kind: str, facts: dict[str, JsonValue], text: str) -> str:
        found = _opened(kind, facts, text)
        if found is None:
            return "form"
        words, signed = found
        if not keys.verifies(words.public_key, signed, str(facts.get("signature"))):
            return "signature"
        said = (words.proposal_id, words.digest, words.approver_id)
        if said != (facts.get("proposal_id"), facts.get("digest"), facts.get("approver")):
            return "other"
        return "" if self._is_known(words) else "not_enrolled"

    def _is_known(self, words: _Words) -> bool:
        if not isinstance(words, _BY_A_PAGE):
            own = self._enrolled.get(words.approver_id)
            return own is not None and own.public_key == words.public_key
        account = self._enrolled.get(account_row(words.sign_in.issuer, words.sign_in.subject))
        page = self._enrolled.get(page_row(words.public_key))
        if account is None or page is None or words.approver_id in self._revoked:  # with their own key goes all of them
            return False
        return account.person in ("", words.approver_id) and page.public_key == words.public_key


def _text(record: AuditRecord) -> str | None:
    """Return the signed words that a record keeps, `None` where it keeps none about a proposal, or they were erased."""
    for name in ("envelope", "statement"):
        _, value = record.details.get(name, ("", None))
        if isinstance(value, str):
            return value
    return None


def _person(record: AuditRecord) -> str:
    """Return whom the words of an enrolment let decide, empty where they are gone or name nobody."""
    _, text = record.details.get("text", ("", None))
    try:
        told = json.loads(text) if isinstance(text, str) else {}
        return str(told.get("approver_id", ""))
    except (ValueError, AttributeError, RecursionError):
        return ""


def _opened(kind: str, facts: dict[str, JsonValue], text: str) -> tuple[_Words, bytes] | None:
    if "envelope_digest" in facts:
        return envelope.opened(text)
    return review.opened(text) if kind == GLASS_REVIEWED else resolution.opened(text)
