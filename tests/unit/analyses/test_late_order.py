"""A late order is explained by what really holds it up, also where joining tables would say something else."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from erp_mcp.analyses import rows
from erp_mcp.analyses.late_order import ANALYSIS
from erp_mcp.domain.analysis import Findings, RawCell
from erp_mcp.errors import NotAllowedError
from tests.guarantees import guarantees
from tests.unit.analyses.small_plant import ONE, SmallPlant


@pytest.fixture
def plant() -> SmallPlant:
    """A late line with one production order that needs twenty of RM on the 17th."""
    small = SmallPlant()
    small.line()
    small.order()
    small.needs(20)
    return small


def _code(found: Findings) -> RawCell:
    return found.tables["summary"][0][8]


def _confidence(found: Findings) -> RawCell:
    return found.tables["summary"][0][9]


def _chain(found: Findings) -> list[tuple[RawCell, ...]]:
    """(node_type, node_id, fact) of each step."""
    return [row[2:5] for row in found.tables["chain"]]


def _step(found: Findings, node_type: str) -> tuple[RawCell, ...]:
    return next(row for row in found.tables["chain"] if row[2] == node_type)


def _contributing(found: Findings) -> list[tuple[RawCell, ...]]:
    """(role, code, node_id) of each row."""
    return [(row[1], row[2], row[4]) for row in found.tables["contributing"]]


@guarantees("P7.right_cause")
def test_a_moved_promise_without_other_cover_is_the_cause(plant: SmallPlant) -> None:
    """The most frequent cause: order, material, line, both promises and since when the supplier knew."""
    plant.buys(50, "2026-03-24")
    found = plant.ask(ANALYSIS)
    assert (_code(found), _confidence(found)) == ("late_po", "high")
    assert _chain(found) == [
        ("sales_order_line", "SO-1/10", "late"),
        ("production_order", "P-1", "waits"),
        ("material", "RM", "short"),
        ("supplier", "S-1", "knows_since"),
        ("purchase_order_line", "PO-1/10", "promise_moved"),
    ]
    assert _step(found, "material")[5] == 20 * ONE
    assert _step(found, "purchase_order_line")[8:11] == ("2026-03-16", "2026-03-24", "2026-03-09T08:00:00Z")
    assert found.complete


@guarantees("P7.right_cause")
@pytest.mark.parametrize("cover", ["free stock", "reservation", "another line", "loose production order"])
def test_a_late_purchase_line_is_no_cause_while_something_else_covers_the_demand(plant: SmallPlant, cover: str) -> None:
    """Joining orders to late purchase lines blames nearly every order; pegging does not."""
    plant.buys(50, "2026-03-24")
    if cover == "free stock":
        plant.stock(20)
    elif cover == "reservation":
        plant.stock(20)
        plant.reserves(20)
    elif cover == "another line":
        plant.buys(20, "2026-03-16", purchase_order_id="PO-2")
    else:
        plant.order("P-9", material_id="RM", qty_planned=20 * ONE, planned_finish="2026-03-17", sales_order_id=None)
    found = plant.ask(ANALYSIS)
    assert _code(found) == "unknown"
    assert found.tables["chain"] == []


@guarantees("P7.right_cause")
def test_stock_that_others_hold_is_no_cover(plant: SmallPlant) -> None:
    """Stock on hand looks like cover until its reservations are taken off."""
    plant.buys(50, "2026-03-24")
    plant.stock(100)
    plant.reserves(100, demand="P-7")
    assert _code(plant.ask(ANALYSIS)) == "late_po"


@guarantees("P7.right_cause")
def test_free_stock_goes_to_the_earlier_need_first(plant: SmallPlant) -> None:
    """An order that needs the same material sooner takes it away, so the late promise hurts after all."""
    plant.buys(50, "2026-03-24")
    plant.stock(20)
    plant.add(
        "demand",
        rows.ComponentRow,
        production_order_id="P-0",
        line="0010",
        material_id="RM",
        qty_open=20 * ONE,
        need_date="2026-03-15",
    )
    assert _code(plant.ask(ANALYSIS)) == "late_po"


@guarantees("P7.right_cause")
def test_expired_stock_is_no_cover(plant: SmallPlant) -> None:
    """Material past its expiry date is on the shelf and still can't be used."""
    plant.buys(50, "2026-03-24")
    plant.stock(20)
    plant.lot("L-1", expiry_date="2026-03-10")
    assert _code(plant.ask(ANALYSIS)) == "late_po"


