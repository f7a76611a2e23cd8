"""The small server that can be written to, and the commands of the account that writes there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from erp_mcp.adapters.jsonrpc.commands import JsonRpcCommands
from erp_mcp.testing import FixedClock
from tests.unit.adapters.jsonrpc.fake_buying import PROFILE, BuyingTryton, buying_tryton, connection


@pytest.fixture
def buying() -> Iterator[BuyingTryton]:
    with buying_tryton() as running:
        yield running


@pytest.fixture
async def commands(buying: BuyingTryton) -> AsyncIterator[JsonRpcCommands]:
    opened = JsonRpcCommands.open(connection(buying), PROFILE, FixedClock())
    yield opened
    await opened.close()
