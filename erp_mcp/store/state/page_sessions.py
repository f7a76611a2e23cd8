"""Who is signed in to the approver's page, and who has failed to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from erp_mcp.domain.audit import AuditEntry
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.instants import exact_instant, parse_instant
from erp_mcp.domain.page_session import (
    FORGOTTEN_AFTER,
    CameBack,
    EndedThere,
    FailedTries,
    PageSession,
    ReturnLimits,
)
from erp_mcp.ports import Clock
from erp_mcp.store.state.audit import StoredAudit
from erp_mcp.store.state.engine import Engine, Session

_COLUMNS: Final = "token_hash, approver_id, method, signed_in_at, seen_at, ends_at, provider_session"
_ONE: Final = f"SELECT {_COLUMNS} FROM page_session WHERE token_hash = ?"
_BEGIN: Final = f"INSERT INTO page_session ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_OVER: Final = "DELETE FROM page_session WHERE ends_at <= ?"
_SEEN: Final = "UPDATE page_session SET seen_at = ? WHERE token_hash = ?"
_END: Final = "DELETE FROM page_session WHERE token_hash = ?"
_TRIES: Final = "SELECT failures, last_at FROM page_try WHERE name = ?"
# Whoever saw the same number before, in whatever process, adds to what is there.
_FAILED: Final = (
    "INSERT INTO page_try (name, failures, last_at) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
    " failures = CASE WHEN page_try.last_at > ? AND page_try.failures >= excluded.failures"
    " THEN page_try.failures + 1 ELSE excluded.failures END, last_at = excluded.last_at"
)
_FORGIVEN: Final = "DELETE FROM page_try WHERE name = ?"
_THERE: Final = "(at the provider)"  # begins the names under which refusals there are counted; no approver has such
_COUNTED: Final = (
    "INSERT INTO page_try (name, failures, last_at) VALUES (?, 1, '')"
    " ON CONFLICT (name) DO UPDATE SET failures = page_try.failures + 1 RETURNING failures, last_at"
)
_TOLD: Final = "UPDATE page_try SET failures = 0, last_at = ? WHERE name = ?"
_UNTOLD: Final = (
    "SELECT name, failures FROM page_try WHERE substr(name, 1, ?) = ? AND failures > 0 AND last_at <= ? ORDER BY name"
)
TOLD_EVERY: Final = timedelta(minutes=1)
_WORD: Final = "(signed out there)"  # begins the names under which words of the provider are remembered as used
_WORD_ONCE: Final = "INSERT INTO page_try (name, failures, last_at) VALUES (?, 0, ?) ON CONFLICT (name) DO NOTHING"
_WORDS_OVER: Final = "DELETE FROM page_try WHERE substr(name, 1, ?) = ? AND last_at < ?"
_CAME: Final = "(came back)"  # begins the names under which returns from the provider are counted
_USED: Final = "(came back with)"  # and those under which the sign-ins are remembered that they were of
_NO_MORE: Final = "DELETE FROM page_try WHERE substr(name, 1, ?) = ? AND last_at <= ?"
_LATELY: Final = "SELECT name, last_at FROM page_try WHERE substr(name, 1, ?) = ? ORDER BY last_at, name"
_ACCOUNTS: Final = f"SELECT {_COLUMNS} FROM page_session WHERE method = 'oidc' ORDER BY token_hash"
WORDS_KEPT: Final = timedelta(minutes=30)  # longer than one is believed


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
            statements.execute(_BEGIN, (*row, session.seen_at, session.ends_at, session.provider_session))
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
        return _session(row)

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
            reason: `asked`, `idle`, `over`, or `revoked`; `provider` where one ended there.

        Raises:
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        with self._engine.writing() as statements:
            if statements.execute(_END, (session.token_hash,)).rowcount == 1:
                self._audit.add(statements, _entry("page.signed_out", session.approver_id, reason=reason))

    def end_there(self, told: EndedThere) -> tuple[str, ...] | None:
        """Forget the sessions that came of one at the provider, with their audit records `page.signed_out`.

        Returns:
            The hashes of those that were there; `None`, and nothing is done, where the provider's word was used before.

        Raises:
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        now = self._clock.wall()
        with self._engine.writing() as statements:
            statements.execute(_WORDS_OVER, (len(_WORD), _WORD, exact_instant(now - WORDS_KEPT)))
            if statements.execute(_WORD_ONCE, (f"{_WORD} {told.word}", exact_instant(now))).rowcount != 1:
                return None
            found = [_session(row) for row in statements.execute(_ACCOUNTS).fetchall()]
            ended = tuple(one for one in found if told.covers(one))
            # All of them before the first record: behind the records nothing waits for a row.
            gone = [one for one in ended if statements.execute(_END, (one.token_hash,)).rowcount == 1]
            for one in gone:
                self._audit.add(statements, _entry("page.signed_out", one.approver_id, reason="provider"))
        return tuple(one.token_hash for one in ended)

    def come_back(self, state: str, client: str, limits: ReturnLimits) -> CameBack:
        """Let a return from the provider through, once for the sign-in that it is of, or say why not.

        All processes of the page count together.

        Args:
            state: Tells the sign-in from any other, without a blank.
            client: Who asks, without a blank; empty for one that is not counted.
            limits: How many there may be.

        Raises:
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        now, used = self._clock.wall(), f"{_USED} {state}"
        came = f"{_CAME} "
        with self._engine.recording() as statements:
            statements.lock(_CAME)
            statements.execute(_NO_MORE, (len(came), came, exact_instant(now - limits.window)))
            statements.execute(_NO_MORE, (len(_USED), _USED, exact_instant(now - limits.lasts)))
            if statements.execute(_TRIES, (used,)).fetchone() is not None:
                return CameBack(was_used=True)
            name = f"{came}{client} {state}" if client else ""
            lately = statements.execute(_LATELY, (len(came), came)).fetchall() if client else []
            theirs = [at for one, at in lately if one.startswith(f"{came}{client} ")]
            full = theirs[:1] if len(theirs) >= limits.per_client else []
            full = full or [at for _, at in lately[:1] if len(lately) >= limits.in_all]
            if full:
                return CameBack(full_since=full[0])
            for one in filter(None, (used, name)):
                statements.execute(_WORD_ONCE, (one, exact_instant(now)))
        return CameBack(name=name)

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
            failures: How many in a row it is now, as far as the caller has seen; one more where others were quicker.
            code: The error that was answered.

        Raises:
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        with self._engine.writing() as statements:
            now = self._clock.wall()
            row = (name, failures, exact_instant(now), exact_instant(now - FORGOTTEN_AFTER))
            statements.execute(_FAILED, row)
            self._audit.add(statements, _entry("page.sign_in_refused", name, code=code, failures=failures))

    def refused_there(self, kind: str, code: str, reason: str) -> None:
        """Count something of the provider's that was refused.

        The first of a minute is recorded at once, as `kind`; those after it are kept as a number, which
        the first record after that minute tells (`count`). So strangers can't fill the log, and none goes uncounted.

        Args:
            kind: `page.sign_in_refused`, or `page.sign_out_refused` for its word that somebody has left.
            code: The error that was answered.
            reason: Its reason, one of a few words; empty for none.

        Raises:
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        now, name = self._clock.wall(), f"{_THERE} {kind} {code} {reason}".strip()
        with self._engine.writing() as statements:
            untold, told_at = statements.execute(_COUNTED, (name,)).fetchone()
            if not told_at or now - parse_instant(told_at) >= TOLD_EVERY:
                self._tell(statements, name, untold)

    def tell_refusals(self) -> None:
        """Record what was counted in minutes that are over and not told yet.

        Raises:
            StateUnavailableError: `state.unavailable`; nothing was written.
        """
        over = exact_instant(self._clock.wall() - TOLD_EVERY)
        with self._engine.writing() as statements:
            held = f"{_UNTOLD}{statements.holding}"
            for name, untold in statements.execute(held, (len(_THERE), _THERE, over)).fetchall():
                self._tell(statements, name, untold)

    def _tell(self, statements: Session, name: str, untold: int) -> None:
        kind, code, reason = (*name.removeprefix(_THERE).strip().split(" ", 2), "")[:3]
        statements.execute(_TOLD, (exact_instant(self._clock.wall()), name))
        self._audit.add(statements, _entry(kind, _THERE, code=code, reason=reason, count=untold))

    def forgive(self, name: str) -> None:
        """Forget the failures of somebody who has just shown that they know their passphrase.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        with self._engine.recording() as statements:
            statements.execute(_FORGIVEN, (name,))


def _session(row: Sequence[str]) -> PageSession:
    return PageSession(
        token_hash=row[0],
        approver_id=row[1],
        method="oidc" if row[2] == "oidc" else "passphrase",
        signed_in_at=row[3],
        seen_at=row[4],
        ends_at=row[5],
        provider_session=row[6],
    )


def _entry(kind: str, actor: str, **facts: JsonValue) -> AuditEntry:
    return AuditEntry(kind=kind, correlation_id="", causation_id="", trace="", actor=actor, facts=facts, fields={})