@guarantees("P7.right_cause")
def test_units_are_compared_in_the_base_unit(plant: SmallPlant) -> None:
    """Five sheets can be a hundred panels: the ordered number alone would leave the demand short."""
    plant.buys(5, "2026-03-16", qty_open_base=100 * ONE, uom="MTK")
    assert _code(plant.ask(ANALYSIS)) == "unknown"


@guarantees("P7.right_cause")
def test_a_line_that_never_moved_but_was_promised_too_late_is_less_certain(plant: SmallPlant) -> None:
    """Nobody broke a promise: it is still what the order waits for, said with less confidence."""
    plant.buys(50, "2026-03-24", first="2026-03-24")
    found = plant.ask(ANALYSIS)
    assert (_code(found), _confidence(found)) == ("late_po", "medium")


@guarantees("P7.right_cause")
def test_the_line_that_moved_is_blamed_even_if_pegging_now_gives_the_order_another_one(plant: SmallPlant) -> None:
    """When PO-1 slips behind PO-2, this order is pegged to PO-2, which kept its promise."""
    plant.add(
        "demand",
        rows.ComponentRow,
        production_order_id="P-5",
        line="0010",
        material_id="RM",
        qty_open=20 * ONE,
        need_date="2026-03-30",
    )
    plant.buys(20, "2026-03-28")
    plant.buys(20, "2026-03-22", first="2026-03-22", purchase_order_id="PO-2")
    assert ("purchase_order_line", "PO-1/10", "promise_moved") in _chain(plant.ask(ANALYSIS))


@guarantees("P7.right_cause")
def test_a_lot_on_hold_that_would_have_covered_the_shortage_is_the_cause(plant: SmallPlant) -> None:
    """The material is in the house, and only its release is missing."""
    plant.holds(25)
    found = plant.ask(ANALYSIS)
    assert (_code(found), _confidence(found)) == ("quality_hold", "high")
    assert _chain(found)[-2:] == [
        ("lot", "L-9", "on_hold"),
        ("quality_notification", "N-L-9", "asks_for_hold"),
    ]


@guarantees("P7.right_cause")
def test_a_lot_on_hold_is_no_cause_when_it_would_not_have_been_enough(plant: SmallPlant) -> None:
    """Releasing five of twenty would not have saved the order; the moved promise would."""
    plant.holds(5)
    plant.buys(50, "2026-03-24")
    found = plant.ask(ANALYSIS)
    assert _code(found) == "late_po"
    assert not any(row[1] == "also_sufficient" for row in found.tables["contributing"])


@guarantees("P7.right_cause")
def test_lots_on_hold_that_cover_the_shortage_only_together_are_parts_of_the_cause(plant: SmallPlant) -> None:
    """Twelve and twelve of twenty: each has to be released, and saying nothing would hide both."""
    plant.holds(12, "L-8")
    plant.holds(12, "L-9")
    found = plant.ask(ANALYSIS)
    assert (_code(found), _confidence(found)) == ("quality_hold", "medium")
    assert _contributing(found) == [("part_of_it", "quality_hold", "N-L-9")]


@guarantees("P7.right_cause")
def test_a_notification_of_another_site_does_not_hold_stock_here(plant: SmallPlant) -> None:
    """Without lots a notification names material and site; stock blocked here has another reason."""
    plant.stock(20, None, stock_type="blocked")
    other = {"material_id": "RM", "site": "2000", "hold": 1, "order_state": "open"}
    plant.add("notifications", rows.NotificationRow, notification_id="N-2000", **other)
    found = plant.ask(ANALYSIS)
    assert (_code(found), _confidence(found)) == ("quality_hold", "medium")
    assert "N-2000" not in [row[3] for row in found.tables["chain"]]


@guarantees("P7.right_cause")
def test_a_lot_on_hold_is_no_cause_when_free_stock_covers_the_demand(plant: SmallPlant) -> None:
    """A hold elsewhere in the material is noise."""
    plant.holds(25)
    plant.stock(20)
    assert _code(plant.ask(ANALYSIS)) == "unknown"


