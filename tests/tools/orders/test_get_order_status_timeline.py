"""`get_order_status_timeline` against documents of the ERP, read by themselves."""

from __future__ import annotations

from typing import Any

import pytest

from erp_mcp.analyses.timeline import MILESTONES
from tests.guarantees import guarantees
from tests.tools.conftest import Native, Plant, rows_of

TOOL = "get_order_status_timeline"
TODAY = "2026-03-16"


def _milestones(plant: Plant, order: str, **arguments: Any) -> dict[tuple[str, str], dict[str, Any]]:
    answer = plant.answer(TOOL, sales_order_id=order, **arguments)
    return {(row["line"], row["milestone"]): row for row in rows_of(answer, "milestones")}


def _order(truth: Native) -> str:
    return str(truth("SELECT id FROM truth_role WHERE role = 'order_status#1' AND entity = 'sales_order'")[0][0])


@guarantees("P7.exact_numbers")
def test_every_line_has_all_milestones_in_their_order(plant: Plant, erp: Native, truth: Native) -> None:
    """So that nothing is missed, whatever a line has come to."""
    order = _order(truth)
    rows = rows_of(plant.answer(TOOL, sales_order_id=order), "milestones")
    lines = [line for (line,) in erp("SELECT item_no FROM so_item WHERE so_no = ? ORDER BY item_no", order)]
    assert [(row["line"], row["milestone"]) for row in rows] == [(line, name) for line in lines for name in MILESTONES]


@guarantees("P7.exact_numbers")
def test_shipping_and_delivery_are_dated_as_on_their_documents(plant: Plant, erp: Native) -> None:
    """For every closed line that was sent in one piece: the days of its delivery and its invoice."""
    sent = erp(
        "SELECT d.so_no, d.so_item, d.gi_plan, d.gi_act, d.pod_on, max(b.billed_on), d.dlv_no FROM dlv_item d "
        "JOIN so_item i ON i.so_no = d.so_no AND i.item_no = d.so_item AND i.stat = 'CLSD' "
        "JOIN bill_item b ON b.so_no = d.so_no AND b.so_item = d.so_item "
        "WHERE d.pod_on IS NOT NULL GROUP BY d.so_no, d.so_item HAVING count(DISTINCT d.dlv_no) = 1 "
        "ORDER BY 1, 2 LIMIT 25"
    )
    assert len(sent) == 25
    for order, line, planned, left, there, billed, delivery in sent:
        found = _milestones(plant, order, line=line)
        shipped, delivered = found[line, "shipped"], found[line, "delivered"]
        assert (shipped["state"], shipped["planned_date"], shipped["actual_date"]) == ("done", planned, left)
        assert (delivered["state"], delivered["actual_date"], delivered["documents"]) == ("done", there, [delivery])
        assert (found[line, "invoiced"]["state"], found[line, "invoiced"]["actual_date"]) == ("done", billed)


@guarantees("P7.exact_numbers")
def test_a_line_sent_in_part_is_partly_shipped_with_what_has_left(plant: Plant, erp: Native, truth: Native) -> None:
    """All fifteen of the plant: the quantity is the sum of what left."""
    partly = truth("SELECT id FROM truth_exception WHERE class_ = 'sales_line_partly_delivered'")
    assert partly
    for (key,) in partly:
        order, line = key.split("/")
        shipped = _milestones(plant, order, line=line)[line, "shipped"]
        (left,) = erp(
            "SELECT sum(qty) FROM dlv_item WHERE so_no = ? AND so_item = ? AND gi_act IS NOT NULL", order, line
        )[0]
        assert float(shipped["qty"]) == left
        assert shipped["state"] in {"partly", "late"}


@guarantees("P7.exact_numbers")
def test_what_was_to_leave_before_today_is_late_by_the_days_since(plant: Plant, truth: Native, erp: Native) -> None:
    """Picked on its day and still there."""
    late = truth(
        "SELECT id FROM truth_role WHERE role LIKE 'picked_not_shipped%' AND entity = 'sales_order_line' ORDER BY 1"
    )
    assert late
    for (key,) in late:
        order, line = key.split("/")
        found = _milestones(plant, order, line=line)
        sql = (
            "SELECT gi_plan, CAST(julianday(?) - julianday(gi_plan) AS INTEGER) FROM dlv_item "
            "WHERE so_no = ? AND so_item = ? AND gi_act IS NULL"
        )
        planned, days = erp(sql, TODAY, order, line)[0]
        assert (found[line, "shipped"]["state"], found[line, "shipped"]["planned_date"]) == ("late", planned)
        assert (found[line, "shipped"]["expected_date"], found[line, "shipped"]["delta_days"]) == (TODAY, days)
        assert found[line, "picked"]["state"] == "done"


