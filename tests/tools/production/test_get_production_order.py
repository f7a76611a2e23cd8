"""One production order with its parts, against the ERP's own tables."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of


@pytest.fixture
def running(plant: Plant) -> str:
    """An order that runs, with a step that is confirmed."""
    sql = """
        SELECT p.ord_no FROM prod_head p JOIN op_conf f ON f.ord_no = p.ord_no
        WHERE p.stat = 'PCNF' AND p.plant = '1000'
        GROUP BY 1 HAVING count(*) > 1 ORDER BY 1
    """
    return str(plant.look_up("erp", sql)[0][0])


@guarantees("P7.golden_reads")
def test_an_order_comes_with_operations_components_and_confirmations(plant: Plant, running: str) -> None:
    """One call instead of four, each part as the ERP has it."""
    answer = plant.answer("get_production_order", production_order_id=running)
    (order,) = rows_of(answer, "order")
    right = plant.look_up(
        "erp", "SELECT plant, mat_no, start_basic, finish_basic FROM prod_head WHERE ord_no = ?", (running,)
    )
    assert [tuple(order[name] for name in ("site", "material_id", "planned_start", "planned_finish"))] == right
    operations = "SELECT op_no, wc_no, work_min FROM prod_op WHERE ord_no = ? ORDER BY 1"
    shown = [(row["operation_id"], row["work_center_id"], row["work_min"]) for row in rows_of(answer, "operations")]
    assert shown == plant.look_up("erp", operations, (running,))
    components = plant.look_up(
        "erp", "SELECT item_no, mat_no, qty_open FROM prod_comp WHERE ord_no = ? ORDER BY 1", (running,)
    )
    found = [(row["line"], row["material_id"], Decimal(row["qty_open"])) for row in rows_of(answer, "components")]
    assert found == [(line, material, Decimal(qty)) for line, material, qty in components]
    confirmed = "SELECT conf_no, op_no, qty_yield, qty_scrap FROM op_conf WHERE ord_no = ? ORDER BY conf_at, conf_no"
    told = [
        (row["confirmation_id"], row["operation_id"], Decimal(row["qty_yield"]), Decimal(row["qty_scrap"]))
        for row in rows_of(answer, "confirmations")
    ]
    assert told == [(*row[:2], *map(Decimal, row[2:])) for row in plant.look_up("erp", confirmed, (running,))]
    assert len(told) > 1


@guarantees("P8.text_is_data")
def test_nobody_who_confirmed_is_named(plant: Plant, running: str) -> None:
    """Badges are personal data: the ERP has them, no answer does."""
    badges = {row[0] for row in plant.look_up("erp", "SELECT badge FROM op_conf WHERE ord_no = ?", (running,))}
    answer = plant.answer("get_production_order", production_order_id=running)
    cells = {cell for table in answer.tables.values() for row in table.rows for cell in row if isinstance(cell, str)}
    assert badges
    assert not badges & cells


@guarantees("P1.scope", "P7.no_false_empty")
def test_an_unknown_order_and_one_of_another_site_look_alike(plant: Plant) -> None:
    """Four empty tables."""
    (elsewhere,) = plant.look_up("erp", "SELECT min(ord_no) FROM prod_head WHERE plant = '2000'")[0]
    asked = [
        plant.answer("get_production_order", role="local", production_order_id=one) for one in (elsewhere, "0000099")
    ]
    assert asked[0].tables == asked[1].tables
    assert not any(table.rows for table in asked[0].tables.values())
    assert rows_of(plant.answer("get_production_order", production_order_id=elsewhere), "order")


@guarantees("P7.provenance")
def test_a_part_without_a_source_is_named_and_the_rest_stands(plant: Plant, running: str) -> None:
    """Where no system gives confirmations, their table is empty and the answer says why."""
    with plant.without("production_confirmation"):
        answer = plant.answer("get_production_order", production_order_id=running)
    assert [gap.entity for gap in answer.gaps] == ["production_confirmation"]
    assert not answer.complete
    assert not rows_of(answer, "confirmations")
    assert rows_of(answer, "operations")


@guarantees("input.clear_errors")
def test_an_id_with_other_characters_is_refused(plant: Plant) -> None:
    """Nothing is looked up with it."""
    refused = plant.refusal("get_production_order", production_order_id="1' OR '1'='1")
    assert (refused.code, refused.facts["argument"]) == ("call.invalid_argument", "production_order_id")
