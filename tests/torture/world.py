"""One deployment in which schedules are played, one after the other: put as it was, worked in, and judged."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from erp_mcp.audit.verify import verify
from erp_mcp.bootstrap import Deployment, TimeOrderedIds
from erp_mcp.committing import Committer
from erp_mcp.domain.command import RetryKind
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.lifecycle import MOVES, State
from erp_mcp.domain.proposal import Content, Proposal, Receipt
from erp_mcp.ports import Commands
from tests.faults.plant import DrivenClock
from tests.torture.homes import ErpFile, Home, Kept, nothing_done
from tests.torture.plant import REFERENCES, Kit, Template

LEASE_OVER_S: Final = 130  # the next worker comes when the lease of the dead one has run out
LEGAL: Final = frozenset((move.source.value, move.target.value) for move in MOVES)
UNDER_WAY: Final = frozenset(
    {State.APPROVED, State.CLAIMED, State.SENDING, State.UNKNOWN, State.RECONCILING, State.AWAITING_ACK}
)
_WAITS: Final = frozenset({State.UNKNOWN, State.AWAITING_ACK})
_LEASED: Final = frozenset({State.CLAIMED, State.SENDING, State.RECONCILING})
_MOST_WORK: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Everything that there is at one moment of a schedule, and would be there if the worker died now."""

    state: Kept
    erp: Kept
    sends: int
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What a schedule left: where the proposal stands, how often it was sent and took effect, and what is wrong."""

    state: State
    reason: str
    sends: int
    effects: int
    wrongs: tuple[str, ...]  # moves that are none, records that are missing, half an effect, a send that must not be
    receipt: Receipt | None
    is_parked: bool  # handed to a person because the system can never tell

    @property
    def is_duplicate(self) -> bool:
        """Whether the system was changed more than once."""
        return self.effects > 1

    @property
    def is_lost(self) -> bool:
        """Whether it came to no end, or its end says something else than the system."""
        if self.state in UNDER_WAY or (self.state is State.NEEDS_HUMAN and not self.is_parked):
            return True
        return not self.is_parked and (self.state is State.COMMITTED) != (self.effects > 0)


Opens = Callable[["Life"], Commands]


@dataclass(slots=True, kw_only=True)
class Life:
    """One worker of a schedule while it lives."""

    world: World
    deployment: Deployment
    committer: Committer
    holder: str

    async def work_off(self) -> None:
        """Do everything that is due now."""
        for _ in range(_MOST_WORK):
            if await self.committer.work(self.holder) is None:
                return
        raise AssertionError("there is no end to it")

    async def until_end(self, idle: Callable[[], Awaitable[None]] | None = None) -> None:
        """Work, and let time pass to what is due next, until nothing is under way any more; `idle` comes between."""
        for _ in range(_MOST_WORK):
            await self.work_off()
            if idle is not None:
                await idle()
            proposal = self.proposal()
            if proposal.state not in UNDER_WAY:
                return
            self.world.clock.now = max(self.world.clock.now, _due(proposal))
        raise AssertionError("there is no end to it")

    def proposal(self) -> Proposal:
        """Return the proposal as it stands."""
        return self.deployment.state.proposals.get(self.world.content.proposal_id)


@dataclass(slots=True)
class World:
    """A folder with an ERP and a home for state, in which one schedule after the other is played."""

    kit: Kit
    home: Home
    erp: ErpFile
    clock: DrivenClock = field(default_factory=DrivenClock)
    sends: int = 0
    lives: int = 0
    _template: Template | None = None
    _first: dict[str, Kept] = field(default_factory=dict)
    _footprints: dict[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def content(self) -> Content:
        """The proposal that everything is about."""
        assert self._template is not None
        return self._template.content

    def at_first(self, template: Template) -> Moment:
        """Return the moment at which a template's proposal is approved and no worker has seen it."""
        self._template = template
        if template.tool not in self._first:
            self._first = {template.tool: self.home.of_file(template.state)}
        state = self._first[template.tool]
        return Moment(state=state, erp=nothing_done(template.erp), sends=0, now=template.now)

    def put(self, moment: Moment, *, later_s: float = 0) -> None:
        """Make everything as it was at a moment, some seconds later."""
        self.home.put(moment.state)
        self.erp.put(moment.erp)
        self.sends = moment.sends
        self.clock.now = moment.now + timedelta(seconds=later_s)

    def moment(self) -> Moment:
        """Return everything as it is now, in the middle of whatever goes on."""
        return Moment(state=self.home.kept(), erp=self.erp.kept(), sends=self.sends, now=self.clock.now)

    def live(
        self,
        opens: Opens,
        run: Callable[[Life], Awaitable[None]],
        *,
        at: Callable[[str], None] = lambda _: None,
        kind: RetryKind | None = None,
    ) -> Ending | None:
        """Let one worker live, with the port that `opens` gives; where a kind is named, judge what it leaves."""
        return self.kit.runner.run(self.living(opens, run, at=at, kind=kind))

    async def living(
        self,
        opens: Opens,
        run: Callable[[Life], Awaitable[None]],
        *,
        at: Callable[[str], None] = lambda _: None,
        kind: RetryKind | None = None,
    ) -> Ending | None:
        """As `live`, in a loop that runs."""
        deployment = self.kit.opened(self.home.open(self.clock, TimeOrderedIds()), self.clock)
        self.lives += 1
        try:
            life = Life(
                world=self, deployment=deployment, committer=deployment.committer(at=at), holder=f"w:{self.lives}"
            )
            commands = opens(life)

            async def of(_: str) -> Commands:
                return commands

            life.committer = replace(
                life.committer, commands=of, catalog=lambda: self.kit.catalog, target=self.kit.target
            )
            await run(life)
            return self._judged(life, kind) if kind is not None else None
        finally:
            self.kit.released(deployment)

    def sent(self) -> None:
        """Count a request that arrived."""
        self.sends += 1

    def again(self) -> None:
        """Note that the system made the same change once more."""
        self._note("again")

    def stray(self) -> None:
        """Change something of the ERP that is no part of the change."""
        self._note("UPDATE stray")

    def _note(self, what: str) -> None:
        with self._erp() as erp:
            erp.execute("INSERT INTO effect VALUES (?)", (what,))

    # --- judging ------------------------------------------------------------------------------------------------------

    def learn(self, ending: Ending) -> None:
        """Take what one plain commit changed for what one effect of this tool is."""
        assert ending.state is State.COMMITTED, ending
        assert self._template is not None
        self._footprints[self._template.tool] = self._noted()

    def effects(self) -> tuple[int, str]:
        """Return how often the system of record was changed, and what is wrong with how."""
        assert self._template is not None
        noted = Counter(self._noted())
        again = noted.pop("again", 0)
        if self._template.is_own:
            return self.home.tasks() + again, "the ERP was changed" if noted else ""
        one = self._footprints.get(self._template.tool)
        if one is None or not noted:
            return int(bool(noted)) + again, ""
        if noted == Counter(one):
            return 1 + again, ""
        whole = min(noted[what] // count for what, count in one.items())
        return max(1, whole) + again, f"not one whole effect: {dict(noted)} instead of {dict(one)}"

    def _noted(self) -> Mapping[str, int]:
        with self._erp() as erp:
            return dict(erp.execute("SELECT what, count(*) FROM effect GROUP BY what").fetchall())

    def bears(self) -> str | None:
        """Return the number of the document that bears our reference in the ERP, `None` where none does."""
        with self._erp() as erp:
            if not erp.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (REFERENCES,)).fetchone():
                return None
            query = f"SELECT doc_no FROM {REFERENCES} WHERE reference = ?"
            row = erp.execute(query, (self.content.command.reference,)).fetchone()
        return str(row[0]) if row else None

    @contextmanager
    def _erp(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.erp.path)) as erp, erp:
            yield erp

    def _judged(self, life: Life, kind: RetryKind) -> Ending:
        proposal, state = life.proposal(), life.deployment.state
        events = state.proposals.history(self.content.proposal_id)
        path = [name for event in events if (name := _state_of(event.type))]
        records = list(state.audit.read_all())
        effects, odd = self.effects()
        report = verify(records, strays=state.audit.strays(), proposals=state.proposals.kept())
        wrongs = [odd] if odd else []
        wrongs += [f"{a} → {b} is no move" for a, b in pairwise(path) if (a, b) not in LEGAL]
        recorded = _recorded([one.leaf for one in records], self.content)
        if path[-1] != proposal.state.value or recorded != path:
            wrongs.append(f"a move is not recorded: {path}, {recorded}")
        wrongs += [f"{one.seq} {one.code} {one.detail}" for one in report.findings if not one.is_notice]
        wrongs += self._wrong_sends(path) + self._wrong_receipt(proposal)
        return Ending(
            state=proposal.state,
            reason=proposal.reason,
            sends=self.sends,
            effects=effects,
            wrongs=tuple(wrongs),
            receipt=proposal.receipt,
            is_parked=kind == "none" and proposal.state is State.NEEDS_HUMAN,
        )

    def _wrong_sends(self, path: Sequence[str]) -> list[str]:
        found = []
        if self.sends > path.count("SENDING"):
            found.append(f"sent {self.sends} times in {path}")
        if "UNKNOWN" in path and "SENDING" in path[path.index("UNKNOWN") :]:
            found.append(f"sent after nobody knew: {path}")
        return found

    def _wrong_receipt(self, proposal: Proposal) -> list[str]:
        if proposal.state is not State.COMMITTED:
            return []
        if proposal.receipt is None:
            return ["committed without a receipt"]
        document = self.bears()
        is_own = self._template is not None and self._template.is_own
        if is_own or document == proposal.receipt.written.document:
            return []
        return [f"the receipt names {proposal.receipt.written.document}, and {document} bears our reference"]


def _recorded(leaves: Sequence[bytes], content: Content) -> list[str]:
    """Return the moves of a proposal as the audit has them."""
    found = []
    for text in leaves:
        leaf = json.loads(text)
        if leaf["facts"].get("proposal_id") == content.proposal_id and (name := _state_of(leaf["kind"])):
            found.append(name)
    return found


def _state_of(kind: str) -> str:
    """Return the state that an event or a record is about, empty for no move, such as the first yes of two."""
    name = kind.removeprefix("proposal.").upper()
    return name if kind.startswith("proposal.") and name in State.__members__ else ""


def _due(proposal: Proposal) -> datetime:
    if proposal.state in _LEASED:
        return parse_instant(proposal.lease_expires_at)
    if proposal.state in _WAITS or proposal.not_before:
        return parse_instant(proposal.not_before or proposal.since)
    return parse_instant(proposal.content.expires_at)
