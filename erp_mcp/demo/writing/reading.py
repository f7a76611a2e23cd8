"""Reads what a command left behind, as it is now."""

from __future__ import annotations

import sqlite3

from erp_mcp.domain.call import JsonValue


def read_line(
    database: sqlite3.Connection, table: str, columns: tuple[str, ...], key: tuple[str, ...]
) -> tuple[dict[str, JsonValue], str]:
    """Return some columns of one row and its version, both empty where a person has deleted it since.

    Args:
        database: The ERP's file.
        table: One with a column `changed_at`.
        columns: The first of them are its key, as many as `key` has values.
        key: The values of the key.
    """
    where = " AND ".join(f"{name} = ?" for name in columns[: len(key)])
    row = database.execute(f"SELECT {', '.join(columns)}, changed_at FROM {table} WHERE {where}", key).fetchone()
    return (dict(zip(columns, row[:-1], strict=True)), row[-1]) if row else ({}, "")
