"""Tracing a lot: everything over all levels, compared with a plain walk over the ERP's own tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pytest

from erp_mcp.domain.answer import Answer
from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

TOOL = "trace_lot"


def _reached(edges: Iterable[tuple[str, str]], start: str) -> set[str]:
    """Everything that can be reached from a lot, by following edges until nothing new comes."""
    found: set[str] = set()
    while new := {far for near, far in edges if near == start or near in found} - found:
        found |= new
    return found


def _edges(plant: Plant) -> list[tuple[str, str]]:
    return plant.look_up("erp", "SELECT in_lot, out_lot FROM lot_trace")


def _sent(plant: Plant, lots: set[str]) -> dict[str, set[str]]:
    """Customers with the deliveries that took any of these lots out of the gate."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for lot, customer, delivery in plant.look_up(
        "erp",
        "SELECT d.lot_no, s.cust_no, d.dlv_no FROM dlv_item AS d JOIN so_head AS s ON s.so_no = d.so_no"
        " WHERE d.gi_act IS NOT NULL",
    ):
        if lot in lots:
            found[customer].add(delivery)
    return dict(found)


def _contaminated(plant: Plant) -> str:
    return str(plant.look_up("truth", "SELECT id FROM truth_role WHERE role = 'contaminated_lot#1'")[0][0])


def _widest(plant: Plant) -> str:
    """The lot with the most edges in the two levels below it."""
    return str(
        plant.look_up(
            "erp",
            "SELECT t.in_lot FROM lot_trace AS t JOIN lot_trace AS u ON u.in_lot = t.out_lot"
            " GROUP BY 1 ORDER BY COUNT(*) DESC, 1 LIMIT 1",
        )[0][0]
    )


def _finished(plant: Plant) -> str:
    """A lot of finished goods that was sent and was made of something."""
    return str(
        plant.look_up(
            "erp",
            "SELECT MIN(d.lot_no) FROM dlv_item AS d JOIN lot_trace AS t ON t.out_lot = d.lot_no"
            " WHERE d.gi_act IS NOT NULL",
        )[0][0]
    )


def _summary(answer: Answer) -> dict[str, Any]:
    (row,) = rows_of(answer, "summary")
    return row


@guarantees("P7.lots_traced")
def test_a_contaminated_lot_leads_to_the_customers_that_were_planted(plant: Plant) -> None:
    """Over semi-finished lots, into closed orders too."""
    lot = _contaminated(plant)
    planted = {key for (key,) in plant.look_up("truth", "SELECT key FROM truth_answer WHERE question = '32'")}

    answer = plant.answer(TOOL, role="planner", lot_id=lot, direction="down")

    assert {row["customer_id"] for row in rows_of(answer, "customers_reached")} == planted
    assert answer.complete
    assert not _summary(answer)["truncated"]
    assert _summary(answer)["customers"] == len(planted)


@guarantees("P7.lots_traced")
def test_going_down_finds_every_lot_customer_and_delivery_there_is(plant: Plant) -> None:
    """For the lot that went furthest."""
    lot = _widest(plant)
    reached = _reached(_edges(plant), lot)
    sent = _sent(plant, reached | {lot})

    answer = plant.answer(TOOL, lot_id=lot, direction="down")

    assert {row["lot_id"] for row in rows_of(answer, "nodes")} == reached | {lot}
    assert _summary(answer)["lots_down"] == len(reached)
    told = {row["customer_id"]: row["deliveries"] for row in rows_of(answer, "customers_reached")}
    assert told == {customer: len(deliveries) for customer, deliveries in sent.items()}
    listed = {row["delivery_id"] for row in rows_of(answer, "deliveries") if row["actual_goods_issue"]}
    assert listed == set().union(*sent.values())
    assert not rows_of(answer, "suppliers_reached")


@guarantees("P7.lots_traced")
def test_going_up_finds_every_lot_and_supplier_behind_it(plant: Plant) -> None:
    """Down to bought lots, with the receipt that brought each."""
    lot = _finished(plant)
    behind = _reached([(far, near) for near, far in _edges(plant)], lot)
    suppliers = {
        (supplier, name)
        for name, supplier in plant.look_up("erp", "SELECT lot_no, vendor_no FROM batch WHERE vendor_no IS NOT NULL")
        if name in behind
    }
    receipts = {
        name: (order, line) for order, line, name in plant.look_up("erp", "SELECT po_no, item_no, lot_no FROM gr_item")
    }

    answer = plant.answer(TOOL, lot_id=lot, direction="up")

    assert {row["lot_id"] for row in rows_of(answer, "nodes")} == behind | {lot}
    rows = rows_of(answer, "suppliers_reached")
    assert {(row["supplier_id"], row["lot_id"]) for row in rows} == suppliers
    assert suppliers
    with_receipt = [row for row in rows if row["purchase_order_id"]]
    assert with_receipt
    assert all(receipts[row["lot_id"]] == (row["purchase_order_id"], row["line"]) for row in with_receipt)
    assert not rows_of(answer, "customers_reached")


@guarantees("P7.lots_traced")
def test_both_ways_are_the_two_ways_together(plant: Plant) -> None:
    """Siblings that share an origin are not part of it."""
    ((lot,),) = plant.look_up(
        "erp", "SELECT MIN(t.out_lot) FROM lot_trace AS t JOIN lot_trace AS u ON u.in_lot = t.out_lot"
    )
    up, down, both = (plant.answer(TOOL, lot_id=lot, direction=way) for way in ("up", "down", "both"))

    nodes = [{row["lot_id"] for row in rows_of(one, "nodes")} for one in (up, down, both)]
    assert nodes[2] == nodes[0] | nodes[1]
    assert len(nodes[0]) > 1
    assert len(nodes[1]) > 1
    assert rows_of(both, "suppliers_reached") == rows_of(up, "suppliers_reached")
    assert rows_of(both, "customers_reached") == rows_of(down, "customers_reached")


