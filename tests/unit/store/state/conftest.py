"""A clock and a state file for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from erp_mcp.store.state.sqlite import State
from tests.unit.store.state.fakes import FakeClock, a_state


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def state(tmp_path: Path, clock: FakeClock) -> Iterator[State]:
    opened = a_state(tmp_path / "state", clock)
    yield opened
    opened.close()
