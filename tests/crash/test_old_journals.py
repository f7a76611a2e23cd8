"""A gateway is renewed while proposals are under way: today's takes them over, yesterday's leaves them alone."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.domain.lifecycle import State as Stand
from erp_mcp.domain.proposal import Content
from erp_mcp.errors import StateUnavailableError
from erp_mcp.store.state import file as state_file
from erp_mcp.store.state.file import FILE_NAME, VERSION
from tests.guarantees import guarantees
from tests.systems.postgresql.server import running
from tests.unit.committing.erp import Fault
from tests.unit.committing.office import CREATE, Office
from tests.unit.store.state.stores import Schema, schema_on

_SCRIPTS: Final = Path(state_file.__file__).parent / "migrations"
_FIRST_WITH_PROPOSALS: Final = 2
_LEASE_OVER_S: Final = 130


class Killed(BaseException):
    """The worker of the older gateway ends here."""


async def busy(folder: Path) -> dict[str, Content]:
    """Leave a proposal in each state that is under way, and some at their end; return them by what was done."""
    office = Office.furnished(folder)
    made = {name: office.propose(CREATE, number=number) for number, name in enumerate(_WAYS, start=1)}
    for name, (stands, fault, dies_at) in _WAYS.items():
        if name == "waiting":
            continue
        office.approve(made[name])
        office.erp.faults = [fault] if fault else []

        def at(point: str, dies_at: str = dies_at) -> None:
            if point == dies_at:
                raise Killed

        if dies_at != "start":
            with suppress(Killed):
                await office.committer(at=at).work("older")
        if name == "looked for":
            office.clock.advance(30)
            with suppress(Killed):
                await office.committer(at=at).work("older")
        assert office.stand(made[name])[0] == stands, name
    office.close()
    return made


# What was done: where it stands then, what the way to the ERP did, and where the worker died.
_WAYS: Final[dict[str, tuple[str, Fault | None, str]]] = {
    "committed": ("COMMITTED", None, ""),
    "refused": ("REFUSED_BY_SYSTEM", "refuse", ""),
    "looked for": ("RECONCILING", "cut_after", "taken_reconciling"),
    "lost": ("UNKNOWN", "cut_before", ""),
    "lost and written": ("UNKNOWN", "cut_after", ""),
    "being sent": ("SENDING", None, "after_send"),
    "sent": ("SENDING", None, "answered"),
    "claimed": ("CLAIMED", None, "prepared"),
    "approved": ("APPROVED", None, "start"),
    "waiting": ("AWAITING_APPROVAL", None, ""),
}
_ENDS: Final = {
    "refused": ("REFUSED_BY_SYSTEM", 0), "lost": ("NOT_APPLIED", 0), "being sent": ("NOT_APPLIED", 0),
    **dict.fromkeys(("committed", "looked for", "lost and written", "sent", "claimed", "approved", "waiting"),
                    ("COMMITTED", 1)),
}  # fmt: skip


def aged(path: Path, version: int) -> None:
    """Put what a state file holds into one of an older version, as its gateway had it."""
    new = path.with_name("older.sqlite")
    with closing(sqlite3.connect(new, isolation_level=None)) as older:
        older.execute("PRAGMA journal_mode = WAL")
        for script in sorted(_SCRIPTS.glob("[0-9]*.sql"))[:version]:
            older.executescript(script.read_text(encoding="utf-8"))
        rules = older.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in rules:
            older.execute(f"DROP TRIGGER {name}")
        older.execute("ATTACH ? AS today", (str(path),))
        for (table,) in older.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
            kept = [column for column in _columns(older, "main", table) if column in _columns(older, "today", table)]
            older.execute(f"INSERT INTO main.{table} ({', '.join(kept)}) SELECT {', '.join(kept)} FROM today.{table}")
        older.execute("DETACH today")
        for _, text in rules:
            older.execute(text)
        older.execute(f"PRAGMA user_version = {version}")
    for one in path.parent.glob(f"{FILE_NAME}*"):
        one.unlink()
    new.rename(path)


def _columns(database: sqlite3.Connection, schema: str, table: str) -> list[str]:
    """Return the columns of a table that are written, not worked out."""
    rows = database.execute(f"PRAGMA {schema}.table_xinfo({table})").fetchall()
    return [row[1] for row in rows if row[6] == 0]


@guarantees("P10.survives", "P4.one_effect", "P4.unknown", "P5.moves_proved")
@pytest.mark.parametrize("version", range(_FIRST_WITH_PROPOSALS, VERSION))
async def test_what_an_older_gateway_left_under_way_comes_to_its_end(version: int, tmp_path: Path) -> None:
    """Its worker died in every state there is; each change is in the ERP once, or never and called so."""
    made = await busy(tmp_path)
    aged(tmp_path / "state" / FILE_NAME, version)
    office = Office(tmp_path)
    office.clock.advance(2 * _LEASE_OVER_S, plant=False)
    assert office.state.proposals.get(made["waiting"].proposal_id).state is Stand.AWAITING_APPROVAL
    office.approve(made["waiting"])
    for name, content in made.items():
        end = await office.until_end(content)
        assert (end.state.value, office.effects(content)) == _ENDS[name], name
    assert office.flaws() == []
    office.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.live)])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder for an office whose state is a file there, or lies in a schema."""
    if request.param == "sqlite":
        yield tmp_path
        return
    name = f"renewed_{os.getpid()}"
    with running(tmp_path / "postgresql") as rig:
        schema_on(rig, name).describe(tmp_path / "state")
        yield tmp_path
        with rig.admin() as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
            admin.execute(f"DROP ROLE {name}")


def become(folder: Path, version: int) -> None:
    """Let a newer gateway renew the state while others have it open."""
    schema = Schema.of(folder / "state")
    if schema is None:
        with closing(sqlite3.connect(folder / "state" / FILE_NAME, isolation_level=None)) as newer:
            newer.execute(f"PRAGMA user_version = {version}")
        return
    with schema.owned() as owner:
        owner.execute("UPDATE about SET version = %s", (version,))


@guarantees("P10.survives", "P4.two_stores", "input.clear_errors")
async def test_a_worker_that_is_older_than_its_journal_by_now_writes_nothing_more(folder: Path) -> None:
    """A newer gateway renewed the store while it ran; it says so, and the newer one finds what it was at."""
    office = Office.furnished(folder)
    content, waiting = office.approved(CREATE, number=1), office.approved(CREATE, number=2)

    def renewed(point: str) -> None:
        if point == "answered":
            become(folder, VERSION + 1)

    with pytest.raises(StateUnavailableError) as told:
        await office.committer(at=renewed).work("older")
    assert told.value.facts["reason"] == "made by a newer version"
    with pytest.raises(StateUnavailableError):
        await office.committer().work("older")
    assert (office.stand(content)[0], office.stand(waiting)[0], office.effects(content)) == ("SENDING", "APPROVED", 1)
    office.close()

    with pytest.raises(StateUnavailableError) as refused:
        Office(folder)
    assert refused.value.facts["reason"] == "made by a newer version"

    become(folder, VERSION)  # so that today's stands for the newer one
    office = Office(folder)
    for one in (content, waiting):
        office.clock.advance(_LEASE_OVER_S, plant=False)
        assert ((await office.until_end(one)).state.value, office.effects(one)) == ("COMMITTED", 1)
    assert office.flaws() == []
    office.close()
