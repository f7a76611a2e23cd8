"""What the server says on standard error, for the person who runs it."""

from __future__ import annotations

import sys

from erp_mcp.errors import GatewayError


def say(text: str) -> None:
    """Write one line to standard error, if there is one."""
    try:
        sys.stderr.write(f"erp-mcp: {text}\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):  # closed, or never opened: there is nobody to tell
        return


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
