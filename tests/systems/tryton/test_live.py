"""The adapter and the shipped profile against a running, seeded Tryton."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from erp_mcp.adapters.jsonrpc.adapter import JsonRpcAdapter
from erp_mcp.domain.entities import Record
from erp_mcp.domain.value import to_text
from tests.guarantees import guarantees
from tests.systems.matrix.covering import SYNC, TRYTON, covers
from tests.systems.tryton.after import BILLED, MADE, MADE_OF
from tests.systems.tryton.conftest import opened
from tests.systems.tryton.plant import Truth
from tests.systems.tryton.rpc import Rpc, TrytonError
from tests.systems.tryton.server import Running

pytestmark = pytest.mark.live

ENTITIES = {
    "bom_item", "customer", "customer_invoice", "customer_return", "delivery", "goods_movement", "goods_receipt", "lot",
    "lot_genealogy", "material", "material_site", "production_component", "production_order", "purchase_order_line",
    "purchase_requisition", "quality_notification", "reservation", "sales_order", "sales_order_line", "stock",
    "supplier", "supplier_invoice", "supply_source", "unit_conversion",
}  # fmt: skip


async def whole(adapter: JsonRpcAdapter, entity: str) -> tuple[list[Any], str]:
    records: list[Record] = []
    watermark = ""
    async for page in adapter.changes(entity, ""):
        records.extend(page.records)
        watermark = page.watermark
    return records, watermark


async def later(adapter: JsonRpcAdapter, entity: str, watermark: str) -> tuple[dict[str, Any], set[str], str]:
    changed: dict[str, Record] = {}
    gone: set[str] = set()
    async for page in adapter.changes(entity, watermark):
        changed.update((record.source_key, record) for record in page.records)
        gone |= set(page.deleted)
        watermark = page.watermark
    return changed, gone, watermark


def quantity(scaled: int) -> Decimal:
    return Decimal(to_text(scaled, 6))


@covers(SYNC, TRYTON)
@guarantees("adapter.contract")
async def test_gives_every_entity_of_the_profile_within_seconds(adapter: JsonRpcAdapter, truth: Truth) -> None:
    """A profile that fits the running version gives rows for all it maps, and fast."""
    started = time.monotonic()
    rows = {entity: len((await whole(adapter, entity))[0]) for entity in sorted(adapter.entities)}
    print(f"{sum(rows.values())} rows in {time.monotonic() - started:.2f} s: {rows}")
    assert set(rows) == ENTITIES
    assert all(rows.values())
    assert rows["material"] == truth.counts["product.product"]
    assert rows["production_order"] == truth.counts["production"]


@guarantees("P7.right_cause")
async def test_exactly_the_planted_lines_are_late(adapter: JsonRpcAdapter, truth: Truth) -> None:
    """Lateness is what Tryton promises against what was asked for, line by line."""
    lines = {(one.sales_order_id, one.line): one for one in (await whole(adapter, "sales_order_line"))[0]}
    late = {key for key, one in lines.items() if one.qty_open and one.confirmed_date > one.requested_date}
    assert late == {(one["sales_order_id"], one["line"]) for one in truth.late}
    for one in truth.late:
        line = lines[one["sales_order_id"], one["line"]]
        assert (line.material_id, line.requested_date) == (one["material_id"], one["requested_date"])
        assert line.confirmed_date == one["confirmed_date"]
    for one in truth.healthy:
        assert lines[one["sales_order_id"], one["line"]].order_state == "open"


@guarantees("P7.right_cause")
async def test_gives_what_a_cause_is_found_from(adapter: JsonRpcAdapter, truth: Truth) -> None:
    """Order, production, short component, moved promise: each link of the planted chains is there."""
    orders = {one.production_order_id: one for one in (await whole(adapter, "production_order"))[0]}
    parts = (await whole(adapter, "production_component"))[0]
    held = {one.demand_line for one in (await whole(adapter, "reservation"))[0]}
    bought = {one.purchase_order_id: one for one in (await whole(adapter, "purchase_order_line"))[0]}
    for one in truth.late:
        order = orders[one["production_order_id"]]
        assert (order.sales_order_id, order.sales_order_line) == (one["sales_order_id"], one["line"])
        own = [part for part in parts if part.production_order_id == order.production_order_id]
        short = [part for part in own if part.qty_open and part.line not in held]
        assert [part.material_id for part in short] == [one["component_id"]]
        if one["root_cause_code"] == "late_po":
            line = bought[one["purchase_order_id"]]
            promise = (line.original_promise_date, line.promised_date)
            assert promise == (one["original_promise_date"], one["promised_date"])
            assert line.original_promise_date <= short[0].need_date < line.promised_date
        else:
            child = orders[one["child_order_id"]]
            assert (child.parent_order_id, child.request_state) == (one["production_order_id"], "Running")
            assert child.planned_finish > short[0].need_date


@covers(SYNC, TRYTON)
@guarantees("P7.exact_numbers")
async def test_stock_is_the_sum_of_what_was_moved(adapter: JsonRpcAdapter, person: Rpc) -> None:
    """Tryton keeps no stock table; its computed figures must be its movements, to the last digit."""
    moved: dict[tuple[str, str, str | None], Decimal] = defaultdict(Decimal)
    fields = ["internal_quantity", "product.code", "lot.number", "from_location.code", "to_location.code"]
    places = {row["code"] for row in person.find("stock.location", [["type", "=", "storage"]], ["code"])} - {None}
    for move in person.find("stock.move", [["state", "=", "done"]], fields):
        lot = move["lot."]["number"] if move["lot."] else None
        for sign, end in ((-1, "from_location."), (1, "to_location.")):
            if move[end]["code"] in places:
                key = (move["product."]["code"], move[end]["code"], lot)
                moved[key] += sign * Decimal(str(move["internal_quantity"]))
    stock = (await whole(adapter, "stock"))[0]
    counted = {(one.material_id, one.storage_location_id, one.lot_id): quantity(one.qty) for one in stock}
    assert counted == {key: amount for key, amount in moved.items() if amount}
    assert {one.stock_type for one in stock if one.storage_location_id == "QUA"} == {"quality"}


@covers(SYNC, TRYTON)
@guarantees("P7.exact_numbers")
async def test_movements_add_up_to_the_stock(adapter: JsonRpcAdapter) -> None:
    """What came and what went, place by place and lot by lot, is what is there: no side is missing or told twice."""
    moved: dict[tuple[str, str | None, str | None], int] = defaultdict(int)
    for one in (await whole(adapter, "goods_movement"))[0]:
        moved[one.material_id, one.storage_location_id, one.lot_id] += one.qty
    stock = {
        (one.material_id, one.storage_location_id, one.lot_id): one.qty for one in (await whole(adapter, "stock"))[0]
    }
    assert {key: amount for key, amount in moved.items() if amount} == stock


@covers(SYNC, TRYTON)
@guarantees("P7.lots_traced")
async def test_a_lot_is_made_of_what_went_into_its_production(adapter: JsonRpcAdapter) -> None:
    """Also of the one that is used up, which is a lot still: complaints are about those."""
    made = [one for one in (await whole(adapter, "lot_genealogy"))[0] if one.output_lot_id == MADE]
    assert {one.input_lot_id: to_text(one.qty, 6) for one in made} == MADE_OF
    assert len({one.production_order_id for one in made}) == 1
    lots = {one.lot_id: one for one in (await whole(adapter, "lot"))[0]}
    assert [lots[lot].lot_disposition for lot in ("LGRE-A", "LGRE-B", MADE)] == [
        "Closed",
        "UnRestricted",
        "UnRestricted",
    ]
    assert {lots[lot].site for lot in (*MADE_OF, MADE)} == {"WH"}


@covers(SYNC, TRYTON)
@guarantees("P7.three_way_match")
async def test_invoices_name_the_lines_that_they_bill(adapter: JsonRpcAdapter) -> None:
    """A parked one is not posted, and its price is that of the invoice, not of the order."""
    bought = {one.source_key: one for one in (await whole(adapter, "purchase_order_line"))[0]}
    (billed,) = (await whole(adapter, "supplier_invoice"))[0]
    quantity_, price, reference = BILLED
    assert (billed.invoice_state, billed.supplier_reference, billed.supplier_id) == ("parked", reference, "S2001")
    assert (to_text(billed.qty, 6), to_text(billed.price, 4)) == (quantity_, price)
    line = bought[billed.purchase_order_line]
    assert (line.purchase_order_id, line.site) == (billed.purchase_order_id, billed.site)
    assert line.price != billed.price
    (sold,) = (await whole(adapter, "customer_invoice"))[0]
    orders = {one.sales_order_id: one for one in (await whole(adapter, "sales_order"))[0]}
    lines = {one.source_key: one for one in (await whole(adapter, "sales_order_line"))[0]}
    assert orders[sold.sales_order_id].customer_reference == "AW-77125"
    assert sold.amount == lines[sold.sales_order_line].net_value


@covers(SYNC, TRYTON)
@guarantees("P7.provenance")
async def test_a_return_names_the_order_whose_goods_come_back(adapter: JsonRpcAdapter) -> None:
    """In Tryton it is a sale the other way round; that sale is no order."""
    (back,) = (await whole(adapter, "customer_return"))[0]
    orders = {one.sales_order_id: one for one in (await whole(adapter, "sales_order"))[0]}
    assert orders[back.sales_order_id].customer_reference == "NM-8805"
    assert (back.order_state, back.material_id, back.note) == ("received", "FP-107", "Impeller rubs.")
    assert quantity(back.qty) == 1
    assert all((one.net_value or 0) > 0 for one in orders.values())


@guarantees("P7.exact_numbers")
async def test_partial_receipts_and_deliveries_leave_the_exact_rest(adapter: JsonRpcAdapter, truth: Truth) -> None:
    """What is open is ordered minus moved, not a flag."""
    bought = {one.supplier_id + one.material_id: one for one in (await whole(adapter, "purchase_order_line"))[0]}
    partial = bought["S2001RM-300"]
    assert [quantity(one) for one in (partial.qty_ordered, partial.qty_received, partial.qty_open)] == [100, 40, 60]
    assert quantity(bought["S2004RM-303"].qty_open) == Decimal("250.5")
    assert to_text(bought["S2004RM-303"].open_value, 4) == str(
        (Decimal("250.5") * Decimal("9.85")).quantize(Decimal("0.01"))
    ).rstrip("0")
    cancelled = bought["S2003RM-306"]
    assert (cancelled.order_state, cancelled.qty_open) == ("cancelled", 0)
    orders = {one.customer_reference: one for one in (await whole(adapter, "sales_order"))[0]}
    lines = {one.sales_order_id: one for one in (await whole(adapter, "sales_order_line"))[0]}
    sent = lines[orders["HW-2035"].sales_order_id]
    assert [quantity(one) for one in (sent.qty_ordered, sent.qty_delivered, sent.qty_open)] == [6, 2, 4]
    assert "GL-90019" not in orders  # a quotation is no order


@guarantees("P7.exact_numbers")
async def test_units_convert_by_whole_numbers(adapter: JsonRpcAdapter) -> None:
    """A cubic metre is a thousand litres, not 1000.0000000000001."""
    units = {one.material_id: one for one in (await whole(adapter, "unit_conversion"))[0]}
    epoxy, wire = units["RM-305"], units["RM-303"]
    assert (epoxy.uom, epoxy.base_uom, epoxy.numerator, epoxy.denominator) == ("MTQ", "LTR", 1000, 1)
    assert (wire.uom, wire.base_uom, wire.numerator, wire.denominator) == ("KGM", "KGM", 1, 1)


@covers(SYNC, TRYTON)
@guarantees("P7.exact_numbers")
async def test_a_live_read_is_what_the_pass_gave(adapter: JsonRpcAdapter) -> None:
    """Records by key and records of a pass are the same records."""
    for entity in ("sales_order_line", "purchase_order_line", "stock", "lot", "material_site"):
        found, _ = await whole(adapter, entity)
        keys = [one.source_key for one in found[:5]]
        read = await adapter.read(entity, [*keys, "999999"])
        assert {one.source_key: one for one in read} == {one.source_key: one for one in found[:5]}


@covers(SYNC, TRYTON)
@guarantees("P7.sync_exact")
async def test_a_date_moved_in_tryton_arrives_with_the_next_pass(
    adapter: JsonRpcAdapter, person: Rpc, truth: Truth
) -> None:
    """The line itself is not touched when its incoming goods are planned anew; the change still counts as its own."""
    decoy = truth.decoys[-1]
    _, watermark = await whole(adapter, "purchase_order_line")
    day = date.fromisoformat(decoy["promised_date"]) + timedelta(days=3)
    origin = f"purchase.line,{decoy['purchase_order_line']}"
    moves = [row["id"] for row in person.find("stock.move", [["origin", "=", origin]], [])]
    person("stock.move.write", moves, {"planned_date": day})
    changed, gone, _ = await later(adapter, "purchase_order_line", watermark)
    person("stock.move.write", moves, {"planned_date": date.fromisoformat(decoy["promised_date"])})
    assert changed[decoy["purchase_order_line"]].promised_date == day.isoformat()
    assert not gone


@covers(SYNC, TRYTON)
@guarantees("P7.sync_exact")
async def test_a_second_pass_over_every_entity_gives_what_a_first_one_would(adapter: JsonRpcAdapter) -> None:
    """Each source's own filter for changes must be one that this version understands."""
    for entity in sorted(adapter.entities):
        first, watermark = await whole(adapter, entity)
        changed, gone, _ = await later(adapter, entity, watermark)
        held = {one.source_key: one for one in first}
        assert held | changed == held, entity
        assert not gone & held.keys(), entity  # what is named besides never was: the side of a move that is no place


