"""What a worker wrote is read at once, after a pass of another process that may have begun before it was written."""

from __future__ import annotations

import asyncio

import pytest

from erp_mcp import sync
from erp_mcp.errors import BusyError, SystemUnreachableError
from erp_mcp.ports import Lease, Leases
from erp_mcp.worker.refreshing import refreshed
from tests.guarantees import guarantees
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
