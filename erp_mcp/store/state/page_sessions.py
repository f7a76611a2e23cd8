"""Who is signed in to the approver's page, and who has failed to."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.audit import AuditEntry
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.page_session import FailedTries, PageSession
from erp_mcp.ports import Clock
from erp_mcp.store.state.audit import StoredAudit
from erp_mcp.store.state.engine import Engine

_COLUMNS: Final = "token_hash, approver_id, method, signed_in_at, seen_at, ends_at"
_ONE: Final = f"SELECT {_COLUMNS} FROM page_session WHERE token_hash = ?"
_BEGIN: Final = f"INSERT INTO page_session ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"
_OVER: Final = "DELETE FROM page_session WHERE ends_at <= ?"
_SEEN: Final = "UPDATE page_session SET seen_at = ? WHERE token_hash = ?"
_END: Final = "DELETE FROM page_session WHERE token_hash = ?"
_TRIES: Final = "SELECT failures, last_at FROM page_try WHERE name = ?"
_FAILED: Final = (
    "INSERT INTO page_try (name, failures, last_at) VALUES (?, ?, ?)"
    " ON CONFLICT (name) DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at"
)
_FORGIVEN: Final = "DELETE FROM page_try WHERE name = ?"


class StoredPageSessions:
    """Sessions of the page by the hash of what a browser holds; beginning and ending one is recorded."""

    def __init__(self, engine: Engine, audit: StoredAudit, clock: Clock) -> None:
        """Keep sessions in what `engine` speaks to; times are of `clock.wall`."""
        self._engine = engine
        self._audit = audit
        self._clock = clock

    def begin(self, session: PageSession) -> None:
        """Store a session with its audit record `page.signed_in`, and forget those that are over.

        Raises:
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        now = exact_instant(self._clock.wall())
        row = (session.token_hash, session.approver_id, session.method, session.signed_in_at)
        with self._engine.writing() as statements:
            statements.execute(_OVER, (now,))
            statements.execute(_BEGIN, (*row, session.seen_at, session.ends_at))
            statements.execute(_FORGIVEN, (session.approver_id,))
            self._audit.add(statements, _entry("page.signed_in", session.approver_id, method=session.method))

    def find(self, token_hash: str) -> PageSession | None:
        """Return a session, over or not; `None` where there is none.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        with self._engine.reading() as statements:
            row = statements.execute(_ONE, (token_hash,)).fetchone()
        if row is None:
            return None
        return PageSession(
            token_hash=row[0], approver_id=row[1], method=row[2], signed_in_at=row[3], seen_at=row[4], ends_at=row[5]
        )

    def seen(self, token_hash: str) -> None:
        """Note that somebody was there now.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        with self._engine.recording() as statements:
            statements.execute(_SEEN, (exact_instant(self._clock.wall()), token_hash))

    def end(self, session: PageSession, *, reason: str) -> None:
        """Forget a session, with the audit record `page.signed_out`; nothing happens where it is gone already.

        Args:
            session: Which.
            reason: `asked`, `idle`, `over`, or `revoked`.

        Raises:
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        with self._engine.writing() as statements:
            if statements.execute(_END, (session.token_hash,)).rowcount == 1:
                self._audit.add(statements, _entry("page.signed_out", session.approver_id, reason=reason))

    def tries(self, name: str) -> FailedTries:
        """Return how often in a row signing in under a name has failed.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        with self._engine.reading() as statements:
            row = statements.execute(_TRIES, (name,)).fetchone()
        return FailedTries(failures=row[0], last_at=row[1]) if row else FailedTries()

    def failed(self, name: str, *, failures: int, code: str) -> None:
        """Note a failure under a name, with the audit record `page.sign_in_refused`.

        Args:
            name: An approver, or one word for everybody who is not.
            failures: How many in a row it is now.
            code: The error that was answered.

        Raises:
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        with self._engine.writing() as statements:
            statements.execute(_FAILED, (name, failures, exact_instant(self._clock.wall())))
            self._audit.add(statements, _entry("page.sign_in_refused", name, code=code, failures=failures))

    def forgive(self, name: str) -> None:
        """Forget the failures of somebody who has just shown that they know their passphrase.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        with self._engine.recording() as statements:
            statements.execute(_FORGIVEN, (name,))


def _entry(kind: str, actor: str, **facts: JsonValue) -> AuditEntry:
    return AuditEntry(kind=kind, correlation_id="", causation_id="", trace="", actor=actor, facts=facts, fields={})
