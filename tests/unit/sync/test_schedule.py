from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from erp_mcp.adapters.memory.adapter import MemoryAdapter
from erp_mcp.domain.freshness import FreshnessBudget
from erp_mcp.errors import BadAnswerError
from erp_mcp.ports import Lease
from erp_mcp.store.read_model.writer import ReadModelWriter
from erp_mcp.sync import ManagedSystem, Progress, SyncReport, due, run_due, scheduled
from erp_mcp.testing import FixedClock, NumberedIds
from tests.guarantees import guarantees
from tests.unit.sync.plants import profile, stock

BUDGETS: Mapping[str, FreshnessBudget] = {
    "stock": FreshnessBudget(entity="stock", budget_s=900, cadence_s=300),
    "material": FreshnessBudget(entity="material", budget_s=86_400, cadence_s=14_400),
}


class OneLease:
    """Leases of a deployment with one name."""

    def __init__(self) -> None:
        self.holder = ""
        self.fence = 0

    def acquire(self, name: str, holder: str, *, ttl_s: int) -> Lease | None:
        if self.holder not in {"", holder}:
            return None
        self.holder = holder
        self.fence += 1
        return Lease(name=name, holder=holder, fence=self.fence, expires_at="")

    def release(self, lease: Lease) -> None:
        if lease.holder == self.holder:
            self.holder = ""


def plant(clock: FixedClock) -> ManagedSystem:
    adapter = MemoryAdapter("erp", ["material", "stock"], clock, page_rows=2)
    for number in range(5):
        adapter.put(stock(number, 1))
    return ManagedSystem(adapter=adapter, profile=profile())


async def run(
    system: ManagedSystem, writer: ReadModelWriter, leases: OneLease, clock: FixedClock, *, holder: str = "a"
) -> tuple[SyncReport, ...]:
    return await run_due([system], writer, leases, clock, NumberedIds(), budgets=BUDGETS, holder=holder)


@guarantees("P7.freshness")
async def test_each_entity_is_read_at_its_own_cadence(writer: ReadModelWriter) -> None:
    """Stock changes by the minute, materials do not; the system of record is asked no more than needed."""
    clock, leases = FixedClock(), OneLease()
    system = plant(clock)
    first = await run(system, writer, leases, clock)
    assert {entity.entity for report in first for entity in report.entities} == {"material", "stock"}
    clock.advance(299)
    assert await run(system, writer, leases, clock) == ()
    clock.advance(1)
    second = await run(system, writer, leases, clock)
    assert [entity.entity for report in second for entity in report.entities] == ["stock"]


@guarantees("P7.freshness")
async def test_cadence_counts_on_the_wall_clock_where_the_plant_clock_stands_still(writer: ReadModelWriter) -> None:
    """A demo plant whose Monday never ends still takes over changes."""
    clock, leases = FixedClock(), OneLease()
    system = plant(clock)
    await run(system, writer, leases, clock)
    clock.advance(300, plant=False)
    assert due([system], writer.state, BUDGETS, clock.wall()) == {"erp": ("stock",)}


@guarantees("P7.freshness")
@pytest.mark.parametrize(("later_s", "again"), [(59, False), (60, True), (-3600, True)])
async def test_a_failure_is_tried_again_soon_and_a_clock_set_back_stops_nothing(
    writer: ReadModelWriter, later_s: int, again: bool
) -> None:
    """Four hours without customers because of one lost packet would be too long."""
    clock, leases = FixedClock(), OneLease()
    system = plant(clock)
    assert isinstance(system.adapter, MemoryAdapter)
    system.adapter.break_with(BadAnswerError(system="erp"))
    await run(system, writer, leases, clock)
    clock.advance(later_s)
    assert bool(due([system], writer.state, BUDGETS, clock.wall())) is again


@guarantees("P10.survives")
async def test_one_process_synchronises_at_a_time(writer: ReadModelWriter) -> None:
    """Hosts start the same server twice; the system of record is asked once."""
    clock, leases = FixedClock(), OneLease()
    system = plant(clock)
    leases.acquire("sync", "b", ttl_s=120)
    assert await run(system, writer, leases, clock, holder="a") == ()
    assert writer.states() == []
    leases.holder = ""
    assert await run(system, writer, leases, clock, holder="a") != ()
    assert leases.holder == ""


@guarantees("P10.survives")
async def test_a_process_that_lost_its_lease_stops_and_the_next_one_goes_on(writer: ReadModelWriter) -> None:
    """A laptop that slept for an hour wakes up in the middle of a pass."""
    clock, leases = FixedClock(), OneLease()
    system = plant(clock)

    def sleep_after_first_page(progress: Progress) -> None:
        if progress.entity == "stock" and progress.applied == 2:
            clock.advance(3600)
            leases.holder = "b"

    stopped = await run_due(
        [system],
        writer,
        leases,
        clock,
        NumberedIds(),
        budgets=BUDGETS,
        holder="a",
        progress=sleep_after_first_page,
    )
    state = writer.state("erp", "stock")
    assert stopped == ()
    assert state is not None
    assert not state.complete
    assert leases.holder == "b"
    leases.holder = ""
    reports = await run(system, writer, leases, clock, holder="c")
    assert {entity.entity: entity.rows for report in reports for entity in report.entities}["stock"] == 5


@guarantees("P10.survives")
async def test_the_loop_tells_an_error_and_goes_on() -> None:
    """The server answers from what it has, whatever synchronisation meets."""
    waited: list[float] = []
    told: list[Exception] = []

    async def fail() -> None:
        raise OSError("disk")

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await scheduled(fail, sleep=sleep, on_error=told.append, interval_s=5.0)
    assert waited == [5.0, 5.0, 5.0]
    assert [type(error) for error in told] == [OSError] * 3
