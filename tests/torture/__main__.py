"""`python -m tests.torture`: schedules of deaths and of faults, over all write tools, contracts, sagas and stores.

One stage is of people who die in an emergency (`glass`), one lets two transactions come between each other at every
statement, on PostgreSQL (`meanwhile`); the last lets everything happen at once, beside a model (`tests.model`). It
prints a line for each tool and contract as it goes, the sums at the end, what became of changes whose answer got lost,
and exits 1 where anything was wrong. In pieces: `--tools`, `--contracts`, `--ways`, `--stages`, `--store`. Where
PostgreSQL is not installed its store is left out with a line that says so, and with `REQUIRE_ALL=1` that is an error.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final, cast

from erp_mcp.domain.command import RetryKind
from tests.crash.run import in_memory
from tests.model.playing import everything
from tests.prepared import prepare
from tests.systems.postgresql.server import installed
from tests.torture import stage as stages
from tests.torture.glass import glass
from tests.torture.homes import ErpFile, home_on
from tests.torture.meanwhile import meanwhile
from tests.torture.plant import ERP, Kit, Template, prepared, remembering
from tests.torture.ports import KINDS, PLANTED, WAYS
from tests.torture.sagas import sagas
from tests.torture.side_by_side import pieces, side_by_side
from tests.torture.stage import Asked, Set, Stage, Tally
from tests.torture.world import World

STAGES: Final[Mapping[str, Stage]] = {
    **stages.STAGES,
    "saga": sagas,
    "glass": glass,
    "meanwhile": meanwhile,
    "model": everything,
}
_OWN: Final = frozenset({"saga", "glass", "meanwhile", "model"})  # stages that make what they play
STORES: Final = ("sqlite", "postgresql")
_LACKS: Final = "PostgreSQL is not installed (initdb, pg_ctl, postgres and pg_basebackup): its store is left out"
_LOST_HEAD: Final = ("schedules", "resolved", "parked", "neither", "duplicates")
_HEAD: Final = ("schedules", "played", "sends", "effects", "duplicates", "lost", "illegal", "ms")


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, print, and say by the exit status whether anything was wrong."""
    chosen = parser().parse_args(arguments)
    logging.disable()  # planted failures are many, and each is logged
    with tempfile.TemporaryDirectory(dir=in_memory()) as name:
        plant = Path(name) / "plant"
        kit = prepared(Path(shutil.copytree(chosen.plant, plant)) if chosen.plant else prepare(plant))
        try:
            return run(chosen, kit)
        finally:
            kit.close()


def run(chosen: argparse.Namespace, kit: Kit, templates: Sequence[Template] | None = None) -> int:
    """Play what was chosen with a kit, here with these templates of it where there are any; see `main`."""
    began = time.perf_counter()
    stores: tuple[str, ...] = (chosen.store,) if chosen.store != "both" else STORES
    if "postgresql" in stores and not installed():
        print(_LACKS)
        if os.environ.get("REQUIRE_ALL") == "1":
            return 1
        stores = tuple(one for one in stores if one != "postgresql")
    tools = [one.tool for one in templates] if templates is not None else kit.names(chosen.tools)
    if chosen.jobs > 1 and templates is None:
        work = list(pieces(chosen, stores, tools, _OWN))
        playing = side_by_side(work, kit.folder, chosen.jobs)
    else:
        playing = tallies(chosen, kit, stores, templates)
    found: list[Tally] = []
    for tally in playing:
        found.append(tally)
        print(_line(tally), flush=True)
    _print_sums(found)
    print_lost_answers(found)
    print(f"{len(tools) if {*chosen.stages} - _OWN else 0} tools, {time.perf_counter() - began:.0f} s")
    if chosen.json is not None:
        chosen.json.write_text(json.dumps([one.facts() for one in found], indent=1), encoding="utf-8")
    return 1 if any(one.is_wrong for one in found) else 0


def tallies(
    chosen: argparse.Namespace, kit: Kit, stores: Sequence[str], templates: Sequence[Template] | None = None
) -> Iterator[Tally]:
    """Play what was chosen on these stores in this process; templates are made where none are given."""
    if templates is None:
        templates = list(kit.templates(chosen.tools)) if {*chosen.stages} - _OWN else []
    for store in stores:
        with home_on(store, kit.settings) as home, remembering():
            yield from _played(World(kit, home, _erp(kit)), templates, chosen)


