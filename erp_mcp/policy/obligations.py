"""What must be done for a decision to count: masks, windows, sorts. What can't be fulfilled is a denial.

Masking happens twice over: rows that an analysis will read are masked before it sees them, and result columns are
masked by the fields they come from, so a derived column never tells what its source may not.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

from erp_mcp.domain.call import ArgumentValue
from erp_mcp.domain.decision import Mask
from erp_mcp.domain.entities import ENTITIES, FieldSpec, Kind, field_specs
from erp_mcp.domain.tool import Argument, Column, Query, Table, Tool
from erp_mcp.domain.value import MONEY_DIGITS, QUANTITY_DIGITS
from erp_mcp.errors import InvalidArgumentError, MaskedFieldError, NotAllowedError

RawCell = str | int | bool | None | tuple[str, ...]
RawRow = tuple[RawCell, ...]
_Change = Callable[[RawCell], RawCell]

_DIGITS: Final = {"quantity": QUANTITY_DIGITS, "money": MONEY_DIGITS, "integer": 0}
_TOKEN_CHARACTERS: Final = 12


def mask_columns(columns: Sequence[Column], masks: Sequence[Mask]) -> tuple[Column, ...]:
    """Return the columns as they are after `mask_rows`: hashed and banded cells are codes, whatever they were."""
    by_field = _by_field(masks)
    return tuple(
        dataclasses.replace(column, kind="code") if _way(column, by_field) in ("hash", "band") else column
        for column in columns
    )


def mask_rows(
    columns: Sequence[Column], rows: Iterable[RawRow], masks: Sequence[Mask], key: bytes, *, inputs_masked: bool = False
) -> list[RawRow]:
    """Return rows with masked fields hidden.

    Args:
        columns: Of the result; `fields` say what each comes from. A column from several fields of which one is masked
            is dropped, since what is left could be worked back.
        rows: Cells in the order of `columns`; quantities and money scaled, as stored.
        masks: Of the decision.
        key: The deployment's key for tokens; equal values of one kind of id give equal tokens everywhere.
        inputs_masked: The rows come from an analysis whose reads went through `mask_inputs`: their hashed cells are
            tokens already and stay as they are. What is none was taken from elsewhere, and is hashed here.

    Returns:
        The rows: `drop` is null, `hash` a token `h_…`, `band` the half-open range `[lo, hi)` in plain units.

    Raises:
        NotAllowedError: `policy.not_allowed`, when a mask can't be fulfilled: a denial, never an unmasked value.
    """
    by_field = _by_field(masks)
    changes = {
        index: _result_change(column, mask, key, inputs_masked=inputs_masked)
        for index, column in enumerate(columns)
        if (mask := _mask_of(column, by_field)) is not None
    }
    return _changed(rows, changes)


def input_masks(reads: Iterable[Query], masks: Sequence[Mask]) -> tuple[Mask, ...]:
    """Return masks as they are on what an analysis reads: it gets tokens where these say as much as what they hide.

    Of ids and texts alone, since it would take the token of a date for a late one, and of a state for another state.
    Of an id only where no read shows it, or what refers to it, in the clear: else it would find no two alike; so one
    that stands for a record without naming its entity (a line's number, what a reservation is for) is null as well, as
    is everything else. What can't be done without it is refused.
    """
    by_field = _by_field(masks)
    hidden = {field for field, mask in by_field.items() if mask.way != "band"}
    read = {field for query in reads for column in query.columns for field in column.fields}
    clear = {_token_domain(field) for field in read - hidden}
    return tuple(
        mask
        if mask.way == "drop" or (mask.way == "hash" and _links(field) and _token_domain(field) not in clear)
        else dataclasses.replace(mask, way="drop", edges=())
        for field, mask in by_field.items()
    )


def mask_inputs(columns: Sequence[Column], rows: Iterable[RawRow], masks: Sequence[Mask], key: bytes) -> list[RawRow]:
    """Return the rows of a read as an analysis may see them, by `input_masks`: hidden cells are null or tokens."""
    by_field = _by_field(masks)
    changes: dict[int, _Change] = {}
    for index, column in enumerate(columns):
        mask = _mask_of(column, by_field)
        if mask is not None:
            changes[index] = _hash_change(mask, key) if mask.way == "hash" else _drop
    return _changed(rows, changes)


def check_masked_arguments(tool: Tool, arguments: Mapping[str, ArgumentValue], masks: Sequence[Mask]) -> None:
    """Refuse a filter on a masked field: whoever may filter by a value can find it out by asking often.

    An argument counts as used when it has a value other than its default.

    Raises:
        MaskedFieldError: `policy.masked_field`, with `argument`.
    """
    masked = {mask.field for mask in masks}
    if not masked:
        return
    for argument in tool.arguments:
        value = arguments.get(argument.name)
        if value is not None and value != argument.default and not masked.isdisjoint(_filtered_by(tool, argument)):
            raise MaskedFieldError(argument=argument.name)


def _filtered_by(tool: Tool, argument: Argument) -> Iterable[str]:
    """Return the fields that an argument filters by; a site narrows the rows of every entity that has one."""
    return (f"{entity}.site" for entity in tool.entities) if argument.is_site else argument.fields


def sort_is_masked(table: Table, masks: Sequence[Mask]) -> bool:
    """Tell whether the order of the rows would give away a masked field."""
    masked = {mask.field for mask in masks}
    ordered = {name.removeprefix("-") for name in table.order_by}
    return any(
        column.name in ordered and not masked.isdisjoint((*column.fields, *column.via)) for column in table.columns
    )


def check_window(tool: Tool, arguments: Mapping[str, ArgumentValue], max_window_days: int) -> None:
    """Refuse date windows that are wider than the role's cap.

    A window is a pair of date arguments `<name>_from` and `<name>_to`, both given, or an integer `horizon_days` or
    `window_days`. A window open at one end is bounded by rows and paging instead.

    Raises:
        InvalidArgumentError: `call.invalid_argument`, with `argument`, `rule="window"` and `max_days`.
    """
    for argument in tool.arguments:
        value = arguments.get(argument.name)
        if argument.name in ("horizon_days", "window_days"):
            days = value if isinstance(value, int) else 0
        elif argument.type == "date" and argument.name.endswith("_to"):
            days = _days(arguments.get(f"{argument.name[:-3]}_from"), value)
        else:
            continue
        if days > max_window_days:
            raise InvalidArgumentError(argument=argument.name, rule="window", max_days=max_window_days)


def _days(start: ArgumentValue, end: ArgumentValue) -> int:
    if not isinstance(start, str) or not isinstance(end, str):
        return 0
    return (date.fromisoformat(end) - date.fromisoformat(start)).days


# --- masks ------------------------------------------------------------------------------------------------------------


def _by_field(masks: Sequence[Mask]) -> dict[str, Mask]:
    """Index masks by field; of several on one field the strictest counts."""
    strictness = {"drop": 2, "hash": 1, "band": 0}
    found: dict[str, Mask] = {}
    for mask in masks:
        if mask.way not in strictness:
            raise NotAllowedError(reason="obligation", rule=mask.rule)
        held = found.get(mask.field)
        if held is None or strictness[mask.way] > strictness[held.way]:
            found[mask.field] = mask
    return found


def _mask_of(column: Column, by_field: Mapping[str, Mask]) -> Mask | None:
    """Return what hides a column; one that comes from several fields, one of them masked, is dropped.

    So is one that was worked out from a masked field, since neither the sum's range nor whether two sums are equal is
    told by ranges and tokens of what is added up; and one that was looked up by it: who knows the master data reads it
    from what was found.
    """
    for field in (*column.fields, *column.via):
        mask = by_field.get(field)
        if mask is not None:
            alone = column.fields == (field,) and field not in column.via
            return mask if alone else Mask(field=field, way="drop", rule=mask.rule)
    return None


def _way(column: Column, by_field: Mapping[str, Mask]) -> str:
    mask = _mask_of(column, by_field)
    return mask.way if mask else ""


def _changed(rows: Iterable[RawRow], changes: Mapping[int, _Change]) -> list[RawRow]:
    if not changes:
        return list(rows)
    masked: list[RawRow] = []
    for row in rows:
        cells = list(row)
        for index, change in changes.items():
            cells[index] = change(cells[index])
        masked.append(tuple(cells))
    return masked


def _result_change(column: Column, mask: Mask, key: bytes, *, inputs_masked: bool) -> _Change:
    if mask.way == "drop":
        return _drop
    if mask.way == "hash":
        hashed = _hash_change(mask, key)
        return (lambda cell: cell if _is_token(cell) else hashed(cell)) if inputs_masked else hashed
    return _band_change(column, mask)


def _is_token(cell: RawCell) -> bool:
    if isinstance(cell, tuple):
        return all(map(_is_token, cell))
    return isinstance(cell, str) and cell.startswith("h_") and len(cell) == len("h_") + _TOKEN_CHARACTERS


def _drop(_cell: RawCell) -> RawCell:
    return None


def _hash_change(mask: Mask, key: bytes) -> _Change:
    if not key:
        raise NotAllowedError(reason="obligation", rule=mask.rule)
    domain = _token_domain(mask.field).encode()

    def change(cell: RawCell) -> RawCell:
        if cell is None:
            return None
        text = "\x1f".join(cell) if isinstance(cell, tuple) else str(cell)
        # the zero byte keeps domain and value apart: names hold none
        token = hmac.digest(key, domain + b"\0" + text.encode("utf-8"), hashlib.sha256)
        return "h_" + base64.b32encode(token).decode("ascii").lower()[:_TOKEN_CHARACTERS]

    return change


@lru_cache(maxsize=512)
def _token_domain(field: str) -> str:
    """Return what a field's tokens are shared with: an id and all references to it share, other fields do not."""
    entity, _, name = field.partition(".")
    record, spec = ENTITIES.get(entity), _spec(field)
    if spec is not None and spec.kind is Kind.REF:
        return spec.meaning.entity
    return entity if record is not None and (name,) == record.KEY else field


@lru_cache(maxsize=512)
def _links(field: str) -> bool:
    """Tell whether all that is made of a field's values is to show them, or to see which are equal, known by name."""
    spec = _spec(field)
    return spec is not None and (
        spec.kind is Kind.TEXT or (spec.kind in (Kind.ID, Kind.REF) and _token_domain(field) != field)
    )


def _spec(field: str) -> FieldSpec | None:
    entity, _, name = field.partition(".")
    record = ENTITIES.get(entity)
    return next((one for one in field_specs(record) if one.name == name), None) if record is not None else None


def _band_change(column: Column, mask: Mask) -> _Change:
    digits = _DIGITS.get(column.kind)
    if digits is None or not mask.edges:
        raise NotAllowedError(reason="obligation", rule=mask.rule)
    edges = [Decimal(edge).scaleb(digits) for edge in mask.edges]
    low, high = ("-inf", *mask.edges), (*mask.edges, "inf")

    def change(cell: RawCell) -> RawCell:
        if cell is None:
            return None
        if isinstance(cell, bool) or not isinstance(cell, int):
            raise NotAllowedError(reason="obligation", rule=mask.rule)
        place = bisect_right(edges, cell)
        return f"{'[' if place else '('}{low[place]}, {high[place]})"

    return change
