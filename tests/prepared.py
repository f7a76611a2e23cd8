"""The demo plant of seed 1, prepared once in a run of the tests, however many processes share it.

Building it takes seconds, copying it none. What is built, and how, is tested where that is the matter:
`tests/unit/demo` and `tests/unit/cli`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

DemoPlant = Callable[[Path], Path]
"""Puts a prepared plant into a folder that is not there yet, and returns the folder: the asker's own, to change."""
_KEPT: Final = "prepared-demo-plant"


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
    kept = (session.parent if "PYTEST_XDIST_WORKER" in os.environ else session) / _KEPT

    def copy(folder: Path) -> Path:
        if not kept.is_dir():
            _keep_one(kept)
        return Path(shutil.copytree(kept, folder))

    return copy


def _keep_one(kept: Path) -> None:
    """Build beside and rename, so that processes that start together see a whole plant or none."""
    with tempfile.TemporaryDirectory(dir=kept.parent) as own:
        plant = prepare(Path(own) / "demo")
        with contextlib.suppress(OSError):  # another process was quicker
            plant.rename(kept)
