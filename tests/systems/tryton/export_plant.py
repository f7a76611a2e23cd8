"""A demo plant's ERP as the export reads it, and a smaller plant cut from it by rule."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Final

RECENT_DAYS: Final = 14
_BILLED_DAYS: Final = 7
_FILES: Final = ("erp.sqlite", "mes.sqlite", "truth.sqlite")

# What stays: everything that is open, and of the closed past what is at most `RECENT_DAYS` old or asked about.
_CUT: Final = (
    (
        "CREATE TEMP TABLE kept_so AS SELECT so_no FROM so_item WHERE stat <> 'CLSD' OR req_date >= :cut "
        "UNION SELECT id FROM truth.truth_role WHERE entity = 'sales_order' UNION SELECT so_no FROM rma_item"
    ),
    "CREATE TEMP TABLE kept_po AS SELECT po_no FROM po_item WHERE stat <> 'CLSD' OR promise >= :cut",
    (
        "CREATE TEMP TABLE kept_ord AS SELECT ord_no FROM prod_head WHERE stat NOT IN ('CNF', 'TECO') "
        "OR finish_basic >= :cut OR so_no IN (SELECT so_no FROM so_item WHERE stat = 'OPEN')"
    ),
    (
        "CREATE TEMP TABLE kept_lot AS SELECT lot_no FROM stock_qty UNION SELECT lot_no FROM resv "
        "UNION SELECT lot_no FROM qual_notif UNION SELECT lot_no FROM rma_item "
        "UNION SELECT lot_no FROM dlv_item WHERE so_no IN (SELECT so_no FROM kept_so) "
        "UNION SELECT lot_no FROM gr_item WHERE po_no IN (SELECT po_no FROM kept_po) "
        "UNION SELECT lot_no FROM mat_move WHERE ref_no IN (SELECT ord_no FROM kept_ord)"
    ),
)
# Of invoices: those of the last week, those that are asked about, and all that billed a line which one is parked for.
_BILLS: Final = (
    (
        "DELETE FROM bill_item WHERE billed_on < :cut "
        "AND so_no NOT IN (SELECT id FROM truth.truth_role WHERE entity = 'sales_order')"
    ),
    (
        "DELETE FROM vend_inv WHERE NOT EXISTS (SELECT 1 FROM vend_inv v WHERE v.po_no = vend_inv.po_no "
        "AND v.po_item = vend_inv.po_item AND (v.stat <> 'POST' OR v.posted_on >= :cut))"
    ),
)
_OF: Final = {
    "kept_so": ("so_head", "so_item", "dlv_item", "bill_item"),
    "kept_po": ("po_head", "po_item", "po_conf", "gr_item", "vend_inv"),
    "kept_ord": ("prod_head", "prod_comp", "prod_op", "lot_trace"),
    "kept_lot": ("batch",),
}
_COLUMN: Final = {"kept_so": "so_no", "kept_po": "po_no", "kept_ord": "ord_no", "kept_lot": "lot_no"}


def clock_of(plant: Path) -> str:
    """Return the plant's frozen clock, an instant."""
    with closing(_opened(plant / "truth.sqlite")) as truth:
        (clock,) = truth.execute("SELECT value FROM truth_meta WHERE name = 'clock'").fetchone()
    return str(clock)


def cut(plant: Path, into: Path) -> Path:
    """Copy a plant and leave its closed past out; the questions have the same right answers there.

    Args:
        plant: A generated demo plant.
        into: The new directory; what is there already is replaced.
    """
    into.mkdir(parents=True, exist_ok=True)
    for name in _FILES:
        shutil.copy(plant / name, into / name)
    today = date.fromisoformat(clock_of(plant)[:10])
    since, billed = (today - timedelta(days=days) for days in (RECENT_DAYS, _BILLED_DAYS))
    with closing(sqlite3.connect(into / "erp.sqlite")) as erp:
        erp.execute("ATTACH ? AS truth", (str(into / "truth.sqlite"),))
        for statement in _CUT:
            erp.execute(statement, {"cut": since.isoformat()} if ":cut" in statement else {})
        for kept, tables in _OF.items():
            for table in tables:
                column = _COLUMN[kept]
                held = f"SELECT {column} FROM {kept} WHERE {column} <> ''"
                erp.execute(f"DELETE FROM main.{table} WHERE {column} NOT IN ({held})")
        for statement in _BILLS:
            erp.execute(statement, {"cut": billed.isoformat()})
        erp.commit()
    return into


class Plant:
    """The tables of a plant's ERP, each read once."""

    def __init__(self, directory: Path) -> None:
        self.clock = clock_of(directory)
        with closing(_opened(directory / "erp.sqlite")) as erp:
            names = [name for (name,) in erp.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            self._tables = {name: _rows(erp, name) for name in names}

    def rows(self, table: str) -> list[dict[str, str]]:
        """Return all rows of a table in the order of its key; empty cells are empty texts."""
        return self._tables[table]


def _rows(erp: sqlite3.Connection, table: str) -> list[dict[str, str]]:
    found = erp.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3")
    names = [column[0] for column in found.description]
    return [{name: "" if cell is None else str(cell) for name, cell in zip(names, row, strict=True)} for row in found]


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