@guarantees("P7.exact_numbers")
def test_production_is_planned_and_made_as_its_orders_say(plant: Plant, erp: Native) -> None:
    """The order made for the line, not those of its parts."""
    made = erp(
        "SELECT p.so_no, p.so_item, p.finish_basic, p.finish_sched, p.ord_no, p.stat IN ('CNF', 'TECO') "
        "FROM prod_head p "
        "JOIN so_item i ON i.so_no = p.so_no AND i.item_no = p.so_item AND i.mat_no = p.mat_no AND i.stat <> 'CANC' "
        "GROUP BY p.so_no, p.so_item HAVING count(*) = 1 ORDER BY i.stat DESC, 1 LIMIT 20"
    )
    assert {row[5] for row in made} == {0}
    for order, line, planned, scheduled, number, _ in made:
        row = _milestones(plant, order, line=line)[line, "produced"]
        assert (row["planned_date"], row["expected_date"]) == (planned, max(scheduled, TODAY))
        assert row["documents"] == [number]


@guarantees("P7.exact_numbers")
def test_what_is_next_is_the_first_thing_that_did_not_happen(plant: Plant, truth: Native) -> None:
    """Question 9: the last milestone that was reached, and the date of the next one."""
    order = _order(truth)
    answer = plant.answer(TOOL, sales_order_id=order)
    milestones = rows_of(answer, "milestones")
    for row in rows_of(answer, "summary"):
        mine = [one for one in milestones if one["line"] == row["line"]]
        done = [one["milestone"] for one in mine if one["state"] == "done"]
        coming = [one for one in mine if MILESTONES.index(one["milestone"]) > MILESTONES.index(done[-1])]
        first = next(one for one in coming if one["state"] not in {"done", "no_document", "cancelled"})
        assert row["last_milestone"] == done[-1]
        assert (row["next_milestone"], row["next_date"]) == (first["milestone"], first["expected_date"])


@guarantees("P7.exact_numbers")
def test_a_cancelled_line_was_ordered_and_nothing_else_will_happen(plant: Plant, truth: Native) -> None:
    """No date to come."""
    (key,) = truth("SELECT id FROM truth_exception WHERE class_ = 'sales_line_cancelled' ORDER BY 1")[0]
    order, line = key.split("/")
    found = _milestones(plant, order, line=line)
    assert found[line, "ordered"]["state"] == "done"
    assert {found[line, name]["state"] for name in MILESTONES[2:]} == {"cancelled"}
    (summary,) = rows_of(plant.answer(TOOL, sales_order_id=order, line=line), "summary")
    assert (summary["next_milestone"], summary["next_date"]) == (None, None)


@guarantees("P1.scope", "P7.no_false_empty")
def test_an_order_of_another_site_and_one_that_is_not_there_look_alike(plant: Plant, truth: Native) -> None:
    """No row and the same words."""
    (elsewhere,) = truth("SELECT id FROM truth_role WHERE role = 'other_site_order#1'")[0]
    answers = [plant.answer(TOOL, role="local", sales_order_id=one) for one in (elsewhere, "0010009999")]
    assert rows_of(plant.answer(TOOL, sales_order_id=elsewhere), "summary")
    assert answers[0].tables == answers[1].tables
    assert answers[0].warnings == answers[1].warnings
    assert rows_of(answers[0], "summary") == []


@guarantees("input.clear_errors")
@pytest.mark.parametrize("arguments", [{}, {"sales_order_id": "a b"}, {"sales_order_id": 10000270}])
def test_an_order_that_is_no_id_is_refused(plant: Plant, arguments: dict[str, Any]) -> None:
    """Missing, with a blank, as a number."""
    refused = plant.refusal(TOOL, **arguments)
    assert (refused.code, refused.facts["argument"]) == ("call.invalid_argument", "sales_order_id")


@guarantees("P7.no_false_empty")
@pytest.mark.parametrize(
    ("entity", "names"),
    [("delivery", ("picked", "shipped", "delivered")), ("customer_invoice", ("invoiced",)),
     ("production_order", ("produced",))],
)  # fmt: skip
def test_a_source_that_is_missing_is_named_and_its_milestones_are_not_told(
    plant: Plant, truth: Native, entity: str, names: tuple[str, ...]
) -> None:
    """An answer with a hole says where it is."""
    with plant.without(entity):
        answer = plant.answer(TOOL, sales_order_id=_order(truth))
    assert not answer.complete
    assert entity in {gap.entity for gap in answer.gaps}
    assert {row["state"] for row in rows_of(answer, "milestones") if row["milestone"] in names} == {"not_known"}
