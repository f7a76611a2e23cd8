"""Purchasing in the demo ERP, open or locked: locked, the ERP takes no new purchase order, whoever asks.

A person at the ERP locks it, for the count of a year's end say. It stands in the ERP's own file and shows in nothing
that others read of it, so it is first heard of when an order is refused.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

REFUSAL: Final = "purchasing_locked"
_TABLE: Final = "purch_lock"


def lock(erp: Path) -> None:
    """Let the ERP whose file this is take no new purchase order from now on."""
    _change(erp, f"CREATE TABLE IF NOT EXISTS {_TABLE} (locked INTEGER PRIMARY KEY)")


def unlock(erp: Path) -> None:
    """Let it take them again."""
    _change(erp, f"DROP TABLE IF EXISTS {_TABLE}")


def refusal(work: sqlite3.Connection) -> str | None:
    """Return why no purchase order is taken now."""
    known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return REFUSAL if work.execute(known, (_TABLE,)).fetchone() else None


def _change(erp: Path, statement: str) -> None:
    with closing(sqlite3.connect(f"{erp.resolve().as_uri()}?mode=rw", uri=True)) as database, database:
        database.execute(statement)
