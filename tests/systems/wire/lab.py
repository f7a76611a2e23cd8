"""Benches of several systems side by side, in a loop of their own: waiting for time-outs is done at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.systems.wire.places import Place
from tests.systems.wire.proxy import in_front_of
from tests.systems.wire.reading import FILLING, Bench, Cell, Use, bench, everything_logged


@dataclass(slots=True)
class Lab:
    """What came out so far, by mode and system; each mode is tried when it is asked for first."""

    benches: Mapping[str, Bench]
    runner: asyncio.Runner
    _found: dict[str, Mapping[str, Mapping[Use, Cell]]] = field(default_factory=dict)

    def cell(self, system: str, mode: str, use: Use) -> Cell:
        """Return what came of one use of one system."""
        return self.cells(mode)[system][use]

    def cells(self, mode: str) -> Mapping[str, Mapping[Use, Cell]]:
        """Return what came of each use of each system under a mode."""
        if mode not in self._found:
            self._found[mode] = self.runner.run(self._tried(mode))
        return self._found[mode]

    async def _tried(self, mode: str) -> Mapping[str, Mapping[Use, Cell]]:
        if mode in FILLING:  # memory is counted for the whole process
            return {name: await one.uses(mode) for name, one in self.benches.items()}
        found = await asyncio.gather(*(one.uses(mode) for one in self.benches.values()))
        return dict(zip(self.benches, found, strict=True))


@contextmanager
def opened(places: Iterable[Place], folder: Path) -> Iterator[Lab]:
    """Yield a lab of some systems, each behind a proxy of its own."""
    with ExitStack() as stack, asyncio.Runner() as runner:
        logged = stack.enter_context(everything_logged())
        wires = [(one, stack.enter_context(in_front_of(one.upstream, folder / one.name))) for one in places]
        benches: dict[str, Bench] = {}
        closing = AsyncExitStack()

        async def enter() -> None:
            for place, wire in wires:
                benches[place.name] = await closing.enter_async_context(bench(place, wire, logged))

        try:
            runner.run(enter())
            yield Lab(benches, runner)
        finally:
            runner.run(closing.aclose())