@guarantees("P7.lots_traced", "P7.exact_numbers")
def test_edges_and_stock_are_those_of_the_erp(plant: Plant) -> None:
    """How much of which lot went where, and what still lies there."""
    lot = _contaminated(plant)
    inside = _reached(_edges(plant), lot) | {lot}
    native = {
        (source, output, order): float(qty)
        for source, output, order, qty in plant.look_up("erp", "SELECT in_lot, out_lot, ord_no, qty FROM lot_trace")
        if {source, output} <= inside
    }
    stock = {
        name: float(qty) for name, qty in plant.look_up("erp", "SELECT lot_no, SUM(qty) FROM stock_qty GROUP BY lot_no")
    }

    answer = plant.answer(TOOL, lot_id=lot, direction="down")

    told = {
        (row["parent_lot_id"], row["child_lot_id"], row["production_order_id"]): float(row["qty"])
        for row in rows_of(answer, "edges")
    }
    assert told == native
    assert {row["lot_id"]: float(row["qty_on_hand"]) for row in rows_of(answer, "nodes")} == {
        name: stock.get(name, 0.0) for name in inside
    }


@guarantees("P7.lots_traced")
def test_a_depth_that_is_not_enough_is_named(plant: Plant) -> None:
    """One step leaves the finished lots out, and says so."""
    lot = _contaminated(plant)
    shallow = plant.answer(TOOL, lot_id=lot, direction="down", max_depth=1)

    assert {row["depth"] for row in rows_of(shallow, "nodes")} == {0, 1}
    assert _summary(shallow)["truncated_by"] == ["max_depth"]
    assert not shallow.complete
    assert any("max_depth" in warning for warning in shallow.warnings)
    assert plant.answer(TOOL, lot_id=lot, direction="down", max_depth=2).complete


@guarantees("P7.lots_traced")
def test_lots_that_are_not_shown_still_lead_to_their_customers(plant: Plant) -> None:
    """A short list of lots must not make a short list of customers."""
    lot = _contaminated(plant)
    whole, short = (plant.answer(TOOL, lot_id=lot, max_nodes=most) for most in (2000, 3))

    assert len(rows_of(short, "nodes")) == 3
    assert _summary(short)["truncated_by"] == ["max_nodes"]
    assert not short.complete
    for table in ("customers_reached", "suppliers_reached", "deliveries"):
        assert rows_of(short, table) == rows_of(whole, table)


@guarantees("P7.stable_paging")
def test_ten_edges_a_page_are_all_edges(plant: Plant) -> None:
    """Pages of the longest table; the others come with each page."""
    lot = _widest(plant)

    assert plant.every(TOOL, "edges", lot_id=lot, limit=10) == plant.every(TOOL, "edges", lot_id=lot, limit=200)
    assert len(plant.every(TOOL, "edges", lot_id=lot, limit=10)) > 10


@guarantees("P7.no_false_empty")
def test_an_unknown_lot_and_one_of_another_site_answer_alike(plant: Plant) -> None:
    """Empty tables as of a time and the same sentence, whether the lot exists or not."""
    ((elsewhere,),) = plant.look_up(
        "erp", "SELECT MIN(t.in_lot) FROM lot_trace AS t JOIN batch AS b ON b.lot_no = t.in_lot WHERE b.plant = '2000'"
    )
    answers = [plant.answer(TOOL, role="local", lot_id=lot) for lot in (elsewhere, "L999999")]

    assert answers[0].tables == answers[1].tables
    assert answers[0].warnings == answers[1].warnings
    assert not any(table.rows for table in answers[0].tables.values())
    assert rows_of(plant.answer(TOOL, lot_id=elsewhere), "nodes")


@guarantees("P7.lots_traced", "P7.names_what_a_source_lacks")
@pytest.mark.parametrize(
    ("entity", "table"),
    [
        ("delivery", "customers_reached"),
        ("sales_order", "customers_reached"),
        ("goods_receipt", ""),
        ("lot_genealogy", "edges"),
    ],
)
def test_a_source_that_is_missing_makes_the_trace_partial(plant: Plant, entity: str, table: str) -> None:
    """Never "no customer": the entity is named and the answer is not complete."""
    with plant.without(entity):
        answer = plant.answer(TOOL, lot_id=_contaminated(plant))

    assert not answer.complete
    assert [gap.entity for gap in answer.gaps] == [entity]
    assert not table or not rows_of(answer, table)


@guarantees("P7.names_what_a_source_lacks")
def test_deliveries_that_do_not_keep_lots_are_named(plant: Plant) -> None:
    """Then nobody knows who received a lot."""
    with plant.lacking(delivery="lot_id"):
        answer = plant.answer(TOOL, lot_id=_contaminated(plant), direction="down")

    assert not answer.complete
    assert "delivery.lot_id" in {gap.name for gap in answer.gaps}
    assert not rows_of(answer, "customers_reached")


@guarantees("P7.names_what_a_source_lacks")
@pytest.mark.parametrize(
    "arguments", [{"direction": "sideways"}, {"max_depth": 11}, {"max_nodes": 2001}, {"max_depth": 0}]
)
def test_a_bound_that_is_none_is_refused(plant: Plant, arguments: dict[str, Any]) -> None:
    """With the argument that is wrong."""
    refused = plant.refusal(TOOL, lot_id="L000001", **arguments)

    assert refused.code == "call.invalid_argument"
    assert refused.facts["argument"] in arguments
