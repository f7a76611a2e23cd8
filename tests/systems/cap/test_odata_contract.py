"""The OData adapter keeps the contract of `ports.Adapter` against CAP, V2 and V4; edits are made in its database."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import httpx2
import psycopg
import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.odata.adapter import ODataAdapter
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import Record
from erp_mcp.domain.entities.orders import SalesOrder
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.testing import AdapterContract, ContractSource, Fault, FixedClock
from erp_mcp.testing.passes import fold
from tests.guarantees import guarantees
from tests.systems.cap.server import Cap
from tests.systems.matrix.covering import ADAPTER_CONTRACT, CAP_V2, CAP_V4, Of, covers

pytestmark = pytest.mark.live

_QUICK: Final = TrafficLimits(
    requests_per_s=100_000, burst=100_000, concurrent=8, failures=1000, window=1000, attempts=1
)
_SETS: Final = {2: "sales/A_SalesOrder", 4: "sales/SalesOrder"}
_PATHS: Final = {
    2: "sap/opu/odata/sap/API_SALES_ORDER_SRV",
    4: "sap/opu/odata4/sap/api_salesorder/srvd_a2x/sap/salesorder/0001",
}
_FIELDS: Final[dict[str, JsonValue]] = {
    "sales_order_id": "SalesOrder",
    "site": "SalesOrganization",
    "customer_id": "SoldToParty",
    "customer_reference": "PurchaseOrderByCustomer",
    "order_date": "SalesOrderDate",
    "net_value": "TotalNetAmount",
    "currency": "TransactionCurrency",
    "order_state": {"const": "open"},
}
_COLUMNS: Final = (
    "salesorder, salesorganization, soldtoparty, purchaseorderbycustomer, salesorderdate, totalnetamount,"
    " transactioncurrency"
)
_BELOW: Final = "00100001B"  # some hundred of them, so that all can be read by key


def _profile(version: int) -> Profile:
    entity: dict[str, JsonValue] = {
        "set": _SETS[version],
        "key": ["SalesOrder"],
        "version": "etag",
        "changed": "LastChangeDateTime",
        "deletions": {"every_s": 0},
        "filter": {"SalesOrder": {"lt": _BELOW}},
        "fields": _FIELDS,
    }
    return Profile(
        name="cap", version=1, kind="odata", level=4, zone="Europe/Berlin", identity={}, states={},
        entities={"sales_order": entity}, head={"version": version, "services": {"sales": _PATHS[version]}},
    )  # fmt: skip


class CapSource:
    entity = "sales_order"
    page_rows = 30

    def __init__(self, cap: Cap, version: int, *, silent: str = "") -> None:
        self._cap = cap
        self._silent = silent
        self._version = version
        self._database = psycopg.connect(cap.database_url, user=cap.owner, password=cap.owner_password, autocommit=True)
        self._before = self._rows("SELECT * FROM s4_salesorder")
        self._number = 0
        self.secrets = (cap.reader_password, "SALESORDER_SRV_")
        self.clock = FixedClock()
        self.opened: list[ODataAdapter] = []
        self.adapter = self._open(cap.url)

    def _open(self, url: str, timeout_s: float = 20.0) -> ODataAdapter:
        connection = Connection(
            system="erp", url=url, account=self._cap.reader, secret=self._cap.reader_password, timeout_s=timeout_s,
            page_rows=self.page_rows, limits=_QUICK, options={"overlap_s": "5"},
        )  # fmt: skip
        self.opened.append(ODataAdapter.open(connection, _profile(self._version), self.clock))
        return self.opened[-1]

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        cursor = self._database.execute(statement, values)
        return cursor.fetchall() if cursor.description else []

    def expected(self, entity: str) -> Mapping[str, Record]:
        assert entity == self.entity
        return {
            row[0]: _record(row)
            for row in self._rows(f"SELECT {_COLUMNS} FROM s4_salesorder WHERE salesorder < %s", _BELOW)
        }

    def edit(self) -> str:
        self._touched("UPDATE s4_salesorder SET totalnetamount = 12345678901.234, {} WHERE salesorder = '0010000102'")
        return "0010000102"

    def add(self) -> str:
        self._number += 1
        # behind what is there and before it, in turn
        key = f"00100001A{chr(ord('a') + self._number // 2)}" if self._number % 2 else f"00100000{self._number:02}"
        columns = [name for (name,) in self._rows(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 's4_salesorder'"
            " AND column_name NOT IN ('salesorder', 'lastchangedatetime') AND table_schema = 'public'"
        )]  # fmt: skip
        listed = ", ".join(columns)
        self._rows(
            f"INSERT INTO s4_salesorder (salesorder, lastchangedatetime, {listed})"
            f" SELECT %s, now() AT TIME ZONE 'utc', {listed} FROM s4_salesorder WHERE salesorder = '0010000103'",
            key,
        )
        return key

    def delete(self) -> str:
        [(key,)] = self._rows("SELECT min(salesorder) FROM s4_salesorder WHERE salesorder > '0010000110'")
        self._rows("DELETE FROM s4_salesorder WHERE salesorder = %s", key)
        return str(key)

    def _touched(self, statement: str) -> None:
        self._rows(statement.format("lastchangedatetime = now() AT TIME ZONE 'utc'"))

    def fault(self, how: Fault) -> None:
        if how == "nonsense":
            self._touched("UPDATE s4_salesorder SET salesorganization = '', {}")
        self.adapter = self._open(*_address(how, self._cap.url, self._silent))

    def put_back(self) -> None:
        """Let the next test find what this one found."""
        with self._database.transaction():
            self._rows("DELETE FROM s4_salesorder")
            marks = ", ".join(["%s"] * len(self._before[0]))
            with self._database.cursor() as cursor:
                cursor.executemany(f"INSERT INTO s4_salesorder VALUES ({marks})", self._before)
        self._database.close()


def _address(how: Fault, url: str, silent: str) -> tuple[str, float]:
    """Return where a broken system is, and how long it is waited for."""
    if how == "down":
        return "http://127.0.0.1:9", 20.0
    if how != "slow":
        return url, 20.0
    return silent, 0.5


@pytest.fixture(scope="module")
def silent() -> Iterator[str]:
    """The address of a port that accepts and never answers."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen(64)
        yield f"http://127.0.0.1:{one.getsockname()[1]}"


