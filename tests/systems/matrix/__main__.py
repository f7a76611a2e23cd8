"""Runs the tests that cover the matrix of systems and what is tried with each, and prints what came of them.

    python -m tests.systems.matrix                               all systems that are on this machine
    python -m tests.systems.matrix --only Tryton --only "CAP V2" some of them
    python -m tests.systems.matrix --keep FILE                   keep what came of each test
    python -m tests.systems.matrix --results FILE                run nothing; read what runs have kept

Systems are those that the environment names (`ERP_MCP_CAP_DIR` and so on), or those that are installed; CONTRIBUTING
says how. `FILE` is also what `pytest -p tests.systems.matrix.recording --matrix FILE` writes during any run. Exits with
1 when a test failed, or when nothing tries what a system should do; what is not on this machine counts as skipped.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.systems.matrix.covering import MARKER, PROFILES
from tests.systems.matrix.reasons import facts
from tests.systems.matrix.table import data_of, read_results, shown, table_of, wrong

PLACES: Final = ("tests/systems", "tests/contract", "tests/writes", "tests/path", "tests/questions", "tests/tools")
"""Where tests cover cells."""
_ROOT: Final = Path(__file__).resolve().parents[3]
_RAN: Final = (0, 1, 5)  # exit statuses of pytest after a run: all went well, some failed, there was none


def main(arguments: Sequence[str]) -> int:
    """Run or read, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=PROFILES, help="this system; may be given several times")
    parser.add_argument("--json", action="store_true", help="print the cells as data")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keep what came of each test in this file")
    parser.add_argument("--results", type=Path, nargs="+", metavar="FILE", help="read these files, run nothing")
    told = parser.parse_args(arguments)
    columns = told.only or list(PROFILES)
    with tempfile.TemporaryDirectory() as folder:
        files = told.results or [run(told.keep or Path(folder) / "matrix.json", told.only or [])]
        table = table_of(read_results(files), facts(), columns)
    sys.stdout.write(json.dumps(data_of(table), indent=1) + "\n" if told.json else shown(table))
    found = wrong(table)
    for text in found:
        sys.stderr.write(f"{text}\n")
    return 1 if found else 0


def run(file: Path, only: Sequence[str], *more: str) -> Path:
    """Run the tests that cover cells, and return the file that says what came of them.

    Raises:
        RuntimeError: when there was no run that ended.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-m", MARKER, "-p", "tests.systems.matrix.recording"]
    chosen = [part for one in only for part in ("--matrix-only", one)]
    where = [*PLACES, "--matrix", str(file.absolute()), *chosen, *more]
    done = subprocess.run([*command, *where], cwd=_ROOT, stdout=sys.stderr, check=False)
    if done.returncode not in _RAN:
        raise RuntimeError(f"the tests did not run to their end: pytest exited with {done.returncode}")
    return file


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
