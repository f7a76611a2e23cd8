"""Stories by chance, the same ones for the same number to begin with: for a runner of their own, a stage and tests."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Final
from unittest import mock

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from erp_mcp.approval import keys
from erp_mcp.store.state.file import FILE_NAME
from tests.model.machine import Everything
from tests.model.shop import stocked
from tests.torture.homes import Home
from tests.torture.plant import Kit
from tests.torture.stage import Asked, Set, Tally

STEPS: Final = 60  # of one story
_AT_ONCE: Final = 20  # stories between two looks at how many steps there were


@contextmanager
def played_on(kit: Kit, home: Home) -> Iterator[None]:
    """Let the machine run on a plant as torture furnishes it, the state kept in a home of it."""
    logging.disable()  # planted failures are many, and each is logged
    with mock.patch.object(keys, "_stretched", lru_cache(keys._stretched)):  # each takes a quarter of a second
        stock = _stock_of(kit)
        Everything.stock = replace(stock, home=home, state=home.of_file(stock.state[FILE_NAME]))
        try:
            yield
        finally:
            kit._put(*kit.base)
            logging.disable(logging.NOTSET)


_stock_of = lru_cache(maxsize=1)(stocked)


def play(stories: int, *, begin: int = 1, shrinks: bool = True) -> Counter[str]:
    """Play so many stories, the same ones for the same number to begin with; return what was seen.

    Raises:
        AssertionError: gateway and model differ, or something that must hold does not.
    """
    Everything.seen.clear()
    phases = (Phase.generate, Phase.shrink) if shrinks else (Phase.generate,)
    chosen = settings(
        max_examples=stories, stateful_step_count=STEPS, deadline=None, database=None, phases=phases,
        suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    run_state_machine_as_test(seed(begin)(Everything), settings=chosen)
    return Counter(Everything.seen)


def played(steps: int, *, begin: int = 1, shrinks: bool = True) -> Counter[str]:
    """Play stories until there were so many steps; as `play`."""
    seen = Counter[str]()
    while seen["steps"] < steps:
        seen += play(_AT_ONCE, begin=begin, shrinks=shrinks)
        begin += 1
    return seen


def everything(found: Set, asked: Asked) -> Iterator[Tally]:
    """Play the stage: `asked.steps` steps; where gateway and model differ, that is what is illegal, and how it came."""
    tally = Tally(stage="model", store=found.world.home.name, tool="everything")
    began = time.perf_counter()
    with played_on(found.world.kit, found.world.home):
        try:
            tally.states = played(asked.steps, begin=asked.seed, shrinks=False)
        except AssertionError as error:
            tally.states, tally.illegal = Counter(Everything.seen), 1
            tally.wrongs.append("\n".join([str(error), *getattr(error, "__notes__", ())]))
    tally.schedules = tally.played = tally.states.pop("examples", 0)
    tally.effects = tally.states["COMMITTED"]
    tally.seconds = time.perf_counter() - began
    yield tally
