"""A PostgreSQL with a replica, a small database on it, and adapters that read it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Final

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.ports import Clock, SecretSource, Traffic
from erp_mcp.testing import FixedClock
from tests.systems.postgresql.server import Rig, running
from tests.verified_logs import logs_hold as logs_hold  # noqa: PLC0414 - what a test leaves behind is verified
from tests.verified_logs import logs_of_file_hold as logs_of_file_hold  # noqa: PLC0414

DATABASE: Final = "plant"
READER: Final = "reader"
FAST: Final = TrafficLimits(requests_per_s=100_000, burst=100_000)
MATERIALS: Final = (
    "SELECT no AS source_key, chg AS version_token, chg AS changed_at, no AS material_id, note AS description,"
    " unit AS base_uom FROM part"
)
GONE: Final = "SELECT no AS source_key, at AS changed_at FROM gone"
DDL: Final = """
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
GRANT USAGE ON SCHEMA public TO reader;
CREATE TABLE part (no text PRIMARY KEY, chg text, note text, unit text);
CREATE TABLE gone (no text, at text);
INSERT INTO part VALUES ('A', 't1', 'first', 'EA'), ('B', 't2', 'second', 'EA');
GRANT SELECT ON part, gone TO reader;
"""

Open = Callable[..., SqlAdapter]


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A primary and its replica."""
    with running(tmp_path_factory.mktemp("postgresql")) as one:
        one.create_database(DATABASE)
        yield one


@pytest.fixture
def plant(rig: Rig) -> Rig:
    """The same with a fresh table of materials, and an account that may read it and nothing else."""
    rig.create_role(READER, password_of(rig))
    rig.run(DATABASE, DDL)
    rig.catch_up()
    return rig


def password_of(rig: Rig) -> str:
    """Return the password that roles of these tests have."""
    return f"read-{rig.password}"


def material_profile(statement: str = MATERIALS, **more: JsonValue) -> Profile:
    """Return a profile of one entity."""
    entities: Mapping[str, Mapping[str, JsonValue]] = {"material": {"statement": statement, "tombstones": GONE, **more}}
    return Profile(name="p", version=1, kind="sql", level=4, zone="UTC", identity={}, states={}, entities=entities)


@pytest.fixture
async def opens(plant: Rig) -> AsyncIterator[Open]:
    """Open adapters that are closed at the end."""
    opened: list[SqlAdapter] = []

    def one(  # each test names what it is about
        profile: Profile | None = None,
        *,
        account: str = READER,
        secret: str = "",
        replica: bool = False,
        timeout_s: float = 5.0,
        clock: Clock | None = None,
        credential: SecretSource | None = None,
        traffic: Traffic | None = None,
        limits: TrafficLimits = FAST,
        url: str = "",
        **options: str,
    ) -> SqlAdapter:
        connection = Connection(
            system="erp",
            url=url or plant.url(DATABASE, replica=replica),
            account=account,
            secret=secret or password_of(plant),
            page_rows=10,
            timeout_s=timeout_s,
            options=options,
            credential=credential,
            traffic=traffic,
            limits=limits,
        )
        opened.append(SqlAdapter.open(connection, profile or material_profile(), clock or FixedClock()))
        return opened[-1]

    yield one
    for adapter in opened:
        await adapter.close()
