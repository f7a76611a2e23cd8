"""The command of a rig's `start.py`: start it with so many places, or stop what was started in one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn


def run(*, usage: str | None, places: range, start: Callable[..., str], stop: Callable[[Path], None]) -> NoReturn:
    """Do what the command line says and end the process.

    Args:
        usage: What is shown for any other command line.
        places: How many directories `start` may be given.
        start: Starts the rig and returns the line that says where it is.
        stop: Stops the rig that a state directory describes.
    """
    given = sys.argv[1:]
    match given:
        case ["--stop", state]:
            stop(Path(state).absolute())
            print("stopped")
        case [first, *_] if len(given) in places and not first.startswith("-"):
            print(start(*(Path(one).absolute() for one in given)))
        case _:
            print(usage)
            sys.exit(2)
    sys.exit(0)
