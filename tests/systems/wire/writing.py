"""What comes out of one write while the answer to it is broken, and what the system has afterwards."""

from __future__ import annotations

import base64
import itertools
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from erp_mcp.adapters import Connection
from erp_mcp.adapters.jsonrpc.adapter import JsonRpcAdapter
from erp_mcp.adapters.jsonrpc.commands import JsonRpcCommands
from erp_mcp.adapters.odata.adapter import ODataAdapter
from erp_mcp.adapters.odata.commands import ODataCommands
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, NotSent, Outcome
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.reference import reference_of
from erp_mcp.ports import Adapter, Commands
from erp_mcp.testing import FixedClock
from erp_mcp.testing.connections import connection_to
from tests.systems.cap import test_writes as cap_writes
from tests.systems.cap.buying import Buyer, Line
from tests.systems.cap.server import Cap
from tests.systems.tryton import buying
from tests.systems.tryton.rpc import Rpc
from tests.systems.tryton.server import Running as Tryton
from tests.systems.wire.places import MAX_MB, profile_named
from tests.systems.wire.proxy import Which, Wire
from tests.systems.wire.reading import NEVER_SHOWN, Forgetful

DATE: Final = "purchase_order_line.update_delivery_date"
CREATE: Final = "purchase_requisition.create"
OPERATIONS: Final = (DATE, CREATE)
CAP_WRITES: Final = Which(method="POST|PATCH|PUT|MERGE|DELETE")
TRYTON_WRITES: Final = Which(body=r'"model\.(purchase\.requisition\.create|stock\.move\.write|purchase\.line\.write)"')
BATCH_MODES: Final = frozenset(
    {"429", "reset", "claims", "lost_reply", "truncated", "cut_chunks", "batch_denies", "clock"}
)
"""What is tried with change sets."""

_WRITERS: Final = 4  # to one rig, at the same time
_TIMEOUT_S: Final = 2.5
_PATIENT_S: Final = 20.0
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What came of one write under one mode.

    `came` is the outcome's word with its reason. `reached` are sends that the system was asked to do, out of `sends`
    that left us; `again` is what came when the same command was carried out once more after mending, `resent` the
    sends that that made. `effects` is how often it stands in the system, as another account sees it, before and after
    that; `found` whether reading back finds it.
    """

    came: str
    word: str
    sends: int
    reached: int
    effects: int
    found: bool
    again: str
    resent: int
    effects_after: int
    seconds: float
    shown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePlace:
    """One system that is written to.

    `command` makes one that no other equals, worked out on what the system has, `effects` counts what it did there,
    seen by another account beside the proxy. `writing` are the requests that write. `modes` are those that are tried,
    all where there are none.
    """

    name: str
    upstream: str
    open: Callable[[Connection], Commands]
    connection: Connection
    writing: Which
    command: Callable[[str], Awaitable[Command]]
    effects: Callable[[Command], int]
    secrets: tuple[str, ...]
    modes: frozenset[str] = frozenset()


@dataclass(slots=True)
class WriteBench:
    """One system behind its proxy, with commands whose sessions stand."""

    place: WritePlace
    wire: Wire
    commands: Commands
    traffic: Forgetful
    logged: list[str]

    async def write(self, mode: str, operation: str) -> Cell:
        """Carry a command out while its request is broken; then look, mend, and carry it out once more."""
        command = await self.place.command(operation)
        line = len(self.logged)
        self.traffic.forgets()
        self.wire.forgets()
        self.wire.breaks(mode, self.place.writing)
        began = time.monotonic()
        outcome = await self.commands.send(command)
        seconds = time.monotonic() - began
        sends = self._sends()
        self.wire.mends(self.place.writing)
        self.traffic.forgets()
        effects = self.place.effects(command)
        found = await self.commands.find(command) is not None
        self.wire.forgets()
        again = await self.commands.send(command)
        return Cell(
            came=_told(outcome),
            word=type(outcome).__name__,
            sends=len(sends),
            reached=len([one for one in sends if one["status"]]),
            effects=effects,
            found=found,
            again=_told(again),
            resent=len(self._sends()),
            effects_after=self.place.effects(command),
            seconds=round(seconds, 2),
            shown=self._shown([repr(outcome), repr(again), *self.logged[line:]]),
        )

    def _shown(self, lines: Sequence[str]) -> tuple[str, ...]:
        """Return what stands in some lines and must not."""
        return tuple(one for one in (*NEVER_SHOWN, *self.place.secrets) if any(one in line for line in lines))

    def _sends(self) -> list[dict[str, object]]:
        """Return the writes that left us: what breaks is told when the system has done it."""
        return [one for one in self.wire.seen() if one["matches"]]


@asynccontextmanager
async def write_bench(place: WritePlace, wire: Wire, logged: list[str]) -> AsyncIterator[WriteBench]:
    """Yield a bench whose sessions stand, and which knows the system's description."""
    traffic = Forgetful()
    commands = place.open(replace(place.connection, url=wire.url, traffic=traffic, timeout_s=_TIMEOUT_S))
    try:
        for operation in OPERATIONS:
            await _warmed(place, commands, operation)
        yield WriteBench(place, wire, commands, traffic, logged)
    finally:
        await commands.close()


