"""What comes out of every system under every fault on the wire, as a table: `python -m tests.systems.wire.matrix`.

Systems are those that the environment names (`ERP_MCP_CAP_DIR`, `ERP_MCP_FSMES_DIR`, `ERP_MCP_TRYTON_DIR`), and
mitmproxy is where `ERP_MCP_WIRE_VENV` says. `--json` prints everything that was measured.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from tests.systems.cap.buying import buying
from tests.systems.cap.server import VARIABLE as CAP
from tests.systems.cap.server import Cap
from tests.systems.fsmes.conftest import VARIABLE as FSMES
from tests.systems.fsmes.server import Running as Mes
from tests.systems.tryton.rpc import Rpc
from tests.systems.tryton.server import Running as Tryton
from tests.systems.wire.lab import opened
from tests.systems.wire.places import Place, cap_place, mes_place, tryton_place
from tests.systems.wire.proxy import MODES
from tests.systems.wire.reading import USES
from tests.systems.wire.write_lab import opened as opened_for_writing
from tests.systems.wire.writing import CREATE, OPERATIONS, WritePlace, cap_writes_place, tryton_writes_place

_TRYTON: Final = "ERP_MCP_TRYTON_DIR"

Found = dict[str, dict[str, dict[str, Mapping[str, object]]]]
"""System and what is done with it → mode → use or operation → what was measured."""


def main(arguments: Sequence[str]) -> None:
    """Try everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print everything that was measured")
    parser.add_argument("--mode", action="append", choices=MODES, help="this mode alone; may be given several times")
    told = parser.parse_args(arguments)
    modes = tuple(told.mode or MODES)
    with tempfile.TemporaryDirectory() as folder:
        found = {**_read(modes, Path(folder)), **_written(modes, Path(folder))}
    sys.stdout.write(json.dumps(found, indent=1, default=sorted) + "\n" if told.json else table(found, modes))


def table(found: Found, modes: Sequence[str]) -> str:
    """Return one line for each mode: codes of reads (pass, keys, probe), words of writes with sends and effects."""
    width = 30
    lines = ["".join(["mode".ljust(17), *(name.ljust(width) for name in found)])]
    for mode in modes:
        cells = [_short(found[name].get(mode, {})).ljust(width) for name in found]
        lines.append("".join([mode.ljust(17), *cells]).rstrip())
    lines.append("reads: pass keys probe; writes: date requisition, each with sends > reached = effects; one if alike")
    return "\n".join(lines) + "\n"


def _short(cells: Mapping[str, Mapping[str, object]]) -> str:
    words = []
    for one in cells.values():
        word = str(one["came"]).partition("(")[0].removeprefix("adapter.")
        words.append(f"{word} {one['sends']}>{one['reached']}={one['effects_after']}" if "effects" in one else word)
    return words[0] if len(set(words)) == 1 else " ".join(words)


def _read(modes: Sequence[str], folder: Path) -> Found:
    with opened(_places(), folder / "reads") as lab:
        return {
            name: {mode: {use: asdict(lab.cell(name, mode, use)) for use in USES} for mode in modes}
            for name in lab.benches
        }


def _written(modes: Sequence[str], folder: Path) -> Found:
    with _write_places() as places, opened_for_writing(places, folder / "writes") as lab:
        return {
            f"{name} writes": {
                mode: {
                    "requisition" if one == CREATE else "date": asdict(lab.cell(name, mode, one)) for one in OPERATIONS
                }
                for mode in modes
            }
            for name in lab.benches
        }


def _places() -> list[Place]:
    places: list[Place] = []
    if (named := _named(CAP)) is not None:
        places += [cap_place(Cap.load(named), version=version) for version in (2, 4)]
    if (named := _named(FSMES)) is not None:
        places.append(mes_place(Mes.load(named)))
    if (named := _named(_TRYTON)) is not None:
        places.append(tryton_place(Tryton.load(named)))
    return places


@contextmanager
def _write_places() -> Iterator[list[WritePlace]]:
    places: list[WritePlace] = []
    with ExitStack() as stack:
        if (named := _named(CAP)) is not None:
            cap = Cap.load(named)
            buyer = stack.enter_context(buying(cap))
            places += [cap_writes_place(cap, buyer, version=version) for version in (2, 4)]
        if (named := _named(_TRYTON)) is not None:
            tryton = Tryton.load(named)
            person = Rpc(url=tryton.url, database=tryton.database, user="admin", password=tryton.admin_password)
            stack.callback(person.close)
            person.context.update(person("res.user.get_preferences", True))
            places.append(tryton_writes_place(tryton, person))
        yield places


def _named(variable: str) -> Path | None:
    return Path(os.environ[variable]).absolute() if os.environ.get(variable) else None


if __name__ == "__main__":
    main(sys.argv[1:])
