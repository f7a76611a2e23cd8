"""MariaDB as a child process on 127.0.0.1: made new, described, stopped, removed; never one that is there already.

As root it runs as `mysql`, or as nobody where there is no such user; its files lie in a directory of that user.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from tests.needs import missing
from tests.systems import processes
from tests.systems.databases import Database, Served
from tests.systems.openbao.certificates import make_certificates

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
class Rig(Served):
    """A server, and what an administrator does on it."""

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


def running(state: Path) -> contextlib.AbstractContextManager[Rig]:
    """Yield the rig that the environment names, or one of our own in `state`; skips where there is no MariaDB."""
    if importlib.util.find_spec("pymysql") is None:
        missing("the driver PyMySQL is not installed (extra `mysql`)")
    lacks = "MariaDB is not installed (mariadbd and mariadb-install-db)"
    return _DATABASE.running(state, installed=installed, lacks=lacks)


def installed() -> bool:
    """Return whether the server's programs are on this machine, and the driver that talks to it."""
    return bool(importlib.util.find_spec("pymysql") and _program("mariadbd") and _program("mariadb-install-db"))


def start(state: Path) -> Rig:
    """Make a server and describe it in `state`; one that runs there already is kept."""
    return _DATABASE.start(state)


def stop(state: Path) -> None:
    """End the server and remove its files; what is stopped already is left alone."""
    _DATABASE.stop(state)


def _start(directory: Path) -> Rig:
    run_as = processes.not_root("mysql")
    processes.give(run_as, directory, *(Path(one) for one in make_certificates(directory)))
    password = secrets.token_hex(16)
    made = [_program("mariadb-install-db"), "--no-defaults", f"--datadir={directory / 'data'}", "--skip-test-db"]
    made += ["--auth-root-authentication-method=normal", "--skip-name-resolve"]
    with (directory / "log").open("wb") as log:
        subprocess.run(made, cwd=directory, stdout=log, stderr=log, check=True, **run_as)
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
    log, failed = directory / "log", RuntimeError()
    for _ in range(5):
        port = processes.free_port()
        command = [_program("mariadbd"), "--no-defaults", f"--datadir={directory / 'data'}", f"--port={port}"]
        command += [f"--socket={directory / 'socket'}", f"--pid-file={directory / 'server.pid'}", *_SETTINGS]
        command += [f"--ssl-cert={directory / 'server.pem'}", f"--ssl-key={directory / 'server.key'}"]
        process = processes.started(command, log, cwd=directory, run_as=processes.not_root("mysql"))
        (directory / "pid").write_text(f"{process.pid}\n", encoding="ascii")
        try:
            processes.wait_for(process, partial(_listens, port), name="MariaDB", log=log, within_s=_START_S)
        except RuntimeError as one:
            failed = one
        else:
            return port
    raise failed


def _listens(port: int) -> bool:
    with contextlib.suppress(SQLAlchemyError), _connected(port, "root", "", "mysql"):
        return True
    return False


def _answers(rig: Rig) -> bool:
    with contextlib.suppress(SQLAlchemyError), rig.admin():
        return True
    return False


def _pids(directory: Path) -> list[str]:
    file = directory / "pid"
    return file.read_text(encoding="ascii").split() if file.exists() else []


def _end(directory: Path) -> None:
    for pid in _pids(directory):
        processes.end(int(pid), within_s=_START_S)


@contextlib.contextmanager
def _connected(port: int, user: str, password: str, database: str) -> Iterator[Connection]:
    address = URL.create("mysql+pymysql", user, password or None, "127.0.0.1", port, database)
    engine = create_engine(address, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


def _program(name: str) -> str:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""


_DATABASE: Final = Database(
    rig=Rig, prefix="erp-mcp-mariadb-", variable=VARIABLE, make=_start, answers=_answers, pids=_pids, end=_end
)
