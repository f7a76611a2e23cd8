"""Time-outs, statements nobody waits for, cuts, types and keys, on a real MariaDB."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from erp_mcp.errors import (
    BadAnswerError,
    SystemRefusedError,
    SystemTimeoutError,
    SystemUnreachableError,
    UnboundFieldError,
)
from erp_mcp.testing.passes import read_pages
from tests.guarantees import guarantees
from tests.moments import PATIENCE_S, becomes
from tests.systems.mariadb.conftest import ACCOUNT, DATABASE, MATERIALS, Open, material_profile
from tests.systems.mariadb.server import Rig
from tests.systems.openbao.certificates import make_certificates
from tests.systems.slow_statements import give_up, run_out_of_time

pytestmark = pytest.mark.live

_SLOW = MATERIALS + ", (SELECT SLEEP(300) AS wait) slow"


def _at_work(rig: Rig) -> int:
    """Return how many statements of ours the server works on."""
    statement = f"SELECT 1 FROM information_schema.PROCESSLIST WHERE USER = '{ACCOUNT}' AND COMMAND = 'Query'"
    return len(rig.rows("mysql", statement))


@guarantees("P9.spared_database")
async def test_a_statement_that_nobody_waits_for_any_more_is_stopped(plant: Rig, opens: Open) -> None:
    """An agent that gave up must not leave the database working on its question."""
    one = opens(material_profile(_SLOW), timeout_s=PATIENCE_S)
    await give_up(one, partial(_at_work, plant))
    assert (await one.probe())["product"] == "MariaDB"


@guarantees("P9.spared_database", "P9.bounded")
async def test_the_deadline_of_a_call_holds_for_its_statement(plant: Rig, opens: Open) -> None:
    """It is shorter than the system's own time limit, and than the statement by far."""
    one = opens(material_profile(_SLOW), timeout_s=PATIENCE_S)
    await run_out_of_time(one, partial(_at_work, plant))


@guarantees("P9.spared_database")
async def test_the_database_itself_ends_a_statement_that_takes_too_long(plant: Rig, opens: Open) -> None:
    """Should this process die, nothing goes on working for it."""
    shown = MATERIALS.replace(
        "note AS description",
        "CONCAT_WS(' ', @@max_statement_time, @@lock_wait_timeout, @@innodb_lock_wait_timeout,"
        " @@idle_transaction_timeout, @@tx_read_only, @@time_zone) AS description",
    )
    (record,) = await opens(material_profile(shown), timeout_s=20).read("material", ["A"])
    assert getattr(record, "description") == "20.000000 5 5 20 ON +00:00"  # noqa: B009 - of its subclass
    with pytest.raises(SystemTimeoutError):
        await opens(material_profile(_SLOW), timeout_s=0.3).read("material", ["A"])
    await becomes(lambda: _at_work(plant) == 0)


@guarantees("P9.spared_database")
async def test_a_lock_is_not_waited_for_longer_than_the_statement(plant: Rig, opens: Open) -> None:
    """Somebody changes the table; reading it later is better than standing in line."""
    one = opens(timeout_s=1.0)
    await one.probe()
    with plant.admin(DATABASE) as admin:
        admin.exec_driver_sql("LOCK TABLES part WRITE")
        with pytest.raises(SystemTimeoutError):
            await one.read("material", ["A"])


@guarantees("P9.bounded")
async def test_a_query_of_too_many_rows_is_cut_in_the_database(plant: Rig, opens: Open) -> None:
    """A feed that gives a hundred million rows costs one."""
    endless = "SELECT '2026-03-16T04:00:00Z' AS high_water, seq AS number FROM seq_1_to_100000000"
    assert len(await opens(material_profile(feed=endless)).read("material", ["A"])) == 1


@guarantees("P7.sync_exact")
async def test_keys_are_compared_as_they_are_written(plant: Rig, opens: Open) -> None:
    """The collation takes a for A, ä for a and a blank at the end for nothing; keys that differ are records that do."""
    keys = ["A", "a", "ä", "Ä", "a ", "b", "B", "b\t", "aa", "ß", "ss"]
    plant.run(DATABASE, "DELETE FROM part", "ALTER TABLE part DROP PRIMARY KEY")
    for key in keys:
        plant.run(DATABASE, f"INSERT INTO part VALUES ('{key}', 't1', '{len(key)}', 'EA')")
    one = opens()
    pages = await read_pages(one, "material")
    assert sorted(record.source_key for page in pages for record in page.records) == sorted(keys)
    for key in keys:
        assert [record.source_key for record in await one.read("material", [key])] == [key]
    assert await one.read("material", ["AA", "aA", " a", "a  ", "ẞ", "s"]) == ()
    assert len(await one.read("material", keys)) == len(keys)