@guarantees("P7.right_cause")
def test_a_held_lot_that_is_reserved_for_the_order_is_the_cause(plant: SmallPlant) -> None:
    """A reservation on a lot that was blocked later is worth nothing."""
    plant.holds(20)
    plant.reserves(20, "L-9")
    assert _code(plant.ask(ANALYSIS)) == "quality_hold"


@guarantees("P7.right_cause")
def test_a_lot_that_lies_in_two_states_counts_only_as_far_as_it_may_be_used(plant: SmallPlant) -> None:
    """One part of the lot is released, the other still waits for its inspection."""
    plant.lot("L-1", "UnRestricted")
    plant.lot("L-1", "Restricted")
    plant.stock(15)
    plant.stock(5, stock_type="quality")
    assert _code(plant.ask(ANALYSIS)) == "quality_hold"
    plant.stock(5)
    assert _code(plant.ask(ANALYSIS)) == "unknown"


@guarantees("P7.right_cause")
def test_blocked_stock_without_lots_can_be_the_cause(plant: SmallPlant) -> None:
    """Not every plant manages lots."""
    plant.stock(20, None, stock_type="blocked")
    found = plant.ask(ANALYSIS)
    assert (_code(found), _confidence(found)) == ("quality_hold", "medium")
    assert found.tables["chain"][-1][2:5] == ("stock", "RM/1000/W1", "on_hold")


@guarantees("P7.right_cause")
def test_a_purchase_line_in_an_unknown_unit_is_neither_cover_nor_missing(plant: SmallPlant) -> None:
    """Nobody can tell whether five rolls are twenty pieces: the line is named, and no cause is claimed."""
    plant.add("planning", rows.MaterialSiteRow, material_id="RM", procurement="buy")
    plant.buys(5, "2026-03-16", uom="RO", qty_open_base=None)
    found = plant.ask(ANALYSIS)
    assert (_code(found), _confidence(found)) == ("unknown", "low")
    assert found.tables["chain"][-1][3:5] == ("PO-1/10", "unit_not_convertible")


@guarantees("P7.right_cause")
def test_a_demand_in_another_unit_than_its_stock_is_not_judged_by_numbers_alone() -> None:
    """Five pieces on the shelf do not cover two boxes, and nothing may be ruled out as if they did."""
    plant = SmallPlant()
    plant.line(uom="BX", qty_open=2 * ONE)
    plant.add("materials", rows.MaterialRow, material_id="FG", base_uom="C62", status="active")
    plant.stock(5, material_id="FG")
    plant.buys(50, "2026-03-26", first="2026-03-18", material_id="FG")
    found = plant.ask(ANALYSIS)
    assert (_code(found), _confidence(found), _contributing(found)) == ("unknown", "low", [])
    assert _chain(found)[-1] == ("material", "FG", "unit_not_convertible")


@guarantees("P7.right_cause")
def test_a_held_lot_the_shop_floor_finds_short_is_the_cause(plant: SmallPlant) -> None:
    """The ERP has reserved what is not there."""
    plant.stock(20)
    plant.reserves(20)
    plant.counts(5)
    found = plant.ask(ANALYSIS)
    assert (_code(found), _confidence(found)) == ("stock_discrepancy", "high")
    lot = _step(found, "lot")
    assert (lot[3], lot[5], lot[6]) == ("L-1", 20 * ONE, 5 * ONE)
    assert str(lot[11]).startswith("mes_stock/")


@guarantees("P7.right_cause")
def test_a_difference_that_a_document_in_flight_explains_is_no_cause(plant: SmallPlant) -> None:
    """The movement is posted in one system and on its way to the other: nothing is missing."""
    plant.stock(20)
    plant.reserves(20)
    plant.counts(5)
    plant.add(
        "in_flight",
        rows.InFlightRow,
        system="mes",
        document_id="X-1",
        material_id="RM",
        lot_id="L-1",
        qty=-15 * ONE,
    )
    assert _code(plant.ask(ANALYSIS)) == "unknown"


@guarantees("P7.right_cause")
def test_a_difference_in_a_lot_that_the_order_does_not_hold_is_no_cause(plant: SmallPlant) -> None:
    """Another lot of the same material is another order's trouble."""
    plant.stock(20)
    plant.reserves(20)
    plant.stock(40, "L-2")
    plant.counts(10, "L-2")
    assert _code(plant.ask(ANALYSIS)) == "unknown"