async def _warmed(place: WritePlace, commands: Commands, operation: str) -> None:
    """Write once: that signs in and reads descriptions, which may take longer than one request does."""
    for _ in range(5):
        if not isinstance(await commands.send(await place.command(operation)), NotSent):
            return


@dataclass(frozen=True, slots=True)
class _CapPlans:
    """What is written to CAP, to lines of its own, since several write at once."""

    cap: Cap
    buyer: Buyer
    profile: Profile
    lines: Iterator[Line]

    async def command(self, operation: str) -> Command:
        line = next(self.lines)
        if operation == CREATE:
            return cap_writes.requested(line, delivery_date=_a_day())
        async with _open(_reader(self.cap, self.profile)) as reader:
            (record,) = await reader.read("purchase_order_line", [line.key])
        fields: Mapping[str, JsonValue] = {
            "purchase_order_id": line.order, "line": line.item, "new_date": _another_day(self.buyer.date(line)),
        }  # fmt: skip
        return _dated("erp", line.key, record.version_token, fields)

    def effects(self, command: Command) -> int:
        if command.operation == CREATE:
            return len(self.buyer.requisitions(command.reference))
        (line,) = (one for one in self.buyer.lines if one.key == command.key)
        return int(self.buyer.date(line) == command.fields["new_date"])


@dataclass(frozen=True, slots=True)
class _TrytonPlans:
    """What is written to Tryton: one purchase is moved, from day to day."""

    person: Rpc
    reading: Connection
    profile: Profile
    ordered: buying.Ordered

    async def command(self, operation: str) -> Command:
        return self._requested() if operation == CREATE else await self._moved()

    def effects(self, command: Command) -> int:
        if command.operation == CREATE:
            return len(buying.requisitions(self.person, command.reference))
        days = [day for _, day in buying.moves(self.person, int(command.key)).values()]
        return int(days == [command.fields["new_date"]])

    def _requested(self) -> Command:
        fields: dict[str, JsonValue] = {
            "material_id": "RM-303", "site": "WH", "qty": "12.5", "uom": "KGM", "supplier_id": "S2004",
            "delivery_date": (buying.today(self.person) + timedelta(days=20)).isoformat(), "cost_object": None,
        }  # fmt: skip
        return Command(
            operation=CREATE, system="tryton", entity="purchase_requisition", key="", version_token="",
            reference=_fresh("new"), fields=fields,
        )  # fmt: skip

    async def _moved(self) -> Command:
        async with _open(JsonRpcAdapter.open(self.reading, self.profile, FixedClock())) as reader:
            (record,) = await reader.read("purchase_order_line", [self.ordered.key])
        ((_, planned),) = buying.moves(self.person, self.ordered.line).values()
        fields: dict[str, JsonValue] = {
            "purchase_order_id": self.ordered.number, "line": self.ordered.key, "new_date": _another_day(planned),
        }  # fmt: skip
        return _dated("tryton", self.ordered.key, record.version_token, fields)


