"""The kill switch: rows that stop writes, looked at inside the transactions that would go on with them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Final

from erp_mcp.domain.approver import Stop
from erp_mcp.domain.audit import AuditEntry
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.proposal import Content
from erp_mcp.errors import BadScopeError, WritesStoppedError
from erp_mcp.ports import Clock
from erp_mcp.store.state.audit import StoredAudit
from erp_mcp.store.state.engine import SWITCHES, Engine, Session

_SCOPE: Final = re.compile(r"all|(?:tool|agent|system|site):[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SITE: Final = "site:"
_ALL: Final = "SELECT scope, set_by, set_at, reason FROM kill_switch ORDER BY scope"
_SCOPES: Final = "SELECT scope FROM kill_switch ORDER BY scope"
_STOP: Final = (
    "INSERT INTO kill_switch (scope, set_by, set_at, reason) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (scope) DO UPDATE SET reason = excluded.reason"
)


class StoredSwitches:
    """What is stopped; every change stands or falls with its audit record and survives power loss."""

    def __init__(self, engine: Engine, audit: StoredAudit, clock: Clock) -> None:
        """Keep switches in what `engine` speaks to; each change is recorded through `audit`."""
        self._engine = engine
        self._audit = audit
        self._clock = clock

    def stopped(self) -> list[Stop]:
        """Return what is stopped, sorted by scope.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        with self._engine.reading() as session:
            rows = session.execute(_ALL).fetchall()
        return [Stop(scope=scope, set_by=by, set_at=at, reason=reason) for scope, by, at, reason in rows]

    def stop(self, scope: str, *, by: str, reason: str) -> None:
        """Stop writes of a scope, with the audit record `writes.stopped`; again changes nothing but the reason.

        Raises:
            BadScopeError: `writes.bad_scope`. StateUnavailableError: `state.unavailable`; nothing was written.
        """
        _check(scope)
        with self._engine.writing() as session:
            session.lock(SWITCHES)
            session.execute(_STOP, (scope, by, exact_instant(self._clock.wall()), reason))
            self._audit.add(session, _entry("writes.stopped", scope, by, reason))

    def resume(self, scope: str, *, by: str) -> bool:
        """Let writes of a scope go on, with the audit record `writes.resumed`; return whether it was stopped.

        Raises:
            BadScopeError: `writes.bad_scope`. StateUnavailableError: `state.unavailable`; nothing was written.
        """
        _check(scope)
        with self._engine.writing() as session:
            session.lock(SWITCHES)
            if session.execute("DELETE FROM kill_switch WHERE scope = ?", (scope,)).rowcount != 1:
                return False
            self._audit.add(session, _entry("writes.resumed", scope, by, ""))
        return True


def stops(session: Session) -> frozenset[str]:
    """Return the scopes that are stopped; nobody stops or resumes anything until the caller's transaction ends."""
    session.lock(SWITCHES, shared=True)
    return frozenset(scope for (scope,) in session.execute(_SCOPES))


def stopping(stopped: Collection[str], *, tool: str, agent: str, system: str, sites: Collection[str]) -> str:
    """Return the first scope among those stopped that stops a write, empty where none does.

    Args:
        stopped: As `stops` returns them.
        tool: That the write was proposed with.
        agent: Who proposed it.
        system: That it goes to.
        sites: That it touches; none where they are not known, which counts as all of them.
    """
    here = {"all", f"tool:{tool}", f"agent:{agent}", f"system:{system}"}
    anywhere = {one for one in stopped if one.startswith(_SITE)}
    here |= anywhere.intersection(f"{_SITE}{one}" for one in sites) if sites else anywhere
    return min(here.intersection(stopped), default="")


def name_sites(stopped: Collection[str]) -> bool:
    """Return whether a site is among what is stopped, so that what a write is about has to be looked at."""
    return any(one.startswith(_SITE) for one in stopped)


def hold(stopped: Collection[str], tool: str, agent: str, system: str, text: str) -> bool:
    """Return whether a proposal stays where it is, going by its row; whoever sends it looks at what is proved.

    Args:
        stopped: As `stops` returns them.
        tool: As it stands beside the content; `agent` and `system` likewise.
        agent: Who proposed it.
        system: That it goes to.
        text: The content as stored; one that can't be read counts as every site.
    """
    return bool(stopping(stopped, tool=tool, agent=agent, system=system, sites=_sites(text)))


def check_not_stopped(session: Session, content: Content) -> None:
    """Refuse to go on where what a proposal would write is stopped.

    Raises:
        WritesStoppedError: `writes.stopped`, naming the scope; where the proposal says no site, only that it is one,
            since its agent may not know the one that is stopped.
    """
    sites, system = content.about("site"), content.command.system
    scope = stopping(stops(session), tool=content.tool, agent=content.agent, system=system, sites=sites)
    if scope.startswith(_SITE) and not sites:
        raise WritesStoppedError(scope="site", reason="site_not_known")
    if scope:
        raise WritesStoppedError(scope=scope)


def _sites(text: str) -> tuple[str, ...]:
    try:
        said = json.loads(text)["concerns"]["site"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ()
    return tuple(one for one in said if isinstance(one, str)) if isinstance(said, list) else ()


def _check(scope: str) -> None:
    if _SCOPE.fullmatch(scope) is None:
        raise BadScopeError(scope=scope[:80])


def _entry(kind: str, scope: str, by: str, reason: str) -> AuditEntry:
    facts: dict[str, JsonValue] = {"scope": scope}
    return AuditEntry(
        kind=kind,
        correlation_id="",
        causation_id="",
        trace="",
        actor=by,
        facts=facts,
        fields={"reason": reason} if reason else {},
    )