@guarantees("P7.right_cause")
def test_a_difference_is_no_cause_when_free_stock_makes_up_for_it(plant: SmallPlant) -> None:
    """The missing pieces are taken from the next shelf."""
    plant.stock(20)
    plant.reserves(20)
    plant.counts(5)
    plant.stock(15, "L-2")
    assert _code(plant.ask(ANALYSIS)) == "unknown"


@guarantees("P7.right_cause")
def test_nothing_is_made_of_a_difference_while_documents_in_flight_are_unknown(plant: SmallPlant) -> None:
    """Without the feed of documents a difference may be explained: a gap is named, nothing is guessed."""
    plant.stock(20)
    plant.reserves(20)
    plant.counts(5)
    plant.gap("in_flight_document")
    found = plant.ask(ANALYSIS)
    assert _code(found) == "unknown"
    assert found.tables["gaps"][0][4] == ("stock_discrepancy",)
    assert not found.complete


@guarantees("P7.right_cause")
@pytest.mark.parametrize(("zone", "code"), [("America/Chicago", "machine_down"), ("UTC", "unknown")])
def test_a_repair_ends_on_the_calendar_of_the_plant(plant: SmallPlant, zone: str, code: str) -> None:
    """The evening before the machine is back, work still waits for it, though Greenwich has the next day."""
    plant.zone = ZoneInfo(zone)
    plant.reads["components"] = []
    plant.operation(start="2026-03-25T01:00:00Z")
    plant.center()
    plant.down()
    assert _code(plant.ask(ANALYSIS)) == code


@guarantees("P7.right_cause")
def test_an_operation_that_waits_for_a_broken_machine_is_the_cause(plant: SmallPlant) -> None:
    """Work centre, since when it is down, and the end of its repair."""
    plant.stock(20)
    plant.operation()
    plant.center()
    plant.down()
    found = plant.ask(ANALYSIS)
    assert (_code(found), _confidence(found)) == ("machine_down", "high")
    assert _chain(found)[2:] == [
        ("production_operation", "P-1/0020", "waits_for_work_center"),
        ("work_center", "CNC-1", "down"),
        ("maintenance_order", "M-CNC-1", "repair_open"),
    ]
    assert _step(found, "maintenance_order")[9] == "2026-03-25"


@guarantees("P7.right_cause")
@pytest.mark.parametrize("way_out", ["alternative", "moved", "later", "running"])
def test_a_broken_machine_is_no_cause_for_work_that_does_not_wait_for_it(plant: SmallPlant, way_out: str) -> None:
    """Work with an alternative, moved away, planned after the repair, or already running goes on."""
    plant.stock(20)
    start = "2026-03-26T06:00:00Z" if way_out == "later" else "2026-03-17T06:00:00Z"
    plant.operation(start=start, request_state="Running" if way_out == "running" else "Waiting")
    plant.center(alternative="CNC-2" if way_out == "alternative" else None)
    plant.center("CNC-2")
    plant.down()
    if way_out == "moved":
        plant.add(
            "jobs",
            rows.JobRow,
            system="mes",
            job_id="J-1",
            production_order_id="P-1",
            operation_id="0020",
            work_center_id="CNC-2",
            response_state="Waiting",
        )
    assert _code(plant.ask(ANALYSIS)) == "unknown"


@guarantees("P7.right_cause")
def test_a_broken_alternative_is_no_alternative(plant: SmallPlant) -> None:
    """Work can't go to a centre that is down as well."""
    plant.stock(20)
    plant.operation()
    plant.center(alternative="CNC-2")
    plant.center("CNC-2")
    plant.down()
    plant.down("CNC-2")
    found = plant.ask(ANALYSIS)
    assert _code(found) == "machine_down"
    assert [row[3:6] for row in found.tables["alternatives"] if row[1] == "work_center"] == [("CNC-2", False, "down")]


@guarantees("P7.right_cause")
def test_without_a_downtime_feed_a_repair_order_can_say_that_the_machine_is_down(plant: SmallPlant) -> None:
    """The ERP knows less than the shop floor, so it is said with less confidence and a gap."""
    plant.stock(20)
    plant.operation()
    plant.center()
    plant.repair("CNC-1", "2026-03-25")
    plant.gap("downtime")
    found = plant.ask(ANALYSIS)
    assert (_code(found), _confidence(found)) == ("machine_down", "medium")
    assert [row[0] for row in found.tables["gaps"]] == ["downtime"]


