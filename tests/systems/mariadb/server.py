"""MariaDB as a child process on 127.0.0.1: made new, described, stopped, removed; never one that is there already.

As root it runs as `mysql`, or as nobody where there is no such user; its files lie in a directory of that user.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from tests.needs import missing
from tests.systems.openbao.certificates import make_certificates

DESCRIPTION: Final = "rig.json"
VARIABLE: Final = "ERP_MCP_MARIADB_DIR"
_ADMIN: Final = "admin"
_START_S: Final = 120
_SETTINGS: Final = (
    "--bind-address=127.0.0.1",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-buffer-pool-size=32M",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_general_ci",  # keys that differ in case alone are one to it, as in most that are there
    "--performance-schema=ON",
    "--performance-schema-max-digest-length=8192",
    "--max-digest-length=8192",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """A server: where it listens, and who may do everything on it. `directory` holds all its files."""

    host: str
    port: int
    user: str
    password: str
    version: str
    directory: str

    @classmethod
    def load(cls, state: Path) -> Rig:
        """Return what `start` wrote."""
        return cls(**json.loads((state / DESCRIPTION).read_text(encoding="utf-8")))

    @property
    def ca_file(self) -> str:
        """The authority that vouches for the server."""
        return str(Path(self.directory) / "ca.pem")

    def url(self, database: str) -> str:
        """Return the address of a database, without user and password."""
        return f"mariadb://{self.host}:{self.port}/{database}"

    @contextlib.contextmanager
    def admin(self, database: str = "mysql") -> Iterator[Connection]:
        """Yield a connection that may do everything, each statement for itself."""
        with _connected(self.port, self.user, self.password, database) as connection:
            yield connection

    def run(self, database: str, *statements: str) -> None:
        """Run statements as the administrator."""
        with self.admin(database) as connection:
            for statement in statements:
                connection.exec_driver_sql(statement.replace("%", "%%"))

    def rows(self, database: str, statement: str) -> list[tuple[object, ...]]:
        """Return the rows of a statement as the administrator."""
        with self.admin(database) as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement.replace("%", "%%"))]

    def create_database(self, name: str) -> None:
        """Make an empty database; one of that name is dropped before."""
        self.run("mysql", f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")

    def create_user(self, name: str, password: str) -> None:
        """Make an account that may sign in and nothing else; one of that name is dropped before."""
        self.run("mysql", f"DROP USER IF EXISTS {name}", f"CREATE USER {name} IDENTIFIED BY '{password}'")


@contextlib.contextmanager
def running(state: Path) -> Iterator[Rig]:
    """Yield the rig that the environment names, or one of our own in `state`; skips where there is no MariaDB."""
    if importlib.util.find_spec("pymysql") is None:
        missing("the driver PyMySQL is not installed (extra `mysql`)")
    if named := os.environ.get(VARIABLE):
        yield Rig.load(Path(named))
        return
    if not installed():
        missing("MariaDB is not installed (mariadbd and mariadb-install-db)")
    rig = start(state)
    try:
        yield rig
    finally:
        stop(state)


def installed() -> bool:
    """Return whether the server's programs are on this machine, and the driver that talks to it."""
    return bool(importlib.util.find_spec("pymysql") and _program("mariadbd") and _program("mariadb-install-db"))


def start(state: Path) -> Rig:
    """Make a server and describe it in `state`; one that runs there already is kept."""
    state.mkdir(parents=True, exist_ok=True)
    if (state / DESCRIPTION).exists():
        rig = Rig.load(state)
        with contextlib.suppress(SQLAlchemyError), rig.admin():
            return rig
        stop(state)
    directory = Path(tempfile.mkdtemp(prefix="erp-mcp-mariadb-"))
    try:
        rig = _start(directory)
    except BaseException:
        _stop(directory)
        raise
    (state / "pid").write_text((directory / "pid").read_text(encoding="ascii"), encoding="ascii")
    description = state / DESCRIPTION
    description.touch(mode=0o600)
    description.write_text(json.dumps(asdict(rig), indent=1), encoding="utf-8")
    return rig


