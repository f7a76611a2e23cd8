"""Shipped OData profiles against a server of the protocol that plays recorded shapes (invented values)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from erp_mcp.adapters.odata.adapter import ODataAdapter
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import Record
from erp_mcp.systems import load_profile
from erp_mcp.testing import FixedClock
from erp_mcp.testing.connections import connection_to
from erp_mcp.testing.passes import content, fold, read_pages
from tests.guarantees import guarantees
from tests.unit.adapters.odata.fake import FakeOData, fake_odata
from tests.unit.adapters.odata.fake_form import FakeSet, Link
from tests.unit.adapters.odata.plant import SERVICE

ROOT: Final = Path(__file__).parents[4]
Rows = dict[str, list[dict[str, Any]]]
KEYS: Final = {
    "Customers": ("CustNum",), "Vendors": ("VendorNum",), "Parts": ("PartNum",), "POes": ("PONum",),
    "PODetails": ("PONUM", "POLine"), "PORels": ("PONum", "POLine", "PORelNum"), "SalesOrders": ("OrderNum",),
    "OrderDtls": ("OrderNum", "OrderLine"), "OrderRels": ("OrderNum", "OrderLine", "OrderRelNum"),
    "JobEntries": ("JobNum",), "CustomersV3": ("dataAreaId", "CustomerAccount"),
    "VendorsV2": ("dataAreaId", "VendorAccountNumber"), "ReleasedProductsV2": ("dataAreaId", "ItemNumber"),
}  # fmt: skip
LINKS: Final = {
    "POes": {"PODetails": Link(target="PODetails", many=True, on={"PONum": "PONUM"})},
    "PODetails": {"PORels": Link(target="PORels", many=True, on={"PONUM": "PONum", "POLine": "POLine"})},
    "SalesOrders": {"OrderDtls": Link(target="OrderDtls", many=True, on={"OrderNum": "OrderNum"})},
    "OrderDtls": {
        "OrderRels": Link(target="OrderRels", many=True, on={"OrderNum": "OrderNum", "OrderLine": "OrderLine"})
    },
}


def kind_of(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "Edm.Boolean"
    if isinstance(value, int):
        return "Edm.Int64" if name == "SysRevID" else "Edm.Int32"
    if name.endswith(("Date", "Dt", "Version")):
        return "Edm.DateTimeOffset"
    return "Edm.Decimal" if name.endswith(("Qty", "Cost", "QtyCompleted")) else "Edm.String"


def fake_sets(product: str) -> dict[str, FakeSet]:
    recorded: Rows = json.loads((ROOT / "fixtures" / "recorded" / product / "rows.json").read_text())
    sets = {
        name: FakeSet(
            key=KEYS[name],
            types={
                field: kind_of(field, next((row[field] for row in rows if row[field] is not None), ""))
                for field in rows[0]
            },
            links=dict(LINKS.get(name, {})),
            etag="Version" if "Version" in rows[0] else "",
        )
        for name, rows in recorded.items()
    }
    for name, rows in recorded.items():
        sets[name].rows.extend({field: _typed(sets[name].types[field], row[field]) for field in row} for row in rows)
    return sets


def _typed(kind: str, value: Any) -> Any:
    if value is None or not isinstance(value, str):
        return value
    if kind == "Edm.Decimal":
        return Decimal(value)
    return datetime.fromisoformat(value) if kind == "Edm.DateTimeOffset" else value


@asynccontextmanager
async def opened(product: str = "epicor") -> AsyncIterator[tuple[FakeOData, ODataAdapter]]:
    profile = load_profile(product, [ROOT / "erp_mcp" / "systems"])
    services = profile.head["services"]
    assert isinstance(services, dict)
    head: dict[str, JsonValue] = {**profile.head, "services": dict.fromkeys(services, SERVICE)}
    with fake_odata(fake_sets(product), version=4) as fake:
        connection = connection_to(fake.url, headers={"Authorization": "Basic YWdlbnQ6cGFzcy13b3JkLTk="})
        adapter = ODataAdapter.open(connection, replace(profile, head=head), FixedClock())
        yield fake, adapter
        await adapter.close()


async def held(adapter: ODataAdapter, entity: str) -> list[Record]:
    return [record for _, record in sorted((await fold(adapter, entity)).items())]


@guarantees("P9.profiles_played")
@pytest.mark.parametrize("product", ["dynamics-fo", "epicor"])
async def test_reads_every_entity_whole_and_again_by_key(product: str) -> None:
    """Over pages of three, with lines and releases expanded."""
    async with opened(product) as (_, adapter):
        assert (await adapter.introspect()).usable
        for entity in sorted(adapter.entities):
            pages = await read_pages(adapter, entity)
            records = {record.source_key: record for page in pages for record in page.records}
            assert records, entity
            again = await adapter.read(entity, sorted(records))
            assert content({one.source_key: one for one in again}) == content(records), entity


@guarantees("P9.profiles_played")
async def test_holds_of_dynamics_are_understood() -> None:
    """Never and no are not held; whatever else is, is."""
    async with opened("dynamics-fo") as (_, adapter):
        suppliers = await held(adapter, "supplier")
        customers = await held(adapter, "customer")
    assert [one.blocked for one in suppliers] == [False, True, False]  # type: ignore[attr-defined]
    assert [one.credit_status for one in customers] == ["released", "blocked", "released", "released"]  # type: ignore[attr-defined]
    assert all(one.version_token.startswith("W/") for one in suppliers)


@guarantees("P9.profiles_played")
async def test_lines_know_their_order_and_their_releases() -> None:
    """Received is the sum of the releases, promised the first open promise, dates those of the company's zone."""
    async with opened() as (_, adapter):
        lines = await held(adapter, "purchase_order_line")
        sales = await held(adapter, "sales_order_line")
        jobs = await held(adapter, "production_order")
    line = lines[0]
    assert (line.source_key, line.site, line.qty_received, line.qty_open, line.promised_date) == (  # type: ignore[attr-defined]
        "4501/1", "MfgSys", 50_500_000, 50_000_000, "2026-04-09",
    )  # fmt: skip
    assert (line.order_date, line.requested_date, line.price) == ("2026-02-20", "2026-04-01", 31_415)  # type: ignore[attr-defined]
    assert [one.order_state for one in lines[:3]] == ["open", "closed", "cancelled"]  # type: ignore[attr-defined]
    assert [one.requested_date for one in sales] == ["2026-04-03", "2026-04-02"]  # type: ignore[attr-defined]
    assert [one.request_state for one in jobs] == ["Forecast", "Waiting", "Released", "Completed", "Closed"]  # type: ignore[attr-defined]
