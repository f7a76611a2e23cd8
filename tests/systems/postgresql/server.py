"""PostgreSQL and a streaming replica of it as child processes on 127.0.0.1: made new, described, stopped, removed.

Never a cluster that the machine has already. PostgreSQL refuses to run as root, so for root it runs as `postgres`, or
as nobody where there is no such user; its files lie in a directory of that user, since pytest's are closed to it.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from tests.systems import processes
from tests.systems.databases import Database, Served

VARIABLE: Final = "ERP_MCP_POSTGRESQL_DIR"
_ADMIN: Final = "admin"
_USER: Final = "postgres"
_TOOLS: Final = ("initdb", "pg_ctl", "postgres", "pg_basebackup")
_STATEMENTS: Final = "pg_stat_statements"  # records what the server was asked, where it is installed
_START_S: Final = 60
_SETTINGS: Final = (
    "listen_addresses='127.0.0.1'",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=logical",
    "max_connections=300",
    "timezone=UTC",
    "log_timezone=UTC",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig(Served):
    """A primary and its replica: where they listen, and who may do everything on them.

    The replica knows the same databases, roles and passwords. `directory` holds all files of both.
    """

    replica_port: int
    database: str
    counts_statements: bool

    def url(self, database: str = "", *, replica: bool = False) -> str:
        """Return the address of a database, without user and password."""
        port = self.replica_port if replica else self.port
        return f"postgresql://{self.host}:{port}/{database or self.database}"

    @contextlib.contextmanager
    def admin(self, database: str = "", *, replica: bool = False) -> Iterator[psycopg.Connection]:
        """Yield a connection that may do everything, each statement for itself."""
        url = self.url(database, replica=replica)
        with psycopg.connect(url, user=self.user, password=self.password, autocommit=True) as connection:
            yield connection

    def run(self, database: str, text: str, *, replica: bool = False) -> None:
        """Run statements as the administrator."""
        with self.admin(database, replica=replica) as connection:
            connection.execute(text)

    def rows(self, database: str, text: str) -> list[tuple[object, ...]]:
        """Return the rows of a statement as the administrator."""
        with self.admin(database) as connection:
            return connection.execute(text).fetchall()

    def create_database(self, name: str, *, owner: str = "") -> None:
        """Make an empty database with the rights that the server gives to everybody, as most are.

        One of that name is dropped before, with whoever is in it.
        """
        with self.admin() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            owned = sql.SQL(" OWNER {}").format(sql.Identifier(owner)) if owner else sql.SQL("")
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + owned)

    def create_role(self, name: str, password: str = "", *, options: str = "") -> str:
        """Make a role that may sign in, or give it a new password; returns the password.

        `options` are words of `CREATE ROLE`, such as CREATEROLE for an account that makes others.
        """
        secret = password or secrets.token_hex(18)
        words = sql.SQL(f" LOGIN {options} PASSWORD ")
        with self.admin() as connection:
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone()
            verb = sql.SQL("ALTER ROLE " if known else "CREATE ROLE ")
            connection.execute(verb + sql.Identifier(name) + words + sql.Literal(secret))
        return secret

    def let_read(self, database: str, role: str, *, schema: str = "public") -> None:
        """Let a role read everything that is in a schema now and what the administrator makes there later."""
        names = {"role": sql.Identifier(role), "schema": sql.Identifier(schema), "database": sql.Identifier(database)}
        with self.admin(database) as connection:
            for text in (
                "GRANT CONNECT ON DATABASE {database} TO {role}",
                "GRANT USAGE ON SCHEMA {schema} TO {role}",
                "GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}",
                "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role}",
            ):
                connection.execute(sql.SQL(text).format(**names))

    def catch_up(self, *, timeout_s: float = 120.0) -> None:
        """Wait until the replica has all that the primary has written."""
        with self.admin() as primary, self.admin(replica=True) as replica:
            place = primary.execute("SELECT pg_current_wal_insert_lsn()").fetchone()

            def caught_up() -> bool:
                done = replica.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", place).fetchone()
                return bool(done and done[0])

            processes.until(caught_up, name="the replica", within_s=timeout_s)


def running(state: Path) -> contextlib.AbstractContextManager[Rig]:
    """Yield the rig that the environment names, or one of our own in `state`; skips where there is no PostgreSQL."""
    lacks = "PostgreSQL is not installed (initdb, pg_ctl, postgres and pg_basebackup)"
    return _DATABASE.running(state, installed=installed, lacks=lacks)


def installed() -> bool:
    """Return whether the server's programs are on this machine."""
    return _programs() is not None


def start(state: Path) -> Rig:
    """Make a primary and a replica and describe them in `state`; one that runs there already is kept."""
    return _DATABASE.start(state)