@covers(SYNC, TRYTON)
@guarantees("P7.sync_exact")
async def test_a_shipment_that_is_written_arrives_with_the_next_pass(tryton: Running, person: Rpc) -> None:
    """The state of a delivery is that of its shipment, which may be a delivery, a return or an internal move."""
    async with opened(tryton, overlap_s="0") as adapter:
        found, watermark = await whole(adapter, "delivery")
        shipment = person.find("stock.shipment.out", [["number", "=", found[0].delivery_id]], ["reference"])[0]
        person("stock.shipment.out.write", [shipment["id"]], {"reference": "by lorry"})
        changed, _, _ = await later(adapter, "delivery", watermark)
    person("stock.shipment.out.write", [shipment["id"]], {"reference": shipment["reference"]})
    assert {one.source_key for one in found if one.delivery_id == found[0].delivery_id} <= set(changed)
    assert len(changed) < len(found)


@covers(SYNC, TRYTON)
@guarantees("P7.sync_exact")
async def test_a_product_with_another_code_is_renamed_wherever_it_is_named(tryton: Running, person: Rpc) -> None:
    """An order that names the old code would be about a material that nobody knows."""
    entities = ("sales_order_line", "delivery", "production_order", "production_component", "reservation")
    async with opened(tryton, overlap_s="0") as adapter:
        before = {entity: await whole(adapter, entity) for entity in entities}
        lines, _ = before["sales_order_line"]
        code = lines[0].material_id
        product = person.find("product.product", [["code", "=", code]], [])[0]["id"]
        person("product.product.write", [product], {"suffix_code": f"{code}-NEW"})
        after = {entity: (await later(adapter, entity, mark))[0] for entity, (_, mark) in before.items()}
    person("product.product.write", [product], {"suffix_code": code})
    for entity, (found, _) in before.items():
        stale = {one.source_key for one in found if one.material_id == code}
        assert {key: after[entity][key].material_id for key in stale} == dict.fromkeys(stale, f"{code}-NEW"), entity


