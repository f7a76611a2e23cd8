"""How old a replica's data is said to be, and what becomes of statements that it takes back."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.bootstrap.machine import SystemClock
from erp_mcp.domain.entities.inventory import Material
from erp_mcp.domain.instants import instant_text
from erp_mcp.egress.local_traffic import LocalTraffic
from erp_mcp.errors import AccountTooPowerfulError, BadAnswerError, ConfigurationError, SystemTimeoutError
from erp_mcp.testing.passes import read_pages
from tests.guarantees import guarantees
from tests.moments import PATIENCE_S, becomes
from tests.needs import missing
from tests.systems.matrix.covering import FAULTS, SQL_REPLICA, covers
from tests.systems.postgresql.conftest import DATABASE, FAST, MATERIALS, Open, material_profile
from tests.systems.postgresql.server import Rig, installed, start, stop

pytestmark = pytest.mark.live


CLOCK = SystemClock()  # a replica's age is real time


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Rig]:
    """A rig of this test alone, since it breaks it."""
    if not installed():
        missing("PostgreSQL is not installed (initdb, pg_ctl, postgres and pg_basebackup)")
    yield start(tmp_path)
    stop(tmp_path)


@contextlib.contextmanager
def paused(rig: Rig) -> Iterator[None]:
    """Let the replica receive and not replay."""
    rig.run("postgres", "SELECT pg_wal_replay_pause()", replica=True)
    try:
        yield
    finally:
        rig.run("postgres", "SELECT pg_wal_replay_resume()", replica=True)
        rig.catch_up()


@guarantees("P7.replica_age")
async def test_an_idle_primary_does_not_make_its_replica_old(plant: Rig, opens: Open) -> None:
    """Nothing was written for a while: what was received is replayed, so it is as of now.

    Of a primary that others write to as well, the very moment in which something waits to be replayed is passed over.
    """
    plant.catch_up()
    await becomes(lambda: _age_s(plant) > 1.2)
    one = opens(replica=True, clock=CLOCK)
    async with asyncio.timeout(PATIENCE_S):
        while not await _is_of_now(one):
            await becomes(lambda: _age_s(plant) > 1.2)


async def _is_of_now(one: SqlAdapter) -> bool:
    before = CLOCK.wall()
    (record,) = await one.read("material", ["A"])
    young = record.as_of >= instant_text(before - timedelta(milliseconds=100))  # in tenths of a second
    return young and (await one.probe())["behind_s"] == "0.0"


@guarantees("P7.replica_age")
async def test_a_replica_that_is_late_gives_data_as_old_as_it_is(plant: Rig, opens: Open) -> None:
    """The last change it has is the newest it may vouch for; both in passes and in live reads."""
    plant.run(DATABASE, "UPDATE part SET note = 'seen' WHERE no = 'A'")
    plant.catch_up()
    before = CLOCK.wall()
    with paused(plant):
        await becomes(lambda: _age_s(plant) > 1.5)
        plant.run(DATABASE, "UPDATE part SET note = 'not seen' WHERE no = 'A'")
        await becomes(lambda: _waits_to_replay(plant))
        one = opens(replica=True, clock=CLOCK)
        (record,) = await one.read("material", ["A"])
        pages = await read_pages(one, "material")
        probe = await one.probe()
    assert isinstance(record, Material)
    assert record.description == "seen"
    assert record.as_of <= instant_text(before)
    assert all(page.high_water <= instant_text(before) for page in pages)
    assert float(probe["behind_s"]) >= 1.5


@guarantees("P7.sync_exact", "P7.replica_age")
async def test_a_tick_is_not_closed_before_the_replica_has_passed_it(plant: Rig, opens: Open) -> None:
    """By our clock the tick is long past; the replica has not yet replayed all that bears it."""
    past = datetime(2026, 3, 16, 3, 0, tzinfo=UTC)  # two hours before the plant clock of the tests
    plant.run(DATABASE, f"UPDATE part SET chg = '{instant_text(past)}'")
    plant.catch_up()
    one = opens(material_profile(feed=f"SELECT '{instant_text(past)}' AS high_water"))
    pages = await read_pages(one, "material")
    plant.run(DATABASE, f"INSERT INTO part VALUES ('0', '{instant_text(past)}', 'late', 'EA')")
    again = await read_pages(one, "material", pages[-1].watermark)
    assert "0" in {record.source_key for page in again for record in page.records}


@covers(FAULTS, SQL_REPLICA)
@guarantees("P7.replica_age")
async def test_a_replica_that_lost_its_primary_grows_old(own: Rig) -> None:
    """It has replayed all it received, and knows nothing of what was written since."""
    one = _writers_adapter(own)
    own.run("postgres", "ALTER SYSTEM SET primary_conninfo = ''", replica=True)
    own.run("postgres", "SELECT pg_reload_conf()", replica=True)
    behind = 0.0
    async with asyncio.timeout(PATIENCE_S):
        while behind < 1.0:
            await asyncio.sleep(0.05)
            behind = float((await one.probe())["behind_s"])
    await one.close()


@guarantees("P7.replica_age")
async def test_a_heartbeat_says_it_for_any_database(plant: Rig, opens: Open) -> None:
    """Also behind an address that leads to several replicas, and where the database itself tells nothing."""
    before = CLOCK.wall()
    plant.run(
        DATABASE,
        "CREATE TABLE heartbeat (beat timestamptz); GRANT SELECT ON heartbeat TO reader;"
        " INSERT INTO heartbeat VALUES (now() - interval '90 seconds')",
    )
    after = CLOCK.wall()
    one = opens(clock=CLOCK, heartbeat="public.heartbeat.beat")
    (record,) = await one.read("material", ["A"])
    assert instant_text(before - timedelta(seconds=91)) <= record.as_of <= instant_text(after - timedelta(seconds=89))


@guarantees("P7.replica_age", "input.clear_errors")
async def test_a_heartbeat_that_does_not_beat_is_not_trusted(plant: Rig, opens: Open) -> None:
    """An empty table says nothing; that is not the same as being up to date."""
    plant.run(DATABASE, "CREATE TABLE heartbeat (beat timestamptz); GRANT SELECT ON heartbeat TO reader")
    with pytest.raises(BadAnswerError):
        await opens(heartbeat="heartbeat.beat").read("material", ["A"])


@guarantees("input.clear_errors", "P8.fixed_statements")
@pytest.mark.parametrize(
    "place", ["beat", "a.b.c.d", "heartbeat.beat; DROP TABLE part", "h.b) FROM part --", 'h."b"', "h.b\x00", ""]
)
async def test_a_heartbeat_that_is_no_column_is_refused(plant: Rig, opens: Open, place: str) -> None:
    """It becomes part of a statement."""
    with pytest.raises(ConfigurationError):
        opens(heartbeat=place)


@guarantees("input.clear_errors")
async def test_a_setting_that_this_kind_does_not_know_is_refused(plant: Rig, opens: Open) -> None:
    """A typing mistake would switch the heartbeat off without a word."""
    with pytest.raises(ConfigurationError):
        opens(heart_beat="heartbeat.beat")


# --- Statements that a replica takes back -----------------------------------------------------------------------------


@contextlib.contextmanager
def impatient(rig: Rig) -> Iterator[None]:
    """Let the replica cancel at once what is in the way of replaying."""
    rig.run("postgres", "ALTER SYSTEM SET max_standby_streaming_delay = '10ms'", replica=True)
    rig.run("postgres", "SELECT pg_reload_conf()", replica=True)
    try:
        yield
    finally:
        rig.run("postgres", "ALTER SYSTEM RESET max_standby_streaming_delay", replica=True)
        rig.run("postgres", "SELECT pg_reload_conf()", replica=True)


@contextlib.contextmanager
def disturbed(rig: Rig) -> Iterator[None]:
    """Take away rows that a statement on the replica still sees, whenever there is one, so that it must choose."""
    over = threading.Event()
    writer = threading.Thread(target=_disturb, args=(rig, over))
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


def _disturb(rig: Rig, over: threading.Event) -> None:
    for number in itertools.count():
        while not _is_at_work(rig):
            if over.wait(0.02):
                return
        rig.run(DATABASE, f"UPDATE part SET note = 'v{number}'")
        rig.run(DATABASE, "VACUUM part")
        rig.catch_up()


@covers(FAULTS, SQL_REPLICA)
@guarantees("P9.spared_database")
async def test_a_statement_that_the_replica_takes_back_is_asked_again(plant: Rig, opens: Open) -> None:
    """Replaying goes on first; a moment later the same statement works."""
    slow_at_first = (
        MATERIALS + ", LATERAL (SELECT pg_sleep(CASE WHEN note IN ('first', 'second') THEN 300 ELSE 0 END)) AS wait"
    )
    limits = replace(FAST, attempts=5, retry_share=1.0)
    traffic = LocalTraffic()
    with impatient(plant):
        one = opens(material_profile(slow_at_first), replica=True, timeout_s=PATIENCE_S, limits=limits, traffic=traffic)
        await one.probe()
        with disturbed(plant):
            records = await one.read("material", ["A", "B"])
        assert len(records) == 2
        assert traffic.states()[0].retries >= 1


@covers(FAULTS, SQL_REPLICA)
@guarantees("P9.spared_database", "input.clear_errors")
async def test_one_that_is_taken_back_again_and_again_ends_as_transient(plant: Rig, opens: Open) -> None:
    """Within bounds, and with a word that says: later."""
    slow = MATERIALS + ", (SELECT pg_sleep(300)) AS wait"
    traffic = LocalTraffic()
    with impatient(plant):
        one = opens(material_profile(slow), replica=True, timeout_s=PATIENCE_S, traffic=traffic)
        await one.probe()
        with disturbed(plant), pytest.raises(SystemTimeoutError):
            await one.read("material", ["A", "B"])
        assert traffic.states()[0].retries >= 1


def _is_at_work(rig: Rig) -> bool:
    """Return whether the replica works on a statement of ours that sees rows."""
    asked = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE application_name = 'erp-mcp' AND state = 'active' AND wait_event = 'PgSleep'"
    )
    return int(_told(rig, asked)) > 0


def _age_s(rig: Rig) -> float:
    """Return how long ago that was written which the replica has replayed last."""
    return float(_told(rig, "SELECT extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())"))


def _waits_to_replay(rig: Rig) -> bool:
    """Return whether the replica has received what it has not replayed."""
    return bool(_told(rig, "SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()"))


def _told(rig: Rig, asked: LiteralString) -> Any:
    """Return the one value that the replica says."""
    with rig.admin(DATABASE, replica=True) as admin:
        row = admin.execute(asked).fetchone()
    assert row is not None
    return row[0]


# --- A replica that is one no more ------------------------------------------------------------------------------------


@covers(FAULTS, SQL_REPLICA)
@guarantees("P2.reading_account")
async def test_an_account_that_writes_is_refused_as_soon_as_the_replica_becomes_a_primary(own: Rig) -> None:
    """A fail-over leaves sessions open; what made the account harmless is gone."""
    one = _writers_adapter(own)
    assert (await one.probe())["role"].startswith("replica")
    own.run("postgres", "SELECT pg_promote()", replica=True)
    with pytest.raises(AccountTooPowerfulError):
        await one.probe()
    await one.close()


def _writers_adapter(rig: Rig) -> SqlAdapter:
    """Open the replica as an account that could write to its primary."""
    rig.create_database(DATABASE)
    secret = rig.create_role("writer")
    rig.run(
        DATABASE, "CREATE TABLE part (no text, chg text, note text, unit text); CREATE TABLE gone (no text, at text)"
    )
    rig.run(DATABASE, "GRANT SELECT, INSERT ON part TO writer; GRANT SELECT ON gone TO writer")
    rig.catch_up()
    connection = Connection(system="erp", url=rig.url(DATABASE, replica=True), account="writer", secret=secret)
    return SqlAdapter.open(connection, material_profile(), CLOCK)
