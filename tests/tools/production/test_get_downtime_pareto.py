"""The Pareto of downtime, against the MES's own stops."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

_STOPS = """
    SELECT s.reason, s.began_at, s.ended_at, s.planned FROM stop_event AS s JOIN equipment AS e ON e.eq_id = s.eq_id
    WHERE e.erp_wc = ? AND s.began_at >= ?
"""
_NOW = "2026-03-16T05:00:00Z"


def _minutes(began: str, ended: str | None) -> Fraction:
    return Fraction(int((datetime.fromisoformat(ended or _NOW) - datetime.fromisoformat(began)).total_seconds()), 60)


def _tenths(value: Fraction) -> float:
    return int(value * 10 + Fraction(1, 2)) / 10


def _right(plant: Plant, center: str, since: str) -> list[tuple[str, float, int]]:
    """Return reason, minutes and events, most minutes first."""
    found: dict[str, list[Fraction]] = {}
    for reason, began, ended, _ in plant.look_up("mes", _STOPS, (center, since)):
        found.setdefault(reason, []).append(_minutes(began, ended))
    ranked = sorted(found.items(), key=lambda item: (-sum(item[1]), item[0]))
    return [(reason, _tenths(sum(lost, Fraction())), len(lost)) for reason, lost in ranked]


def _shown(rows: list[dict[str, Any]]) -> list[tuple[str, float, int]]:
    return [(row["reason_code"], float(row["minutes"]), row["events"]) for row in rows]


@guarantees("P7.golden_reads")
def test_the_two_reasons_that_cost_most_are_those_of_the_truth(plant: Plant) -> None:
    """One work centre, thirty days."""
    right = plant.look_up("truth", "SELECT key, value FROM truth_answer WHERE question = '26' ORDER BY rank")
    found = plant.every("get_downtime_pareto", "reasons", work_center_id=["CNC-02"])
    assert [(row["reason_code"], row["minutes"]) for row in found[:2]] == right


@guarantees("P7.golden_reads", "P7.key_figures")
def test_the_mean_time_to_repair_is_that_of_the_truth(plant: Plant) -> None:
    """Ninety days, finished and unplanned stops only."""
    right = dict(plant.look_up("truth", "SELECT key, value FROM truth_answer WHERE question = '29'"))
    (row,) = rows_of(
        plant.answer("get_downtime_pareto", work_center_id=["ASM-02"], date_from="2025-12-16", kind="unplanned"),
        "total",
    )
    assert (float(row["mttr_min"]), row["events"]) == (float(right["minutes"]), int(right["stops"]))


@guarantees("P7.golden_reads", "P7.key_figures")
@pytest.mark.parametrize("center", ["CNC-02", "CNC-03", "ASM-21"])
def test_reasons_come_by_minutes_with_shares_that_sum_to_the_whole(plant: Plant, center: str) -> None:
    """A machine that is down now counts until now."""
    found = plant.every("get_downtime_pareto", "reasons", work_center_id=[center], limit=10)
    right = _right(plant, center, "2026-02-13T23:00:00Z")
    assert _shown(found) == right
    whole = Fraction(0)
    for row, (_, minutes, _) in zip(found, right, strict=True):
        whole += Fraction(str(minutes))
        total = sum((Fraction(str(one)) for _, one, _ in right), Fraction())
        assert float(row["cum_pct"]) == pytest.approx(float(100 * whole / total), abs=0.051)
    assert found[-1]["cum_pct"] == "100"


@guarantees("P7.golden_reads")
def test_the_mean_time_between_stops_is_production_time_per_unplanned_stop(plant: Plant) -> None:
    """Production time is that of the shift log."""
    (minutes,) = plant.look_up(
        "mes", "SELECT sum(apt_min) FROM shift_log WHERE eq_id = 'L1.ASM02' AND shift_date >= '2026-02-14'"
    )[0]
    sql = "SELECT count(*) FROM stop_event WHERE eq_id = 'L1.ASM02' AND planned = 0 AND began_at >= ?"
    (stops,) = plant.look_up("mes", sql, ("2026-02-13T23:00:00Z",))[0]
    (row,) = rows_of(plant.answer("get_downtime_pareto", work_center_id=["ASM-02"]), "work_centers")
    assert float(row["mtbf_h"]) == _tenths(Fraction(minutes, 60 * stops))
    assert row["unplanned_events"] == stops


@guarantees("P7.golden_reads")
def test_a_work_centre_that_is_down_says_since_when(plant: Plant) -> None:
    """And the others don't."""
    found = rows_of(plant.answer("get_downtime_pareto"), "work_centers")
    down = {row["work_center_id"]: row["down_since"] for row in found if row["down_since"]}
    sql = "SELECT e.erp_wc, s.began_at FROM stop_event s JOIN equipment e ON e.eq_id = s.eq_id WHERE s.ended_at IS NULL"
    assert down == dict(plant.look_up("mes", sql))


