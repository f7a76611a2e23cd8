"""The first moments of `erp-mcp serve`: take the wire, answer at once, import the rest meanwhile."""

from __future__ import annotations

import gc
import os
import signal
from typing import TYPE_CHECKING, NamedTuple

from erp_mcp.server import first_answer, front_door
from erp_mcp.server.report import describe, say
from erp_mcp.server.rpc import Request
from erp_mcp.server.wire import LineReader, Wire, claim, write_all

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[["Opening"], int]


class Opening(NamedTuple):
    """What was done before the real server was there.

    `first` holds, in order, requests that are answered but that the server must still see, and lines read but not
    handled (`None` stands for a line that was too large).
    """

    wire: Wire
    reader: LineReader
    first: tuple[Request | bytes | None, ...]


def serve(prepare: Callable[[], Run]) -> int:
    """Serve standard input and output until the client closes its side.

    Args:
        prepare: Imports the real server and returns it; called in a thread, after the first answer.

    Returns:
        The exit status: 0 after an end that the client or a signal asked for, 1 when it could not be served at all.
    """
    try:
        wire = claim()
    except OSError:
        say("there is no standard input or output to serve")
        return 1
    # Until the event loop takes the signals over, both end the process like Ctrl-C, and without a trace; also where a
    # shell has started us in its background, which leaves SIGINT ignored.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    if os.isatty(wire.incoming):
        say("waiting for an MCP client on standard input; `erp-mcp serve --help` explains")
    try:
        return _serve(wire, prepare)
    except (KeyboardInterrupt, BrokenPipeError):
        return 0


def _serve(wire: Wire, prepare: Callable[[], Run]) -> int:
    reader = LineReader(wire.incoming)
    importing: _Importing | None = None
    first: list[Request | bytes | None] = []
    while (lines := reader.read()) is not None:
        answered = 0
        for line in lines:
            message = front_door.read(line) if line is not None else None
            reply = first_answer.answer(message)
            if reply is None:
                break
            write_all(wire.outgoing, reply)
            importing = importing or _Importing(prepare)
            answered += 1
            if isinstance(message, Request) and message.method == "initialize":
                first.append(message)
        if answered < len(lines):
            first += lines[answered:]
            break
    else:
        return 0  # nothing was left unanswered
    run = (importing or _Importing(prepare)).result()
    return 1 if run is None else run(Opening(wire, reader, tuple(first)))


class _Importing:
    """Runs `prepare` in a thread, so that the next message is read while modules load."""

    def __init__(self, prepare: Callable[[], Run]) -> None:
        import threading

        self._prepare = prepare
        self._run: Run | None = None
        self._thread = threading.Thread(target=self._work, name="import", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        gc.disable()  # modules are not garbage; looking for some costs a tenth of the imports
        try:
            self._run = self._prepare()
        except Exception as error:  # noqa: BLE001 - a broken installation, told in one line
            say(f"the installation is broken. {describe(error)}")
        finally:
            gc.enable()

    def result(self) -> Run | None:
        self._thread.join()
        return self._run
