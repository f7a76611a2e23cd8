from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from erp_mcp.domain.entities import ENTITIES, Kind, field_specs
from erp_mcp.domain.entities.inventory import Stock
from erp_mcp.domain.freshness import EntityState
from erp_mcp.domain.tool import Query
from erp_mcp.errors import (
    DeadlineError,
    IdentityConflictError,
    LeaseLostError,
    ReadModelNotReadyError,
    ReadModelWriteError,
)
from erp_mcp.ports import ChangePage, SqlValue
from erp_mcp.store.read_model.reader import ReadModelReader
from erp_mcp.store.read_model.schema import ddl
from erp_mcp.store.read_model.variants import variant
from erp_mcp.store.read_model.writer import ReadModelWriter
from tests.guarantees import guarantees
from tests.unit.projections.small_plant import shipped

AS_OF = "2026-03-16T05:00:00Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "read_model.sqlite"


@pytest.fixture
def writer(path: Path) -> Iterator[ReadModelWriter]:
    writer = ReadModelWriter(path)
    yield writer
    writer.close()


@pytest.fixture
def reader(path: Path) -> Iterator[ReadModelReader]:
    reader = ReadModelReader(path)
    yield reader
    reader.close()


def stock(key: str, qty: int = 1_500_000) -> Stock:
    return Stock(
        system="ignored",
        source_key=key,
        version_token="1",
        as_of="ignored",
        material_id="M1",
        site="1000",
        storage_location_id="A1",
        stock_type="unrestricted",
        qty=qty,
        uom="EA",
    )


def page(
    *keys: str,
    deleted: tuple[str, ...] = (),
    present: tuple[str, ...] = (),
    last: bool = False,
    snapshot: bool = False,
) -> ChangePage:
    records = tuple(stock(key) for key in keys)
    mark = "-".join((*keys, *present))
    return ChangePage(records=records, deleted=deleted, present=present, watermark=mark, last=last, snapshot=snapshot)


def put(writer: ReadModelWriter, one: ChangePage, *, pass_id: str = "p1", system: str = "erp") -> None:
    writer.apply(system, "stock", one, as_of=AS_OF, pass_id=pass_id)


def query(sql: str, *, max_rows: int = 100) -> Query:
    return Query(name="q", sql={"sqlite": sql}, parameters=(), columns=(), entities=("stock",), max_rows=max_rows)


async def ask(reader: ReadModelReader, sql: str, *, max_rows: int = 100, deadline_s: float = 5.0) -> list[object]:
    parameters: dict[str, SqlValue] = {"site": "1000"}
    rows = await reader.rows(query(sql, max_rows=max_rows), parameters, deadline_s=deadline_s)
    return [row[0] for row in rows]


# --- What is stored ---------------------------------------------------------------------------------------------------


@guarantees("P7.exact_numbers")
def test_every_entity_has_a_table_with_its_fields_and_exact_column_types(writer: ReadModelWriter, path: Path) -> None:
    """A float column would lose digits; a number column would lose the leading zeros of an id."""
    integers = {Kind.QUANTITY, Kind.MONEY, Kind.INTEGER, Kind.FLAG}
    with closing(sqlite3.connect(path)) as database:
        for name, entity in ENTITIES.items():
            columns = {row[1]: row[2] for row in database.execute(f"PRAGMA table_info({name})")}
            expected = {spec.name: "INTEGER" if spec.kind in integers else "VARCHAR" for spec in field_specs(entity)}
            assert columns == {**expected, "pass_number": "INTEGER"}


@guarantees("P7.provenance")
async def test_rows_carry_the_system_and_age_they_were_applied_with(
    writer: ReadModelWriter, reader: ReadModelReader
) -> None:
    """Two systems may use the same key; their rows stay apart."""
    put(writer, page("S1"), system="erp")
    put(writer, page("S1"), system="wms")
    assert await ask(reader, "SELECT system || as_of FROM stock WHERE site = :site ORDER BY system") == [
        f"erp{AS_OF}",
        f"wms{AS_OF}",
    ]