def stop(state: Path) -> None:
    """End the server and remove its files; what is stopped already is left alone."""
    if not (state / DESCRIPTION).exists():
        return
    _stop(Path(Rig.load(state).directory))
    for name in (DESCRIPTION, "pid"):
        (state / name).unlink(missing_ok=True)


def _start(directory: Path) -> Rig:
    user, group, groups = _run_as()
    places = [directory, *(Path(one) for one in make_certificates(directory))]
    if user is not None and group is not None:
        for place in places:
            os.chown(place, user, group)
    password = secrets.token_hex(16)
    made = [_program("mariadb-install-db"), "--no-defaults", f"--datadir={directory / 'data'}", "--skip-test-db"]
    made += ["--auth-root-authentication-method=normal", "--skip-name-resolve"]
    with (directory / "log").open("wb") as log:
        subprocess.run(
            made, cwd=directory, stdout=log, stderr=log, check=True, user=user, group=group, extra_groups=groups
        )
    port = _serve(directory)
    with _connected(port, "root", "", "mysql") as root:
        for text in (
            f"CREATE USER {_ADMIN} IDENTIFIED BY '{password}'",
            f"GRANT ALL ON *.* TO {_ADMIN} WITH GRANT OPTION",
            "DELETE FROM mysql.global_priv WHERE User IN ('root', '')",
            "FLUSH PRIVILEGES",
        ):
            root.exec_driver_sql(text)
        version = str(root.exec_driver_sql("SELECT VERSION()").scalar_one())
    return Rig(host="127.0.0.1", port=port, user=_ADMIN, password=password, version=version, directory=str(directory))


def _serve(directory: Path) -> int:
    """Start the server on a free port; another one is tried when somebody was faster."""
    user, group, groups = _run_as()
    for _ in range(5):
        port = _free_port()
        command = [_program("mariadbd"), "--no-defaults", f"--datadir={directory / 'data'}", f"--port={port}"]
        command += [f"--socket={directory / 'socket'}", f"--pid-file={directory / 'server.pid'}", *_SETTINGS]
        command += [f"--ssl-cert={directory / 'server.pem'}", f"--ssl-key={directory / 'server.key'}"]
        with (directory / "log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                user=user, group=group, extra_groups=groups,
            )  # fmt: skip
        (directory / "pid").write_text(f"{process.pid}\n", encoding="ascii")
        if _answers(process, port):
            return port
    said = (directory / "log").read_text(encoding="utf-8", errors="replace")[-2000:]
    raise RuntimeError(f"MariaDB did not start: {said}")


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    ends = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < ends:
        with contextlib.suppress(SQLAlchemyError), _connected(port, "root", "", "mysql"):
            return True
        time.sleep(0.05)
    return False


def _stop(directory: Path) -> None:
    with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
        pid = int((directory / "pid").read_text(encoding="ascii"))
        os.kill(pid, signal.SIGTERM)
        _gone(pid)
    shutil.rmtree(directory, ignore_errors=True)


def _gone(pid: int) -> None:
    """Wait until a process has ended, and end it hard when it does not."""
    ends = time.monotonic() + _START_S
    while time.monotonic() < ends:
        with contextlib.suppress(ChildProcessError):  # of a command that ended before
            if os.waitpid(pid, os.WNOHANG) != (0, 0):
                return
        os.kill(pid, 0)
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def _connected(port: int, user: str, password: str, database: str) -> Iterator[Connection]:
    address = URL.create("mysql+pymysql", user, password or None, "127.0.0.1", port, database)
    engine = create_engine(address, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


def _program(name: str) -> str:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""


def _user() -> pwd.struct_passwd | None:
    """Return whom to run as: nobody else, unless we are root."""
    if os.geteuid() != 0:
        return None
    for name in ("mysql", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("MariaDB does not run as root, and there is no user mysql or nobody")


def _run_as() -> tuple[int | None, int | None, list[int] | None]:
    """Return user, group and further groups of the server's processes; nothing changes where we are not root."""
    user = _user()
    return (None, None, None) if user is None else (user.pw_uid, user.pw_gid, [])


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
