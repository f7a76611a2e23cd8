"""A statement as it reads once it is known which of its parameters are absent.

A tool's statement asks `(:material_id IS NULL OR s.material_id = :material_id)`. SQLite plans a statement before it
sees a value, so it can't use the index of `material_id` there and reads the whole table. What is known before the
statement is prepared is written into its text instead; each text is prepared once, since few combinations are asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from erp_mcp.ports import SqlValue

_KEPT: Final = 512
_TESTS: Final = re.compile(r"\((?:(NOT )?:(\w+) IS NULL|:(\w+) = ([01])) (OR|AND) ")
_QUOTED: Final = re.compile(r"'[^']*'")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    """A group `(test OR rest)` or `(test AND rest)` in a text: where it is, and what the test is about.

    `whole` ends before the closing parenthesis; `value` is `None` where the test is for absence.
    """

    parameter: str
    value: int | None
    negated: bool
    joined_by_or: bool
    start: int
    rest: int
    end: int

    def holds(self, given: SqlValue) -> bool | None:
        """Return the outcome of the test for a value, `None` where it has none."""
        if self.value is None:
            return (given is None) != self.negated
        return None if given is None else given == self.value


def variant(sql: str, parameters: Mapping[str, SqlValue]) -> str:
    """Return a statement that finds the same rows for these parameters, without the tests whose outcome they decide.

    Args:
        sql: A statement as the catalogue writes it for SQLite.
        parameters: The values that will be bound; those of the tests that were taken out are named no more.

    Returns:
        The statement itself where it tests no parameter for absence, 0 or 1.
    """
    tested = _tested(sql)
    if not tested:
        return sql
    return _written(sql, tuple(_shape(parameters.get(name)) for name in tested))


def _shape(value: SqlValue) -> int | None:
    """Return what tests can tell of a value: absent, 0, 1 or anything else (2)."""
    if value is None:
        return None
    return value if value in (0, 1) and isinstance(value, int) else 2


@lru_cache(maxsize=_KEPT)
def _tested(sql: str) -> tuple[str, ...]:
    return tuple(sorted({one.parameter for one in _tests(sql)}))


@lru_cache(maxsize=_KEPT)
def _written(sql: str, shapes: tuple[int | None, ...]) -> str:
    given = dict(zip(_tested(sql), shapes, strict=True))
    parts: list[str] = []
    copied = 0
    for one in _tests(sql):
        holds = one.holds(given[one.parameter])
        if holds is None or one.start < copied:
            continue  # without an outcome, or inside a group that is gone already
        parts.append(sql[copied : one.start])
        if holds == one.joined_by_or:
            parts.append("1" if holds else "0")
            copied = one.end
        else:
            copied = one.rest
    return "".join((*parts, sql[copied:]))


def _tests(sql: str) -> Iterator[_Test]:
    """Yield the tests of a text in the order of their places, outer ones before inner ones."""
    blank = _QUOTED.sub(lambda found: " " * len(found[0]), sql)  # a parenthesis in a text closes nothing
    for found in _TESTS.finditer(blank):
        end = _closing(blank, found.start())
        by_or = found[5] == "OR"
        # AND binds tighter: an OR beside it would not belong to the group that the test guards.
        if not by_or and _has_or(blank[found.end() : end]):
            continue
        yield _Test(
            parameter=found[2] or found[3],
            value=None if found[2] else int(found[4]),
            negated=bool(found[1]),
            joined_by_or=by_or,
            start=found.start() + 1,
            rest=found.end(),
            end=end,
        )


def _closing(text: str, opening: int) -> int:
    """Return the place of the parenthesis that closes the one at `opening`."""
    depth = 0
    for place in range(opening, len(text)):
        depth += (text[place] == "(") - (text[place] == ")")
        if depth == 0:
            return place
    return len(text)


def _has_or(text: str) -> bool:
    """Return whether an OR stands in a text outside of parentheses."""
    depth = 0
    for piece in re.finditer(r"[()]|\bOR\b", text):
        if piece[0] == "OR" and depth == 0:
            return True
        depth += {"(": 1, ")": -1}.get(piece[0], 0)
    return False
