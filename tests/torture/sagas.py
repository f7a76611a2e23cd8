"""The stage of sagas: each step fails in every way, each way back too, and workers die at every point of both.

A schedule is wrong where an effect is there twice (`duplicates`), where the parts say something else than the systems
(`lost`), or where a state, a move or an order is none that may be (`illegal`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Final

from tests.torture.homes import ErpFile, Home
from tests.torture.plant import ERP, Kit
from tests.torture.saga_judge import End
from tests.torture.saga_plant import SagaTemplate, saga_templates
from tests.torture.saga_play import FAILS, FAULTS, Fault, Faults, SagaPlay, Spot
from tests.torture.stage import Asked, Set, Tally
from tests.torture.world import World

BACK_FAULTS: Final[tuple[Fault, ...]] = FAULTS
PAIRS: Final = 60
_OF_BACK: Final = ("gone", "changed", "mislaid", "later")
FORWARD_FAULTS: Final[tuple[Fault, ...]] = tuple(one for one in FAULTS if one not in _OF_BACK)


def sagas(found: Set, asked: Asked) -> Iterator[Tally]:
    """Play the stage: the matrix of faults (`asked.sample` of it), every single death and `asked.pairs` pairs."""
    kit = found.world.kit
    made = saga_templates(kit)
    world = world_of(kit, found.world.home)
    for of in made:
        schedules = list(matrix(of))
        if asked.sample is not None:
            schedules = Random(asked.seed).sample(schedules, min(asked.sample, len(schedules)))
        yield played(world, of, schedules)
        pairs = PAIRS if asked.pairs is None else asked.pairs
        for faults in ways(of):
            yield deaths(world, of, faults, pairs=pairs, seed=asked.seed, every=asked.every)


def world_of(kit: Kit, home: Home) -> World:
    """Return a world over the files of a kit as they are now."""
    path = kit.folder / ERP
    return World(kit, home, ErpFile(path, path.read_bytes()))


def ways(of: SagaTemplate) -> Sequence[Faults]:
    """Return the two ways on which workers die: it goes through, and it is taken back from its last step on."""
    return ({}, {(of.plan[-1].name, False): "refuse"})


def matrix(of: SagaTemplate) -> Iterator[Faults]:
    """Return everything that can go wrong with one step, and with one way back after it."""
    names = [one.name for one in of.plan]
    yield {}
    for k, failing in enumerate(names):
        yield from ({(failing, False): fault} for fault in FORWARD_FAULTS)
        for back in names[:k]:
            yield from ({(failing, False): fault, (back, True): bad} for fault in FAILS for bad in BACK_FAULTS)


def some_of_matrix(of: SagaTemplate, chance: Random) -> Iterator[Faults]:
    """Return one fault of each step, and one pair of each step and way back, by chance."""
    names = [one.name for one in of.plan]
    for k, failing in enumerate(names):
        yield {(failing, False): chance.choice(FORWARD_FAULTS)}
        for back in names[:k]:
            yield {(failing, False): chance.choice(FAILS), (back, True): chance.choice(BACK_FAULTS)}


def played(world: World, of: SagaTemplate, schedules: Iterable[Faults], *, planted: str = "") -> Tally:
    """Play schedules of faults."""
    tally, began = _tally(world, of, "faults"), time.perf_counter()
    for faults in schedules:
        _count(tally, SagaPlay(world, of, faults, planted=planted).played(), _told(faults))
    tally.seconds = time.perf_counter() - began
    return tally


def deaths(
    world: World,
    of: SagaTemplate,
    faults: Faults,
    *,
    singles: int | None = None,
    pairs: int = 0,
    seed: int = 1,
    every: bool = False,
) -> Tally:
    """Let workers die during a saga.

    Args:
        world: Where.
        of: The saga.
        faults: What goes wrong besides; none for one that goes through.
        singles: So many points by chance, `None` for all of them.
        pairs: So many pairs of deaths by chance.
        seed: Of all chance.
        every: Play also deaths that leave what the one a point before left.
    """
    tally = _tally(world, of, f"deaths {_told(faults)}".strip())
    play, chance = SagaPlay(world, of, faults), Random(f"{seed} {of.template.tool} {_told(faults)}")
    began = time.perf_counter()
    points = play.deaths()
    for spot in chance.sample(points, min(singles, len(points))) if singles is not None else points:
        if spot.is_new or every or singles is not None:
            _count(tally, play.ended(spot), spot.name)
        else:
            tally.schedules += 1
    for spot in _pairs(play, points, chance, pairs):
        _count(tally, play.ended(spot), spot.name)
    tally.seconds = time.perf_counter() - began
    return tally


def _pairs(play: SagaPlay, points: list[Spot], chance: Random, number: int) -> Iterator[Spot]:
    for _ in range(number):
        following = play.deaths(chance.choice(points))
        if following:
            yield chance.choice(following)


def _tally(world: World, of: SagaTemplate, way: str) -> Tally:
    return Tally(stage="saga", store=world.home.name, tool=of.template.tool, kind="", way=way)


def _count(tally: Tally, end: End, told: str) -> None:
    tally.schedules += 1
    tally.played += 1
    tally.sends += end.sends
    tally.effects += end.effects
    tally.duplicates += len(end.duplicates)
    tally.lost += len(end.lost)
    tally.illegal += bool(end.wrongs)
    tally.states[end.state.value] += 1
    if not end.is_right:
        what = "; ".join((*end.duplicates, *end.lost, *end.wrongs))
        tally.wrongs.append(f"{told}: {end.state} [{end.reason}] {dict(end.parts)} {what}")


def _told(faults: Faults) -> str:
    return ", ".join(f"{step}{' back' if back else ''} {fault}" for (step, back), fault in faults.items())
