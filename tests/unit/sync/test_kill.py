"""Synchronisation as a process of its own, killed for real."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

from tests.guarantees import guarantees
from tests.unit.sync.plants import table

_ROOT: Final = Path(__file__).parents[3]

# Prints a line after each applied page, and waits for one before it goes on.
_SCRIPT: Final = """
import asyncio, pathlib, sys
from erp_mcp.adapters import Connection
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.domain.profile import Profile
from erp_mcp.store.read_model.writer import ReadModelWriter
from erp_mcp.sync import sync_once
from erp_mcp.testing import FixedClock, NumberedIds

rows = "SELECT no AS source_key, chg AS version_token, chg AS changed_at, no AS material_id, 'EA' AS base_uom FROM part"
gone = "SELECT no AS source_key, at AS changed_at FROM gone"
profile = Profile(name="p", version=1, kind="sql", level=4, zone="UTC", identity={}, states={},
                  entities={"material": {"statement": rows, "tombstones": gone}})
adapter = SqlAdapter.open(Connection(system="erp", url=sys.argv[1], page_rows=5), profile, FixedClock())
writer = ReadModelWriter(pathlib.Path(sys.argv[2]))
tell = lambda progress: (print(progress.applied, flush=True), sys.stdin.readline())
report = asyncio.run(sync_once(adapter, profile, writer, FixedClock(), NumberedIds(), progress=tell))
print("end", report.entities[0].resumed, flush=True)
"""


def synchronise(source: Path, target: Path, *, kill_after: int = 0) -> list[str]:
    """Run a process, kill it without warning after some pages, and return what it said."""
    command = [sys.executable, "-c", _SCRIPT, str(source), str(target)]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    said: list[str] = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(kill_after):
            if said:
                process.stdin.write("\n")
                process.stdin.flush()
            said.append(process.stdout.readline())
        if kill_after:
            process.kill()  # while it waits after the last page it told
            return said
        process.stdin.close()
        return process.stdout.read().split("\n")


@guarantees("P10.survives", "P7.sync_exact")
def test_a_process_killed_without_warning_is_gone_on_with(tmp_path: Path) -> None:
    """Power fails while a first pass runs, twice; meanwhile people work."""
    source, target = tmp_path / "erp.sqlite", tmp_path / "read_model.sqlite"
    with closing(sqlite3.connect(source)) as database, database:
        database.execute("CREATE TABLE part (no TEXT PRIMARY KEY, chg)")
        database.execute("CREATE TABLE gone (no, at)")
        database.executemany("INSERT INTO part VALUES (?, ?)", [(f"P{n:03d}", f"t{n // 7:03d}") for n in range(60)])
    for kill_after in (3, 4):
        assert len(synchronise(source, target, kill_after=kill_after)) == kill_after
        with closing(sqlite3.connect(source)) as database, database:
            database.execute("DELETE FROM part WHERE no = 'P001'")
            database.execute("INSERT INTO gone VALUES ('P001', 't100')")
            database.execute("UPDATE part SET chg = 't101' WHERE no = 'P002'")
    said = synchronise(source, target)
    with closing(sqlite3.connect(source)) as database:
        expected = {no for (no,) in database.execute("SELECT no FROM part")}
    assert "end True" in said
    assert set(table(target, "material")) == expected
