"""The contract on a real MariaDB, which the rig starts where it is installed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

import pytest

from erp_mcp.domain.instants import seconds_between
from erp_mcp.testing import AdapterContract
from tests.contract.sql_server import (
    DATABASE,
    READER,
    Dialect,
    ServerSource,
    password_of,
    read_by_numbers,
    try_to_write,
    try_wrong_password,
)
from tests.guarantees import guarantees
from tests.systems.mariadb.server import Rig, running
from tests.systems.matrix.covering import ADAPTER_CONTRACT, MARIADB, WRITING, covers

_BEGAN: Final = "DATE_FORMAT(began, '%Y-%m-%dT%H:%i:%sZ')"
DIALECT: Final = Dialect(
    tables=(
        "DROP TABLE IF EXISTS bin, gone, stop",
        "CREATE TABLE bin (k varchar(20) PRIMARY KEY, mat varchar(9), qty decimal(20, 6), counted timestamp, chg text)",
        "CREATE TABLE gone (k varchar(20), at varchar(20))",
        "CREATE TABLE stop (no varchar(20) PRIMARY KEY, began timestamp)",
        "SET time_zone = '+01:00'",
        "INSERT INTO stop VALUES ('D1', '2026-03-16 05:30:00')",
        """INSERT INTO bin SELECT CONCAT('S', LPAD(seq, 3, '0')), CONCAT('M', seq), 1.5, now(),
           CONCAT('t', LPAD(seq DIV 7, 4, '0')) FROM seq_0_to_24""",
    ),
    version="CONCAT(chg, ':', qty)",
    began=_BEGAN,
    started_at=_BEGAN,  # its columns for times have no zone
    feed="SELECT '2026-03-16T04:59:20Z' AS high_water",
    pause=", (SELECT SLEEP(30) AS s) slow",
    inexact="qty + 0e0",
    number="CHAR_LENGTH(k) * 1000 + CAST(SUBSTR(k, 2) AS SIGNED)",
    nowhere="mariadb://127.0.0.1:1/contract",
    own_words=("contract.bin", "Can't connect"),
)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A server with an account that may read."""
    with running(tmp_path_factory.mktemp("mariadb")) as one:
        one.create_database(DATABASE)
        one.create_user(READER, password_of(one))
        one.run("mysql", f"GRANT SELECT ON {DATABASE}.* TO {READER}")
        yield one


class MariadbSource(ServerSource):
    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        super().__init__(DIALECT, password_of(rig))

    def url(self) -> str:
        return self._rig.url(DATABASE)

    def write(self, *statements: str) -> None:
        self._rig.run(DATABASE, *statements)

    def rows(self, statement: str) -> Sequence[tuple[object, ...]]:
        return self._rig.rows(DATABASE, statement)


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
        one, key = await read_by_numbers(source)
        assert await one.read("stock", [f"{key}x", f" {key}", f"{key}.0", "", "x"]) == ()


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
    rig.run(DATABASE, *DIALECT.tables, "CREATE OR REPLACE PROCEDURE emptied() DELETE FROM bin")
    try_to_write(rig, rig.url(DATABASE), write)
    assert rig.rows(DATABASE, "SELECT count(*) FROM bin") == [(25,)]
    assert rig.rows(DATABASE, "SHOW TABLES LIKE 'copied'") == []


@guarantees("input.clear_errors", "P8.no_leaks")
@pytest.mark.live
async def test_a_wrong_password_is_a_refusal(rig: Rig) -> None:
    """Repeating it would lock the account."""
    await try_wrong_password(rig.url(DATABASE), DIALECT.profile())


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
    assert told["account"].startswith(READER)
    assert 0 <= seconds_between(told["server_time"], here) < 3600
