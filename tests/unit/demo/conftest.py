from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from erp_mcp.demo import DemoPlant, generate


@pytest.fixture(scope="session")
def plant_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], DemoPlant]:
    built: dict[int, DemoPlant] = {}

    def build(seed: int) -> DemoPlant:
        if seed not in built:
            built[seed] = generate(tmp_path_factory.mktemp("plant"), seed=seed)
        return built[seed]

    return build


@pytest.fixture(scope="session")
def plant(plant_of: Callable[[int], DemoPlant]) -> DemoPlant:
    return plant_of(1)


@pytest.fixture
def erp(plant: DemoPlant) -> Iterator[sqlite3.Connection]:
    yield from _read_only(plant.erp)


@pytest.fixture
def mes(plant: DemoPlant) -> Iterator[sqlite3.Connection]:
    yield from _read_only(plant.mes)


@pytest.fixture
def truth(plant: DemoPlant) -> Iterator[sqlite3.Connection]:
    yield from _read_only(plant.truth)


def _read_only(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        yield connection
