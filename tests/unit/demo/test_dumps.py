"""Tests that ask whether anything in a database has changed see whatever has."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from erp_mcp.demo import dump_hash as worked_out
from tests.dumps import dump_hash
from tests.guarantees import guarantees

CHANGES = (
    "UPDATE line SET qty = 2 WHERE no = 1",
    "UPDATE line SET text = '' WHERE no = 2",
    "UPDATE line SET text = NULL WHERE no = 1",
    "UPDATE line SET text = text || ' ' WHERE no = 1",
    "DELETE FROM line WHERE no = 2",
    "INSERT INTO line VALUES (3, 1, 'c')",
    "CREATE TABLE note (no INTEGER PRIMARY KEY)",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two rows, one of them without a text."""
    path = tmp_path / "plant.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE line (no INTEGER PRIMARY KEY, qty INTEGER NOT NULL, text TEXT)")
        database.execute("INSERT INTO line VALUES (1, 1, 'a'), (2, 1, NULL)")
    return path


@guarantees("P7.demo_plant")
@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_a_cell_a_row_or_a_table_is_seen_and_nothing_when_it_is_taken_back(
    file: Path, change: str
) -> None:
    """Nothing is not an empty text; the same rows give the same hash, however often they were written."""
    before, bytes_before = dump_hash(file), file.read_bytes()
    assert before == worked_out(file)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(change)
    assert dump_hash(file) == worked_out(file) != before
    file.write_bytes(bytes_before)
    assert dump_hash(file) == before


@guarantees("P7.demo_plant")
def test_what_is_in_the_log_beside_a_file_is_seen(file: Path) -> None:
    """The bytes of the file say less than the database holds."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
    before = dump_hash(file)
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        bytes_before = file.read_bytes()
        database.execute(CHANGES[0])
        assert file.read_bytes() == bytes_before
        assert dump_hash(file) != before
