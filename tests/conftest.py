"""What all tests share: the demo plant, where files lie, what runs one after the other, and what first."""

from __future__ import annotations

import gc
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, settings

from tests.prepared import DemoPlant, TakenTour, copies_of_one, tours_of_one
from tests.warm import Warm, used, warmed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdist.remote import Producer
    from xdist.scheduler import LoadFileScheduling
    from xdist.workermanage import WorkerController

SHARED_SYSTEMS: Final = tuple(f"tests/systems/{name}/" for name in ("cap", "same_answers", "tryton", "wire"))
"""Folders of tests that change the same running systems of record: one at a time, or they see each other's writes."""
AWAITED: Final = ("tests/systems/same_answers/test_tryton.py", "tests/systems/tryton/", "tests/systems/wire/")
"""Tests that need a Tryton, which may still be starting: `ERP_MCP_TRYTON_STARTS` names the file with how that ended."""
LONG: Final = (
    "systems",
    "tests/questions/test_questions.py",
    "tests/path/test_tour.py",
    "tests/worst_case/test_worst_case.py",
    "tests/crash/test_crash.py",
    "tests/docs/test_adding_pages.py",
    "tests/torture/test_wire.py",
    "tests/path/test_masks.py",
    "tests/systems/browser/test_views.py",
    "tests/docs/test_connect_a_system_page.py",
    "tests/docs/test_write_an_adapter_page.py",
    "tests/torture/test_sagas.py",
    "tests/unit/sync/test_exactness.py",
    "tests/systems/fsmes/test_same_answers.py",
    "tests/systems/fsmes/test_paging.py",
)
"""What takes minutes, or many seconds in few tests: begun first, or one process would end alone with it.

What is first in a run where nobody says so is what has the most tests.
"""
SERVERS: Final = tuple(f"tests/systems/{name}/" for name in ("mariadb", "postgresql"))
"""Folders whose tests share one database server with nobody else: those of one folder in one process."""

_STARTS_S, _LOOK_S = 1800.0, 0.5
_MEMORY: Final = Path("/dev/shm")
_ROOM_BYTES: Final = 8 << 30
"""What must be free there: a run of all tests in three processes takes about a third of it at its most."""

gc.set_threshold(50_000, 20, 20)  # what is collected stays: looking through it again and again takes seconds

# A slow machine makes no test fail: neither what an example takes nor what it takes to make one up is judged.
# Where nothing may be left out, the same tree is told the same each time; elsewhere chance goes on looking.
settings.register_profile(
    "any_machine",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("REQUIRE_ALL") == "1",
)
settings.load_profile("any_machine")


def pytest_configure(config: pytest.Config) -> None:
    """Keep the files of tests in memory where there is room, unless somebody said where they are to lie.

    Most of them are databases, and each change of one waits for the disk; nothing here is about the power going off.
    """
    config.addinivalue_line("markers", "bends_log(why): tests/verified_logs.py finds what this test leaves behind")
    said = config.getoption("basetemp", None) or {"PYTEST_DEBUG_TEMPROOT", "TMPDIR"} & os.environ.keys()
    if not said and has_room(_MEMORY, _ROOM_BYTES):
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(_MEMORY)


def has_room(folder: Path, wanted: int) -> bool:
    """Whether a folder in memory takes so many bytes, and the machine has as many to give."""
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        return False
    told = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    given = next((int(line.split()[1]) << 10 for line in told if line.startswith("MemAvailable:")), 0)
    return min(shutil.disk_usage(folder).free, given) >= wanted


def pytest_collection_finish() -> None:
    """Leave what is there by now out of what is looked through for garbage: fifteen thousand tests, and the product."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Wait for a Tryton that somebody is starting."""
    told = os.environ.get("ERP_MCP_TRYTON_STARTS")
    if told and item.nodeid.startswith(AWAITED) and (ended := outcome(Path(told), within_s=_STARTS_S)) != "0":
        pytest.fail(f"Tryton was not started: {ended or 'not yet'}; see the log beside {told}", pytrace=False)


def outcome(file: Path, *, within_s: float) -> str:
    """Return what stands in a file as soon as it is there; nothing where that takes too long."""
    deadline = time.monotonic() + within_s
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    return file.read_text(encoding="ascii").strip() if file.exists() else ""


@pytest.fixture(scope="session")
def demo_plant(tmp_path_factory: pytest.TempPathFactory) -> DemoPlant:
    """Put a prepared demo plant of seed 1 into a folder: `demo_plant(folder)`; each is its asker's own."""
    return copies_of_one(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def taken_tour(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> TakenTour:
    """Put what one tour of that plant left behind into a folder: `taken_tour(folder)`; each is its asker's own."""
    return tours_of_one(tmp_path_factory.getbasetemp(), demo_plant)


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """Start commands from a process that has imported the package: for those whose start proves nothing new."""
    with warmed() as started:
        yield started


@pytest.fixture(scope="module")
def warm_servers(warm: Warm) -> Iterator[None]:
    """Start the servers and workers of a file so: `pytestmark = pytest.mark.usefixtures("warm_servers")`."""
    with used(warm):
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Keep the tests of one file together, as `loadfile` does, and those of the shared systems in one process."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class OneSystemAtATime(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith(SHARED_SYSTEMS):
                return "systems"
            folder = next((one for one in SERVERS if nodeid.startswith(one)), "")
            return folder or str(super()._split_scope(nodeid))

        def _assign_work_unit(self, node: WorkerController) -> None:
            if first := next((scope for scope in LONG if scope in self.workqueue), ""):
                self.workqueue.move_to_end(first, last=False)
            super()._assign_work_unit(node)

    return OneSystemAtATime(config, log)
