"""What shipped profiles write over REST keeps the contract of `ports.Commands`, against recorded shapes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from erp_mcp.testing import CommandContract, CommandSource
from tests.guarantees import guarantees
from tests.unit.adapters.rest.writing_products import BusinessCentral, ErpNext, ProductSource


@guarantees("commands.contract", "P9.profiles_played")
class TestBusinessCentral(CommandContract):
    @pytest.fixture
    async def source(self) -> AsyncIterator[CommandSource]:
        fake = BusinessCentral()
        async with fake.server:
            source = ProductSource(fake)
            yield source
            await source.commands.close()


@guarantees("commands.contract", "P9.profiles_played")
class TestErpNext(CommandContract):
    @pytest.fixture
    async def source(self) -> AsyncIterator[CommandSource]:
        fake = ErpNext()
        async with fake.server:
            source = ProductSource(fake)
            yield source
            await source.commands.close()
