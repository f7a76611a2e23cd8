"""The systems that are read through a proxy that breaks: how each is opened, and which requests read its records."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from erp_mcp.adapters import Connection
from erp_mcp.adapters.jsonrpc.adapter import JsonRpcAdapter
from erp_mcp.adapters.odata.adapter import ODataAdapter
from erp_mcp.adapters.rest.adapter import RestAdapter
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.ports import Adapter, Traffic
from erp_mcp.systems.load import load_profile
from erp_mcp.testing import NO_LIMITS, FixedClock
from erp_mcp.testing.connections import connection_to
from tests.systems.cap.server import Cap
from tests.systems.fsmes.server import Running as Mes
from tests.systems.tryton.server import Running as Tryton
from tests.systems.wire.proxy import Which

ROOT: Final = Path(__file__).resolve().parents[3]
TIMEOUT_S: Final = 1.5
MAX_MB: Final = 8
PATIENT_S: Final = 20.0  # where nothing is broken, on a machine that is busy


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One system.

    `entity` has some pages of `rows` records, and `reading` are the requests that bring them. `dated` is an entity that
    goes on from the newest change, where there is one. `secrets` are in no error and in no line of a log.
    """

    name: str
    upstream: str
    open: Callable[[Connection], Adapter]
    connection: Connection
    entity: str
    rows: int
    reading: Which
    dated: str
    secrets: tuple[str, ...]

    def at(
        self,
        url: str,
        *,
        limits: TrafficLimits = NO_LIMITS,
        timeout_s: float = TIMEOUT_S,
        traffic: Traffic | None = None,
    ) -> Adapter:
        """Return an adapter that reads through an address."""
        own = replace(self.connection, url=url, limits=limits, traffic=traffic)
        return self.open(replace(own, timeout_s=timeout_s, page_rows=self.rows))

    def patient(self, url: str, *, rows: int = 0) -> Adapter:
        """Return one that waits for a busy machine."""
        return self.open(replace(self.connection, url=url, timeout_s=PATIENT_S, page_rows=rows or self.rows))


def profile_named(name: str) -> Profile:
    """Return a shipped profile."""
    return load_profile(name, [ROOT / "erp_mcp" / "systems"])


def cap_place(cap: Cap, *, version: int) -> Place:
    """Return CAP over one version of OData."""
    profile = profile_named("s4hana" if version == 2 else "s4hana-v4")
    signed = base64.b64encode(f"{cap.reader}:{cap.reader_password}".encode()).decode()
    connection = connection_to(
        cap.url, account=cap.reader, secret=cap.reader_password, headers={"Authorization": f"Basic {signed}"},
        options=_options(),
    )  # fmt: skip
    return Place(
        name=f"cap-v{version}", upstream=cap.url, open=lambda one: ODataAdapter.open(one, profile, FixedClock()),
        connection=connection, entity="supplier", rows=15, reading=Which(method="GET", path=r"^(?!.*\$metadata)"),
        dated="production_order", secrets=(cap.reader_password, signed),
    )  # fmt: skip


def mes_place(mes: Mes) -> Place:
    """Return the MES over its REST API."""
    profile = profile_named("fsmes")
    connection = connection_to(mes.url, system="mes", account=mes.account, secret=mes.password, options=_options())
    return Place(
        name="fsmes-rest", upstream=mes.url, open=lambda one: RestAdapter.open(one, profile, FixedClock()),
        connection=connection, entity="job", rows=10, reading=Which(method="GET", path="^/workorders"), dated="",
        secrets=(mes.password,),
    )  # fmt: skip


def tryton_place(tryton: Tryton) -> Place:
    """Return Tryton over JSON-RPC."""
    profile = profile_named("tryton")
    connection = connection_to(
        tryton.url, system="tryton", database=tryton.database, account=tryton.user, secret=tryton.password,
        options=_options(),
    )  # fmt: skip
    return Place(
        name="tryton", upstream=tryton.url, open=lambda one: JsonRpcAdapter.open(one, profile, FixedClock()),
        connection=connection, entity="supplier", rows=3, reading=Which(body=r'"model\.(?!res\.user)'),
        dated="supplier", secrets=(tryton.password,),
    )  # fmt: skip


def _options() -> Mapping[str, str]:
    return {"max_mb": str(MAX_MB)}
