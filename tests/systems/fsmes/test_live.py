"""The MES through its API and through a replica of its database: the demo MES's floor, and nothing written."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest

from erp_mcp.adapters import open_commands
from erp_mcp.adapters._http_connection import open_egress
from erp_mcp.adapters.rest.adapter import RestAdapter
from erp_mcp.adapters.rest.grammar import read_head
from erp_mcp.adapters.rest.login import login_identity, read_login
from erp_mcp.adapters.rest.settings import RestSettings
from erp_mcp.credentials.refreshing import Timing
from erp_mcp.domain.entities import Record
from erp_mcp.domain.entities.inventory import MesStock
from erp_mcp.domain.entities.production import Downtime, Job
from erp_mcp.domain.entities.shop_floor import MachineState
from erp_mcp.domain.value import to_scaled
from erp_mcp.errors import (
    AccountTooPowerfulError,
    SystemReadOnlyError,
    SystemRefusedError,
    SystemTimeoutError,
    SystemUnreachableError,
)
from erp_mcp.ports import Adapter
from erp_mcp.testing import FixedClock
from erp_mcp.testing.passes import read_pages
from tests.guarantees import guarantees
from tests.moments import becomes
from tests.systems.fsmes.conftest import connection_to, opened, opened_replica, profile_named
from tests.systems.fsmes.export import Floor
from tests.systems.fsmes.server import DATABASE, Running, serve
from tests.systems.matrix.covering import FAULTS, FSMES_REPLICA, FSMES_REST, SYNC, WRITING, Of, covers
from tests.systems.processes import end

pytestmark = pytest.mark.live

BY_PROFILE = Of("name", {"fsmes": FSMES_REST, "fsmes-replica": FSMES_REPLICA})
_STATES = {"RUN": "Running", "QUEUED": "Waiting", "DONE": "Completed"}


async def _all(adapter: Adapter, entity: str) -> list[Record]:
    return [record for page in await read_pages(adapter, entity) for record in page.records]


def _jobs_known_to_both(floor: Floor) -> set[tuple[object, ...]]:
    return {
        (
            job.order, f"{job.step:04d}", job.machine, job.material, _STATES[job.state],
            to_scaled(job.good, 6), to_scaled(job.scrap, 6),
        )
        for job in floor.jobs
    }  # fmt: skip


def _facts(job: Job) -> tuple[object, ...]:
    return (
        job.production_order_id, job.operation_id, job.work_center_id, job.material_id, job.response_state,
        job.qty_good, job.qty_scrap,
    )  # fmt: skip


# --- The same floor ---------------------------------------------------------------------------------------------------


@covers(SYNC, FSMES_REST)
@guarantees("P7.same_answers")
async def test_the_api_gives_the_jobs_that_the_demo_mes_gives(mes: Running, floor: Floor) -> None:
    """Order, step, machine, material, state and exact quantities of each."""
    async with opened(connection_to(mes)) as adapter:
        jobs = [job for job in await _all(adapter, "job") if isinstance(job, Job)]
    assert {_facts(job) for job in jobs} == _jobs_known_to_both(floor)
    assert len(jobs) == len(floor.jobs)


@covers(SYNC, FSMES_REST)
@guarantees("P7.same_answers")
async def test_the_api_gives_the_machines_that_are_down(mes: Running, floor: Floor) -> None:
    """Since when, to the second and in UTC, and why."""
    async with opened(connection_to(mes)) as adapter:
        stops = [stop for stop in await _all(adapter, "downtime") if isinstance(stop, Downtime)]
    wanted = {(stop.machine, stop.began_at, stop.reason) for stop in floor.stops if stop.ended_at is None}
    assert {(stop.work_center_id, stop.started_at, stop.reason_code) for stop in stops} == wanted


@covers(SYNC, (FSMES_REST, FSMES_REPLICA))
@guarantees("P7.same_answers")
async def test_both_ways_give_what_each_machine_does_and_since_when(mes: Running, floor: Floor) -> None:
    """The demo MES has the same, an hour late."""
    wanted = {(one.code, {"RUN": "running", "DOWN": "down"}[one.state], one.since) for one in floor.machines}
    async with opened(connection_to(mes)) as api, opened_replica(mes) as replica:
        for adapter in (api, replica):
            states = [one for one in await _all(adapter, "machine_state") if isinstance(one, MachineState)]
            assert {(one.work_center_id, one.state, one.since) for one in states} == wanted


@covers(SYNC, FSMES_REPLICA)
@guarantees("P7.same_answers")
async def test_a_replica_of_its_database_gives_what_the_api_does_not(mes: Running, floor: Floor) -> None:
    """Beginnings and units of jobs, stops that are over, lots with units."""
    async with opened_replica(mes) as adapter:
        jobs = [job for job in await _all(adapter, "job") if isinstance(job, Job)]
        stops = [stop for stop in await _all(adapter, "downtime") if isinstance(stop, Downtime)]
        lots = [lot for lot in await _all(adapter, "mes_stock") if isinstance(lot, MesStock)]
    assert {_facts(job) for job in jobs} == _jobs_known_to_both(floor)
    assert {(job.production_order_id, job.started_at, job.uom) for job in jobs} == {
        (job.order, job.began_at, job.unit) for job in floor.jobs
    }
    assert sorted((stop.work_center_id, stop.started_at, stop.ended_at or "", stop.reason_code) for stop in stops) == (
        sorted((stop.machine, stop.began_at, stop.ended_at or "", stop.reason) for stop in floor.stops)
    )
    assert {(lot.lot_id, lot.material_id, lot.qty, lot.uom, lot.counted_at) for lot in lots} == {
        (lot.code, lot.material, to_scaled(lot.quantity, 6), lot.unit, lot.counted_at) for lot in floor.lots
    }


@covers(SYNC, (FSMES_REST, FSMES_REPLICA))
@guarantees("P7.same_answers")
async def test_both_ways_give_each_job_under_the_same_name(mes: Running) -> None:
    """Whoever changes from one to the other keeps what was said about a job."""
    async with opened(connection_to(mes)) as api, opened_replica(mes) as replica:
        assert {job.source_key for job in await _all(api, "job")} == {
            job.source_key for job in await _all(replica, "job")
        }


# --- Reading ----------------------------------------------------------------------------------------------------------


@covers(SYNC, FSMES_REST)
@guarantees("adapter.contract")
async def test_pages_give_each_job_once_and_a_live_read_the_same(mes: Running, floor: Floor) -> None:
    """Seven on a page; the listing goes on by offset."""
    async with opened(connection_to(mes, rows=7)) as adapter:
        pages = await read_pages(adapter, "job")
        records = [record for page in pages for record in page.records]
        some = records[:5]
        live = await adapter.read("job", [*(record.source_key for record in some), "9999999/10", "no such key"])
    assert len(pages) >= len(floor.jobs) // 7
    assert len({record.source_key for record in records}) == len(records) == len(floor.jobs)
    assert {record.source_key for record in live} == {record.source_key for record in some}
    assert {record.version_token for record in live} == {record.version_token for record in some}


@guarantees("P2.reading_account")
async def test_an_account_that_may_do_more_than_read_is_refused(mes: Running) -> None:
    """The MES itself says what an account may do; nothing is read with this one."""
    async with opened(connection_to(mes, account=mes.admin, password=mes.admin_password)) as adapter:
        with pytest.raises(AccountTooPowerfulError) as caught:
            await adapter.probe()
    assert "equipment.state" in str(caught.value.facts["rights"])


@guarantees("P8.no_leaks", "input.clear_errors")
async def test_a_wrong_password_is_a_refusal_without_the_password(mes: Running) -> None:
    """The MES says 400 and a text of its own; both stay here."""
    async with opened(connection_to(mes, password="wr0ng")) as adapter:
        with pytest.raises(SystemRefusedError) as caught:
            await adapter.probe()
    assert not {"wr0ng", "invalid credentials"} & set(str(caught.value).split("'"))


@guarantees("adapter.introspection")
async def test_its_own_description_has_every_field_that_is_needed(mes: Running) -> None:
    """OpenAPI for jobs; for machines that are down, what is there."""
    async with opened(connection_to(mes)) as adapter:
        found = await adapter.introspect()
        probe = await adapter.probe()
    assert found.usable
    assert {one.entity for one in found.entities if one.bound} == {"job", "downtime", "machine_state"}
    assert (probe["product"], probe["account"]) == ("FactorySemantics MES", mes.account)


# --- When it fails ----------------------------------------------------------------------------------------------------


@pytest.fixture
def second(mes: Running, mes_state: Path, request: pytest.FixtureRequest) -> Iterator[SimpleNamespace]:
    """Another API process on the same database, which a test may stop; its tokens may last some seconds only."""
    url, pid = serve(Path(mes.venv), mes_state, **getattr(request, "param", {}))
    running = SimpleNamespace(url=url, pid=pid)
    (mes_state / "pid").write_text(f"{mes.pid}\n", encoding="ascii")
    yield running
    end(running.pid)


@covers(FAULTS, FSMES_REST)
@guarantees("P10.rotation")
@pytest.mark.parametrize("second", [{"MES_TOKEN_TTL_SECONDS": "3"}], indirect=True, ids=["3 s"])
async def test_a_token_that_has_run_out_is_fetched_anew(mes: Running, second: SimpleNamespace) -> None:
    """The MES does not say how long a token lasts; a refusal in the middle of a pass does not end it."""
    moments = itertools.count(step=60)  # no refused token is so new that another would be refused as well
    connection, profile = connection_to(mes, url=second.url, rows=7), profile_named("fsmes")
    head, login = read_head(profile), read_login(profile)
    assert login is not None
    timing = Timing(monotonic=lambda: float(next(moments)))
    settings = RestSettings.of(connection, head)
    identity = login_identity(connection, login, settings.root, timing)
    egress = open_egress(replace(connection, identity=identity))
    adapter = RestAdapter(settings, head, profile, FixedClock(), egress)
    seen, tokens = 0, []
    try:
        async for page in adapter.changes("job", ""):
            seen += len(page.records)
            tokens.append((await identity.headers())["Authorization"])
            if len(tokens) == 2:
                await becomes(lambda: not _is_good(second.url, tokens[-1]))
    finally:
        await adapter.close()
        await identity.close()
    assert seen == 51
    assert len(set(tokens)) >= 2


@covers(FAULTS, FSMES_REST)
def _is_good(url: str, authorization: str) -> bool:
    """Return whether the MES itself takes a token still."""
    answer = httpx2.get(f"{url}/auth/me", headers={"Authorization": authorization}, trust_env=False)
    return answer.status_code != 401


@guarantees("P10.survives", "adapter.contract")
async def test_a_restart_in_the_middle_of_a_pass_loses_nothing(
    mes: Running, mes_state: Path, second: SimpleNamespace, floor: Floor
) -> None:
    """The pass ends with an error that says later, never as if that were all; it goes on where it stood."""
    port = int(second.url.rpartition(":")[2])
    found, watermark, failure = set(), "", None
    async with opened(replace(connection_to(mes, url=second.url, rows=7), timeout_s=3)) as adapter:
        try:
            async for page in adapter.changes("job", ""):
                found |= {record.source_key for record in page.records}
                watermark = page.watermark
                assert not page.last
                end(second.pid)
        except (SystemUnreachableError, SystemTimeoutError) as caught:
            failure = caught
    assert failure is not None
    _, second.pid = serve(Path(mes.venv), mes_state, port=port)
    (mes_state / "pid").write_text(f"{mes.pid}\n", encoding="ascii")
    async with opened(connection_to(mes, url=second.url, rows=7)) as adapter:
        pages = await read_pages(adapter, "job", watermark)
    assert pages[-1].last
    assert len(found | {record.source_key for page in pages for record in page.records}) == len(floor.jobs)


# --- Nothing is written -----------------------------------------------------------------------------------------------


@covers(WRITING, BY_PROFILE, refused="a system of the shop floor is read only")
@guarantees("P6.planning_side")
@pytest.mark.parametrize("name", ["fsmes", "fsmes-replica"])
def test_nothing_opens_it_for_writing(mes: Running, name: str) -> None:
    """A level-3 system may be read only, whatever the configuration asks for."""
    profile = profile_named(name)
    assert (profile.level, profile.commands) == (3, {})
    system = SimpleNamespace(name="mes", write=SimpleNamespace(account="writer"), url=mes.url)
    with pytest.raises(SystemReadOnlyError):
        open_commands(system, profile, clock=FixedClock(), root=Path())


@guarantees("P6.planning_side")
async def test_whatever_is_asked_its_tables_stay_as_they_are(mes: Running) -> None:
    """Passes, live reads with hostile keys, probing, looking closely: not one row, its audit trail included."""
    before = _rows_written(mes)
    hostile = ["1/start", "1000404/30/start", "../auth/users", "x' OR 1=1 --", "1000404/30?x=1", "%2e%2e/1"]
    async with opened(connection_to(mes)) as api, opened_replica(mes) as replica:
        for adapter in (api, replica):
            for entity in sorted(adapter.entities):
                await read_pages(adapter, entity)
                assert await adapter.read(entity, hostile) == ()
            await adapter.probe()
            await adapter.introspect()
    assert _rows_written(mes) == before


def _rows_written(mes: Running) -> list[tuple[object, ...]]:
    """Return a digest of every table of the MES."""
    with mes.rig.admin(DATABASE) as database:
        tables = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        return [
            database.execute(
                f"SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM \"{name}\" t".encode()
            ).fetchone() or ()
            for (name,) in tables
        ]  # fmt: skip
