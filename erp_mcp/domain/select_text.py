"""The output columns of one SELECT, read from its text, whatever the dialect.

A SQL parser would know more, but it costs start-up time and does not speak every vendor's dialect; the last word of
each item of the outermost SELECT list is its name in all of them.
"""

from __future__ import annotations

import itertools
import re
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(
    r"""
    (?P<skip>\s+|--[^\n]*|/\*.*?\*/)
  | (?P<text>'(?:[^']|'')*')
  | (?P<quoted>"(?:[^"]|"")+"|`[^`]+`|\[[^\]]+\])
  | (?P<word>[A-Za-z_][A-Za-z0-9_$]*)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_UNCLOSED: Final = frozenset("'\"`[")
_ENDS_LIST: Final = frozenset({"FROM", "UNION", "EXCEPT", "INTERSECT", "WHERE", "ORDER", "LIMIT", "FETCH"})


class _Token(NamedTuple):
    kind: str
    text: str
    depth: int  # of parentheses
    start: int
    end: int


def select_columns(statement: str) -> list[str]:
    """Return the output columns of a statement in order.

    Raises:
        ValueError: when it is not one SELECT (or WITH … SELECT) that names each of its columns; the text says why.
    """
    names = [_name(item) for item in _items(_one_select(statement))]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise ValueError(f"column twice: {double[0]}")
    return names


def is_select(statement: str) -> bool:
    """Return whether a text is one statement that begins with SELECT or WITH."""
    try:
        return bool(_one_select(statement))
    except ValueError:
        return False


def called_functions(statement: str) -> frozenset[str]:
    """Return the names, without schemas, that stand before a parenthesis: words in small letters, quoted ones as is.

    Raises:
        ValueError: when it is not one SELECT.
    """
    tokens = _one_select(statement)
    before = [one for one, after in itertools.pairwise(tokens) if after.text == "("]
    words = {one.text.lower() for one in before if one.kind == "word"}
    return frozenset(words | {one.text[1:-1] for one in before if one.kind == "quoted"})


def single_columns(statement: str) -> dict[str, str]:
    """Return each output column with the same statement giving that column alone.

    Raises:
        ValueError: as `select_columns`.
    """
    items = _items(_one_select(statement))
    head, tail = statement[: items[0][0].start], statement[items[-1][-1].end :]
    return {_name(item): f"{head}{statement[item[0].start : item[-1].end]}{tail}" for item in items}


def _one_select(statement: str) -> list[_Token]:
    tokens = _tokens(statement)
    if tokens and tokens[-1].text == ";":
        tokens.pop()
    if not tokens or tokens[0].text.upper() not in {"SELECT", "WITH"} or any(token.text == ";" for token in tokens):
        raise ValueError("must be one SELECT")
    return tokens


def _tokens(statement: str) -> list[_Token]:
    found: list[_Token] = []
    depth = 0
    for match in _TOKEN.finditer(statement):
        kind, text = str(match.lastgroup), match.group()
        if kind == "skip":
            continue
        if kind == "other" and text in _UNCLOSED:
            raise ValueError("a quotation mark is not closed")
        depth -= text == ")" and kind == "other"
        found.append(_Token(kind, text, depth, match.start(), match.end()))
        depth += text == "(" and kind == "other"
        if depth < 0:
            break
    if depth:
        raise ValueError("parentheses do not match")
    return found


def _items(tokens: list[_Token]) -> list[list[_Token]]:
    """Return the items of the outermost SELECT list, none of them empty."""
    words = [position for position, token in enumerate(tokens) if _is(token, "SELECT")]
    if not words:
        raise ValueError("must be one SELECT")
    items: list[list[_Token]] = [[]]
    for token in tokens[words[0] + 1 :]:
        if token.kind == "word" and token.depth == 0 and token.text.upper() in _ENDS_LIST:
            break
        if token.kind == "other" and token.depth == 0 and token.text == ",":
            items.append([])
        else:
            items[-1].append(token)
    if items[0] and items[0][0].text.upper() in {"DISTINCT", "ALL"}:
        items[0].pop(0)
    if not all(items):
        raise ValueError("must name each output column (AS), never *")
    return items


def _is(token: _Token, word: str) -> bool:
    return token.kind == "word" and token.depth == 0 and token.text.upper() == word


def _name(item: list[_Token]) -> str:
    last = item[-1]
    if last.depth or last.kind not in {"word", "quoted"} or last.text.upper() == "END":
        raise ValueError("must name each output column (AS), never *")
    return last.text if last.kind == "word" else last.text[1:-1]
