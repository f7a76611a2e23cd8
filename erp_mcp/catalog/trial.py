"""Lets SQLite prepare each compiled statement over empty tables, as a last word on whether it can run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from functools import cache

from erp_mcp.catalog.meaning import fields_of
from erp_mcp.catalog.problems import ProblemError
from erp_mcp.domain.entities import ENTITIES


def check_runnable(sql: str, parameters: Iterable[str]) -> None:
    """Check that a statement can be prepared.

    Args:
        sql: A compiled statement for SQLite.
        parameters: Names of everything it binds.

    Raises:
        ProblemError: `sql.not_runnable`; the parser accepts some texts that no database does.
    """
    try:
        _empty_model().execute(f"EXPLAIN {sql}", dict.fromkeys(parameters)).fetchone()
    except sqlite3.Error as error:
        raise ProblemError("sql.not_runnable", f"the database refuses it: {error}") from None


@cache
def _empty_model() -> sqlite3.Connection:
    # Nothing is ever written here after the tables, so threads may share it.
    database = sqlite3.connect(":memory:", check_same_thread=False)
    for entity in ENTITIES:
        database.execute(f"CREATE TABLE {entity} ({', '.join(fields_of(entity))})")
    return database
