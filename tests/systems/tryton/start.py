"""Start or stop a seeded Tryton: `python -m tests.systems.tryton.start VENV DIR [PLANT]`, then `… --stop DIR`.

Sets nothing up by itself: run `tests/systems/tryton/install.sh VENV` once. `DIR/tryton.json` says where it listens and
who may read; tests find it by `ERP_MCP_TRYTON_DIR=DIR`. With PLANT, the directory of a demo plant (made where there is
none), a second Tryton beside it in `DIR/firm` holds that plant.
"""

from __future__ import annotations

from pathlib import Path

from tests.systems import processes, starting
from tests.systems.tryton import firm
from tests.systems.tryton.server import DESCRIPTION, Running, start, stop


def _start(venv: Path, state: Path, plant: Path | None = None) -> str:
    running = start(venv, state)
    told = f"{running.url} database {running.database} account {running.user} pid {running.pid}"
    return f"{told}\n{_firm(venv, state, plant)}" if plant else told


def _firm(venv: Path, state: Path, plant: Path) -> str:
    """Start the second Tryton; `state/pid` names both servers then, one pid a line."""
    try:
        made = firm.start(venv, state / firm.FOLDER, plant, made=state)
    except BaseException:
        stop(Running.load(state))
        raise
    with (state / "pid").open("a", encoding="ascii") as file:
        file.write(f"\n{made.pid}\n")
    records = sum(made.records.values())
    return f"{made.url} demo plant: {records} records in {made.calls} calls, {made.seconds['all']} s, pid {made.pid}"


def _stop(state: Path) -> None:
    """End both servers; what is stopped already is left alone."""
    processes.end_all(state)
    (state / firm.FOLDER / "pid").unlink(missing_ok=True)
    (state / DESCRIPTION).unlink(missing_ok=True)


if __name__ == "__main__":
    starting.run(usage=__doc__, places=range(2, 4), start=_start, stop=_stop)