@guarantees("P7.golden_reads")
@pytest.mark.parametrize(("kind", "planned"), [("planned", {1}), ("unplanned", {0}), ("any", {0, 1})])
def test_planned_and_unplanned_stops_can_be_told_apart(plant: Plant, kind: str, planned: set[int]) -> None:
    """Cleaning is no failure, and its length no time to repair."""
    rows = plant.look_up("mes", _STOPS, ("CNC-02", "2026-02-13T23:00:00Z"))
    (total,) = rows_of(plant.answer("get_downtime_pareto", work_center_id=["CNC-02"], kind=kind), "total")
    repairs = [_minutes(row[1], row[2]) for row in rows if not row[3] and row[3] in planned]
    assert total["events"] == sum(row[3] in planned for row in rows) > 0
    if repairs:
        assert float(total["mttr_min"]) == _tenths(sum(repairs, Fraction()) / len(repairs))
    else:
        assert total["mttr_min"] is None


@guarantees("P7.golden_reads")
def test_a_stop_counts_with_what_lies_inside_the_window(plant: Plant) -> None:
    """PNT-01 went down on the 14th at two in the afternoon; the 15th was lost as a whole."""
    (row,) = rows_of(
        plant.answer("get_downtime_pareto", work_center_id=["PNT-01"], date_from="2026-03-15", date_to="2026-03-15"),
        "reasons",
    )
    assert (row["reason_code"], row["minutes"], row["events"], row["cum_pct"]) == ("BURNER", "1440", 1, "100")


@guarantees("P1.scope", "P7.no_false_empty")
def test_an_unknown_work_centre_and_one_of_another_site_look_alike(plant: Plant) -> None:
    """Both have neither stops nor shifts."""
    answers = [plant.answer("get_downtime_pareto", role="local", work_center_id=[one]) for one in ("CNC-21", "XX-9")]
    assert answers[0].tables == answers[1].tables
    assert not any(table.rows for table in answers[0].tables.values())
    assert all(answer.warnings for answer in answers)


@guarantees("P7.provenance")
def test_without_shift_records_the_gap_is_named_and_no_time_between_stops_is_made_up(plant: Plant) -> None:
    """The reasons stand all the same."""
    with plant.without("shift_record"):
        answer = plant.answer("get_downtime_pareto", work_center_id=["CNC-02"])
    assert [gap.entity for gap in answer.gaps] == ["shift_record"]
    assert not answer.complete
    assert {row["mtbf_h"] for row in rows_of(answer, "reasons")} == {None}
    assert rows_of(answer, "reasons")[0]["mttr_min"] is not None


@guarantees("input.clear_errors")
def test_a_window_that_is_too_wide_is_refused(plant: Plant) -> None:
    """Two ends that are each right are not right together."""
    refused = plant.refusal("get_downtime_pareto", date_from="2025-10-01", date_to="2026-03-01")
    assert (refused.code, refused.facts["rule"]) == ("call.invalid_argument", "window")
