"""`simulate_atp`: against the truth about one reallocation, and against the pegging of the world as it would be."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Native, Plant, rows_of

TOOL = "simulate_atp"
MATERIAL = "RM-047"


@pytest.fixture(scope="module")
def asked(truth: Native) -> dict[str, str]:
    """What question 13 asks, and its right answer."""
    return dict(truth("SELECT key, value FROM truth_answer WHERE question = '13'"))


def _reassigned(plant: Plant, asked: dict[str, str], **more: Any) -> dict[str, Any]:
    change = f"{asked['from']}/{asked['to']}/{asked['qty'].removesuffix('.000')}"
    answer = plant.answer(TOOL, material_id=asked["material_id"], reassign=[change], **more)
    return {row["demand_id"]: row for row in rows_of(answer, "orders")}


@guarantees("P7.what_if", "P7.exact_numbers")
def test_who_becomes_late_when_held_stock_goes_to_another_order(plant: Plant, asked: dict[str, str]) -> None:
    """Question 13: the sales order line behind it, and by how many days; the other order is rescued."""
    moved = _reassigned(plant, asked)
    late = [row for row in moved.values() if row["effect"] == "made_late"]
    assert [(f"{row['sales_order_id']}/{row['sales_order_line']}", row["delta_days"]) for row in late] == [
        (asked["late_line"], int(asked["delta_days"]))
    ]
    assert late[0]["demand_id"] == asked["from"]
    assert moved[asked["to"]]["effect"] == "rescued"


@guarantees("P7.what_if")
def test_old_dates_are_the_dates_of_the_purchase_line_that_is_late(
    plant: Plant, erp: Native, asked: dict[str, str]
) -> None:
    """Before, the late promise covers one order; afterwards it covers the other."""
    moved = _reassigned(plant, asked)
    sql = "SELECT promise FROM po_item WHERE mat_no = ? AND stat = 'OPEN'"
    ((promise,),) = erp(sql, asked["material_id"])
    giver, taker = moved[asked["from"]], moved[asked["to"]]
    assert (taker["old_date"], taker["new_date"]) == (promise, taker["need_date"])
    assert (giver["old_date"], giver["new_date"]) == (giver["need_date"], promise)


@guarantees("P7.what_if")
def test_what_a_supplier_could_bring_in_earlier_rescues_the_order_that_waits_for_it(
    plant: Plant, truth: Native, erp: Native
) -> None:
    """For each late purchase line that makes an order late: on its first promise the order would be in time."""
    rescued = 0
    for material, order, number, line, first in truth(
        "SELECT material_id, production_order_id, purchase_order_id, purchase_order_line, original_promise_date "
        "FROM truth_late_line WHERE root_cause_code = 'late_po' ORDER BY 1"
    ):
        answer = plant.answer(TOOL, material_id=material, move_supply=[f"{number}/{line}/{first}"])
        effects = {row["demand_id"]: row["effect"] for row in rows_of(answer, "orders")}
        assert effects[order] == "rescued"
        rescued += 1
        ((promise,),) = erp("SELECT promise FROM po_item WHERE po_no = ? AND item_no = ?", number, line)
        (row,) = [one for one in rows_of(answer, "orders") if one["demand_id"] == order]
        days = date.fromisoformat(row["new_date"]) - date.fromisoformat(promise)
        assert (row["old_date"], row["delta_days"]) == (promise, days.days)
    assert rescued == 18


@guarantees("P7.what_if")
def test_an_order_added_before_all_others_takes_free_stock_only(plant: Plant, truth: Native) -> None:
    """What reservations hold stays where it is."""
    material, free = truth("SELECT key, value FROM truth_answer WHERE question = '15' ORDER BY rank")[0]
    within = plant.answer(TOOL, material_id=material, add_demand=[f"{free.removesuffix('.000')}/2026-03-17"])
    above = plant.answer(TOOL, material_id=material, add_demand=["60.5/2026-03-17"])
    (new,), (late,) = rows_of(within, "orders"), rows_of(above, "orders")
    assert (new["effect"], new["demand_type"], new["new_date"]) == ("new_on_time", "new", "2026-03-17")
    assert (late["effect"], late["qty"], late["new_date"], late["delta_days"]) == ("new_late", "60.5", None, None)
    assert rows_of(within, "summary")[0]["made_late"] == 0


@guarantees("P7.what_if")
def test_supply_that_falls_away_makes_late_exactly_those_who_wait_for_it(plant: Plant, asked: dict[str, str]) -> None:
    """The order that had the late promise has nothing now; a supply of the same size the day after mends it."""
    material = asked["material_id"]
    rows = rows_of(plant.answer("get_supply_demand", material_id=material), "elements")
    (line,) = [row for row in rows if row["element_type"] == "purchase_order_line"]
    gone = f"{line['element_id']}/{line['element_line']}"
    dropped = plant.answer(TOOL, material_id=material, remove_supply=[gone])
    replaced = plant.answer(TOOL, material_id=material, remove_supply=[gone], add_supply=["120/2026-04-01"])
    assert [(row["demand_id"], row["new_date"], row["effect"]) for row in rows_of(dropped, "orders")] == [
        (asked["to"], None, "later")
    ]
    assert [(row["new_date"], row["delta_days"]) for row in rows_of(replaced, "orders")] == [("2026-04-01", 1)]


@guarantees("P7.what_if")
def test_an_order_that_is_dropped_or_moved_leaves_what_it_held(plant: Plant, asked: dict[str, str]) -> None:
    """Its reservation serves the order that was short; moved behind the delivery, the late order is in time."""
    material = asked["material_id"]
    dropped = plant.answer(TOOL, material_id=material, remove_demand=[asked["from"]])
    moved = plant.answer(TOOL, material_id=material, move_demand=[f"{asked['to']}/2026-04-01"])
    effects = {row["demand_id"]: row["effect"] for row in rows_of(dropped, "orders")}
    assert effects == {asked["from"]: "removed", asked["to"]: "rescued"}
    assert {row["demand_id"]: row["effect"] for row in rows_of(moved, "orders")} == {asked["to"]: "rescued"}


@guarantees("P7.what_if", "P7.no_false_empty")
def test_a_change_that_does_not_fit_is_told_and_nothing_is_worked_out(plant: Plant, asked: dict[str, str]) -> None:
    """More than is held, an order that does not want the material: the answer says which, and how much there is."""
    answer = plant.answer(
        TOOL, material_id=asked["material_id"], reassign=[f"{asked['from']}/{asked['to']}/9999"], remove_demand=["X-1"]
    )
    told = [(row["change"], row["outcome"], row["most"]) for row in rows_of(answer, "changes")]
    assert told == [("reassign", "too_much", "136"), ("remove_demand", "not_found", None)]
    assert rows_of(answer, "orders") == rows_of(answer, "summary") == []
    assert not answer.complete


@guarantees("P7.what_if")
def test_a_what_if_changes_nothing(plant: Plant, asked: dict[str, str]) -> None:
    """Asked twice it answers the same, and supply and demand are as before."""
    before = plant.answer("get_supply_demand", material_id=asked["material_id"]).tables
    assert _reassigned(plant, asked) == _reassigned(plant, asked)
    assert plant.answer("get_supply_demand", material_id=asked["material_id"]).tables == before


@guarantees("P7.stable_paging")
def test_pages_of_one_give_the_same_orders_as_one_answer(plant: Plant, asked: dict[str, str]) -> None:
    """None missing, none twice."""
    change = f"{asked['from']}/{asked['to']}/{asked['qty'].removesuffix('.000')}"
    paged = plant.every(TOOL, "orders", material_id=asked["material_id"], reassign=[change], limit=1)
    assert {row["demand_id"]: row for row in paged} == _reassigned(plant, asked)
    assert len(paged) == 2


@guarantees("P1.scope", "P7.no_false_empty")
def test_a_material_of_another_site_and_an_unknown_one_look_alike(plant: Plant, erp: Native) -> None:
    """To a reader of one site."""
    (elsewhere,) = erp("SELECT mat_no FROM mat_plant GROUP BY mat_no HAVING min(plant) = '2000' ORDER BY 1 LIMIT 1")[0]
    answers = [
        plant.answer(TOOL, role="local", material_id=one, add_supply=["5/2026-04-01"]) for one in (elsewhere, "RM-999")
    ]
    assert rows_of(plant.answer(TOOL, material_id=elsewhere, add_supply=["5/2026-04-01"]), "summary")
    assert answers[0].tables == answers[1].tables
    assert answers[0].warnings == answers[1].warnings


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "reassign"),
        ({"add_demand": ["5"]}, "add_demand"),
        ({"add_demand": ["0/2026-04-01"]}, "add_demand"),
        ({"add_demand": ["5/2026-02-30"]}, "add_demand"),
        ({"add_supply": ["X/5/2026-04-01"]}, "add_supply"),
        ({"move_supply": ["2026-04-01"]}, "move_supply"),
        ({"move_demand": ["000001000467/soon"]}, "move_demand"),
        ({"reassign": ["000001000467/000001000444"]}, "reassign"),
        ({"reassign": ["000001000467/000001000444/1.0000001"]}, "reassign"),
        ({"remove_demand": "000001000467"}, "remove_demand"),
        ({"add_supply": [f"{number}/2026-04-01" for number in range(1, 16)],
          "add_demand": [f"{number}/2026-04-01" for number in range(1, 7)]}, "reassign"),
    ],
)  # fmt: skip
def test_a_change_of_another_form_is_named(plant: Plant, arguments: dict[str, Any], named: str) -> None:
    """No change, no quantity, no day, a day that is none, no order, digits that would be lost, more than twenty."""
    refused = plant.refusal(TOOL, material_id=MATERIAL, **arguments)
    assert (refused.code, refused.facts["argument"]) == ("call.invalid_argument", named)


@guarantees("input.clear_errors")
def test_what_is_added_needs_a_site_where_the_material_is_at_several(plant: Plant, erp: Native) -> None:
    """The sites are named; with one of them it answers."""
    ((material,), *_) = erp("SELECT mat_no FROM mat_plant GROUP BY mat_no HAVING count(*) = 2 ORDER BY 1")
    refused = plant.refusal(TOOL, material_id=material, add_demand=["5/2026-04-01"])
    assert (refused.code, refused.facts["argument"]) == ("call.invalid_argument", "site")
    assert "1000" in str(refused.facts["expected"])
    assert rows_of(plant.answer(TOOL, material_id=material, site="1000", add_demand=["5/2026-04-01"]), "summary")


@guarantees("P7.no_false_empty")
def test_missing_reservations_are_named(plant: Plant) -> None:
    """Without them nobody can say who holds what."""
    with plant.without("reservation"):
        answer = plant.answer(TOOL, material_id=MATERIAL, add_demand=["5/2026-04-01"])
    assert not answer.complete
    assert "reservation" in {gap.entity for gap in answer.gaps}
