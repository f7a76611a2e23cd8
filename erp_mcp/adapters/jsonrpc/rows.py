"""Looking into one record as the system sends it: `{"quantity": 2.0, "product.": {"code": "A"}, "moves.": [ … ]}`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from erp_mcp.adapters.jsonrpc.wire import Decoded

Row = Mapping[str, Decoded]
Condition = Mapping[str, Sequence[Decoded]]
"""Field path → values it may have; all must hold."""


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
