"""Benches of several systems that are written to side by side, in a loop of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.systems.wire.proxy import in_front_of
from tests.systems.wire.reading import everything_logged
from tests.systems.wire.writing import OPERATIONS, Cell, WriteBench, WritePlace, write_bench


@dataclass(slots=True)
class WriteLab:
    """What came out so far, by mode; each mode is tried when it is asked for first."""

    benches: Mapping[str, WriteBench]
    runner: asyncio.Runner
    _found: dict[str, Mapping[tuple[str, str], Cell]] = field(default_factory=dict)

    def cell(self, system: str, mode: str, operation: str) -> Cell:
        """Return what came of one write."""
        if mode not in self._found:
            self._found[mode] = self.runner.run(self._tried(mode))
        return self._found[mode][system, operation]

    async def _tried(self, mode: str) -> Mapping[tuple[str, str], Cell]:
        async def both(name: str) -> dict[tuple[str, str], Cell]:
            return {(name, one): await self.benches[name].write(mode, one) for one in OPERATIONS}

        tried = [name for name, one in self.benches.items() if not one.place.modes or mode in one.place.modes]
        found = await asyncio.gather(*(both(name) for name in tried))
        return {key: cell for one in found for key, cell in one.items()}


@contextmanager
def opened(places: Iterable[WritePlace], folder: Path) -> Iterator[WriteLab]:
    """Yield a lab of some systems, each behind a proxy of its own."""
    with ExitStack() as stack, asyncio.Runner() as runner:
        logged = stack.enter_context(everything_logged())
        wires = [(one, stack.enter_context(in_front_of(one.upstream, folder / one.name))) for one in places]
        benches: dict[str, WriteBench] = {}
        closing = AsyncExitStack()

        async def enter() -> None:
            for place, wire in wires:
                benches[place.name] = await closing.enter_async_context(write_bench(place, wire, logged))

        try:
            runner.run(enter())
            yield WriteLab(benches, runner)
        finally:
            runner.run(closing.aclose())
