"""The contract on a real MariaDB, which the rig starts where it is installed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from erp_mcp.adapters import Connection
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.adapters.sql.engines import database_address, engine_for
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import Record
from erp_mcp.domain.entities.inventory import Stock
from erp_mcp.domain.entities.production import Downtime
from erp_mcp.domain.instants import seconds_between
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.errors import SystemRefusedError
from erp_mcp.testing import AdapterContract, Fault, FixedClock
from erp_mcp.testing.passes import apply, fold, read_pages
from tests.guarantees import guarantees
from tests.systems.mariadb.server import Rig, running
from tests.systems.matrix.covering import ADAPTER_CONTRACT, MARIADB, WRITING, covers

_DATABASE: Final = "contract"
_ACCOUNT: Final = "gateway_read"
_FAST: Final = TrafficLimits(requests_per_s=100_000, burst=100_000)
_DDL: Final = (
    "DROP TABLE IF EXISTS bin, gone, stop",
    "CREATE TABLE bin (k varchar(20) PRIMARY KEY, mat varchar(20), qty decimal(20, 6), counted timestamp, chg text)",
    "CREATE TABLE gone (k varchar(20), at varchar(20))",
    "CREATE TABLE stop (no varchar(20) PRIMARY KEY, began timestamp)",
    "SET time_zone = '+01:00'",
    "INSERT INTO stop VALUES ('D1', '2026-03-16 05:30:00')",
    """INSERT INTO bin SELECT CONCAT('S', LPAD(seq, 3, '0')), CONCAT('M', seq), 1.5, now(),
       CONCAT('t', LPAD(seq DIV 7, 4, '0')) FROM seq_0_to_24""",
)
_STOCK: Final = (
    "SELECT k AS source_key, CONCAT(chg, ':', qty) AS version_token, chg AS changed_at, mat AS material_id,"
    " '1000' AS site, 'A1' AS storage_location_id, 'unrestricted' AS stock_type, {qty} AS qty, 'EA' AS uom FROM bin"
)
_DOWNTIME: Final = (
    "SELECT no AS source_key, '1' AS version_token, DATE_FORMAT(began, '%Y-%m-%dT%H:%i:%sZ') AS changed_at,"
    " no AS downtime_id, '1000' AS site, 'W1' AS work_center_id,"
    " DATE_FORMAT(began, '%Y-%m-%dT%H:%i:%sZ') AS started_at FROM stop"
)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A server with an account that may read."""
    with running(tmp_path_factory.mktemp("mariadb")) as one:
        one.create_database(_DATABASE)
        one.create_user(_ACCOUNT, _password(one))
        one.run("mysql", f"GRANT SELECT ON {_DATABASE}.* TO {_ACCOUNT}")
        yield one


def _password(rig: Rig) -> str:
    return f"read-{rig.password}"


def profile(qty: str = "qty", *, after: str = "") -> Profile:
    form: dict[str, JsonValue] = {
        "statement": _STOCK.format(qty=qty) + after,
        "tombstones": "SELECT k AS source_key, at AS changed_at FROM gone",
        "feed": "SELECT '2026-03-16T04:59:20Z' AS high_water",
    }
    entities: dict[str, dict[str, JsonValue]] = {"downtime": {"statement": _DOWNTIME}, "stock": form}
    return Profile(name="p", version=1, kind="sql", level=4, zone="UTC", identity={}, states={}, entities=entities)


class MariadbSource:
    entity = "stock"
    page_rows = 2

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.secrets = (_password(rig), "contract.bin", "Can't connect")
        self.clock = FixedClock()
        self._tick = 0
        self.opened: list[SqlAdapter] = []
        rig.run(_DATABASE, *_DDL)
        self.adapter = self.open()

    def open(self, mapping: Profile | None = None, *, url: str = "", timeout_s: float = 5.0) -> SqlAdapter:
        connection = Connection(
            system="erp",
            url=url or self._rig.url(_DATABASE),
            account=_ACCOUNT,
            secret=_password(self._rig),
            page_rows=self.page_rows,
            timeout_s=timeout_s,
            limits=_FAST,
        )
        self.opened.append(SqlAdapter.open(connection, mapping or profile(), self.clock))
        return self.opened[-1]

    def _now(self) -> str:
        self._tick += 1
        return f"t{100 + self._tick // 2:04d}"  # two changes share each tick

    def expected(self, entity: str) -> Mapping[str, Record]:
        if entity == "downtime":
            return {"D1": _DOWN}
        rows = self._rig.rows(_DATABASE, "SELECT k, mat, qty FROM bin")
        return {str(key): _stock(str(key), str(material), Decimal(str(qty))) for key, material, qty in rows}

    def edit(self) -> str:
        self._rig.run(_DATABASE, f"UPDATE bin SET qty = 2.25, chg = '{self._now()}' WHERE k = 'S004'")
        return "S004"

    def add(self) -> str:
        now = self._now()
        key = f"S0{self._tick:03d}"
        self._rig.run(_DATABASE, f"INSERT INTO bin VALUES ('{key}', 'M9', 0.000001, now(), '{now}')")
        return key

    def delete(self) -> str:
        key = next(key for key in sorted(self.expected("stock")) if key >= "S003")
        gone = f"INSERT INTO gone VALUES ('{key}', '{self._now()}')"
        self._rig.run(_DATABASE, f"DELETE FROM bin WHERE k = '{key}'", gone)
        return key

    def fault(self, how: Fault) -> None:
        match how:
            case "none":
                self.adapter = self.open()
            case "down":
                self.adapter = self.open(url="mariadb://127.0.0.1:1/contract")
            case "slow":
                self.adapter = self.open(profile(after=", (SELECT SLEEP(30) AS s) slow"), timeout_s=0.2)
            case "nonsense":
                self.adapter = self.open(profile("qty + 0e0"))

    async def close(self) -> None:
        """Close all that was opened."""
        for one in self.opened:
            await one.close()


