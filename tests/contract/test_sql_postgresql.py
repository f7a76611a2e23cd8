"""The contract on a real PostgreSQL and on a streaming replica of it, which the rig starts where it is installed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from typing import Final

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.errors import ProfileFileError
from erp_mcp.testing import AdapterContract, FixedClock
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
from tests.systems.matrix.covering import ADAPTER_CONTRACT, SQL_REPLICA, WRITING, covers
from tests.systems.postgresql.server import Rig, running

DIALECT: Final = Dialect(
    tables=(
        "DROP TABLE IF EXISTS bin, gone, stop",
        "CREATE TABLE bin (k text PRIMARY KEY, mat text, qty numeric(20, 6), counted timestamptz, chg text)",
        "CREATE TABLE gone (k text, at text)",
        "CREATE TABLE stop (no text PRIMARY KEY, began timestamptz)",
        f"GRANT SELECT ON bin, gone, stop TO {READER}",
        "INSERT INTO stop VALUES ('D1', '2026-03-16 05:30:00+01')",
        """INSERT INTO bin SELECT 'S' || lpad(n::text, 3, '0'), 'M' || n, 1.5, now(), 't' || lpad((n / 7)::text, 4, '0')
           FROM generate_series(0, 24) AS n""",
    ),
    version="chg || ':' || qty::text",
    began="began::text",
    started_at="began",
    feed="SELECT timestamptz '2026-03-16 05:59:20+01' AS high_water",
    pause=", pg_sleep(30)",
    inexact="qty::float8",
    number="length(k) * 1000 + substr(k, 2)::int",
    nowhere="postgresql://127.0.0.1:1/contract",
    own_words=("relation", "connection refused"),
)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A server with an account that may read, and its replica."""
    with running(tmp_path_factory.mktemp("postgresql")) as one:
        one.create_database(DATABASE)
        one.create_role(READER, password_of(one))
        yield one


class PostgresqlSource(ServerSource):
    def __init__(self, rig: Rig, *, replica: bool = False) -> None:
        self._rig = rig
        self._replica = replica
        super().__init__(DIALECT, password_of(rig))

    def url(self) -> str:
        return self._rig.url(DATABASE, replica=self._replica)

    def write(self, *statements: str) -> None:
        self._rig.run(DATABASE, "; ".join(statements))
        if self._replica:
            self._rig.catch_up()

    def rows(self, statement: str) -> Sequence[tuple[object, ...]]:
        return self._rig.rows(DATABASE, statement)


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
        await read_by_numbers(source)


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
    rig.run(DATABASE, "; ".join((*DIALECT.tables, "CREATE SEQUENCE IF NOT EXISTS counter")))
    try_to_write(rig, rig.url(DATABASE), write)
    assert rig.rows(DATABASE, "SELECT count(*) FROM bin") == [(25,)]
    assert rig.rows(DATABASE, "SELECT to_regclass('copied')") == [(None,)]


@guarantees("P2.no_writes", "input.clear_errors")
@pytest.mark.live
@pytest.mark.parametrize("key", ["statement", "tombstones", "feed"])
@pytest.mark.parametrize("write", ["DELETE FROM bin", "SELECT 1; DELETE FROM bin", "COMMIT", "DO $$ BEGIN END $$"])
def test_a_profile_whose_text_is_no_select_is_refused_before_anything_is_sent(rig: Rig, key: str, write: str) -> None:
    """Files come from people; the statement of a feed is sent as it stands."""
    good = DIALECT.profile()
    form = {**good.entities["stock"], key: write}
    connection = Connection(system="erp", url=rig.url(DATABASE))
    with pytest.raises(ProfileFileError):
        SqlAdapter.open(connection, replace(good, entities={"stock": form}), FixedClock())


@guarantees("input.clear_errors", "P8.no_leaks")
@pytest.mark.live
async def test_a_wrong_password_is_a_refusal(rig: Rig) -> None:
    """Repeating it would lock the account."""
    await try_wrong_password(rig.url(DATABASE), DIALECT.profile())


@guarantees("P7.freshness")
@pytest.mark.live
async def test_it_tells_the_time_of_the_server(rig: Rig) -> None:
    """A clock that is wrong is found by it."""
    source = PostgresqlSource(rig)
    assert (await source.adapter.probe())["server_time"].endswith("Z")
    await source.close()