def crash(rig: Rig) -> None:
    """Stop the primary without letting it write anything more, and start it again where it was: it recovers by itself.

    Only for a rig of the caller's own: whoever else is on it loses their connections.
    """
    directory = Path(rig.directory)
    _run(directory, "pg_ctl", "-D", str(directory / "primary"), "-m", "immediate", "-w", "stop")
    _serve(directory, "primary", rig.port)


def stop(state: Path) -> None:
    """End both servers and remove their files; what is stopped already is left alone."""
    _DATABASE.stop(state)


def _start(directory: Path) -> Rig:
    password = secrets.token_hex(18)
    word = directory / "password"
    word.write_text(password, encoding="utf-8")
    processes.give(processes.not_root(_USER), directory, word)
    primary, replica = directory / "primary", directory / "replica"
    made = ("initdb", "-D", str(primary), "-U", _ADMIN, f"--pwfile={word}", "-A", "scram-sha-256", "-E", "UTF8")
    _run(directory, *made, "--locale=C.UTF-8", "--no-sync")
    counts = (_library_folder() / f"{_STATEMENTS}.so").exists()
    lines = [*_SETTINGS, f"unix_socket_directories='{directory}'"]
    lines += [f"shared_preload_libraries={_STATEMENTS}", f"{_STATEMENTS}.track=all"] if counts else []
    with (primary / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
        settings.write("\n".join(lines) + "\n")
    port = _serve(directory, "primary")
    copied = ("pg_basebackup", "-h", "127.0.0.1", "-p", str(port), "-U", _ADMIN, "-D", str(replica))
    _run(directory, *copied, "-R", "-X", "stream", "-C", "-S", "rep1", "-c", "fast", "--no-sync", PGPASSWORD=password)
    replica_port = _serve(directory, "replica")
    word.unlink()
    rig = Rig(
        host="127.0.0.1",
        port=port,
        replica_port=replica_port,
        user=_ADMIN,
        password=password,
        database="postgres",
        version=_run(directory, "postgres", "--version").split()[2],
        directory=str(directory),
        counts_statements=counts,
    )
    if counts:
        rig.run("postgres", f"CREATE EXTENSION {_STATEMENTS}")
    rig.catch_up()
    return rig


def _serve(directory: Path, name: str, port: int = 0) -> int:
    """Start one server on a port; another free one is tried when somebody was faster."""
    for _ in range(5):
        chosen = port or processes.free_port()
        options = f"-c port={chosen}"
        with contextlib.suppress(subprocess.CalledProcessError):
            log = str(directory / f"{name}.log")
            _run(directory, "pg_ctl", "-D", str(directory / name), "-w", "-t", str(_START_S), "-l", log, "-o", options,
                 "start")  # fmt: skip
            return chosen
    said = (directory / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-2000:]
    raise RuntimeError(f"PostgreSQL did not start: {said}")


def _answers(rig: Rig) -> bool:
    with contextlib.suppress(psycopg.OperationalError), rig.admin(), rig.admin(replica=True):
        return True
    return False


def _pids(directory: Path) -> list[str]:
    return [(directory / one / "postmaster.pid").read_text().splitlines()[0] for one in ("primary", "replica")]


def _end(directory: Path) -> None:
    for name in ("replica", "primary"):
        if (directory / name / "postmaster.pid").exists():
            with contextlib.suppress(subprocess.CalledProcessError):
                _run(directory, "pg_ctl", "-D", str(directory / name), "-m", "immediate", "-w", "stop")


def _run(directory: Path, program: str, *arguments: str, **more: str) -> str:
    """Run one of PostgreSQL's programs as its user; its output goes to a file, since the server keeps it open."""
    folder = _programs()
    assert folder is not None
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", **more}
    command = [str(folder / program), *arguments]
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            command, cwd=directory, env=environment, stdout=output, stderr=output, check=False,
            **processes.not_root(_USER),
        )  # fmt: skip
        output.seek(0)
        said = output.read().decode(errors="replace")
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, program, said)
    return said


def _programs() -> Path | None:
    """Return the folder of the server's programs: that of Debian's newest version, or what is on the PATH."""
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    found = sorted(debian, key=lambda one: int(one.parent.name) if one.parent.name.isdigit() else 0, reverse=True)
    if on_path := shutil.which("pg_ctl"):
        found.append(Path(on_path).resolve().parent)
    return next((one for one in found if all((one / tool).exists() for tool in _TOOLS)), None)


def _library_folder() -> Path:
    folder = _programs()
    assert folder is not None
    return folder.parent / "lib"


_DATABASE: Final = Database(
    rig=Rig, prefix="erp-mcp-pg-", variable=VARIABLE, make=_start, answers=_answers, pids=_pids, end=_end
)
