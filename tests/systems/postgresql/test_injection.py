"""Whatever is asked for, the databases see the profile's statements: hostile keys, watermarks, names and rows."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.adapters.sql.watermark import Watermark
from erp_mcp.domain.profile import IdentityRule, Profile
from erp_mcp.errors import BadAnswerError
from erp_mcp.testing import FixedClock
from erp_mcp.testing.passes import read_pages
from tests.guarantees import guarantees
from tests.needs import missing
from tests.systems.postgresql.conftest import DATABASE, READER, Open, material_profile
from tests.systems.postgresql.server import Rig

_STEMS: Final = (
    "A' OR '1'='1", "A'; DROP TABLE part; --", "A'); DELETE FROM part; --", "' UNION SELECT no, at FROM gone",
    "A' AND (SELECT pg_sleep(5)) IS NOT NULL --", "A'||(SELECT note FROM part LIMIT 1)||'", "\\'; SELECT 1; --",
    'A"; DROP TABLE part; --', "A`; DROP TABLE part; --", "$$; DROP TABLE part; $$", "$1; DELETE FROM part",
    ":page_limit", "%(key_0)s", "%s", "%%s", "{key_0}", "?1", "@p", "A/**/OR/**/1=1", "A'/*", "*/ OR 1=1 --", ":key_0",
    "1; ATTACH DATABASE 'x.db' AS y", "load_extension('x')", "A' OR randomblob(1000000000) --", "A' OR 1=1 #",
    "A'; SET ROLE admin; --", "'; COMMIT; BEGIN READ WRITE; DELETE FROM part; --", "lo_import('/etc/passwd')",
    "COPY part TO PROGRAM 'id'",
)  # fmt: skip
_FORMS: Final[tuple[Callable[[str], str], ...]] = (
    lambda text: text,
    lambda text: f"{text.upper()} ",
    lambda text: text.replace(" ", "\t\n") + "\t\n",
    lambda text: text.replace("'", "\u02bc") + "\u02bc",  # a quotation mark to some code pages
    lambda text: text.replace("'", "%27") + "%27",
    lambda text: f"{text}\\",
    lambda text: f"\u202e{text}\u200b",
    lambda text: f"{text}' {'A' * 60}",
    lambda text: f"'{text}'",
    lambda text: f"\\x27{text}",
)
PAYLOADS: Final = [form(stem) for stem in _STEMS for form in _FORMS]
_KEYS: Final = re.compile(r"IN \(\$\d+(, \$\d+)*\)")  # as many keys as were asked for
_XREF: Final = IdentityRule(rule="table", query="SELECT no AS local, note AS canonical FROM part")


def hostile_profile() -> Profile:
    """Return a profile with every statement that something from outside goes into."""
    plain = material_profile(feed="SELECT max('2026-03-16T04:00:00Z') AS high_water FROM part")
    return Profile(
        name=plain.name, version=1, kind="sql", level=4, zone="UTC", identity={"lot": _XREF}, states={},
        entities=plain.entities,
    )  # fmt: skip


async def ask_all(adapter: SqlAdapter, payloads: list[str]) -> int:
    """Put every payload into every parameter that leads from outside into a statement; returns how many went in."""
    asked = 0
    await read_pages(adapter, "material")
    for payload in payloads:
        assert await adapter.read("material", [payload]) == ()
        assert await adapter.read("material", [payload, f"{payload}x", "A"]) != ()
        for watermark in (payload, _mark(rows=payload), _mark(key=payload), _mark(gone=payload), f'[1,"{payload}"]'):
            with contextlib.suppress(BadAnswerError):  # not of this adapter
                await read_pages(adapter, "material", watermark)
        asked += 7
    await adapter.cross_references("lot")
    return asked


def _mark(*, rows: str = "t0", key: str = "", gone: str = "t0") -> str:
    from erp_mcp.adapters.sql.statements import Place

    return Watermark(rows=Place(changed_at=rows, key=key), gone=Place(changed_at=gone)).text


@guarantees("P8.fixed_statements")
@pytest.mark.live
async def test_postgresql_sees_no_other_statements_whatever_is_asked_for(plant: Rig, opens: Open) -> None:
    """300 payloads in every parameter; the server itself counts what it was asked."""
    assert len(PAYLOADS) == len(set(PAYLOADS)) == 300
    plant.run(DATABASE, "INSERT INTO gone VALUES ('zz', 'zz')")
    one = opens(hostile_profile())
    await ask_all(one, ["plain"])
    known = _seen(plant)
    plant.run("postgres", "SELECT pg_stat_statements_reset()")
    assert await ask_all(one, PAYLOADS) == 2100
    seen = _seen(plant)
    assert {text for text, _ in seen} - {text for text, _ in known} == set()
    assert sum(calls for _, calls in seen) > 2100
    with plant.admin(DATABASE) as admin:
        assert admin.execute("SELECT count(*) FROM part").fetchone() == (2,)


def _seen(rig: Rig) -> set[tuple[str, int]]:
    if not rig.counts_statements:
        missing("pg_stat_statements is not installed")
    with rig.admin() as admin:
        rows = admin.execute(
            "SELECT query, sum(calls)::int FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid"
            " WHERE rolname = %s GROUP BY query",
            (READER,),
        ).fetchall()
    return {(_KEYS.sub("IN (…)", str(text)), int(calls)) for text, calls in rows}


@guarantees("P8.fixed_statements")
@pytest.mark.live
async def test_what_is_stored_is_never_made_part_of_a_statement(plant: Rig, opens: Open) -> None:
    """Second order: hostile keys, ticks and names come back from the database and go into the next page's statement."""
    with plant.admin(DATABASE) as admin, admin.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO part VALUES (%s, %s, %s, 'EA')",
            [(text, text, text) for text in PAYLOADS],
        )
        cursor.executemany("INSERT INTO gone VALUES (%s, %s)", [(text, text) for text in PAYLOADS])
    plant.run(DATABASE, "INSERT INTO gone VALUES ('zz', 'zz')")
    one = opens(hostile_profile())
    await ask_all(one, ["plain"])
    known = _seen(plant)
    plant.run("postgres", "SELECT pg_stat_statements_reset()")
    pages = await read_pages(one, "material")
    keys = [record.source_key for page in pages for record in page.records]
    found = [await one.read("material", [key]) for key in keys[:50]]
    again = await read_pages(one, "material", pages[-1].watermark)
    await one.cross_references("lot")
    assert len(keys) == len(set(keys)) == len(PAYLOADS) + 2
    assert all(len(records) == 1 for records in found)
    assert again[-1].last
    assert {text for text, _ in _seen(plant)} <= {text for text, _ in known}


