"""Passes over Tryton while somebody works in it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import pytest

from erp_mcp.adapters.jsonrpc.adapter import JsonRpcAdapter
from erp_mcp.ports import Clock
from erp_mcp.systems import SHIPPED
from erp_mcp.systems.load import load_profile
from erp_mcp.testing import FixedClock
from erp_mcp.testing.connections import connection_to
from tests.guarantees import guarantees
from tests.systems.matrix.covering import PAGING, TRYTON, covers
from tests.systems.paging import check_nothing_is_lost, read_under_writes
from tests.systems.tryton.rpc import Rpc
from tests.systems.tryton.server import Running

pytestmark = pytest.mark.live

ROWS: Final = 7  # on a page
ENTITY: Final = "supplier"  # every party there is


class Parties:
    """Parties of this test, between those of the seed and those that it adds; it deletes and changes its own alone."""

    def __init__(self, person: Rpc) -> None:
        self._person = person
        self._numbers = itertools.count()
        self._own = [self._made() for _ in range(6 * ROWS)]

    def keys(self) -> set[str]:
        """Tryton leaves out what is not active, unless it is asked for."""
        return {str(row["id"]) for row in self._person.find("party.party", [["active", "in", [True, False]]], [])}

    def write(self, turn: int) -> None:
        """Tryton counts its ids, so a new party is behind all others; of those in between, some go and some change."""
        self._own += [self._made(), self._made()]
        for place in (turn, -turn - 9):
            self._person("party.party.delete", [self._own.pop(place)])
            self._person("party.party.write", [self._own[place]], {"name": f"Renamed {turn} {place}"})
        self._person("party.party.write", [self._own[0]], {"active": False})

    def close(self) -> None:
        """Leave Tryton as it was."""
        self._person("party.party.delete", self._own)

    def _made(self) -> int:
        number = next(self._numbers)
        return self._person.create("party.party", name=f"Passing {number}", code=f"P9{number:04}")


@pytest.fixture
def parties(person: Rpc) -> Iterator[Parties]:
    """Some that may come and go."""
    one = Parties(person)
    yield one
    one.close()


@asynccontextmanager
async def reading(tryton: Running, clock: Clock) -> AsyncIterator[JsonRpcAdapter]:
    """Yield an adapter with the account that may only read."""
    connection = connection_to(
        tryton.url, system="tryton", database=tryton.database, account=tryton.user, secret=tryton.password,
        timeout_s=30, page_rows=ROWS,
    )  # fmt: skip
    adapter = JsonRpcAdapter.open(connection, load_profile("tryton", [SHIPPED]), clock)
    try:
        yield adapter
    finally:
        await adapter.close()


@covers(PAGING, TRYTON)
@guarantees("P9.no_change_lost", "P7.sync_exact")
async def test_nothing_that_stays_is_lost_while_others_write(tryton: Running, parties: Parties) -> None:
    """Records come, go and are put out of use before and behind the page that is read."""
    two_hours_on = FixedClock(FixedClock().wall() + timedelta(hours=2))
    async with reading(tryton, FixedClock()) as adapter, reading(tryton, two_hours_on) as later:
        check_nothing_is_lost(await read_under_writes(adapter, ENTITY, parties, later=later))
