"""`python -m tests.crash.full_disk`: the file system takes no more at any moment of a proposal's way, and then it does.

A forked process proposes, lets a person approve and works on a file system that is full after so many bytes more; each
start has some more room. Where root may mount, it is a small file system in memory (`ENOSPC`), or one that is read-only
from some step on (`EROFS`); else no file may grow beyond a bound (`EFBIG`). Then there is room again, and another
process goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Literal, get_args

from erp_mcp.domain.lifecycle import State
from erp_mcp.errors import GatewayError
from tests.crash.run import facts_of, in_memory
from tests.unit.committing.erp import effects, shipped_profile
from tests.unit.committing.office import CREATE, Office

Kind = Literal["bounded", "full", "read_only"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_FIRST: Final = 1
_ID: Final = f"prp_{_FIRST:012d}"
_PAGE: Final = 4096
_MOST_PAGES: Final = 120  # with so many there is room for everything
_SIZE: Final = 4 << 20  # of the file system in memory
_STEPS: Final = ("propose", "approve", "work")


@dataclass(slots=True)
class Seen:
    """What was left: `refused` counts steps that were told that there is no room, `wrong` says what must not be."""

    starts: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    untouched: int = 0  # starts in which everything fitted
    corrupt: int = 0
    wrong: list[str] = field(default_factory=list)


def play(kind: Kind, rooms: int) -> Seen:
    """Play a kind with so many different amounts of room."""
    seen = Seen()
    shipped_profile()
    with tempfile.TemporaryDirectory(dir=in_memory()) as name:
        template = Path(name) / "template"
        template.mkdir()
        Office.furnished(template).close()
        steps = range(len(_STEPS)) if kind == "read_only" else range(0, _MOST_PAGES, max(1, _MOST_PAGES // rooms))
        for number in steps:
            with _file_system(Path(name) / "disk", kind) as disk:
                folder = Path(shutil.copytree(template, disk / "deployment"))
                told = _forked(partial(_on_little_room, folder, kind, number))
                seen.refused += Counter(told)
                seen.untouched += not told
                _make_room(disk, kind)
                _judge(folder, seen, f"{kind} {number}: {told}")
    return seen


def may_mount() -> bool:
    """Return whether we may mount a file system in memory."""
    with tempfile.TemporaryDirectory() as name:
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", name], capture_output=True, check=False).returncode:
            return False
        subprocess.run(["umount", name], capture_output=True, check=True)
        return True


@contextmanager
def _file_system(place: Path, kind: Kind) -> Iterator[Path]:
    place.mkdir()
    if kind == "bounded":
        yield place
        shutil.rmtree(place)
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
        place.rmdir()


def _make_room(disk: Path, kind: Kind) -> None:
    if kind == "full":
        (disk / "ballast").unlink(missing_ok=True)
    if kind == "read_only":
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


def _on_little_room(folder: Path, kind: Kind, number: int) -> list[str]:
    """Do all that there is to do; return the steps that were told that it can't be."""
    if kind == "bounded":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (number * _PAGE, resource.RLIM_INFINITY))
    if kind == "full":
        _leave(folder.parent, number * _PAGE)
    refused: list[str] = []
    for index, step in enumerate(_STEPS):
        if kind == "read_only" and index == number:
            subprocess.run(["mount", "-o", "remount,ro", str(folder.parent)], check=True)
        try:
            _do(folder, step)
        except GatewayError as error:
            refused.append(f"{step}: {error.code}")
    return refused


def _leave(disk: Path, room: int) -> None:
    """Fill a file system until no more than so many bytes are left."""
    free = shutil.disk_usage(disk).free
    with (disk / "ballast").open("wb") as file:
        file.write(b"\0" * max(0, free - room))


def _do(folder: Path, step: str) -> None:
    """Do one step, each in a process of its own as it were."""
    office = Office(folder)
    try:
        if step == "propose":
            office.propose(CREATE, number=_FIRST)
        elif step == "approve":
            office.approve(office.state.proposals.get(_ID).content)
        else:
            asyncio.run(office.work_off())
    finally:
        office.close()


def _judge(folder: Path, seen: Seen, what: str) -> None:
    """Look at what there is now that there is room, go on, and see it come to its end once."""
    seen.starts += 1
    for path in (folder / "state" / "state.sqlite", folder / "erp.sqlite"):
        with closing(sqlite3.connect(path)) as file:
            if file.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                seen.corrupt += 1
                seen.wrong.append(f"{what}: {path.name} is damaged")
    office = Office(folder)
    flaws = office.flaws()
    if not office.state.proposals.of_agent("planner"):
        office.propose(CREATE, number=_FIRST)
    proposal = office.state.proposals.get(_ID)
    before = proposal.state.value
    if proposal.state is State.AWAITING_APPROVAL:
        office.approve(proposal.content)
    office.clock.advance(130, plant=False)
    end = asyncio.run(office.until_end(proposal.content)).state
    seen.states[end.value] += 1
    found = effects(folder / "erp.sqlite")
    flaws += office.flaws()
    is_an_end = end in {State.COMMITTED, State.NOT_APPLIED}
    if flaws or found > 1 or (end is State.COMMITTED) != (found == 1) or not is_an_end:
        seen.wrong.append(f"{what}: {before} → {end}, {found} times in the ERP, {flaws}")
    office.close()


def _forked(work: Callable[[], list[str]]) -> list[str]:
    """Do it in a process of its own; return what it says."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        logging.disable()
        try:
            os.write(writing, json.dumps(work()).encode("utf-8"))
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a forked process must never go on as its parent would
            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "it broke instead of saying so"
    told: list[str] = json.loads(said)
    return told


def main() -> int:
    """Play, print, and say by the exit status whether anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.full_disk", description=__doc__)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=KINDS)
    parser.add_argument("--rooms", type=int, default=_MOST_PAGES)
    parser.add_argument("--json", action="store_true")
    chosen, told = parser.parse_args(), {}
    for kind in chosen.kinds:
        if kind != "bounded" and not may_mount():
            print(f"{kind}: left out, since this process may not mount a file system", file=sys.stderr)
            continue
        seen = told[kind] = play(kind, chosen.rooms)
        if not chosen.json:
            wrong = f"{seen.corrupt} damaged, {len(seen.wrong)} wrong"
            print(f"{kind}: {seen.starts} starts ({seen.untouched} fitted), {wrong};",
                  dict(seen.refused), dict(seen.states))  # fmt: skip
            print(*seen.wrong, sep="\n")
    if chosen.json:
        print(json.dumps({kind: facts_of(seen) for kind, seen in told.items()}))
    return 1 if any(seen.wrong for seen in told.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
