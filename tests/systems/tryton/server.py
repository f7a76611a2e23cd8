"""A Tryton server as a child process: an empty database made, seeded, served on 127.0.0.1, and stopped by its pid."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx2

from tests.systems import processes
from tests.systems.tryton.rpc import Rpc
from tests.systems.tryton.seed import seed

DATABASE = "tryton"
MODULES = (
    "party",
    "company",
    "currency",
    "product",
    "stock",
    "account",
    "purchase",
    "sale",
    "production",
    "stock_supply",
    "stock_lot",
    "sale_supply",
    "sale_supply_production",
    "purchase_request",
    "purchase_requisition",
    "purchase_amendment",
    "sale_amendment",
    "quality",
)
DESCRIPTION = "tryton.json"
_ADMIN = "admin-password"
_EMPTY = "empty.sqlite"  # the database as it was made, before anything was put in
_START_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A seeded server: where it is, who may read, who may write, and where the truth lies."""

    url: str
    database: str
    user: str
    password_file: str
    write_user: str
    write_password_file: str
    admin_password_file: str
    truth: str
    pid: int

    @property
    def password(self) -> str:
        """The read account's password."""
        return Path(self.password_file).read_text(encoding="utf-8").strip()

    @property
    def write_password(self) -> str:
        """The password of the account that writes."""
        return Path(self.write_password_file).read_text(encoding="utf-8").strip()

    @property
    def admin_password(self) -> str:
        """The password of `admin`, for tests that play a person at work."""
        return Path(self.admin_password_file).read_text(encoding="utf-8").strip()

    @classmethod
    def load(cls, directory: Path) -> Running:
        """Return what `start` wrote."""
        return cls(**json.loads((directory / DESCRIPTION).read_text(encoding="utf-8")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server of an empty database, and the password of its `admin`."""

    url: str
    admin: str = field(repr=False)
    pid: int


def start(venv: Path, directory: Path) -> Running:
    """Make a database in an empty directory, serve it, seed it, and describe it in `tryton.json`."""
    directory.mkdir(parents=True, exist_ok=True)
    reader, writer = (secret(directory / f"{one}-password") for one in ("read", "write"))
    served = serve(venv, directory)
    running = Running(
        url=served.url,
        database=DATABASE,
        user="gateway",
        password_file=str(directory / "read-password"),
        write_user="gateway_write",
        write_password_file=str(directory / "write-password"),
        admin_password_file=str(directory / "admin-password"),
        truth=str(directory / "truth.json"),
        pid=served.pid,
    )
    try:
        rpc = Rpc(url=running.url, database=DATABASE, user="admin", password=served.admin)
        passwords = {running.user: reader, running.write_user: writer}
        seed(rpc, passwords, truth_path=Path(running.truth))
        rpc.close()
    except BaseException:
        stop(running)
        raise
    (directory / DESCRIPTION).write_text(json.dumps(asdict(running), indent=1), encoding="utf-8")
    return running


def serve(venv: Path, directory: Path, *, made: Path | None = None) -> Served:
    """Make an empty database in a directory and serve it; `made` is where one was made before, which is copied."""
    port = processes.free_port()
    config = directory / "trytond.conf"
    config.write_text(
        f"[web]\nlisten=127.0.0.1:{port}\n[database]\nuri=sqlite://\npath={directory}\n"
        "[session]\nauthentications=password\n",
        encoding="utf-8",
    )
    database = directory / f"{DATABASE}.sqlite"
    if made:
        shutil.copy(made / _EMPTY, database)
        admin = (made / _ADMIN).read_text(encoding="utf-8")
    else:
        admin = secret(directory / _ADMIN)
        database.touch()
        _initialise(venv, config)
        shutil.copy(database, directory / _EMPTY)
    log = directory / "trytond.log"
    process = processes.started([str(venv / "bin" / "trytond"), "-c", str(config), "-d", DATABASE], log)
    (directory / "pid").write_text(str(process.pid), encoding="ascii")
    served = Served(url=f"http://127.0.0.1:{port}", admin=admin, pid=process.pid)
    processes.wait_for(process, lambda: _answers(served.url), name="Tryton", log=log, within_s=_START_S)
    return served


def stop(running: Running) -> None:
    """End the server, by its pid and no other way."""
    processes.end(running.pid)


def _initialise(venv: Path, config: Path) -> None:
    command = [str(venv / "bin" / "trytond-admin"), "-c", str(config), "-d", DATABASE]
    command += ["-u", "ir", "res", *MODULES, "--activate-dependencies", "--email", "admin@example.com"]
    password = config.with_name("admin-password")
    subprocess.run(command, check=True, env={**os.environ, "TRYTONPASSFILE": str(password)}, capture_output=True)


def secret(path: Path) -> str:
    """Make up a password, written to a file that its owner alone may read."""
    value = secrets.token_hex(24)
    path.touch(mode=0o600)
    path.write_text(value, encoding="utf-8")
    return value


def _answers(url: str) -> bool:
    body = {"id": 1, "method": "common.server.version", "params": []}
    with contextlib.suppress(httpx2.HTTPError):
        return httpx2.post(f"{url}/rpc/", json=body, trust_env=False, timeout=30).status_code == 200
    return False
