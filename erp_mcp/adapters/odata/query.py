"""Addresses of reads, built from typed parts: conditions, keys and bounds that were checked, and nothing as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from erp_mcp.adapters.odata.grammar import FilterValue, Operator, Version
from erp_mcp.adapters.odata.literals import encoded, literal

MAX_FILTER_CHARS: Final = 1500
"""Of the keys in one filter, as they stand in the address: servers allow 2,048 to 16,000 for the whole of it."""

PartValue = FilterValue | Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One comparison: a dotted path, an operator, a literal that fits the path's type."""

    path: str
    operator: Operator
    literal: str

    def text(self) -> str:
        """Return it as OData writes it."""
        return f"{self.path.replace('.', '/')} {self.operator} {self.literal}"


def compare(path: str, operator: Operator, value: PartValue, kind: str, version: Version) -> Comparison:
    """Return a comparison of a property with a value of its type.

    Raises:
        LiteralError: when the value is not of that type.
    """
    return Comparison(path=path, operator=operator, literal=literal(value, kind, version))


def every(parts: Iterable[str]) -> str:
    """Return what holds when all parts hold."""
    found = [part for part in parts if part]
    return found[0] if len(found) == 1 else " and ".join(f"({part})" for part in found)


def either(parts: Iterable[str]) -> str:
    """Return what holds when one part holds."""
    found = [part for part in parts if part]
    return found[0] if len(found) == 1 else " or ".join(f"({part})" for part in found)


def equal(names: Sequence[str], literals: Sequence[str]) -> str:
    """Return what holds for the record with this key."""
    return " and ".join(f"{_slashed(name)} eq {one}" for name, one in zip(names, literals, strict=True))


def beyond(names: Sequence[str], literals: Sequence[str]) -> str:
    """Return what holds for all records after this key, in the order of the key."""
    parts = []
    for number, name in enumerate(names):
        same = [f"{_slashed(one)} eq {value}" for one, value in zip(names[:number], literals, strict=False)]
        parts.append(" and ".join([*same, f"{_slashed(name)} gt {literals[number]}"]))
    return either(parts)


def up_to(names: Sequence[str], literals: Sequence[str]) -> str:
    """Return what holds for this key and all records before it, in the order of the key."""
    parts = []
    for number, name in enumerate(names):
        same = [f"{_slashed(one)} eq {value}" for one, value in zip(names[:number], literals, strict=False)]
        operator = "le" if number == len(names) - 1 else "lt"
        parts.append(" and ".join([*same, f"{_slashed(name)} {operator} {literals[number]}"]))
    return either(parts)


def ordered(names: Iterable[str]) -> str:
    """Return `$orderby` for these properties, ascending."""
    return ",".join(_slashed(name) for name in names)


def address(base: str, entity_set: str, options: Mapping[str, str]) -> str:
    """Return the address of a set with its query; every option is percent-encoded as a whole."""
    query = "&".join(f"{name}={encoded(text)}" for name, text in options.items() if text)
    return f"{base}{entity_set}?{query}" if query else f"{base}{entity_set}"


def _slashed(path: str) -> str:
    return path.replace(".", "/")
