"""How far readers of events have come."""

from __future__ import annotations

from typing import Final

from erp_mcp.store.state.engine import Engine

_POSITION: Final = "SELECT position FROM follower WHERE name = ?"
_NEWEST: Final = "SELECT coalesce(max(audit_seq), 0) FROM outbox"
_START: Final = "INSERT INTO follower (name, position) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
_ADVANCE: Final = "UPDATE follower SET position = ? WHERE name = ? AND position < ?"


class StoredFollowers:
    """Positions in the events of proposals, by name; they only go forward."""

    def __init__(self, engine: Engine) -> None:
        """Keep positions in what `engine` speaks to."""
        self._engine = engine

    def position(self, name: str) -> int:
        """Return the audit number of the last event that a follower is done with; a new one begins with what comes now.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        with self._engine.reading() as session:
            row = session.execute(_POSITION, (name,)).fetchone()
        if row is not None:
            return int(row[0])
        with self._engine.recording() as session:
            (newest,) = session.execute(_NEWEST).fetchone()
            session.execute(_START, (name, newest))
            (position,) = session.execute(_POSITION, (name,)).fetchone()
        return int(position)

    def positions(self) -> dict[str, int]:
        """Return the position of every follower; raises as `position`."""
        with self._engine.reading() as session:
            return dict(session.execute("SELECT name, position FROM follower ORDER BY name").fetchall())

    def advance(self, name: str, position: int) -> None:
        """Keep that a follower is done with an event; an older one changes nothing. Raises as `position`."""
        with self._engine.recording() as session:
            session.execute(_ADVANCE, (position, name, position))
