"""Requisitions: what waits, and for how long."""

from __future__ import annotations

from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant

TOOL = "list_purchase_requisitions"
NOW = "2026-03-16T05:00:00Z"


@guarantees("P7.golden_reads")
def test_what_waits_for_release_longer_than_two_weeks_is_what_was_planted(plant: Plant) -> None:
    """The age counts from creation to the plant's now."""
    planted = {key for (key,) in plant.look_up("truth", "SELECT key FROM truth_answer WHERE question = '23'")}
    found = plant.every(TOOL, release_state="waiting", age_min_days=14)
    assert {row["requisition_id"] for row in found} == planted
    assert min(row["age_days"] for row in found) >= 14


@guarantees("P7.golden_reads")
@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ({}, "stat = 'OPEN'"),
        ({"status": ["converted"]}, "stat = 'CONV'"),
        ({"status": ["open", "converted", "closed"]}, "1 = 1"),
        ({"release_state": "released"}, "stat = 'OPEN' AND release_ind = 'R'"),
        ({"unassigned_only": True}, "stat = 'OPEN' AND vendor_no IS NULL"),
        ({"site": "2000"}, "stat = 'OPEN' AND plant = '2000'"),
        ({"material_id": "RM-043"}, "stat = 'OPEN' AND mat_no = 'RM-043'"),
        ({"supplier_id": "S0014"}, "stat = 'OPEN' AND vendor_no = 'S0014'"),
    ],
)
def test_a_filter_keeps_what_it_names(plant: Plant, arguments: dict[str, Any], where: str) -> None:
    """Each filter alone, against the ERP's own table; small pages give the same rows."""
    native = plant.look_up("erp", f"SELECT pr_no, item_no, CAST(qty AS REAL) FROM pr_item WHERE {where}")
    found = plant.every(TOOL, **arguments, limit=10)
    assert native
    assert sorted((row["requisition_id"], row["line"], float(row["qty"])) for row in found) == sorted(native)
    assert {row["source_assigned"] for row in found} <= {True, False}
    assert all(row["source_assigned"] == (row["supplier_id"] is not None) for row in found)


@guarantees("P7.golden_reads")
def test_ages_are_full_days(plant: Plant) -> None:
    """Against the ERP's own instants, by SQLite's calendar."""
    sql = (
        "SELECT pr_no, CAST(julianday(?) - julianday(created_at) + 0.0001 AS INTEGER) FROM pr_item WHERE stat = 'OPEN'"
    )
    native = dict(plant.look_up("erp", sql, (NOW,)))
    assert {row["requisition_id"]: row["age_days"] for row in plant.every(TOOL)} == native


@guarantees("P7.no_false_empty", "P1.scope")
def test_another_site_and_a_material_that_does_not_exist_look_alike(plant: Plant) -> None:
    """Neither says why there are no rows."""
    sql = "SELECT mat_no FROM pr_item WHERE stat = 'OPEN' AND plant = '2000' LIMIT 1"
    elsewhere = plant.look_up("erp", sql)[0][0]
    answers = [plant.answer(TOOL, role="local", material_id=one) for one in (elsewhere, "RM-999")]
    assert answers[0].tables == answers[1].tables
    assert plant.every(TOOL, material_id=elsewhere)


@guarantees("P7.names_what_a_source_lacks")
def test_asking_by_an_origin_that_nobody_keeps_is_refused(plant: Plant) -> None:
    """No rows would say that planning asked for nothing."""
    with plant.lacking(purchase_requisition="created_by_kind"):
        refusal = plant.refusal(TOOL, created_by_kind="mrp")
    assert refusal.code == "answer.field_not_kept"


@guarantees("P7.golden_reads")
def test_a_state_that_does_not_exist_is_refused(plant: Plant) -> None:
    """The allowed ones are named."""
    assert plant.refusal(TOOL, status=["parked"]).code == "call.invalid_argument"