def _played(world: World, templates: Sequence[Template], chosen: argparse.Namespace) -> Iterator[Tally]:
    asked = Asked(
        kinds=tuple(chosen.contracts),
        ways=tuple(chosen.ways),
        pairs=chosen.pairs,
        triples=chosen.triples,
        every=chosen.every,
        sample=chosen.sample,
        seed=chosen.seed,
        own=chosen.own,
        planted=chosen.planted,
        steps=chosen.steps,
    )
    for stage in chosen.stages:
        yield from STAGES[stage](Set(world=world, templates=templates), asked)


def _erp(kit: Kit) -> ErpFile:
    path = kit.folder / ERP
    return ErpFile(path, path.read_bytes())


def parser() -> argparse.ArgumentParser:
    """Return what may be chosen."""
    one = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    one.add_argument("--store", default="both", choices=[*STORES, "both"])
    one.add_argument("--stages", nargs="*", default=list(STAGES), choices=list(STAGES))
    one.add_argument("--tools", nargs="*", default=[], help="write tools, all of them where none is named")
    one.add_argument("--contracts", nargs="*", default=list(KINDS), choices=KINDS)
    one.add_argument("--own", action="store_true", help="only the contract that a tool's operation has")
    one.add_argument("--ways", nargs="*", default=list(WAYS), choices=WAYS, help="of the stage crash")
    one.add_argument("--pairs", default=None, type=int, help="so many pairs by chance instead of all")
    one.add_argument("--triples", default=0, type=int, help="so many schedules of three deaths by chance")
    one.add_argument("--sample", default=None, type=int, help="so many of each tool and contract, or scene, by chance")
    one.add_argument("--steps", default=4_000, type=int, help="of the stage model, on each store")
    one.add_argument("--every", action="store_true", help="play also what leaves the same, and longer faults")
    one.add_argument("--seed", default=1, type=int)
    one.add_argument("--plant", default=None, type=Path, help="a prepared demo plant to copy instead of a new one")
    one.add_argument("--planted", default="", choices=PLANTED, help="something wrong that must be found")
    one.add_argument("--jobs", default=os.cpu_count() or 1, type=int, help="processes that play beside each other")
    one.add_argument("--json", default=None, type=Path, metavar="FILE")
    return one


def _print_sums(tallies: Sequence[Tally]) -> None:
    """Print a table of what each tool and contract came to, and one of each stage and store."""
    print(f"\n{'':62}{''.join(f'{one:>11}' for one in _HEAD)}")
    for keys in (("stage", "store", "tool", "kind"), ("stage", "store"), ()):
        named = sorted(tallies, key=lambda one: [getattr(one, key) for key in keys])
        for name, those in groupby(named, key=lambda one: [getattr(one, key) for key in keys]):
            total = Tally()
            for one in those:
                total.take(one)
            figures = [getattr(total, one) for one in _HEAD[:-1]]
            row = "".join(f"{figure:11}" for figure in figures)
            print(f"{' '.join(name) or 'all':62}{row}{total.ms:11.1f}")


def print_lost_answers(tallies: Sequence[Tally]) -> None:
    """Print, by contract, what became of changes that were made and whose answer got lost."""
    lost = {kind: Tally() for kind in KINDS}
    for one in tallies:
        if one.answer_lost:
            lost[cast("RetryKind", one.kind)].take(one)
    if not any(one.answer_lost for one in lost.values()):
        return
    print(f"\n{'written, and the answer lost':62}{''.join(f'{one:>11}' for one in _LOST_HEAD)}")
    for kind, total in lost.items():
        if count := total.answer_lost.total():
            ends = (total.answer_lost["COMMITTED"], total.answer_lost["NEEDS_HUMAN"])
            shares = "".join(f"{100 * end / count:10.1f}%" for end in (*ends, count - sum(ends)))
            print(f"{kind:62}{count:11}{shares}{total.duplicates:11}")


def _line(one: Tally) -> str:
    states = ", ".join(f"{state} {count}" for state, count in sorted(one.states.items()))
    figures = f"{one.schedules:6} schedules  {one.duplicates} duplicates  {one.lost} lost  {one.illegal} illegal"
    name = f"{one.stage:10}{one.store:11}{one.tool:40}{one.kind:12}{one.way:14}"
    return "\n".join([f"{name}{figures}  {one.ms:4.0f} ms  {states}", *(f"    {wrong}" for wrong in one.wrongs)])


if __name__ == "__main__":
    sys.exit(main())
