"""From rows as stored to the cells of an answer, checked against the tool's result contract.

Work goes column by column: most columns hold only plain short text, which one look at the whole column settles.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from erp_mcp.answers.clean import MAX_CODE, MAX_TEXT, clean_code, clean_text
from erp_mcp.domain.answer import Cell, ResultTable
from erp_mcp.domain.tool import Column, Table
from erp_mcp.domain.value import money_text, quantity_text
from erp_mcp.errors import ResultContractError

RawCell = str | int | bool | None | tuple[str, ...]
_Cells = Sequence[RawCell]
_Clean = Callable[[str], tuple[str, int]]

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_MAX_ITEMS: Final = 50


class _MisfitError(Exception):
    """A cell is not of its column's kind."""


def shape(table: Table, rows: Sequence[_Cells]) -> tuple[ResultTable, int]:
    """Return rows as a table of the answer.

    Args:
        table: The contract: columns with their kinds, in order; a masked column is a code.
        rows: Cells as stored: scaled integers, ISO dates, 0 or 1 for flags, tuples for lists; already masked.

    Returns:
        The table (exact decimal strings for quantities and money, booleans for flags, cleaned text) and how many
        characters were removed from its text.

    Raises:
        ResultContractError: `answer.contract`; facts name table and column. The answer must then be withheld.
    """
    width = len(table.columns)
    for row in rows:
        if len(row) != width:
            raise ResultContractError(table=table.name, rule="columns", expected=width, got=len(row))
    shaped: list[list[Cell]] = []
    removed = 0
    cells_by_column: list[_Cells] = list(zip(*rows, strict=True)) if rows else [()] * width
    for column, cells in zip(table.columns, cells_by_column, strict=True):
        try:
            done, taken_out = _shaped(column, cells)
        except _MisfitError:
            raise ResultContractError(table=table.name, column=column.name, rule="kind", expected=column.kind) from None
        shaped.append(done)
        removed += taken_out
    result = ResultTable(
        columns=[column.name for column in table.columns],
        rows=[list(row) for row in zip(*shaped, strict=True)],
        untrusted=[column.name for column in table.columns if column.kind == "text"],
    )
    return result, removed


def _shaped(column: Column, cells: _Cells) -> tuple[list[Cell], int]:
    if column.kind in {"text", "sentence"}:  # what others wrote, and what the gateway itself says
        return _cleaned(cells, clean_text, MAX_TEXT)
    if column.kind in {"id", "ref", "code"}:
        return _cleaned(cells, clean_code, MAX_CODE)
    shaper = _BY_KIND.get(column.kind)
    if shaper is None:
        raise _MisfitError
    return [None if cell is None else shaper(cell) for cell in cells], 0


def _cleaned(cells: _Cells, clean: _Clean, cap: int) -> tuple[list[Cell], int]:
    if _is_plain(cells, cap):
        return list(cells), 0  # type: ignore[arg-type]  # all are strings, as `_is_plain` saw
    done: list[Cell] = []
    removed = 0
    for cell in cells:
        if cell is None:
            done.append(None)
            continue
        parts = _parts(cell)
        cleaned = [clean(part) for part in parts]
        removed += sum(taken_out for _, taken_out in cleaned)
        texts = [text for text, _ in cleaned]
        done.append(texts if isinstance(cell, tuple) else texts[0])
    return done, removed


def _is_plain(cells: _Cells, cap: int) -> bool:
    """Whether every cell is text that cleaning would leave as it is, seen by one look at all of them together."""
    if not all(type(cell) is str and len(cell) <= cap for cell in cells):
        return False
    joined = "|".join(["", *cells, ""])  # type: ignore[list-item]  # all are strings
    return joined.isascii() and joined.isprintable() and not any(gap in joined for gap in ("  ", "| ", " |"))


def _parts(cell: RawCell) -> tuple[str, ...]:
    if isinstance(cell, str):
        return (cell,)
    if isinstance(cell, tuple) and len(cell) <= _MAX_ITEMS:
        return cell
    raise _MisfitError


def _quantity(cell: RawCell) -> Cell:
    return quantity_text(_integer(cell))


def _money(cell: RawCell) -> Cell:
    return money_text(_integer(cell))


def _integer(cell: RawCell) -> int:
    if type(cell) is int:
        return cell
    raise _MisfitError


def _flag(cell: RawCell) -> Cell:
    if cell is True or cell is False:
        return cell
    if type(cell) is int and cell in {0, 1}:
        return cell == 1
    raise _MisfitError


def _date(cell: RawCell) -> Cell:
    if isinstance(cell, str) and _DATE.fullmatch(cell):
        return cell
    raise _MisfitError


def _instant(cell: RawCell) -> Cell:
    if isinstance(cell, str) and _INSTANT.fullmatch(cell):
        return cell
    raise _MisfitError


_BY_KIND: Final[dict[str, Callable[[RawCell], Cell]]] = {
    "quantity": _quantity,
    "money": _money,
    "integer": _integer,
    "flag": _flag,
    "date": _date,
    "instant": _instant,
}
