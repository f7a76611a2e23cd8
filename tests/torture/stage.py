"""What the runner plays: stages, each of which plays schedules of one tool under one contract and tallies them.

Deaths (`crash`) and faults of the wire (`wire`) are stages. One more, of sagas for example, is a function that takes a
`Set` and what was asked for and yields tallies, and a line in `STAGES`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import product
from random import Random
from typing import Final

from erp_mcp.domain.command import RetryKind
from tests.torture.crash import Crash, Death
from tests.torture.plant import Template
from tests.torture.ports import KINDS, WAYS, Planted, Way, kinds_of, meets
from tests.torture.wire import LENGTHS, Wire, cases
from tests.torture.world import Ending, World

SHOWN: Final = 20  # wrongs that are kept of each tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be played.

    Attributes:
        kinds: Contracts; those that a tool's operation can stand under are played.
        ways: What goes wrong beside a death.
        pairs: Schedules of two deaths on the plain way: `None` for all of them, else so many by chance. On the other
            ways, where a system fails too, they are played with `every`, and by chance with a number.
        triples: Schedules of three deaths, by chance.
        every: Play also deaths that leave nothing else than the death one point before did, and faults of any length.
        sample: So many faults of each tool and contract, and pairs in each scene, by chance; `None` for all of them.
        seed: Of all chance.
        own: Only the contract that a tool's operation has.
        planted: A worker or a system that is wrong, which must be found.
        steps: How many steps of the model are played, on each store.
    """

    kinds: tuple[RetryKind, ...] = KINDS
    ways: tuple[Way, ...] = WAYS
    pairs: int | None = 0
    triples: int = 0
    every: bool = False
    sample: int | None = None
    seed: int = 1
    own: bool = False
    planted: Planted = ""
    steps: int = 4_000


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was seen of one tool under one contract; `schedules` that leave the same as another are `played` once."""

    stage: str = ""
    store: str = ""
    tool: str = ""
    kind: str = ""
    way: str = ""
    schedules: int = 0
    played: int = 0
    sends: int = 0
    effects: int = 0
    duplicates: int = 0
    lost: int = 0
    illegal: int = 0
    seconds: float = 0.0
    states: Counter[str] = field(default_factory=Counter)
    answer_lost: Counter[str] = field(default_factory=Counter)  # states of what took effect and was not answered
    wrongs: list[str] = field(default_factory=list)

    def add(self, ending: Ending, told: str, *, answers: bool = True) -> None:
        """Count one schedule that was played; `answers` says whether its system answers what it has written."""
        self.played += 1
        self.sends += ending.sends
        self.effects += ending.effects
        self.duplicates += ending.is_duplicate
        self.lost += ending.is_lost
        self.illegal += bool(ending.wrongs)
        self.states[ending.state.value] += 1
        if ending.effects and not answers:
            self.answer_lost[ending.state.value] += 1
        if (ending.is_duplicate or ending.is_lost or ending.wrongs) and len(self.wrongs) < SHOWN:
            facts = f"{ending.state} [{ending.reason}] {ending.effects} effects, {ending.sends} sends"
            self.wrongs.append(f"{told}: {facts} {'; '.join(ending.wrongs)}".rstrip())

    def take(self, other: Tally) -> None:
        """Add another's figures."""
        for name in ("schedules", "played", "sends", "effects", "duplicates", "lost", "illegal", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.states += other.states
        self.answer_lost += other.answer_lost
        self.wrongs += other.wrongs

    @property
    def is_wrong(self) -> bool:
        """Whether anything was seen that must not be."""
        return bool(self.duplicates or self.lost or self.illegal)

    @property
    def ms(self) -> float:
        """How many milliseconds a schedule took that was played."""
        return 1000 * self.seconds / max(1, self.played)

    def facts(self) -> dict[str, object]:
        """Return it for a file."""
        counted = {"states": dict(self.states), "answer_lost": dict(self.answer_lost)}
        return {**asdict(self), **counted, "ms": round(self.ms, 2), "seconds": round(self.seconds, 2)}


@dataclass(slots=True, kw_only=True)
class Set:
    """Where schedules are played: one world of each store, and the templates."""

    world: World
    templates: Sequence[Template]

    @contextmanager
    def tallied(self, stage: str, template: Template, kind: str, way: str) -> Iterator[Tally]:
        """Give a tally that knows how long it took."""
        tally = Tally(stage=stage, store=self.world.home.name, tool=template.tool, kind=kind, way=way)
        began = time.perf_counter()
        yield tally
        tally.seconds = time.perf_counter() - began

    def kinds(self, template: Template, asked: Asked) -> tuple[RetryKind, ...]:
        """Return the contracts that are to be played with a tool."""
        own = own_kind(self, template)
        return tuple(one for one in kinds_of(template) if one in asked.kinds and (one == own or not asked.own))


def own_kind(played: Set, template: Template) -> RetryKind:
    """Return the contract that a tool's operation has."""
    command = template.content.command
    return played.world.kit.contract(command.system, command.operation).kind


def crash(played: Set, asked: Asked) -> Iterator[Tally]:
    """Let workers die: once at every point, twice, and three times."""
    for template in played.templates:
        own = own_kind(played, template)
        played.world.learn(Crash(played.world, template, own).plain())
        chosen = product(played.kinds(template, asked), asked.ways)
        yield from (_deaths(played, template, kind, way, asked) for kind, way in chosen if meets(kind, way))


def _deaths(played: Set, template: Template, kind: RetryKind, way: Way, asked: Asked) -> Tally:
    with played.tallied("crash", template, kind, way) as tally:
        one = Crash(played.world, template, kind, way, asked.planted)
        chance = Random(f"{asked.seed} {template.tool} {kind} {way}")
        firsts = one.deaths()
        play(tally, one, firsts, every=asked.every)
        if asked.pairs is None and (way == "plain" or asked.every):
            play_pairs(tally, one, firsts, every=asked.every)
        play(tally, one, one.some(firsts, chance, asked.pairs or 0), every=True)
        play(tally, one, one.some(firsts, chance, asked.triples, deaths=3), every=True)
    return tally


def play(tally: Tally, one: Crash, deaths: Iterable[Death], *, every: bool) -> None:
    """Count deaths, and play those that leave something new to the end."""
    for death in deaths:
        tally.schedules += 1
        if death.is_new or every:
            tally.add(one.ending(death), " then ".join(death.points), answers=one.way != "cut_after")


def play_pairs(tally: Tally, one: Crash, firsts: Sequence[Death], *, every: bool) -> None:
    """Play for each death all deaths of the worker that goes on from it."""
    for first in firsts:
        if first.is_new or every:
            seconds = one.deaths(first)
            tally.schedules += _repeats(firsts, first, every=every) * len(seconds)
            play(tally, one, seconds, every=every)


def _repeats(firsts: Sequence[Death], first: Death, *, every: bool) -> int:
    """Return how many deaths after this one left just what it left: their schedules are this one's."""
    if every:
        return 0
    after = firsts[next(number for number, one in enumerate(firsts) if one is first) + 1 :]
    count = 0
    for one in after:
        if one.is_new:
            break
        count += 1
    return count


def wire(played: Set, asked: Asked) -> Iterator[Tally]:
    """Let everything go wrong between worker and ERP that can."""
    world = played.world
    line = Wire(world)
    world.kit.runner.run(line.open())
    try:
        for template in (one for one in played.templates if not one.is_own):
            world.learn(Crash(world, template, own_kind(played, template)).plain())
            yield from (_faults(played, line, template, kind, asked) for kind in played.kinds(template, asked))
    finally:
        world.kit.runner.run(line.close())


def _faults(played: Set, line: Wire, template: Template, kind: RetryKind, asked: Asked) -> Tally:
    chosen = list(cases(kind, LENGTHS if asked.every else LENGTHS[:1]))
    if asked.sample is not None:
        chance = Random(f"{asked.seed} {template.tool} {kind}")
        chosen = chance.sample(chosen, min(asked.sample, len(chosen)))
    with played.tallied("wire", template, kind, "") as tally:
        for case in chosen:
            tally.schedules += 1
            tally.add(line.play(template, kind, case), str(case), answers=case.answers)
    return tally


Stage = Callable[[Set, Asked], Iterator[Tally]]
STAGES: Final[Mapping[str, Stage]] = {"crash": crash, "wire": wire}
