"""A clock and ids for state tests."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from erp_mcp.domain.audit import AuditEntry
from erp_mcp.store.state.sqlite import State


class FakeClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)

    def wall(self) -> datetime:
        """Return the time set."""
        return self.now

    plant = wall

    def pass_seconds(self, seconds: int) -> None:
        """Move the clock."""
        self.now += timedelta(seconds=seconds)


class FakeIds:
    """Random ids, unique among processes too."""

    def new(self) -> str:
        """Return a new id."""
        return secrets.token_hex(16)


def a_state(directory: Path, clock: FakeClock | None = None, *, busy_s: float = 5.0) -> State:
    """Open a state directory."""
    return State(directory, clock=clock or FakeClock(), ids=FakeIds(), busy_s=busy_s)


def an_entry(*, actor: str = "planner", rows: int = 1, correlation_id: str = "c-1") -> AuditEntry:
    """Return an entry as a call leaves it."""
    return AuditEntry(
        kind="call.answered",
        correlation_id=correlation_id,
        causation_id="",
        trace="",
        actor=actor,
        facts={"tool": "get_stock", "rows": rows},
        fields={"arguments": {"material_id": "M-1"}},
    )
