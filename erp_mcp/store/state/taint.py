"""Which agents have read text that outsiders wrote, and what approvers say of it; whoever uses that verifies it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from erp_mcp.domain.approver import Signed
from erp_mcp.domain.audit import AuditEntry
from erp_mcp.domain.taint import OutsiderText
from erp_mcp.store.state.audit import StoredAudit
from erp_mcp.store.state.engine import Engine
from erp_mcp.store.state.words import check_not_revoked

_ONE: Final = "SELECT agent, read_at, fields FROM taint WHERE agent = ?"
_ALL: Final = "SELECT agent, read_at, fields FROM taint ORDER BY agent"
_CLEARINGS: Final = (
    "SELECT statement, signer, signature FROM taint_clearing WHERE agent = ? ORDER BY cleared_at DESC LIMIT 20"
)
_CLEAR: Final = (
    "INSERT INTO taint_clearing (nonce, agent, statement, signer, signature, cleared_at) VALUES (?, ?, ?, ?, ?, ?)"
)


class StoredTaint:
    """What agents have read that outsiders wrote."""

    def __init__(self, engine: Engine, audit: StoredAudit) -> None:
        """Keep it in what `engine` speaks to; each clearing is recorded through `audit`."""
        self._engine = engine
        self._audit = audit

    def of(self, agent: str) -> OutsiderText | None:
        """Return what an agent read last, `None` where it never read any.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        with self._engine.reading() as session:
            row = session.execute(_ONE, (agent,)).fetchone()
        return _read(row) if row is not None else None

    def all(self) -> list[OutsiderText]:
        """Return what every agent read last, by agent; raises as `of`."""
        with self._engine.reading() as session:
            return [_read(row) for row in session.execute(_ALL).fetchall()]

    def clearings(self, agent: str) -> list[Signed]:
        """Return what approvers said of it, newest first; nothing of it is verified here. Raises as `of`."""
        with self._engine.reading() as session:
            rows = session.execute(_CLEARINGS, (agent,)).fetchall()
        return [Signed(text=text, signer=signer, signature=signature) for text, signer, signature in rows]

    def clear(self, agent: str, statement: Signed, *, nonce: str, at: str) -> None:
        """Store an approver's word with its audit record `taint.cleared`; survives power loss.

        Raises:
            ApproverNotFoundError: `approval.not_found`, for somebody revoked meanwhile; nothing was written.
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        with self._engine.writing() as session:
            check_not_revoked(session, statement.signer, statement.text)
            row = (nonce, agent, statement.text, statement.signer, statement.signature, at)
            session.execute(_CLEAR, row)
            entry = AuditEntry(
                kind="taint.cleared",
                correlation_id="",
                causation_id="",
                trace="",
                actor=statement.signer,
                facts={
                    "agent": agent,
                    "statement_digest": sha256(statement.text.encode("utf-8")).hexdigest(),
                    "signature": statement.signature,
                },
                fields={"statement": statement.text},
            )
            self._audit.add(session, entry)


def _read(row: Sequence[str]) -> OutsiderText:
    agent, read_at, fields = row
    try:
        named = json.loads(fields)
    except ValueError:
        named = []
    return OutsiderText(agent=agent, read_at=read_at, fields=tuple(str(one) for one in named))
