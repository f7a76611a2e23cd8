"""The table: what the tests of each cell came to, and why a cell has none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from tests.systems.matrix.covering import EXPLAINED, NOTES, PROFILES, TRIED, Covered
from tests.systems.matrix.reasons import Facts, lacking, reason, rows

State = Literal["passed", "failed", "refused", "skipped", "not supported", "no test"]
_NAMELESS: Final = "no test tries it"


@dataclass(slots=True, kw_only=True)
class Cell:
    """What came of the tests of one cell.

    `good` of `tried` went well: tests, or what the tests counted. `explained` are values that differ with their reason
    in the documentation, `reasons` say why it was refused, skipped or is not there.
    """

    state: State = "no test"
    good: int = 0
    tried: int = 0
    explained: int = 0
    tests: int = 0
    reasons: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def short(self) -> str:
        """What stands in the table."""
        match self.state:
            case "passed":
                return f"{self.good}/{self.tried}"
            case "failed":
                return f"FAILED {self.good}/{self.tried}"
            case "not supported":
                return "-"
            case _:
                return self.state


Table = dict[str, dict[str, Cell]]
"""Column → row → cell."""


def read_results(files: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Return what runs wrote down; of a test that several ran, what the last one says."""
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        found |= json.loads(file.read_text(encoding="utf-8"))["results"]
    return found


def table_of(results: Mapping[str, Mapping[str, Any]], known: Facts, columns: Iterable[str] = ()) -> Table:
    """Put the outcomes of tests into cells; a column without profile and without tests is left out.

    Raises:
        ValueError: when a test covers a row that is none.
    """
    names = rows(known)
    table: Table = {column: {row: Cell() for row in names} for column in columns or PROFILES}
    for test, result in results.items():
        for one in result["cells"]:
            covered = Covered(*one)
            if covered.row not in names:
                raise ValueError(f"{test} covers no known row: {covered.row}")
            if covered.column in table:
                _add(table[covered.column][covered.row], test, result, covered)
    shown_ones = {
        column: cells
        for column, cells in table.items()
        if known.profiles[column] or any(cell.tests for cell in cells.values())
    }
    for column, cells in shown_ones.items():
        for row, cell in cells.items():
            _judge(cell, reason(column, row, known))
            if cell.state == "passed" and (text := lacking(column, row, known)):
                _note(cell, text)
    return shown_ones


def _add(cell: Cell, test: str, result: Mapping[str, Any], covered: Covered) -> None:
    cell.tests += 1
    outcome = result["outcome"]
    if outcome == "skipped":
        _note(cell, f"not run: {result['why']}")
        return
    good, tried = result.get(TRIED, (int(outcome == "passed"), 1))
    cell.good += good
    cell.tried += tried
    cell.explained += result.get(EXPLAINED, 0)
    for text in result.get(NOTES, ()):
        _note(cell, text)
    if outcome == "failed":
        cell.failed.append(test)
        cell.state = "failed"
        _note(cell, f"{test}: {result['why']}")
    elif cell.state != "failed":
        cell.state = "refused" if covered.refused else "passed"
        if covered.refused:
            _note(cell, covered.refused)


def _judge(cell: Cell, why: str) -> None:
    """Say of a cell that nothing came of why that is so."""
    if cell.state != "no test":
        return
    if cell.tests:
        cell.state = "skipped"
    else:
        cell.state = "not supported" if why else "no test"
        _note(cell, why or _NAMELESS)


def _note(cell: Cell, text: str) -> None:
    if text not in cell.reasons:
        cell.reasons.append(text)


def shown(table: Table) -> str:
    """Return the table for people, with what has to be said about its cells below it."""
    notes: dict[str, int] = {}
    names = next(iter(table.values()))
    lines = [["", *table], *([row, *(_with_notes(one[row], notes) for one in table.values())] for row in names)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    text = [_line(line, widths) for line in lines]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join([*text, "", *(f"[{number}] {note}" for note, number in notes.items())]) + "\n"


def _line(cells: list[str], widths: list[int]) -> str:
    return "| " + " | ".join(text.ljust(width) for text, width in zip(cells, widths, strict=True)) + " |"


def _with_notes(cell: Cell, notes: dict[str, int]) -> str:
    said = list(cell.reasons)
    if cell.explained:
        said.append(f"{cell.explained} values differ, each for a reason that the system's page of docs/ gives")
    return " ".join([cell.short, *(f"[{notes.setdefault(one, len(notes) + 1)}]" for one in said)])


def data_of(table: Table) -> dict[str, dict[str, dict[str, object]]]:
    """Return the table as plain data: column → row → cell."""
    return {
        column: {
            row: {
                "state": cell.state, "good": cell.good, "tried": cell.tried, "explained": cell.explained,
                "tests": cell.tests, "reasons": cell.reasons, "failed": cell.failed,
            }
            for row, cell in cells.items()
        }
        for column, cells in table.items()
    }  # fmt: skip


def wrong(table: Table) -> list[str]:
    """Return the cells that failed, and those that no test tries though the system should do it."""
    return [
        f"{column}, {row}: {cell.state}"
        for column, cells in table.items()
        for row, cell in cells.items()
        if cell.state in {"failed", "no test"}
    ]
