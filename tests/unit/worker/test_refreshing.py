"""What a worker wrote is read at once, after a pass of another process that may have begun before it was written."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest

from erp_mcp import sync
from erp_mcp.bootstrap import Deployment
from erp_mcp.domain import human_task
from erp_mcp.domain.command import Command
from erp_mcp.errors import BusyError, SystemUnreachableError
from erp_mcp.ports import Lease, Leases
from erp_mcp.worker import refreshing, work_once
from erp_mcp.worker.refreshing import Touched, refreshed
from tests.guarantees import guarantees
from tests.unit.committing.erp import Fault
from tests.unit.committing.office import CREATE
from tests.unit.worker.shop import Shop

REFUSALS = 3


class Busy:
    """Leases of which another process has one, and gives it back after it was asked for some times."""

    def __init__(self, leases: Leases, refusals: int) -> None:
        self._leases, self._refusals = leases, refusals
        held = leases.acquire(sync.LEASE, "another process", ttl_s=600)
        assert held is not None
        self._held = held
        self.asked = 0

    def acquire(self, name: str, holder: str, *, ttl_s: int) -> Lease | None:
        self.asked += 1
        if self.asked == self._refusals + 1:
            self._leases.release(self._held)
        return self._leases.acquire(name, holder, ttl_s=ttl_s)

    def release(self, lease: Lease) -> None:
        self._leases.release(lease)


@guarantees("P10.outage", "P4.one_effect")
def test_a_pass_of_another_process_is_waited_for(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that is taken back must not wait for the worker's next turn because a server happens to synchronise."""
    leases = Busy(shop.sync_leases, REFUSALS)
    monkeypatch.setattr(Shop, "sync_leases", leases)
    with pytest.raises(SystemUnreachableError):  # the pass was made: there is nothing to be read in this shop
        asyncio.run(refreshed(shop, "erp", waits=REFUSALS, look_s=0))
    assert leases.asked == REFUSALS + 1
    assert leases.acquire(sync.LEASE, "the next", ttl_s=1) is not None


@guarantees("P9.bounded")
def test_another_process_that_takes_long_is_waited_for_so_long_and_no_longer(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first fill may take minutes; whoever waits for this worker does not."""
    leases = Busy(shop.sync_leases, REFUSALS)
    monkeypatch.setattr(Shop, "sync_leases", leases)
    with pytest.raises(BusyError):
        asyncio.run(refreshed(shop, "erp", waits=REFUSALS - 1, look_s=0))
    assert leases.asked == REFUSALS


def _said(shop: Shop, monkeypatch: pytest.MonkeyPatch, **touches: tuple[str, ...]) -> list[tuple[str, object]]:
    """Let the profile say what operations of `stock` touch; returns what is read again, as it is."""
    profile = replace(
        shop.profile(shop.system("erp")), touches={f"stock.{name}": said for name, said in touches.items()}
    )
    monkeypatch.setattr(Shop, "profile", lambda _self, _system: profile)
    asked: list[tuple[str, object]] = []

    async def noted(_deployment: Deployment, system: str, entities: Collection[str] | None) -> None:
        asked.append((system, entities))

    monkeypatch.setattr(refreshing, "refreshed", noted)
    return asked


def _command(operation: str, system: str = "erp") -> Command:
    return Command(
        operation=operation, system=system, entity="stock", key="", version_token="", reference="", fields={}
    )


@guarantees("P7.refresh")
def test_of_several_writes_all_that_any_of_them_touches_is_read_again_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two changes of one round are one pass."""
    asked = _said(shop, monkeypatch, move=("stock", "lot"), count=("stock", "reservation"))
    touched = Touched(shop)
    touched.add(_command("stock.move"))
    touched.add(_command("stock.count"))
    asyncio.run(touched.refresh())
    assert asked == [("erp", {"stock", "lot", "reservation"})]


@guarantees("P7.refresh")
@pytest.mark.parametrize("operations", [("stock.burn",), ("stock.move", "stock.burn"), ("stock.burn", "stock.move")])
def test_a_write_of_which_nobody_said_what_it_touches_may_have_changed_anything(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, operations: Sequence[str]
) -> None:
    """Everything of its system is read again, whatever else was written beside it."""
    asked = _said(shop, monkeypatch, move=("stock",))
    touched = Touched(shop)
    for operation in operations:
        touched.add(_command(operation))
    asyncio.run(touched.refresh())
    assert asked == [("erp", None)]


@guarantees("P7.refresh")
def test_where_the_profile_can_not_be_read_any_more_everything_is_read_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody edits the configuration while the worker works; what it wrote stands all the same."""
    asked = _said(shop, monkeypatch, move=("stock",))
    touched = Touched(shop)
    touched.add(_command("stock.move", system="gone"))
    asyncio.run(touched.refresh())
    assert asked == [("gone", None)]


@guarantees("P7.refresh")
def test_for_the_gateways_own_records_nothing_is_read(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A human task is in no system of record."""
    asked = _said(shop, monkeypatch)
    touched = Touched(shop)
    touched.add(_command(human_task.CREATE, system=human_task.SYSTEM))
    asyncio.run(touched.refresh())
    assert asked == []


@guarantees("P7.refresh")
def test_what_can_not_be_read_of_one_system_holds_up_no_other(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was committed and has its receipt; the next synchronisation reads it."""
    asked = _said(shop, monkeypatch, move=("stock",))
    noted = refreshing.refreshed

    async def refused(deployment: Deployment, system: str, entities: Collection[str] | None) -> None:
        await noted(deployment, system, entities)
        raise SystemUnreachableError(system=system)

    monkeypatch.setattr(refreshing, "refreshed", refused)
    touched = Touched(shop)
    touched.add(_command("stock.move", system="one"))
    touched.add(_command("stock.move", system="other"))
    asyncio.run(touched.refresh())
    assert asked == [("one", None), ("other", None)]


@guarantees("P7.refresh", "P4.partly")
async def test_what_was_written_in_part_or_not_at_all(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that stand are read again, whatever became of the others; of what waits there is nothing to read."""
    asked = _said(shop, monkeypatch)
    told: list[tuple[Fault, str, list[tuple[str, object]]]] = [
        ("partly", "PARTIALLY_COMMITTED", [("erp", None)]),
        ("down", "APPROVED", []),
    ]
    for fault, state, read in told:
        asked.clear()
        shop.office.erp.faults = [fault]
        content = shop.office.approved(CREATE, number=len(fault))
        await work_once(shop, lambda _proposal, _lost: None)
        assert (shop.office.stand(content)[0], asked) == (state, read)