@guarantees("P8.fixed_statements")
@pytest.mark.live
@pytest.mark.parametrize("name", ['he said "x"', "a; DROP TABLE part", "select", "über %s :page_at", "a\\:b"])
async def test_names_in_the_database_may_be_anything(plant: Rig, opens: Open, name: str) -> None:
    """The profile quotes them; colons and percent signs in it are no parameters."""
    quoted = '"' + name.replace('"', '""') + '"'
    plant.run(DATABASE, f"CREATE TABLE {quoted} AS SELECT * FROM part; GRANT SELECT ON {quoted} TO reader")
    statement = (
        "SELECT no AS source_key, chg AS version_token, chg AS changed_at, no AS material_id,"
        f" ':page_at %s %(x)s' AS description, unit AS base_uom FROM {quoted} WHERE no LIKE '%'"
    )
    (record,) = await opens(material_profile(statement)).read("material", ["A"])
    assert getattr(record, "description") == ":page_at %s %(x)s"  # noqa: B009 - of its subclass


# --- SQLite -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def traced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[SqlAdapter, set[str], Path]:
    """An adapter on a file, and the text of each statement that SQLite compiles for it, without values."""
    file = tmp_path / "erp.sqlite"
    with closing(sqlite3.connect(file)) as database, database:
        database.executescript(
            "CREATE TABLE part (no text PRIMARY KEY, chg text, note text, unit text);"
            "CREATE TABLE gone (no text, at text);"
            "INSERT INTO part VALUES ('A', 't1', 'first', 'EA'), ('B', 't2', 'second', 'EA');"
        )
    seen: set[str] = set()

    class Traced(sqlite3.Connection):
        def execute(self, text: str, values: Any = ()) -> sqlite3.Cursor:  # as the standard library has it
            seen.add(text)
            return super().execute(text, values)

    plain = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: plain(*a, factory=Traced, **k))
    connection = Connection(system="erp", url=str(file), page_rows=10, timeout_s=5)
    return SqlAdapter.open(connection, hostile_profile(), FixedClock()), seen, file


@guarantees("P8.fixed_statements")
async def test_sqlite_sees_no_other_statements_whatever_is_asked_for(
    traced: tuple[SqlAdapter, set[str], Path],
) -> None:
    """The same payloads; each connection compiles what it is given, so that is what counts."""
    one, seen, file = traced
    await ask_all(one, ["plain"])
    known = set(seen)
    assert await ask_all(one, PAYLOADS) == 2100
    assert seen == known
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT count(*) FROM part").fetchone() == (2,)
