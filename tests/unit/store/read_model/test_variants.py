"""Statements written for the parameters at hand: the same rows, without tests whose outcome is known."""

from __future__ import annotations

import itertools
import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing

import pytest

from erp_mcp.ports import SqlValue
from erp_mcp.store.read_model.variants import variant
from tests.guarantees import guarantees
from tests.unit.projections.small_plant import shipped

_STATEMENTS = (
    "SELECT a FROM t WHERE (:x IS NULL OR a = :x)",
    "SELECT a FROM t WHERE (:x IS NULL OR a = :x) AND (NOT :y IS NULL AND b = :y)",
    "SELECT a FROM t WHERE NOT (:x IS NULL OR a = :x AND b <> ')')",
    "SELECT a FROM t WHERE (:x IS NULL OR (:y IS NULL OR b = :y) AND a = :x) OR b = '('",
    "SELECT a FROM t WHERE (:f = 0 OR a > 1) AND (:f = 1 OR b = '(:x IS NULL OR ')",
    "SELECT a FROM t WHERE (:f = 1 AND a > 1 OR b = 'q')",
    "SELECT a FROM t WHERE (:f = 1 AND (a > 1 OR b = 'q'))",
    "SELECT a FROM t WHERE a IN (SELECT a FROM t WHERE (:x IS NULL OR a >= :x)) OR (NOT :y IS NULL AND b = :y)",
)


def _rows(connection: sqlite3.Connection, sql: str, values: Mapping[str, SqlValue]) -> list[tuple[object, ...]]:
    return sorted(connection.execute(sql, values).fetchall(), key=repr)


@guarantees("P7.same_rows")
@pytest.mark.parametrize("sql", _STATEMENTS)
def test_a_variant_finds_what_the_statement_finds(sql: str) -> None:
    """For every combination of absent, 0, 1 and other values, over rows with and without values."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (a INTEGER, b TEXT)")
        rows = itertools.product((None, 0, 1, 2), (None, "q", "(", "(:x IS NULL OR ", ")"))
        connection.executemany("INSERT INTO t VALUES (?, ?)", list(rows))
        for x, y, flag in itertools.product((None, 0, 1, 2), (None, "q", "("), (None, 0, 1)):
            values: dict[str, SqlValue] = {"x": x, "y": y, "f": flag}
            assert _rows(connection, variant(sql, values), values) == _rows(connection, sql, values), values


@guarantees("P7.same_rows")
def test_an_index_is_used_once_it_is_known_what_is_asked_for() -> None:
    """That is what variants are for; the statement itself has to look at every row."""
    sql = "SELECT b FROM t WHERE (:x IS NULL OR a = :x)"
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript("CREATE TABLE t (a INTEGER, b TEXT); CREATE INDEX by_a ON t (a);")

        def plan(text: str) -> str:
            return str(connection.execute(f"EXPLAIN QUERY PLAN {text}", {"x": 1}).fetchone()[3])

        assert plan(sql).startswith("SCAN")
        assert plan(variant(sql, {"x": 1})) == "SEARCH t USING INDEX by_a (a=?)"
        assert plan(variant(sql, {"x": None})).startswith("SCAN")


@guarantees("P7.same_rows")
def test_every_filter_of_the_shipped_tools_is_written_so_that_it_can_be_decided() -> None:
    """A scope or filter that stayed in the text would make a tool read whole tables at a large plant."""
    for tool in shipped():
        for read in tool.reads:
            given: dict[str, SqlValue] = dict.fromkeys(read.parameters, "x")
            left = variant(read.sql["sqlite"], given)
            assert not re.search(r":\w+ IS NULL OR ", left), (tool.name, read.name, left)
