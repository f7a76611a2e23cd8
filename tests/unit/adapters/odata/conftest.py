from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from erp_mcp.adapters.odata.adapter import ODataAdapter
from erp_mcp.testing import FixedClock
from tests.unit.adapters.odata.fake import FakeOData, fake_odata
from tests.unit.adapters.odata.plant import Plant, opened, sets

Open = Callable[..., ODataAdapter]


@pytest.fixture(params=[2, 4])
def plant(request: pytest.FixtureRequest) -> Iterator[Plant]:
    """A firm behind a server of each version."""
    with fake_odata(sets(request.param), version=request.param) as fake:
        yield Plant(fake)


@pytest.fixture
def fake(plant: Plant) -> FakeOData:
    """The server alone."""
    return plant.fake


@pytest.fixture
async def open_adapter(fake: FakeOData) -> AsyncIterator[Open]:
    """Opens adapters for the firm and closes them."""
    made: list[ODataAdapter] = []

    def make(**how: object) -> ODataAdapter:
        made.append(opened(fake, FixedClock(), **how))  # type: ignore[arg-type]  # handed on as they are
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
def adapter(open_adapter: Open) -> ODataAdapter:
    """An adapter with pages of three."""
    return open_adapter()
