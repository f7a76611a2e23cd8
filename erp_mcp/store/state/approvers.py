"""Enrolments and revocations of approvers; whoever uses them verifies them."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Final

from erp_mcp.domain.approver import Approver, Signed
from erp_mcp.domain.audit import AuditEntry
from erp_mcp.domain.call import JsonValue
from erp_mcp.errors import ApproverExistsError, ApproverNotFoundError
from erp_mcp.store.state.audit import StoredAudit
from erp_mcp.store.state.engine import Engine
from erp_mcp.store.state.words import LOCK

_ALL: Final = (
    "SELECT approver_id, enrolment, enrolment_signer, enrolment_signature, sealed_key,"
    " revocation, revocation_signer, revocation_signature FROM approver ORDER BY position"
)
_TAKEN: Final = (
    "SELECT approver_id = :approver FROM approver WHERE approver_id = :approver OR public_key = :key ORDER BY 1 DESC"
)
_ENROL: Final = (
    "INSERT INTO approver"
    " (position, approver_id, enrolment, enrolment_signer, enrolment_signature, public_key, sealed_key)"
    " VALUES ((SELECT COALESCE(MAX(position), 0) + 1 FROM approver), ?, ?, ?, ?, ?, ?)"
)
_REVOKE: Final = (
    "UPDATE approver SET revocation = ?, revocation_signer = ?, revocation_signature = ?"
    " WHERE approver_id = ? AND revocation = ''"
)


class StoredApprovers:
    """Who may decide, as enrolled and revoked; every change stands or falls with its audit record."""

    def __init__(self, engine: Engine, audit: StoredAudit) -> None:
        """Keep enrolments in what `engine` speaks to; each change is recorded through `audit`."""
        self._engine = engine
        self._audit = audit

    def all(self) -> list[Approver]:
        """Return every enrolment, revoked ones too, oldest first.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        with self._engine.reading() as session:
            rows = session.execute(_ALL).fetchall()
        return [
            Approver(
                approver_id=row[0],
                enrolment=Signed(text=row[1], signer=row[2], signature=row[3]),
                sealed_key=row[4],
                revocation=Signed(text=row[5], signer=row[6], signature=row[7]) if row[5] else None,
            )
            for row in rows
        ]

    def enrol(self, approver: Approver) -> None:
        """Store an enrolment with its audit record `approver.enrolled`; survives power loss.

        Raises:
            ApproverExistsError: `approval.exists`, for an id or key that is taken, also by somebody revoked since.
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        signed, public_key = approver.enrolment, approver.account or _public_key(approver.enrolment.text)
        with self._engine.writing() as session:
            session.lock(LOCK)
            taken = session.execute(_TAKEN, {"approver": approver.approver_id, "key": public_key}).fetchone()
            if taken is not None:
                what = "account" if approver.account else "id" if taken[0] else "key"
                raise ApproverExistsError(approver_id=approver.approver_id, taken=what)
            values = (signed.text, signed.signer, signed.signature, public_key, approver.sealed_key)
            session.execute(_ENROL, (approver.approver_id, *values))
            self._audit.add(session, _entry("approver.enrolled", approver.approver_id, signed))

    def revoke(self, approver_id: str, revocation: Signed) -> None:
        """Store a revocation with its audit record `approver.revoked`; it is final, and survives power loss.

        Raises:
            ApproverNotFoundError: `approval.not_found`, for an id that is not enrolled, or not any more.
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        with self._engine.writing() as session:
            session.lock(LOCK)
            values = (revocation.text, revocation.signer, revocation.signature, approver_id)
            if session.execute(_REVOKE, values).rowcount != 1:
                raise ApproverNotFoundError(approver_id=approver_id)
            self._audit.add(session, _entry("approver.revoked", approver_id, revocation))


def _entry(kind: str, approver_id: str, signed: Signed) -> AuditEntry:
    """Return the record: key, digest and signature in the clear, so that they can be checked; the name is erasable."""
    facts: dict[str, JsonValue] = {
        "approver": approver_id,
        "signer": signed.signer,
        "text_digest": sha256(signed.text.encode("utf-8")).hexdigest(),
        "signature": signed.signature,
    }
    if public_key := _public_key(signed.text):
        facts["public_key"] = public_key
    return AuditEntry(
        kind=kind,
        correlation_id="",
        causation_id="",
        trace="",
        actor=signed.signer,
        facts=facts,
        fields={"text": signed.text},
    )


def _public_key(text: str) -> str | None:
    try:
        told = json.loads(text)
    except ValueError:
        return None
    key = told.get("public_key") if isinstance(told, dict) else None
    return key if isinstance(key, str) else None
