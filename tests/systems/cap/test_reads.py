"""The rig itself, and what the shipped profiles read from it: everything, what changed, what is gone."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx2
import psycopg
import pytest

from erp_mcp.adapters.odata.adapter import ODataAdapter
from erp_mcp.domain.entities import Record
from erp_mcp.domain.entities.inventory import Stock
from erp_mcp.ports import Clock
from erp_mcp.systems.load import load_profile
from erp_mcp.testing import FixedClock
from erp_mcp.testing.connections import connection_to
from tests.guarantees import guarantees
from tests.needs import missing
from tests.systems.cap.seed import reseed
from tests.systems.cap.server import Cap
from tests.systems.matrix.covering import CAP_BY_PROFILE, SYNC, covers

pytestmark = pytest.mark.live

ROOT: Final = Path(__file__).resolve().parents[3]
V2: Final = "/sap/opu/odata/sap/API_PURCHASEORDER_PROCESS_SRV/"
V4: Final = "/sap/opu/odata4/sap/api_purchaseorder_2/srvd_a2x/sap/purchaseorder/0001/"
LINES: Final = {"v2": f"{V2}A_PurchaseOrderScheduleLine", "v4": f"{V4}PurchaseOrderScheduleLine"}
# Entity → the plant's own table, with as many rows.
TABLES: Final = {
    "customer": "customer", "supplier": "vendor", "sales_order": "so_head", "sales_order_line": "so_item",
    "delivery": "dlv_item", "customer_invoice": "bill_item", "purchase_order_line": "po_item",
    "purchase_schedule_line": "(SELECT po_no FROM po_item UNION ALL SELECT po_no FROM po_part)",
    "supplier_confirmation": "po_conf", "purchase_requisition": "pr_item", "supply_source": "source_list",
    "material": "mat_gen", "material_site": "mat_plant", "lot": "batch", "stock": "stock_qty", "reservation": "resv",
    "work_center": "work_ctr", "production_order": "prod_head", "production_component": "prod_comp",
    "production_operation": "prod_op", "maintenance_order": "maint_order", "quality_notification": "qual_notif",
    "goods_receipt": "gr_item", "goods_movement": "mat_move", "supplier_invoice": "vend_inv",
    "customer_return": "rma_item", "planned_order": "pln_ord", "production_confirmation": "op_conf",
    "bom_item": "bom_item JOIN mat_plant USING (mat_no)", "inspection_lot": "insp_lot",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def fresh(cap: Cap) -> Iterator[None]:
    """The plant as it was made, before and after these tests change it."""
    reseed(cap)
    yield
    reseed(cap)


def opened(cap: Cap, profile: str, clock: Clock, *, rows: int = 500) -> ODataAdapter:
    """Return an adapter signed in with the account that may only read."""
    signed = f"Basic {base64.b64encode(f'{cap.reader}:{cap.reader_password}'.encode()).decode()}"
    connection = connection_to(
        cap.url, account=cap.reader, secret=cap.reader_password, headers={"Authorization": signed}, timeout_s=30,
        page_rows=rows,
    )  # fmt: skip
    return ODataAdapter.open(connection, load_profile(profile, [ROOT / "erp_mcp" / "systems"]), clock)


@pytest.fixture(params=["s4hana", "s4hana-v4"])
def profile(request: pytest.FixtureRequest) -> str:
    """Each shipped profile in turn."""
    return str(request.param)


@pytest.fixture
async def adapter(cap: Cap, profile: str) -> AsyncIterator[ODataAdapter]:
    """The adapter of one profile."""
    one = opened(cap, profile, FixedClock())
    yield one
    await one.close()


@pytest.fixture
async def later(cap: Cap, profile: str) -> AsyncIterator[ODataAdapter]:
    """The same adapter two hours later, when it is time to look for what was deleted."""
    one = opened(cap, profile, FixedClock(FixedClock().wall() + timedelta(hours=2)))
    yield one
    await one.close()


@pytest.fixture
def owner(cap: Cap) -> Iterator[psycopg.Connection]:
    """Somebody who changes the tables behind the services."""
    with psycopg.connect(cap.database_url, user=cap.owner, password=cap.owner_password, autocommit=True) as one:
        yield one


async def passed(adapter: ODataAdapter, entity: str, watermark: str) -> tuple[dict[str, Record], set[str], str]:
    """Return what one pass gives, the keys that it only names as present, and where the next one begins."""
    records: dict[str, Record] = {}
    present: set[str] = set()
    async for page in adapter.changes(entity, watermark):
        records |= {one.source_key: one for one in page.records}
        present |= set(page.present)
        watermark = page.watermark
    return records, present, watermark


@covers(SYNC, CAP_BY_PROFILE)
@guarantees("adapter.s4hana")
async def test_everything_that_the_plant_knows_comes_as_canonical_records(adapter: ODataAdapter, cap: Cap) -> None:
    """As many records as the plant has rows, of every entity; pages of 500 make many of them."""
    with closing(sqlite3.connect(Path(cap.plant) / "erp.sqlite")) as plant:
        rows = {name: plant.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for name, table in TABLES.items()}
    found = {name: len((await passed(adapter, name, ""))[0]) for name in TABLES}
    assert found == rows
    assert adapter.entities == {*TABLES, "unit_conversion"}


@covers(SYNC, CAP_BY_PROFILE)
@guarantees("adapter.s4hana")
async def test_a_later_pass_gives_what_changed_and_names_what_is_there(
    adapter: ODataAdapter, later: ODataAdapter, owner: psycopg.Connection
) -> None:
    """One order of 1,067 was changed and one deleted: one is read again, one is named by neither side."""
    before, _, watermark = await passed(adapter, "production_order", "")
    changed, gone = sorted(before)[10], sorted(before)[11]
    owner.execute(
        "UPDATE s4_productionorder SET orderislocked = true, orderistechnicallycompleted = false,"
        " lastchangedatetime = '20270101000000' WHERE manufacturingorder = %s", (changed,)
    )  # fmt: skip
    owner.execute("DELETE FROM s4_productionorder WHERE manufacturingorder = %s", (gone,))
    after, present, _ = await passed(later, "production_order", watermark)
    assert before.keys() - after.keys() - present == {gone}
    assert changed in after
    assert getattr(after[changed], "request_state", "") == "Held"
    assert len(after) < len(before) / 4, "a later pass reads what changed, not everything"
    assert {one.source_key for one in await adapter.read("production_order", [changed, gone])} == {changed}


@covers(SYNC, CAP_BY_PROFILE)
@guarantees("adapter.s4hana")
async def test_a_whole_pass_leaves_out_what_was_deleted(adapter: ODataAdapter, owner: psycopg.Connection) -> None:
    """Entities without a change date are read as a whole, so nothing stays behind."""
    before, _, watermark = await passed(adapter, "stock", "")
    gone = min(before)
    material, plant, place, lot, kind = gone.split("/")
    owner.execute(
        "DELETE FROM s4_matlstkinacctmod WHERE (material, plant, storagelocation, batch, inventorystocktype)"
        " = (%s, %s, %s, %s, %s)", (material, plant, place, lot, kind)
    )  # fmt: skip
    after, _, _ = await passed(adapter, "stock", watermark)
    assert before.keys() - after.keys() == {gone}


@guarantees("adapter.s4hana")
async def test_stock_without_lot_or_place_has_a_key_of_its_own(
    adapter: ODataAdapter, owner: psycopg.Connection
) -> None:
    """Stock in transit is nowhere, and not everything is managed in lots."""
    owner.execute(
        "INSERT INTO s4_matlstkinacctmod (material, plant, inventorystocktype, materialbaseunit,"
        " matlwrhsstkqtyinmatlbaseunit) VALUES ('RM-001', '1000', '06', 'ST', 7.5) ON CONFLICT DO NOTHING"
    )
    found, _, _ = await passed(adapter, "stock", "")
    record = next(one for one in await adapter.read("stock", ["RM-001/1000///06"]))
    assert found["RM-001/1000///06"] == record
    assert isinstance(record, Stock)
    assert (record.storage_location_id, record.lot_id, record.stock_type) == ("-", None, "in_transit")
    assert (record.qty, record.uom) == (7_500_000, "EA")


@guarantees("adapter.s4hana")
async def test_introspection_finds_every_field_that_the_profile_names(adapter: ODataAdapter) -> None:
    """What is bound is bound on both versions; nothing mandatory is missing."""
    told = await adapter.introspect()
    assert {one.entity: one.missing for one in told.entities if one.missing} == {}
    assert told.usable


# --- The rig ----------------------------------------------------------------------------------------------------------


def client(cap: Cap, user: str, password: str) -> httpx2.Client:
    """Return a client of one user."""
    return httpx2.Client(base_url=cap.url, auth=(user, password), trust_env=False)


def line_of(web: httpx2.Client, version: str) -> tuple[str, str]:
    """Return address and ETag of the schedule line of an open order."""
    keys = (
        ("PurchasingDocument", "PurchasingDocumentItem") if version == "v2" else ("PurchaseOrder", "PurchaseOrderItem")
    )
    items = web.get(f"{V4}PurchaseOrderItem?$filter=IsCompletelyDelivered eq false&$top=1").json()["value"]
    order, item = items[0]["PurchaseOrder"], items[0]["PurchaseOrderItem"]
    address = f"{LINES[version]}({keys[0]}='{order}',{keys[1]}='{item}',ScheduleLine='0001')"
    return address, web.get(address).headers["etag"]


def token(web: httpx2.Client) -> dict[str, str]:
    """Fetch a token against forged requests; its session is a cookie of the client."""
    return {
        "x-csrf-token": web.get(f"{V2}A_PurchaseOrder?$top=1", headers={"x-csrf-token": "Fetch"}).headers[
            "x-csrf-token"
        ]
    }


@guarantees("adapter.s4hana")
@pytest.mark.parametrize("version", ["v2", "v4"])
def test_the_rig_refuses_as_such_a_system_does(cap: Cap, version: str) -> None:
    """No sign-in, no token, no right, no ETag, an old one: each has its own answer, and nothing is changed."""
    day = "/Date(1798761600000)/" if version == "v2" else "2027-01-01"
    body = {"ScheduleLineDeliveryDate": day}
    with client(cap, cap.writer, cap.writer_password) as writer, client(cap, cap.reader, cap.reader_password) as reader:
        address, etag = line_of(reader, version)
        before = reader.get(address).json()
        assert httpx2.get(cap.url + address, trust_env=False).status_code == 401
        unsigned = writer.patch(address, json=body, headers={"if-match": etag})
        assert (unsigned.status_code, unsigned.headers["x-csrf-token"]) == (403, "Required")
        mine, yours = token(writer), token(reader)
        assert reader.patch(address, json=body, headers={**yours, "if-match": etag}).status_code == 403
        assert writer.patch(address, json=body, headers=mine).status_code == 428
        assert writer.patch(address, json=body, headers={**mine, "if-match": 'W/"old"'}).status_code == 412
        assert reader.get(address).json() == before
        done = writer.patch(address, json=body, headers={**mine, "if-match": etag, "prefer": "return=minimal"})
        assert done.status_code == 204
        assert reader.get(address).headers["etag"] != etag


@guarantees("adapter.s4hana")
def test_a_page_has_a_thousand_rows_and_a_link(cap: Cap) -> None:
    """The limit is the server's, whatever is asked for."""
    with client(cap, cap.reader, cap.reader_password) as web:
        found = web.get("/sap/opu/odata/sap/API_PRODUCTION_ORDER_2_SRV/A_ProductionOrderComponent_4?$top=5000").json()
    assert (len(found["d"]["results"]), "__next" in found["d"]) == (1000, True)


