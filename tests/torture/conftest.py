"""A plant with one approved proposal of every write tool, made once for the tests of each file."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.crash.run import in_memory
from tests.prepared import DemoPlant
from tests.systems.postgresql.server import running
from tests.torture import plant
from tests.torture.homes import ErpFile, FileHome, Home, schema_home
from tests.torture.plant import ERP, Kit, Template
from tests.torture.stage import Set
from tests.torture.world import World


@pytest.fixture(scope="session")
def kit(demo_plant: DemoPlant) -> Iterator[Kit]:
    """In memory, since nothing here is about the power going off."""
    with tempfile.TemporaryDirectory(dir=in_memory()) as name:
        one = plant.prepared(demo_plant(Path(name) / "plant"))
        yield one
        one.close()


@pytest.fixture(scope="session")
def templates(kit: Kit) -> Sequence[Template]:
    """Every tool that writes one change, and the one that takes a change back."""
    return list(kit.templates())


def a_world(kit: Kit, home: Home) -> World:
    path = kit.folder / ERP
    return World(kit, home, ErpFile(path, path.read_bytes()))


@pytest.fixture
def played(kit: Kit, templates: Sequence[Template]) -> Iterator[Set]:
    """Every tool, with the state in a file."""
    logging.disable()  # planted failures are many, and each is logged
    yield Set(world=a_world(kit, FileHome(kit.settings.state_dir)), templates=templates)
    logging.disable(logging.NOTSET)


@pytest.fixture
def played_on_postgresql(
    kit: Kit, templates: Sequence[Template], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Set]:
    """Every tool, with the state in a schema."""
    logging.disable()
    with running(tmp_path_factory.mktemp("postgresql")) as rig, schema_home(rig, kit.settings.deployment) as home:
        yield Set(world=a_world(kit, home), templates=templates)
    logging.disable(logging.NOTSET)