@guarantees("P7.right_cause")
def test_a_repair_order_alone_does_not_contradict_a_feed_that_sees_the_machine_run(plant: SmallPlant) -> None:
    """Where the shop floor reports no downtime, the machine runs."""
    plant.stock(20)
    plant.operation()
    plant.center()
    plant.repair("CNC-1", "2026-03-25")
    assert _code(plant.ask(ANALYSIS)) == "unknown"


def _child(plant: SmallPlant, finish: str = "2026-03-24", **given: object) -> None:
    plant.reads["components"] = []
    plant.needs(10, material_id="SF", supply_order_id="P-2")
    values: dict[str, object] = {
        "material_id": "SF",
        "sales_order_id": None,
        "sales_order_line": None,
        "parent_order_id": "P-1",
        "planned_finish": "2026-03-16",
        "scheduled_finish": finish,
        "request_state": "Running",
        "qty_scrap": 3 * ONE,
    }
    plant.order("P-2", **values | given)


@guarantees("P7.right_cause")
def test_a_child_order_that_finishes_after_its_parent_needs_it_is_the_cause(plant: SmallPlant) -> None:
    """The child and its expected finish are named."""
    _child(plant)
    found = plant.ask(ANALYSIS)
    assert (_code(found), _confidence(found)) == ("upstream_order_late", "high")
    last = found.tables["chain"][-1]
    assert (last[2], last[3], last[4], last[9]) == ("production_order", "P-2", "finishes_late", "2026-03-24")


@guarantees("P7.right_cause")
def test_the_shop_floor_says_better_than_the_plan_when_a_child_order_ends(plant: SmallPlant) -> None:
    """The ERP still believes in the plan."""
    _child(plant, "2026-03-16")
    plant.add(
        "jobs",
        rows.JobRow,
        system="mes",
        job_id="J-1",
        production_order_id="P-2",
        work_center_id="CNC-1",
        response_state="Running",
        expected_finish="2026-03-23T14:00:00Z",
    )
    found = plant.ask(ANALYSIS)
    assert _code(found) == "upstream_order_late"
    assert found.tables["chain"][-1][9] == "2026-03-23"


@guarantees("P7.right_cause")
@pytest.mark.parametrize(
    ("zone", "finish", "code"),
    [
        ("America/Chicago", "2026-03-18T02:00:00Z", "unknown"),  # nine in the evening of the 17th
        ("UTC", "2026-03-18T02:00:00Z", "upstream_order_late"),
        ("Asia/Tokyo", "2026-03-17T16:00:00Z", "upstream_order_late"),  # one at night on the 18th
        ("UTC", "2026-03-17T16:00:00Z", "unknown"),
    ],
)
def test_an_instant_counts_by_the_day_on_the_clock_of_the_plant(
    plant: SmallPlant, zone: str, finish: str, code: str
) -> None:
    """An evening shift in Chicago is not late because it is already tomorrow in Greenwich."""
    plant.zone = ZoneInfo(zone)
    _child(plant, "2026-03-17")
    job = {"job_id": "J-1", "production_order_id": "P-2", "response_state": "Running", "expected_finish": finish}
    plant.add("jobs", rows.JobRow, system="mes", **job)
    assert _code(plant.ask(ANALYSIS)) == code


@guarantees("P7.right_cause")
def test_a_child_order_that_is_on_time_is_no_cause(plant: SmallPlant) -> None:
    """Running with scrap is not the same as late."""
    _child(plant, "2026-03-17")
    assert _code(plant.ask(ANALYSIS)) == "unknown"


@guarantees("P7.right_cause")
def test_behind_a_late_child_order_the_purchase_line_it_waits_for_is_the_cause(plant: SmallPlant) -> None:
    """The chain goes down to what can be acted on."""
    _child(plant, request_state="Released", qty_scrap=None, planned_start="2026-03-16")
    plant.needs(8, "P-2", need_date="2026-03-16")
    plant.buys(50, "2026-03-23", first="2026-03-13")
    found = plant.ask(ANALYSIS)
    assert _code(found) == "late_po"
    assert [row[3] for row in found.tables["chain"]] == ["SO-1/10", "P-1", "SF", "P-2", "RM", "S-1", "PO-1/10"]


