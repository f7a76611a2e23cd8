"""Applied policy bundles."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from erp_mcp.domain.audit import AuditEntry
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.instants import exact_instant
from erp_mcp.errors import BundleChangedError
from erp_mcp.ports import Clock
from erp_mcp.store.state.audit import StoredAudit
from erp_mcp.store.state.engine import Engine

if TYPE_CHECKING:
    from erp_mcp.domain.approver import Applied, Signed

_LOCK: Final = "policy"
_ACTIVE_DIGEST: Final = "SELECT digest FROM policy_bundle ORDER BY version DESC LIMIT 1"
_ACTIVE: Final = "SELECT digest, bundle FROM policy_bundle ORDER BY version DESC LIMIT 1"
_ADD: Final = (
    "INSERT INTO policy_bundle"
    " (version, digest, bundle, applied_by, applied_at, audit_seq, approval, approval_signer, approval_signature)"
    " VALUES ((SELECT COALESCE(MAX(version), 0) + 1 FROM policy_bundle), ?, ?, ?, ?, ?, ?, ?, ?) RETURNING version"
)
# The newest one counts whenever it was applied.
_APPLIED: Final = (
    "SELECT digest, applied_by, applied_at, approval, approval_signer, approval_signature,"
    " COALESCE((SELECT older.digest FROM policy_bundle AS older WHERE older.version < policy_bundle.version"
    " ORDER BY older.version DESC LIMIT 1), '') FROM policy_bundle"
    " WHERE rtrim(applied_at, 'Z') >= rtrim(?, 'Z') OR version = (SELECT MAX(version) FROM policy_bundle)"
    " ORDER BY version DESC"
)


class StoredBundles:
    """Applied policy bundles: a history whose newest row is active for all processes at once."""

    def __init__(self, engine: Engine, audit: StoredAudit, clock: Clock) -> None:
        """Keep bundles in what `engine` speaks to; each change is recorded through `audit`."""
        self._engine = engine
        self._audit = audit
        self._clock = clock
        self._seen: tuple[int | None, str] = (None, "")

    def active_digest(self) -> str:
        """Return the digest of the applied bundle, empty when none was applied; cheap enough for every call.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        with self._engine.reading() as session:
            mark = session.mark()
            if mark is None or mark != self._seen[0]:
                row = session.execute(_ACTIVE_DIGEST).fetchone()
                self._seen = (mark, row[0] if row else "")
            return self._seen[1]

    def active(self) -> tuple[str, str]:
        """Return (digest, canonical JSON) of the applied bundle; both empty when none was applied.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        with self._engine.reading() as session:
            row = session.execute(_ACTIVE).fetchone()
        return (row[0], row[1]) if row else ("", "")

    def applied(self, *, since: str = "") -> list[Applied]:
        """Return who applied bundles since an instant, newest first; the newest of all is always among them.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        from erp_mcp.domain.approver import Applied, Signed  # the path of a call has no use for them

        with self._engine.reading() as session:
            rows = session.execute(_APPLIED, (since,)).fetchall()
        return [
            Applied(
                digest=digest,
                applied_by=by,
                applied_at=at,
                approval=Signed(text=text, signer=signer, signature=signature) if text else None,
                previous=previous,
            )
            for digest, by, at, text, signer, signature, previous in rows
        ]

    def put_bundle(
        self,
        digest: str,
        bundle: str,
        *,
        applied_by: str,
        previous: str,
        correlation_id: str = "",
        approval: Signed | None = None,
    ) -> int:
        """Make a bundle the active one, together with its audit record `policy.applied`; survives power loss.

        Args:
            digest: SHA-256 of the bundle, lower-case hex.
            bundle: Its canonical JSON.
            applied_by: The operator's account.
            previous: Digest that the operator saw as active, empty for none.
            correlation_id: Joins this with other acts of one piece of work.
            approval: An approver's signature, where the bundle newly allows writes; it is kept, not verified here.

        Returns:
            The version: 1 for the first bundle of a deployment, then rising by one.

        Raises:
            BundleChangedError: `policy.bundle_changed`, when another bundle was applied meanwhile; nothing was written.
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        signed = (approval.text, approval.signer, approval.signature) if approval else ("", "", "")
        facts: dict[str, JsonValue] = {"bundle": digest, "previous": previous, **_signature(approval)}
        with self._engine.writing() as session:
            session.lock(_LOCK)
            row = session.execute(_ACTIVE_DIGEST).fetchone()
            if (row[0] if row else "") != previous:
                raise BundleChangedError(active=row[0] if row else "")
            record = self._audit.add(session, _entry(applied_by, correlation_id, facts))
            values = (digest, bundle, applied_by, exact_instant(self._clock.wall()), record.seq, *signed)
            return int(session.execute(_ADD, values).fetchone()[0])


def _signature(approval: Signed | None) -> dict[str, JsonValue]:
    """Return what the record says of an approval: who signed which text, so that the signature can be checked later."""
    if approval is None:
        return {}
    text = sha256(approval.text.encode("utf-8")).hexdigest()
    return {"approver": approval.signer, "approval_digest": text, "signature": approval.signature}


def _entry(actor: str, correlation_id: str, facts: dict[str, JsonValue]) -> AuditEntry:
    return AuditEntry(
        kind="policy.applied",
        correlation_id=correlation_id,
        causation_id="",
        trace="",
        actor=actor,
        facts=facts,
        fields={},
    )
