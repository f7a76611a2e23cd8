"""The stage of faults: whatever goes wrong between worker and ERP, before the effect or after it, over a real socket.

The ERP is the demo ERP's own service behind HTTP (`erp_mcp.testing.fake_erp`); the client is one that writes over HTTP
as an adapter must. What is written to the gateway's own records goes over no wire and is not played here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args
from zoneinfo import ZoneInfo

from erp_mcp.demo.erp_service import Document, ErpCall, ErpService, Reply, Superseded
from erp_mcp.domain.command import Command, Outcome, RetryContract, RetryKind, Written
from erp_mcp.domain.lifecycle import State
from erp_mcp.egress.local_traffic import LocalTraffic
from erp_mcp.egress.transport import Egress, EgressLimits, Origin
from erp_mcp.errors import SystemTimeoutError
from erp_mcp.ports import Commands
from erp_mcp.testing import NO_LIMITS
from erp_mcp.testing.fake_erp import HOSTILE, ErpFault, FakeErp, FaultKind
from erp_mcp.testing.fake_erp_commands import FakeErpCommands
from erp_mcp.testing.loopback import LoopbackServer, Message, Receive, Send
from tests.torture.plant import ERP, Template
from tests.torture.ports import AGAIN
from tests.torture.world import Ending, Life, World

FAULTS: Final[tuple[FaultKind, ...]] = get_args(FaultKind)
Spot = Literal["send", "find", "both", "read_back", "unknown"]
SPOTS: Final[tuple[Spot, ...]] = get_args(Spot)
LENGTHS: Final = (1, 2, 8)
_PATIENT_S: Final = 20.0
_HASTY_S: Final = 0.06  # real seconds after which a client gives up that waits for what never comes
_NEVER: Final = frozenset({"late", "slow_answer"})
_CUT: Final = frozenset({"cut", "cut_answer"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One fault at one place, for one request or several.

    `send`: the commands; `find`: the look-ups before it is sent; `both`; `read_back`: the look-ups after it is sent;
    `unknown`: the command and all that is to find out what became of it.
    """

    spot: Spot
    fault: ErpFault
    length: int = 1

    @property
    def answers(self) -> bool:
        """Whether the connection holds until what was written is answered."""
        return self.spot in {"find", "read_back"} or not (self.fault.commits and self.fault.kind in _CUT)

    def sends(self) -> Mapping[int, ErpFault]:
        """Return what commands meet, by number."""
        if self.spot in {"send", "both"}:
            return self._from(1)
        return {1: self.fault} if self.spot == "unknown" else {}

    def finds(self) -> Mapping[int, ErpFault]:
        """Return what look-ups meet, by number."""
        if self.spot in {"find", "both"}:
            return self._from(1)
        return self._from(2) if self.spot in {"read_back", "unknown"} else {}

    def ends(self, kind: RetryKind) -> frozenset[State]:
        """Return what it may come to; where nothing can be found out, a person is an end too."""
        person = {State.NEEDS_HUMAN} if kind == "none" and self.spot not in {"find", "read_back"} else set()
        return frozenset({*self._ends(), *person})

    def _ends(self) -> set[State]:
        fault = self.fault
        if self.spot in {"find", "read_back"} or fault.commits or fault.kind in {"twice", "throttled", "late"}:
            return {State.COMMITTED}  # what is late is there before it is looked for the second time
        if fault.kind == "hostile":
            return {State.REFUSED_BY_SYSTEM}
        if fault.kind == "wrong_version":  # where looking fails too, nobody knows for a while
            return {State.STALE, State.NOT_APPLIED} if self.spot != "send" else {State.STALE}
        return {State.NOT_APPLIED}

    def _from(self, first: int) -> Mapping[int, ErpFault]:
        return dict.fromkeys(range(first, first + self.length), self.fault)

    def __str__(self) -> str:
        """Name it in a message."""
        return f"{self.fault.kind}{'+effect' if self.fault.commits else ''} at {self.spot} x{self.length}"


def cases(kind: RetryKind, lengths: tuple[int, ...] = LENGTHS) -> Iterator[Case]:
    """Return every fault at every place, as far as it means anything to a contract."""
    for spot in SPOTS:
        effects = (False,) if spot in {"find", "read_back"} else (False, True)
        if kind == "none" and spot != "send":
            continue  # nothing is ever looked up
        for fault in FAULTS:
            if fault == "twice" and (kind in AGAIN or spot != "send"):
                continue  # what is repeated on the way where nothing guards, no gateway can undo
            for commits in effects if fault != "twice" else (True,):
                yield from (Case(spot=spot, fault=ErpFault(fault, commits=commits), length=one) for one in lengths)


