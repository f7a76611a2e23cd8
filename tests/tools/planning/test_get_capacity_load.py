"""Load against capacity, against the ERP's own operations and capacities."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

_TODAY = date(2026, 3, 16)  # a Monday, so that weeks of the horizon are calendar weeks
_ZONE = ZoneInfo("Europe/Berlin")
_OPEN = """
    SELECT o.wc_no, o.start_at, o.stat, o.work_min FROM prod_op AS o JOIN prod_head AS p ON p.ord_no = o.ord_no
    WHERE o.stat <> 'CNF' AND p.stat NOT IN ('CNF', 'TECO', 'DLFL')
"""


def _week(day: date) -> str:
    return (day - timedelta(days=day.weekday())).isoformat()


def _right(plant: Plant, weeks: int) -> dict[tuple[str, str], list[int]]:
    """Return operations, minutes of work and minutes available by work centre and Monday."""
    mondays = [(_TODAY + timedelta(weeks=week)).isoformat() for week in range(weeks)]
    found = {
        (center, monday): [0, 0, 0]
        for (center,) in plant.look_up("erp", "SELECT wc_no FROM work_ctr")
        for monday in mondays
    }
    for center, start, _, minutes in plant.look_up("erp", _OPEN):
        day = max(datetime.fromisoformat(start).astimezone(_ZONE).date(), _TODAY)
        if (center, _week(day)) in found:
            found[center, _week(day)][0] += 1
            found[center, _week(day)][1] += minutes
    for center, day, minutes in plant.look_up("erp", "SELECT wc_no, cap_date, avail_min FROM wc_cap"):
        if (center, _week(date.fromisoformat(day))) in found and day >= _TODAY.isoformat():
            found[center, _week(date.fromisoformat(day))][2] += minutes
    return found


def _tenths(value: Fraction) -> float:
    return int(value * 10 + Fraction(1, 2)) / 10


def _figures(work: int, available: int) -> tuple[float, float, float, float]:
    return (
        _tenths(Fraction(available, 60)),
        _tenths(Fraction(work, 60)),
        _tenths(Fraction(100 * work, available)),
        _tenths(Fraction(max(0, work - available), 60)),
    )


def _shown(row: dict[str, Any]) -> tuple[float, ...]:
    return tuple(float(row[name]) for name in ("available_h", "committed_h", "load_pct", "overload_h"))


@guarantees("P7.golden_reads")
def test_the_five_centres_with_most_waiting_operations_are_those_of_the_truth(plant: Plant) -> None:
    """In the next fourteen days."""
    right = plant.look_up("truth", "SELECT key, value FROM truth_answer WHERE question = '16' ORDER BY rank")
    found = rows_of(plant.answer("get_capacity_load", weeks=2), "work_centers")
    ranked = sorted(found, key=lambda row: (-row["operations_waiting"], row["work_center_id"]))
    assert [(row["work_center_id"], str(row["operations_waiting"])) for row in ranked[:5]] == right


@guarantees("P7.golden_reads", "P7.key_figures", "P7.stable_paging")
@pytest.mark.parametrize("weeks", [1, 6])
def test_every_week_of_every_centre_has_its_work_and_its_capacity(plant: Plant, weeks: int) -> None:
    """A step counts in the week of its planned start, one that should have begun counts today."""
    found = plant.every("get_capacity_load", "weeks", weeks=weeks, limit=10)
    right = _right(plant, weeks)
    got = {(row["work_center_id"], row["week_from"]): (row["operations"], *_shown(row)) for row in found}
    assert got == {key: (count, *_figures(work, available)) for key, (count, work, available) in right.items()}


@guarantees("P7.golden_reads")
def test_weeks_above_capacity_are_those_that_were_planted(plant: Plant) -> None:
    """And the centre says which week is its worst."""
    right = {
        row[0] for row in plant.look_up("truth", "SELECT id FROM truth_exception WHERE class_ = 'capacity_overloaded'")
    }
    answer = plant.answer("get_capacity_load", weeks=12, limit=200)
    found = plant.every("get_capacity_load", "weeks", weeks=12)
    assert {f"{row['work_center_id']}/{row['week_from']}" for row in found if float(row["overload_h"]) > 0} == right
    over = {
        row["work_center_id"]: row["peak_week"] for row in rows_of(answer, "work_centers") if float(row["overload_h"])
    }
    monday = {name.partition("/")[0]: date.fromisoformat(name.partition("/")[2]) for name in right}
    assert over == {center: f"{day.isocalendar()[0]}-W{day.isocalendar()[1]:02}" for center, day in monday.items()}


@guarantees("P1.scope", "P7.no_false_empty")
def test_an_unknown_work_centre_and_one_of_another_site_look_alike(plant: Plant) -> None:
    """Neither work nor capacity."""
    answers = [plant.answer("get_capacity_load", role="local", work_center_id=[one]) for one in ("PCK-21", "NONE-9")]
    assert answers[0].tables == answers[1].tables
    assert not any(table.rows for table in answers[0].tables.values())
    assert all(answer.warnings for answer in answers)
    assert rows_of(plant.answer("get_capacity_load", work_center_id=["PCK-21"]), "work_centers")


@guarantees("P7.provenance")
def test_without_capacities_the_work_stands_and_no_load_is_made_up(plant: Plant) -> None:
    """The gap is named."""
    with plant.without("work_center_capacity"):
        answer = plant.answer("get_capacity_load")
    assert [gap.entity for gap in answer.gaps] == ["work_center_capacity"]
    assert not answer.complete
    found = rows_of(answer, "work_centers")
    assert {(row["available_h"], row["load_pct"], row["overload_h"]) for row in found} == {(None, None, None)}
    assert all(row["committed_h"] for row in found)


@guarantees("P7.names_what_a_source_lacks")
def test_without_the_minutes_of_work_the_operations_are_still_counted(plant: Plant) -> None:
    """A system that plans no times says how many wait, not how long they take."""
    with plant.lacking(production_operation="work_min"):
        answer = plant.answer("get_capacity_load")
    assert "production_operation.work_min" in {gap.name for gap in answer.gaps}
    assert not answer.complete


@guarantees("input.clear_errors")
def test_more_than_twenty_work_centres_at_once_are_refused(plant: Plant) -> None:
    """The argument and its bound are named."""
    refused = plant.refusal("get_capacity_load", work_center_id=[f"WC-{number}" for number in range(21)])
    assert (refused.code, refused.facts["argument"]) == ("call.invalid_argument", "work_center_id")
