"""Start or stop a seeded Tryton: `python -m tests.systems.tryton.start VENV DIR [PLANT]`, then `… --stop DIR`.

Sets nothing up by itself: run `tests/systems/tryton/install.sh VENV` once. `DIR/tryton.json` says where it listens and
who may read; tests find it by `ERP_MCP_TRYTON_DIR=DIR`. With PLANT, the directory of a demo plant (made where there is
none), a second Tryton beside it in `DIR/firm` holds that plant.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.systems.tryton import firm
from tests.systems.tryton.server import Running, start, stop


def main(arguments: list[str]) -> int:
    """Do what the arguments say; returns the exit status."""
    match arguments:
        case ["--stop", directory]:
            stop(Running.load(Path(directory)))
            if (Path(directory) / firm.FOLDER / firm.DESCRIPTION).exists():
                firm.stop(firm.Firm.load(Path(directory) / firm.FOLDER))
            print("stopped")
        case [venv, directory, *plant] if len(plant) <= 1:
            state = Path(directory).absolute()
            running = start(Path(venv).absolute(), state)
            print(f"{running.url} database {running.database} account {running.user} pid {running.pid}")
            if plant:
                _firm(Path(venv).absolute(), state, Path(plant[0]).absolute())
        case _:
            print(__doc__)
            return 2
    return 0


def _firm(venv: Path, state: Path, plant: Path) -> None:
    """Start the second Tryton; `state/pid` names both servers then, one pid a line."""
    try:
        made = firm.start(venv, state / firm.FOLDER, plant, made=state)
    except BaseException:
        stop(Running.load(state))
        raise
    with (state / "pid").open("a", encoding="ascii") as file:
        file.write(f"\n{made.pid}\n")
    records = sum(made.records.values())
    print(f"{made.url} demo plant: {records} records in {made.calls} calls, {made.seconds['all']} s, pid {made.pid}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
