"""What the server says on standard error, for the person who runs it."""

from __future__ import annotations

import sys
from typing import Final

from erp_mcp.errors import GatewayError

# A pipe that says it has room takes PIPE_BUF bytes whole (4,096 on Linux): one line of any text, or one of plain text
# from each of two threads.
_CHARACTERS: Final = 1_000


def say(text: str) -> None:
    """Write one line to standard error, if there is one and it has room.

    A host may take the pipe and never read it: then lines are lost, where waiting would stop every answer.
    """
    line = text if len(text) <= _CHARACTERS else f"{text[: _CHARACTERS - 1]}…"
    try:
        if _has_room():
            sys.stderr.write(f"erp-mcp: {line}\n")
            sys.stderr.flush()
    except (OSError, ValueError, AttributeError):  # closed, or never opened: there is nobody to tell
        return


def _has_room() -> bool:
    import select  # only now: a server that starts well does not need it

    try:
        number = sys.stderr.fileno()
    except (OSError, ValueError):  # no descriptor behind it
        return True
    if not hasattr(select, "poll"):  # Windows can't tell
        return True
    waiting = select.poll()
    waiting.register(number, select.POLLOUT)
    return bool(waiting.poll(0))


def tell_logs() -> None:
    """Let warnings of the logs take the same way: one line each, and of an error what `describe` says."""
    import logging

    class Teller(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            failure = record.exc_info[1] if record.exc_info else None
            say(record.getMessage() + (f". {describe(failure)}" if failure is not None else ""))

    logging.getLogger().addHandler(Teller(logging.WARNING))


def describe(error: BaseException) -> str:
    """Return what may be said of an error.

    An error of ours says it itself. Of any other only type and place are told: its text may hold a secret or a
    system's words.
    """
    if isinstance(error, GatewayError):
        return str(error)
    import traceback  # only now: a server that starts well does not need it

    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " < ".join(f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in reversed(frames))
    return f"{type(error).__name__} in {places or 'an unknown place'}"
