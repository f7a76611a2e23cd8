"""The table of `docs/verified.md`: what is tried with which system; `python -m tests.systems.matrix.page` writes it.

It is made from the tests that there are, whatever this machine has, so it says what a full run proves and no counts.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.systems.matrix.__main__ import PLACES
from tests.systems.matrix.covering import MARKER
from tests.systems.matrix.reasons import facts
from tests.systems.matrix.table import Cell, Table, table_of

ROOT: Final = Path(__file__).resolve().parents[3]
PAGE: Final = ROOT / "docs" / "verified.md"
_BEGIN, _END = "<!-- matrix:begin -->\n", "<!-- matrix:end -->\n"
_WORDS: Final = {"passed": "tried", "refused": "refused", "not supported": "–", "no test": "NOT TRIED"}
_IMPORT: Final = "from tests.systems.matrix.covering import"


def collected() -> Table:
    """Return the table as it is when every test goes well, from a collection of the tests that cover cells.

    Raises:
        RuntimeError: when pytest could not collect them; the text is what it said.
    """
    files = [str(one) for place in PLACES for one in sorted((ROOT / place).rglob("test_*.py")) if _names_cells(one)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "collected.json"
        command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-m", MARKER, "-p", "no:cacheprovider"]
        plugin = ["-p", "tests.systems.matrix.recording", "--matrix", str(file)]
        done = subprocess.run([*command, *plugin, *files], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError((done.stdout + done.stderr)[-2000:])
        found = json.loads(file.read_text(encoding="utf-8"))["collected"]
    return table_of({name: {"outcome": "passed", "cells": cells} for name, cells in found.items()}, facts())


def table_text(table: Table) -> str:
    """Return the table as Markdown, the reasons below it."""
    notes: dict[str, int] = {}
    lines = ["| | " + " | ".join(table) + " |", "|---|" + "---|" * len(table)]
    for row in next(iter(table.values())):
        shown = f"`{row}`" if "_" in row else row
        lines.append(f"| {shown} | " + " | ".join(_shown(cells[row], notes) for cells in table.values()) + " |")
    return "\n".join([*lines, "", *(f"{number}. {note}" for note, number in notes.items())]) + "\n"


def with_table(page: str, text: str) -> str:
    """Return a page with another table between its marks."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}{text}{_END}{after}"


def _names_cells(file: Path) -> bool:
    return _IMPORT in file.read_text(encoding="utf-8")


def _shown(cell: Cell, notes: dict[str, int]) -> str:
    """Return a cell's word with the numbers of its reasons."""
    numbers = [notes.setdefault(one, len(notes) + 1) for one in cell.reasons]
    return " ".join([_WORDS[cell.state], *(f"({one})" for one in numbers)])


def main() -> None:
    """Write the page anew."""
    text = table_text(collected())
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")


if __name__ == "__main__":
    main()