@guarantees("P7.right_cause")
def test_the_walk_goes_through_production_orders_that_are_made_for_anyone(plant: SmallPlant) -> None:
    """Make-to-stock parts hide causes just as well as made-to-order ones."""
    _child(plant, request_state="Released", qty_scrap=None, parent_order_id=None)
    plant.reads["components"] = []
    plant.needs(10, material_id="SF")
    plant.needs(8, "P-2", need_date="2026-03-16")
    plant.buys(50, "2026-03-23", first="2026-03-13")
    assert _code(plant.ask(ANALYSIS)) == "late_po"


@guarantees("P7.right_cause")
@pytest.mark.parametrize("second", ["component", "order"])
def test_what_holds_up_an_order_is_found_by_everything_that_waits_for_it(plant: SmallPlant, second: str) -> None:
    """A batch that two demands share is late for both for the same reason; the second must not make it the cause."""
    plant.needs(20, "P-1" if second == "component" else "P-3", line="0020")
    if second == "order":
        plant.reads["lines"] = []
        plant.line(qty_open=20 * ONE)
        plant.order("P-3")
    loose = {"material_id": "RM", "sales_order_id": None, "sales_order_line": None}
    plant.order("P-9", qty_planned=40 * ONE, planned_finish="2026-03-24", **loose)
    plant.needs(5, "P-9", material_id="RM2")
    plant.buys(5, "2026-03-23", material_id="RM2")
    found = plant.ask(ANALYSIS)
    assert (_code(found), _confidence(found)) == ("late_po", "high")
    assert _contributing(found) == []


@guarantees("P9.bounded")
def test_the_walk_ends_at_the_depth_asked_for(plant: SmallPlant) -> None:
    """Whoever asks for one level gets one level: what is seen there, and no certainty."""
    _child(plant, request_state="Released", qty_scrap=None)
    plant.needs(8, "P-2", need_date="2026-03-16")
    plant.buys(50, "2026-03-23", first="2026-03-13")
    found = plant.ask(ANALYSIS, max_depth=1)
    assert (_code(found), _confidence(found)) == ("upstream_order_late", "medium")


@guarantees("P9.bounded")
def test_orders_that_wait_for_each_other_end_the_walk(plant: SmallPlant) -> None:
    """Broken data must not run for ever."""
    _child(plant, request_state="Released", qty_scrap=None)
    plant.needs(5, "P-2", material_id="FG", supply_order_id="P-1")
    assert _code(plant.ask(ANALYSIS)) == "upstream_order_late"


@guarantees("P7.right_cause")
@pytest.mark.parametrize(
    ("given", "code"),
    [({"credit_status": "blocked"}, "credit_block"), ({"delivery_block": "01"}, "delivery_block")],
)
def test_a_block_on_the_line_or_its_order_is_the_cause(given: dict[str, object], code: str) -> None:
    """A finished product that may not leave."""
    on_line = SmallPlant()
    on_line.line(**given)
    on_header = SmallPlant()
    on_header.line()
    on_header.add("headers", rows.SalesOrderRow, sales_order_id="SO-1", **given)
    for small in (on_line, on_header):
        small.stock(10, None, material_id="FG")
        found = small.ask(ANALYSIS)
        assert (_code(found), _confidence(found)) == (code, "high")


def _delivery(plant: SmallPlant, **given: object) -> None:
    values: dict[str, object] = {
        "delivery_id": "DL-1",
        "line": "10",
        "sales_order_id": "SO-1",
        "sales_order_line": "10",
        "qty": 10 * ONE,
        "planned_goods_issue": "2026-03-13",
        "pick_status": "picked",
        "picked_at": "2026-03-12T10:00:00Z",
    }
    plant.add("deliveries", rows.DeliveryRow, **values | given)


@guarantees("P7.right_cause")
def test_a_picked_delivery_that_did_not_leave_is_the_cause() -> None:
    """It stands in the yard since its planned goods issue."""
    plant = SmallPlant()
    plant.line()
    _delivery(plant)
    found = plant.ask(ANALYSIS)
    assert (_code(found), _confidence(found)) == ("picked_not_shipped", "high")
    assert found.tables["chain"][-1][2:4] == ("delivery", "DL-1/10")