def _record(row: tuple[Any, ...]) -> SalesOrder:
    key, site, customer, reference, ordered, value, currency = row
    assert isinstance(value, Decimal)
    return SalesOrder(
        system="erp", source_key=key, version_token="", as_of="", sales_order_id=key, site=site, customer_id=customer,
        customer_reference=reference, order_date=str(ordered), net_value=int(value * 10_000), currency=currency,
        order_state="open",
    )  # fmt: skip


@pytest.fixture(params=[2, 4])
async def source(request: pytest.FixtureRequest, cap: Cap, silent: str) -> AsyncIterator[CapSource]:
    made = CapSource(cap, request.param, silent=silent)
    try:
        yield made
    finally:
        made.put_back()
        for adapter in made.opened:
            await adapter.close()


@covers(ADAPTER_CONTRACT, Of("source", {2: CAP_V2, 4: CAP_V4}))
@guarantees("adapter.contract")
class TestODataOnCap(AdapterContract):
    @pytest.fixture
    def source(self, source: CapSource) -> ContractSource:
        return source


@guarantees("adapter.contract", "P4.stale")
@pytest.mark.parametrize("version", [2, 4])
async def test_the_version_token_is_the_etag_that_a_write_needs(cap: Cap, version: int) -> None:
    """A token that is not what `If-Match` takes would refuse every write."""
    source = CapSource(cap, version)
    try:
        held = await fold(source.adapter, "sales_order")
        key = "0010000105"
        name = _SETS[version].partition("/")[2]
        answer = httpx2.get(
            f"{cap.url}/{_PATHS[version]}/{name}('{key}')", auth=(cap.reader, cap.reader_password), trust_env=False,
            headers={"Accept": "application/json"},
        )  # fmt: skip
        found = answer.json()
        etag = found["d"]["__metadata"]["etag"] if version == 2 else found["@odata.etag"]
        assert held[key].version_token == etag
    finally:
        source.put_back()
        await source.adapter.close()


@guarantees("adapter.introspection")
async def test_introspection_sees_the_service_as_it_is(source: CapSource) -> None:
    """All that is mapped is there, and records have etags."""
    found = await source.adapter.introspect()
    assert found.usable
    assert found.told["with etag"] == "sales_order"
    assert datetime.fromisoformat((await source.adapter.probe())["server_time"]).tzinfo is not None
