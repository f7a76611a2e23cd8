"""`python -m tests.warm.parent SOCKET`: imports the package, says "ready", and forks for each who asks at the socket.

Ends with its input, and everything with it that it has started.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
from typing import Final

_IMPORTED: Final = (
    "erp_mcp.__main__",
    "erp_mcp.adapters.odata",
    "erp_mcp.answers",
    "erp_mcp.bootstrap.deployment",
    "erp_mcp.cli.worker",
    "erp_mcp.server.app",
    "erp_mcp.server.command",
)
_WITH_ALL: Final = "erp_mcp.analyses"  # whose modules are imported by whoever asks for them first
_MESSAGE: Final = 1 << 20


class Parent:
    """Forks, and tells each who asked how its fork ended."""

    def __init__(self, place: str) -> None:
        """Listen at a path."""
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listening.bind(place)
        self._listening.listen(64)
        self._events = selectors.DefaultSelector()
        self._events.register(self._listening, selectors.EVENT_READ, self._asked)
        self._events.register(0, selectors.EVENT_READ, None)
        self._forks: dict[int, tuple[int, socket.socket]] = {}  # by process: what tells its end, and who asked

    def run(self) -> None:
        """Serve until the input ends."""
        while True:
            for key, _ in self._events.select():
                if key.data is None:
                    self._end()
                    return
                key.data()

    def _asked(self) -> None:
        asking, _ = self._listening.accept()
        told, descriptors, _, _ = socket.recv_fds(asking, _MESSAGE, 3)
        if not told:  # killed before it could ask
            asking.close()
            return
        pid = os.fork()
        if pid == 0:
            self._events.close()
            for one in (self._listening, asking, *(other for _, other in self._forks.values())):
                one.close()
            for end, _ in self._forks.values():
                os.close(end)
            arguments, folder, environment = json.loads(told)
            _become(arguments, folder, environment, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        ends = os.pidfd_open(pid)
        self._forks[pid] = ends, asking
        _tell(asking, pid)
        self._events.register(ends, selectors.EVENT_READ, lambda: self._ended(pid))
        self._events.register(asking, selectors.EVENT_READ, lambda: self._left(pid))

    def _left(self, pid: int) -> None:
        """Whoever asked was killed."""
        ends, asking = self._forks[pid]
        self._events.unregister(asking)
        signal.pidfd_send_signal(ends, signal.SIGKILL)

    def _ended(self, pid: int) -> None:
        ends, asking = self._forks.pop(pid)
        _, status = os.waitpid(pid, 0)
        self._events.unregister(ends)
        os.close(ends)
        if asking in self._events.get_map():
            self._events.unregister(asking)
            _tell(asking, os.waitstatus_to_exitcode(status))
        asking.close()

    def _end(self) -> None:
        for pid in self._forks:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _tell(asking: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # killed meanwhile: what is registered for it ends the fork
        asking.send(str(number).encode())


def _become(arguments: list[str], folder: str, environment: dict[str, str], descriptors: list[int]) -> None:
    """Be the command, from its arguments to its exit status; never returns."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    script, *sys.argv[1:] = arguments
    status = 1
    try:
        _run(script)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        sys.excepthook(*sys.exc_info())
    finally:
        threading._shutdown()  # type: ignore[attr-defined]  # as the interpreter does
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _run(script: str) -> None:
    """Run a script, or the package where none is named, with the arguments there are."""
    if script:
        sys.argv[0] = script
        runpy.run_path(script, run_name="__main__")
        return
    command = importlib.import_module("erp_mcp.__main__")
    sys.modules["__main__"] = command
    sys.argv[0] = str(command.__file__)
    command.main()


def main() -> None:
    """Import, say so, serve."""
    place = sys.argv[1]
    for module in _IMPORTED:
        importlib.import_module(module)
    within = importlib.import_module(_WITH_ALL)
    for found in pkgutil.iter_modules(within.__path__, f"{_WITH_ALL}."):
        importlib.import_module(found.name)
    gc.collect()
    gc.freeze()
    parent = Parent(place)
    os.write(1, b"ready\n")
    parent.run()


if __name__ == "__main__":
    main()
