"""One form for one value: the RFC 8785 form of the subset that digests and signatures stand on."""

from __future__ import annotations

import json
from typing import Final

from erp_mcp.domain.call import JsonValue

_SAFE_INTEGER: Final = 2**53 - 1
_encode: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode


def canonical(value: JsonValue) -> bytes:
    """Return the RFC 8785 form of a value of the subset.

    Args:
        value: Objects with ASCII keys, arrays, strings without lone surrogates, integers within ±(2⁵³-1), booleans
            and null.

    Returns:
        UTF-8 bytes: keys sorted, no white space, shortest escapes.

    Raises:
        ValueError: The value is outside the subset.
    """
    _check(value)
    return _encode(value).encode("utf-8")


def _check(value: JsonValue) -> None:
    """Refuse what RFC 8785 writes differently from `json`, or what two readers could read differently."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return
    if kind is int:
        if not -_SAFE_INTEGER <= value <= _SAFE_INTEGER:  # type: ignore[operator]  # `kind is int` does not narrow
            raise ValueError("integer beyond 2^53-1")
    elif isinstance(value, dict):
        for key, item in value.items():
            if type(key) is not str or not key.isascii():
                raise ValueError("object key is not an ASCII string")
            _check(item)
    elif isinstance(value, list):
        for item in value:
            _check(item)
    else:
        raise ValueError(f"{kind.__name__} has no place in canonical JSON")
