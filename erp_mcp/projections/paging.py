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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from erp_mcp.domain.analysis import RawCell
from erp_mcp.domain.call import ArgumentValue
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.tool import Table, Tool
from erp_mcp.errors import BadCursorError
from erp_mcp.ports import SqlValue

_SEAL_BYTES: Final = 16


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


def page_rows(
    table: Table, rows: Sequence[tuple[RawCell, ...]], page: Page
) -> tuple[list[tuple[RawCell, ...]], tuple[SqlValue, ...] | None]:
    """Sort and page rows that an analysis found, with the semantics of a paged query.

    Args:
        table: The paged table; no two rows are equal in all its sort columns.
        rows: All rows of the table.
        page: The page wanted.

    Returns:
        The rows of the page, and the sort values to continue behind, `None` on the last page.
    """
    order = [(at, name.startswith("-")) for at, name in zip(sort_positions(table), table.order_by, strict=True)]
    found = list(rows)
    # Stable sorts from the last key to the first give one order over rising and falling keys.
    for position, falling in reversed(order):
        found.sort(key=lambda row: _sortable(row[position]), reverse=falling)
    if page.after is not None:
        found = [row for row in found if _behind(row, page.after, order)]
    kept = found[: page.limit]
    if len(found) <= page.limit:
        return kept, None
    return kept, tuple(sort_value(kept[-1][position]) for position, _ in order)


def _behind(row: tuple[RawCell, ...], after: Sequence[SqlValue], order: Sequence[tuple[int, bool]]) -> bool:
    for (position, falling), value in zip(order, after, strict=True):
        mine, theirs = _sortable(row[position]), _sortable(value)
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
