from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from erp_mcp.adapters.memory.adapter import MemoryAdapter
from erp_mcp.ports import ChangePage
from erp_mcp.store.read_model.writer import ReadModelWriter
from erp_mcp.sync import sync_once
from erp_mcp.testing import FixedClock, NumberedIds
from tests.guarantees import guarantees
from tests.unit.sync.plants import content, profile, stock, table


class Killed(BaseException):
    """The process dies here: nothing may catch it."""


class Mortal(MemoryAdapter):
    """Kills the process before the n-th page, and lets others edit between pages."""

    def __init__(self, *, tombstones: bool) -> None:
        super().__init__("erp", ["stock"], FixedClock(), page_rows=3)
        self.pages_left = 1_000
        self.edits: list[tuple[int, int]] = []
        self._tombstones = tombstones

    async def changes(self, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        async for page in super().changes(entity, watermark if self._tombstones else ""):
            if self.pages_left <= 0:
                raise Killed
            self.pages_left -= 1
            yield page
            if self.edits:
                self.edit(*self.edits.pop())

    def edit(self, number: int, qty: int) -> None:
        if qty == 0:
            self.remove("stock", f"S{number}")
        else:
            self.put(stock(number, qty))


_EDITS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 3)), max_size=12)
_ROUNDS = st.lists(st.tuples(_EDITS, _EDITS, st.integers(0, 6), st.booleans()), min_size=1, max_size=6)


def run(adapter: Mortal, path: Path, ids: NumberedIds, *, full: bool) -> None:
    writer = ReadModelWriter(path)
    try:
        asyncio.run(sync_once(adapter, profile(), writer, FixedClock(), ids, full=full))
    except Killed:
        pass
    finally:
        writer.close()


@guarantees("P7.sync_exact", "P10.survives")
@settings(max_examples=50, deadline=None)
@given(rounds=_ROUNDS, tombstones=st.booleans())
def test_ends_with_what_the_system_holds_whatever_is_edited_deleted_or_killed(
    rounds: list[tuple[list[tuple[int, int]], list[tuple[int, int]], int, bool]], tombstones: bool
) -> None:
    """The one property that matters: kills and edits at any page leave no trace once a pass has run to its end."""
    adapter, ids = Mortal(tombstones=tombstones), NumberedIds()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "read_model.sqlite"
        for before, during, kill_after, full in rounds:
            for number, qty in before:
                adapter.edit(number, qty)
            adapter.edits = list(during)
            adapter.pages_left = kill_after
            run(adapter, path, ids, full=full)
        adapter.edits, adapter.pages_left = [], 1_000
        run(adapter, path, ids, full=False)
        assert table(path, "stock") == content(adapter.records("stock"))


@guarantees("P10.survives")
def test_a_killed_pass_goes_on_after_its_last_applied_page(tmp_path: Path) -> None:
    """Starting over each time, a large system would never be read to its end."""
    path, ids, adapter = tmp_path / "read_model.sqlite", NumberedIds(), Mortal(tombstones=True)
    for number in range(10):
        adapter.edit(number, 1)
    adapter.pages_left = 2
    run(adapter, path, ids, full=False)
    assert len(table(path, "stock")) == 6
    writer = ReadModelWriter(path)
    report = asyncio.run(_resumed(adapter, writer, ids))
    writer.close()
    assert report == (True, 4)


async def _resumed(adapter: Mortal, writer: ReadModelWriter, ids: NumberedIds) -> tuple[bool, int]:
    adapter.pages_left = 1_000
    report = await sync_once(adapter, profile(), writer, FixedClock(), ids)
    return report.entities[0].resumed, report.entities[0].changed
