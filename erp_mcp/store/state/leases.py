"""Leases with fences on SQLite."""

from __future__ import annotations

from datetime import timedelta

from erp_mcp.domain.instants import exact_instant
from erp_mcp.ports import Clock, Lease
from erp_mcp.store.state.file import StateFile


class SqliteLeases:
    """Leases with fences, on the wall clock."""

    def __init__(self, file: StateFile, clock: Clock) -> None:
        """Keep leases in `file`."""
        self._file = file
        self._clock = clock

    def acquire(self, name: str, holder: str, *, ttl_s: int) -> Lease | None:
        """Return a lease, renewed when `holder` has it already, or `None` while another holder's lease runs.

        The fence rises whenever the lease was free or had run out, so work under an older fence can be told apart.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        now = self._clock.wall()
        expires_at = exact_instant(now + timedelta(seconds=ttl_s))
        with self._file.writing() as connection:
            row = connection.execute("SELECT holder, fence, expires_at FROM lease WHERE name = ?", (name,)).fetchone()
            running = row is not None and row[2] > exact_instant(now)
            if running and row[0] != holder:
                return None
            fence = row[1] if running else (row[1] if row else 0) + 1
            connection.execute("INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?)", (name, holder, fence, expires_at))
        return Lease(name=name, holder=holder, fence=fence, expires_at=expires_at)

    def release(self, lease: Lease) -> None:
        """Give a lease back; nothing happens when it is no longer held.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        query = "UPDATE lease SET expires_at = '' WHERE name = ? AND holder = ? AND fence = ?"
        with self._file.writing() as connection:
            connection.execute(query, (lease.name, lease.holder, lease.fence))
