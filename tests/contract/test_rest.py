"""The REST adapter keeps the contract of `ports.Adapter`, over real HTTP on the loopback, in each way of paging."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from erp_mcp.testing import AdapterContract, ContractSource
from tests.guarantees import guarantees
from tests.unit.adapters.rest.fake import fake_rest
from tests.unit.adapters.rest.source import PAGINGS, RestSource


@guarantees("adapter.contract")
class TestRest(AdapterContract):
    @pytest.fixture(params=sorted(PAGINGS))
    async def source(self, request: pytest.FixtureRequest) -> AsyncIterator[ContractSource]:
        async with fake_rest() as fake:
            source = RestSource(fake, request.param)
            yield source
            for adapter in source.opened:
                await adapter.close()
