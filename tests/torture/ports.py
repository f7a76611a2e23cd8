"""The system of record as a worker of a schedule meets it: its retry contract, and what goes wrong on the way to it.

A system that was put under another contract than its own also does with a second request what such a system does:

    unique_ref   the second is turned away, since the reference is taken
    conditional  the second is turned away, since the record has another version
    native_key   the first answer is given once more
    readback     it is done once more, and both can be found under the reference
    none         it is done once more, and nothing can be found
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, get_args

from erp_mcp.domain.command import (
    Accepted,
    Command,
    Committed,
    Conflict,
    NotSent,
    Outcome,
    Refused,
    RetryContract,
    RetryKind,
    Unknown,
    Written,
)
from erp_mcp.errors import SystemUnreachableError

if TYPE_CHECKING:
    from erp_mcp.ports import Commands
    from tests.torture.plant import Template

KINDS: Final[tuple[RetryKind, ...]] = get_args(RetryKind)
AGAIN: Final[frozenset[RetryKind]] = frozenset({"readback", "none"})  # these take a second request for a second change
Way = Literal[
    "plain",
    "cut_before",  # the connection breaks before the system commits; nobody knows
    "cut_after",  # … after it has committed
    "raise",  # the port breaks its contract
    "down",  # connection refused
    "refuse",  # the system's own rule says no
    "superseded",  # the record has another version
    "limited_after",  # turned away by an answer, and done all the same
    "accepted",  # taken in, and done; the answer says neither
    "ticket",  # … and says so to whoever asks with the ticket that it gave, at the second time
    "twice",  # somebody on the way, a proxy, sends it again, and only the second answer comes back
    "reads_down",  # looking before it is sent works, reading back fails twice
]
# Workers and systems that are wrong, to see that they are found: one sends again what a dead worker may have sent, one
# does not find what is there, one changes something beside.
Planted = Literal["", "send_again", "forgets", "strays"]
PLANTED: Final[tuple[Planted, ...]] = get_args(Planted)
WAYS: Final[tuple[Way, ...]] = get_args(Way)
_WAIT_S: Final = 30
_ACK_S: Final = 900
_TICKET: Final = "Q-17"


def kinds_of(template: Template) -> tuple[RetryKind, ...]:
    """Return the contracts that a tool's operation may stand under; one that makes a record has no version to keep."""
    return tuple(kind for kind in KINDS if kind != "conditional" or template.changes)


def meets(kind: RetryKind, way: Way) -> bool:
    """Whether a way means anything for a kind: what a proxy repeats where nothing guards, no gateway can undo."""
    return way != "twice" or kind not in AGAIN


def doing_again(kind: RetryKind, there: Written | None, again: Callable[[], None]) -> Outcome | None:
    """Return what a system says to a request that it had before, `None` where it never had it."""
    match kind:
        case _ if there is None:
            return None
        case "unique_ref":
            return Unknown(reason="reference_exists")
        case "conditional":
            return Conflict()
        case "native_key":
            return Committed(written=there)
    again()
    return Committed(written=there)


@dataclass(slots=True, kw_only=True)
class Port:
    """`ports.Commands` of one worker, over the system's own; the way is met by its first request.

    `sent` is told of each request that arrives, `again` of each second change, `at` of the points of a commit.
    """

    inner: Commands
    kind: RetryKind
    way: Way
    sent: Callable[[], None]
    again: Callable[[], None]
    stray: Callable[[], None]
    at: Callable[[str], None]
    is_later: bool = False  # a worker before this one died
    planted: Planted = ""
    _sends: int = 0
    _finds: int = 0
    _down: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        """Choose which look-ups fail."""
        chosen = {0, 1} if self.is_later else {1, 2}
        self._down = frozenset(chosen if self.way == "reads_down" else ())

    @property
    def system(self) -> str:
        return self.inner.system

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        return {name: replace(one, kind=self.kind, ack_s=_ACK_S) for name, one in self.inner.operations.items()}

    async def send(self, command: Command) -> Outcome:
        self._sends += 1
        way: Way = self.way if self._sends == 1 else "plain"
        if way == "down":
            return NotSent(reason="system_unreachable", retry_after_s=_WAIT_S)
        self.sent()
        if way == "cut_before":
            return Unknown(reason="connection_lost")
        if way == "refuse":
            return Refused(code="document_closed", native_code="06/115")
        if way == "superseded":
            return Conflict()
        outcome = await self._done(command)
        if self.planted == "strays":
            self.stray()
        if way == "twice":
            outcome = await self._done(command)
        if way == "raise":
            raise RuntimeError("not in the contract")
        return _told(way, outcome)

    async def _done(self, command: Command) -> Outcome:
        said = doing_again(self.kind, await self.inner.find(command), self.again)
        if said is not None:
            return said
        if command.system != "gateway":  # the demo ERP tells of its commits itself
            return await self.inner.send(command)
        self.at("erp_before_commit")
        outcome = await self.inner.send(command)
        self.at("erp_after_commit")
        return outcome

    async def find(self, command: Command) -> Written | None:
        self._finds += 1
        if self._finds - 1 in self._down:
            raise SystemUnreachableError(system=self.system)
        if self.kind == "none" or self.planted == "forgets":
            return None
        return await self.inner.find(command)

    async def probe(self) -> Mapping[str, str]:
        return await self.inner.probe()

    async def close(self) -> None:
        """Leave the system's own port to whoever opened it."""


@dataclass(slots=True, kw_only=True)
class Asked(Port):
    """A port that is asked by ticket what became of what it took in; without it, it says nothing."""

    _asked: int = 0

    async def acknowledged(self, command: Command, ticket: str) -> Committed | Accepted | None:
        self._asked += 1
        if ticket != _TICKET:
            return None
        there = await self.inner.find(command) if self._asked > 1 else None
        return Committed(written=there) if there is not None else Accepted(ask_after_s=5)


def _told(way: Way, outcome: Outcome) -> Outcome:
    """Return what is answered, whatever was done."""
    match way:
        case "cut_after":
            return Unknown(reason="connection_lost")
        case "limited_after":
            return NotSent(reason="rate_limited", retry_after_s=_WAIT_S)
        case "accepted" | "ticket":
            return Accepted(ticket=_TICKET, ask_after_s=10)
    return outcome
