"""The shipped tools: what each query finds on a plant of a few rows, and what may be proposed at all."""

from __future__ import annotations

import json

import pytest

from erp_mcp.catalog.grammar import editor_schema
from erp_mcp.commands import OPERATIONS
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import ENTITIES
from erp_mcp.ports import Row, SqlValue
from erp_mcp.projections import reads
from erp_mcp.projections.paging import Page
from tests.guarantees import guarantees
from tests.unit.projections.small_plant import NOW, ROOT, TODAY, SmallPlant, shipped, values_of

CATALOG = shipped()
EXPECTED = {
    "discovery": [
        "call_tool",
        "describe_tool",
        "search_tools",
    ],
    "exceptions": [
        "get_plant_briefing",
    ],
    "finance": [
        "get_budget_status",
        "propose_allocate_budget",
        "propose_request_refund",
    ],
    "inventory": [
        "check_availability",
        "compare_stock_erp_mes",
        "find_slow_stock",
        "get_stock",
        "list_goods_movements",
        "list_reservations",
        "propose_adjust_allocation",
        "propose_post_goods_movement",
        "propose_release_reservation",
        "propose_reserve_inventory",
        "simulate_atp",
    ],
    "maintenance": [
        "get_asset_history",
        "list_maintenance_orders",
        "propose_create_maintenance_notification",
        "propose_create_maintenance_order",
    ],
    "master_data": [
        "get_bom",
        "get_customer",
        "get_material",
        "get_routing",
        "get_supplier",
    ],
    "orders": [
        "explain_late_order",
        "find_order",
        "get_order_status_timeline",
        "get_sales_order",
        "list_customer_returns",
        "list_deliveries",
        "list_sales_orders",
        "propose_create_customer_return",
        "propose_create_delivery",
        "propose_update_sales_delivery_date",
        "propose_update_sales_price",
    ],
    "planning": [
        "get_capacity_load",
        "get_shortages_for_order",
        "get_supply_demand",
        "list_mrp_exceptions",
        "list_planned_orders",
        "list_shortages",
        "propose_confirm_planned_order",
        "propose_confirm_production_order_dates",
        "propose_reschedule_production_order",
    ],
    "procurement": [
        "get_purchase_history",
        "get_purchase_order",
        "get_supplier_scorecard",
        "get_vendor_summary",
        "list_match_exceptions",
        "list_purchase_orders",
        "list_purchase_requisitions",
        "list_supply_sources",
        "propose_cancel_purchase_order",
        "propose_change_purchase_order",
        "propose_create_purchase_order",
        "propose_create_purchase_requisition",
        "propose_create_supplier",
        "propose_procurement",
        "propose_update_delivery_date",
        "propose_update_purchase_price",
        "rank_expedite_candidates",
    ],
    "production": [
        "compare_order_erp_mes",
        "get_downtime_pareto",
        "get_oee",
        "get_production_order",
        "get_wip_ageing",
        "list_dispatch_list",
        "list_production_orders",
        "list_wip_jobs",
    ],
    "proposals": [
        "cancel_proposal",
        "get_proposal",
        "list_my_proposals",
        "propose_undo",
    ],
    "quality": [
        "list_hold_lots",
        "list_inspection_lots",
        "list_quality_notifications",
        "propose_create_quality_notification",
        "trace_lot",
    ],
    "work": [
        "propose_create_human_task",
        "propose_request_work_order_release",
    ],
}
# W1 is taken back without a trace in money, stock or with a supplier; W2 changes plans; W3 binds; W4 is for the floor.
RISKS = {
    "create_purchase_requisition": "W1",
    "confirm_production_order_dates": "W1",
    "create_human_task": "W1",
    "create_maintenance_notification": "W1",
    "create_quality_notification": "W1",
    "adjust_allocation": "W2",
    "confirm_planned_order": "W2",
    "create_delivery": "W2",
    "create_maintenance_order": "W2",
    "reschedule_production_order": "W2",
    "release_reservation": "W2",
    "reserve_inventory": "W2",
    "update_delivery_date": "W2",
    "update_sales_delivery_date": "W2",
    "allocate_budget": "W3",
    "cancel_purchase_order": "W3",
    "change_purchase_order": "W3",
    "create_customer_return": "W3",
    "create_purchase_order": "W3",
    "create_supplier": "W3",
    "post_goods_movement": "W3",
    "procurement": "W3",
    "request_refund": "W3",
    "update_purchase_price": "W3",
    "update_sales_price": "W3",
    "request_work_order_release": "W4",
}
OWN_TASKS = "human_task"  # kept by the gateway itself, for people
# What these are about can't be said without it; a mask on it hides the tool.
NEEDED = {
    "propose_create_customer_return": {"sales_order_line.net_value"},
    "propose_create_supplier": {"supplier.name"},
    "propose_request_refund": {"customer_invoice.amount", "refund_request.amount", "sales_order_line.net_value"},
    "propose_update_sales_price": {"sales_order_line.net_value"},
}
UNIT = 1_000_000


