"""Writes over REST keep the contract of `ports.Commands`, over real HTTP."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator

import pytest

from erp_mcp.testing import CommandContract, CommandSource
from tests.guarantees import guarantees
from tests.unit.adapters.rest.fake_writes import PLANS, Shop, ShopSource
from tests.unit.adapters.writing_source import CREATE


@guarantees("commands.contract")
class TestRest(CommandContract):
    @pytest.fixture
    async def source(self) -> AsyncIterator[CommandSource]:
        fake = Shop()
        async with fake.server:
            source = ShopSource(fake)
            yield source
            await source.commands.close()


@guarantees("commands.contract")
class TestRestUnique(CommandContract):
    """Where the system takes no second document with our reference, and knows no keys of repeats."""

    @pytest.fixture
    async def source(self) -> AsyncIterator[CommandSource]:
        fake = Shop()
        fake.unique = True
        plans = copy.deepcopy(PLANS)
        plans[CREATE]["contract"] = "unique_ref"
        del plans[CREATE]["write"]["idempotency"]
        async with fake.server:
            source = ShopSource(fake, plans)
            yield source
            await source.commands.close()