@guarantees("P7.right_cause")
def test_a_delivery_picked_ahead_of_its_day_is_no_cause() -> None:
    """It is not meant to leave yet."""
    plant = SmallPlant()
    plant.line()
    _delivery(plant, planned_goods_issue="2026-03-19")
    assert _code(plant.ask(ANALYSIS)) == "unknown"


@guarantees("P7.right_cause")
def test_a_shipment_that_did_not_arrive_is_the_carriers_delay() -> None:
    """It left in time, and the customer has not got it."""
    plant = SmallPlant()
    plant.line(requested_date="2026-03-13")
    _delivery(plant, actual_goods_issue="2026-03-12", delivered=0)
    assert _code(plant.ask(ANALYSIS)) == "carrier_delay"


@guarantees("P7.right_cause")
def test_a_shortage_that_nobody_ordered_for_is_said_so(plant: SmallPlant) -> None:
    """With the requisition that waits, where there is one."""
    plant.add("planning", rows.MaterialSiteRow, material_id="RM", procurement="buy")
    assert _code(plant.ask(ANALYSIS)) == "po_not_placed"
    plant.add(
        "requisitions",
        rows.RequisitionRow,
        requisition_id="PR-1",
        line="10",
        material_id="RM",
        qty=20 * ONE,
        created_at="2026-02-20T08:00:00Z",
    )
    found = plant.ask(ANALYSIS)
    assert _code(found) == "po_not_placed"
    assert found.tables["chain"][-1][2:4] == ("purchase_requisition", "PR-1/10")


@guarantees("P7.right_cause")
def test_a_shortage_without_any_sign_of_a_cause_is_shown_without_one(plant: SmallPlant) -> None:
    """What is short is known, why is not: the planner gets the fact and no guess."""
    found = plant.ask(ANALYSIS)
    assert (_code(found), _confidence(found)) == ("unknown", "low")
    assert _chain(found)[-1] == ("material", "RM", "short")


@guarantees("P7.right_cause")
def test_a_blocked_material_without_cover_is_a_master_data_cause(plant: SmallPlant) -> None:
    """Nobody can order what the master record forbids."""
    plant.add("materials", rows.MaterialRow, material_id="RM", base_uom="C62", status="discontinued")
    assert _code(plant.ask(ANALYSIS)) == "bom_or_master_data"


@guarantees("P7.right_cause")
def test_of_several_sufficient_causes_the_nearest_is_the_root_and_the_rest_contribute(plant: SmallPlant) -> None:
    """Lifting the credit block alone would not save this order, and the answer says so."""
    plant.reads["lines"] = []
    plant.line(credit_status="blocked")
    plant.buys(50, "2026-03-24")
    found = plant.ask(ANALYSIS)
    assert (_code(found), _confidence(found)) == ("credit_block", "medium")
    assert ("also_sufficient", "late_po", "PO-1/10") in _contributing(found)


@guarantees("P7.right_cause")
def test_late_purchase_lines_that_do_not_matter_are_named_as_ruled_out(plant: SmallPlant) -> None:
    """An agent that saw the late line elsewhere learns why it is not the cause."""
    plant.needs(5, material_id="RM2", line="0020")
    plant.buys(50, "2026-03-24")
    plant.buys(50, "2026-03-30", purchase_order_id="PO-7", material_id="RM2")
    plant.stock(5, "L-7", material_id="RM2")
    assert ("ruled_out", "late_po", "PO-7/10") in _contributing(plant.ask(ANALYSIS))


@guarantees("P7.right_cause")
def test_a_line_that_is_not_late_is_called_on_time(plant: SmallPlant) -> None:
    """Asking does not make it late."""
    plant.reads["lines"] = []
    plant.line(confirmed_date="2026-03-20")
    plant.buys(50, "2026-03-24")
    found = plant.ask(ANALYSIS)
    assert _code(found) == "on_time"
    assert found.tables["chain"] == []
    assert found.warnings


