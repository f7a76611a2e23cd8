"""FactorySemantics MES as a child process on 127.0.0.1, on a PostgreSQL database of its own, with the demo plant in it.

Only its API runs: no OPC UA server, no simulator, no agent, no synchronisation with an ERP.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import httpx2

from tests.systems import processes
from tests.systems.postgresql.server import VARIABLE, Rig
from tests.systems.postgresql.server import start as start_postgresql
from tests.systems.postgresql.server import stop as stop_postgresql

DESCRIPTION: Final = "rig.json"
DATABASE: Final = "fsmes"
_START_S: Final = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Where the API is, who may read, who may do everything, and on which PostgreSQL it stands (a state directory)."""

    url: str
    account: str
    password: str
    admin: str
    admin_password: str
    postgresql: str
    own_postgresql: bool
    venv: str
    pid: int

    @classmethod
    def load(cls, state: Path) -> Running:
        """Return what `start` wrote."""
        return cls(**json.loads((state / DESCRIPTION).read_text(encoding="utf-8")))

    @property
    def rig(self) -> Rig:
        """The PostgreSQL under it."""
        return Rig.load(Path(self.postgresql))


def start(venv: Path, state: Path) -> Running:
    """Make a database, serve the API and export the demo plant into it; one that runs there already is kept."""
    from tests.systems.fsmes.export import export

    state.mkdir(parents=True, exist_ok=True)
    if (state / DESCRIPTION).exists():
        running = Running.load(state)
        if _answers(running.url):
            return running
        stop(state)
    named = os.environ.get(VARIABLE)
    postgresql = Path(named) if named else state / "postgresql"
    rig = Rig.load(postgresql) if named else start_postgresql(postgresql)
    admin, reader = secrets.token_hex(18), secrets.token_hex(18)
    try:
        _prepare(venv, state, rig, admin)
        url, pid = serve(venv, state)
        running = Running(
            url=url, account="GATEWAY", password=reader, admin="ADMIN", admin_password=admin,
            postgresql=str(postgresql), own_postgresql=not named, venv=str(venv), pid=pid,
        )  # fmt: skip
        _describe(state, running)
        export(running, state / "plant")
    except BaseException:
        stop(state)
        raise
    return running


def stop(state: Path) -> None:
    """End the API, and PostgreSQL where it was started for it."""
    if not (state / DESCRIPTION).exists():
        return
    running = Running.load(state)
    processes.end(running.pid)
    if running.own_postgresql:
        stop_postgresql(Path(running.postgresql))
    for name in (DESCRIPTION, "pid"):
        (state / name).unlink(missing_ok=True)


def serve(venv: Path, state: Path, *, port: int = 0, **more: str) -> tuple[str, int]:
    """Serve the API of a prepared state; returns its address and process id once it answers."""
    chosen = port or processes.free_port()
    environment = {**json.loads((state / "environment.json").read_text(encoding="utf-8")), **more}
    command = [str(venv / "bin" / "fsmes"), "run-api", "--host", "127.0.0.1", "--port", str(chosen)]
    log = state / "api.log"
    process = processes.started(command, log, cwd=state, env=environment)
    (state / "pid").write_text(f"{process.pid}\n", encoding="ascii")
    url = f"http://127.0.0.1:{chosen}"
    processes.wait_for(process, lambda: _answers(url), name="FactorySemantics MES", log=log, within_s=_START_S)
    return url, process.pid


def _prepare(venv: Path, state: Path, rig: Rig, admin: str) -> None:
    rig.create_database(DATABASE)
    environment = _environment(state, rig)
    file = state / "environment.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(environment), encoding="utf-8")
    for arguments in (["init-db"], ["add-user", "ADMIN", "Administrator", admin, "--role", "admin"]):
        subprocess.run(
            [str(venv / "bin" / "fsmes"), *arguments], check=True, capture_output=True, cwd=state, env=environment
        )


def _environment(state: Path, rig: Rig) -> Mapping[str, str]:
    """Return what it is told; nothing of the machine's own settings gets to it."""
    passwords = ("MES_ADMIN_PASSWORD", "MES_OPERATOR_PASSWORD", "FSMES_AGENT_PASSWORD", "FSMES_ANALYST_PASSWORD")
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(state),
        "FSMES_HOME": str(state),
        "MES_DATABASE_URL": f"postgresql+psycopg://{rig.user}:{rig.password}@{rig.host}:{rig.port}/{DATABASE}",
        "MES_SECRET_KEY": secrets.token_hex(32),
        "MES_PLANT_TIMEZONE": "Europe/Berlin",
        "MES_LOG_DIR": str(state / "logs"),
        **{name: secrets.token_hex(18) for name in passwords},
    }


def _describe(state: Path, running: Running) -> None:
    processes.describe(state / DESCRIPTION, json.dumps(asdict(running), indent=1))


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health", trust_env=False, timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False
