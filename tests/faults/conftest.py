from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash.run import in_memory
from tests.faults import plant
from tests.faults.plant import Template
from tests.faults.shop import Shop, shop_in, template_in
from tests.prepared import DemoPlant


@pytest.fixture(scope="session")
def template(demo_plant: DemoPlant) -> Iterator[Template]:
    """Proposals of both tools, approved, made once; in memory, since nothing here is about the power going off."""
    with tempfile.TemporaryDirectory(dir=in_memory()) as name:
        yield plant.with_proposals(plant.furnished(demo_plant(Path(name) / "template")), 10)


@pytest.fixture
def place(template: Template) -> Iterator[Callable[[], Path]]:
    """Where a test plays: a folder of its own for each call."""
    folder = template.folder.parent / "plays"
    numbers = itertools.count()
    yield lambda: folder / str(next(numbers))
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def hourly(demo_plant: DemoPlant) -> Iterator[Template]:
    """Three approved changes, where three may be proposed in an hour; made once."""
    with tempfile.TemporaryDirectory(dir=in_memory()) as name:
        yield template_in(plant.furnished(demo_plant(Path(name) / "hourly")))


@pytest.fixture
def shop(hourly: Template, tmp_path: Path) -> Iterator[Shop]:
    """A copy of it, in a process that has just begun."""
    found = shop_in(hourly, tmp_path / "shop")
    yield found
    found.deployment.close()
