"""One saga played to its end: what goes wrong with which of its parts, and whether what is left is told truly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal, get_args

from erp_mcp.audit.verify import verify
from erp_mcp.bootstrap.own_records import OwnRecords
from erp_mcp.demo.erp_commands import DemoErpCommands
from erp_mcp.domain.command import Command, Conflict, NotSent, Outcome, Refused, RetryContract, Unknown, Written
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.lifecycle import ENDS, State
from erp_mcp.domain.proposal import Proposal
from erp_mcp.ports import Commands
from tests.torture.plant import ERP, REFERENCES
from tests.torture.saga_judge import FOR_A_PERSON, End, Part, begun_twice, misled, stands_by
from tests.torture.saga_plant import SagaTemplate, Standing, standing
from tests.torture.world import LEASE_OVER_S, LEGAL, UNDER_WAY, Life, Moment, World, _state_of

if TYPE_CHECKING:
    from erp_mcp.domain.saga import PlannedStep

Fault = Literal[
    "refuse",  # the system's own rule says no
    "conflict",  # another version
    "late",  # certainly not sent, until its time is over
    "applied",  # done, and nobody knows
    "missed",  # not done, and nobody knows
    "down",  # certainly not sent, once
    "tardy",  # not done, nobody knows, and done once it was called not applied
    "gone",  # of a way back: what was written can't be found any more
    "changed",  # of a way back: another version, once
    "mislaid",  # of a way back: not done, and nobody knows, once
    "later",  # of a way back: as tardy, and done only when it is looked for once more
]
FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)
FAILS: Final[tuple[Fault, ...]] = ("refuse", "conflict", "late", "missed")  # a step that meets these is not written
_ONCE: Final[Mapping[Fault, Fault]] = {"down": "down", "changed": "conflict", "mislaid": "missed"}
Faults = Mapping[Part, Fault]

_GOES_ON: Final = UNDER_WAY | {State.COMPENSATING}
_MOST: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """What a death at one point leaves."""

    name: str
    moment: Moment
    is_read: bool
    is_new: bool = True


@dataclass(slots=True)
class SagaPlay:
    """Plays schedules of one saga; `planted` is a lie that the judge must see."""

    world: World
    of: SagaTemplate
    faults: Faults = field(default_factory=dict)
    planted: str = ""
    _late: bool = False
    _met: set[Part] = field(default_factory=set)
    _looked: set[str] = field(default_factory=set)

    def played(self) -> End:
        """Let one worker live from the start to the end."""
        return self.ended(self.first())

    def first(self) -> Spot:
        """Return the moment before any worker came."""
        return Spot(name="", moment=self.world.at_first(self.of.template), is_read=False)

    def ended(self, spot: Spot) -> End:
        """Let a worker go on from a death to the end."""
        ends: list[End] = []

        async def run(life: Life) -> None:
            await self._drive(life)
            ends.append(self._judged(life))

        self._live(spot, run, lambda _: None)
        return ends[0]

    def deaths(self, spot: Spot | None = None) -> list[Spot]:
        """Return what each death of a worker leaves that begins there."""
        found: list[Spot] = []

        def at(name: str) -> None:
            moment = self.world.moment()
            last = found[-1].moment if found else None
            is_new = last is None or (last.state, last.erp, last.sends) != (moment.state, moment.erp, moment.sends)
            before = f"{spot.name} then " if spot else ""
            found.append(Spot(name=before + name, moment=moment, is_read=self.of.sight.is_read, is_new=is_new))

        self._live(spot or self.first(), self._drive, at)
        return found

    def _live(self, spot: Spot, run: Callable[[Life], Awaitable[None]], at: Callable[[str], None]) -> None:
        self._late, self._met, self._looked = False, set(), set()
        self.world.at_first(self.of.template)
        self.world.put(spot.moment, later_s=LEASE_OVER_S if spot.name else 0)
        self.of.sight.put(is_read=spot.is_read)

        async def living(life: Life) -> None:
            ports = {name: _Port(self, life, inner, at) for name, inner in self._inner(life, at).items()}

            async def of(system: str) -> Commands:
                return ports[system]

            life.committer = replace(life.committer, commands=of, refresh=self.of.sight.refresh)
            await run(life)

        def opens(life: Life) -> Commands:
            return self._inner(life, at)["gateway"]  # replaced before anything is sent

        try:
            self.world.live(opens, living, at=at)
        finally:
            self.of.sight.put(is_read=False)

    def _inner(self, life: Life, at: Callable[[str], None]) -> Mapping[str, Commands]:
        profile = life.deployment.profile(life.deployment.system("erp"))
        erp = DemoErpCommands.open(
            system="erp",
            url=ERP,
            root=self.world.kit.folder,
            profile=profile,
            clock=self.world.clock,
            failpoint=lambda point: at(f"erp_{point}"),
        )
        return {"erp": erp, "gateway": OwnRecords(tasks=life.deployment.state.tasks)}

    async def _drive(self, life: Life) -> None:
        """Work, and let time pass to what is due next, until nothing goes on without a person."""
        saga_id = self.of.template.content.proposal_id
        store, clock = life.deployment.state.proposals, self.world.clock
        for _ in range(_MOST):
            await life.work_off()
            saga, parts = store.get(saga_id), store.parts(saga_id)
            if saga.state not in _GOES_ON or any(one.state in FOR_A_PERSON for one in parts):
                return
            if self._late:
                self._late = False
                ends = max(parse_instant(one.content.expires_at) for one in (saga, *parts))
                clock.now = max(clock.now, ends + timedelta(seconds=1))
                continue
            dues = [due for one in (saga, *parts) if one.state in _GOES_ON and (due := _due(one)) > clock.now]
            assert dues, (saga.state, saga.reason, [(one.content.step, one.state) for one in parts])
            clock.now = min(dues)
        raise AssertionError("there is no end to it")

    # --- What goes wrong ----------------------------------------------------------------------------------------------

    def meets(self, part: Part) -> Fault | None:
        """Return what goes wrong with a part that is sent now."""
        fault = self.faults.get(part)
        if fault is not None and fault in _ONCE:
            is_first = part not in self._met
            self._met.add(part)
            return _ONCE[fault] if is_first else None
        if fault == "late":
            self._late = True
        return fault

    def is_tardy(self, part: Proposal) -> bool:
        """Whether a system does this after it was called not applied, now that it is looked for."""
        fault, name = self.faults.get((part.content.step, bool(part.content.undoes))), part.content.proposal_id
        is_again = name in self._looked
        self._looked.add(name)
        return fault == "tardy" or (fault == "later" and is_again)

    def lose_records(self) -> None:
        """Let what was written be found no more, where that is asked for."""
        gone = {step for (step, back), fault in self.faults.items() if back and fault == "gone"}
        refs = [one.command.reference for one in self.of.plan if one.name in gone]
        with self.world._erp() as erp:
            erp.executemany(f"DELETE FROM {REFERENCES} WHERE reference = ?", [(one,) for one in refs])

    # --- Judging ------------------------------------------------------------------------------------------------------

    def _judged(self, life: Life) -> End:
        store, state = life.deployment.state.proposals, life.deployment.state
        saga = store.get(self.of.template.content.proposal_id)
        parts = store.parts(saga.content.proposal_id)
        by = {(one.content.step, bool(one.content.undoes)): one.state for one in parts}
        now = standing(self.world.erp.path, self.world.home.tasks())
        twice, lost, stands = [], [], 0
        for step in self.of.plan:
            there = self._stands(step, now)
            stands += there is not False
            expected = stands_by(by.get((step.name, False)), by.get((step.name, True)))
            for back, told in ((False, "failed_step_is_there"), (True, "failed_way_back_is_there")):
                if saga.reason == told and self.faults.get((step.name, back)) in ("tardy", "later"):
                    expected = not back  # a person is told of it
            if self.planted == "believes" and expected is False:
                expected = True
            if there is None:
                twice.append(f"{step.name} is neither as before nor written once")
            elif expected is not None and there != expected:
                lost.append(f"{step.name} {'stands' if there else 'does not stand'}, and its parts say otherwise")
        twice += begun_twice(parts)
        wrongs = [*misled(saga, by, self.of.plan), *self._moves(life, saga, parts)]
        records = list(state.audit.read_all())
        report = verify(records, strays=state.audit.strays(), proposals=store.kept())
        wrongs += [f"{one.seq} {one.code} {one.detail}" for one in report.findings if not one.is_notice]
        return End(
            state=saga.state,
            reason=saga.reason,
            sends=self.world.sends,
            effects=stands,
            duplicates=tuple(twice),
            lost=tuple(lost),
            wrongs=tuple(wrongs),
            parts=tuple((f"{step}{' back' if back else ''}", str(one)) for (step, back), one in by.items()),
        )

    def _stands(self, step: PlannedStep, now: Standing) -> bool | None:
        lists = self.of.touches[step.name]
        if all(now[at] == self.of.before[at] for at in lists):
            return False
        return True if all(now[at] == self.of.after[at] for at in lists) else None

    def _moves(self, life: Life, saga: Proposal, parts: Sequence[Proposal]) -> list[str]:
        """Return what is wrong with the moves of a saga and its parts: each after the other has ended."""
        store, wrongs, last = life.deployment.state.proposals, [], 0
        for one in (saga, *parts):
            events = store.history(one.content.proposal_id)
            told = [(name, event.audit_seq) for event in events if (name := _state_of(event.type))]
            path = [name for name, _ in told]
            wrongs += [f"{a} → {b} is no move" for a, b in pairwise(path) if (a, b) not in LEGAL]
            sent = [at for at, name in enumerate(path) if name == "SENDING"]
            if "UNKNOWN" in path and any(at > path.index("UNKNOWN") for at in sent):
                wrongs.append(f"{one.content.step} was sent after nobody knew")
            if one is saga:
                continue
            if told[0][1] < last:
                wrongs.append(f"{one.content.step} was begun before the part before it had ended")
            last = told[-1][1] if one.state in ENDS else last
        open_parts = [one.content.step for one in parts if one.state not in ENDS]
        if len(open_parts) > 1 or (open_parts and saga.state not in _GOES_ON):
            wrongs.append(f"{saga.state} while {open_parts} are under way")
        return wrongs


def _due(proposal: Proposal) -> datetime:
    texts = [one for one in (proposal.lease_expires_at, proposal.not_before) if one]
    return max(map(parse_instant, texts), default=parse_instant(proposal.since))


class _Port:
    """The port of one system, where what is asked for goes wrong."""

    def __init__(self, play: SagaPlay, life: Life, inner: Commands, at: Callable[[str], None]) -> None:
        self._play, self._life, self._inner, self._at = play, life, inner, at

    @property
    def system(self) -> str:
        return self._inner.system

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        return self._inner.operations

    async def send(self, command: Command) -> Outcome:
        sending = self._part(command)
        assert sending is not None
        part = sending.content
        fault = self._play.meets((part.step, bool(part.undoes)))
        if fault in FAILS and not part.undoes:
            self._play.lose_records()
        if fault in ("late", "down"):
            return NotSent(reason="rate_limited", retry_after_s=30)
        self._play.world.sent()
        if fault == "refuse":
            return Refused(code="document_closed", native_code="06/115")
        if fault == "conflict":
            return Conflict()
        if fault in ("missed", "tardy", "later"):
            return Unknown(reason="connection_lost")
        outcome = await self._done(command)
        if self._play.planted == "twice":
            other = "1" if command.reference.endswith("0") else "0"
            await self._inner.send(replace(command, reference=command.reference[:-1] + other))
        return Unknown(reason="connection_lost") if fault == "applied" else outcome

    def _part(self, command: Command) -> Proposal | None:
        parts = self._life.deployment.state.proposals.parts(self._play.of.template.content.proposal_id)
        return next((one for one in parts if one.content.command.reference == command.reference), None)

    async def _done(self, command: Command) -> Outcome:
        if command.system != "gateway":  # the demo ERP tells of its commits itself
            return await self._inner.send(command)
        self._at("own_before_commit")
        outcome = await self._inner.send(command)
        self._at("own_after_commit")
        return outcome

    async def find(self, command: Command) -> Written | None:
        part = self._part(command)
        if part is not None and part.state is State.NOT_APPLIED and self._play.is_tardy(part):
            await self._inner.send(command)
        return await self._inner.find(command)

    async def probe(self) -> Mapping[str, str]:
        return await self._inner.probe()

    async def close(self) -> None:
        """Hold nothing."""
