from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.adapters import Connection, open_adapter
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.adapters.sql.statements import Place, page_after
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities.inventory import Material
from erp_mcp.domain.profile import IdentityRule, Profile
from erp_mcp.errors import (
    BadAnswerError,
    ConfigurationError,
    GatewayError,
    ProfileFileError,
    SystemRefusedError,
    SystemTimeoutError,
    SystemUnreachableError,
)
from erp_mcp.ports import ChangePage
from erp_mcp.settings import SystemSettings
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees

ROWS: Final = (
    "SELECT no AS source_key, chg AS version_token, chg AS changed_at, no AS material_id, 'EA' AS base_uom FROM part"
)
GONE: Final = "SELECT no AS source_key, at AS changed_at FROM gone"

Database = Callable[..., None]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "erp.sqlite"


@pytest.fixture
def write(file: Path) -> Database:
    def execute(text: str, *values: object) -> None:
        with closing(sqlite3.connect(file)) as database, database:
            database.execute(text, values)

    execute("CREATE TABLE part (no, chg)")
    execute("CREATE TABLE gone (no, at)")
    return execute


def profile(rows: str = ROWS, **more: JsonValue) -> Profile:
    xref = IdentityRule(rule="table", query="SELECT no AS local, chg AS canonical FROM part")
    entities: dict[str, dict[str, JsonValue]] = {"material": {"statement": rows, "tombstones": GONE, **more}}
    return Profile(
        name="p", version=1, kind="sql", level=4, zone="UTC", identity={"lot": xref}, states={}, entities=entities
    )


def adapter(file: Path, mapping: Profile | None = None, *, url: str = "", page_rows: int = 2) -> SqlAdapter:
    secret = "" if url.startswith("sqlite") else "s3cret"  # a file takes no password
    connection = Connection(system="erp", url=url or str(file), secret=secret, page_rows=page_rows, timeout_s=1)
    return SqlAdapter.open(connection, mapping or profile(), FixedClock())


async def passed(one: SqlAdapter, watermark: str = "") -> list[ChangePage]:
    return [page async for page in one.changes("material", watermark)]


def keys(pages: list[ChangePage]) -> list[str]:
    return [record.source_key for page in pages for record in page.records]


@guarantees("P7.sync_exact")
async def test_a_late_commit_on_the_newest_tick_is_seen_whatever_its_key(file: Path, write: Database) -> None:
    """Two rows of one tick, the second one with the smaller key: plain keyset paging would lose it."""
    write("INSERT INTO part VALUES ('B', 't1'), ('C', 't2')")
    one = adapter(file)
    pages = await passed(one)
    write("INSERT INTO part VALUES ('A', 't2')")
    assert "A" in keys(await passed(one, pages[-1].watermark))


@guarantees("P7.sync_exact")
async def test_a_row_that_comes_behind_the_reader_during_a_pass_is_seen_by_the_next_one(
    file: Path, write: Database
) -> None:
    """The tick was still open when the pass went by it, and is not the newest one when the pass ends."""
    write("INSERT INTO part VALUES ('B', 't1'), ('C', 't2'), ('D', 't2')")
    one = adapter(file, page_rows=1)
    found: list[ChangePage] = []
    async for page in one.changes("material", ""):
        if not found:
            write("INSERT INTO part VALUES ('A', 't2'), ('Z', 't3')")
        found.append(page)
    assert "A" in {*keys(found), *keys(await passed(one, found[-1].watermark))}


@guarantees("P7.sync_exact")
async def test_more_rows_on_one_tick_than_on_a_page_are_all_read_once(file: Path, write: Database) -> None:
    """A bulk load stamps a whole table with one time."""
    for number in range(23):
        write("INSERT INTO part VALUES (?, 't1')", f"P{number:02d}")
    assert keys(await passed(adapter(file))) == [f"P{number:02d}" for number in range(23)]


@guarantees("P9.bounded", "P7.sync_exact")
async def test_a_bulk_load_long_past_is_not_read_again_at_each_pass(file: Path, write: Database) -> None:
    """Its one time stamp is the newest; only a tick that may still be written to is read once more."""
    long_past, just_now = "2026-03-16T03:59:00Z", "2026-03-16T04:59:00Z"  # the plant clock stands at 05:00
    write("INSERT INTO part VALUES ('A', ?), ('B', ?)", long_past, long_past)
    one = adapter(file)
    first = await passed(one)
    second = await passed(one, first[-1].watermark)
    third = await passed(one, second[-1].watermark)
    write("INSERT INTO part VALUES ('C', ?)", just_now)
    fourth = await passed(one, third[-1].watermark)
    fifth = await passed(one, fourth[-1].watermark)
    assert [keys(pages) for pages in (second, third, fourth, fifth)] == [[], [], ["C"], ["C"]]


