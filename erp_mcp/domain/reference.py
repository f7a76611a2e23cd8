"""Our own name for what we write: the reference that goes into a record of a system."""

from __future__ import annotations

import hashlib
from typing import Final

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O, U: people read it out and type it
_BITS: Final = 5
_FIELD: Final = 0b100101  # x⁵ + x² + 1
_LENGTH: Final = 10
_PERSON: Final = b"erp-mcp/ref/v1"
_MARK: Final = "R"


def reference_of(uuid: str) -> str:
    """Return the external reference of a proposal: `R`, ten characters from its UUID and a check character.

    The same proposal always has the same one, so a record that carries it can be found again whatever happened to the
    answer. Fifty bits of BLAKE2b keep two proposals apart; systems that make references unique refuse the rest.
    """
    digest = hashlib.blake2b(uuid.lower().encode(), digest_size=8, person=_PERSON).digest()
    value = int.from_bytes(digest, "big") >> (64 - _BITS * _LENGTH)
    body = "".join(_CROCKFORD[value >> _BITS * place & 31] for place in reversed(range(_LENGTH)))
    return f"{_MARK}{body}{_check(body)}"


def is_reference(text: str) -> bool:
    """Return whether a text has the form of a reference and its check character is right."""
    return (
        len(text) == _LENGTH + 2
        and text[0] == _MARK
        and all(one in _CROCKFORD for one in text[1:])
        and text[-1] == _check(text[1:-1])
    )


def _check(body: str) -> str:
    """Return the character that finds every one changed and every two swapped: a sum in the field of 32 elements."""
    state = 0
    for one in body:
        state = _doubled(state) ^ _CROCKFORD.index(one)
    return _CROCKFORD[_doubled(state)]


def _doubled(value: int) -> int:
    return value << 1 ^ (_FIELD if value & 16 else 0)
