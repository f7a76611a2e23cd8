"""One FactorySemantics MES for the session: the one that `ERP_MCP_FSMES_DIR` names, or our own where installed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.rest.adapter import RestAdapter
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.systems.load import load_profile
from erp_mcp.testing import FixedClock
from tests.needs import missing
from tests.systems.fsmes.export import Floor, floor_of
from tests.systems.fsmes.server import DATABASE, Running, start, stop
from tests.systems.postgresql.server import installed

ROOT: Final = Path(__file__).resolve().parents[3]
FAST: Final = TrafficLimits(requests_per_s=1000, burst=1000)
READER: Final = "mes_reader"
VARIABLE: Final = "ERP_MCP_FSMES_DIR"


@pytest.fixture(scope="session")
def mes_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where a running MES is described."""
    if named := os.environ.get(VARIABLE):
        yield Path(named).absolute()
        return
    venv = Path(os.environ.get("ERP_MCP_FSMES_VENV", str(ROOT / ".venv-fsmes"))).absolute()
    if not (venv / "bin" / "fsmes").exists():
        missing("no FactorySemantics MES: run `bash tests/systems/fsmes/install.sh .venv-fsmes` once (Python >= 3.12)")
    if not installed():
        missing("PostgreSQL is not installed (initdb, pg_ctl, postgres and pg_basebackup)")
    state = tmp_path_factory.mktemp("fsmes")
    start(venv, state)
    yield state
    stop(state)


@pytest.fixture(scope="session")
def mes(mes_state: Path) -> Running:
    """A MES with one plant of the demo in it."""
    return Running.load(mes_state)


@pytest.fixture(scope="session")
def floor(mes_state: Path) -> Floor:
    """The same as the demo MES has it."""
    return floor_of(mes_state / "plant" / "mes.sqlite")


def profile_named(name: str) -> Profile:
    """Return a shipped profile."""
    return load_profile(name, [ROOT / "erp_mcp" / "systems"])


def connection_to(mes: Running, *, url: str = "", account: str = "", password: str = "", rows: int = 500) -> Connection:
    """Return a connection to its API; with the account that reads where nothing else is said."""
    return Connection(
        system="mes",
        url=url or mes.url,
        account=account or mes.account,
        secret=password or mes.password,
        networks=("127.0.0.0/8",),
        page_rows=rows,
        limits=FAST,
        timeout_s=15,
    )


@contextlib.asynccontextmanager
async def opened(connection: Connection) -> AsyncIterator[RestAdapter]:
    """Yield the adapter of its API."""
    adapter = RestAdapter.open(connection, profile_named("fsmes"), FixedClock())
    try:
        yield adapter
    finally:
        await adapter.close()


@contextlib.asynccontextmanager
async def opened_replica(mes: Running) -> AsyncIterator[SqlAdapter]:
    """Yield an adapter on a replica of its database."""
    rig = mes.rig
    password = rig.create_role(READER)
    rig.let_read(DATABASE, READER)
    rig.catch_up()
    connection = Connection(
        system="mes", url=rig.url(DATABASE, replica=True), account=READER, secret=password, page_rows=100, limits=FAST
    )
    adapter = SqlAdapter.open(connection, profile_named("fsmes-replica"), FixedClock())
    try:
        yield adapter
    finally:
        await adapter.close()
