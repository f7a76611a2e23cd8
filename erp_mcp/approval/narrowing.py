"""Saying yes to less: a proposal made smaller is about the same thing, with fewer lines or smaller amounts.

Pure. What can be made smaller is looked for in the arguments of the call; whether it became smaller is found out on the
change that was worked out from them, by which the agent's arguments have no say.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, Literal

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.forms import FormError
from erp_mcp.domain.proposal import Change, Content
from erp_mcp.domain.saga import PlannedStep, is_saga, plan_of
from erp_mcp.errors import InvalidArgumentError

Flaw = Literal["", "another_object", "another_change", "larger", "not_smaller"]

# Fields that say how much: by their last word, since operations say of what.
_SIZES: Final = frozenset({"qty", "quantity", "amount", "value", "price"})
_AGREED: Final = frozenset({"price"})  # less of it is another deal, save where it changes and changes by less
_TOKENS: Final = frozenset({"versions"})  # of the records that are looked at, which say nothing of what is wanted
_Object = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowable:
    """One part of a call that can be made smaller (`size`) or left out (`row`), by its path: `lines[0].qty`."""

    path: str
    value: str
    kind: Literal["size", "row"]


def narrowable(arguments: _Object) -> tuple[Narrowable, ...]:
    """Return what of the arguments of a call can be made smaller."""
    return tuple(_parts(arguments))


def narrowed_arguments(
    arguments: _Object, sizes: Mapping[str, str], leave_out: Collection[str]
) -> dict[str, JsonValue]:
    """Return the arguments with other sizes and without some rows.

    Args:
        arguments: Of the call as it came.
        sizes: The new amount per path.
        leave_out: Paths of the rows that go.

    Raises:
        InvalidArgumentError: `call.invalid_argument`, for a path that `narrowable` does not give, or when nothing is
            asked for.
    """
    able = {one.path: one.kind for one in narrowable(arguments)}
    for path, kind in (*((one, "size") for one in sizes), *((one, "row") for one in leave_out)):
        if able.get(path) != kind:
            raise InvalidArgumentError(argument=path, rule="narrowable", expected=tuple(sorted(able)))
    if not sizes and not leave_out:
        raise InvalidArgumentError(argument="sizes", rule="required", expected=tuple(sorted(able)))
    return {name: _narrowed(name, value, sizes, leave_out) for name, value in arguments.items()}


def flaw(before: Content, after: Content) -> Flaw:
    """Return why a change is not strictly smaller than the one that was proposed; empty where it is.

    A saga is smaller where none of its steps is anything else, and one of them at least is smaller.

    Args:
        before: What was proposed.
        after: What was worked out from smaller arguments, on the records as they are now.
    """
    if not is_saga(before):
        return _of_one(before, after)
    try:
        then, now = plan_of(before), plan_of(after)
    except FormError:
        return "another_change"
    if [(one.name, one.tool) for one in then] != [(one.name, one.tool) for one in now]:
        return "another_change"
    found = {_of_one(one, other) for one, other in zip(then, now, strict=True)}
    return next((one for one in sorted(found) if one not in ("", "not_smaller")), "" if "" in found else "not_smaller")


def _of_one(before: Content | PlannedStep, after: Content | PlannedStep) -> Flaw:
    then, now = before.command, after.command
    if (now.system, now.key) != (then.system, then.key):
        return "another_object"
    found = _compared(then.fields, now.fields, after.preview.changes, "")
    if found:
        return found
    return "" if dict(now.fields) != dict(then.fields) else "not_smaller"


def _parts(arguments: _Object) -> Iterator[Narrowable]:
    for name, value in arguments.items():
        if _is_size(name) and _decimal(value) is not None:
            yield Narrowable(path=name, value=str(value), kind="size")
        if not isinstance(value, list):
            continue
        for index, row in enumerate(value):
            yield from _parts_of_row(f"{name}[{index}]", row, is_alone=len(value) == 1)


def _parts_of_row(path: str, row: JsonValue, *, is_alone: bool) -> Iterator[Narrowable]:
    if not isinstance(row, dict):
        return
    if not is_alone:
        yield Narrowable(path=path, value=_words(row), kind="row")
    sizes = ((column, cell) for column, cell in row.items() if _is_size(column) and _decimal(cell) is not None)
    yield from (Narrowable(path=f"{path}.{column}", value=str(cell), kind="size") for column, cell in sizes)


def _narrowed(name: str, value: JsonValue, sizes: Mapping[str, str], leave_out: Collection[str]) -> JsonValue:
    if name in sizes:
        return sizes[name]
    if not isinstance(value, list):
        return value
    return [
        {column: sizes.get(f"{name}[{index}].{column}", cell) for column, cell in row.items()}
        if isinstance(row, dict)
        else row
        for index, row in enumerate(value)
        if f"{name}[{index}]" not in leave_out
    ]


def _compared(before: _Object, after: _Object, changes: Sequence[Change], place: str) -> Flaw:
    if set(before) != set(after):
        return "another_change"
    for name, now in after.items():
        then, path = before[name], f"{place}{name}"
        if now == then or name in _TOKENS:
            continue
        if isinstance(then, list) and isinstance(now, list):
            found = _rows(then, now, changes, path)
        elif _is_size(name):
            found = _size(then, now, _were(changes, path, now), is_agreed=name.rpartition("_")[2] in _AGREED)
        else:
            found = "another_change"
        if found:
            return found
    return ""


def _rows(then: Sequence[JsonValue], now: Sequence[JsonValue], changes: Sequence[Change], path: str) -> Flaw:
    """Compare rows in their order: each that is left is one of those there were, no larger; none comes twice."""
    if not now:
        return "another_change"
    left = iter(then)
    for index, row in enumerate(now):
        place = f"{path}[{index}]."
        if not any(_is_row_of(one, row, changes, place) for one in left):
            return "another_change"
    return ""


def _is_row_of(then: JsonValue, now: JsonValue, changes: Sequence[Change], place: str) -> bool:
    if not isinstance(then, dict) or not isinstance(now, dict):
        return then == now
    return not _compared(then, now, changes, place)


def _size(then: JsonValue, now: JsonValue, were: Sequence[Decimal], *, is_agreed: bool) -> Flaw:
    """Compare an amount: nearer to what it is in the system where it changes there, else to nothing, and above it."""
    asked, less = _decimal(then), _decimal(now)
    if asked is None or less is None or (is_agreed and not all(were)):
        return "another_change"
    inside = all(min(start, asked) < less < max(start, asked) for start in were)
    return "" if inside else "larger"


def _were(changes: Sequence[Change], path: str, now: JsonValue) -> list[Decimal]:
    """Return what a field may be in its system by what the change shows of it; nothing is there of one that is new."""
    same = [one for one in changes if one.field == path]
    named = path.rpartition(".")[2]
    alike = [
        one for one in changes if re.split(r"[./ ]", one.field)[-1] == named and _decimal(one.after) == _decimal(now)
    ]
    return [_decimal(one.before) or Decimal(0) for one in same or alike] or [Decimal(0)]


def _is_size(name: str) -> bool:
    return name.rpartition("_")[2] in _SIZES


def _decimal(value: JsonValue) -> Decimal | None:
    """Return an amount: amounts are decimal strings, never numbers."""
    if not isinstance(value, str):
        return None
    try:
        found = Decimal(value)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _words(row: _Object) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.items() if value is not None)
