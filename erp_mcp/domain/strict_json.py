"""Strict JSON: one reading of a text, or none.

Two readers that understand the same bytes differently are a way around every check between them, so whatever JSON
leaves open is refused here: duplicate keys, NaN, numbers that change when read, lone surrogates, byte order marks,
sizes and depths without bound. Strings come out in Unicode normal form C. Standard library only, and light: this runs
before anything else is imported.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from typing import TYPE_CHECKING, Final

from erp_mcp.errors import MalformedRequestError

if TYPE_CHECKING:  # it would bring dataclasses, which cost more than all the rest here
    from erp_mcp.domain.call import JsonValue

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32
MAX_INTEGER: Final = 2**53 - 1  # above it, readers that hold numbers as doubles see another integer
MAX_NUMBER_CHARACTERS: Final = 40

_BYTE_ORDER_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
# A string (closed or not) or one bracket; unrolled, so it runs in linear time on any input.
_STRING_OR_BRACKET: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)


def decode(data: bytes) -> JsonValue:
    """Return the value of one JSON text.

    Args:
        data: UTF-8, at most `MAX_BYTES` long; whitespace around the value is allowed, anything else is not.

    Returns:
        The value; strings and keys in normal form C, integers within ±(2⁵³ − 1), floats finite.

    Raises:
        MalformedRequestError: `call.malformed_request`; the fact `rule` is one of `too_large`, `byte_order_mark`,
            `encoding`, `depth`, `syntax`, `duplicate_key`, `number`, `lone_surrogate`.
    """
    if len(data) > MAX_BYTES:
        raise MalformedRequestError(rule="too_large", limit_bytes=MAX_BYTES)
    if data.startswith(_BYTE_ORDER_MARKS):
        raise MalformedRequestError(rule="byte_order_mark")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequestError(rule="encoding", at_byte=error.start) from None
    _check_depth(text)
    value = _parse(text)
    # Only text beyond ASCII, or escaped into it, can hold surrogates or be in another normal form.
    return value if data.isascii() and b"\\u" not in data else _normalised(value)


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        first = match.group()[0]
        if first in "[{":
            depth += 1
        elif first in "]}":
            depth -= 1
        if depth > MAX_DEPTH:
            raise MalformedRequestError(rule="depth", limit=MAX_DEPTH)


def _parse(text: str) -> JsonValue:
    try:
        value: JsonValue = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise MalformedRequestError(rule="syntax", at_character=error.pos) from None
    return value


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise MalformedRequestError(rule="duplicate_key")
    return value


def _integer(text: str) -> int:
    if len(text) > MAX_NUMBER_CHARACTERS or abs(value := int(text)) > MAX_INTEGER:
        raise MalformedRequestError(
            rule="number", reason="integers beyond 2^53 - 1 are not exact everywhere; send text"
        )
    return value


def _float(text: str) -> float:
    if len(text) > MAX_NUMBER_CHARACTERS or not math.isfinite(value := float(text)):
        raise MalformedRequestError(rule="number", reason="the number is too long or too large; send text")
    if value == 0 and text.lower().partition("e")[0].strip("-0."):
        raise MalformedRequestError(rule="number", reason="the number is too small to be read exactly; send text")
    return value


def _constant(text: str) -> float:
    raise MalformedRequestError(rule="number", reason=f"{text} is not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)


def _normalised(value: JsonValue) -> JsonValue:
    match value:
        case str():
            return _text(value)
        case list():
            return [_normalised(item) for item in value]
        case dict():
            # Two keys that differ in form only are one key to a reader that normalises.
            return _object([(_text(key), _normalised(item)) for key, item in value.items()])
        case _:
            return value


def _text(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedRequestError(rule="lone_surrogate") from None
    return unicodedata.normalize("NFC", text)
