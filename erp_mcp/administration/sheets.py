"""Tables of an answer as CSV or XLSX: exact, and dead.

A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, which may send data away or start a
program; text from a system of record is anybody's. In CSV such text gets an apostrophe in front, in XLSX every text is
stored as text. Numbers stay numbers; one that a spreadsheet would round (more than 15 digits) is text, digit for digit.

Source: OWASP, CSV Injection; ECMA-376 keeps numbers as IEEE 754 doubles.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

from erp_mcp.administration.exporting import Export
from erp_mcp.domain.answer import Cell, ResultTable
from erp_mcp.errors import ConfigurationError

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

MAX_XLSX_ROWS: Final = 1_048_000  # a sheet has 1,048,576
_NUMBERS: Final = frozenset({"quantity", "money", "integer"})
_PLAIN: Final = _NUMBERS | {"date", "instant", "flag"}
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LIVE: Final = "=+\\-@\t\r\n＝＋－＠"  # the wide forms of the signs count as the signs in some locales
_STARTS: Final = re.compile(rf"""^(?=["' ]*[{_LIVE}])""")
# The separators of other locales; a tab, which some take for one too; a line break, which ends a record where a quote
# in the middle of a field is a character like any other. Blanks and quotes behind it, however many, hide nothing.
_INSIDE: Final = re.compile(rf"""([;|\t\r\n][ "']*)(?=[{_LIVE}])""")
_EXACT_DIGITS: Final = 15
_WIDTH: Final = 24  # of a column, in characters
_LONGEST: Final = 32_767  # characters that a cell of a workbook holds
_CUT: Final = "… (cut here; CSV has the whole text)"
_ABOUT: Final = "about"  # the sheet that says where the others come from
_LONGEST_NAME: Final = 31  # of a sheet


def dead(text: str) -> str:
    """Return text that no spreadsheet takes for a formula, in whatever locale it is opened."""
    return _INSIDE.sub(r"\1'", _STARTS.sub("'", text))


def csv_files(export: Export, target: Path) -> dict[Path, bytes]:
    """Return the CSV files of an export: `target`, or one per table beside it where there are several.

    UTF-8 with a byte-order mark, since Excel takes anything else for the machine's own code page. The first lines begin
    with `#`: what this is, from where and as of when.
    """
    tables = export.answer.tables
    names = {name: target if len(tables) == 1 else target.with_name(f"{target.stem}.{name}.csv") for name in tables}
    return {names[name]: _csv(export, name).encode("utf-8-sig") for name in tables}


def xlsx_file(export: Export, now: datetime) -> bytes:
    """Return the export as a workbook: a sheet per table, and one that says where it comes from.

    Raises:
        ConfigurationError: `settings.bad_configuration`: the library is not installed.
    """
    held = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}
    book: Workbook = library().Workbook(held, options)
    book.set_properties({"title": export.tool.title, "created": now.replace(tzinfo=None)})
    writer = _Writer(book)
    for name, table in export.answer.tables.items():
        writer.table(name, table, _kinds(export, name))
    writer.origin(list(_origin(export)))
    book.close()
    return held.getvalue()


def library() -> ModuleType:
    """Return the library that writes XLSX.

    Raises:
        ConfigurationError: `settings.bad_configuration`: it is not installed.
    """
    try:
        import xlsxwriter
    except ImportError:
        reason = "XLSX needs the library XlsxWriter: pip install 'erp-mcp-gateway[xlsx]'; CSV needs nothing"
        raise ConfigurationError(key="--export", reason=reason) from None
    found: ModuleType = xlsxwriter
    return found


def _csv(export: Export, name: str) -> str:
    out = io.StringIO()
    for title, told in [("table", name), *_origin(export)]:
        out.write(re.sub(rf"([;|,\t][ ]*)(?=[{_LIVE}])", r"\1'", f"# {title}: {_text(told)}") + "\r\n")
    writer = csv.writer(out)
    table, kinds = export.answer.tables[name], _kinds(export, name)
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow(
            [_csv_cell(cell, kinds.get(column, "")) for column, cell in zip(table.columns, row, strict=True)]
        )
    return out.getvalue()


def _csv_cell(cell: Cell, kind: str) -> str:
    told = _text(cell)
    if kind in _PLAIN and (kind not in _NUMBERS or _NUMBER.fullmatch(told)):
        return told
    return dead(told)


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    text = ",".join(cell) if isinstance(cell, list) else str(cell)
    return text.encode(errors="replace").decode()  # half a pair of UTF-16 can't be written in any file


