"""The fake ERP as these tests play it: each proposal meets faults of its own, and each request is noted."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Self
from zoneinfo import ZoneInfo

from erp_mcp.bootstrap import AdapterReads, Deployment
from erp_mcp.demo.erp_service import ErpService
from erp_mcp.domain.entities import Record
from erp_mcp.domain.proposal import Content
from erp_mcp.egress.local_traffic import LocalTraffic
from erp_mcp.egress.transport import Egress, EgressLimits, Origin
from erp_mcp.errors import SystemTimeoutError, SystemUnreachableError
from erp_mcp.ports import Commands
from erp_mcp.testing import NO_LIMITS
from erp_mcp.testing.fake_erp import ErpFault, FakeErp
from erp_mcp.testing.fake_erp_commands import FakeErpCommands
from erp_mcp.testing.loopback import LoopbackServer, Message, Receive, Send
from tests.faults.plant import DrivenClock

PATIENT_S: Final = 20.0
HASTY_S: Final = 0.06  # real seconds after which a client gives up that waits for what never comes
_TURN_S: Final = 0.005
_TURNS: Final = 8_000
_NEVER: Final = frozenset({"late", "slow_answer"})
Faults = Mapping[int, ErpFault]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it came."""

    kind: Literal["send", "find"]
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one proposal meets: its n-th command, and its n-th look-up, fail as their fault says."""

    sends: Faults = field(default_factory=dict)
    finds: Faults = field(default_factory=dict)


class Remembered(LocalTraffic):
    """The sends that outlive workers; a test that looks for a worker that is wrong turns this guard off."""

    guards = True

    def claim_send(self, system: str, reference: str) -> bool:
        return super().claim_send(system, reference) or not self.guards


class Line:
    """The ERP on the loopback, the way to it, and the ERP's own file; `cut` takes away writing and reading."""

    def __init__(self, folder: Path, deployment: Deployment) -> None:
        self.folder = folder
        self.path = folder / "erp.sqlite"
        self.requests: list[Request] = []
        self.watch: Callable[[Request], None] = lambda _: None
        self.hold_sends: Callable[[Request], Awaitable[None]] | None = None  # before the ERP looks at a command
        self.reads_up = True
        self.arrival = asyncio.Event()  # a command came
        self.touched: set[str] = set()  # lines that a person has changed, by key
        self._deployment = deployment
        self._service = ErpService(
            self.path, clock=DrivenClock(), zone=ZoneInfo("Europe/Berlin"), user="writer", wait_s=10.0
        )
        self._plans: dict[str, tuple[Plan, FakeErp]] = {}
        self._mended: set[str] = set()
        self.server = LoopbackServer(self._asked)
        self._clients: dict[float, Commands] = {}
        self.traffic = Remembered(monotonic=self._seconds)

    def _seconds(self) -> float:
        return self._deployment.clock.wall().timestamp()

    async def _wait(self, seconds: float) -> None:
        clock = self._deployment.clock
        assert isinstance(clock, DrivenClock)
        clock.pass_by(seconds)

    async def __aenter__(self) -> Self:
        await self.server.__aenter__()
        for patience_s in (PATIENT_S, HASTY_S):
            self._clients[patience_s] = client = self._client(patience_s)
            with suppress(SystemTimeoutError):  # the first request takes longest
                await client.probe()
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients.values():
            await client.close()
        self.release()
        await self.server.settle()
        await self._deployment.live.close()
        await self.server.__aexit__(None, None, None)

    def plan(self, content: Content, plan: Plan) -> FakeErp:
        """Choose what goes wrong with one proposal."""
        app = FakeErp(self._service, faults=plan.sends, lookup_faults=plan.finds)
        self._plans[content.command.reference] = (plan, app)
        return app

    def release(self) -> None:
        """Let every late answer go on."""
        for _, app in self._plans.values():
            app.release()

    def mend(self) -> None:
        """Let nothing go wrong any more; what is late stays so."""
        for reference in self._plans:
            self._mended.add(reference)

    async def cut(self) -> None:
        """Nobody listens, and nothing can be read."""
        self.reads_up = False
        await self.server.refuse()

    async def join(self) -> None:
        """Everything is there again."""
        self.reads_up = True
        await self.server.accept()

    def client(self, request: Request) -> Commands:
        """Return the client for a request; where the answer will not come, one that does not wait for it long."""
        plan, app = self._plans.get(request.reference, (Plan(), None))
        if app is None or request.reference in self._mended:
            return self._clients[PATIENT_S]
        fault = plan.sends.get(app.commands + 1) if request.kind == "send" else plan.finds.get(app.lookups + 1)
        return self._clients[HASTY_S if fault is not None and fault.kind in _NEVER else PATIENT_S]

    def _client(self, patience_s: float) -> Commands:
        origin = Origin.of(self.server.url)
        assert origin is not None
        limits = EgressLimits(connect_s=5.0, read_s=patience_s, total_s=patience_s)
        profile = self._deployment.profile(self._deployment.system("erp"))
        egress = Egress(
            system="erp",
            allowed=[origin],
            limits=limits,
            traffic=self.traffic,
            traffic_limits=NO_LIMITS,
            monotonic=self._seconds,
            sleep=self._wait,
        )
        return FakeErpCommands(egress, url=self.server.url, system="erp", profile=profile)

    async def read(self, system: str, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        """Read live records, where the ERP is up; `ports.LiveReads`."""
        if not self.reads_up and system == "erp":
            raise SystemUnreachableError(system=system)
        live: AdapterReads = self._deployment.live
        return await live.read(system, entity, keys)

    @property
    def arrived(self) -> int:
        """How many commands came."""
        return sum(one.kind == "send" for one in self.requests)

    def sends_of(self, content: Content) -> int:
        return sum(one.kind == "send" and one.reference == content.command.reference for one in self.requests)

    async def _asked(self, scope: Message, receive: Receive, send: Send) -> None:
        message = await receive()
        request = _request(scope, message)

        async def again() -> Message:
            return message

        if request is not None:
            self.requests.append(request)
            if request.kind == "send":
                self.arrival.set()
            self.watch(request)
            if self.hold_sends is not None and request.kind == "send":
                await self.hold_sends(request)
        reference = request.reference if request is not None else ""
        planned = self._plans.get(reference) if reference not in self._mended else None
        await (planned[1] if planned else FakeErp(self._service))(scope, again, send)

    # --- what a person at the ERP does, and sees ----------------------------------------------------------------------

    def touch(self, content: Content) -> None:
        """Change the memo of a line, as a person at the ERP would."""
        number, _, item = content.command.key.partition("/")
        self.touched.add(content.command.key)
        with closing(sqlite3.connect(self.path)) as erp, erp:
            at = "2026-03-16T04:59:59Z"
            query = "UPDATE po_item SET memo = 'called', changed_at = ? WHERE po_no = ? AND item_no = ?"
            erp.execute(query, (at, number, item))

    def effects(self, content: Content) -> list[str]:
        """Return the documents that a proposal's change has made or changed, one entry for each time."""
        command = content.command
        with closing(sqlite3.connect(self.path)) as erp:
            if command.key:
                key = command.key.partition("/")[::2]
                query = "SELECT number FROM effect WHERE doc_type = 'PO' AND number = ? AND item = ?"
                return [row[0] for row in erp.execute(query, key)]
            query = (
                "SELECT number FROM effect JOIN pr_item ON pr_no = number AND item_no = item"
                " WHERE doc_type = 'PR' AND mat_no = ? AND CAST(qty AS REAL) = CAST(? AS REAL)"
            )
            return [row[0] for row in erp.execute(query, (command.fields["material_id"], command.fields["qty"]))]

    def all_effects(self) -> int:
        """Return how many effects there were at all, also such as belong to no proposal."""
        with closing(sqlite3.connect(self.path)) as erp:
            return int(erp.execute("SELECT count(*) FROM effect").fetchone()[0])

    def noted(self, content: Content) -> tuple[str, str] | None:
        """Return document and version that stand in the ERP under our reference."""
        found = self._service.find(content.command.reference)
        return (found.number, found.version) if found else None


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    for _ in range(_TURNS):
        if true():
            return
        await asyncio.sleep(_TURN_S)
    raise AssertionError("it never came about")


def _request(scope: Message, message: Message) -> Request | None:
    path, body = str(scope["path"]), message["body"]
    assert isinstance(body, bytes)
    if scope["method"] == "POST":
        return Request(kind="send", reference=str(json.loads(body)["reference"]))
    reference = path.removeprefix("/references/")
    return Request(kind="find", reference=reference) if reference != path else None