@guarantees("P7.sync_exact")
async def test_a_repeated_page_changes_nothing(writer: ReadModelWriter, reader: ReadModelReader) -> None:
    """A process killed after its commit applies the page again."""
    for _ in range(2):
        put(writer, page("S1", "S2"))
    assert await ask(reader, "SELECT source_key FROM stock ORDER BY 1") == ["S1", "S2"]


@guarantees("P7.sync_exact")
async def test_a_snapshot_removes_at_its_end_what_it_did_not_name(
    writer: ReadModelWriter, reader: ReadModelReader
) -> None:
    """Not before its end, and only of its own system."""
    put(writer, page("S1", "S2", "S3"), pass_id="p1")
    put(writer, page("W1"), system="wms")
    put(writer, page("S1", snapshot=True), pass_id="p2")
    assert len(await ask(reader, "SELECT source_key FROM stock")) == 4
    put(writer, page("S3", snapshot=True, last=True), pass_id="p2")
    assert await ask(reader, "SELECT source_key FROM stock ORDER BY 1") == ["S1", "S3", "W1"]


@guarantees("P7.sync_exact")
async def test_a_record_that_is_only_named_stays_as_it_is(writer: ReadModelWriter, reader: ReadModelReader) -> None:
    """A system without tombstones is asked for its keys alone; what has not changed need not be read again."""
    put(writer, page("S1", "S2", "S3"), pass_id="p1")
    put(writer, page("S3", present=("S1",), snapshot=True, last=True), pass_id="p2")
    assert await ask(reader, "SELECT source_key FROM stock ORDER BY 1") == ["S1", "S3"]


@guarantees("P7.sync_exact")
async def test_a_named_record_that_was_never_given_makes_the_next_pass_start_over(writer: ReadModelWriter) -> None:
    """It was put in with an old date, say; no change would ever tell of it."""
    put(writer, page("S1"), pass_id="p1")
    put(writer, page(present=("S1", "S2"), snapshot=True, last=True), pass_id="p2")
    state = writer.state("erp", "stock")
    assert state is not None
    assert not state.watermark


@guarantees("P7.sync_exact")
async def test_a_later_page_of_the_pass_does_not_cover_that_up(writer: ReadModelWriter) -> None:
    """The keys that are there are named in several pages; the last of them says where the next pass begins."""
    put(writer, page("S1"), pass_id="p1")
    put(writer, page(present=("S2",), snapshot=True), pass_id="p2")
    put(writer, page(present=("S1",), snapshot=True, last=True), pass_id="p2")
    state = writer.state("erp", "stock")
    assert state is not None
    assert not state.watermark


@guarantees("P10.survives", "P7.sync_exact")
async def test_a_process_that_slept_cannot_write_into_the_pass_of_another(
    writer: ReadModelWriter, reader: ReadModelReader, path: Path
) -> None:
    """Its page would make the rows that the other has named count as gone at the end of the other's snapshot."""
    put(writer, page("S1", snapshot=True), pass_id="p1")
    other = ReadModelWriter(path)
    put(other, page("S1", "S2", snapshot=True), pass_id="p2")
    with pytest.raises(LeaseLostError):
        put(writer, page("S3", snapshot=True), pass_id="p1")
    put(other, page("S4", snapshot=True, last=True), pass_id="p2")
    other.close()
    assert await ask(reader, "SELECT source_key FROM stock ORDER BY 1") == ["S1", "S2", "S4"]


@guarantees("P10.survives")
def test_a_page_and_its_watermark_are_one_transaction(writer: ReadModelWriter) -> None:
    """A watermark without its rows would lose them for ever."""
    put(writer, page("S1"))
    broken = ChangePage(records=(stock("S2"), stock("S3", qty=2**70)), deleted=("S1",), watermark="later")
    with pytest.raises(OverflowError):
        writer.apply("erp", "stock", broken, as_of=AS_OF, pass_id="p1")
    state = writer.state("erp", "stock")
    assert state is not None
    assert state.watermark == "S1"


