"""One JSON answer of a system, read exactly or not at all.

Whatever JSON leaves open is refused: duplicate keys, NaN, numbers beyond all measure, lone surrogates, byte order
marks, anything after the value, depth and width without bound. Whole numbers become `int`, all others `Decimal`; a
float never comes out. The size is bounded where the bytes arrive.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

Value = None | bool | int | Decimal | str | list["Value"] | dict[str, "Value"]
"""A decoded value; numbers are exact."""

Document = Mapping[str, Value]
"""One object of an answer."""

MAX_DEPTH: Final = 32
MAX_KEYS: Final = 4000
MAX_DIGITS: Final = 60

_BYTE_ORDER_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_ESCAPE: Final = re.compile(r"\\.", re.DOTALL)
_BUT_BRACKETS: Final = bytes(code for code in range(256) if code not in b"[]{}")
_ESCAPED_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


class DocumentError(ValueError):
    """Bytes that are not one strict JSON value; says by which rule, and nothing of their content."""


def decode_json(body: bytes) -> Value:
    """Return the value of one JSON text in UTF-8.

    Raises:
        DocumentError: for anything else; its text names the rule.
    """
    if body.startswith(_BYTE_ORDER_MARKS):
        raise DocumentError("byte order mark")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise DocumentError("not UTF-8") from None
    _check_depth(text)
    try:
        value: Value = _DECODER.decode(text)
    except DocumentError:
        raise
    except (ValueError, RecursionError):
        raise DocumentError("not JSON") from None
    if _ESCAPED_SURROGATE.search(text):
        _check_surrogates(value)
    return value


def document_in(body: bytes) -> Document | None:
    """Return the object that a body is, `None` for anything that is none."""
    try:
        found = decode_json(body)
    except DocumentError:
        return None
    return found if isinstance(found, dict) else None


def _check_depth(text: str) -> None:
    """Refuse deep nesting before it is parsed: peel empty pairs of brackets off, one level at a time."""
    plain = _ESCAPE.sub("", text) if "\\" in text else text
    between = "".join(plain.split('"')[::2])  # what stands between strings
    brackets = between.encode("ascii", "replace").translate(None, _BUT_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return
        brackets = _innermost_off(brackets)
    if brackets:
        raise DocumentError("nested too deeply, or not closed")


def _innermost_off(brackets: bytes) -> bytes:
    # Marks keep what was peeled now from making room for another peel in the same turn.
    marked = brackets.replace(b"[]", b"\0").replace(b"{}", b"\0")
    return marked.replace(b"\0", b"")


def _check_surrogates(value: Value) -> None:
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise DocumentError("lone surrogate") from None


def _object(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise DocumentError("duplicate key")
    if len(value) > MAX_KEYS:
        raise DocumentError("too many keys")
    return value


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise DocumentError("number too long")
    return int(text)


def _fraction(text: str) -> Decimal:
    if len(text) > MAX_DIGITS:
        raise DocumentError("number too long")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise DocumentError("number out of range") from None
    if value and abs(value.adjusted()) > MAX_DIGITS:
        raise DocumentError("number out of range")
    return value


def _constant(_: str) -> Value:
    raise DocumentError("not a number")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole, parse_float=_fraction, parse_constant=_constant
)
