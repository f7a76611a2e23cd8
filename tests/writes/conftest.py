"""A plant where all write tools are granted: made once in a run, copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.plant import DrivenClock, opened
from tests.prepared import DemoPlant
from tests.stretching import stretched_once
from tests.verified_logs import logs_hold as logs_hold  # noqa: PLC0414 - what a test leaves behind is verified
from tests.verified_logs import logs_of_file_hold as logs_of_file_hold  # noqa: PLC0414
from tests.writes.desk import WriteDesk, furnish, open_write_desk


@pytest.fixture(autouse=True, scope="module")
def _stretched_once() -> Iterator[None]:
    """The same few people sign again and again."""
    with stretched_once():
        yield


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Path:
    """The demo plant of seed 1 with a policy that grants every write tool."""
    plant = demo_plant(tmp_path_factory.mktemp("writes") / "demo")
    with (plant / "erp-mcp.yaml").open("a", encoding="utf-8") as file:
        file.write("deadline_s: 60\n")  # a machine that is busy with other things refuses nothing for that
    furnish(plant)
    return plant


@pytest.fixture
def desk(furnished: Path, tmp_path: Path) -> Iterator[WriteDesk]:
    """A desk over a copy of its own."""
    made = open_write_desk(Path(shutil.copytree(furnished, tmp_path / "demo")))
    yield made
    made.close()


@pytest.fixture
def clock() -> DrivenClock:
    """The time of day."""
    return DrivenClock()


@pytest.fixture
def timed(desk: WriteDesk, clock: DrivenClock) -> Iterator[WriteDesk]:
    """The desk, by that clock."""
    desk.close()
    other = WriteDesk(directory=desk.directory, deployment=opened(desk.directory, clock))
    yield other
    other.close()
