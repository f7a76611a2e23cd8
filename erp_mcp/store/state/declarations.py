"""Declarations: what an operator says about the licensed way into a system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from erp_mcp.audit.record import text_digest
from erp_mcp.domain.audit import AuditEntry
from erp_mcp.domain.instants import exact_instant
from erp_mcp.ports import Clock
from erp_mcp.store.state.audit import StoredAudit
from erp_mcp.store.state.engine import Engine

if TYPE_CHECKING:
    from erp_mcp.domain.declaration import Declaration

_ALL: Final = "SELECT system, name, target, declared_by, account, pathway, declared_at FROM declaration ORDER BY system"
_DECLARE: Final = (
    "INSERT INTO declaration (system, name, target, declared_by, account, pathway, declared_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (system) DO UPDATE SET name = excluded.name, target = excluded.target,"
    " declared_by = excluded.declared_by, account = excluded.account, pathway = excluded.pathway,"
    " declared_at = excluded.declared_at"
)
_WITHDRAW: Final = "DELETE FROM declaration WHERE system = ?"


class StoredDeclarations:
    """What is declared; every change stands or falls with its audit record and survives power loss."""

    def __init__(self, engine: Engine, audit: StoredAudit, clock: Clock) -> None:
        """Keep declarations in what `engine` speaks to; each change is recorded through `audit`."""
        self._engine = engine
        self._audit = audit
        self._clock = clock

    def all(self) -> dict[str, Declaration]:
        """Return the declarations in force, by system.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        from erp_mcp.domain.declaration import Declaration  # the path of a call has no use for it

        with self._engine.reading() as session:
            rows = session.execute(_ALL).fetchall()
        return {
            system: Declaration(system=system, name=name, target=target, by=by, account=account, pathway=pathway, at=at)
            for system, name, target, by, account, pathway, at in rows
        }

    def declare(self, declared: Declaration) -> None:
        """Store a declaration in place of the one there was, with the audit record `declaration.made`.

        Raises:
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        at = exact_instant(self._clock.wall())
        row = (declared.system, declared.name, declared.target, declared.by, declared.account, declared.pathway, at)
        with self._engine.writing() as session:
            session.execute(_DECLARE, row)
            self._audit.add(session, _made(declared))

    def withdraw(self, system: str, *, account: str) -> bool:
        """Take a system's declaration back, with the audit record `declaration.withdrawn`; say whether there was one.

        Raises:
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        with self._engine.writing() as session:
            if session.execute(_WITHDRAW, (system,)).rowcount != 1:
                return False
            entry = AuditEntry(
                kind="declaration.withdrawn",
                correlation_id="",
                causation_id="",
                trace="",
                actor=account,
                facts={"system": system},
                fields={},
            )
            self._audit.add(session, entry)
        return True


def _made(declared: Declaration) -> AuditEntry:
    """Return the record: what vouches for the row in the clear, the person and their words as values beside it."""
    return AuditEntry(
        kind="declaration.made",
        correlation_id="",
        causation_id="",
        trace="",
        actor=declared.account,
        facts={
            "system": declared.system,
            "declaration": declared.name,
            "target": declared.target,
            "text_digest": text_digest(declared.by, declared.pathway),
        },
        fields={"by": declared.by, "pathway": declared.pathway},
    )
