"""For whom synchronisation asks a system: for itself, whoever started it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from erp_mcp.adapters.memory.adapter import MemoryAdapter
from erp_mcp.domain.call_context import SYNC, CallContext, agent_caller, calling, current_call
from erp_mcp.ports import ChangePage
from erp_mcp.store.read_model.writer import ReadModelWriter
from erp_mcp.sync import sync_once
from erp_mcp.testing import FixedClock, NumberedIds
from tests.guarantees import guarantees
from tests.unit.sync.plants import profile


class Listening(MemoryAdapter):
    """A memory system that notes in which context it is asked."""

    def __init__(self) -> None:
        super().__init__("erp", ("material", "stock"), FixedClock(), page_rows=2)
        self.heard: list[CallContext] = []

    async def changes(self, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        self.heard.append(current_call())
        async for page in super().changes(entity, watermark):
            yield page

    async def probe(self) -> Mapping[str, str]:
        self.heard.append(current_call())
        return await super().probe()


@guarantees("P9.fair_share")
async def test_what_synchronisation_asks_counts_for_synchronisation(writer: ReadModelWriter) -> None:
    """Neither for nobody, nor for an agent whose name is the same word; deadline and trace of a caller stay."""
    plant = Listening()
    with calling(CallContext(deadline=7.0, traceparent="given")):
        await sync_once(plant, profile(), writer, FixedClock(), NumberedIds())
    assert set(plant.heard) == {CallContext(deadline=7.0, traceparent="given", caller=SYNC)}
    assert len(plant.heard) >= 2
    assert current_call() == CallContext()
    assert agent_caller("sync") != SYNC