@guarantees("P7.provenance")
def test_finish_counts_the_rows_of_its_system(writer: ReadModelWriter) -> None:
    """The count comes from the table, not from adding up pages."""
    put(writer, page("S1", "S2"))
    put(writer, page("W1"), system="wms")
    put(writer, page(deleted=("S2",)))
    writer.finish(EntityState(system="erp", entity="stock", as_of=AS_OF, rows=99, complete=True))
    state = writer.state("erp", "stock")
    assert state is not None
    assert (state.rows, state.complete) == (1, True)


@guarantees("P7.sync_exact")
def test_an_id_never_gets_a_second_meaning(writer: ReadModelWriter) -> None:
    """Nothing of a refused batch is stored."""
    writer.add_identities("mes", [("lot", "MB-1", "L1")])
    with pytest.raises(IdentityConflictError):
        writer.add_identities("mes", [("lot", "MB-2", "L2"), ("lot", "MB-1", "L9")])
    assert writer.identities("mes") == {("lot", "MB-1"): "L1"}
    writer.forget_identities("mes")
    assert writer.identities("mes") == {}


@guarantees("P7.provenance")
def test_what_no_system_offers_any_more_is_dropped(writer: ReadModelWriter, path: Path) -> None:
    """A system taken out of the configuration answers no more questions."""
    put(writer, page("S1"), system="erp")
    put(writer, page("W1"), system="wms")
    writer.retain({"erp": ["stock"]})
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT source_key FROM stock").fetchall() == [("S1",)]
    assert [state.system for state in writer.states()] == ["erp"]


@guarantees("P10.survives")
def test_a_full_disk_is_a_clear_error_and_changes_nothing(writer: ReadModelWriter) -> None:
    """The last page is read again once there is room."""
    put(writer, page("S1"))
    pages = writer._connection.execute("PRAGMA page_count").fetchone()[0]
    writer._connection.execute(f"PRAGMA max_page_count = {pages}")
    many = page(*(f"S{number:06d}" for number in range(5000)))
    with pytest.raises(ReadModelWriteError):
        put(writer, many)
    state = writer.state("erp", "stock")
    assert state is not None
    assert state.watermark == "S1"


@guarantees("P8.no_leaks")
def test_only_the_owner_can_read_the_file(writer: ReadModelWriter, path: Path) -> None:
    """It holds prices and customers."""
    put(writer, page("S1"))
    modes = {file.stat().st_mode & 0o077 for file in path.parent.iterdir()}
    assert modes == {0} or os.name != "posix"  # elsewhere rights are inherited from the user's folder


@guarantees("P7.sync_exact")
def test_a_file_of_another_form_is_built_anew(writer: ReadModelWriter, path: Path) -> None:
    """An upgrade empties the copy; the systems of record have it all."""
    put(writer, page("S1"))
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE meta SET value = 'older'")
        database.execute("CREATE TABLE of_an_older_version (a)")
    again = ReadModelWriter(path)
    assert again.states() == []
    again.close()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT COUNT(*) FROM stock").fetchone() == (0,)
        assert not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'of_an_older_version'").fetchall()


@guarantees("P7.sync_exact")
def test_the_tables_can_be_built_on_postgresql_too() -> None:
    """The same definitions serve the team mode later."""
    from sqlalchemy.dialects import postgresql

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy ships it so
    assert len(ddl(dialect)) == len(ddl())


@guarantees("P9.bounded")
def test_an_order_is_found_by_whatever_reference_without_looking_at_all_of_them(
    path: Path, writer: ReadModelWriter
) -> None:
    """Zeros at the front and capitals do not matter, and each way of looking has an index that says so."""
    query = next(one for one in shipped() if one.name == "find_order").reads[0]
    parameters: dict[str, SqlValue] = dict.fromkeys(query.parameters) | {"reference": "10000123"}
    with closing(sqlite3.connect(path)) as database:
        text = f"EXPLAIN QUERY PLAN {variant(query.sql['sqlite'], parameters)}"
        steps = [str(row[3]) for row in database.execute(text, parameters)]

    assert [one for one in steps if one.startswith("SCAN") and one != "SCAN h"] == []  # h: what was found
    assert sum("_loose_" in one for one in steps) == 4


# --- What the gateway sees --------------------------------------------------------------------------------------------