async def _read(plant: SmallPlant, tool: str, **given: JsonValue) -> reads.ReadRows:
    one = CATALOG.tools[tool]
    return await reads.run(
        plant, one, values_of(one, **given), sites=None, today=TODAY, now=NOW, deadline_s=5, page=Page(limit=50)
    )


def _column(tool: str, table: str, name: str, rows: list[Row]) -> list[object]:
    columns = next(one.columns for one in CATALOG.tools[tool].tables if one.name == table)
    position = [column.name for column in columns].index(name)
    return [row[position] for row in rows]


async def _ids(plant: SmallPlant, tool: str, table: str, name: str, **given: JsonValue) -> list[object]:
    return _column(tool, table, name, (await _read(plant, tool, **given)).rows[table])


def _orders() -> SmallPlant:
    plant = SmallPlant()
    line: dict[str, SqlValue] = {
        "qty_ordered": 5 * UNIT,
        "qty_delivered": 0,
        "qty_open": 5 * UNIT,
        "uom": "EA",
        "material_id": "FG-1",
    }
    for order, customer, reference, state in (
        ("0010000001", "C-1", "PO-4711", "open"),
        ("0010000002", "C-2", "po-4711", "open"),
        ("0010000003", "C-1", "PO-9", "closed"),
    ):
        plant.add(
            "sales_order", sales_order_id=order, site="1000", customer_id=customer, customer_reference=reference,
            order_state=state,
        )  # fmt: skip
    for order, number, requested, confirmed, state, block in (
        ("0010000001", "000010", "2026-03-20", "2026-03-25", "open", None),
        ("0010000001", "000020", "2026-03-18", "2026-03-18", "open", "Z1"),
        ("0010000002", "000010", "2026-03-19", None, "open", None),
        ("0010000003", "000010", "2026-03-01", "2026-03-09", "closed", None),
    ):
        plant.add(
            "sales_order_line", sales_order_id=order, line=number, site="1000", customer_id="C-1",
            requested_date=requested, confirmed_date=confirmed, order_state=state, delivery_block=block, **line,
        )  # fmt: skip
    for name in ("C-1", "C-2"):
        plant.add("customer", customer_id=name, name=f"Customer {name}")
    plant.add(
        "delivery", delivery_id="0080000005", line="10", site="1000", sales_order_id="0010000001",
        sales_order_line="000010", material_id="FG-1", qty=UNIT, uom="EA", tracking_id="TRK-77",
    )  # fmt: skip
    plant.add(
        "customer_invoice", invoice_id="0090000001", line="10", site="1000", sales_order_id="0010000001",
        sales_order_line="000010", amount=10_000, currency="EUR",
    )  # fmt: skip
    return plant


@guarantees("docs.agree")
def test_the_shipped_catalogue_is_exactly_this() -> None:
    """Policies, documents and clients name these tools."""
    found: dict[str, list[str]] = {}
    for tool in CATALOG:
        found.setdefault(tool.toolset, []).append(tool.name)
    assert found == EXPECTED


@guarantees("P3.people_commit", "P6.planning_side")
def test_what_writes_proposes_on_level_4_and_nothing_reaches_below_level_3() -> None:
    """No tool commits, and what may be proposed is a record of a level-4 system."""
    assert {tool.level for tool in CATALOG} <= {3, 4}
    writing = [tool for tool in CATALOG if tool.effect == "write"]
    assert {tool.name.removeprefix("propose_"): tool.risk for tool in writing} == RISKS
    assert all(tool.level == 4 for tool in writing)
    written = {OPERATIONS[tool.command].entity for tool in writing if tool.command} - {OWN_TASKS}
    assert {ENTITIES[entity].LEVEL for entity in written} == {4}
    assert {tool.command for tool in CATALOG if tool.command} == set(OPERATIONS)


