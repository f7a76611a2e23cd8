"""Fills the tables of the CAP rig with a demo plant's ERP: exact, by COPY, in one transaction.

    python -m tests.systems.cap.seed STATE PLANT_DIR     another plant into a rig that runs

The plant keeps its own words (`so_item.stat = OPEN`); what is written here are S/4HANA's (`SDProcessStatus = A`), so a
profile has to translate. Numbers and dates stay what they are; instants become local dates and times where S/4HANA has
those.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

from tests.systems.cap import seed_buying, seed_making, seed_movements, seed_planning, seed_selling, seed_stock
from tests.systems.cap.seed_values import Plant, Row

if TYPE_CHECKING:
    from tests.systems.cap.server import Cap

_WRITERS: Final = (seed_selling, seed_buying, seed_stock, seed_movements, seed_making, seed_planning)
_RANGES: Final = "numberrange"


def reseed(cap: Cap) -> int:
    """Put the rig's plant back as it was made, whatever was written since; returns rows."""
    written = seed(cap.database_url, user=cap.owner, password=cap.owner_password, plant=Path(cap.plant))
    return sum(written.values())


def seed(url: str, *, user: str, password: str, plant: Path) -> dict[str, int]:
    """Replace what the tables hold by the ERP of a plant.

    Args:
        url: The database, its tables made.
        user: Its owner.
        password: The owner's password.
        plant: A generated plant's directory, with `erp.sqlite`.

    Returns:
        Rows by table.
    """
    with closing(_opened(plant)) as source, psycopg.connect(url, user=user, password=password) as target:
        read, cursor = Plant(source), target.cursor()
        written = {table: _copy(cursor, table, rows) for writer in _WRITERS for table, rows in writer.tables(read)}
        last = max((int(row["pr_no"]) for row in read.rows("pr_item")), default=30_000_100)
        written[_RANGES] = _copy(cursor, _RANGES, [{"Object": "BANF", "Last": last}])
        cursor.execute("COMMIT; ANALYZE")
    return written


def _opened(plant: Path) -> sqlite3.Connection:
    source = sqlite3.connect(f"{(plant / 'erp.sqlite').resolve().as_uri()}?mode=ro", uri=True)
    source.row_factory = sqlite3.Row
    return source


def _copy(cursor: psycopg.Cursor, table: str, rows: Iterable[Row]) -> int:
    name = sql.Identifier(f"s4_{table}")
    cursor.execute(sql.SQL("TRUNCATE {}").format(name))
    found = iter(rows)
    first = next(found, None)
    if first is None:
        return 0
    columns = sql.SQL(", ").join(sql.Identifier(column.lower()) for column in first)
    with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(name, columns)) as copy:
        count = 0
        for row in _chained(first, found):
            assert row.keys() == first.keys(), f"{table}: {row.keys() ^ first.keys()}"
            copy.write_row(tuple(row.values()))
            count += 1
    return count


def _chained(first: Row, rest: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rest


def main(arguments: list[str]) -> int:
    """Seed the rig that a state directory describes; returns the exit status."""
    if len(arguments) != 2:
        print(__doc__)
        return 2
    from tests.systems.cap.server import Cap  # the server seeds as well, so it imports this module

    cap, started = Cap.load(Path(arguments[0])), time.perf_counter()
    written = seed(cap.database_url, user=cap.owner, password=cap.owner_password, plant=Path(arguments[1]))
    print(f"{sum(written.values())} rows in {len(written)} tables, {time.perf_counter() - started:.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
