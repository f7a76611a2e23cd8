"""Passes over the MES, by its API and by a replica of its database, while work orders come and go."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import httpx2
import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.rest.adapter import RestAdapter
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.ports import Adapter
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees
from tests.systems.fsmes.conftest import FAST, connection_to, profile_named
from tests.systems.fsmes.export import Api
from tests.systems.fsmes.server import Running, serve
from tests.systems.matrix.covering import FSMES_REPLICA, FSMES_REST, PAGING, Of, covers
from tests.systems.paging import check_nothing_is_lost, read_under_writes
from tests.systems.postgresql.server import Rig
from tests.systems.processes import end

pytestmark = pytest.mark.live

DATABASE: Final = "fsmes_paging"
READER: Final = "fsmes_paging_reader"
ROWS: Final = 7  # on a page
ORDERS: Final = 90
_PATIENCE_S: Final = 60
BY_PROFILE: Final = Of("name", {"fsmes": FSMES_REST, "fsmes-replica": FSMES_REPLICA})
_KEYS: Final = (
    "SELECT w.code || '/' || o.seq FROM work_orders w JOIN work_order_operations o ON o.work_order_id = w.id"
    " WHERE w.status NOT IN ('closed', 'cancelled')"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """Another API process on a database of its own: the floor of the others stays as it is."""

    running: Running
    rig: Rig
    reader_password: str


class WorkOrders:
    """The work orders of such a shop. The API lists the newest first, so each new one moves all others by one."""

    def __init__(self, shop: Shop, api: Api, done: Callable[[], None]) -> None:
        self._rig, self._api, self._done = shop.rig, api, done

    def keys(self) -> set[str]:
        with self._rig.admin(DATABASE) as database:
            return {str(key) for (key,) in database.execute(_KEYS)}

    def write(self, turn: int) -> None:
        """Two more, one of them released; among the newest and the oldest one cancelled, one on hold, some gone."""
        order(self._api, f"7{turn:05}", released=True)
        order(self._api, f"8{turn:05}", released=False)
        self.until(f"8{turn:05}", "planned")
        planned, released = self._codes("planned"), self._codes("released")
        for place in (2, -3):
            self._api.post(f"/workorders/{planned[place]}/cancel", {})
            self.until(planned[place], "cancelled")
            self._api.post(f"/workorders/{released[place]}/hold", {"reason": "a look at it"})
            self.until(released[place], "on_hold")
        newest = [code for code in reversed(self._codes()) if code not in {released[-3], planned[-3]}]
        for gone in (planned[6], *newest[2:6]):  # more that were read already than were added: the rest moves up
            self._delete(gone)
        self._done()

    def _codes(self, status: str = "%") -> list[str]:
        with self._rig.admin(DATABASE) as database:
            rows = database.execute("SELECT code FROM work_orders WHERE status LIKE %s ORDER BY id", (status,))
            return [str(code) for (code,) in rows]

    def until(self, code: str, status: str) -> None:
        """Wait for a change, since the API answers a moment before it has committed."""
        deadline = time.monotonic() + _PATIENCE_S
        while code not in self._codes(status):
            if time.monotonic() > deadline:
                raise RuntimeError(f"work order {code} did not become {status}")

    def _delete(self, code: str) -> None:
        """The API deletes nothing; whoever clears old orders away does it in the database."""
        of_it = "work_order_id = (SELECT id FROM work_orders WHERE code = %s)"
        with self._rig.admin(DATABASE) as database:
            database.execute(f"DELETE FROM work_order_operations WHERE {of_it}".encode(), (code,))
            database.execute("DELETE FROM work_orders WHERE code = %s", (code,))


def order(api: Api, code: str, *, released: bool) -> None:
    """Make one work order."""
    api.post("/workorders", {"code": code, "material": "M1", "quantity": 10.0})
    if released:
        api.post(f"/workorders/{code}/release", {})


@pytest.fixture(scope="module")
def shop(mes: Running, mes_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """An API whose one machine has some tens of work orders."""
    rig, state = mes.rig, tmp_path_factory.mktemp("fsmes-paging")
    rig.create_database(DATABASE)
    environment = json.loads((mes_state / "environment.json").read_text(encoding="utf-8"))
    environment["MES_DATABASE_URL"] = environment["MES_DATABASE_URL"].rpartition("/")[0] + f"/{DATABASE}"
    environment |= {"HOME": str(state), "FSMES_HOME": str(state), "MES_LOG_DIR": str(state / "logs")}
    (state / "environment.json").write_text(json.dumps(environment), encoding="utf-8")
    admin, reader = secrets.token_hex(18), secrets.token_hex(18)
    for arguments in (["init-db"], ["add-user", mes.admin, "Administrator", admin, "--role", "admin"]):
        program = str(Path(mes.venv) / "bin" / "fsmes")
        subprocess.run([program, *arguments], check=True, capture_output=True, cwd=state, env=environment)
    url, pid = serve(Path(mes.venv), state)
    try:
        password = rig.create_role(READER)
        rig.let_read(DATABASE, READER)
        running = replace(mes, url=url, pid=pid, password=reader, admin_password=admin)
        yield Shop(running=running, rig=rig, reader_password=password)
    finally:
        end(pid)


@pytest.fixture
def api(shop: Shop) -> Iterator[Api]:
    """Somebody who plans, with some orders made; those of an earlier test are gone."""
    mes = shop.running
    with httpx2.Client(base_url=mes.url, trust_env=False, timeout=30) as client:
        one = Api(client, mes.admin, mes.admin_password)
        with shop.rig.admin(DATABASE) as database:
            database.execute("DELETE FROM work_order_operations")
            database.execute("DELETE FROM work_orders")
            known = database.execute("SELECT 1 FROM materials WHERE code = 'M1'").fetchone()
        if not known:
            _floor(one, mes)
        for number in range(ORDERS):
            order(one, f"5{number:05}", released=number % 3 == 0)
        WorkOrders(shop, one, shop.rig.catch_up).until(f"5{ORDERS - 1:05}", "planned")
        shop.rig.catch_up()
        yield one


def _floor(api: Api, mes: Running) -> None:
    """Make one machine and what is made on it."""
    api.post("/auth/users", {"code": mes.account, "name": "erp-mcp", "password": mes.password, "role": "viewer"})
    place = "/masterdata/equipment"
    api.post(place, {"code": "WORKS", "name": "Works", "level": "enterprise"})
    api.post(place, {"code": "1000", "name": "Plant", "level": "site", "parent": "WORKS"})
    api.post(place, {"code": "L1", "name": "Line 1", "level": "work_center", "parent": "1000"})
    machine = {"code": "M-1", "name": "Machine", "level": "work_unit", "parent": "L1", "ideal_cycle_seconds": 60.0}
    api.post(place, machine)
    api.post("/masterdata/materials", {"code": "M1", "name": "Part", "unit": "ea"})
    steps = [{"seq": 10, "name": "Step 10", "equipment": "M-1"}, {"seq": 20, "name": "Step 20", "equipment": "M-1"}]
    api.post("/masterdata/routings", {"code": "R-M1", "name": "Part", "material": "M1", "operations": steps})


@asynccontextmanager
async def reading(shop: Shop, name: str) -> AsyncIterator[Adapter]:
    """Yield an adapter of a shipped profile."""
    adapter: Adapter
    if name == "fsmes":
        adapter = RestAdapter.open(connection_to(shop.running, rows=ROWS), profile_named(name), FixedClock())
    else:
        connection = Connection(
            system="mes", url=shop.rig.url(DATABASE, replica=True), account=READER, secret=shop.reader_password,
            page_rows=ROWS, limits=FAST,
        )  # fmt: skip
        adapter = SqlAdapter.open(connection, profile_named(name), FixedClock())
    try:
        yield adapter
    finally:
        await adapter.close()


@covers(PAGING, BY_PROFILE)
@guarantees("P9.no_change_lost", "P7.sync_exact")
@pytest.mark.parametrize("name", ["fsmes", "fsmes-replica"])
async def test_nothing_that_stays_is_lost_while_others_write(shop: Shop, api: Api, name: str) -> None:
    """The listing goes on by offset, newest first: each order that comes or goes moves the rest under the reader."""
    done = shop.rig.catch_up if name == "fsmes-replica" else lambda: None
    async with reading(shop, name) as adapter:
        seen = await read_under_writes(adapter, "job", WorkOrders(shop, api, done), later=adapter)
    check_nothing_is_lost(seen)
