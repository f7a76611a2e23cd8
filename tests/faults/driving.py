"""Workers driven by hand over one deployment until nothing is due any more, and a judgement of what they left."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal

from erp_mcp.audit.verify import verify
from erp_mcp.bootstrap import Deployment
from erp_mcp.committing import Committer
from erp_mcp.domain.command import Command, Outcome, RetryContract, Unknown, Written
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.lifecycle import MOVES, State
from erp_mcp.domain.proposal import Content, Proposal, Receipt
from erp_mcp.ports import Commands
from tests.faults.erp import Line, Request
from tests.faults.plant import DrivenClock, Template, opened

# Workers that are wrong, to see that they are found: they send again what has no answer, or give it up too early.
Planted = Literal["", "send_again", "give_up_at_once"]
PLANTED: Final[tuple[Planted, ...]] = ("send_again", "give_up_at_once")
WRITTEN: Final = frozenset({State.COMMITTED})
EITHER: Final = frozenset({State.NEEDS_HUMAN, State.UNKNOWN})
UNDER_WAY: Final = frozenset({State.APPROVED, State.CLAIMED, State.SENDING, State.UNKNOWN, State.RECONCILING})
LEGAL: Final = frozenset((move.source.value, move.target.value) for move in MOVES)
_LEASED: Final = frozenset({State.CLAIMED, State.SENDING, State.RECONCILING})
_MOST_WORK: Final = 20_000


@dataclass(slots=True, kw_only=True)
class Play:
    """One deployment, its ERP, and proposals to be carried out."""

    folder: Path
    clock: DrivenClock
    deployment: Deployment
    line: Line
    contents: tuple[Content, ...]
    faults: list[str] = field(default_factory=list)  # what was seen to be wrong while it happened
    at: Callable[[str], None] = lambda _: None
    holders: int = 0
    begun: Counter[str] = field(default_factory=Counter)  # sends by reference, as workers of this process began them
    events: list[tuple[datetime, Callable[[], Awaitable[None]]]] = field(default_factory=list)
    late: dict[str, tuple[float, Callable[[], Awaitable[None]]]] = field(default_factory=dict)  # after a send arrived
    dies: Callable[[str], Awaitable[None]] | None = None  # told "arrived" and "answered", may raise
    planted: Planted = ""
    before_send: Callable[[], Awaitable[None]] | None = None

    # --- work ---------------------------------------------------------------------------------------------------------

    def committer(self) -> Committer:
        """Return the product's committer, with the fake ERP as its system."""
        port = Port(self)

        async def of(_: str) -> Commands:
            return port

        return replace(
            self.deployment.committer(at=self.at),
            commands=of,
            preparation=replace(self.deployment.preparation, live=self.line),
        )

    def worker(self) -> str:
        """Return the name of a new worker."""
        self.holders += 1
        return f"worker:{self.holders}"

    async def work_off(self) -> None:
        """Do everything that is due now."""
        committer, holder = self.committer(), self.worker()
        for _ in range(_MOST_WORK):
            if await committer.work(holder) is None:
                return
        raise AssertionError("there is no end to it")

    async def until_end(self) -> None:
        """Work, and let time pass to the next thing that is due, until nothing is due any more."""
        for _ in range(_MOST_WORK):
            await self.happen()
            await self.work_off()
            due = self.next_due()
            if due is None:
                return
            self.clock.now = max(self.clock.now, due)
        raise AssertionError("there is no end to it")

    def next_due(self) -> datetime | None:
        """Return when the next thing is due, `None` where nothing is under way any more."""
        found = [one for proposal in self.proposals() if (one := _due(proposal)) is not None]
        return min([*found, *(moment for moment, _ in self.events)], default=None)

    def plan_event(self, seconds: float, event: Callable[[], Awaitable[None]]) -> None:
        """Let something happen some seconds from now."""
        self.events.append((self.clock.now + timedelta(seconds=seconds), event))

    async def happen(self) -> None:
        """Let happen what is due."""
        due = [one for one in self.events if one[0] <= self.clock.now]
        self.events = [one for one in self.events if one not in due]
        for _, event in sorted(due, key=lambda one: one[0]):
            await event()

    def proposals(self) -> list[Proposal]:
        return [self.deployment.state.proposals.get(one.proposal_id) for one in self.contents]

    def stand(self, content: Content) -> tuple[str, str]:
        """Return state and reason."""
        found = self.deployment.state.proposals.get(content.proposal_id)
        return found.state.value, found.reason

    def path_of(self, content: Content) -> list[str]:
        events = self.deployment.state.proposals.history(content.proposal_id)
        return [event.type.removeprefix("proposal.").upper() for event in events]

    # --- judging ------------------------------------------------------------------------------------------------------

    def asked(self, request: Request) -> None:
        """See to it, as a request arrives at the ERP, that it is one of those that were begun."""
        content = self._by_reference(request.reference)
        if content is None:
            self.faults.append(f"a request with a strange reference {request.reference}")
        elif request.kind == "send" and self.line.sends_of(content) > self.path_of(content).count("SENDING"):
            self.faults.append(f"{content.proposal_id} arrived twice in one claim")
        if request.kind == "send" and request.reference in self.late:
            self.plan_event(*self.late[request.reference])

    def sends(self, command: Command) -> None:
        """See to it, as a worker of this process sends, that it may."""
        content = self._by_reference(command.reference)
        assert content is not None
        path = self.path_of(content)
        self.begun[command.reference] += 1
        if path[-1] != "SENDING" or self.begun[command.reference] > path.count("SENDING"):
            self.faults.append(f"{content.proposal_id} was sent in {path}")
        if "UNKNOWN" in path:
            self.faults.append(f"{content.proposal_id} was sent after UNKNOWN")
        if command != content.command:
            self.faults.append(f"{content.proposal_id} was sent as {command}")

    def _by_reference(self, reference: str) -> Content | None:
        return next((one for one in self.contents if one.command.reference == reference), None)

    def wrongs(self) -> list[str]:
        """Return everything that must not be, in words; empty where every invariant holds."""
        found = list(self.faults)
        recorded = self._recorded()
        for content in self.contents:
            found += [f"{content.tool} {one}" for one in self._wrongs_of(content, recorded[content.proposal_id])]
        effects = sum(len(self.line.effects(one)) for one in self.contents)
        if effects != self.line.all_effects():
            found.append(f"{self.line.all_effects()} effects, of which {effects} belong to a proposal")
        return found + self.flaws()

    def _wrongs_of(self, content: Content, recorded: list[str]) -> Iterable[str]:
        proposal = self.deployment.state.proposals.get(content.proposal_id)
        effects, state = self.line.effects(content), proposal.state
        name = f"{state} [{proposal.reason}] {'>'.join(self.path_of(content)[3:])}"
        if len(effects) > 1:
            yield f"duplicate: {len(effects)} effects, {name}"
        if state not in EITHER and bool(effects) != (state in WRITTEN):
            yield f"lie: {len(effects)} effects, {name}"
        if state in WRITTEN and effects:
            yield from self._wrong_receipt(content, proposal.receipt, effects[0])
        yield from self._wrong_path(content, proposal, recorded)

    def _wrong_receipt(self, content: Content, receipt: Receipt | None, document: str) -> Iterable[str]:
        noted = self.line.noted(content)
        if receipt is None or noted is None:
            yield f"committed without a document: {receipt}, {noted}"
        elif not receipt.written.document == noted[0] == document:
            yield f"the receipt names {receipt.written.document}, the ERP {noted[0]}, written was {document}"
        elif receipt.written.version_token != noted[1] and content.command.key not in self.line.touched:
            yield f"the receipt has version {receipt.written.version_token}, the ERP {noted[1]}"

    def _wrong_path(self, content: Content, proposal: Proposal, recorded: list[str]) -> Iterable[str]:
        path = self.path_of(content)
        yield from (f"{a} → {b} is no move" for a, b in pairwise(path) if (a, b) not in LEGAL)
        if path[-1] != proposal.state.value or recorded != path:
            yield f"a move is not recorded: {path}, {recorded}"

    def _recorded(self) -> dict[str, list[str]]:
        """Return the moves of each proposal as the audit has them."""
        found: dict[str, list[str]] = {one.proposal_id: [] for one in self.contents}
        for record in self.deployment.state.audit.read_all():
            leaf = json.loads(record.leaf)
            moves = found.get(leaf["facts"].get("proposal_id"))
            if moves is not None and leaf["kind"].startswith("proposal."):
                moves.append(leaf["kind"].removeprefix("proposal.").upper())
        return found

    def flaws(self) -> list[str]:
        """Return what `audit verify` finds."""
        state = self.deployment.state
        report = verify(state.audit.read_all(), strays=state.audit.strays(), proposals=state.proposals.kept())
        return [f"{one.seq} {one.code} {one.detail}" for one in report.findings if not one.is_notice]

    def tally(self) -> Tally:
        """Return the figures of this play."""
        tally = Tally()
        for content in self.contents:
            proposal = self.deployment.state.proposals.get(content.proposal_id)
            effects = len(self.line.effects(content))
            tally.schedules += 1
            tally.sends += self.line.sends_of(content)
            tally.effects += effects
            tally.duplicates += max(0, effects - 1)
            tally.lost += proposal.state in UNDER_WAY or (proposal.state in WRITTEN) > effects
            tally.lies += proposal.state not in WRITTEN | EITHER and effects > 0
            tally.states[proposal.state.value] += 1
        tally.wrongs = self.wrongs()
        return tally


