"""A Tryton of its own that holds a demo plant: made beside the one that the pump plant is in, or by itself.

    python -m tests.systems.tryton.firm VENV DIR PLANT     PLANT is made where there is none yet
    python -m tests.systems.tryton.firm --stop DIR

`DIR/firm.json` says where it is, which plant it holds and what the export took.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from erp_mcp.demo.generate import generate
from tests.systems import processes
from tests.systems.tryton import server
from tests.systems.tryton.export import export_plant
from tests.systems.tryton.export_plant import RECENT_DAYS, clock_of, cut
from tests.systems.tryton.rpc import Rpc

DESCRIPTION: Final = "firm.json"
FOLDER: Final = "firm"
"""Where the firm lies in the state directory of the Tryton rig."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firm:
    """A running Tryton with a demo plant in it.

    `plant` is what was exported: the plant without its closed past older than `recent_days` days; `records` counts by
    model what the export made, `seconds` by part what it took, `calls` its RPC calls.
    """

    url: str
    database: str
    user: str
    password_file: str
    plant: str
    clock: str
    recent_days: int
    records: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    calls: int
    pid: int

    @property
    def password(self) -> str:
        """The read account's password."""
        return Path(self.password_file).read_text(encoding="utf-8").strip()

    @classmethod
    def load(cls, directory: Path) -> Firm:
        """Return what `start` wrote."""
        return cls(**json.loads((directory / DESCRIPTION).read_text(encoding="utf-8")))


def start(venv: Path, directory: Path, plant: Path, *, made: Path | None = None) -> Firm:
    """Serve a database and export a plant into it.

    Args:
        venv: Where Tryton is installed.
        directory: The firm's own state directory.
        plant: A generated demo plant; one with seed 1 is made there where there is none.
        made: State directory of a Tryton whose database was made already: its empty copy is used, which saves a minute.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if not (plant / "erp.sqlite").exists():
        generate(plant)
    served = server.serve(venv, directory, made=made)
    recent = cut(plant, directory / "plant")
    reader = server.secret(directory / "read-password")
    began = time.perf_counter()
    try:
        rpc = Rpc(url=served.url, database=server.DATABASE, user="admin", password=served.admin)
        export = export_plant(rpc, recent, reader=("gateway", reader))
        rpc.close()
    except BaseException:
        processes.end(served.pid)
        raise
    firm = Firm(
        url=served.url, database=server.DATABASE, user="gateway", password_file=str(directory / "read-password"),
        plant=str(recent), clock=clock_of(recent), recent_days=RECENT_DAYS, records=dict(export.made),
        seconds=export.seconds | {"all": round(time.perf_counter() - began, 2)}, calls=rpc.calls, pid=served.pid,
    )  # fmt: skip
    (directory / DESCRIPTION).write_text(json.dumps(asdict(firm), indent=1), encoding="utf-8")
    return firm


def stop(firm: Firm) -> None:
    """End the server, by its pid and no other way."""
    processes.end(firm.pid)


def main(arguments: list[str]) -> int:
    """Do what the arguments say; returns the exit status."""
    match arguments:
        case ["--stop", directory]:
            stop(Firm.load(Path(directory)))
            print("stopped")
        case [venv, directory, plant]:
            firm = start(Path(venv).absolute(), Path(directory).absolute(), Path(plant).absolute())
            records = sum(firm.records.values())
            print(f"{firm.url}: {records} records in {firm.calls} calls and {firm.seconds['all']} s, pid {firm.pid}")
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
