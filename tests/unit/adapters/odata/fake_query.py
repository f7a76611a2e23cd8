"""Query options as a server reads them: a parser of its own for `$filter`, which is also the judge of what was sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>(?:[A-Za-z]\w*(?:\.\w+)*)?'(?:[^']|'')*')"
    r"|(?P<stamp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)|(?P<day>\d{4}-\d\d-\d\d(?![\d-]))"
    r"|(?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})|(?P<clock>\d\d:\d\d:\d\d)"
    r"|(?P<number>-?\d+(?:\.\d+)?[MLmldf]?)|(?P<name>[A-Za-z_][\w/]*)|(?P<sign>[(),]))"
)
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda one, other: bool(one == other),
    "ne": lambda one, other: bool(one != other),
    "ge": lambda one, other: one is not None and bool(one >= other),
    "gt": lambda one, other: one is not None and bool(one > other),
    "le": lambda one, other: one is not None and bool(one <= other),
    "lt": lambda one, other: one is not None and bool(one < other),
}


class QueryError(ValueError):
    """A query that this server does not understand."""


@dataclass(frozen=True)
class Compare:
    path: str
    operator: str
    value: Any


@dataclass(frozen=True)
class Joined:
    how: str
    parts: tuple[Any, ...]


Expression = Compare | Joined


def parse_filter(text: str) -> Expression:
    """Return the tree of a filter; anything beyond comparisons, `and`, `or` and brackets is refused."""
    return _Parser(list(_tokens(text))).whole()


def leaves(expression: Expression) -> Iterator[Compare]:
    if isinstance(expression, Compare):
        yield expression
    else:
        for part in expression.parts:
            yield from leaves(part)


def holds(expression: Expression, value_of: Callable[[str], Any]) -> bool:
    if isinstance(expression, Compare):
        found, wanted = _alike(value_of(expression.path), expression.value)
        return _OPERATORS[expression.operator](found, wanted)
    test = all if expression.how == "and" else any
    return test(holds(part, value_of) for part in expression.parts)


def _alike(found: Any, wanted: Any) -> tuple[Any, Any]:
    if isinstance(found, bool) or found is None or wanted is None:
        return found, wanted
    if isinstance(found, int | Decimal):
        return Decimal(found), wanted
    if isinstance(found, datetime) and not found.tzinfo and isinstance(wanted, datetime):
        return found, wanted.replace(tzinfo=None)
    return found, wanted


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None or found.end() == at:
            raise QueryError(text[at:])
        kind = str(found.lastgroup)
        yield kind, found[kind]
        at = found.end()


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens

    def whole(self) -> Expression:
        found = self._either()
        if self._tokens:
            raise QueryError(str(self._tokens[0]))
        return found

    def _either(self) -> Expression:
        return self._joined("or", self._every)

    def _every(self) -> Expression:
        return self._joined("and", self._one)

    def _joined(self, word: str, part: Callable[[], Expression]) -> Expression:
        parts = [part()]
        while self._tokens and self._tokens[0] == ("name", word):
            self._tokens.pop(0)
            parts.append(part())
        return parts[0] if len(parts) == 1 else Joined(word, tuple(parts))

    def _one(self) -> Expression:
        if self._next() == ("sign", "("):
            found = self._either()
            if self._next() != ("sign", ")"):
                raise QueryError("bracket")
            return found
        kind, path = self._last
        if kind != "name" or path in {"and", "or", "not"}:
            raise QueryError(path)
        _, operator = self._next()
        if operator not in _OPERATORS:
            raise QueryError(operator)
        return Compare(path, operator, literal_value(*self._next()))

    def _next(self) -> tuple[str, str]:
        if not self._tokens:
            raise QueryError("end")
        self._last = self._tokens.pop(0)
        return self._last


def literal_value(kind: str, text: str) -> Any:
    """Return what a literal stands for."""
    match kind:
        case "text":
            prefix, _, rest = text.partition("'")
            return _prefixed(prefix, rest[:-1].replace("''", "'"))
        case "stamp":
            return datetime.fromisoformat(text)
        case "day":
            return date.fromisoformat(text)
        case "clock":
            return time.fromisoformat(text)
        case "guid":
            return text
        case "number":
            return Decimal(text.rstrip("MLmldf"))
        case "name" if text in {"true", "false", "null"}:
            return {"true": True, "false": False, "null": None}[text]
    raise QueryError(text)


def _prefixed(prefix: str, text: str) -> Any:
    match prefix:
        case "" | "guid":
            return text
        case "datetime":
            return datetime.fromisoformat(text)
        case "datetimeoffset":
            return datetime.fromisoformat(text).astimezone(UTC)
        case "time":
            return datetime.strptime(text, "PT%HH%MM%SS").replace(tzinfo=UTC).time()
    return text  # a member of an enumeration