@guarantees("P8.masks")
def test_nothing_that_is_proposed_rests_on_what_a_sale_is_worth_or_on_text_of_others() -> None:
    """A preview goes to approvers and back to the agent, whatever role it has."""
    for tool in CATALOG:
        if tool.effect != "write":
            continue
        found = [one for one in tool.conditions if one.endswith(("_value", ".amount", ".name", ".note", ".reason"))]
        assert set(found) <= NEEDED.get(tool.name, set()), tool.name
        for query in tool.reads:
            texts = {field for column in query.columns if column.kind == "text" for field in column.fields}
            assert texts <= NEEDED.get(tool.name, set()), query.name


@guarantees("P8.masks")
def test_a_command_tool_names_every_field_that_its_reads_look_at() -> None:
    """A mask on any of them hides the tool: what is proposed could tell of it."""
    tool = CATALOG.tools["propose_create_purchase_requisition"]
    assert {"supply_source.price", "supplier.blocked", "purchase_order_line.qty_open_base"} <= set(tool.conditions)
    shown = {field for query in tool.reads for column in query.columns for field in column.fields}
    assert shown <= set(tool.conditions)


@guarantees("docs.agree")
def test_tools_about_proposals_have_the_same_arguments_and_tables() -> None:
    """An agent that knows one of them knows them all."""
    for name in ("propose_update_delivery_date", "propose_create_purchase_requisition", "get_proposal"):
        assert [table.name for table in CATALOG.tools[name].tables] == [
            "proposal", "changes", "checks", "effects", "receipt"
        ]  # fmt: skip
    for tool in CATALOG:
        names = [argument.name for argument in tool.arguments]
        if tool.effect == "write":
            assert names[-3:] == ["reason", "idempotency_key", "acknowledge_duplicate_of"]
    listed = CATALOG.tools["list_my_proposals"].paged
    assert listed is not None
    assert (listed.name, listed.order_by) == ("proposals", ("-proposal_id",))


@guarantees("docs.agree")
def test_the_schema_for_editors_is_that_of_the_grammar() -> None:
    """Editors and the linter must agree; `erp-mcp tools schema` writes the file."""
    assert json.loads((ROOT / "tools" / "_schema.json").read_text(encoding="utf-8")) == editor_schema()


@guarantees("docs.agree")
def test_every_tool_file_names_the_schema_in_its_first_line() -> None:
    """That line is what makes an editor help."""
    for path in (ROOT / "tools").glob("*/*.yaml"):
        assert path.read_text(encoding="utf-8").splitlines()[0] == "# yaml-language-server: $schema=../_schema.json"


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ({}, ["000020", "000010", "000010"]),
        ({"late_only": True}, ["000010"]),
        ({"blocked_only": True}, ["000020"]),
        ({"status": ["closed"]}, ["000010"]),
        ({"requested_from": "2026-03-19", "requested_to": "2026-03-19"}, ["000010"]),
        ({"customer_id": "C-2"}, []),
    ],
)
async def test_sales_lines_are_found_by_state_date_lateness_and_block(
    given: dict[str, JsonValue], lines: list[str]
) -> None:
    """A line without a confirmed date is not called late."""
    assert await _ids(_orders(), "list_sales_orders", "lines", "line", **given) == lines


@guarantees("P7.exact_numbers")
async def test_days_late_count_from_the_requested_to_the_confirmed_date() -> None:
    """Early and unconfirmed lines are zero days late."""
    assert await _ids(_orders(), "list_sales_orders", "lines", "days_late") == [0, 0, 5]


@guarantees("P7.right_cause")
async def test_an_open_line_whose_date_has_passed_is_late_whatever_was_confirmed() -> None:
    """A customer who has waited for three days is in the list of late lines; one who was served is not."""
    plant = _orders()
    for number, confirmed, qty_open in (("1", "2026-03-13", UNIT), ("2", None, UNIT), ("3", "2026-03-13", 0)):
        plant.add(
            "sales_order_line", sales_order_id="0010000004", line=number, site="1000", customer_id="C-1",
            material_id="FG-1", qty_ordered=UNIT, qty_delivered=UNIT - qty_open, qty_open=qty_open, uom="EA",
            requested_date="2026-03-13", confirmed_date=confirmed, order_state="open",
        )  # fmt: skip
    for tool, given in (("list_sales_orders", {}), ("get_sales_order", {"sales_order_id": "0010000004"})):
        assert (await _ids(plant, tool, "lines", "days_late", **given))[:3] == [3, 3, 0]
    assert await _ids(plant, "list_sales_orders", "lines", "line", late_only=True) == ["1", "2", "000010"]
    assert len((await _read(plant, "get_plant_briefing")).rows["lines"]) == 3