@guarantees("P7.right_cause")
@pytest.mark.parametrize("state", ["closed", "cancelled"])
def test_a_line_that_is_not_open_is_neither_late_nor_on_time(plant: SmallPlant, state: str) -> None:
    """Shipped late or cancelled: either way there is nothing left to expedite, and no verdict on its dates."""
    plant.reads["lines"] = []
    plant.line(order_state=state)
    plant.buys(50, "2026-03-24")
    found = plant.ask(ANALYSIS)
    assert (_code(found), found.tables["summary"][0][7], found.tables["chain"]) == ("not_open", 0, [])
    assert found.warnings


@guarantees("P7.no_false_empty")
def test_an_order_that_is_not_known_gets_a_warning_and_no_verdict() -> None:
    """A wrong number must not come out as on time."""
    found = SmallPlant().ask(ANALYSIS)
    assert found.tables["summary"] == []
    assert found.warnings


@guarantees("P7.right_cause")
@pytest.mark.parametrize("confirmed", [None, "2026-03-13", "2026-03-14"])
def test_an_overdue_line_is_late_since_the_day_it_was_requested_for(plant: SmallPlant, confirmed: str | None) -> None:
    """A promise that has passed does not make it on time: the customer has waited since the 13th."""
    plant.reads["lines"] = []
    plant.line(confirmed_date=confirmed, requested_date="2026-03-13")
    plant.buys(50, "2026-03-24")
    found = plant.ask(ANALYSIS)
    assert (_code(found), found.tables["summary"][0][7]) == ("late_po", 3)


@guarantees("P7.right_cause")
def test_a_line_that_was_delivered_in_full_is_not_overdue(plant: SmallPlant) -> None:
    """Many an ERP keeps a line open until its invoice is paid."""
    plant.reads["lines"] = []
    plant.line(confirmed_date="2026-03-13", requested_date="2026-03-13", qty_open=0)
    assert _code(plant.ask(ANALYSIS)) == "on_time"


@guarantees("P7.right_cause")
def test_other_sources_are_offered_with_the_day_and_why_some_can_not_be_used(plant: SmallPlant) -> None:
    """The cheapest source helps nobody while it is blocked."""
    plant.buys(50, "2026-03-24")
    common: dict[str, object] = {"material_id": "RM", "lead_time_days": 3}
    plant.add("sources", rows.SupplySourceRow, supplier_id="S-2", **common)
    plant.add("sources", rows.SupplySourceRow, supplier_id="S-3", **common)
    plant.add("sources", rows.SupplySourceRow, supplier_id="S-4", valid_to="2026-01-31", **common)
    plant.add("suppliers", rows.SupplierRow, supplier_id="S-3", blocked=1)
    found = plant.ask(ANALYSIS)
    assert [(row[3], row[4], row[5], row[8]) for row in found.tables["alternatives"]] == [
        ("S-2", True, None, "2026-03-19"),
        ("S-3", False, "supplier_blocked", "2026-03-19"),
        ("S-4", False, "expired", "2026-03-19"),
    ]


@guarantees("P7.right_cause")
def test_each_step_names_its_system_and_how_old_it_is(plant: SmallPlant) -> None:
    """Evidence without source and age is hearsay."""
    plant.stock(20)
    plant.operation()
    plant.center()
    plant.down()
    systems = {row[2]: (row[12], row[13]) for row in plant.ask(ANALYSIS).tables["chain"]}
    assert systems["work_center"][0] == "mes"
    assert systems["maintenance_order"][0] == "erp"
    assert all(as_of for _, as_of in systems.values())


@guarantees("P8.masks")
def test_a_mask_on_what_an_explanation_stands_on_refuses_the_call(plant: SmallPlant) -> None:
    """Without quantities there is no pegging, and a guess would be worse than no answer."""
    plant.stock(20)
    plant.reads["stock"] = [row._replace(qty=None) for row in plant.reads["stock"]]
    with pytest.raises(NotAllowedError) as refused:
        plant.ask(ANALYSIS)
    assert refused.value.code == "policy.not_allowed"


@guarantees("P7.right_cause")
def test_masked_fields_do_not_break_an_explanation(plant: SmallPlant) -> None:
    """A role that may not see suppliers and values still learns the cause."""
    plant.buys(50, "2026-03-24", supplier_id=None, promise_changed_at=None)
    found = plant.ask(ANALYSIS)
    assert _code(found) == "late_po"
    assert all(row[2] != "supplier" for row in found.tables["chain"])
