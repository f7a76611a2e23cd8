"""What is worked out ahead of time is brought up to the read model after each run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC
from pathlib import Path

import pytest

from erp_mcp.adapters.memory.adapter import MemoryAdapter
from erp_mcp.analyses import DERIVATIONS
from erp_mcp.errors import LeaseLostError
from erp_mcp.store.read_model.writer import ReadModelWriter
from erp_mcp.sync import ManagedSystem, run_due, work_out
from erp_mcp.testing import FixedClock, NumberedIds
from tests.guarantees import guarantees
from tests.unit.sync.plants import profile, purchase_line
from tests.unit.sync.test_schedule import OneLease


@pytest.fixture
def working(path: Path) -> Iterator[ReadModelWriter]:
    """A read model with what the product works out."""
    writer = ReadModelWriter(path, DERIVATIONS)
    yield writer
    writer.close()


def _dirty(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM derived_key WHERE dirty = 1").fetchone()[0])


def _known(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM derived_key").fetchone()[0])


@guarantees("P7.worked_out_ahead")
async def test_a_run_works_out_what_its_passes_have_changed(path: Path, working: ReadModelWriter) -> None:
    """Under the same lease; a process that finds the lease taken leaves it to the other one."""
    clock, leases = FixedClock(), OneLease()
    adapter = MemoryAdapter("erp", ["purchase_order_line"], clock)
    for number in range(3):
        adapter.put(purchase_line(str(number), 1_000_000, "EA", f"M{number}"))
    systems = [ManagedSystem(adapter=adapter, profile=profile())]
    leases.holder = "another"
    assert not await run_due(systems, working, leases, clock, NumberedIds(), budgets={}, holder="a", zone=UTC)
    leases.holder = ""
    assert await run_due(systems, working, leases, clock, NumberedIds(), budgets={}, holder="a", zone=UTC)
    assert _known(path) > 0
    assert _dirty(path) == 0


@guarantees("P7.worked_out_ahead", "P10.survives")
async def test_who_loses_the_lease_stops_after_a_batch_and_the_next_goes_on(
    path: Path, working: ReadModelWriter
) -> None:
    """Nothing is worked out twice, and nothing is left over."""
    clock = FixedClock()
    adapter = MemoryAdapter("erp", ["purchase_order_line"], clock)
    for number in range(3):
        adapter.put(purchase_line(str(number), 1_000_000, "EA", f"M{number}"))
    await run_due(
        [ManagedSystem(adapter=adapter, profile=profile())], working, OneLease(), clock, NumberedIds(),
        budgets={}, holder="a",
    )  # fmt: skip
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE derived_key SET dirty = 1")
        connection.commit()
    everything = _dirty(path)

    def lost() -> None:
        raise LeaseLostError(name="sync")

    with pytest.raises(LeaseLostError):
        await work_out(working, clock, UTC, after_batch=lost)
    left = _dirty(path)
    assert 0 < left < everything
    assert await work_out(working, clock, UTC) == left
    assert _dirty(path) == 0
