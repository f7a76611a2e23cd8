"""Looking into one record as the system sends it: `{"quantity": 2.0, "product.": {"code": "A"}, "moves.": [ … ]}`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Final

from erp_mcp.adapters.jsonrpc.wire import Decoded

Row = Mapping[str, Decoded]
Condition = Mapping[str, Sequence[Decoded]]
"""Field path → values it may have; all must hold."""


VERSION: Final = "_timestamp"
"""The field that is another one after each change of a record, as text."""

_DIGEST_BYTES: Final = 8


class ShapeError(ValueError):
    """A record that does not look as its model says; carries the field path, never a value."""


def holders(row: Row, path: str) -> Iterator[Row]:
    """Yield the records that hold the last field of a path: one along single links, several along lists."""
    head, dot, rest = path.partition(".")
    if not dot:
        yield row
        return
    for record in linked(row, head):
        yield from holders(record, rest)


def linked(row: Row, field: str) -> list[Row]:
    """Return the records a link field leads to; an empty link leads to none."""
    found = row.get(f"{field}.")
    if found is None:
        return []
    if isinstance(found, dict):
        return [found]
    if isinstance(found, list) and all(isinstance(one, dict) for one in found):
        return [one for one in found if isinstance(one, dict)]
    raise ShapeError(field)


def values(row: Row, path: str) -> list[Decoded]:
    """Return all values at the end of a path that are there."""
    leaf = path.rpartition(".")[2]
    found = [record.get(leaf) for record in holders(row, path)]
    return [one for one in found if one is not None]


def value(row: Row, path: str) -> Decoded:
    """Return the first value at the end of a path, or `None`."""
    found = values(row, path)
    return found[0] if found else None


def number(row: Row, path: str) -> Decimal | None:
    """Return an exact number, or `None` where there is none.

    Raises:
        ShapeError: for anything else.
    """
    found = value(row, path)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | Decimal):
        raise ShapeError(path)
    return Decimal(found)


def holds(row: Row, condition: Condition) -> bool:
    """Say whether all fields of a condition have one of their values."""
    return all(value(row, path) in allowed for path, allowed in condition.items())


def version_of(row: Row, links: Sequence[str] = ()) -> str:
    """Return the version token of a record: its own version; with links, the newest of all and a digest of all.

    Raises:
        ShapeError: when it, or a linked record, has a version that is no text.
    """
    versions = [("", row)] + [(link, record) for link in links for record in linked(row, link)]
    told = [(link, str(record.get("id")), _version(record)) for link, record in versions]
    if not links:
        return told[0][2]
    text = "\n".join(",".join(one) for one in sorted(told))
    digest = blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{max((one[2] for one in told), key=Decimal)}/{digest}"


def newest_of(version_token: str) -> Decimal:
    """Return when the newest of the records was changed that a version token is about, in seconds of the server.

    Raises:
        ArithmeticError: for a token of another kind.
    """
    return Decimal(version_token.partition("/")[0])


def _version(row: Row) -> str:
    found = row.get(VERSION) or "0"  # a computed model has none
    if not isinstance(found, str):
        raise ShapeError(VERSION)
    return found
