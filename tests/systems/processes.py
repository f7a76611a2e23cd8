"""Servers of the rigs as child processes: a free port, started apart from us, waited for, ended by their own id."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypedDict

_STOP_S: Final = 10
_LOOK_S: Final = 0.05
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}  # kept, since one that is dropped while it runs complains


class RunAs(TypedDict):
    """Whom a process runs as, in the words of `subprocess`; as we do where all are `None`."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None


_AS_WE_DO: Final = RunAs(user=None, group=None, extra_groups=None)


def not_root(name: str) -> RunAs:
    """Return whom to run a server as that refuses to run as root: the user of that name, or nobody where there is none.

    Raises:
        RuntimeError: There is neither.
    """
    if os.geteuid() != 0:
        return _AS_WE_DO
    for one in (name, "nobody"):
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(one)
            return RunAs(user=found.pw_uid, group=found.pw_gid, extra_groups=[])
    raise RuntimeError(f"this server does not run as root, and there is no user {name} or nobody")


def give(to: RunAs, *places: Path) -> None:
    """Make files the property of whom a server runs as."""
    if to["user"] is not None and to["group"] is not None:
        for place in places:
            os.chown(place, to["user"], to["group"])


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def started(
    command: Sequence[str],
    log: Path,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stays: bool = True,
    run_as: RunAs = _AS_WE_DO,
) -> subprocess.Popen[bytes]:
    """Start a server; what it says is added to `log`. One that `stays` outlives us and a key that interrupts us."""
    with log.open("ab") as said:
        process = subprocess.Popen(
            command, stdout=said, stderr=said, stdin=subprocess.DEVNULL, cwd=cwd, env=env, start_new_session=stays,
            **run_as,
        )  # fmt: skip
    _CHILDREN[process.pid] = process
    return process


def wait_for(
    process: subprocess.Popen[bytes], answers: Callable[[], bool], *, name: str, log: Path, within_s: float
) -> None:
    """Wait until a server answers; one that does not is ended.

    Raises:
        RuntimeError: It ended, or did not answer in time; with the end of what it said.
    """
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and process.poll() is None:
        if answers():
            return
        time.sleep(_LOOK_S)
    end(process.pid)
    said = log.read_text(encoding="utf-8", errors="replace")[-2000:] if log.exists() else ""
    raise RuntimeError(f"{name} did not start: {said}")


def until(holds: Callable[[], bool], *, name: str, within_s: float) -> None:
    """Wait until a server that runs has come to something.

    Raises:
        RuntimeError: It has not in time.
    """
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} does not get ready")
        time.sleep(_LOOK_S)


def end(pid: int, *, within_s: float = _STOP_S) -> None:
    """End a server by its id and no other way, hard where it takes longer; one that is gone is left alone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if _ended(pid):
                return
            time.sleep(_LOOK_S)
        os.kill(pid, signal.SIGKILL)
    if (child := _CHILDREN.pop(pid, None)) is not None:
        child.wait()


def _ended(pid: int) -> bool:
    if (child := _CHILDREN.get(pid)) is not None:
        if child.poll() is None:
            return False
        del _CHILDREN[pid]
        return True
    try:  # started by another process: not ours to wait for
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def end_all(state: Path) -> None:
    """End every server that `pid` in a state directory names, one id a line, and forget the file."""
    file = state / "pid"
    if not file.exists():
        return
    for line in file.read_text(encoding="ascii").split():
        end(int(line))
    file.unlink()


def describe(file: Path, text: str) -> None:
    """Write what a rig is into a file that its owner alone may read: passwords are in it."""
    file.touch(mode=0o600)
    file.write_text(text, encoding="utf-8")
