"""Time-outs, statements nobody waits for, users that change, and the traffic that a database is spared."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from erp_mcp.credentials import UserSecret
from erp_mcp.egress.local_traffic import LocalTraffic
from erp_mcp.errors import (
    BadAnswerError,
    SystemBusyError,
    SystemRefusedError,
    SystemRestingError,
    SystemTimeoutError,
    SystemUnreachableError,
)
from erp_mcp.testing.passes import read_pages
from tests.guarantees import guarantees
from tests.moments import PATIENCE_S
from tests.systems.postgresql.conftest import DATABASE, FAST, MATERIALS, Open, material_profile, password_of
from tests.systems.postgresql.server import Rig
from tests.systems.slow_statements import give_up, run_out_of_time

pytestmark = pytest.mark.live

_SLOW = MATERIALS + ", (SELECT pg_sleep(300)) AS wait"


def _at_work(rig: Rig) -> int:
    """Return how many statements of ours the server works on."""
    with rig.admin(DATABASE) as admin:
        row = admin.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'erp-mcp' AND state = 'active'"
        ).fetchone()
    assert row is not None
    return int(row[0])


@guarantees("P9.spared_database")
async def test_a_statement_that_nobody_waits_for_any_more_is_stopped(plant: Rig, opens: Open) -> None:
    """An agent that gave up must not leave the database working on its question."""
    one = opens(material_profile(_SLOW), timeout_s=PATIENCE_S)
    await give_up(one, partial(_at_work, plant))
    assert (await one.probe())["product"] == "PostgreSQL"


@guarantees("P9.spared_database", "P9.bounded")
async def test_the_deadline_of_a_call_holds_for_its_statement(plant: Rig, opens: Open) -> None:
    """It is shorter than the system's own time limit, and than the statement by far."""
    one = opens(material_profile(_SLOW), timeout_s=PATIENCE_S)
    await run_out_of_time(one, partial(_at_work, plant))


