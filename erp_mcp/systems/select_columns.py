"""The output columns of one SELECT, read from its text, whatever the dialect.

A SQL parser would know more, but it costs start-up time and does not speak every vendor's dialect; the last word of
each item of the outermost SELECT list is its name in all of them.
"""

from __future__ import annotations

import re
from typing import Final

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

Token = tuple[str, str, int]  # kind, text, depth of parentheses


def select_columns(statement: str) -> list[str]:
    """Return the output columns of a statement in order.

    Raises:
        ValueError: when it is not one SELECT (or WITH … SELECT) that names each of its columns; the text says why.
    """
    tokens = _tokens(statement)
    if tokens and tokens[-1][1] == ";":
        tokens.pop()
    if not tokens or tokens[0][1].upper() not in {"SELECT", "WITH"} or any(token[1] == ";" for token in tokens):
        raise ValueError("must be one SELECT")
    names = [_name(item) for item in _items(tokens)]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise ValueError(f"column twice: {double[0]}")
    return names


def _tokens(statement: str) -> list[Token]:
    found: list[Token] = []
    depth = 0
    for match in _TOKEN.finditer(statement):
        kind, text = str(match.lastgroup), match.group()
        if kind == "skip":
            continue
        if kind == "other" and text in _UNCLOSED:
            raise ValueError("a quotation mark is not closed")
        depth -= text == ")" and kind == "other"
        found.append((kind, text, depth))
        depth += text == "(" and kind == "other"
        if depth < 0:
            break
    if depth:
        raise ValueError("parentheses do not match")
    return found


def _items(tokens: list[Token]) -> list[list[Token]]:
    """Return the items of the outermost SELECT list."""
    words = [position for position, (kind, text, depth) in enumerate(tokens) if _is(kind, text, depth, "SELECT")]
    if not words:
        raise ValueError("must be one SELECT")
    items: list[list[Token]] = [[]]
    for kind, text, depth in tokens[words[0] + 1 :]:
        if kind == "word" and depth == 0 and text.upper() in _ENDS_LIST:
            break
        if kind == "other" and depth == 0 and text == ",":
            items.append([])
        else:
            items[-1].append((kind, text, depth))
    if items[0] and items[0][0][1].upper() in {"DISTINCT", "ALL"}:
        items[0].pop(0)
    return items


def _is(kind: str, text: str, depth: int, word: str) -> bool:
    return kind == "word" and depth == 0 and text.upper() == word


def _name(item: list[Token]) -> str:
    kind, text, depth = item[-1] if item else ("", "", 0)
    if depth or kind not in {"word", "quoted"} or text.upper() == "END":
        raise ValueError("must name each output column (AS), never *")
    return text if kind == "word" else text[1:-1]