def cap_writes_place(cap: Cap, buyer: Buyer, *, version: int) -> WritePlace:
    """Return CAP over one version of OData."""
    return _cap_place(cap, buyer, version, profile_named("s4hana" if version == 2 else "s4hana-v4"))


def cap_batch_place(cap: Cap, buyer: Buyer, *, version: int) -> WritePlace:
    """Return the same where each write goes as a change set, for the modes that are about those."""
    profile = profile_named("s4hana" if version == 2 else "s4hana-v4")
    for operation in OPERATIONS:
        profile = replace(profile, commands=cap_writes.otherwise(profile, operation, batch=True))
    place = _cap_place(cap, buyer, version, profile, turn=2)
    return replace(place, name=f"cap-v{version}-batch", modes=BATCH_MODES)


def _cap_place(cap: Cap, buyer: Buyer, version: int, profile: Profile, *, turn: int = 0) -> WritePlace:
    turn += int(version == 4)
    plans = _CapPlans(cap, buyer, profile, itertools.cycle(buyer.lines[turn::_WRITERS]))
    signed = base64.b64encode(f"{cap.writer}:{cap.writer_password}".encode()).decode()
    connection = connection_to(
        cap.url, account=cap.writer, secret=cap.writer_password, headers={"Authorization": f"Basic {signed}"},
        page_rows=500, timeout_s=_PATIENT_S, options={"max_mb": str(MAX_MB)},
    )  # fmt: skip
    return WritePlace(
        name=f"cap-v{version}", upstream=cap.url, open=lambda one: ODataCommands.open(one, profile, FixedClock()),
        connection=connection, writing=CAP_WRITES, command=plans.command, effects=plans.effects,
        secrets=(cap.writer_password, signed),
    )  # fmt: skip


def tryton_writes_place(tryton: Tryton, person: Rpc) -> WritePlace:
    """Return Tryton over JSON-RPC."""
    profile = profile_named("tryton")
    connection = connection_to(
        tryton.url, system="tryton", database=tryton.database, account=tryton.write_user,
        secret=tryton.write_password, page_rows=200, timeout_s=_PATIENT_S, options={"max_mb": str(MAX_MB)},
    )  # fmt: skip
    reading = replace(connection, account=tryton.user, secret=tryton.password)
    plans = _TrytonPlans(person, reading, profile, buying.order(person))
    return WritePlace(
        name="tryton", upstream=tryton.url, open=lambda one: JsonRpcCommands.open(one, profile, FixedClock()),
        connection=connection, writing=TRYTON_WRITES, command=plans.command, effects=plans.effects,
        secrets=(tryton.write_password, tryton.password),
    )  # fmt: skip


def _reader(cap: Cap, profile: Profile) -> Adapter:
    signed = base64.b64encode(f"{cap.reader}:{cap.reader_password}".encode()).decode()
    connection = connection_to(
        cap.url, account=cap.reader, headers={"Authorization": f"Basic {signed}"}, timeout_s=_PATIENT_S, page_rows=500
    )
    return ODataAdapter.open(connection, profile, FixedClock())


@asynccontextmanager
async def _open(adapter: Adapter) -> AsyncIterator[Adapter]:
    try:
        yield adapter
    finally:
        await adapter.close()


def _dated(system: str, key: str, version: str, fields: Mapping[str, JsonValue]) -> Command:
    return Command(
        operation=DATE, system=system, entity="purchase_order_line", key=key, version_token=version,
        reference=_fresh(key), fields=fields,
    )  # fmt: skip


def _fresh(text: str) -> str:
    return reference_of(f"{text}/{secrets.token_hex(8)}")


def _a_day() -> str:
    return (date(2028, 1, 1) + timedelta(days=next(_numbers))).isoformat()


def _another_day(day: str) -> str:
    return (max(date.fromisoformat(day), date(2028, 1, 1)) + timedelta(days=1)).isoformat()


def _told(outcome: Outcome) -> str:
    reason = getattr(outcome, "reason", getattr(outcome, "code", ""))
    return f"{type(outcome).__name__}({reason})" if reason else type(outcome).__name__