class Wire:
    """The ERP on the loopback and two clients of it, for all schedules of a world."""

    def __init__(self, world: World) -> None:
        """Take a world; `open` starts it."""
        self._world = world
        self._traffic = _Forgetful(world)
        self._server = LoopbackServer(self._asked)
        self._clients: dict[float, Commands] = {}
        self._app: FakeErp | None = None
        self._case: Case | None = None
        self.kind: RetryKind = "unique_ref"

    async def open(self) -> None:
        """Listen, and let both clients have had their first request, which takes longest."""
        await self._server.__aenter__()
        self._app = FakeErp(self._service())
        for patience_s in (_PATIENT_S, _HASTY_S):
            self._clients[patience_s] = client = self._client(patience_s)
            with suppress(SystemTimeoutError):
                await client.probe()

    async def close(self) -> None:
        """Stop."""
        for client in self._clients.values():
            await client.close()
        await self._server.__aexit__(None, None, None)

    def play(self, template: Template, kind: RetryKind, case: Case) -> Ending:
        """Let one proposal meet one case, to its end."""
        world, self.kind, self._case = self._world, kind, case
        world.put(world.at_first(template))
        self._traffic.forget()
        app = self._app = FakeErp(self._service(), faults=case.sends(), lookup_faults=case.finds())

        idles = 0

        async def idle() -> None:
            nonlocal idles
            idles += 1
            if idles > 1:  # what is late is missed once, and comes to its end before it is looked for again
                app.release()
                await self._server.settle()

        async def run(life: Life) -> None:
            await life.until_end(idle)
            world.sends = app.commands
            await idle()

        ending = world.live(lambda _: _Port(self), run, kind=kind)
        assert ending is not None
        return replace(ending, wrongs=(*ending.wrongs, *self._wrongs(ending, case)))

    def client(self, sends: bool) -> Commands:
        """Return the client for a request; where the answer will not come, one that does not wait for it long."""
        assert self._app is not None
        assert self._case is not None
        case, app = self._case, self._app
        fault = case.sends().get(app.commands + 1) if sends else case.finds().get(app.lookups + 1)
        return self._clients[_HASTY_S if fault is not None and fault.kind in _NEVER else _PATIENT_S]

    def _wrongs(self, ending: Ending, case: Case) -> Iterator[str]:
        if ending.state not in case.ends(self.kind):
            yield f"came to {ending.state}, not to {' or '.join(sorted(case.ends(self.kind)))}"
        if HOSTILE in ending.reason or HOSTILE.encode() in b"".join(self._world.home.leaves()):
            yield "the system's words are in the records"
        there = self._service().find(self._world.content.command.reference)
        looked = case.spot == "send" and self.kind != "none"  # else there is nothing but what the system said
        if ending.receipt is not None and there is not None and looked:
            said = ending.receipt.written.version_token
            if said != there.version:
                yield f"the receipt has version {said}, the ERP {there.version}"

    def _service(self) -> ErpService:
        world = self._world
        return _Kept(self, world.kit.folder / ERP, clock=world.clock, zone=ZoneInfo("Europe/Berlin"), wait_s=10.0)

    def repeated(self, service: ErpService, call: ErpCall) -> Reply | None:
        """Return what an ERP under this contract says to a command that it had before."""
        there = service.find(call.reference)
        if there is None or self.kind == "unique_ref":
            return None  # it turns a second one away itself
        if self.kind == "conditional":
            return Superseded()
        if self.kind in AGAIN:
            self._world.again()
        return there

    async def _asked(self, scope: Message, receive: Receive, send: Send) -> None:
        assert self._app is not None
        await self._app(scope, receive, send)

    def _client(self, patience_s: float) -> Commands:
        origin = Origin.of(self._server.url)
        assert origin is not None
        deployment = self._world.kit.opened()
        egress = Egress(
            system="erp",
            allowed=[origin],
            limits=EgressLimits(connect_s=5.0, read_s=patience_s, total_s=patience_s),
            traffic=self._traffic.as_traffic(),
            traffic_limits=NO_LIMITS,
            monotonic=self._traffic.seconds,
            sleep=self._traffic.wait,
        )
        profile = deployment.profile(deployment.system("erp"))
        return FakeErpCommands(egress, url=self._server.url, system="erp", profile=profile)


class _Kept(ErpService):
    """The demo ERP, which does with a second request what a system under the contract does."""

    def __init__(self, wire: Wire, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._wire = wire

    def perform(self, call: ErpCall) -> Document | Reply:
        said = self._wire.repeated(self, call)
        return said if said is not None else super().perform(call)


class _Forgetful:
    """The traffic of the process that plays: each schedule begins with none."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.forget()

    def forget(self) -> None:
        self._now = LocalTraffic(monotonic=self.seconds)

    def as_traffic(self) -> Any:
        return self

    def seconds(self) -> float:
        return self._world.clock.wall().timestamp()

    async def wait(self, seconds: float) -> None:
        self._world.clock.pass_by(seconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._now, name)


class _Port:
    """The port of one worker."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    @property
    def system(self) -> str:
        return "erp"

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        offered = self._wire.client(sends=True).operations
        return {name: replace(one, kind=self._wire.kind) for name, one in offered.items()}

    async def send(self, command: Command) -> Outcome:
        return await self._wire.client(sends=True).send(command)

    async def find(self, command: Command) -> Written | None:
        return None if self._wire.kind == "none" else await self._wire.client(sends=False).find(command)

    async def probe(self) -> Mapping[str, str]:
        return await self._wire.client(sends=False).probe()

    async def close(self) -> None:
        """Leave the clients to the wire."""
