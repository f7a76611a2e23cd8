"""Starts `erp-mcp` from a process that has imported it already, which takes a fifth of the work.

What is started is a fork of that process with the arguments, directory, environment, pipes and exit status of whoever
asked. Where the start itself is the matter (how soon, what is imported, what a signal meets), tests start real ones.

`parent` is the process that forks, `start` what stands in for the command.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from unittest import mock

_HERE: Final = Path(__file__).resolve().parent
_ROOT: Final = _HERE.parents[1]
FAKE_SERVER: Final = _HERE.parent / "path" / "fake_server.py"
"""The server of the package with a gateway that is none: a script, started by its path."""
_STARTED: Final = frozenset({"serve", "worker"})  # what tests start so often that it counts
_OURS: Final = frozenset({"erp-mcp", "erp_mcp"})  # the program, or Python with the module


class Warm:
    """Gives commands in place of those of the package."""

    def __init__(self, place: Path | None) -> None:
        """Go by the socket of a parent; without one each command is a start as ever."""
        self._place = place

    def command(self, *arguments: str) -> list[str]:
        """Return what does the same as `erp-mcp` with these arguments."""
        if self._place is None:
            return [sys.executable, "-m", "erp_mcp", *arguments]
        return self._started("", *arguments)

    def instead_of(self, command: Sequence[str]) -> list[str]:
        """Return what does the same as a command that starts a server or a worker; any other command as it is."""
        if self._place is not None and len(command) > 1:
            if Path(command[1]) == FAKE_SERVER:
                return self._started(*command[1:])
            place = next((place for place, word in enumerate(command) if word in _STARTED), 0)
            if place > 0 and Path(command[place - 1]).name in _OURS:
                return self.command(*command[place:])
        return list(command)

    def _started(self, script: str, *arguments: str) -> list[str]:
        """Return what asks the parent for a script, or the package where none is named, with arguments."""
        return [sys.executable, "-IS", str(_HERE / "start.py"), str(self._place), script, *arguments]


COLD: Final = Warm(None)
"""Starts each command as ever."""
_used: Warm = COLD


def served_by(command: Sequence[str]) -> list[str]:
    """Return what starts a server or a worker in the tests that run now: the command itself, or what does the same."""
    return _used.instead_of(command)


@contextmanager
def used(warm: Warm) -> Iterator[None]:
    """Have servers started by it meanwhile, and the worker that an approval starts."""
    from erp_mcp.cli import one_shot_worker  # collecting tests needs it not

    global _used  # noqa: PLW0603 - the helpers that start servers are told nothing of the test that asks
    before, _used = _used, warm
    starting = SimpleNamespace(**{**vars(subprocess), "Popen": _popen})
    try:
        with mock.patch.object(one_shot_worker, "subprocess", starting):
            yield
    finally:
        _used = before


def _popen(command: Sequence[str], **how: Any) -> subprocess.Popen[Any]:
    return subprocess.Popen(served_by(command), **how)


@contextmanager
def warmed() -> Iterator[Warm]:
    """Keep a parent running; with its end, everything ends that it has started."""
    if not hasattr(os, "pidfd_open"):  # of Linux
        yield COLD
        return
    with tempfile.TemporaryDirectory(prefix="warm-") as folder:
        place = Path(folder) / "socket"
        with subprocess.Popen(
            [sys.executable, "-m", "tests.warm.parent", str(place)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT,
        ) as parent:  # fmt: skip
            assert parent.stdin
            assert parent.stdout
            assert parent.stdout.readline() == b"ready\n"
            try:
                yield Warm(place)
            finally:
                parent.stdin.close()
                parent.wait()
