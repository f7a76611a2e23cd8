"""A saga ends as all of it, none of it, or with a person who sees what stands, wherever it fails or its worker dies.

Here is each step, each way back after it, and a seeded sample of deaths; `make torture` plays all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from random import Random
from typing import Final

import pytest

from tests.guarantees import guarantees
from tests.systems.postgresql.server import running
from tests.torture.homes import FileHome, schema_home
from tests.torture.plant import Kit
from tests.torture.saga_plant import saga_templates
from tests.torture.saga_play import Fault, Faults
from tests.torture.sagas import deaths, played, some_of_matrix, ways, world_of
from tests.torture.stage import Tally
from tests.torture.world import World

SEED: Final = 6


@pytest.fixture
def world(kit: Kit) -> Iterator[World]:
    """The state in a file."""
    logging.disable()  # planted failures are many, and each is logged
    saga_templates(kit)
    yield world_of(kit, FileHome(kit.settings.state_dir))
    logging.disable(logging.NOTSET)


@pytest.fixture
def on_postgresql(kit: Kit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The state in a schema."""
    logging.disable()
    saga_templates(kit)
    with running(tmp_path_factory.mktemp("postgresql")) as rig, schema_home(rig, kit.settings.deployment) as home:
        yield world_of(kit, home)
    logging.disable(logging.NOTSET)


def right(tally: Tally) -> Tally:
    """See that nothing is wrong."""
    assert (tally.duplicates, tally.lost, tally.illegal) == (0, 0, 0), "\n".join(tally.wrongs)
    return tally


@guarantees("P10.saga", "P4.one_effect", "P4.unknown")
def test_whichever_step_fails_and_whichever_way_back_what_is_left_is_what_the_parts_say(world: World) -> None:
    """One fault of each step and of each pair of step and way back, chosen by a seed."""
    for of in saga_templates(world.kit):
        schedules = [*some_of_matrix(of, Random(SEED))]
        steps = len(of.plan)
        assert len(schedules) == steps + steps * (steps - 1) // 2
        assert len(right(played(world, of, schedules)).states) >= 2


@guarantees("P10.saga", "P4.unknown")
def test_what_a_system_does_after_it_was_called_not_applied_is_seen_before_the_rest_is_taken_back(world: World) -> None:
    """A person is told that it stands, and nothing else is touched."""
    for of in saga_templates(world.kit):
        tally = right(played(world, of, [{(step.name, False): "tardy"} for step in of.plan]))
        assert tally.states == {"COMPENSATION_STUCK": len(of.plan)}


@guarantees("P10.saga", "P4.unknown", "P4.one_effect")
def test_a_way_back_that_comes_to_nothing_is_begun_anew_and_never_done_twice(world: World) -> None:
    """Once more after a passing cause; never beside one that its system did after it was called not applied."""
    for of in saga_templates(world.kit):
        first, last = of.plan[0].name, of.plan[-1].name
        ends: dict[Fault, str] = {
            "changed": "COMPENSATED",
            "mislaid": "COMPENSATED",
            "conflict": "COMPENSATION_STUCK",
            "tardy": "COMPENSATION_STUCK",
            "later": "COMPENSATING",
        }
        for fault, state in ends.items():
            tally = right(played(world, of, [{(last, False): "refuse", (first, True): fault}]))
            assert tally.states == {state: 1}, fault


@guarantees("P10.saga", "P4.one_effect", "P10.survives")
def test_a_worker_killed_anywhere_in_a_saga_leaves_what_the_next_one_ends(world: World) -> None:
    """One that goes through and one that is taken back: some deaths, and some pairs of them."""
    for of in saga_templates(world.kit):
        through, back = (right(deaths(world, of, faults, singles=8, pairs=2, seed=SEED)) for faults in ways(of))
        assert through.states["COMMITTED"] >= through.played / 2  # one that was never done is taken back
        assert back.states["COMPENSATED"] >= back.played / 2


@guarantees("P10.saga")
@pytest.mark.parametrize(
    ("planted", "faults", "figure"),
    [
        ("twice", {}, "duplicates"),
        ("twice", {("allocate_budget", False): "refuse"}, "lost"),
        ("believes", {("allocate_budget", False): "refuse"}, "lost"),
    ],
)
def test_the_harness_sees_what_is_wrong_with_a_saga(world: World, planted: str, faults: Faults, figure: str) -> None:
    """A system that does everything twice, of which one is taken back, and a judge who is told what is not there."""
    of = saga_templates(world.kit)[0]
    tally = played(world, of, [faults], planted=planted)
    assert getattr(tally, figure) > 0
    assert tally.wrongs


@pytest.mark.live
@guarantees("P10.saga", "P4.two_stores", "P10.survives")
def test_a_saga_ends_as_truly_on_the_other_store(on_postgresql: World) -> None:
    """One fault of each step of the procurement, and some deaths."""
    of = saga_templates(on_postgresql.kit)[0]
    right(played(on_postgresql, of, list(some_of_matrix(of, Random(SEED)))[::3]))
    for faults in ways(of):
        right(deaths(on_postgresql, of, faults, singles=2, pairs=1, seed=SEED))