@guarantees("P7.sync_exact")
async def test_a_page_ends_between_keys_that_the_collation_takes_for_one(plant: Rig, opens: Open) -> None:
    """Ten rows a page, five pages a statement: sixty keys of one tick that differ in case alone."""
    keys = [f"{number:06b}".replace("0", "a").replace("1", "A") for number in range(60)]
    plant.run(DATABASE, "DELETE FROM part", "ALTER TABLE part DROP PRIMARY KEY")
    rows = ", ".join(f"('{key}', 't1', '', 'EA')" for key in keys)
    plant.run(DATABASE, f"INSERT INTO part VALUES {rows}")
    pages = await read_pages(opens(), "material")
    assert sorted(record.source_key for page in pages for record in page.records) == sorted(keys)


@guarantees("P7.freshness", "input.clear_errors")
async def test_a_heartbeat_needs_a_time_with_a_zone(plant: Rig, opens: Open) -> None:
    """Its columns for times have none, so it is a text; one without a zone is an error, not age zero."""
    beat = datetime(2026, 3, 16, 4, 59, tzinfo=UTC).isoformat()
    plant.run(DATABASE, "CREATE TABLE pulse (beat varchar(40), at timestamp)")
    plant.run(DATABASE, f"INSERT INTO pulse VALUES ('{beat}', now())")
    one = opens(heartbeat="pulse.beat")
    (record,) = await one.read("material", ["A"])
    assert record.as_of == "2026-03-16T04:59:00Z"
    with pytest.raises(BadAnswerError):
        await opens(heartbeat="pulse.at").read("material", ["A"])


@guarantees("P10.rotation")
async def test_a_password_may_have_any_letters(plant: Rig, opens: Open) -> None:
    """Not those of Western Europe alone, which is all that the driver takes for granted."""
    plant.run("mysql", f"ALTER USER {ACCOUNT} IDENTIFIED BY 'pä€ж'")
    assert [record.source_key for record in await opens(secret="pä€ж").read("material", ["A"])] == ["A"]


@guarantees("P8.database_tls")
async def test_a_named_authority_is_asked_for_and_checked(plant: Rig, opens: Open, tmp_path: Path) -> None:
    """Another one's word for the same address counts for nothing, and nothing is said to that server."""
    shown = MATERIALS.replace("note AS", "(SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS"
                              " WHERE VARIABLE_NAME = 'Ssl_cipher') AS")  # fmt: skip
    (record,) = await opens(material_profile(shown), ca_file=plant.ca_file).read("material", ["A"])
    assert getattr(record, "description")  # noqa: B009 - of its subclass
    other, _, _ = make_certificates(tmp_path)
    with pytest.raises(SystemUnreachableError):
        await opens(ca_file=other).read("material", ["A"])


@guarantees("input.clear_errors")
async def test_what_it_says_is_told_apart(plant: Rig, opens: Open) -> None:
    """A right that is missing, a field that is not there, a database that is gone: each needs another person."""
    one = opens()
    await one.probe()
    plant.run(DATABASE, "ALTER TABLE part RENAME COLUMN unit TO uom")
    with pytest.raises(UnboundFieldError) as caught:
        await one.read("material", ["A"])
    assert caught.value.facts["fields"] == ("base_uom",)
    plant.run(DATABASE, "REVOKE SELECT ON plant.* FROM reader", "GRANT SELECT ON plant.gone TO reader")
    with pytest.raises(SystemRefusedError):
        await opens().read("material", ["A"])
    plant.run("mysql", "ALTER USER reader ACCOUNT LOCK")
    with pytest.raises(SystemRefusedError):
        await opens().probe()
    with pytest.raises(SystemUnreachableError):
        await opens(url=f"mysql://127.0.0.1:1/{DATABASE}").probe()
