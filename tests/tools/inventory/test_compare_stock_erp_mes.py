"""`compare_stock_erp_mes` against the generator's truth and both native databases."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Native, Plant, rows_of

TOOL = "compare_stock_erp_mes"


def _lots(plant: Plant, **arguments: Any) -> set[str]:
    return {row["lot_id"] for row in plant.every(TOOL, **arguments)}


def _planted(truth: Native, what: str) -> set[str]:
    return {key for (key,) in truth("SELECT id FROM truth_exception WHERE class_ = ?", f"difference_{what}")}


@guarantees("P7.right_cause", "P7.exact_numbers")
def test_differences_are_those_that_were_planted_and_no_other(plant: Plant, truth: Native) -> None:
    """Seven that documents in flight explain, five that nothing explains."""
    rows = plant.every(TOOL)
    explained = {row["lot_id"] for row in rows if row["likely_cause"] == "in_flight"}
    assert explained == _planted(truth, "explained")
    assert {row["lot_id"] for row in rows} - explained == _planted(truth, "unexplained")
    assert _lots(plant, unexplained_only=True) == _planted(truth, "unexplained")


@guarantees("P7.exact_numbers")
def test_counts_are_those_of_both_systems(plant: Plant, erp: Native, mes: Native) -> None:
    """And what is in flight is what the messages of the shop floor say, with their numbers."""
    rows = plant.every(TOOL)
    assert rows
    for row in rows:
        (in_erp,) = erp("SELECT sum(qty) FROM stock_qty WHERE lot_no = ?", row["lot_id"])[0]
        (in_mes,) = mes("SELECT sum(qty) FROM bin_stock WHERE batch_no = ?", f"MB-{row['lot_id']}")[0]
        sent = mes("SELECT msg_no, qty FROM outbound_msg WHERE batch_no = ? ORDER BY 1", f"MB-{row['lot_id']}")
        assert (float(row["qty_erp"]), float(row["qty_mes"])) == (in_erp, in_mes)
        assert float(row["diff"]) == pytest.approx(in_mes - in_erp)
        assert float(row["qty_in_flight"]) == sum(float(qty) for _, qty in sent)
        assert row["in_flight_documents"] == [number for number, _ in sent]
        assert row["mes_as_of"] < row["erp_as_of"]


@guarantees("P7.right_cause")
def test_the_lot_behind_a_late_order_is_counted_as_the_truth_says(plant: Plant, truth: Native) -> None:
    """Question 6: the same two quantities that explain the order."""
    late = truth("SELECT lot_id, qty_erp, qty_mes FROM truth_late_line WHERE root_cause_code = 'stock_discrepancy'")
    assert len(late) == 5
    for lot, in_erp, in_mes in late:
        (row,) = rows_of(plant.answer(TOOL, lot_id=lot))
        assert (float(row["qty_erp"]), float(row["qty_mes"])) == (float(in_erp), float(in_mes))
        assert row["likely_cause"] == "use_not_posted"


@guarantees("P7.exact_numbers")
def test_a_difference_is_valued_at_standard_price_to_the_cent(plant: Plant, erp: Native) -> None:
    """Signed, and what is unexplained and most valuable comes first."""
    rows = plant.every(TOOL)
    for row in rows:
        sql = "SELECT std_price, price_per FROM mat_plant WHERE mat_no = ? AND plant = ?"
        price, per = erp(sql, row["material_id"], row["site"])[0]
        value = (Decimal(row["diff"]) * Decimal(price) / per).quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert Decimal(row["diff_value"]) == value
    ranked = [(row["likely_cause"] == "in_flight", -abs(Decimal(row["diff_value"]))) for row in rows]
    assert ranked == sorted(ranked)


@guarantees("P7.stable_paging")
def test_pages_of_five_give_the_same_lots_as_one_answer(plant: Plant) -> None:
    """None missing, none twice."""
    assert [row["lot_id"] for row in plant.every(TOOL, limit=5)] == [row["lot_id"] for row in plant.every(TOOL)]


@guarantees("P7.exact_numbers")
def test_each_filter_keeps_exactly_what_it_says(plant: Plant) -> None:
    """Site, material, quantity and value, each against all rows."""
    every = plant.every(TOOL)
    for key, value in (("site", "2000"), ("material_id", "RM-081")):
        assert _lots(plant, **{key: value}) == {row["lot_id"] for row in every if row[key] == value}
    big = {row["lot_id"] for row in every if abs(Decimal(row["diff"])) >= 100}
    dear = {row["lot_id"] for row in every if abs(Decimal(row["diff_value"])) >= 4000}
    assert _lots(plant, min_abs_qty="100") == big
    assert _lots(plant, min_value="4000") == dear
    assert 0 < len(big) < len(every) > len(dear) > 0


@guarantees("P8.masks")
def test_without_money_there_is_no_value_and_no_filter_by_it(plant: Plant) -> None:
    """The same lots; asking for a value says that prices are not there."""
    rows = plant.every(TOOL, role="moneyless")
    assert {row["lot_id"] for row in rows} == _lots(plant)
    assert {row.get("diff_value") for row in rows} == {None}
    asked = plant.answer(TOOL, role="moneyless", min_value="1")
    assert rows_of(asked) == []
    assert any("price" in warning for warning in asked.warnings)


@guarantees("P1.scope", "P7.no_false_empty")
def test_a_lot_of_another_site_and_an_unknown_one_look_alike(plant: Plant) -> None:
    """To a reader of one site."""
    elsewhere = next(row["lot_id"] for row in plant.every(TOOL) if row["site"] == "2000")
    answers = [plant.answer(TOOL, role="local", lot_id=one) for one in (elsewhere, "L999999")]
    assert answers[0].tables == answers[1].tables
    assert answers[0].warnings == answers[1].warnings
    assert rows_of(answers[0]) == []


@guarantees("input.clear_errors")
@pytest.mark.parametrize("arguments", [{"min_abs_qty": 5}, {"min_value": "5.00001"}, {"unexplained_only": "yes"}])
def test_a_wrong_argument_is_named(plant: Plant, arguments: dict[str, Any]) -> None:
    """A number for a decimal string, more digits than money has, a word for a flag."""
    refused = plant.refusal(TOOL, **arguments)
    assert (refused.code, refused.facts["argument"]) == ("call.invalid_argument", next(iter(arguments)))


@guarantees("P7.no_false_empty", "P7.right_cause")
def test_without_documents_in_flight_no_cause_is_told(plant: Plant) -> None:
    """A difference that may be on its way is no finding."""
    with plant.without("in_flight_document"):
        answer = plant.answer(TOOL)
    assert not answer.complete
    assert {gap.entity for gap in answer.gaps} == {"in_flight_document"}
    assert {(row["likely_cause"], row["qty_unexplained"]) for row in rows_of(answer)} == {("not_known", None)}


@guarantees("P7.no_false_empty")
def test_without_the_shop_floor_there_is_nothing_to_compare(plant: Plant) -> None:
    """Refused, never answered as no difference."""
    with plant.without("mes_stock"):
        refused = plant.refusal(TOOL)
    assert refused.code == "read_model.not_ready"
