"""`list_reservations` against the ERP's own table."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Native, Plant, rows_of

TOOL = "list_reservations"


def _shown(plant: Plant, **arguments: Any) -> set[str]:
    return {row["reservation_id"] for row in plant.every(TOOL, **arguments)}


def _kept(erp: Native, condition: str) -> set[str]:
    return {number for (number,) in erp(f"SELECT resv_no FROM resv WHERE qty > 0 AND {condition}")}


@guarantees("P7.exact_numbers")
def test_reservations_are_those_of_the_erp_with_the_customer_behind_them(plant: Plant, erp: Native) -> None:
    """Through the production order to the sales order and how important its customer is."""
    kinds = {"PRD": "production_order", "SLS": "sales_order"}
    kept = erp(
        "SELECT r.resv_no, r.mat_no, r.lot_no, r.dem_type, r.dem_no, r.dem_item, CAST(r.qty AS REAL), r.uom, "
        "r.need_date, s.so_no, s.cust_no, c.abc_class FROM resv r LEFT JOIN prod_head p ON p.ord_no = r.dem_no "
        "LEFT JOIN so_head s ON s.so_no = COALESCE(p.so_no, r.dem_no) LEFT JOIN customer c ON c.cust_no = s.cust_no"
    )
    found = {
        (row["reservation_id"], row["material_id"], row["lot_id"], row["demand_type"], row["demand_id"],
         row["demand_line"], float(row["qty"]), row["uom"], row["need_date"], row["sales_order_id"], row["customer_id"],
         row["priority"])
        for row in plant.every(TOOL, limit=200)
    }  # fmt: skip
    assert found == {(*row[:3], kinds[row[3]], *row[4:]) for row in kept}
    assert {row[3] for row in kept} == set(kinds)


@guarantees("P7.stable_paging")
def test_pages_of_ten_give_the_same_reservations_as_one_answer(plant: Plant, erp: Native) -> None:
    """None missing, none twice."""
    assert _shown(plant, material_id="RM-047", limit=10) == _shown(plant, material_id="RM-047", limit=200)
    assert len(_kept(erp, "mat_no = 'RM-047'")) > 10


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize(
    ("arguments", "condition"),
    [
        ({"material_id": "RM-013"}, "mat_no = 'RM-013'"),
        ({"lot_id": "L001111"}, "lot_no = 'L001111'"),
        ({"order_id": "000001000467"}, "dem_no = '000001000467'"),
        ({"site": "2000", "need_to": "2026-03-20"}, "plant = '2000' AND need_date <= '2026-03-20'"),
        ({"material_id": "RM-013", "need_from": "2026-03-27", "need_to": "2026-03-30"},
         "mat_no = 'RM-013' AND need_date BETWEEN '2026-03-27' AND '2026-03-30'"),
    ],
)  # fmt: skip
def test_each_filter_keeps_exactly_what_it_says(
    plant: Plant, erp: Native, arguments: dict[str, Any], condition: str
) -> None:
    """One by one."""
    kept = _kept(erp, condition)
    assert _shown(plant, **arguments, limit=200) == kept
    assert kept


@guarantees("P1.scope", "P7.no_false_empty")
def test_what_another_site_holds_and_an_unknown_material_look_alike(plant: Plant, erp: Native) -> None:
    """To a reader of one site."""
    sql = "SELECT mat_no FROM resv GROUP BY mat_no HAVING min(plant) = '2000' ORDER BY 1 LIMIT 1"
    elsewhere = erp(sql)[0][0]
    answers = [plant.answer(TOOL, role="local", material_id=one) for one in (elsewhere, "RM-999")]
    assert rows_of(plant.answer(TOOL, material_id=elsewhere))
    assert answers[0].tables == answers[1].tables
    assert answers[0].warnings == answers[1].warnings


@guarantees("input.clear_errors")
def test_a_date_that_is_none_is_named(plant: Plant) -> None:
    """The thirtieth of February."""
    refused = plant.refusal(TOOL, need_to="2026-02-30")
    assert (refused.code, refused.facts["argument"]) == ("call.invalid_argument", "need_to")


@guarantees("P7.names_what_a_source_lacks")
def test_a_priority_that_is_not_kept_is_named_and_the_rest_stands(plant: Plant) -> None:
    """The reservations are the same."""
    with plant.lacking(customer="priority"):
        listed = plant.answer(TOOL, material_id="RM-013")
    assert [gap.name for gap in listed.gaps] == ["customer.priority"]
    assert listed.complete
    assert len(rows_of(listed)) == len(rows_of(plant.answer(TOOL, material_id="RM-013")))
