"""The contract on a real PostgreSQL and on a streaming replica of it, which the rig starts where it is installed."""

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
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.errors import ProfileFileError, SystemRefusedError
from erp_mcp.testing import AdapterContract, Fault, FixedClock
from erp_mcp.testing.passes import apply, fold, read_pages
from tests.guarantees import guarantees
from tests.systems.matrix.covering import ADAPTER_CONTRACT, SQL_REPLICA, WRITING, covers
from tests.systems.postgresql.server import Rig, running

_DATABASE: Final = "contract"
_ROLE: Final = "gateway_read"
_FAST: Final = TrafficLimits(requests_per_s=100_000, burst=100_000)
_DDL: Final = """
DROP TABLE IF EXISTS bin, gone, stop;
CREATE TABLE bin (k text PRIMARY KEY, mat text, qty numeric(20, 6), counted timestamptz, chg text);
CREATE TABLE gone (k text, at text);
CREATE TABLE stop (no text PRIMARY KEY, began timestamptz);
GRANT SELECT ON bin, gone, stop TO gateway_read;
INSERT INTO stop VALUES ('D1', '2026-03-16 05:30:00+01');
INSERT INTO bin SELECT 'S' || lpad(n::text, 3, '0'), 'M' || n, 1.5, now(), 't' || lpad((n / 7)::text, 4, '0')
  FROM generate_series(0, 24) AS n;
"""
_STOCK: Final = (
    "SELECT k AS source_key, chg || ':' || qty::text AS version_token, chg AS changed_at, mat AS material_id,"
    " '1000' AS site, 'A1' AS storage_location_id, 'unrestricted' AS stock_type, {qty} AS qty, 'EA' AS uom FROM bin"
)
_DOWNTIME: Final = (
    "SELECT no AS source_key, '1' AS version_token, began::text AS changed_at, no AS downtime_id, '1000' AS site,"
    " 'W1' AS work_center_id, began AS started_at FROM stop"
)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A server with an account that may read, and its replica."""
    with running(tmp_path_factory.mktemp("postgresql")) as one:
        one.create_database(_DATABASE)
        one.create_role(_ROLE, _password(one))
        yield one


def _password(rig: Rig) -> str:
    return f"read-{rig.password}"


def profile(qty: str = "qty", *, after: str = "") -> Profile:
    form: dict[str, JsonValue] = {
        "statement": _STOCK.format(qty=qty) + after,
        "tombstones": "SELECT k AS source_key, at AS changed_at FROM gone",
        "feed": "SELECT timestamptz '2026-03-16 05:59:20+01' AS high_water",
    }
    entities: dict[str, dict[str, JsonValue]] = {"downtime": {"statement": _DOWNTIME}, "stock": form}
    return Profile(name="p", version=1, kind="sql", level=4, zone="UTC", identity={}, states={}, entities=entities)


class PostgresqlSource:
    entity = "stock"
    page_rows = 2

    def __init__(self, rig: Rig, *, replica: bool = False) -> None:
        self._rig = rig
        self._replica = replica
        self.secrets = (_password(rig), "relation", "connection refused")
        self.clock = FixedClock()
        self._tick = 0
        self.opened: list[SqlAdapter] = []
        self._write(_DDL)
        self.adapter = self.open()

    def open(self, mapping: Profile | None = None, *, url: str = "", timeout_s: float = 5.0) -> SqlAdapter:
        connection = Connection(
            system="erp",
            url=url or self._rig.url(_DATABASE, replica=self._replica),
            account=_ROLE,
            secret=_password(self._rig),
            page_rows=self.page_rows,
            timeout_s=timeout_s,
            limits=_FAST,
        )
        self.opened.append(SqlAdapter.open(connection, mapping or profile(), self.clock))
        return self.opened[-1]

    def _write(self, statements: str) -> None:
        self._rig.run(_DATABASE, statements)
        if self._replica:
            self._rig.catch_up()

    def _now(self) -> str:
        self._tick += 1
        return f"t{100 + self._tick // 2:04d}"  # two changes share each tick

    def expected(self, entity: str) -> Mapping[str, Record]:
        if entity == "downtime":
            return {"D1": _DOWN}
        with self._rig.admin(_DATABASE) as owner:
            rows = owner.execute("SELECT k, mat, qty FROM bin").fetchall()
        return {key: _stock(key, material, qty) for key, material, qty in rows}

    def edit(self) -> str:
        self._write(f"UPDATE bin SET qty = 2.25, chg = '{self._now()}' WHERE k = 'S004'")
        return "S004"

    def add(self) -> str:
        now = self._now()
        key = f"S0{self._tick:03d}"
        self._write(f"INSERT INTO bin VALUES ('{key}', 'M9', 0.000001, now(), '{now}')")
        return key

    def delete(self) -> str:
        key = next(key for key in sorted(self.expected("stock")) if key >= "S003")
        self._write(f"DELETE FROM bin WHERE k = '{key}'; INSERT INTO gone VALUES ('{key}', '{self._now()}')")
        return key

    def fault(self, how: Fault) -> None:
        match how:
            case "none":
                self.adapter = self.open()
            case "down":
                self.adapter = self.open(url="postgresql://127.0.0.1:1/contract")
            case "slow":
                self.adapter = self.open(profile(after=", pg_sleep(30)"), timeout_s=0.2)
            case "nonsense":
                self.adapter = self.open(profile("qty::float8"))

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


@guarantees("adapter.contract")
@pytest.mark.live
class TestPostgresql(AdapterContract):
    @pytest.fixture
    async def source(self, rig: Rig) -> AsyncIterator[PostgresqlSource]:
        source = PostgresqlSource(rig)
        yield source
        await source.close()

    @guarantees("P7.sync_exact")
    async def test_keys_may_be_numbers(self, source: PostgresqlSource) -> None:
        """Most tables count their rows; a number is compared with no text."""
        number = "length(k) * 1000 + substr(k, 2)::int AS source_key"
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


@covers(ADAPTER_CONTRACT, SQL_REPLICA)
@guarantees("adapter.contract", "P7.replica_age")
@pytest.mark.live
class TestReplica(AdapterContract):
    @pytest.fixture
    async def source(self, rig: Rig) -> AsyncIterator[PostgresqlSource]:
        source = PostgresqlSource(rig, replica=True)
        yield source
        await source.close()


@covers(WRITING, SQL_REPLICA, refused="kind sql only reads, in sessions that can only read")
@guarantees("P2.no_writes")
@pytest.mark.live
@pytest.mark.parametrize(
    "write",
    [
        "DELETE FROM bin",
        "WITH x AS (DELETE FROM bin RETURNING k) SELECT k FROM x",
        "SELECT nextval('counter')",
        "SELECT * INTO copied FROM bin",
        "SET TRANSACTION READ WRITE",
        "SELECT set_config('transaction_read_only', 'off', true)",
        "COPY bin FROM '/etc/hostname'",
    ],
)
def test_a_session_cannot_write_even_where_the_account_could(rig: Rig, write: str) -> None:
    """An account with too many rights is a mistake that happens; the session stands on its own."""
    rig.run(_DATABASE, _DDL + "; CREATE SEQUENCE IF NOT EXISTS counter")
    connection = Connection(system="erp", url=rig.url(_DATABASE))
    engine = engine_for(database_address(connection), user=rig.user, password=rig.password, timeout_s=5)
    try:
        with engine.connect() as one:
            one.execute(text("SELECT 1"))  # the mode of a transaction is fixed by its first statement
            with pytest.raises(SQLAlchemyError):
                one.execute(text(write))
    finally:
        engine.dispose()
    with rig.admin(_DATABASE) as owner:
        assert owner.execute("SELECT count(*) FROM bin").fetchone() == (25,)
        assert owner.execute("SELECT to_regclass('copied')").fetchone() == (None,)


@guarantees("P2.no_writes", "input.clear_errors")
@pytest.mark.live
@pytest.mark.parametrize("key", ["statement", "tombstones", "feed"])
@pytest.mark.parametrize("write", ["DELETE FROM bin", "SELECT 1; DELETE FROM bin", "COMMIT", "DO $$ BEGIN END $$"])
def test_a_profile_whose_text_is_no_select_is_refused_before_anything_is_sent(rig: Rig, key: str, write: str) -> None:
    """Files come from people; the statement of a feed is sent as it stands."""
    good = profile()
    form = {**good.entities["stock"], key: write}
    connection = Connection(system="erp", url=rig.url(_DATABASE))
    with pytest.raises(ProfileFileError):
        SqlAdapter.open(connection, replace(good, entities={"stock": form}), FixedClock())


@guarantees("input.clear_errors", "P8.no_leaks")
@pytest.mark.live
async def test_a_wrong_password_is_a_refusal(rig: Rig) -> None:
    """Repeating it would lock the account."""
    connection = Connection(system="erp", url=rig.url(_DATABASE), account=_ROLE, secret="wr0ng")
    one = SqlAdapter.open(connection, profile(), FixedClock())
    with pytest.raises(SystemRefusedError) as caught:
        await one.probe()
    await one.close()
    assert "wr0ng" not in f"{caught.value}"


@guarantees("P7.freshness")
@pytest.mark.live
async def test_it_tells_the_time_of_the_server(rig: Rig) -> None:
    """A clock that is wrong is found by it."""
    source = PostgresqlSource(rig)
    assert (await source.adapter.probe())["server_time"].endswith("Z")
    await source.close()
