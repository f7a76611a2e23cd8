"""Watermarks of the `sql` adapter against random edits, deletions, kills and equal time stamps."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from erp_mcp.adapters import Connection
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.profile import Profile
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees

_ROWS: Final = """
SELECT no AS source_key, chg || unit AS version_token, chg AS changed_at, no AS material_id, unit AS base_uom
  FROM part
"""
_GONE: Final = "SELECT no AS source_key, at AS changed_at FROM gone"
_BULK: Final = "2026-03-16T01:00:00Z"  # hours before the plant clock: nothing is written with this stamp any more

Edit = tuple[int, str, bool]  # key, unit ("" deletes), whether the clock moves on first
_EDITS = st.lists(st.tuples(st.integers(0, 14), st.sampled_from(["", "EA", "KG", "M2"]), st.booleans()), max_size=8)
_ROUNDS = st.lists(st.tuples(_EDITS, _EDITS, st.integers(0, 9)), max_size=6)


class Works:
    """A database that stamps what is edited, and a copy of it that is filled by passes."""

    def __init__(self, file: Path, *, tombstones: bool, bulk: int) -> None:
        self._file = file
        self._tick = 0
        self.watermark = ""
        self.held: dict[str, str] = {}
        self._named: set[str] = set()
        form: dict[str, JsonValue] = {"statement": _ROWS, "tombstones": _GONE if tombstones else ""}
        entities = {"material": form}
        mapping = Profile(
            name="p", version=1, kind="sql", level=4, zone="UTC", identity={}, states={}, entities=entities
        )
        connection = Connection(system="erp", url=str(file), page_rows=1)
        self._adapter = SqlAdapter.open(connection, mapping, FixedClock())
        with closing(sqlite3.connect(file)) as database, database:
            database.execute("CREATE TABLE part (no TEXT PRIMARY KEY, unit, chg)")
            database.execute("CREATE TABLE gone (no, at)")
            database.executemany("INSERT INTO part VALUES (?, 'EA', ?)", [(f"P{n:02d}", _BULK) for n in range(bulk)])

    def edit(self, key: int, unit: str, moves: bool) -> None:
        self._tick += moves
        stamp = f"2026-03-16T04:59:{self._tick % 60:02d}Z"
        with closing(sqlite3.connect(self._file)) as database, database:
            database.execute("PRAGMA synchronous = OFF")
            if unit:
                database.execute("INSERT OR REPLACE INTO part VALUES (?, ?, ?)", (f"P{key:02d}", unit, stamp))
            elif database.execute("DELETE FROM part WHERE no = ?", (f"P{key:02d}",)).rowcount:
                database.execute("INSERT INTO gone VALUES (?, ?)", (f"P{key:02d}", stamp))

    async def one_pass(self, edits: list[Edit], pages: int) -> None:
        """Apply at most `pages` pages, with an edit between two of them, and stop as if killed."""
        first = True
        async for page in self._adapter.changes("material", self.watermark):
            if pages <= 0:
                return
            pages -= 1
            if first and page.snapshot:
                self._named = set()
            first = False
            for key in page.deleted:
                self.held.pop(key, None)
            self.held |= {record.source_key: getattr(record, "base_uom", "") for record in page.records}
            self._named |= {record.source_key for record in page.records}
            if page.last and page.snapshot:
                self.held = {key: unit for key, unit in self.held.items() if key in self._named}
            self.watermark = page.watermark
            if edits:
                self.edit(*edits.pop(0))

    def content(self) -> dict[str, str]:
        with closing(sqlite3.connect(self._file)) as database:
            return dict(database.execute("SELECT no, unit FROM part").fetchall())


@guarantees("P7.sync_exact", "P10.survives")
@settings(max_examples=60, deadline=None)
@given(rounds=_ROUNDS, tombstones=st.booleans(), bulk=st.integers(0, 8))
def test_a_copy_filled_by_killed_passes_ends_as_the_table(
    rounds: list[tuple[list[Edit], list[Edit], int]], tombstones: bool, bulk: int
) -> None:
    """Many rows bear one time stamp, keys come back to life, and processes die at any page."""

    async def run(works: Works) -> None:
        for before, during, pages in rounds:
            for edit in before:
                works.edit(*edit)
            await works.one_pass(list(during), pages)
        await works.one_pass([], 10_000)
        await works.one_pass([], 10_000)

    with tempfile.TemporaryDirectory() as directory:
        works = Works(Path(directory) / "works.sqlite", tombstones=tombstones, bulk=bulk)
        asyncio.run(run(works))
        assert works.held == works.content()
