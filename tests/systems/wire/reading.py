"""What comes out of reading a system while its answers are broken: a pass from its second page on, keys, a probe."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

from erp_mcp.egress.local_traffic import LocalTraffic
from erp_mcp.errors import GatewayError
from erp_mcp.ports import Adapter
from erp_mcp.testing.passes import told
from tests.systems.wire.places import PATIENT_S, TIMEOUT_S, Place
from tests.systems.wire.proxy import Which, Wire

Use = Literal["pass", "keys", "probe"]
USES: Final[tuple[Use, ...]] = ("pass", "keys", "probe")
NEVER_SHOWN: Final = ("hunter2", "secret_table", "Sorry", "169.254", "Gießerei", "M3/305")
FILLING: Final = frozenset({"bomb", "endless"})
"""Modes that would fill memory, which is counted then."""

_BOUND_S: Final = 60.0
_KEYS: Final = 3

_WAITING: Final = frozenset({"silent", "slow", "drip"})  # modes in which an answer is waited for in vain
_TRIES: Final = 60

_connected: set[str] = set()
_listens: list[bool] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What came of one use under one mode.

    `came` is the code of the error, `whole` (as if nothing were broken), `part` (it ended well and was not whole),
    `endless`, or the name of an exception that is none of ours. `requests` were sent while it was broken, `peak` are
    bytes of memory where they were counted, `shown` is what must not have been shown, `hosts` who was contacted so far.
    """

    came: str
    seconds: float
    requests: int
    peak: int = 0
    shown: tuple[str, ...] = ()
    hosts: frozenset[str] = frozenset()


class Forgetful(LocalTraffic):
    """Traffic that a test lets forget what was: no pause that one fault asked for holds up the next."""

    def forgets(self) -> None:
        """Begin anew."""
        self._loads.clear()


@dataclass(slots=True)
class Bench:
    """One system behind its proxy, and what it gives where nothing is broken.

    `warm` waits as long as a machine that is busy may need, `hurried` as long as there is no answer to wait for.
    """

    place: Place
    wire: Wire
    warm: Adapter
    hurried: Adapter
    traffic: Forgetful
    whole: frozenset[str] = frozenset()
    some: tuple[str, ...] = ()
    logged: list[str] = field(default_factory=list)

    async def uses(self, mode: str) -> dict[Use, Cell]:
        """Use the system in each way while it is broken, and mend it."""
        try:
            return {use: await self.use(mode, use) for use in USES}
        finally:
            self.wire.mends()

    async def use(self, mode: str, use: Use) -> Cell:
        """Use it in one way: the adapter that reads is signed in already, the one that probes is not."""
        if use == "probe":
            fresh = self.place.at(self.wire.url, timeout_s=TIMEOUT_S if mode in _WAITING else PATIENT_S)
            try:
                return await self._tried(mode, Which(), 0, lambda: self._probed(fresh))
            finally:
                await fresh.close()
        after, tried = (1, self._passed) if use == "pass" else (0, self.keyed)
        adapter = self.hurried if mode in _WAITING else self.warm
        return await self._tried(mode, self.place.reading, after, lambda: tried(adapter))

    async def dated(self, mode: str) -> str:
        """Return the watermark after a whole pass of an entity that goes on from its newest change."""
        adapter = self.place.patient(self.wire.url, rows=1000)
        self.wire.breaks(mode)
        try:
            pages = [page async for page in adapter.changes(self.place.dated, "")]
        finally:
            self.wire.mends()
            await adapter.close()
        return pages[-1].watermark

    async def _tried(self, mode: str, which: Which, after: int, work: Callable[[], Awaitable[str]]) -> Cell:
        self.wire.breaks(mode, which, after=after)
        self.wire.forgets()
        self.traffic.forgets()
        line = len(self.logged)
        with _counted(mode in FILLING) as peak:
            began = time.monotonic()
            came, text = await _ended(work)
            seconds = time.monotonic() - began
        shown = "\n".join([text, *self.logged[line:]])
        return Cell(
            came=came,
            seconds=round(seconds, 2),
            requests=len([one for one in self.wire.seen() if one["mode"] == mode]),
            peak=peak[0],
            shown=tuple(one for one in (*NEVER_SHOWN, *self.place.secrets) if one in shown),
            hosts=frozenset(_connected),
        )

    async def _passed(self, adapter: Adapter) -> str:
        found: set[str] = set()
        last = False
        async for page in adapter.changes(self.place.entity, ""):
            found |= {one.source_key for one in page.records}
            last = page.last
        return "whole" if last and found == self.whole else "part"

    async def keyed(self, adapter: Adapter) -> str:
        """Read some records by key."""
        found = await adapter.read(self.place.entity, self.some)
        return "whole" if {one.source_key for one in found} == set(self.some) else "part"

    async def _probed(self, adapter: Adapter) -> str:
        return "whole" if await adapter.probe() else "part"


@asynccontextmanager
async def bench(place: Place, wire: Wire, logged: list[str]) -> AsyncIterator[Bench]:
    """Yield a bench whose adapter has signed in and knows the system's description; `logged` is what loggers said."""
    _listen()
    wire.mends()
    patient = place.patient(wire.url)
    found = {one.source_key async for page in patient.changes(place.entity, "") for one in page.records}
    await patient.close()
    traffic = Forgetful()
    warm = place.at(wire.url, traffic=traffic, timeout_s=PATIENT_S)
    hurried = place.at(wire.url, traffic=traffic)
    one = Bench(place, wire, warm, hurried, traffic, frozenset(found), tuple(sorted(found)[:_KEYS]), logged)
    try:
        for adapter in (warm, hurried):
            await _warmed(one, adapter)
        yield one
    finally:
        await warm.close()
        await hurried.close()


async def _warmed(one: Bench, adapter: Adapter) -> None:
    """Sign in; a machine that is busy may need another try."""
    for _ in range(_TRIES):
        try:
            if await one.keyed(adapter) == "whole":
                return
        except GatewayError:
            continue
    raise AssertionError(f"{one.place.name} does not answer")


async def _ended(work: Callable[[], Awaitable[str]]) -> tuple[str, str]:
    """Return what came of it, and all that its error tells."""
    try:
        async with asyncio.timeout(_BOUND_S):
            return await work(), ""
    except GatewayError as failure:
        return failure.code, told(failure)
    except TimeoutError:
        return "endless", ""
    except Exception as failure:  # noqa: BLE001 - any other one is a finding
        return type(failure).__name__, told(failure)


@contextmanager
def everything_logged() -> Iterator[list[str]]:
    """Yield every line that any logger says."""
    lines: list[str] = []

    class Keeps(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.getMessage()} {record.exc_info or ''}")

    root, keeps = logging.getLogger(), Keeps()
    before = root.level
    root.addHandler(keeps)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(keeps)
        root.setLevel(before)


@contextmanager
def _counted(counts: bool) -> Iterator[list[int]]:
    """Tell the most memory that was in use above what was before."""
    peak = [0]
    if not counts:
        yield peak
        return
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    try:
        yield peak
    finally:
        peak[0] = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()


def _listen() -> None:
    """Note each address that this process connects to, for as long as it lives."""
    if not _listens:
        _listens.append(True)
        sys.addaudithook(_noted)


def _noted(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        _connected.add(str(arguments[1][0]))