@guarantees("adapter.s4hana")
def test_a_bearer_token_is_taken_with_the_rights_of_its_scopes(cap: Cap) -> None:
    """Read scope reads, write scope writes, another audience or nonsense is nobody."""
    named = os.environ.get("ERP_MCP_OIDC_DIR", "")
    if not named or not cap.issuer:
        missing("no OpenID provider beside the CAP rig: start it first and name it by ERP_MCP_OIDC_DIR")
    rig = json.loads((Path(named) / "rig.json").read_text(encoding="utf-8"))
    reads, writes = (bearer(cap, rig, *one) for one in (("reader", "erp.read"), ("writer", "erp.read erp.write")))
    assert (status(cap, reads), status(cap, writes), status(cap, "a.b.c")) == ((200, 403), (200, 428), (401, 401))


def bearer(cap: Cap, rig: dict[str, Any], who: str, scope: str) -> str:
    """Return a token for the rig."""
    form = {"grant_type": "client_credentials", "resource": cap.audience, "scope": scope}
    answer = httpx2.post(rig["token_url"], auth=(who, rig["clients"][who]["secret"]), data=form, trust_env=False)
    return str(answer.json()["access_token"])


def status(cap: Cap, bearing: str) -> tuple[int, int]:
    """Return what a read and a write without an ETag are answered."""
    with (
        client(cap, cap.reader, cap.reader_password) as reader,
        httpx2.Client(base_url=cap.url, headers={"authorization": f"Bearer {bearing}"}, trust_env=False) as web,
    ):
        address, _ = line_of(reader, "v2")
        fetched = web.get(f"{V2}A_PurchaseOrder?$top=1", headers={"x-csrf-token": "Fetch"})
        mine = {"x-csrf-token": fetched.headers.get("x-csrf-token", "none")}
        body = {"ScheduleLineDeliveryDate": "/Date(1798761600000)/"}
        return fetched.status_code, web.patch(address, json=body, headers=mine).status_code