@guarantees("P9.spared_database")
async def test_a_lock_is_not_waited_for_longer_than_the_statement(plant: Rig, opens: Open) -> None:
    """Somebody changes the table; reading it later is better than standing in line."""
    one = opens(timeout_s=1.0)
    await one.probe()
    with plant.admin(DATABASE) as admin, admin.transaction():
        admin.execute("LOCK TABLE part IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(SystemTimeoutError):
            await one.read("material", ["A"])


@guarantees("P9.spared_database")
async def test_sessions_have_limits_of_their_own(plant: Rig, opens: Open) -> None:
    """Should this process stop in the middle of a transaction, the database ends it."""
    shown = MATERIALS.replace(
        "note AS description",
        "current_setting('statement_timeout') || ' ' || current_setting('lock_timeout') || ' '"
        " || current_setting('idle_in_transaction_session_timeout') || ' ' || current_setting('transaction_read_only')"
        " AS description",
    )
    (record,) = await opens(material_profile(shown), timeout_s=20).read("material", ["A"])
    assert getattr(record, "description") == "20s 5s 20s on"  # noqa: B009 - of its subclass


@guarantees("P9.bounded")
async def test_a_query_of_too_many_rows_is_cut_in_the_database(plant: Rig, opens: Open) -> None:
    """A feed that gives a million rows costs one."""
    endless = "SELECT '2026-03-16T04:00:00Z' AS high_water, generate_series(1, 2000000000) AS number"
    one = opens(material_profile(feed=endless), timeout_s=PATIENCE_S)
    assert len(await one.read("material", ["A"])) == 1


# --- Users that change ------------------------------------------------------------------------------------------------


class Leases:
    """A secret source that gives the user it was told last."""

    def __init__(self, first: str) -> None:
        self.now = first
        self.next = first
        self.refused: list[str] = []

    async def current(self) -> str:
        return self.now

    async def after_refusal(self, refused: str) -> str:
        self.refused.append(refused)
        self.now = self.next
        return self.now


def _lease(rig: Rig, name: str) -> UserSecret:
    secret = rig.create_role(name)
    rig.run(DATABASE, f"GRANT USAGE ON SCHEMA public TO {name}; GRANT SELECT ON part, gone TO {name}")
    return UserSecret(name, secret)


def _revoke(rig: Rig, name: str) -> None:
    rig.run(DATABASE, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{name}'")
    rig.run(DATABASE, f"DROP OWNED BY {name}; DROP ROLE {name}")


@guarantees("P9.spared_database", "P10.rotation")
async def test_a_new_user_takes_over_without_a_restart_and_the_old_ones_connections_end(
    plant: Rig, opens: Open
) -> None:
    """A lease was renewed: the same adapter goes on as somebody else."""
    source = Leases(_lease(plant, "lease_1"))
    one = opens(credential=source, account="")
    assert (await one.probe())["account"] == "lease_1"
    source.now = _lease(plant, "lease_2")
    assert (await one.probe())["account"] == "lease_2"
    with plant.admin(DATABASE) as admin:
        row = admin.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'lease_1'").fetchone()
    _revoke(plant, "lease_1")
    assert len(await one.read("material", ["A"])) == 1
    await one.close()
    _revoke(plant, "lease_2")
    assert row == (0,)


@guarantees("P10.rotation")
@pytest.mark.parametrize("dropped", [True, False])
async def test_a_user_that_was_taken_away_is_asked_for_anew_once(plant: Rig, opens: Open, dropped: bool) -> None:
    """The lease ended early, or only its rights did; the pass goes on."""
    source = Leases(_lease(plant, "lease_3"))
    one = opens(credential=source, account="")
    await one.probe()
    source.next = _lease(plant, "lease_4")
    plant.run(DATABASE, "REVOKE SELECT ON part, gone FROM lease_3")
    if dropped:
        _revoke(plant, "lease_3")
    pages = await read_pages(one, "material")
    assert sum(len(page.records) for page in pages) == 2
    assert len(source.refused) == 1
    await one.close()
    for name in ("lease_4",) if dropped else ("lease_3", "lease_4"):
        _revoke(plant, name)


@guarantees("P10.rotation", "P8.no_leaks")
async def test_a_password_that_is_wrong_and_stays_so_is_a_refusal(plant: Rig, opens: Open) -> None:
    """Asked for anew once, and not in a circle: accounts get locked."""
    source = Leases("wr0ng")
    with pytest.raises(SystemRefusedError) as caught:
        await opens(credential=source).probe()
    assert source.refused == ["wr0ng"]
    assert "wr0ng" not in str(caught.value)


# --- Traffic ----------------------------------------------------------------------------------------------------------


@guarantees("P9.spared_database")
async def test_a_database_that_is_down_is_left_alone_after_a_few_tries(opens: Open) -> None:
    """The breaker is the same as for systems over HTTP."""
    traffic = LocalTraffic()
    one = opens(url="postgresql://127.0.0.1:1/plant", traffic=traffic, limits=replace(FAST, failures=3), timeout_s=1)
    for _ in range(3):
        with pytest.raises(SystemUnreachableError):
            await one.probe()
    with pytest.raises(SystemRestingError):
        await one.probe()
    (state,) = [state for state in traffic.states() if state.kind == "read"]
    assert (state.breaker, state.requests) == ("open", 3)


@guarantees("P9.spared_database")
async def test_a_database_that_answers_nonsense_is_not_down(plant: Rig, opens: Open) -> None:
    """A mapping that does not fit is a fault of ours; the breaker has nothing to do with it."""
    traffic = LocalTraffic()
    one = opens(material_profile(feed="SELECT 'soon' AS high_water"), traffic=traffic, limits=replace(FAST, failures=2))
    for _ in range(6):
        with pytest.raises(BadAnswerError):
            await one.read("material", ["A"])
    assert {state.breaker for state in traffic.states()} == {"closed"}


@guarantees("P9.spared_database")
async def test_callers_who_leave_at_once_do_not_make_a_database_seem_ill(plant: Rig, opens: Open) -> None:
    """An agent that cancels again and again would shut it off for all others."""
    traffic = LocalTraffic()
    one = opens(material_profile(_SLOW), timeout_s=PATIENCE_S, traffic=traffic, limits=replace(FAST, failures=2))
    await one.probe()
    for _ in range(4):
        await give_up(one, partial(_at_work, plant))
    assert {state.breaker for state in traffic.states()} == {"closed"}
    assert sum(state.failures for state in traffic.states()) == 0


@guarantees("P9.spared_database")
async def test_a_server_without_room_for_us_is_busy_and_not_down(plant: Rig, opens: Open) -> None:
    """It said so; that is another thing than being out of reach."""
    plant.run("postgres", "ALTER ROLE reader CONNECTION LIMIT 0")
    try:
        with pytest.raises(SystemBusyError):
            await opens().probe()
    finally:
        plant.run("postgres", "ALTER ROLE reader CONNECTION LIMIT -1")
    assert password_of(plant)