@covers(SYNC, TRYTON)
@guarantees("P7.sync_exact")
async def test_what_is_deleted_or_leaves_the_filter_is_named(adapter: JsonRpcAdapter, person: Rpc) -> None:
    """Tryton tells no one of deletions; ids are compared, so a released hold and a deleted record are both gone."""
    party = person.create("party.party", name="Short-lived Ltd", code="C9999")
    _, parties = await whole(adapter, "customer")
    found, holds = await whole(adapter, "reservation")
    freed = next(one for one in found if one.demand_type == "sales_order")
    shipment = person.find("stock.move", [["id", "=", int(freed.source_key)]], ["shipment"])[0]["shipment"]
    person("party.party.delete", [party])
    person("stock.shipment.out.wait", [int(shipment.partition(",")[2])])
    assert (await later(adapter, "customer", parties))[1] == {str(party)}
    changed, gone, watermark = await later(adapter, "reservation", holds)
    assert freed.source_key in gone
    person("stock.shipment.out.assign_try", [int(shipment.partition(",")[2])])
    back, _, _ = await later(adapter, "reservation", watermark)
    assert freed.material_id in {one.material_id for one in back.values()}
    assert freed.source_key not in changed


@guarantees("P10.survives")
async def test_reads_on_after_the_server_has_ended_the_session(adapter: JsonRpcAdapter, tryton: Running) -> None:
    """Tryton ends sessions after minutes of silence; a scheduled pass comes later than that."""
    before, _ = await whole(adapter, "material")
    httpx2.post(
        f"{tryton.url}/{tryton.database}/rpc/",
        json={"id": 1, "method": "common.db.logout", "params": []},
        headers={"Authorization": f"Session {adapter._session._token}"},
        trust_env=False,
    ).raise_for_status()
    assert len((await whole(adapter, "material"))[0]) == len(before)


@guarantees("P2.no_writes")
async def test_the_read_account_can_change_nothing(tryton: Running) -> None:
    """What the gateway can't do by construction, its account may not do either."""
    rpc = Rpc(url=tryton.url, database=tryton.database, user=tryton.user, password=tryton.password)
    changes: Mapping[str, object] = {
        "party.party": {"name": "x"}, "sale.sale": {"comment": "x"}, "stock.move": {"planned_date": None},
        "purchase.purchase": {"comment": "x"}, "production": {"reference": "x"}, "product.template": {"name": "x"},
    }  # fmt: skip
    for model, values in changes.items():
        with pytest.raises(TrytonError, match="not allowed"):
            rpc(f"{model}.write", [1], values)
    rpc.close()