@guarantees("P7.no_false_empty")
@pytest.mark.parametrize(
    ("reference", "orders", "how", "customers"),
    [
        ("0010000001", ["0010000001"], ["order"], 1),
        ("10000001", ["0010000001"], ["order"], 1),
        ("PO-4711", ["0010000001", "0010000002"], ["customer_reference"] * 2, 2),
        ("80000005", ["0010000001"], ["delivery"], 1),
        ("trk-77", ["0010000001"], ["tracking"], 1),
        ("nothing", [], [], 0),
        ("%", [], [], 0),
        ("' OR '1'='1", [], [], 0),
    ],
)
async def test_an_order_is_found_by_any_reference(
    reference: str, orders: list[str], how: list[str], customers: int
) -> None:
    """People have their own number, a delivery or a tracking number; two customers may use the same one."""
    got = await _read(_orders(), "find_order", reference=reference)
    assert _column("find_order", "orders", "sales_order_id", got.rows["orders"]) == orders
    assert _column("find_order", "orders", "match_type", got.rows["orders"]) == how
    assert got.rows["matches"] == [(len(orders), customers)]


@guarantees("P7.no_false_empty")
async def test_an_order_comes_with_lines_deliveries_and_invoices() -> None:
    """One call instead of four; an order that is not there is four empty tables."""
    got = await _read(_orders(), "get_sales_order", sales_order_id="0010000001")
    assert {name: len(rows) for name, rows in got.rows.items()} == {
        "order": 1, "lines": 2, "deliveries": 1, "invoices": 1
    }  # fmt: skip
    missing = await _read(_orders(), "get_sales_order", sales_order_id="10000001")
    assert not any(missing.rows.values())


def _purchases() -> SmallPlant:
    plant = SmallPlant()
    for line, first, promised, requested, confirmed, opened in (
        ("10", "2026-03-10", "2026-03-14", "2026-03-10", 1, 5),  # moved, overdue
        ("20", "2026-03-20", "2026-03-20", "2026-03-20", 0, 5),  # unconfirmed
        ("30", None, None, "2026-03-18", None, 5),  # no promise
        ("40", "2026-03-10", "2026-03-12", "2026-03-10", 1, 0),  # moved, all received
    ):
        plant.add(
            "purchase_order_line", purchase_order_id="45", line=line, site="1000", supplier_id="S-1",
            material_id="RM-1", qty_ordered=5 * UNIT, qty_received=0, qty_open=opened * UNIT, uom="EA",
            original_promise_date=first, promised_date=promised, requested_date=requested, confirmed=confirmed,
            order_state="open",
        )  # fmt: skip
    return plant


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ({}, ["30", "40", "10", "20"]),
        ({"overdue_only": True}, ["10"]),
        ({"promise_moved_only": True}, ["40", "10"]),
        ({"unconfirmed_only": True}, ["30", "20"]),
        ({"unconfirmed_only": True, "promised_to": "2026-03-18"}, ["30"]),
        ({"supplier_id": "S-2"}, []),
    ],
)
async def test_purchase_lines_are_found_by_promise_and_confirmation(
    given: dict[str, JsonValue], lines: list[str]
) -> None:
    """What is all received is not overdue; what has no promise comes first and counts by its requested date."""
    assert await _ids(_purchases(), "list_purchase_orders", "lines", "line", **given) == lines


@guarantees("P7.exact_numbers")
async def test_moved_and_overdue_days_are_exact_and_unknown_where_no_promise_is() -> None:
    """Null is not zero: without a promise nothing can have moved."""
    assert await _ids(_purchases(), "list_purchase_orders", "lines", "days_moved") == [None, 2, 4, 0]
    assert await _ids(_purchases(), "list_purchase_orders", "lines", "days_overdue") == [0, 0, 2, 0]


