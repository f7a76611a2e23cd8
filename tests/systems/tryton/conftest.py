"""One seeded Tryton for the session: the one that `ERP_MCP_TRYTON_DIR` names, or our own where it is installed."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.jsonrpc.adapter import JsonRpcAdapter
from erp_mcp.systems.load import load_profile
from erp_mcp.testing import NO_LIMITS, FixedClock
from tests.needs import missing
from tests.systems.tryton.firm import DESCRIPTION as FIRM
from tests.systems.tryton.firm import FOLDER, Firm
from tests.systems.tryton.firm import start as start_firm
from tests.systems.tryton.firm import stop as stop_firm
from tests.systems.tryton.plant import Truth
from tests.systems.tryton.rpc import Rpc
from tests.systems.tryton.server import Running, start, stop

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def tryton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Yield a running, seeded server."""
    if directory := os.environ.get("ERP_MCP_TRYTON_DIR"):
        yield Running.load(Path(directory))
        return
    venv = Path(os.environ.get("ERP_MCP_TRYTON_VENV", str(ROOT / ".venv-tryton"))).absolute()
    if not (venv / "bin" / "trytond").exists():
        missing("no Tryton: run `bash tests/systems/tryton/install.sh .venv-tryton` once, then `make test` again")
    running = start(venv, tmp_path_factory.mktemp("tryton"))
    yield running
    stop(running)


@pytest.fixture(scope="session")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    """Yield a Tryton that holds the demo plant: the one of the rig, or our own where Tryton is installed."""
    named = os.environ.get("ERP_MCP_TRYTON_DIR")
    if named and (Path(named) / FOLDER / FIRM).exists():
        yield Firm.load(Path(named) / FOLDER)
        return
    venv = Path(os.environ.get("ERP_MCP_TRYTON_VENV", str(ROOT / ".venv-tryton"))).absolute()
    if not (venv / "bin" / "trytond").exists():
        missing("no Tryton with the demo plant: run `bash tests/systems/tryton/start.sh VENV DIR DIR/demo` once")
    state = tmp_path_factory.mktemp("tryton-firm")
    running = start_firm(venv, state, state / "demo")
    yield running
    stop_firm(running)


@pytest.fixture(scope="session")
def truth(tryton: Running) -> Truth:
    """What the seed planted."""
    return Truth(**json.loads(Path(tryton.truth).read_text(encoding="utf-8")))


@contextlib.asynccontextmanager
async def opened(tryton: Running, *, account: str = "", **options: str) -> AsyncIterator[JsonRpcAdapter]:
    """Yield an adapter signed in with the account that may only read, or with another one of the same password."""
    connection = Connection(
        system="tryton",
        url=tryton.url,
        database=tryton.database,
        account=account or tryton.user,
        secret=tryton.password,
        options=options,
        limits=NO_LIMITS,
    )
    adapter = JsonRpcAdapter.open(connection, load_profile("tryton", [ROOT / "erp_mcp" / "systems"]), FixedClock())
    yield adapter
    await adapter.close()


@pytest.fixture
async def adapter(tryton: Running) -> AsyncIterator[JsonRpcAdapter]:
    """The adapter under test."""
    async with opened(tryton) as one:
        yield one


@pytest.fixture(scope="module")
def person(tryton: Running) -> Iterator[Rpc]:
    """Somebody at work in Tryton while the adapter reads."""
    rpc = Rpc(url=tryton.url, database=tryton.database, user="admin", password=tryton.admin_password)
    rpc.context.update(rpc("res.user.get_preferences", True))
    yield rpc
    rpc.close()
