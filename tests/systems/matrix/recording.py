"""A plugin of pytest that writes down what came of the tests that cover cells: `-p tests.systems.matrix.recording`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.systems.matrix.covering import EXPLAINED, NOTES, TRIED, Covered, cells_of

_CELLS: Final = "cells of the matrix"
_RECORDER: Final = "recorder of the matrix"
_WORST: Final = ("passed", "skipped", "failed")


class Recorder:
    """What is known of the tests of one run, and the file it goes to."""

    def __init__(self, file: Path, only: list[str], *, writes: bool) -> None:
        self.file = file
        self.only = set(only)
        self.writes = writes
        self.collected: dict[str, list[Covered]] = {}
        self.results: dict[str, dict[str, object]] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Note the cells of each test, and leave out those that cover none of the systems that were asked for."""
        kept, left_out = [], []
        for item in items:
            cells = cells_of(item)
            if self.only and not {one.column for one in cells} & self.only:
                left_out.append(item)
                continue
            kept.append(item)
            if cells:
                item.user_properties.append((_CELLS, [list(one) for one in cells]))  # as processes tell each other
                self.collected[item.nodeid] = cells
        if left_out:
            items[:] = kept
            config.hook.pytest_deselected(items=left_out)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst of what came of setting up, calling and tearing down."""
        told: dict[str, Any] = dict(report.user_properties)
        if _CELLS not in told:
            return
        known = self.results.setdefault(report.nodeid, {"outcome": "passed", "why": ""})
        known["cells"] = told[_CELLS]
        known |= {name: told[name] for name in (TRIED, EXPLAINED, NOTES) if name in told}
        if _WORST.index(report.outcome) > _WORST.index(str(known["outcome"])):
            known |= {"outcome": report.outcome, "why": _why(report)}

    def pytest_sessionfinish(self) -> None:
        """Write the file, unless this process runs tests for another one, which is told their reports."""
        if not self.writes:
            return
        collected = {name: [list(one) for one in cells] for name, cells in self.collected.items()}
        text = json.dumps({"collected": collected, "results": self.results}, indent=1)
        self.file.write_text(text + "\n", encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the file to write to, and the systems to look at."""
    group = parser.getgroup("matrix")
    group.addoption("--matrix", metavar="FILE", help="write what came of the tests that cover cells to this file")
    group.addoption("--matrix-only", metavar="SYSTEM", action="append", default=[], help="tests of this system alone")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to record."""
    if file := config.getoption("--matrix"):
        alone = not hasattr(config, "workerinput")
        recorder = Recorder(Path(file), config.getoption("--matrix-only"), writes=alone)
        config.pluginmanager.register(recorder, _RECORDER)


def _why(report: pytest.TestReport) -> str:
    """Return the reason of a skip, or the last line of a failure."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(getattr(report.longrepr, "reprcrash", "") or report.longrepr).splitlines()[-1][:300]
