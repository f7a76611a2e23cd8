"""How the tests are run: what the order of a run names is there, and a system that does not start is no pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import conftest
from tests.guarantees import guarantees
from tests.spending import Spending

ROOT = Path(__file__).parents[2]


@guarantees("docs.agree")
def test_the_order_of_a_run_names_files_and_folders_that_are_there() -> None:
    """A file that was renamed would be begun last again, and nobody would see why a run takes longer."""
    named = {*conftest.LONG, *conftest.AWAITED, *conftest.SHARED_SYSTEMS, *conftest.SERVERS} - {"systems"}
    assert {name for name in named if not (ROOT / name).exists()} == set()


@guarantees("docs.agree")
def test_a_system_that_is_still_starting_is_waited_for_and_its_failure_is_told(tmp_path: Path) -> None:
    """Nothing there in time, or another status than 0, is no start."""
    file = tmp_path / "rc"
    assert conftest.outcome(file, within_s=0.0) == ""
    file.write_text("3\n", encoding="ascii")
    assert conftest.outcome(file, within_s=0.0) == "3"


@guarantees("docs.agree")
def test_files_of_tests_lie_in_memory_only_where_there_is_room(tmp_path: Path) -> None:
    """A folder that is not there, and more than any machine has, are refused."""
    assert conftest.has_room(tmp_path, 1)
    assert not conftest.has_room(tmp_path / "gone", 1)
    assert not conftest.has_room(tmp_path, 1 << 60)


@guarantees("docs.agree")
def test_what_a_file_of_tests_took_is_summed_up_and_the_dearest_is_told_first() -> None:
    """Reports of two processes, of which one says nothing of what it took."""
    spending = Spending()
    for process, file, spent in (
        ("gw0", "a", [9.0, 1.0, 0.5]),
        ("gw1", "b", [2.0, 0.5, 7.0]),
        ("gw1", "a", [1.0, 1.0, 0.5]),
    ):
        spending.pytest_runtest_logreport(_report(f"{file}::test", process, [("seconds spent", spent)]))
    spending.pytest_runtest_logreport(_report("c::test", "gw1", []))

    told = [line.split() for line in spending.lines()][1:]

    assert told == [
        ["12.0", "2.5", "8.0", "all"],
        ["2.0", "0.5", "7.0", "b"],
        ["10.0", "2.0", "1.0", "a"],
        ["9.0", "in", "process", "gw0"],
        ["3.0", "in", "process", "gw1"],
    ]


def _report(test: str, process: str, told: list[tuple[str, object]]) -> pytest.TestReport:
    location = (test, None, test)
    return pytest.TestReport(test, location, {}, "passed", None, "call", user_properties=told, worker_id=process)