class Port:
    """The port of a worker, which is watched, and in which the worker may die."""

    def __init__(self, play: Play) -> None:
        self._play = play

    @property
    def system(self) -> str:
        return "erp"

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        offered = self._client("find", "").operations
        if self._play.planted == "give_up_at_once":
            return {name: replace(contract, settle_s=0) for name, contract in offered.items()}
        return offered

    async def send(self, command: Command) -> Outcome:
        self._play.sends(command)
        if self._play.before_send is not None:
            await self._play.before_send()
        outcome = await self._sent(command)
        if isinstance(outcome, Unknown) and self._play.planted == "send_again":
            return await self._sent(command)
        return outcome

    async def _sent(self, command: Command) -> Outcome:
        client = self._client("send", command.reference)
        if self._play.dies is None:
            return await client.send(command)
        arrival = self._play.line.arrival
        arrival.clear()
        sending, arriving = asyncio.ensure_future(client.send(command)), asyncio.ensure_future(arrival.wait())
        try:
            await asyncio.wait({sending, arriving}, return_when=asyncio.FIRST_COMPLETED)
            await self._play.dies("arrived")
            outcome = await sending
            await self._play.dies("answered")
            return outcome
        finally:
            sending.cancel()
            arriving.cancel()

    async def find(self, command: Command) -> Written | None:
        return await self._client("find", command.reference).find(command)

    async def probe(self) -> Mapping[str, str]:
        return await self._client("find", "").probe()

    async def close(self) -> None:
        """Leave the clients to the line."""

    def _client(self, kind: Literal["send", "find"], reference: str) -> Commands:
        return self._play.line.client(Request(kind=kind, reference=reference))


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of schedules; `lies` ended as not written and were."""

    schedules: int = 0
    sends: int = 0
    effects: int = 0
    duplicates: int = 0
    lost: int = 0
    lies: int = 0
    states: Counter[str] = field(default_factory=Counter)
    wrongs: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.schedules += other.schedules
        self.sends += other.sends
        self.effects += other.effects
        self.duplicates += other.duplicates
        self.lost += other.lost
        self.lies += other.lies
        self.states += other.states
        self.wrongs += other.wrongs


@asynccontextmanager
async def playing(template: Template, folder: Path, chosen: Sequence[Content]) -> AsyncIterator[Play]:
    """Copy a template and play with some of its proposals; the others wait for ever."""
    template.copy(folder)
    clock = DrivenClock(template.now)
    deployment = opened(folder, clock)
    deployment.__dict__["_profiles"] = _PROFILES
    line = Line(folder, deployment)
    play = Play(folder=folder, clock=clock, deployment=deployment, line=line, contents=tuple(chosen))
    line.watch = play.asked
    leave_alone(folder, [one for made in template.contents.values() for one in made if one not in chosen])
    try:
        async with line:
            yield play
    finally:
        deployment.close()


_PROFILES: dict[tuple[str, str], Any] = {}  # read once: they are files of the package


def leave_alone(folder: Path, others: Iterable[Content]) -> None:
    """Let no worker take these."""
    with sqlite3.connect(folder / "state" / "state.sqlite") as file:
        for one in others:
            file.execute("UPDATE proposal SET not_before = '9999' WHERE proposal_id = ?", (one.proposal_id,))
    file.close()


def _due(proposal: Proposal) -> datetime | None:
    if proposal.state in _LEASED:
        return parse_instant(proposal.lease_expires_at)
    if proposal.state is State.UNKNOWN:
        return parse_instant(proposal.not_before) if proposal.not_before else parse_instant(proposal.since)
    if proposal.state is State.APPROVED:
        ends = parse_instant(proposal.content.expires_at)
        return min(parse_instant(proposal.not_before), ends) if proposal.not_before else ends
    return None
