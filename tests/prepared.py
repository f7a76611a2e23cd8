"""The demo plant of seed 1, and the tour of it: each made once in a run of the tests, however many processes share it.

Making one takes seconds, copying it none. What is built, and how, is tested where that is the matter:
`tests/unit/demo` and `tests/unit/cli`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

DemoPlant = Callable[[Path], Path]
"""Puts a prepared plant into a folder that is not there yet, and returns the folder: the asker's own, to change."""
TakenTour = Callable[[Path], Path]
"""Puts what a tour left behind into a folder that is not there yet, and returns it: `demo` is the plant,
`before.sqlite` its ERP as it was, `printed.txt` what the command printed."""
_KEPT: Final = "prepared-demo-plant"
_KEPT_TOUR: Final = "taken-tour"


def prepare(folder: Path) -> Path:
    """Build a plant as a newcomer does, and return its folder."""
    from click.testing import CliRunner  # collecting tests needs neither

    from erp_mcp.cli.app import main

    result = CliRunner().invoke(main, ["demo", "--prepare", "--dir", str(folder)])
    assert result.exit_code == 0, result.output
    return folder


def copies_of_one(session: Path) -> DemoPlant:
    """Return what hands out copies of one plant, which is built when the first is asked for.

    Args:
        session: The folder for temporary files of this process; those of its siblings lie beside it.
    """
    return _copies(session, _KEPT, prepare)


def tours_of_one(session: Path, demo_plant: DemoPlant) -> TakenTour:
    """Return what hands out copies of one tour's outcome, which is taken when the first is asked for.

    Args:
        session: As for `copies_of_one`.
        demo_plant: Gives the plant that it is taken of.
    """

    def take(folder: Path) -> Path:
        folder.mkdir()
        plant = demo_plant(folder / "demo")
        with (plant / "erp-mcp.yaml").open("a", encoding="utf-8") as file:
            file.write("deadline_s: 60\n")  # a machine that is busy with other things refuses nothing for that
        shutil.copyfile(plant / "erp.sqlite", folder / "before.sqlite")
        (folder / "printed.txt").write_text(tour(plant), encoding="utf-8")
        return folder

    return _copies(session, _KEPT_TOUR, take)


def tour(plant: Path) -> str:
    """Take the tour of a plant as a newcomer does, and return what it prints."""
    command = [sys.executable, "-m", "erp_mcp", "demo", "--dir", str(plant)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert run.returncode == 0, run.stderr
    return run.stdout


def _copies(session: Path, name: str, make: Callable[[Path], Path]) -> Callable[[Path], Path]:
    kept = (session.parent if "PYTEST_XDIST_WORKER" in os.environ else session) / name

    def copy(folder: Path) -> Path:
        if not kept.is_dir():
            _keep_one(kept, make)
        return Path(shutil.copytree(kept, folder))

    return copy


def _keep_one(kept: Path, make: Callable[[Path], Path]) -> None:
    """Make it beside and rename, so that processes that start together see a whole one or none."""
    with tempfile.TemporaryDirectory(dir=kept.parent) as own:
        made = make(Path(own) / "demo")
        with contextlib.suppress(OSError):  # another process was quicker
            made.rename(kept)
