"""Several processes that play beside each other, each in a plant of its own: one tool on one store at a time.

What is played, and how it is judged, is what one process would play; a stage that makes what it plays is one piece of
work for each store. A process that dies, or in which something breaks, ends the whole run with an error.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import traceback
from argparse import Namespace
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from tests.systems.postgresql.server import VARIABLE, running
from tests.torture.plant import Kit
from tests.torture.stage import Tally


class BrokenError(Exception):
    """Something broke in a process, and its text says what; what was wrong with a schedule is a tally's, not this."""


def pieces(chosen: Namespace, stores: Sequence[str], tools: Sequence[str], own: frozenset[str]) -> Iterator[Namespace]:
    """Return what can be played apart, what takes longest first.

    Args:
        chosen: What is to be played.
        stores: On these.
        tools: With these.
        own: Stages that make what they play.
    """
    whole = [one for one in chosen.stages if one in own]
    yield from (_narrowed(chosen, store=store, stages=[stage]) for stage in whole for store in stores)
    of_tools = [one for one in chosen.stages if one not in own]
    if of_tools:
        yield from (_narrowed(chosen, store=store, stages=of_tools, tools=[tool]) for tool in tools for store in stores)


def side_by_side(work: Sequence[Namespace], plant: Path, jobs: int) -> Iterator[Tally]:
    """Play pieces of work in so many processes, and yield what each came to as it ends.

    Args:
        work: See `pieces`.
        plant: Of a kit in which nothing was played.
        jobs: How many processes; each copies the plant.
    """
    with ExitStack() as held:
        if any(one.store == "postgresql" for one in work):
            state = Path(held.enter_context(TemporaryDirectory()))
            held.enter_context(running(state))  # one server for all: each has a database of its own
            held.enter_context(mock.patch.dict(os.environ, {VARIABLE: os.environ.get(VARIABLE, str(state))}))
        folder = held.enter_context(TemporaryDirectory(dir=plant.parent))
        pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))
        held.callback(pool.shutdown, cancel_futures=True)
        playing: list[Future[list[Tally]]] = [pool.submit(_play, one, str(plant), folder) for one in work]
        for ended in as_completed(playing):
            yield from ended.result()


def _play(piece: Namespace, plant: str, folder: str) -> list[Tally]:
    """Play one piece of work in a process of the pool."""
    from tests.torture.__main__ import tallies  # which imports this module

    logging.disable()  # planted failures are many, and each is logged
    try:
        return list(tallies(piece, _kit(plant, folder), [piece.store]))
    except Exception:  # noqa: BLE001 - not every error can be handed to another process as it is
        raise BrokenError(f"{piece.store} {piece.stages} {piece.tools}\n{traceback.format_exc()}") from None


@lru_cache(maxsize=1)
def _kit(plant: str, folder: str) -> Kit:
    """Return the kit of this process."""
    return Kit(Path(shutil.copytree(plant, Path(folder) / str(os.getpid()))))


def _narrowed(chosen: Namespace, **instead: object) -> Namespace:
    return Namespace(**{**vars(chosen), **instead})