@guarantees("P2.no_writes")
@pytest.mark.parametrize("sql", ["DELETE FROM stock", "CREATE TABLE x (a)", "UPDATE meta SET value = ''"])
async def test_the_gateway_cannot_write(writer: ReadModelWriter, reader: ReadModelReader, path: Path, sql: str) -> None:
    """Read-only is a property of the connection, not of the statements."""
    put(writer, page("S1"))
    before = path.stat().st_mtime_ns
    with pytest.raises(ReadModelNotReadyError):
        await ask(reader, sql)
    assert path.stat().st_mtime_ns == before
    assert await ask(reader, "SELECT source_key FROM stock") == ["S1"]


@guarantees("P9.bounded")
async def test_a_query_that_takes_too_long_is_stopped(writer: ReadModelWriter, reader: ReadModelReader) -> None:
    """One question must not hold up the others; the next one works."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
    with pytest.raises(DeadlineError):
        await ask(reader, endless, deadline_s=0.02)
    assert await ask(reader, "SELECT 1") == [1]


@guarantees("P9.bounded")
async def test_at_most_one_row_more_than_allowed_is_fetched(writer: ReadModelWriter, reader: ReadModelReader) -> None:
    """The one more tells the caller that there are more."""
    put(writer, page(*(f"S{number}" for number in range(20))))
    assert len(await ask(reader, "SELECT source_key FROM stock", max_rows=5)) == 6


@guarantees("P7.no_false_empty", "input.clear_errors")
@pytest.mark.parametrize("what", ["missing", "empty", "no database", "other version", "half built"])
async def test_a_read_model_that_is_not_ready_says_so(path: Path, reader: ReadModelReader, what: str) -> None:
    """An empty answer would read as "there is nothing"."""
    match what:
        case "empty":
            path.touch()
        case "no database":
            path.write_bytes(b"not a database at all" * 100)
        case "other version" | "half built":
            ReadModelWriter(path).close()
            with closing(sqlite3.connect(path)) as database, database:
                database.execute("UPDATE meta SET value = 'x'" if what == "other version" else "DROP TABLE sync_state")
    with pytest.raises(ReadModelNotReadyError):
        await ask(reader, "SELECT 1")
    with pytest.raises(ReadModelNotReadyError):
        await reader.states()


@guarantees("P10.survives")
async def test_a_reader_lives_on_when_the_file_is_rebuilt_or_replaced(path: Path, reader: ReadModelReader) -> None:
    """`erp-mcp demo` or an upgrade must not need a restart of the servers."""
    for key in ("first", "second"):
        for file in path.parent.iterdir():
            file.unlink()
        writer = ReadModelWriter(path)
        put(writer, page(key))
        writer.close()
        assert await ask(reader, "SELECT source_key FROM stock") == [key]
    path.unlink()
    with pytest.raises(ReadModelNotReadyError):
        await ask(reader, "SELECT 1")


@guarantees("P7.freshness")
async def test_states_follow_what_another_process_writes(path: Path, reader: ReadModelReader) -> None:
    """They are kept between calls, and never older than the file."""
    writer = ReadModelWriter(path)
    state = EntityState(system="erp", entity="stock", as_of=AS_OF, rows=0, complete=True, clock_suspect=True)
    assert await reader.states() == {}
    writer.finish(state)
    assert await reader.states() == {"stock": (state,)}
    script = (
        "import sys, pathlib\n"
        "from erp_mcp.domain.freshness import EntityState\n"
        "from erp_mcp.store.read_model.writer import ReadModelWriter\n"
        "ReadModelWriter(pathlib.Path(sys.argv[1])).finish(\n"
        "    EntityState(system='erp', entity='stock', as_of='later', rows=0, complete=True))\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(path)], check=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    assert (await reader.states())["stock"][0].as_of == "later"
    writer.close()


@guarantees("mcp.fast_first_answer")
def test_reading_imports_no_schema_library() -> None:
    """Serving starts in a fraction of what SQLAlchemy takes to import."""
    script = (
        "import sys, erp_mcp.store.read_model.reader, erp_mcp.store.read_model.writer\n"
        "heavy = {'sqlalchemy', 'pydantic', 'sqlglot', 'ruamel', 'click'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())})
