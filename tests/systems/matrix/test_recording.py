"""What a run writes down of the tests that cover cells, and nothing of the others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.guarantees import guarantees

ROOT: Final = Path(__file__).resolve().parents[3]
TESTS: Final = """\
from __future__ import annotations

import pytest

from tests.systems.matrix.covering import CAP_V2, CAP_V4, NOTES, TRIED, TRYTON, Named, Of, covers

BY_PROFILE = Of("profile", {"s4hana": CAP_V2, "s4hana-v4": CAP_V4})


@covers("sync", BY_PROFILE)
@covers("paging under writes", BY_PROFILE)
@pytest.mark.parametrize("profile", ["s4hana", "s4hana-v4", "another"])
def test_of_two(profile):
    assert profile != "s4hana-v4", "wrong here"


@covers(Of("tool"), TRYTON)
@pytest.mark.parametrize("tool", ["get_stock"])
def test_that_counts(tool, record_property):
    record_property(TRIED, (3, 4))
    record_property(NOTES, ["one of them is not there"])


@covers("lost reply", (CAP_V2, TRYTON), refused="it only reads")
def test_of_a_refusal():
    pass


@covers("fault list", TRYTON)
def test_of_what_is_not_here():
    pytest.skip("no Tryton")


@covers("fault list", TRYTON)
def test_that_breaks_on_its_way_out(request):
    request.addfinalizer(lambda: 1 / 0)


@covers(Named({"test_one": "stale version"}), TRYTON)
class TestSuite:
    def test_one(self):
        pass

    def test_two(self):
        pass


def test_of_nothing():
    pass
"""


def ran(folder: Path, *more: str, tests: str = TESTS) -> tuple[int, dict[str, Any]]:
    """Return the exit status of a run and what it wrote, tests by their names."""
    (folder / "test_some.py").write_text(tests, encoding="utf-8")
    file = folder / "found.json"
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider"]
    plugin = ["-p", "tests.systems.matrix.recording", "--matrix", str(file)]
    done = subprocess.run(
        [*command, *plugin, *more, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"results": {}}
    return done.returncode, {name.rpartition("::")[2]: one for name, one in found["results"].items()}


@guarantees("docs.agree")
@pytest.mark.parametrize("processes", [(), ("-n", "2", "--dist", "loadfile")], ids=["one process", "two"])
def test_a_run_says_of_each_cell_what_came_of_its_tests(tmp_path: Path, processes: tuple[str, ...]) -> None:
    """By parameter, by name, with counts, refusals and skips; a test that breaks while it ends has failed."""
    status, found = ran(tmp_path, *processes)
    assert status == 1
    assert {name: (one["outcome"], one["cells"]) for name, one in found.items()} == {
        "test_of_two[s4hana]": ("passed", [["CAP V2", "paging under writes", ""], ["CAP V2", "sync", ""]]),
        "test_of_two[s4hana-v4]": ("failed", [["CAP V4", "paging under writes", ""], ["CAP V4", "sync", ""]]),
        "test_that_counts[get_stock]": ("passed", [["Tryton", "get_stock", ""]]),
        "test_of_a_refusal": (
            "passed", [["CAP V2", "lost reply", "it only reads"], ["Tryton", "lost reply", "it only reads"]],
        ),
        "test_of_what_is_not_here": ("skipped", [["Tryton", "fault list", ""]]),
        "test_that_breaks_on_its_way_out": ("failed", [["Tryton", "fault list", ""]]),
        "test_one": ("passed", [["Tryton", "stale version", ""]]),
    }  # fmt: skip
    assert found["test_that_counts[get_stock]"]["tried"] == [3, 4]
    assert found["test_that_counts[get_stock]"]["notes"] == ["one of them is not there"]
    assert found["test_of_what_is_not_here"]["why"] == "no Tryton"
    assert "wrong here" in found["test_of_two[s4hana-v4]"]["why"]


@guarantees("docs.agree")
def test_one_system_alone_can_be_run(tmp_path: Path) -> None:
    """A machine that has one product tries that one."""
    status, found = ran(tmp_path, "--matrix-only", "CAP V2")
    assert (status, set(found)) == (0, {"test_of_two[s4hana]", "test_of_a_refusal"})


@guarantees("docs.agree", "input.clear_errors")
@pytest.mark.parametrize(
    "said", ['"sync", "Cap v2"', '"sync", Of("profile", {})', 'Of("profile", {}), TRYTON'], ids=["system", "by", "row"]
)
def test_a_mark_that_names_nothing_known_stops_the_run(tmp_path: Path, said: str) -> None:
    """A cell that was misspelt would be empty, and nobody would miss it."""
    tests = (
        f"from tests.systems.matrix.covering import TRYTON, Of, covers\n\n\n@covers({said})\ndef test_it():\n    pass\n"
    )
    status, found = ran(tmp_path, tests=tests)
    assert (status, found) == (3, {})
