"""A plugin of pytest that says, at the end, which files took what: `-p tests.spending`.

Seconds passed, seconds of a core in the process of the test, and those of the processes that it started and waited for.
What a test finds made for others (a fixture of a session) counts for the first that asks.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any, Final

import pytest
from _pytest.terminal import TerminalReporter

Spent = tuple[float, float, float]
"""Seconds passed, of a core here, of a core in processes that have ended."""

_SPENT: Final = "seconds spent"
_MOST: Final = 60


class Spending:
    """What the tests of a run took, by file; in a process that runs some for another one, what each report is told."""

    def __init__(self) -> None:
        self.by_file: defaultdict[str, Spent] = defaultdict(lambda: (0.0, 0.0, 0.0))
        self.by_process: defaultdict[str, float] = defaultdict(float)
        self._before = _now()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Write into each report what was spent since the one before."""
        report = yield
        now = _now()
        spent = [round(after - before, 4) for after, before in zip(now, self._before, strict=True)]
        self._before = now
        report.user_properties = [*report.user_properties, (_SPENT, spent)]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up what was told."""
        told: dict[str, Any] = dict(report.user_properties)
        if _SPENT in told:
            file = report.nodeid.partition("::")[0]
            self.by_file[file] = _sum((self.by_file[file], told[_SPENT]))
            self.by_process[str(getattr(report, "worker_id", "alone"))] += told[_SPENT][0]

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Show which files took most of the cores, and how long each process was at it."""
        for line in self.lines():
            terminalreporter.write_line(line)

    def lines(self) -> Iterator[str]:
        """Return the table, what took most first."""
        yield "seconds passed, of a core in tests, of a core in what they started"
        yield _line(_sum([(0.0, 0.0, 0.0), *self.by_file.values()]), "all")
        most = sorted(self.by_file.items(), key=lambda item: -item[1][1] - item[1][2])
        yield from (_line(one, file) for file, one in most[:_MOST])
        yield from (f"{passed:9.1f} in process {name}" for name, passed in sorted(self.by_process.items()))


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.pluginmanager.register(Spending(), "spending")


def _sum(several: Iterable[Sequence[float]]) -> Spent:
    passed, own, others = map(sum, zip(*several, strict=True))
    return passed, own, others


def _line(spent: Spent, name: str) -> str:
    return f"{spent[0]:9.1f} {spent[1]:9.1f} {spent[2]:9.1f}  {name}"


def _now() -> Spent:
    times = os.times()
    return times.elapsed, times.user + times.system, times.children_user + times.children_system
