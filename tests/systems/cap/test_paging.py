"""Passes over CAP, V2 and V4, and over its replica by SQL, while somebody works in its tables."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg import sql

from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.ports import Adapter, Clock
from erp_mcp.systems import SHIPPED
from erp_mcp.systems.load import load_profile
from erp_mcp.testing import FixedClock
from erp_mcp.testing.connections import connection_to
from tests.guarantees import guarantees
from tests.systems.cap.seed import reseed
from tests.systems.cap.server import Cap
from tests.systems.cap.test_reads import opened
from tests.systems.matrix.covering import CAP_V2, CAP_V4, PAGING, SQL_REPLICA, Of, covers
from tests.systems.paging import check_nothing_is_lost, read_under_writes
from tests.systems.postgresql.server import Rig

pytestmark = pytest.mark.live

ROWS: Final = 60  # on a page: the tables have a thousand and more
BY_PROFILE: Final = Of("name", {"s4hana": CAP_V2, "s4hana-v4": CAP_V4, "s4hana-replica": SQL_REPLICA})
KEYS: Final = {
    "production_order": "SELECT manufacturingorder FROM s4_productionorder",
    "stock": "SELECT concat_ws('/', material, plant, coalesce(storagelocation, ''), coalesce(batch, ''),"
    " inventorystocktype) FROM s4_matlstkinacctmod WHERE coalesce(inventoryspecialstocktype, '') = ''"
    " AND inventorystocktype IN ('01', '02', '04', '05', '06', '07')",
}


class Orders:
    """Production orders: the newest change of each is known, so the next pass reads what was changed."""

    def __init__(self, owner: psycopg.Connection, done: Callable[[], None]) -> None:
        self._owner, self._done = owner, done

    def keys(self) -> set[str]:
        return {str(key) for (key,) in self._owner.execute(KEYS["production_order"])}

    def write(self, turn: int) -> None:
        """One more before all others and one behind them, one less on either side of the middle, one changed."""
        known = sorted(self.keys())
        self._copy(known[len(known) // 2], f"0000000000{turn:02}")
        self._copy(known[len(known) // 2], f"9999999999{turn:02}")
        for gone in (known[3 * turn + 5], known[-3 * turn - 5]):
            self._owner.execute("DELETE FROM s4_productionorder WHERE manufacturingorder = %s", (gone,))
        for changed in (known[3 * turn + 6], known[-3 * turn - 6]):
            self._owner.execute(
                "UPDATE s4_productionorder SET totalquantity = totalquantity + 1, lastchangedatetime = %s"
                " WHERE manufacturingorder = %s",
                (f"202701010000{turn:02}", changed),
            )
        self._done()

    def _copy(self, of: str, key: str) -> None:
        columns = [
            name
            for (name,) in self._owner.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = 's4_productionorder'"
                " AND column_name NOT IN ('manufacturingorder', 'lastchangedatetime') AND table_schema = 'public'"
            )
        ]
        listed = sql.SQL(", ").join(map(sql.Identifier, columns))
        self._owner.execute(
            sql.SQL(
                "INSERT INTO s4_productionorder (manufacturingorder, lastchangedatetime, {})"
                " SELECT %s, '20270101000000', {} FROM s4_productionorder WHERE manufacturingorder = %s"
            ).format(listed, listed),
            (key, of),
        )


class Bins:
    """Stock: nothing says when it was changed, so each pass reads it all."""

    def __init__(self, owner: psycopg.Connection, done: Callable[[], None]) -> None:
        self._owner, self._done = owner, done

    def keys(self) -> set[str]:
        return {str(key) for (key,) in self._owner.execute(KEYS["stock"])}

    def write(self, turn: int) -> None:
        """The same as with orders; a key has five parts."""
        known = sorted(self.keys())
        for material in (f"AA-{turn:03}", f"ZZ-{turn:03}"):
            self._owner.execute(
                "INSERT INTO s4_matlstkinacctmod (material, plant, inventorystocktype, materialbaseunit,"
                " matlwrhsstkqtyinmatlbaseunit) VALUES (%s, '1000', '06', 'ST', 7.5)",
                (material,),
            )
        here = "(material, plant, storagelocation, batch, inventorystocktype) = (%s, %s, %s, %s, %s)"
        for gone in (known[3 * turn + 5], known[-3 * turn - 15]):
            self._owner.execute(f"DELETE FROM s4_matlstkinacctmod WHERE {here}".encode(), gone.split("/"))
        self._owner.execute(
            "UPDATE s4_matlstkinacctmod SET matlwrhsstkqtyinmatlbaseunit = matlwrhsstkqtyinmatlbaseunit + 1"
            f" WHERE {here}".encode(),
            known[-3 * turn - 16].split("/"),
        )
        self._done()


SYSTEMS: Final[Mapping[str, type[Orders | Bins]]] = {"production_order": Orders, "stock": Bins}


@pytest.fixture(autouse=True)
def fresh(cap: Cap) -> Iterator[None]:
    """The plant as it was made, before and after each test."""
    reseed(cap)
    yield
    reseed(cap)
    Rig.load(Path(cap.postgresql)).catch_up()


@asynccontextmanager
async def reading(cap: Cap, name: str, clock: Clock) -> AsyncIterator[Adapter]:
    """Yield an adapter of a shipped profile."""
    adapter: Adapter
    if name == "s4hana-replica":
        connection = connection_to(
            cap.replica_url, account=cap.replica_role, secret=cap.replica_password, page_rows=ROWS
        )
        adapter = SqlAdapter.open(connection, load_profile(name, [SHIPPED]), clock)
    else:
        adapter = opened(cap, name, clock, rows=ROWS)
    try:
        yield adapter
    finally:
        await adapter.close()


@covers(PAGING, BY_PROFILE)
@guarantees("P9.no_change_lost", "P7.sync_exact")
@pytest.mark.parametrize("entity", sorted(SYSTEMS))
@pytest.mark.parametrize("name", ["s4hana", "s4hana-v4", "s4hana-replica"])
async def test_nothing_that_stays_is_lost_while_others_write(cap: Cap, name: str, entity: str) -> None:
    """Rows come and go before and behind the page that is read; the next pass ends with what is there."""
    rig = Rig.load(Path(cap.postgresql))
    rig.catch_up()
    done = rig.catch_up if name == "s4hana-replica" else lambda: None
    clock, two_hours_on = FixedClock(), FixedClock(FixedClock().wall() + timedelta(hours=2))  # deletions are due
    async with AsyncExitStack() as stack:
        owner = stack.enter_context(
            psycopg.connect(cap.database_url, user=cap.owner, password=cap.owner_password, autocommit=True)
        )
        adapter = await stack.enter_async_context(reading(cap, name, clock))
        later = await stack.enter_async_context(reading(cap, name, two_hours_on))
        check_nothing_is_lost(await read_under_writes(adapter, entity, SYSTEMS[entity](owner, done), later=later))
