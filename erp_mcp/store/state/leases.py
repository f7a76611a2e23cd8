"""Leases with fences."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from erp_mcp.domain.instants import exact_instant
from erp_mcp.ports import Clock, Lease
from erp_mcp.store.state.engine import Engine

_AHEAD_S: Final = 3600  # clocks of machines that differ by less are taken to be right
_HELD: Final = "SELECT holder, fence, expires_at FROM lease WHERE name = ?"
_HOLD: Final = (
    "INSERT INTO lease (name, holder, fence, expires_at) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE"
    " SET holder = excluded.holder, fence = excluded.fence, expires_at = excluded.expires_at"
)
_RELEASE: Final = "UPDATE lease SET expires_at = '' WHERE name = ? AND holder = ? AND fence = ?"


class StoredLeases:
    """Leases with fences, on the wall clock."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        """Keep leases in what `engine` speaks to."""
        self._engine = engine
        self._clock = clock

    def acquire(self, name: str, holder: str, *, ttl_s: int) -> Lease | None:
        """Return a lease, renewed when `holder` has it already, or `None` while another holder's lease runs.

        The fence rises whenever the lease was free or had run out, so work under an older fence can be told apart. One
        that ends an hour later than a lease of now would was taken by a clock that is wrong, and keeps nobody out.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        now = self._clock.wall()
        expires_at, latest = (exact_instant(now + timedelta(seconds=one)) for one in (ttl_s, ttl_s + _AHEAD_S))
        with self._engine.writing() as session:
            session.lock(f"lease:{name}")
            row = session.execute(_HELD, (name,)).fetchone()
            running = row is not None and exact_instant(now) < row[2] <= latest
            if running and row[0] != holder:
                return None
            fence = row[1] if running else (row[1] if row else 0) + 1
            session.execute(_HOLD, (name, holder, fence, expires_at))
        return Lease(name=name, holder=holder, fence=fence, expires_at=expires_at)

    def release(self, lease: Lease) -> None:
        """Give a lease back; nothing happens when it is no longer held.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        with self._engine.writing() as session:
            session.lock(f"lease:{lease.name}")
            session.execute(_RELEASE, (lease.name, lease.holder, lease.fence))
