"""The browser as tests use it: pages go in, what became of them comes back."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import selectors
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from tests.needs import missing

VARIABLE: Final = "ERP_MCP_BROWSER_DIR"
_PATIENCE_S: Final = 300  # a hung browser must not hang the tests
_ENDS_S: Final = 20
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
        report.unlink(missing_ok=True)
        python = str(self.rig / "venv" / "bin" / "python")
        if script not in _running:
            _running[script] = _Driver([python, str(_HERE / script)])
        with _dropped_where_it_fails(script):
            _running[script].do(task, report)
        found: dict[str, dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))
        return found


class _Driver:
    """A process that keeps one browser for task after task; it ends with its input, so at the latest with us."""

    def __init__(self, command: list[str]) -> None:
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said)

    def do(self, task: Path, report: Path) -> None:
        """Let it do a task.

        Raises:
            AssertionError: It failed, or took too long; with the end of what it said.
        """
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps([str(task), str(report)]).encode() + b"\n")
            self._process.stdin.flush()
        with selectors.DefaultSelector() as answers:
            answers.register(self._process.stdout, selectors.EVENT_READ)
            done = self._process.stdout.readline() if answers.select(_PATIENCE_S) else b"nothing for too long"
        self._said.seek(0)
        assert done == b"done\n", (done, self._said.read()[-3000:].decode(errors="replace"))

    def end(self) -> None:
        """End it, and the browser with it, hard where it hangs."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_ENDS_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()
        self._said.close()


_running: dict[str, _Driver] = {}


@atexit.register
def _end_all() -> None:
    while _running:
        _running.popitem()[1].end()


@contextlib.contextmanager
def _dropped_where_it_fails(script: str) -> Iterator[None]:
    """What failed once is started anew for the next task."""
    try:
        yield
    except BaseException:
        _running.pop(script).end()
        raise


def browser(folder: Path) -> Browser:
    """Return the browser that `ERP_MCP_BROWSER_DIR` names, else `.venv-browser`; skip, or fail, without one."""
    rig = Path(os.environ.get(VARIABLE) or _ROOT / ".venv-browser")
    program = shutil.which("chromium")
    if not (rig / "venv" / ".installed").is_file() or program is None:
        missing(f"no browser: run tests/systems/browser/install.sh .venv-browser, or set {VARIABLE} to where it is")
    shots = os.environ.get("ERP_MCP_BROWSER_SHOTS")
    return Browser(program=program, rig=rig, shots=Path(shots) if shots else folder)
