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
    "JobMtls": ("JobNum", "AssemblySeq", "MtlSeq"), "JobOpers": ("JobNum", "AssemblySeq", "OprSeq"),
    "JobOpDtls": ("JobNum", "AssemblySeq", "OprSeq", "OpDtlSeq"),
    "JobEntries": ("JobNum",), "CustomersV3": ("dataAreaId", "CustomerAccount"),
    "VendorsV2": ("dataAreaId", "VendorAccountNumber"), "ReleasedProductsV2": ("dataAreaId", "ItemNumber"),
    "PurchaseOrderHeadersV2": ("dataAreaId", "PurchaseOrderNumber"),
    "PurchaseOrderLinesV2": ("dataAreaId", "PurchaseOrderNumber", "LineNumber"),
    "ProductReceiptLinesV2": ("dataAreaId", "RecordId"), "SalesOrderHeadersV2": ("dataAreaId", "SalesOrderNumber"),
    "WarehousesOnHandV2": (
        "dataAreaId", "ItemNumber", "ProductColorId", "ProductConfigurationId", "ProductSizeId", "ProductStyleId",
        "ProductVersionId", "InventorySiteId", "InventoryWarehouseId",
    ),
    "ProductionOrderHeaders": ("dataAreaId", "ProductionOrderNumber"),
    "ReportAsFinishedProductionJournalEntries": ("dataAreaId", "JournalNumber", "JournalLineNumber"),
    "ProductionOrderBillOfMaterialLines": ("dataAreaId", "ProductionOrderNumber", "LineNumber"),
    "ProductionOrderRouteOperations": ("dataAreaId", "ProductionOrderNumber", "OperationNumber", "OperationPriority"),
}  # fmt: skip


def _one(target: str, by: str) -> Link:
    return Link(target=target, many=False, on={"dataAreaId": "dataAreaId", by: by})


LINKS: Final = {
    "POes": {"PODetails": Link(target="PODetails", many=True, on={"PONum": "PONUM"})},
    "PODetails": {"PORels": Link(target="PORels", many=True, on={"PONUM": "PONum", "POLine": "POLine"})},
    "SalesOrders": {"OrderDtls": Link(target="OrderDtls", many=True, on={"OrderNum": "OrderNum"})},
    "OrderDtls": {
        "OrderRels": Link(target="OrderRels", many=True, on={"OrderNum": "OrderNum", "OrderLine": "OrderLine"})
    },
    "PurchaseOrderLinesV2": {"PurchaseOrderHeader": _one("PurchaseOrderHeadersV2", "PurchaseOrderNumber")},
    "ProductionOrderHeaders": {
        "ReleasedProductV2": _one("ReleasedProductsV2", "ItemNumber"),
        "ReportAsFinishedProductionJournalEntries": Link(
            target="ReportAsFinishedProductionJournalEntries", many=True,
            on={"dataAreaId": "dataAreaId", "ProductionOrderNumber": "ProductionOrderNumber"},
        ),
    },
    "ProductionOrderBillOfMaterialLines": {
        "ProductionOrderHeader": _one("ProductionOrderHeaders", "ProductionOrderNumber")
    },
    "ProductionOrderRouteOperations": {
        "ProductionOrderHeader": _one("ProductionOrderHeaders", "ProductionOrderNumber")
    },
}  # fmt: skip


