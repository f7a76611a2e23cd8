"""What becomes of passes over the MES's replica when its database goes away, ends sessions or refuses them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.errors import GatewayError
from erp_mcp.testing import FixedClock
from erp_mcp.testing.passes import read_pages, told
from tests.guarantees import guarantees
from tests.systems.fsmes.conftest import FAST, profile_named
from tests.systems.fsmes.export import Floor
from tests.systems.fsmes.server import DATABASE, Running
from tests.systems.matrix.covering import FAULTS, FSMES_REPLICA, covers

pytestmark = pytest.mark.live

READER = "mes_faults_reader"
ROWS = 7  # on a page


@pytest.fixture(scope="module")
def connection(mes: Running) -> Connection:
    """A connection of an account of these tests alone."""
    password = mes.rig.create_role(READER)
    mes.rig.let_read(DATABASE, READER)
    mes.rig.catch_up()
    return Connection(
        system="mes", url=mes.rig.url(DATABASE, replica=True), account=READER, secret=password, page_rows=ROWS,
        limits=FAST,
    )  # fmt: skip


@asynccontextmanager
async def opened(connection: Connection) -> AsyncIterator[SqlAdapter]:
    """Yield an adapter of the shipped profile."""
    adapter = SqlAdapter.open(connection, profile_named("fsmes-replica"), FixedClock())
    try:
        yield adapter
    finally:
        await adapter.close()


@covers(FAULTS, FSMES_REPLICA)
@guarantees("P10.survives", "P9.no_half_pass")
async def test_sessions_that_the_database_ends_cost_no_record(
    mes: Running, connection: Connection, floor: Floor
) -> None:
    """All of them, between two pages; a pass that fails for it goes on where it stood, and never ends as if whole."""
    found: set[str] = set()
    watermark, ended, codes = "", False, set[str]()
    async with opened(connection) as adapter:
        try:
            async for page in adapter.changes("job", ""):
                found |= {record.source_key for record in page.records}
                watermark, ended = page.watermark, page.last
                _end_sessions(mes)
        except GatewayError as failure:
            codes.add(failure.code)
        if not ended:
            rest = await read_pages(adapter, "job", watermark)
            found |= {record.source_key for page in rest for record in page.records}
    assert ended != bool(codes)
    assert codes <= {"adapter.unreachable", "adapter.timeout"}
    assert len(found) == len(floor.jobs)


@covers(FAULTS, FSMES_REPLICA)
@guarantees("P8.no_leaks", "input.clear_errors")
@pytest.mark.parametrize("fault", ["down", "wrong password", "no right"])
async def test_each_fault_is_a_code_and_no_text_of_the_database(
    mes: Running, connection: Connection, fault: str
) -> None:
    """Where it is away, where it does not know us, and where it does not let us read."""
    broken, code = {
        "down": (replace(connection, url="postgresql://127.0.0.1:1/fsmes"), "adapter.unreachable"),
        "wrong password": (replace(connection, secret="wr0ng"), "adapter.refused"),
        "no right": (connection, "adapter.refused"),
    }[fault]
    grant = "REVOKE SELECT ON work_orders FROM" if fault == "no right" else "GRANT SELECT ON work_orders TO"
    mes.rig.run(DATABASE, f"{grant} {READER}")
    mes.rig.catch_up()
    try:
        async with opened(broken) as adapter:
            with pytest.raises(GatewayError) as caught:
                await read_pages(adapter, "job")
    finally:
        mes.rig.run(DATABASE, f"GRANT SELECT ON work_orders TO {READER}")
        mes.rig.catch_up()
    assert caught.value.code == code
    said = told(caught.value)
    assert not [word for word in ("wr0ng", connection.secret, "work_orders", "permission") if word in said]


def _end_sessions(mes: Running) -> None:
    with mes.rig.admin(DATABASE, replica=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (READER,))