@guarantees("P7.exact_numbers")
async def test_available_stock_is_unrestricted_minus_reserved_and_nothing_else() -> None:
    """Blocked, inspected and moving stock promises nothing; by lot the reservation stays with its lot."""
    plant = SmallPlant()
    for lot, kind, qty in (
        ("L1", "unrestricted", 10),
        ("L2", "unrestricted", 5),
        ("L1", "blocked", 7),
        ("L3", "quality", 2),
    ):
        plant.add(
            "stock", material_id="RM-1", site="1000", storage_location_id="A", lot_id=lot, stock_type=kind,
            qty=qty * UNIT, uom="EA",
        )  # fmt: skip
    plant.add(
        "reservation", reservation_id="R1", material_id="RM-1", site="1000", lot_id="L1",
        demand_type="production_order", demand_id="P1", qty=4 * UNIT, uom="EA",
    )  # fmt: skip
    total = (await _read(plant, "get_stock", material_id=["RM-1"])).rows["stock"]
    assert total == [("RM-1", "1000", None, 15 * UNIT, 2 * UNIT, 7 * UNIT, 0, 4 * UNIT, 11 * UNIT, "EA")]
    assert await _ids(plant, "get_stock", "stock", "qty_available", by_lot=True) == [6 * UNIT, 5 * UNIT, 0]
    assert await _ids(plant, "get_stock", "stock", "material_id", material_id=["RM-2"]) == []


@guarantees("P7.exact_numbers")
async def test_production_orders_are_late_by_schedule_or_by_the_calendar() -> None:
    """Behind plan in the schedule, or past the planned finish without being finished."""
    plant = SmallPlant()
    for order, planned, scheduled, state in (
        ("P1", "2026-03-20", "2026-03-23", "Released"),
        ("P2", "2026-03-12", None, "Running"),
        ("P3", "2026-03-20", "2026-03-20", "Waiting"),
        ("P4", "2026-03-01", None, "Completed"),
        ("P5", None, None, "Held"),
    ):
        plant.add(
            "production_order", production_order_id=order, site="1000", material_id="FG-1", qty_planned=UNIT, uom="EA",
            planned_finish=planned, scheduled_finish=scheduled, request_state=state,
        )  # fmt: skip
    assert await _ids(plant, "list_production_orders", "orders", "production_order_id") == ["P5", "P2", "P1", "P3"]
    assert await _ids(plant, "list_production_orders", "orders", "days_late") == [0, 4, 3, 0]
    assert await _ids(plant, "list_production_orders", "orders", "production_order_id", late_only=True) == ["P2", "P1"]


@guarantees("P7.right_cause")
async def test_lots_on_hold_come_with_their_notification_and_the_orders_that_wait() -> None:
    """Restricted, or held by an open notification; an order waits if nothing is reserved for it, or if that lot is."""
    plant = SmallPlant()
    for lot, disposition in (("L1", "Restricted"), ("L2", "UnRestricted"), ("L3", "UnRestricted")):
        plant.add("lot", lot_id=lot, material_id=f"RM-{lot}", site="1000", lot_disposition=disposition)
        plant.add(
            "stock", material_id=f"RM-{lot}", site="1000", storage_location_id="A", lot_id=lot, stock_type="blocked",
            qty=5 * UNIT, uom="EA",
        )  # fmt: skip
    for number, lot, state in ((1, "L1", "open"), (2, "L2", "open"), (3, "L3", "closed")):
        plant.add(
            "quality_notification", notification_id=f"QN{number}", site="1000", lot_id=lot, hold=1, order_state=state,
            opened_at="2026-03-10T08:00:00Z",
        )  # fmt: skip
    for order, material, open_qty in (("P1", "RM-L1", 5), ("P2", "RM-L1", 5), ("P3", "RM-L9", 5)):
        plant.add(
            "production_component", production_order_id=order, line="0010", site="1000", material_id=material,
            qty_required=open_qty * UNIT, qty_withdrawn=0, qty_open=open_qty * UNIT, uom="EA",
        )  # fmt: skip
    for order, lot, qty in (("P1", "L7", 5), ("P4", "L2", 3)):
        plant.add(
            "reservation", reservation_id=f"R{order}", material_id="RM-L1", site="1000", lot_id=lot,
            demand_type="production_order", demand_id=order, demand_line="0010", qty=qty * UNIT, uom="EA",
        )  # fmt: skip
    got = await _read(plant, "list_hold_lots")
    assert [row[0] for row in got.rows["lots"]] == ["L1", "L2"]
    assert [row[0] for row in got.rows["notifications"]] == ["QN1", "QN2"]
    assert [(row[0], row[1], row[4]) for row in got.rows["blocked_orders"]] == [
        ("L1", "P2", 5 * UNIT), ("L2", "P4", 3 * UNIT)
    ]  # fmt: skip
