"""A MariaDB, a small database on it, and adapters that read it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.domain.profile import Profile
from erp_mcp.ports import Clock
from erp_mcp.testing import FixedClock
from tests.systems.mariadb.server import Rig, running
from tests.systems.postgresql.conftest import FAST, MATERIALS, material_profile

__all__ = ["ACCOUNT", "DATABASE", "MATERIALS", "Open", "material_profile"]

DATABASE: Final = "plant"
ACCOUNT: Final = "reader"
_DDL: Final = (
    "CREATE TABLE part (no varchar(200) PRIMARY KEY, chg varchar(200), note text, unit varchar(20))",
    "CREATE TABLE gone (no varchar(200), at varchar(200))",
    "INSERT INTO part VALUES ('A', 't1', 'first', 'EA'), ('B', 't2', 'second', 'EA')",
)

Open = Callable[..., SqlAdapter]


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A server."""
    with running(tmp_path_factory.mktemp("mariadb")) as one:
        yield one


@pytest.fixture
def plant(rig: Rig) -> Iterator[Rig]:
    """The same with a fresh table of materials, and an account that may read it and nothing else."""
    rig.create_database(DATABASE)
    rig.create_user(ACCOUNT, rig.password)
    rig.run(DATABASE, *_DDL, f"GRANT SELECT ON {DATABASE}.* TO {ACCOUNT}")
    yield rig
    rig.run("mysql", f"DROP USER IF EXISTS {ACCOUNT}", f"DROP DATABASE IF EXISTS {DATABASE}")


@pytest.fixture
async def opens(plant: Rig) -> AsyncIterator[Open]:
    """Open adapters that are closed at the end."""
    opened: list[SqlAdapter] = []

    def one(
        profile: Profile | None = None,
        *,
        timeout_s: float = 20.0,
        clock: Clock | None = None,
        url: str = "",
        secret: str = "",
        ca_file: str = "",
        **options: str,
    ) -> SqlAdapter:
        connection = Connection(
            system="erp",
            url=url or plant.url(DATABASE),
            account=ACCOUNT,
            secret=secret or plant.password,
            page_rows=10,
            timeout_s=timeout_s,
            options=options,
            ca_file=ca_file,
            limits=FAST,
        )
        opened.append(SqlAdapter.open(connection, profile or material_profile(), clock or FixedClock()))
        return opened[-1]

    yield one
    for adapter in opened:
        await adapter.close()