def _fitting(text: str) -> str:
    """Return text that a cell of a workbook holds, and says where it was cut."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - len(_CUT)] + _CUT


def _kinds(export: Export, name: str) -> Mapping[str, str]:
    table = next((one for one in export.tool.tables if one.name == name), None)
    return {column.name: column.kind for column in table.columns} if table else {}


def _origin(export: Export) -> Iterator[tuple[str, str]]:
    """Yield what a reader must know of the rows: from where, as of when, whether that is all."""
    answer = export.answer
    yield "tool", f"{export.tool.name} ({export.tool.title})"
    yield "arguments", json.dumps(dict(export.arguments), ensure_ascii=False)
    yield "agent", export.agent
    for source in answer.sources:
        yield "source", f"{source.system} ({source.via}) as of {source.as_of}{', stale' if source.stale else ''}"
    yield "complete", "yes" if answer.complete else "no, see the warnings"
    for warning in answer.warnings:
        yield "warning", warning
    for gap in answer.gaps:
        yield "gap", f"{gap.reason} {gap.system} {gap.name}"
    if answer.definition_id:
        yield "definition", answer.definition_id
    outside = [f"{name}.{column}" for name, table in answer.tables.items() for column in table.untrusted]
    if outside:
        yield "written by others", ", ".join(outside)
    yield "audit records", f"{len(export.call_ids)}, of correlation {export.call_ids[0]}"


def _is_day(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:  # the 31st of February
        return False
    return True


class _Writer:
    """Writes sheets cell by cell, each with the type that is meant, never one that the library would guess."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._head = book.add_format({"bold": True})
        self._formats: dict[str, Format] = {}
        self._names = {_ABOUT}

    def table(self, name: str, table: ResultTable, kinds: Mapping[str, str]) -> None:
        sheet = self._book.add_worksheet(self._name_of(name))
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, max(len(table.columns) - 1, 0), _WIDTH)
        for place, column in enumerate(table.columns):
            sheet.write_string(0, place, column, self._head)
            write = self._cell(kinds.get(column, ""))
            for line, row in enumerate(table.rows, start=1):
                write(sheet, line, place, row[place])
        if table.rows:
            sheet.autofilter(0, 0, len(table.rows), len(table.columns) - 1)

    def origin(self, told: list[tuple[str, str]]) -> None:
        sheet = self._book.add_worksheet(_ABOUT)
        sheet.set_column(0, 0, _WIDTH)
        for line, (title, text) in enumerate(told):
            sheet.write_string(line, 0, title, self._head)
            sheet.write_string(line, 1, _fitting(_text(text)))

    def _name_of(self, table: str) -> str:
        """Return a name that no sheet has yet: they are short, and large and small letters are the same."""
        name, number = table[:_LONGEST_NAME], 2
        while name.casefold() in self._names:
            ending = f"_{number}"
            name, number = table[: _LONGEST_NAME - len(ending)] + ending, number + 1
        self._names.add(name.casefold())
        return name

    def _cell(self, kind: str) -> Callable[[Worksheet, int, int, Cell], None]:
        if kind in _NUMBERS:
            return self._number
        return self._date if kind == "date" else self._plain

    def _number(self, sheet: Worksheet, line: int, place: int, cell: Cell) -> None:
        text = _text(cell)
        if not _NUMBER.fullmatch(text) or len(Decimal(text).as_tuple().digits) > _EXACT_DIGITS:
            self._plain(sheet, line, place, cell)
            return
        places = len(text.partition(".")[2])
        sheet.write_number(line, place, float(text), self._format(f"0.{'0' * places}" if places else "0"))

    def _date(self, sheet: Worksheet, line: int, place: int, cell: Cell) -> None:
        text = _text(cell)
        if not _is_day(text) or text < "1900-03-01":  # before, spreadsheets disagree about the day
            self._plain(sheet, line, place, cell)
            return
        sheet.write_datetime(
            line, place, datetime.combine(date.fromisoformat(text), datetime.min.time()), self._format("yyyy-mm-dd")
        )

    def _plain(self, sheet: Worksheet, line: int, place: int, cell: Cell) -> None:
        if isinstance(cell, bool):
            sheet.write_boolean(line, place, cell)
        elif cell is not None:
            sheet.write_string(line, place, _fitting(_text(cell)))

    def _format(self, shown: str) -> Format:
        if shown not in self._formats:
            self._formats[shown] = self._book.add_format({"num_format": shown})
        return self._formats[shown]
