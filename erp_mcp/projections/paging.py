"""Keyset paging: a page ends at a row, and the next one starts behind that row's sort values.

Rows that come, go or change between two pages never make an unchanged row appear twice or not at all, since the place
is a value and not a count. A cursor is sealed with the deployment's key to tool, principal and arguments, so it can
neither be made up nor used for another question.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any, Final

from erp_mcp.domain.analysis import RawCell, RawRow, RowsOnDemand
from erp_mcp.domain.call import ArgumentValue
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.tool import Table, Tool
from erp_mcp.errors import BadCursorError
from erp_mcp.ports import SqlValue

_SEAL_BYTES: Final = 16
_NUMBERS: Final = frozenset({int, bool})


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which page: at most `limit` rows behind the row with these sort values; `None` starts at the beginning."""

    limit: int
    after: tuple[SqlValue, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a cursor belongs to: another tool, version, principal or argument is another question."""

    tool: Tool
    principal: Principal
    arguments: Mapping[str, ArgumentValue]


def seal(key: bytes, question: Question, after: Sequence[SqlValue]) -> str:
    """Return the cursor that continues behind `after`.

    Args:
        key: The deployment's secret key.
        question: Tool, principal and checked arguments of the call.
        after: Sort values of the last row shown.

    Returns:
        URL-safe text; it shows nothing that the last row did not.
    """
    body = json.dumps(list(after), ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_mac(key, question, body) + body).rstrip(b"=").decode()


def unseal(key: bytes, question: Question, cursor: str) -> tuple[SqlValue, ...] | None:
    """Return the sort values in a cursor, or `None` for an empty one.

    Raises:
        BadCursorError: `call.bad_cursor`, when it was not made by this deployment for this question.
    """
    if not cursor:
        return None
    try:
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadCursorError(argument="cursor") from error
    mac, body = sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, question, body)):
        raise BadCursorError(argument="cursor")
    return tuple(json.loads(body))


def _mac(key: bytes, question: Question, body: bytes) -> bytes:
    tool, principal = question.tool, question.principal
    about = json.dumps(
        ["cursor.v1", tool.name, tool.version, tool.hash, principal.agent, principal.role, dict(question.arguments)],
        sort_keys=True,
        separators=(",", ":"),
    ).encode()
    # The length first, so that no part of one can be read as part of the other.
    return hmac.digest(key, len(about).to_bytes(4, "big") + about + body, hashlib.sha256)[:_SEAL_BYTES]


def sort_positions(table: Table) -> tuple[int, ...]:
    """Return the positions of the sort columns among the table's columns."""
    names = [column.name for column in table.columns]
    return tuple(names.index(name.removeprefix("-")) for name in table.order_by)


def page_rows(table: Table, rows: Sequence[RawRow], page: Page) -> tuple[list[RawRow], tuple[SqlValue, ...] | None]:
    """Sort and page rows that an analysis found, with the semantics of a paged query.

    Args:
        table: The paged table; no two rows are equal in all its sort columns.
        rows: All rows of the table; of those that are made on demand, only the page's are.
        page: The page wanted.

    Returns:
        The rows of the page, and the sort values to continue behind, `None` on the last page.
    """
    positions = sort_positions(table)
    if isinstance(rows, RowsOnDemand):
        cells = rows.order
    else:
        cells = [tuple(row[position] for position in positions) for row in rows]
    falling = [name.startswith("-") for name in table.order_by]
    places = _places(cells, falling, page)
    kept = [rows[place] for place in places[: page.limit]]
    if len(places) <= page.limit:
        return kept, None
    return kept, tuple(map(sort_value, cells[places[page.limit - 1]]))


def _places(cells: Sequence[RawRow], falling: Sequence[bool], page: Page) -> list[int]:
    """Return where the rows of a page are, and one more where there are more, in order."""
    # The place to continue behind comes last, so that it is compared as the rows are.
    keys = _rising(cells if page.after is None else [*cells, page.after], falling)
    if keys is None:
        return _places_of_mixed(cells, falling, page)
    found: Sequence[int] = range(len(keys))
    if page.after is not None:
        after = keys.pop()
        found = [place for place, key in enumerate(keys) if key > after]
    return nsmallest(page.limit + 1, found, key=keys.__getitem__)


def _rising(cells: Sequence[RawRow], falling: Sequence[bool]) -> list[tuple[str | int, ...]] | None:
    """Return keys that rise in the order of the rows, `None` where numbers and texts share a column, or texts fall."""
    columns: list[Iterable[str] | Iterable[int]] = []
    for position, falls in enumerate(falling):
        column: list[Any] = [row[position] for row in cells]
        kinds = set(map(type, column))
        if kinds <= _NUMBERS:
            columns.append([-one for one in column] if falls else column)
        elif falls or not kinds.isdisjoint(_NUMBERS):
            return None
        else:
            columns.append(column if kinds == {str} else map(str, map(sort_value, column)))
    return list(zip(*columns, strict=True))


def _places_of_mixed(cells: Sequence[RawRow], falling: Sequence[bool], page: Page) -> list[int]:
    """Return the same as `_places`, whatever the cells are."""
    found = list(range(len(cells)))
    order = list(enumerate(falling))
    # Stable sorts from the last key to the first give one order over rising and falling keys.
    for position, falls in reversed(order):
        found.sort(key=lambda place: _sortable(cells[place][position]), reverse=falls)
    if page.after is not None:
        found = [place for place in found if _behind(cells[place], page.after, order)]
    return found[: page.limit + 1]


def _behind(cells: RawRow, after: Sequence[SqlValue], order: Sequence[tuple[int, bool]]) -> bool:
    for (position, falling), value in zip(order, after, strict=True):
        mine, theirs = _sortable(cells[position]), _sortable(value)
        if mine != theirs:
            return (mine < theirs) if falling else (mine > theirs)
    return False


def _sortable(value: RawCell) -> tuple[int, int, str]:
    plain = sort_value(value)
    return (0, plain, "") if isinstance(plain, int) else (1, 0, plain)


def sort_value(value: RawCell) -> str | int:
    """Return what a cell counts as in the order: nothing as the empty text, a flag as 0 or 1."""
    if isinstance(value, tuple):
        return "\x1f".join(value)
    if value is None:
        return ""
    return int(value) if isinstance(value, bool) else value
