"""Whatever is asked for, MariaDB sees the profile's statements: the driver quotes values, so that is looked at here."""

from __future__ import annotations

import re
from typing import Final

import pytest
from sqlalchemy import text

from erp_mcp.testing.passes import read_pages
from tests.guarantees import guarantees
from tests.systems.mariadb.conftest import DATABASE, Open, material_profile
from tests.systems.mariadb.server import Rig
from tests.systems.postgresql.test_injection import PAYLOADS, ask_all, hostile_profile

pytestmark = pytest.mark.live

_KEYS: Final = re.compile(r"IN \( ?\?( ?, \?)* ?\)|IN \( ?\.\.\. ?\)|IN \(\.\.\.\)")  # as many keys as were asked for


def _forget(rig: Rig) -> None:
    rig.run("mysql", "TRUNCATE performance_schema.events_statements_summary_by_digest")


def _seen(rig: Rig) -> dict[str, int]:
    """Return each form of statement that was run in our database since `_forget`, and how often."""
    rows = rig.rows(
        "mysql",
        "SELECT DIGEST_TEXT, COUNT_STAR FROM performance_schema.events_statements_summary_by_digest"
        f" WHERE SCHEMA_NAME = '{DATABASE}'",
    )
    found: dict[str, int] = {}
    for form, count in rows:
        name = _KEYS.sub("IN (…)", str(form))
        found[name] = found.get(name, 0) + int(str(count))
    return found


@guarantees("P8.fixed_statements")
@pytest.mark.parametrize("mode", ["", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES,PIPES_AS_CONCAT"])
async def test_it_sees_no_other_statements_whatever_is_asked_for(plant: Rig, opens: Open, mode: str) -> None:
    """300 payloads in every parameter; the server itself tells which forms of statements it was asked.

    In each mode that changes what a quoted text is.
    """
    plant.run("mysql", f"SET GLOBAL sql_mode = '{mode}'")
    payloads = PAYLOADS if not mode else PAYLOADS[::5]
    try:
        plant.run(DATABASE, "INSERT INTO gone VALUES ('zz', 'zz')")
        one = opens(hostile_profile())
        await one.probe()
        _forget(plant)
        await ask_all(one, ["plain"])
        known = set(_seen(plant))
        _forget(plant)
        assert await ask_all(one, payloads) == 7 * len(payloads)
        seen = _seen(plant)
    finally:
        plant.run("mysql", "SET GLOBAL sql_mode = DEFAULT")
    assert set(seen) - known == set()
    assert sum(seen.values()) > 7 * len(payloads)
    assert plant.rows(DATABASE, "SELECT count(*) FROM part") == [(2,)]


@guarantees("P8.fixed_statements")
async def test_what_is_stored_is_never_made_part_of_a_statement(plant: Rig, opens: Open) -> None:
    """Second order: hostile keys, ticks and names come back from the database and go into the next page's statement."""
    plant.run(DATABASE, "ALTER TABLE part DROP PRIMARY KEY", "INSERT INTO gone VALUES ('zz', 'zz')")
    with plant.admin(DATABASE) as admin:
        rows = [{"text": one} for one in PAYLOADS]
        admin.execute(text("INSERT INTO part VALUES (:text, :text, :text, 'EA')"), rows)
        admin.execute(text("INSERT INTO gone VALUES (:text, :text)"), rows)
    one = opens(hostile_profile())
    await one.probe()
    _forget(plant)
    await ask_all(one, ["plain"])
    known = set(_seen(plant))
    _forget(plant)
    pages = await read_pages(one, "material")
    keys = [record.source_key for page in pages for record in page.records]
    found = [await one.read("material", [key]) for key in keys[:50]]
    again = await read_pages(one, "material", pages[-1].watermark)
    await one.cross_references("lot")
    assert sorted(keys) == sorted({*PAYLOADS, "A", "B"})
    assert all(len(records) == 1 for records in found)
    assert again[-1].last
    assert set(_seen(plant)) <= known


@guarantees("P8.fixed_statements")
@pytest.mark.parametrize("name", ['he said "x"', "a; DROP TABLE part", "select", "über %s :page_at", "a\\:b"])
async def test_names_in_the_database_may_be_anything(plant: Rig, opens: Open, name: str) -> None:
    """The profile quotes them; colons and percent signs in it are no parameters."""
    plant.run(DATABASE, f"CREATE TABLE `{name}` AS SELECT * FROM part")
    statement = (
        "SELECT no AS source_key, chg AS version_token, chg AS changed_at, no AS material_id,"
        f" ':page_at %s %(x)s' AS description, unit AS base_uom FROM `{name}` WHERE no LIKE '%'"
    )
    (record,) = await opens(material_profile(statement)).read("material", ["A"])
    assert getattr(record, "description") == ":page_at %s %(x)s"  # noqa: B009 - of its subclass
