"""The browser as tests use it: pages go in, what became of them comes back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.needs import missing

VARIABLE: Final = "ERP_MCP_BROWSER_DIR"
_PATIENCE_S: Final = 300  # a hung browser must not hang the tests
_HERE: Final = Path(__file__).parent
_ROOT: Final = _HERE.parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """A browser with its driver and the rules of accessibility from install.sh; folder `shots` gets the pictures."""

    program: str
    rig: Path
    shots: Path

    def look(self, jobs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Show pages and return what became of each by its name; see `look.py`."""
        return self._run("look.py", jobs=jobs)

    def walk(self, walks: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Walk through a site and return what was seen on each walk by its name; see `walk.py`."""
        return self._run("walk.py", walks=walks)

    def _run(self, script: str, **work: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        self.shots.mkdir(parents=True, exist_ok=True)
        task, report = self.shots / "jobs.json", self.shots / "report.json"
        axe = self.rig / "axe" / "node_modules" / "axe-core" / "axe.min.js"
        task.write_text(
            json.dumps({"browser": self.program, "axe": str(axe), "shots": str(self.shots), **work}),
            encoding="utf-8",
        )
        command = [str(self.rig / "venv" / "bin" / "python"), str(_HERE / script), str(task), str(report)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        found: dict[str, dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))
        return found


def browser(folder: Path) -> Browser:
    """Return the browser that `ERP_MCP_BROWSER_DIR` names, else `.venv-browser`; skip, or fail, without one."""
    rig = Path(os.environ.get(VARIABLE) or _ROOT / ".venv-browser")
    program = shutil.which("chromium")
    if not (rig / "venv" / ".installed").is_file() or program is None:
        missing(f"no browser: run tests/systems/browser/install.sh .venv-browser, or set {VARIABLE} to where it is")
    shots = os.environ.get("ERP_MCP_BROWSER_SHOTS")
    return Browser(program=program, rig=rig, shots=Path(shots) if shots else folder)