@guarantees("P10.survives", "P7.sync_exact")
async def test_a_first_pass_over_an_empty_table_loses_nothing_that_comes_meanwhile(file: Path, write: Database) -> None:
    """Killed after any page, and gone on with, it ends with everything."""
    mid = '[1,"t1","B","",null,"",null]'  # a pass that began on an empty table and was killed after B
    write("INSERT INTO part VALUES ('A', 't1'), ('B', 't1'), ('C', 't2')")
    pages = await passed(adapter(file), mid)
    assert keys(pages) == ["C"]
    assert keys(await passed(adapter(file), pages[-1].watermark)) == ["A", "B", "C"]


@guarantees("P7.sync_exact")
async def test_a_key_that_lives_again_is_not_deleted_by_its_old_tombstone(file: Path, write: Database) -> None:
    """Orders are cancelled and made again under the same number."""
    write("INSERT INTO part VALUES ('A', 't1')")
    one = adapter(file)
    first = await passed(one)
    write("INSERT INTO gone VALUES ('A', 't2')")
    write("UPDATE part SET chg = 't3'")
    pages = await passed(one, first[-1].watermark)
    assert [key for page in pages for key in page.deleted] == []
    assert keys(pages) == ["A"]


@guarantees("P7.sync_exact")
@pytest.mark.parametrize("key", ["no", "no + 0", "CAST(no AS TEXT)"])
async def test_keys_may_be_numbers(file: Path, write: Database, key: str) -> None:
    """Most tables count their rows; what SQLite calculates has no type that would turn a text into a number."""
    write("DROP TABLE part")
    write("CREATE TABLE part (no INTEGER PRIMARY KEY, chg)")
    for number in range(23):
        write("INSERT INTO part VALUES (?, 't1')", number)
    rows = ROWS.replace("no AS", f"{key} AS").replace(f"{key} AS material_id", "'M' || no AS material_id")
    one = adapter(file, profile(rows))
    pages = await passed(one)
    assert sorted(keys(pages), key=int) == [str(number) for number in range(23)]
    assert [record.source_key for record in await one.read("material", ["7", "07"])] == ["7"]
    write("DELETE FROM part WHERE no = 5")
    write("INSERT INTO gone VALUES (5, 't2'), (6, 't2'), ('7', 't2')")  # 6 and 7 live again
    write("INSERT INTO part VALUES (1000, 't1')")  # committed late, on the newest tick
    later = await passed(one, pages[-1].watermark)
    assert [key for page in later for key in page.deleted] == ["5"]
    assert "1000" in keys(later)


@guarantees("P7.sync_exact")
async def test_whole_numbers_serve_as_watermarks_too(file: Path, write: Database) -> None:
    """Row versions count 9, 10, 11; as text they would sort wrongly."""
    write("INSERT INTO part VALUES ('A', 9), ('B', 10)")
    one = adapter(file)
    pages = await passed(one)
    write("INSERT INTO part VALUES ('C', 11)")
    assert keys(pages) == ["A", "B"]
    assert keys(await passed(one, pages[-1].watermark)) == ["B", "C"]


@guarantees("input.clear_errors")
@pytest.mark.parametrize("tick", [None, "", 1.5])
async def test_a_row_without_a_usable_watermark_is_refused(file: Path, write: Database, tick: object) -> None:
    """It would be read once and never again."""
    write("INSERT INTO part VALUES ('A', ?)", tick)
    rows = ROWS.replace("chg AS version_token", "'1' AS version_token")
    with pytest.raises(BadAnswerError) as caught:
        await passed(adapter(file, profile(rows)))
    assert caught.value.facts["field"] == "changed_at"


@guarantees("P7.freshness")
@pytest.mark.parametrize("feed", ["SELECT NULL", "SELECT 1 WHERE 0", "SELECT 'yesterday'"])
async def test_a_feed_that_does_not_say_how_old_it_is_is_not_trusted(file: Path, write: Database, feed: str) -> None:
    """Taking it for fresh would be a guess in the wrong direction."""
    write("INSERT INTO part VALUES ('A', 't1')")
    with pytest.raises(BadAnswerError) as caught:
        await passed(adapter(file, profile(feed=feed)))
    assert caught.value.facts["field"] == "feed"


