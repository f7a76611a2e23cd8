"""The contract on a real PostgreSQL, which this module starts for itself where the server is installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Final

import psycopg
import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import Record
from erp_mcp.domain.entities.inventory import Stock
from erp_mcp.domain.entities.production import Downtime
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import BadAnswerError, SystemRefusedError
from erp_mcp.testing import AdapterContract, ContractSource, Fault, FixedClock
from erp_mcp.testing.passes import apply, fold, read_pages
from tests.guarantees import guarantees
from tests.needs import missing

_PASSWORD: Final = "s3cret"
_NOBODY: Final = 65534
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


def _open_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def _postgresql() -> Iterator[str]:
    """Run a server with an owner and a read-only role in a directory of its own; PostgreSQL refuses to run as root."""
    root = os.name == "posix" and os.geteuid() == 0
    who: dict[str, int] = {"user": _NOBODY, "group": _NOBODY} if root else {}
    directory = Path(tempfile.mkdtemp(prefix="erp-mcp-pg-"))
    (directory / "pw").write_text(_PASSWORD, encoding="utf-8")
    if root:
        for place in (directory, directory / "pw"):
            os.chown(place, _NOBODY, _NOBODY)
    data, port = directory / "data", _open_port()
    make = [
        "initdb",
        "-D",
        str(data),
        "-U",
        "owner",
        f"--pwfile={directory / 'pw'}",
        "-A",
        "scram-sha-256",
        "--no-sync",
    ]
    subprocess.run(make, check=True, capture_output=True, cwd=directory, **who)  # type: ignore[call-overload]  # mypy has no ** for user
    start = ["pg_ctl", "-D", str(data), "-w", "-l", str(directory / "log"), "-o"]
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={directory} -c fsync=off"
    subprocess.run([*start, options, "start"], check=True, capture_output=True, cwd=directory, **who)  # type: ignore[call-overload]  # as above
    url = f"postgresql://127.0.0.1:{port}/postgres"
    try:
        with psycopg.connect(url, user="owner", password=_PASSWORD, autocommit=True) as owner:
            owner.execute(f"CREATE ROLE gateway_read LOGIN PASSWORD '{_PASSWORD}'")
        yield url
    finally:
        stop = ["pg_ctl", "-D", str(data), "-m", "immediate", "stop"]
        subprocess.run(stop, check=False, capture_output=True, cwd=directory, **who)  # type: ignore[call-overload]  # as above
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    if not all(shutil.which(name) for name in ("initdb", "pg_ctl", "postgres")):
        missing("PostgreSQL is not installed (initdb, pg_ctl and postgres on the PATH)")
    with _postgresql() as address:
        yield address


def profile(qty: str = "qty", *, after: str = "") -> Profile:
    form: dict[str, JsonValue] = {
        "statement": _STOCK.format(qty=qty) + after,
        "tombstones": "SELECT k AS source_key, at AS changed_at FROM gone",
        "feed": "SELECT timestamptz '2026-03-16 05:59:20+01'",
    }
    entities: dict[str, dict[str, JsonValue]] = {"downtime": {"statement": _DOWNTIME}, "stock": form}
    return Profile(name="p", version=1, kind="sql", level=4, zone="UTC", identity={}, states={}, entities=entities)


class PostgresqlSource:
    entity = "stock"
    page_rows = 2
    secrets = (_PASSWORD, "gateway_read", "bin", "connection refused")

    def __init__(self, url: str) -> None:
        self._url = url
        self.clock = FixedClock()
        self._tick = 0
        self._write(_DDL)
        self.adapter = self.open()

    def open(self, mapping: Profile | None = None, *, url: str = "", timeout_s: float = 5.0) -> SqlAdapter:
        connection = Connection(
            system="erp",
            url=url or self._url,
            account="gateway_read",
            secret=_PASSWORD,
            page_rows=self.page_rows,
            timeout_s=timeout_s,
        )
        return SqlAdapter.open(connection, mapping or profile(), self.clock)

    def _write(self, text: str) -> None:
        with psycopg.connect(self._url, user="owner", password=_PASSWORD, autocommit=True) as owner:
            owner.execute(text.encode())

    def _now(self) -> str:
        self._tick += 1
        return f"t{100 + self._tick // 2:04d}"  # two changes share each tick

    def expected(self, entity: str) -> Mapping[str, Record]:
        if entity == "downtime":
            return {"D1": _DOWN}
        with psycopg.connect(self._url, user="owner", password=_PASSWORD) as owner:
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
                self.adapter = self.open(url=f"postgresql://127.0.0.1:{_open_port()}/postgres")
            case "slow":
                self.adapter = self.open(profile(after=", pg_sleep(30)"), timeout_s=0.2)
            case "nonsense":
                self.adapter = self.open(profile("qty::float8"))


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
    def source(self, url: str) -> Iterator[ContractSource]:
        source = PostgresqlSource(url)
        first = source.adapter
        yield source
        for one in (first, source.adapter):
            one._source._engine.dispose()  # type: ignore[attr-defined]  # the fixture is not a coroutine

    @guarantees("P2.no_writes")
    async def test_its_session_cannot_write_even_where_the_account_could(self, url: str) -> None:
        """An account with too many rights is a mistake that happens."""
        source = PostgresqlSource(url)
        connection = Connection(system="erp", url=url, account="owner", secret=_PASSWORD)
        write = "WITH x AS (DELETE FROM bin RETURNING k) SELECT k AS source_key, k AS changed_at FROM x"
        for statement in (write, "SELECT nextval(pg_get_serial_sequence('bin', 'k'))"):
            form: dict[str, JsonValue] = {"statement": statement}
            broken = Profile(
                name="p",
                version=1,
                kind="sql",
                level=4,
                zone="UTC",
                identity={},
                states={},
                entities={"stock": form},
            )
            one = SqlAdapter.open(connection, broken, FixedClock())
            with pytest.raises(BadAnswerError):
                await one.read("stock", ["S001"])
            await one.close()
        assert len(source.expected("stock")) == 25
        await source.adapter.close()

    @guarantees("P7.sync_exact")
    async def test_keys_may_be_numbers(self, url: str) -> None:
        """Most tables count their rows; a number is compared with no text."""
        source = PostgresqlSource(url)
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
        for adapter in (source.adapter, one):
            await adapter.close()
        assert set(held) == {_number(key) for key in source.expected("stock")}
        assert [record.source_key for record in found] == [added]

    @guarantees("input.clear_errors", "P8.no_leaks")
    async def test_a_wrong_password_is_a_refusal(self, url: str) -> None:
        """Repeating it would lock the account."""
        connection = Connection(system="erp", url=url, account="gateway_read", secret="wr0ng")
        one = SqlAdapter.open(connection, profile(), FixedClock())
        with pytest.raises(SystemRefusedError) as caught:
            await one.probe()
        await one.close()
        assert "wr0ng" not in f"{caught.value}"

    @guarantees("P7.freshness")
    async def test_it_tells_the_time_of_the_server(self, url: str) -> None:
        """A clock that is wrong is found by it."""
        one = PostgresqlSource(url).adapter
        assert (await one.probe())["server_time"].endswith("Z")
        await one.close()
