"""Inspection lots: what waits for a decision, and since when."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

TOOL = "list_inspection_lots"
OPEN = "SELECT insp_no FROM insp_lot WHERE stat = 'OPEN'"


def _ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["inspection_lot_id"] for row in rows]


def _native(plant: Plant, where: str, *parameters: object) -> set[str]:
    return {number for (number,) in plant.look_up("erp", f"SELECT insp_no FROM insp_lot WHERE {where}", parameters)}


@guarantees("P7.golden_reads")
def test_overdue_inspections_are_those_that_were_planted(plant: Plant) -> None:
    """Due before now and not decided; hours count from then."""
    planted = {key for (key,) in plant.look_up("truth", "SELECT key FROM truth_answer WHERE question = '34'")}
    rows = plant.every(TOOL, "inspection_lots", overdue_only=True)
    of_any_state = plant.every(TOOL, "inspection_lots", overdue_only=True, status=["open", "in_process", "closed"])

    assert set(_ids(rows)) == planted
    assert of_any_state == rows
    assert all(row["hours_overdue"] > 0 for row in rows)
    others = [row for row in plant.every(TOOL, "inspection_lots") if row["inspection_lot_id"] not in planted]
    assert others
    assert {row["hours_overdue"] for row in others} == {0}


@guarantees("P7.golden_reads")
def test_all_states_together_are_all_inspection_lots_of_the_erp(plant: Plant) -> None:
    """Quantity, unit, lot and due time as the ERP holds them."""
    rows = plant.every(TOOL, "inspection_lots", status=["open", "in_process", "closed"], limit=200)
    native = plant.look_up("erp", "SELECT insp_no, mat_no, lot_no, CAST(qty AS REAL), uom, due_at FROM insp_lot")

    names = ("inspection_lot_id", "material_id", "lot_id", "qty", "uom", "due_at")
    told = {tuple(float(row[name]) if name == "qty" else row[name] for name in names) for row in rows}
    assert told == set(native)


@guarantees("P7.golden_reads")
@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ({}, "stat = 'OPEN'"),
        ({"status": ["closed"]}, "stat = 'DONE'"),
        ({"site": "1000"}, "stat = 'OPEN' AND plant = '1000'"),
        ({"origin": ["purchase"]}, "stat = 'OPEN' AND origin = 'RECEIPT'"),
    ],
)
def test_a_filter_keeps_what_it_names(plant: Plant, arguments: dict[str, Any], where: str) -> None:
    """Each filter alone, and the default of what waits."""
    expected = _native(plant, where)

    assert expected
    assert set(_ids(plant.every(TOOL, "inspection_lots", **arguments))) == expected


@guarantees("P7.golden_reads")
def test_inspections_are_found_by_material_and_lot(plant: Plant) -> None:
    """An origin that nothing has gives no rows."""
    ((number, material, lot),) = plant.look_up(
        "erp", f"{OPEN} ORDER BY 1 LIMIT 1".replace("insp_no", "insp_no, mat_no, lot_no", 1)
    )

    assert number in _ids(plant.every(TOOL, "inspection_lots", lot_id=lot))
    by_material = set(_ids(plant.every(TOOL, "inspection_lots", material_id=material)))
    assert by_material == _native(plant, "stat = 'OPEN' AND mat_no = ?", material)
    assert not rows_of(plant.answer(TOOL, origin=["periodic"]))


@guarantees("P7.stable_paging")
def test_ten_rows_a_page_give_the_same_inspection_lots(plant: Plant) -> None:
    """The longest overdue first, over many pages."""
    every: dict[str, Any] = {"status": ["open", "in_process", "closed"]}
    by_ten = plant.every(TOOL, "inspection_lots", limit=10, **every)

    assert by_ten == plant.every(TOOL, "inspection_lots", limit=200, **every)
    assert len(by_ten) > 200
    due = [row["due_at"] for row in by_ten]
    assert due == sorted(due)


@guarantees("P7.no_false_empty")
def test_a_lot_of_another_site_and_one_that_is_unknown_answer_alike(plant: Plant) -> None:
    """No rows as of a time, in both cases."""
    ((elsewhere,),) = plant.look_up("erp", "SELECT lot_no FROM insp_lot WHERE plant = '2000' AND stat = 'OPEN' LIMIT 1")
    answers = [plant.answer(TOOL, role="local", lot_id=lot) for lot in (elsewhere, "L999999")]

    assert answers[0].tables == answers[1].tables
    assert not rows_of(answers[0])
    assert answers[0].sources[0].as_of
    assert rows_of(plant.answer(TOOL, lot_id=elsewhere))


@guarantees("P7.names_what_a_source_lacks")
def test_without_due_times_nothing_is_called_overdue(plant: Plant) -> None:
    """A source that does not keep them can't say what is overdue, and none is not the answer."""
    with plant.lacking(inspection_lot="due_at"):
        refused = plant.refusal(TOOL, overdue_only=True)

    assert refused.code == "answer.field_not_kept"
    assert refused.facts["argument"] == "overdue_only"


@guarantees("P7.names_what_a_source_lacks")
def test_a_state_that_is_none_is_refused(plant: Plant) -> None:
    """With the argument that is wrong."""
    refused = plant.refusal(TOOL, status=["waiting"])

    assert (refused.code, refused.facts["argument"]) == ("call.invalid_argument", "status")
