"""Conditions of a profile: paths and the values they may have; all must hold. Values are compared as codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from erp_mcp.adapters._documents.paths import Path, PathError, Scope, ShapeError, code_of, value_at
from erp_mcp.domain.call import JsonValue

MAX_VALUES: Final = 100


class MappingError(ValueError):
    """A mistake in a profile's mapping: where it is, below the entity, and what is wrong."""

    def __init__(self, place: str, reason: str) -> None:
        """Keep both apart."""
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold; `paths` are what it looks at."""

    holds: Callable[[Scope], bool]
    paths: tuple[Path, ...]


def path_of(body: JsonValue, place: str) -> Path:
    """Return a path of a profile.

    Raises:
        MappingError: when it is none.
    """
    if not isinstance(body, str):
        raise MappingError(place, "a path is needed here, as text")
    try:
        return Path.of(body)
    except PathError as failure:
        raise MappingError(place, str(failure)) from None


def condition_of(body: JsonValue, place: str) -> Condition:
    """Return a condition of a profile: path → value, list of values, or `{not: [values]}`.

    Raises:
        MappingError: when it is none.
    """
    if not isinstance(body, Mapping) or not body:
        raise MappingError(place, "a mapping of paths to values is needed here")
    tests = [_test(path_of(name, place), allowed, f"{place}.{name}") for name, allowed in body.items()]

    def holds(scope: Scope) -> bool:
        return all((_code(scope, path) in codes) is wanted for path, codes, wanted in tests)

    return Condition(holds, tuple(path for path, _, _ in tests))


def codes_of(body: JsonValue, place: str) -> frozenset[str]:
    """Return the values of a profile as codes; `null` and empty text stand for nothing.

    Raises:
        MappingError: for anything but plain values.
    """
    values: Sequence[JsonValue] = body if isinstance(body, list) else [body]
    if not 0 < len(values) <= MAX_VALUES or any(isinstance(one, list | Mapping) for one in values):
        raise MappingError(place, f"between one and {MAX_VALUES} plain values are needed here")
    return frozenset(_plain(one) for one in values)


def _test(path: Path, allowed: JsonValue, place: str) -> tuple[Path, frozenset[str], bool]:
    if isinstance(allowed, Mapping):
        if set(allowed) != {"not"}:
            raise MappingError(place, "values, or `not:` with values, are needed here")
        return path, codes_of(allowed["not"], f"{place}.not"), False
    return path, codes_of(allowed, place), True


def _code(scope: Scope, path: Path) -> str:
    try:
        return code_of(value_at(scope, path))
    except ShapeError as failure:
        raise ShapeError(str(path), failure.reason) from None


def _plain(value: JsonValue) -> str:
    if isinstance(value, float):
        return code_of(Decimal(repr(value)))
    return code_of(value) if not isinstance(value, list | Mapping) else ""