@guarantees("P2.no_writes")
@pytest.mark.parametrize(
    "statement", ["DELETE FROM part RETURNING no", "DROP TABLE part", "PRAGMA writable_schema = 1"]
)
async def test_it_cannot_write_whatever_a_profile_says(file: Path, write: Database, statement: str) -> None:
    """Read-only is how the file is opened, and each statement stands in a SELECT of ours."""
    write("INSERT INTO part VALUES ('A', 't1')")
    before = file.read_bytes()
    for broken in (profile(statement), profile(feed=statement)):
        with pytest.raises(GatewayError):
            await passed(adapter(file, broken))
    assert file.read_bytes() == before


@guarantees("adapter.contract")
async def test_cross_references_must_be_unambiguous(file: Path, write: Database) -> None:
    """One local id with two meanings joins wrongly."""
    write("INSERT INTO part VALUES ('L1.ASM01', 'ASM-01')")
    assert await adapter(file).cross_references("lot") == {"L1.ASM01": "ASM-01"}
    write("INSERT INTO part VALUES ('L1.ASM01', 'ASM-02')")
    with pytest.raises(BadAnswerError):
        await adapter(file).cross_references("lot")


@guarantees("adapter.contract", "P9.bounded")
async def test_cross_references_are_never_cut(file: Path, write: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was left out would join with nothing, and nobody would know."""
    monkeypatch.setattr("erp_mcp.adapters.sql.adapter.MAX_CROSS_REFERENCES", 2)
    for number in range(2):
        write("INSERT INTO part VALUES (?, 'ASM')", f"L{number}")
    assert len(await adapter(file).cross_references("lot")) == 2
    write("INSERT INTO part VALUES ('L2', 'ASM')")
    with pytest.raises(BadAnswerError):
        await adapter(file).cross_references("lot")


@guarantees("adapter.contract")
async def test_a_key_that_is_not_unique_is_refused(file: Path, write: Database) -> None:
    """One of the two records would silently win."""
    write("INSERT INTO part VALUES ('A', 't1'), ('A', 't2')")
    with pytest.raises(BadAnswerError):
        await adapter(file).read("material", ["A"])


@guarantees("input.clear_errors")
async def test_a_file_that_is_no_database_is_a_bad_answer(file: Path) -> None:
    """The wrong file was configured; nobody should wait for it."""
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(BadAnswerError):
        await adapter(file).probe()


@guarantees("input.clear_errors")
async def test_a_locked_file_is_a_timeout(file: Path, write: Database) -> None:
    """The system is busy, not broken."""
    write("INSERT INTO part VALUES ('A', 't1')")
    one = SqlAdapter.open(Connection(system="erp", url=str(file), timeout_s=0.05), profile(), FixedClock())
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SystemTimeoutError):
            await passed(one)


@guarantees("input.clear_errors")
def test_an_entity_without_a_statement_is_refused_when_opened(file: Path) -> None:
    """A profile of another kind was named."""
    with pytest.raises(ProfileFileError):
        adapter(file, profile(rows=""))


@guarantees("adapter.contract")
@pytest.mark.parametrize(
    ("dialect", "words"), [("mssql", "FETCH NEXT :page_limit"), ("postgresql", "LIMIT :page_limit")]
)
def test_pages_are_asked_for_in_the_databases_own_words(dialect: str, words: str) -> None:
    """Values are bound, and an inner statement may end in a semicolon."""
    text = page_after("SELECT 1 AS a;", Place(changed_at="t", key="k"), limit=5, dialect=dialect).text
    assert words in text
    assert ";" not in text


# --- Any other database -----------------------------------------------------------------------------------------------


@guarantees("adapter.contract")
async def test_another_database_is_read_the_same_way(file: Path, write: Database) -> None:
    """Paging, tombstones and reading by key do not depend on the driver; a colon in a statement is no parameter."""
    for number in range(12):
        write("INSERT INTO part VALUES (?, 't1')", f"P{number:02d}")
    mapping = profile(ROWS.replace("'EA'", "substr('x:y::EA', 6)"))
    one = adapter(file, mapping, url=f"sqlite+pysqlite:///{file}", page_rows=5)
    pages = await passed(one)
    write("DELETE FROM part WHERE no = 'P03'")
    write("INSERT INTO gone VALUES ('P03', 't2')")
    later = await passed(one, pages[-1].watermark)
    records = await one.read("material", ["P01", "P99"])
    assert keys(pages) == [f"P{number:02d}" for number in range(12)]
    assert [key for page in later for key in page.deleted] == ["P03"]
    assert [(record.source_key, record.base_uom) for record in records if isinstance(record, Material)] == [
        ("P01", "EA")
    ]
    assert (await one.probe())["product"] == "sqlite"
    await one.close()


@guarantees("P8.no_leaks", "input.clear_errors")
@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("postgresql://127.0.0.1:1/plant", SystemUnreachableError),
        ("sqlite+pysqlite:////no/such/folder/s3cret.db", SystemUnreachableError),
    ],
)
async def test_another_database_that_is_down_is_unreachable(file: Path, url: str, error: type[GatewayError]) -> None:
    """The driver's own text names hosts and accounts; it stays inside."""
    one = adapter(file, url=url)
    with pytest.raises(error) as caught:
        await passed(one)
    await one.close()
    assert "s3cret" not in f"{caught.value}"
    assert caught.value.__cause__ is None


@guarantees("input.clear_errors")
@pytest.mark.parametrize("url", ["nosuchdb://host/plant", "://"])
def test_an_address_nobody_can_open_is_a_configuration_error(file: Path, url: str) -> None:
    """It is found when the system is opened, by name."""
    with pytest.raises(ConfigurationError):
        adapter(file, url=url)


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("state", "text", "error"),
    [
        ("57014", "canceling statement", SystemTimeoutError),
        ("28P01", "", SystemRefusedError),
        ("42501", "permission denied", SystemRefusedError),
        ("", "password authentication failed", SystemRefusedError),
        ("08006", "", SystemUnreachableError),
        ("57P01", "", SystemUnreachableError),
        ("", "connection refused", SystemUnreachableError),
        ("42P01", "no such relation", BadAnswerError),
    ],
)
def test_a_drivers_error_gets_its_meaning_from_its_state(state: str, text: str, error: type[GatewayError]) -> None:
    """SQLSTATE is a standard; messages are not."""
    from sqlalchemy.exc import DBAPIError

    from erp_mcp.adapters.sql.failures import meaning

    class OperationalError(Exception):
        sqlstate = state or None

    assert type(meaning(DBAPIError("SELECT", {}, OperationalError(text)), "erp")) is error


