"""A clock and a state for each test, on both stores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from erp_mcp.store.state.deployment_state import DeploymentState
from erp_mcp.store.state.sqlite import State
from tests.systems.postgresql.server import Rig, running
from tests.unit.store.state.fakes import FakeClock, a_state
from tests.unit.store.state.stores import CHANGED, Behind, Schema, opened, schema_on


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Schema]:
    """A schema in a database of this process on PostgreSQL; each test finds it empty."""
    name = f"state_{os.getpid()}"
    with running(tmp_path_factory.mktemp("postgresql")) as rig:
        yield schema_on(rig, name)
        _forget(rig, name)


def _forget(rig: Rig, name: str) -> None:
    with rig.admin() as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        admin.execute(f"DROP ROLE {name}")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.live)])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The folder that holds the state, or says where it is."""
    directory = tmp_path / "state"
    if request.param == "sqlite":
        yield directory
        return
    schema: Schema = request.getfixturevalue("schemas")
    schema.describe(directory)
    yield directory
    if (directory / CHANGED).exists():
        schema.drop()
        schema.prepare()
    else:
        schema.empty()


@pytest.fixture
def state(home: Path, clock: FakeClock) -> Iterator[DeploymentState]:
    one = opened(home, clock)
    yield one
    one.close()


@pytest.fixture
def file_state(tmp_path: Path, clock: FakeClock) -> Iterator[State]:
    """A state file, for what only files do."""
    one = a_state(tmp_path / "state", clock)
    yield one
    one.close()


@pytest.fixture
def behind(state: DeploymentState, home: Path) -> Iterator[Behind]:
    """What the owner of the store can do to it."""
    one = Behind(home)
    yield one
    one.close()
