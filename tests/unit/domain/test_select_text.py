from __future__ import annotations

import pytest

from erp_mcp.domain.select_text import called_functions, is_select, select_columns, single_columns
from tests.guarantees import guarantees


@guarantees("adapter.introspection")
@pytest.mark.parametrize(
    ("statement", "singles"),
    [
        (
            "SELECT a AS x, f(b, 'c, d') AS y FROM t WHERE z = 1",
            {"x": "SELECT a AS x FROM t WHERE z = 1", "y": "SELECT f(b, 'c, d') AS y FROM t WHERE z = 1"},
        ),
        (
            "WITH q AS (SELECT 1 AS a, 2 AS b) SELECT DISTINCT a AS x,\n b AS y FROM q -- the end",
            {
                "x": "WITH q AS (SELECT 1 AS a, 2 AS b) SELECT DISTINCT a AS x FROM q -- the end",
                "y": "WITH q AS (SELECT 1 AS a, 2 AS b) SELECT DISTINCT b AS y FROM q -- the end",
            },
        ),
        ('SELECT t."odd, name" AS x FROM t', {"x": 'SELECT t."odd, name" AS x FROM t'}),
    ],
)
def test_a_statement_is_taken_apart_into_one_for_each_column(statement: str, singles: dict[str, str]) -> None:
    """So a database can say which column it lacks, in any dialect and without a message being read."""
    assert single_columns(statement) == singles
    assert list(singles) == select_columns(statement)


@guarantees("P2.no_writes")
@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("SELECT 1", True),
        ("  with x as (select 1) select * from x ;", True),
        ("DELETE FROM t", False),
        ("SELECT 1; DELETE FROM t", False),
        ("SELECT ';' AS x", True),
        ("EXPLAIN SELECT 1", False),
        ("SELECT 'open", False),
        ("", False),
    ],
)
def test_only_one_select_is_a_select(text: str, one: bool) -> None:
    """Whatever else a profile says is refused before it is sent."""
    assert is_select(text) is one


@guarantees("P2.reading_account")
@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("SELECT a AS b FROM c", set()),
        ("SELECT Post(a) AS b, erp.told (c) AS d FROM e", {"post", "told"}),
        ('SELECT erp."Post"(a) AS b FROM c', {"Post"}),
        ("SELECT 'post(a)' AS b /* post(a) */ FROM c -- post(a)", set()),
        ("WITH x AS (SELECT deep(a) AS b FROM c) SELECT b FROM x", {"as", "deep"}),
    ],
)
def test_what_a_statement_calls_is_what_stands_before_a_parenthesis(statement: str, names: set[str]) -> None:
    """As the database folds names: words to small letters, quoted ones not at all; texts and comments call nothing."""
    assert called_functions(statement) == names