# --- Opening ----------------------------------------------------------------------------------------------------------


@guarantees("adapter.contract")
async def test_a_configured_system_is_opened_relative_to_its_configuration(file: Path, write: Database) -> None:
    """The same settings work wherever the server was started."""
    write("INSERT INTO part VALUES ('A', 't1')")
    system = SystemSettings(name="erp", profile="p", url=file.name)
    one = open_adapter(system, profile(), clock=FixedClock(), root=file.parent)
    assert [record.source_key for record in await one.read("material", ["A"])] == ["A"]


@guarantees("input.clear_errors")
def test_a_kind_that_is_not_installed_is_named(file: Path) -> None:
    """Outsiders' adapters come with a package that may be missing."""
    other = Profile(name="p", version=1, kind="odata-x", level=4, zone="UTC", identity={}, states={}, entities={})
    system = SystemSettings(name="erp", profile="p", url="x")
    with pytest.raises(ConfigurationError) as caught:
        open_adapter(system, other, clock=FixedClock(), root=file.parent)
    assert "odata-x" in str(caught.value.facts["reason"])


@guarantees("input.clear_errors", "P9.bounded")
async def test_a_database_whose_connections_are_all_busy_is_slow_and_not_wrong(file: Path, write: Database) -> None:
    """Where a database knows no time-out, a statement that was given up keeps its connection until it ends."""
    from erp_mcp.adapters.sql.engine_source import EngineSource

    connection = Connection(system="erp", url=f"sqlite+pysqlite:///{file}", timeout_s=0.1)
    source = EngineSource(connection, FixedClock())
    engine = source._engine_as("")
    with engine.connect(), engine.connect(), pytest.raises(SystemTimeoutError):
        await source.probe()
    assert (await source.probe())["product"] == "sqlite"
    await source.close()
