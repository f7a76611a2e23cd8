"""What all tests share: the demo plant, and which of them run one after the other in several processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, settings

from tests.prepared import DemoPlant, TakenTour, copies_of_one, tours_of_one

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadFileScheduling

SHARED_SYSTEMS: Final = tuple(f"tests/systems/{name}/" for name in ("cap", "same_answers", "tryton", "wire"))
"""Folders of tests that change the same running systems of record: one at a time, or they see each other's writes."""
SERVERS: Final = tuple(f"tests/systems/{name}/" for name in ("mariadb", "postgresql"))
"""Folders whose tests share one database server with nobody else: those of one folder in one process."""

# A slow machine makes no test fail: neither what an example takes nor what it takes to make one up is judged.
settings.register_profile("any_machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any_machine")


@pytest.fixture(scope="session")
def demo_plant(tmp_path_factory: pytest.TempPathFactory) -> DemoPlant:
    """Put a prepared demo plant of seed 1 into a folder: `demo_plant(folder)`; each is its asker's own."""
    return copies_of_one(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def taken_tour(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> TakenTour:
    """Put what one tour of that plant left behind into a folder: `taken_tour(folder)`; each is its asker's own."""
    return tours_of_one(tmp_path_factory.getbasetemp(), demo_plant)


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

    return OneSystemAtATime(config, log)
