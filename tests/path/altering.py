"""Altering one field of a read model behind the gateway, and nothing else, for the time of some questions."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Final
from unittest.mock import patch

from erp_mcp.catalog.meaning import field_kind
from erp_mcp.domain.decision import Mask
from erp_mcp.domain.value import MONEY_DIGITS, QUANTITY_DIGITS
from erp_mcp.policy import obligations

EDGES: Final = ("0", "10", "1000")
_DIGITS: Final = {"quantity": QUANTITY_DIGITS, "money": MONEY_DIGITS, "integer": 0}
NUMBERS: Final = frozenset(_DIGITS)
_LATER: Final = {"date": "date({}, '+37 days')", "instant": "strftime('%Y-%m-%dT%H:%M:%SZ', {}, '+37 days')"}

Value = str | int | None


@contextmanager
def altered(model: Path, field: str, how: str = "shuffle") -> Iterator[int]:
    """Alter one field in a read model, and give how many values are others; behind it, all is as it was.

    `shuffle` deals the values out to other rows; `change` makes other ones of every second; `rename` makes another one
    of each, different ones of different ones, and their tokens are those of the old ones; `within` makes other ones
    that fall into the same band.
    """
    entity, name = field.split(".")
    with closing(sqlite3.connect(model)) as changing, closing(sqlite3.connect(":memory:")) as kept:
        changing.backup(kept)
        rows = changing.execute(f"SELECT {name}, rowid FROM {entity}").fetchall()
        old: list[Value] = [value for value, _ in rows]
        new = _altered(changing, field, old, how)
        changes = [(value, row) for value, (before, row) in zip(new, rows, strict=True) if value != before]
        changing.executemany(f"UPDATE {entity} SET {name} = ? WHERE rowid = ?", changes)
        changing.commit()
        named = {str(after): str(before) for before, after in zip(old, new, strict=True)} if how == "rename" else {}
        try:
            with _tokens_kept(field, named):
                yield len(changes)
        finally:
            kept.backup(changing)


def _altered(model: sqlite3.Connection, field: str, values: Sequence[Value], how: str) -> list[Value]:
    kind = field_kind(field)
    if how == "shuffle":
        dealt = list(values)
        random.Random(1).shuffle(dealt)
        return dealt
    if how == "change":
        return [_other(model, kind, values, place) for place in range(len(values))]
    if how == "rename":
        return [None if one is None else _renamed(model, kind, one) for one in values]
    return [_within(one, _DIGITS[kind]) if isinstance(one, int) else one for one in values]


def _other(model: sqlite3.Connection, kind: str, values: Sequence[Value], place: int) -> Value:
    """Return what stands in a row after the change: of the same kind, every second time another."""
    value = values[place]
    if place % 2 or value is None:
        return value
    if kind == "code":
        return next((one for one in values if one not in (value, None)), value)
    return _renamed(model, kind, value)


def _renamed(model: sqlite3.Connection, kind: str, value: str | int) -> Value:
    """Return another value of the same kind, a different one for each."""
    if kind == "flag":
        return 0 if value else 1
    if isinstance(value, int):
        return 3 * value + 1_000_000
    if kind in _LATER:
        later: str = model.execute(f"SELECT {_LATER[kind].format('?')}", (value,)).fetchone()[0]
        return later
    return f"{value}~"


def _within(value: int, digits: int) -> int:
    """Return another number of the same band, where that holds more than one."""
    edges = [int(Decimal(edge).scaleb(digits)) for edge in EDGES]
    low = max((edge for edge in edges if edge <= value), default=None)
    high = min((edge for edge in edges if edge > value), default=None)
    if low is None:
        return 3 * value
    if high is None:
        return 3 * value + 1
    return low + (7 * (value - low) + 3) % (high - low)


@contextmanager
def _tokens_kept(field: str, named: Mapping[str, str]) -> Iterator[None]:
    """Make tokens of a field's new values as of its old ones: who sees tokens alone then sees no difference at all."""
    as_ever = obligations._hash_change

    def hashed(mask: Mask, key: bytes) -> obligations._Change:
        change = as_ever(mask, key)

        def of_old(cell: obligations.RawCell) -> obligations.RawCell:
            if isinstance(cell, tuple):
                return change(tuple(named.get(one, one) for one in cell))
            return change(cell if cell is None else named.get(str(cell), cell))

        return of_old if mask.field == field else change

    if not named:
        yield
        return
    with patch.object(obligations, "_hash_change", hashed):
        yield
