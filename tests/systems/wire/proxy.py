"""mitmproxy as a child process in front of one real system, and what it is told to break."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.needs import missing
from tests.systems import processes

VARIABLE: Final = "ERP_MCP_WIRE_VENV"
ROOT: Final = Path(__file__).resolve().parents[3]
MODES: Final = (
    "reset", "429", "429_later", "503", "503_later", "redirect", "moved", "silent", "unauthorised", "claims",
    "lost_reply", "slow", "drip", "empty", "truncated", "cut_chunks", "bad_chunks", "two_lengths", "garbage", "page",
    "page_as_json", "error_page", "gateway_timeout", "forbidden_page", "encoding", "not_gzip", "shape", "twice",
    "renamed", "nulls", "same_page", "bomb", "endless", "hostile_link", "injected", "wrong_etag", "batch_denies",
    "clock",
)  # fmt: skip
"""What can be broken; see `breaking.py`."""

_START_S: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Some requests: by regular expressions that are found in them."""

    method: str = ""
    path: str = ""
    body: str = ""


@dataclass(slots=True, kw_only=True)
class Wire:
    """One proxy: `url` leads through it to the system."""

    url: str
    folder: Path
    _orders: int = 0

    def breaks(self, mode: str, which: Which | None = None, *, after: int = 0, times: int = 0) -> None:
        """Break every request of a kind from now on, or `times` of them, once `after` of them have passed."""
        self._orders += 1
        order = {"id": self._orders, "mode": mode, **asdict(which or Which()), "after": after, "times": times}
        new = self.folder / "faults.new"
        new.write_text(json.dumps(order), encoding="utf-8")
        new.replace(self.folder / "faults.json")  # in one move: the proxy may read at any moment

    def mends(self, which: Which | None = None) -> None:
        """Let everything through; requests that are `which` are still told apart."""
        self.breaks("", which)

    def seen(self) -> list[dict[str, object]]:
        """Return every request so far: method, path, whether it `matches`, mode, and the status of the real answer.

        A status of 0 says that the system was not asked.
        """
        log = self.folder / "seen.jsonl"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return [json.loads(line) for line in lines]

    def forgets(self) -> None:
        """Forget what was seen."""
        (self.folder / "seen.jsonl").unlink(missing_ok=True)


def installed() -> Path:
    """Return mitmproxy's program, or say that it is missing."""
    venv = Path(os.environ.get(VARIABLE, str(ROOT / ".venv-wire"))).absolute()
    program = venv / "bin" / "mitmdump"
    if not program.exists():
        missing("no mitmproxy: run `bash tests/systems/wire/install.sh .venv-wire` once, then `make test` again")
    return program


@contextlib.contextmanager
def in_front_of(upstream: str, folder: Path) -> Iterator[Wire]:
    """Yield a proxy in front of an address such as http://127.0.0.1:4004; it ends with the block."""
    program, port = installed(), processes.free_port()
    folder.mkdir(parents=True, exist_ok=True)
    wire = Wire(url=f"http://127.0.0.1:{port}", folder=folder)
    wire.mends()
    command = [
        str(program), "--quiet", "--mode", f"reverse:{upstream}", "--listen-host", "127.0.0.1",
        "--listen-port", str(port),
        "--set", f"confdir={folder / 'conf'}", "--set", "keep_host_header=false", "--set", "connection_strategy=lazy",
        "--scripts", str(Path(__file__).with_name("breaking.py")), "--set", f"faults={folder / 'faults.json'}",
    ]  # fmt: skip
    log = folder / "proxy.log"
    child = processes.started(command, log, cwd=folder, stays=False)
    try:
        processes.wait_for(child, lambda: _answers(port), name="mitmproxy", log=log, within_s=_START_S)
        yield wire
    finally:
        processes.end(child.pid)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False