def kind_of(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "Edm.Boolean"
    if isinstance(value, int):
        return "Edm.Int64" if name in {"SysRevID", "RecordId", "PurchaseOrderLineNumber"} else "Edm.Int32"
    if name.endswith(("Date", "Dt", "Version", "DateTime")):
        return "Edm.DateTimeOffset"
    return "Edm.Decimal" if name.endswith(("Qty", "Cost", "QtyCompleted", "Quantity", "Price")) else "Edm.String"


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


@guarantees("P9.profiles_played")
async def test_dynamics_lines_know_what_was_received_of_them() -> None:
    """A return counts against it, another company's receipt of the same number does not; 1900 is no date."""
    async with opened("dynamics-fo") as (_, adapter):
        lines = {one.source_key: one for one in await held(adapter, "purchase_order_line")}
    assert set(lines) == {
        "usmf/00000101/1", "usmf/00000101/2", "usmf/00000101/3", "usmf/00000102/1", "usmf/00000102/2",
    }  # fmt: skip
    line = lines["usmf/00000101/1"]
    assert (line.qty_received, line.qty_open, line.promised_date, line.price, line.site) == (  # type: ignore[attr-defined]
        50_000_000, 50_500_000, "2026-04-09", 31_415, "1",
    )  # fmt: skip
    assert (line.supplier_id, line.currency, line.release_state) == ("1001", "EUR", "released")  # type: ignore[attr-defined]
    short = lines["usmf/00000101/2"]  # closed with less than was ordered: nothing more will come
    assert (short.qty_received, short.qty_open, short.order_state) == (19_000_000, 0, "closed")  # type: ignore[attr-defined]
    assert (lines["usmf/00000101/3"].qty_received, lines["usmf/00000101/3"].promised_date) == (0, "2026-04-02")  # type: ignore[attr-defined]
    assert (lines["usmf/00000102/1"].order_state, lines["usmf/00000102/1"].site) == ("cancelled", "none")  # type: ignore[attr-defined]
    assert lines["usmf/00000102/2"].release_state == "waiting"  # type: ignore[attr-defined]


@guarantees("P9.profiles_played")
async def test_dynamics_stock_is_in_the_unit_of_its_product() -> None:
    """A balance names no unit; the released product does."""
    async with opened("dynamics-fo") as (_, adapter):
        stock = await held(adapter, "stock")
    assert [(one.storage_location_id, one.qty, one.uom) for one in stock] == [  # type: ignore[attr-defined]
        ("11", 12_500_000, "C62"), ("-", 1_000_000, "C62"), ("11", 3_000_000, "C62"), ("12", 1, "C62"),
    ]  # fmt: skip


@guarantees("P9.profiles_played")
async def test_dynamics_production_counts_what_posted_journals_report() -> None:
    """A journal that is not posted has not happened; an order's unit is its product's."""
    async with opened("dynamics-fo") as (_, adapter):
        orders = await held(adapter, "production_order")
        parts = await held(adapter, "production_component")
        steps = await held(adapter, "production_operation")
    first = orders[0]
    assert (first.qty_yield, first.qty_scrap) == (7_500_000, 1_000_000)  # type: ignore[attr-defined]
    assert (first.uom, first.sales_order_id) == ("C62", "000701")  # type: ignore[attr-defined]
    assert (orders[1].planned_start, orders[1].parent_order_id) == (None, "P001")  # type: ignore[attr-defined]
    assert [(one.request_state, one.native_state) for one in orders] == [  # type: ignore[attr-defined]
        ("Running", "StartedUp"), ("Waiting", "Created"), ("Closed", "Completed"), ("Released", "Released"),
        ("Waiting", "Halfway"),
    ]  # fmt: skip
    assert [(one.qty_withdrawn, one.qty_open) for one in parts] == [  # type: ignore[attr-defined]
        (14_500_000, 25_500_000), (2_500_000, 0), (0, 0), (5_000_000, 0),
    ]  # fmt: skip
    assert [(one.operation_id, one.work_center_id, one.request_state) for one in steps] == [  # type: ignore[attr-defined]
        ("10", "M-1", "Completed"), ("20", "M-2", "Running"), ("20-Secondary1", "none", "Waiting"),
    ]  # fmt: skip


@guarantees("P9.profiles_played")
async def test_dynamics_order_headers_keep_their_own_word_of_state() -> None:
    """A state nobody listed is open, and says what the system calls it."""
    async with opened("dynamics-fo") as (_, adapter):
        orders = await held(adapter, "sales_order")
    assert [(one.order_state, one.native_state, one.delivery_block) for one in orders] == [  # type: ignore[attr-defined]
        ("open", "Backorder", None), ("open", "Backorder", "stopped"), ("closed", "Invoiced", None),
        ("open", "Unheard", None),
    ]  # fmt: skip
    assert (orders[0].order_date, orders[0].customer_reference, orders[1].site) == ("2026-03-01", "4711/B", "none")  # type: ignore[attr-defined]


@guarantees("P9.profiles_played")
async def test_materials_and_operations_of_a_job_are_at_its_site() -> None:
    """Neither names a plant; what is issued in full is not open, and several resource groups are none."""
    async with opened() as (_, adapter):
        parts = await held(adapter, "production_component")
        steps = await held(adapter, "production_operation")
    assert [(one.line, one.site, one.qty_withdrawn, one.qty_open) for one in parts] == [  # type: ignore[attr-defined]
        ("0-10", "MfgSys", 15_500_000, 24_500_000), ("1-10", "MfgSys", 5_000_000, 0),
        ("0-10", "MfgSys", 3_000_000, 0), ("0-20", "MfgSys", 0, 0),
    ]  # fmt: skip
    assert [(one.operation_id, one.work_center_id, one.request_state) for one in steps] == [  # type: ignore[attr-defined]
        ("0-10", "SAW", "Completed"), ("0-20", "WELD", None), ("1-10", "none", None), ("0-10", "none", None),
    ]  # fmt: skip