def _number(key: str) -> str:
    return str(len(key) * 1000 + int(key[1:]))


_DOWN: Final = Downtime(
    system="erp",
    source_key="D1",
    version_token="",
    as_of="",
    downtime_id="D1",
    site="1000",
    work_center_id="W1",
    started_at="2026-03-16T04:30:00Z",
)


def _stock(key: str, material: str, qty: Decimal) -> Stock:
    return Stock(
        system="erp",
        source_key=key,
        version_token="",
        as_of="",
        material_id=material,
        site="1000",
        storage_location_id="A1",
        stock_type="unrestricted",
        qty=int(qty * 1_000_000),
        uom="EA",
    )


@covers(ADAPTER_CONTRACT, MARIADB)
@guarantees("adapter.contract")
@pytest.mark.live
class TestMariadb(AdapterContract):
    @pytest.fixture
    async def source(self, rig: Rig) -> AsyncIterator[MariadbSource]:
        source = MariadbSource(rig)
        yield source
        await source.close()

    @guarantees("P7.sync_exact")
    async def test_keys_may_be_numbers(self, source: MariadbSource) -> None:
        """Most tables count their rows; a number is compared with no text, and no text with a number."""
        number = "CHAR_LENGTH(k) * 1000 + CAST(SUBSTR(k, 2) AS SIGNED) AS source_key"
        form: dict[str, JsonValue] = {
            "statement": _STOCK.format(qty="qty").replace("k AS source_key", number),
            "tombstones": f"SELECT {number}, at AS changed_at FROM gone",
        }
        one = source.open(replace(profile(), entities={"stock": form}))
        pages = await read_pages(one, "stock")
        source.delete()
        added = _number(source.add())
        held = await fold(one, "stock", pages[-1].watermark, apply({}, pages))
        found = await one.read("stock", [added])
        assert set(held) == {_number(key) for key in source.expected("stock")}
        assert [record.source_key for record in found] == [added]
        assert await one.read("stock", [f"{added}x", f" {added}", f"{added}.0", "", "x"]) == ()


@covers(WRITING, MARIADB, refused="kind sql only reads, in sessions that can only read")
@guarantees("P2.no_writes")
@pytest.mark.live
@pytest.mark.parametrize(
    "write",
    [
        "DELETE FROM bin",
        "INSERT INTO gone VALUES ('a', 'b')",
        "CREATE TABLE copied AS SELECT * FROM bin",
        "SELECT * FROM bin FOR UPDATE; DELETE FROM bin",
        "TRUNCATE bin",
        "SET TRANSACTION READ WRITE",
        "CALL emptied()",
    ],
)
def test_a_session_cannot_write_even_where_the_account_could(rig: Rig, write: str) -> None:
    """An account with too many rights is a mistake that happens; the session stands on its own."""
    rig.run(_DATABASE, *_DDL, "CREATE OR REPLACE PROCEDURE emptied() DELETE FROM bin")
    connection = Connection(system="erp", url=rig.url(_DATABASE))
    engine = engine_for(database_address(connection), user=rig.user, password=rig.password, timeout_s=5)
    try:
        with engine.connect() as one:
            one.execute(text("SELECT 1 FROM bin"))  # the mode of a transaction is fixed by its first statement
            with pytest.raises(SQLAlchemyError):
                one.execute(text(write))
    finally:
        engine.dispose()
    assert rig.rows(_DATABASE, "SELECT count(*) FROM bin") == [(25,)]
    assert rig.rows(_DATABASE, "SHOW TABLES LIKE 'copied'") == []


@guarantees("input.clear_errors", "P8.no_leaks")
@pytest.mark.live
async def test_a_wrong_password_is_a_refusal(rig: Rig) -> None:
    """Repeating it would lock the account."""
    connection = Connection(system="erp", url=rig.url(_DATABASE), account=_ACCOUNT, secret="wr0ng")
    one = SqlAdapter.open(connection, profile(), FixedClock())
    with pytest.raises(SystemRefusedError) as caught:
        await one.probe()
    await one.close()
    assert "wr0ng" not in f"{caught.value}"


@guarantees("P7.freshness")
@pytest.mark.live
async def test_it_tells_the_time_of_the_server(rig: Rig) -> None:
    """In UTC, whatever the zone of the server."""
    rig.run("mysql", "SET GLOBAL time_zone = '+05:00'")
    source = MariadbSource(rig)
    try:
        told = await source.adapter.probe()
    finally:
        rig.run("mysql", "SET GLOBAL time_zone = 'SYSTEM'")
        await source.close()
    here = str(rig.rows("mysql", "SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%dT%H:%i:%sZ')")[0][0])
    assert told["product"] == "MariaDB"
    assert told["account"].startswith(_ACCOUNT)
    assert 0 <= seconds_between(told["server_time"], here) < 3600
