"""`list_goods_movements` against the ERP's own table."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Native, Plant, rows_of

TOOL = "list_goods_movements"
NOW = "2026-03-16T05:00:00Z"


def _shown(plant: Plant, **arguments: Any) -> set[tuple[str, str]]:
    return {(row["movement_id"], row["line"]) for row in plant.every(TOOL, **arguments)}


def _kept(erp: Native, condition: str, days: int = 366) -> set[tuple[str, str]]:
    since = f"julianday('{NOW}') - julianday(posted_at) < {days + 1}"
    return set(erp(f"SELECT doc_no, item_no FROM mat_move WHERE {since} AND {condition}"))


@guarantees("P7.exact_numbers")
def test_movements_of_a_material_add_up_to_its_stock(plant: Plant, erp: Native) -> None:
    """Signed quantities: what came minus what went is what lies there."""
    rows = plant.every(TOOL, material_id="RM-047", window_days=366, limit=200)
    (moved,), (lies,) = erp("SELECT SUM(qty) FROM mat_move WHERE mat_no = 'RM-047'") + erp(
        "SELECT SUM(qty) FROM stock_qty WHERE mat_no = 'RM-047'"
    )
    assert sum(float(row["qty"]) for row in rows) == moved == lies
    assert [row["posted_at"] for row in rows] == sorted((row["posted_at"] for row in rows), reverse=True)


@guarantees("P7.stable_paging")
def test_pages_of_ten_give_the_same_movements_as_one_answer(plant: Plant, erp: Native) -> None:
    """None missing, none twice."""
    asked: dict[str, Any] = {"material_id": "RM-013", "window_days": 366}
    assert _shown(plant, **asked, limit=10) == _shown(plant, **asked, limit=200) == _kept(erp, "mat_no = 'RM-013'")


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize(
    ("arguments", "condition", "days"),
    [
        ({"lot_id": "L001111"}, "lot_no = 'L001111'", 366),
        ({"order_id": "4500000624"}, "ref_no = '4500000624'", 366),
        ({"movement_code": ["transfer"]}, "mv_code IN ('321', '344')", 366),
        ({"movement_code": ["customer_return", "scrap"]}, "mv_code IN ('651', '553')", 366),
        ({"site": "2000", "movement_code": ["delivery_issue"]}, "plant = '2000' AND mv_code = '601'", 31),
    ],
)
def test_each_filter_keeps_exactly_what_it_says(
    plant: Plant, erp: Native, arguments: dict[str, Any], condition: str, days: int
) -> None:
    """One by one."""
    kept = _kept(erp, condition, days)
    assert _shown(plant, **arguments, window_days=days, limit=200) == kept
    assert kept


@guarantees("P7.exact_numbers")
def test_a_movement_that_was_taken_back_names_the_one_that_did_it(plant: Plant, erp: Native) -> None:
    """As the ERP links them."""
    reversed_ones: dict[str, str] = dict(
        erp("SELECT doc_no, rev_doc FROM mat_move WHERE NULLIF(rev_doc, '') IS NOT NULL")
    )
    assert reversed_ones
    for number, by in reversed_ones.items():
        (lot,) = erp("SELECT lot_no FROM mat_move WHERE doc_no = ?", number)[0]
        rows = plant.every(TOOL, lot_id=lot, window_days=366, limit=200)
        assert {row["reversed_by"] for row in rows if row["movement_id"] == number} == {by}


@guarantees("P1.scope", "P7.no_false_empty")
def test_a_lot_of_another_site_and_an_unknown_one_look_alike(plant: Plant, erp: Native) -> None:
    """To a reader of one site."""
    (elsewhere,) = erp("SELECT lot_no FROM mat_move WHERE plant = '2000' ORDER BY posted_at DESC LIMIT 1")[0]
    answers = [plant.answer(TOOL, role="local", lot_id=one) for one in (elsewhere, "L999999")]
    assert rows_of(plant.answer(TOOL, lot_id=elsewhere))
    assert answers[0].tables == answers[1].tables
    assert answers[0].warnings == answers[1].warnings


@guarantees("input.clear_errors")
@pytest.mark.parametrize("arguments", [{"window_days": 0}, {"window_days": 367}, {"movement_code": "scrap"}])
def test_a_wrong_argument_is_named(plant: Plant, arguments: dict[str, Any]) -> None:
    """Windows out of bounds, a word where a list is meant."""
    refused = plant.refusal(TOOL, **arguments)
    assert (refused.code, refused.facts["argument"]) == ("call.invalid_argument", next(iter(arguments)))


@guarantees("P7.names_what_a_source_lacks", "P7.no_false_empty")
def test_a_lot_can_not_be_asked_for_where_movements_name_none(plant: Plant) -> None:
    """Refused and named, never answered as none."""
    with plant.lacking(goods_movement="lot_id"):
        refused = plant.refusal(TOOL, lot_id="L001111")
    assert (refused.code, refused.facts["argument"]) == ("answer.field_not_kept", "lot_id")
