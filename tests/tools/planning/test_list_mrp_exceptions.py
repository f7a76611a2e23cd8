"""Planning messages, against the ERP's own table and the truth."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

_NATIVE = (
    "SELECT msg_no, plant, mat_no, planner, el_type, el_no, el_item, code, severity, date_now, date_new FROM mrp_msg"
)
_CODES = {"07": "overdue", "10": "reschedule_in", "15": "reschedule_out", "20": "cancel"}
_SEVERITIES = {"1": "high", "2": "medium", "3": "low"}
_ELEMENTS = {
    "PO": "purchase_order_line", "PR": "purchase_requisition", "PRD": "production_order", "PLN": "planned_order"
}  # fmt: skip


def _right(plant: Plant) -> list[dict[str, Any]]:
    return [
        {
            "exception_id": row[0], "site": row[1], "material_id": row[2], "planner": row[3],
            "element_type": _ELEMENTS[row[4]], "element_id": row[5], "element_line": row[6],
            "exception_code": _CODES[row[7]], "severity": _SEVERITIES[row[8]], "rank": int(row[8]),
            "current_date": row[9], "proposed_date": row[10],
        }
        for row in plant.look_up("erp", _NATIVE)
    ]  # fmt: skip


def _kept(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in {"days", "run_at"}}


@guarantees("P7.golden_reads", "P7.stable_paging")
def test_messages_come_most_severe_first_page_by_page(plant: Plant) -> None:
    """Then by the present date of the element."""
    found = plant.every("list_mrp_exceptions", "exceptions", limit=10)
    right = sorted(_right(plant), key=lambda one: (one["rank"], one["current_date"], one["exception_id"]))
    assert [_kept(row) for row in found] == right


@guarantees("P7.golden_reads")
@pytest.mark.parametrize("code", ["reschedule_in", "reschedule_out", "cancel", "overdue"])
def test_each_kind_of_message_is_about_what_the_truth_says(plant: Plant, code: str) -> None:
    """The generator derives them from real needs and writes down which."""
    sql = "SELECT id FROM truth_exception WHERE class_ = ?"
    right = {row[0] for row in plant.look_up("truth", sql, (f"planning_{code}",))}
    found = plant.every("list_mrp_exceptions", "exceptions", exception_code=[code])
    assert {"/".join(filter(None, (row["element_id"], row["element_line"]))) for row in found} == right
    assert right


@guarantees("P7.golden_reads")
@pytest.mark.parametrize(
    "given",
    [
        {"planner": "P12"},
        {"material_id": "RM-001"},
        {"severity": ["high", "low"]},
        {"element_type": ["production_order"]},
        {"site": "2000"},
        {"exception_code": ["cancel"], "severity": ["high"]},
    ],
)
def test_messages_are_filtered_by_what_they_say(plant: Plant, given: dict[str, Any]) -> None:
    """Each filter alone, and two together."""
    found = plant.every("list_mrp_exceptions", "exceptions", **given)
    right = {
        one["exception_id"]
        for one in _right(plant)
        if all(one[name] in value if isinstance(value, list) else one[name] == value for name, value in given.items())
    }
    assert {row["exception_id"] for row in found} == right


@guarantees("P7.exact_numbers")
def test_days_are_counted_from_the_present_to_the_proposed_date(plant: Plant) -> None:
    """Negative is earlier; what has no date to move to, as what is to be cancelled, moves by no days."""
    found = plant.every("list_mrp_exceptions", "exceptions")
    for row in found:
        new = row["proposed_date"]
        days = (date.fromisoformat(new) - date.fromisoformat(row["current_date"])).days if new else None
        assert row["days"] == days
    assert {row["days"] for row in found if row["exception_code"] == "cancel"} == {None}


@guarantees("P1.scope", "P7.no_false_empty")
def test_an_unknown_material_and_one_of_another_site_look_alike(plant: Plant) -> None:
    """Empty as of a time."""
    elsewhere = next(one["material_id"] for one in _right(plant) if one["site"] == "2000")
    answers = [plant.answer("list_mrp_exceptions", role="local", material_id=one) for one in (elsewhere, "XX-999")]
    assert answers[0].tables == answers[1].tables
    assert not rows_of(answers[0])


@guarantees("P7.names_what_a_source_lacks")
def test_a_filter_on_a_field_that_is_not_kept_is_refused(plant: Plant) -> None:
    """Nobody's severity is kept: that is not none."""
    with plant.lacking(mrp_exception="severity"):
        refused = plant.refusal("list_mrp_exceptions", severity=["high"])
        listed = plant.answer("list_mrp_exceptions")
    assert refused.code == "answer.field_not_kept"
    assert rows_of(listed)
    assert [gap.name for gap in listed.gaps] == ["mrp_exception.severity"]


@guarantees("input.clear_errors")
def test_a_kind_that_there_is_not_is_refused(plant: Plant) -> None:
    """The message lists those that there are."""
    refused = plant.refusal("list_mrp_exceptions", exception_code=["expedite"])
    assert (refused.code, refused.facts["argument"]) == ("call.invalid_argument", "exception_code")
