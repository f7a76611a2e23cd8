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
from erp_mcp.sync import ManagedSystem, run_due, sync_once, work_out
from erp_mcp.testing import FixedClock, NumberedIds
from tests.guarantees import guarantees
from tests.unit.sync.plants import conversion, material, profile, purchase_line, table
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


@guarantees("P7.worked_out_ahead", "P7.exact_numbers")
async def test_lines_read_again_as_they_were_leave_nothing_to_be_worked_out(
    path: Path, working: ReadModelWriter
) -> None:
    """Their base quantities are worked out here and come with no record: they stay, until line or rate changes."""
    clock, ids = FixedClock(), NumberedIds()
    adapter = MemoryAdapter("erp", ["material", "unit_conversion", "purchase_order_line"], clock)
    for one in (material(1), conversion("M2", 8, 1), purchase_line("10", 1_000_000, "M2")):
        adapter.put(one)

    await work_out(working, clock, UTC)  # from now on the file itself marks what is dirty

    async def read_again(*entities: str) -> tuple[int, object]:
        await sync_once(adapter, profile(), working, clock, ids, entities or None, full=True)
        found = _dirty(path), table(path, "purchase_order_line")["P1/10"]["qty_open_base"]
        await work_out(working, clock, UTC)
        return found

    assert await read_again() == (_known(path), 8_000_000)
    assert await read_again() == await read_again("purchase_order_line") == (0, 8_000_000)
    adapter.put(purchase_line("10", 2_000_000, "M2"))
    dirty, base = await read_again("purchase_order_line")
    assert (dirty > 0, base) == (True, 16_000_000)
    adapter.put(conversion("M2", 9, 1))
    dirty, base = await read_again()
    assert (dirty > 0, base) == (True, 18_000_000)


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
