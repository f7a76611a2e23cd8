"""OEE and its elements, against sums over the MES's own shift log."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

_SHIFTS = """
    SELECT e.erp_wc, s.shift_date, s.shift, s.pbt_min, s.apt_min, s.ideal_sec, s.produced, s.good
    FROM shift_log AS s JOIN equipment AS e ON e.eq_id = s.eq_id WHERE s.shift_date BETWEEN ? AND ?
"""
_NAMES = {"E": "early", "L": "late"}


def _tenths(value: Fraction) -> str:
    """Round a ratio to percent with one decimal, a half up, without a decimal of zero."""
    tenths = int(value * 1000 + Fraction(1, 2))
    return f"{tenths // 10}.{tenths % 10}".removesuffix(".0")


def _figures(rows: list[tuple[Any, ...]]) -> dict[str, str | None]:
    busy, worked, made, good = (sum(row[at] for row in rows) for at in (3, 4, 6, 7))
    needed = Fraction(sum(row[5] * row[6] for row in rows), 60)
    return {
        "availability_pct": _tenths(Fraction(worked, busy)),
        "effectiveness_pct": _tenths(needed / worked) if worked else None,
        "quality_pct": _tenths(Fraction(good, made)) if made else None,
        "oee_pct": _tenths(needed * good / busy / made) if made else "0",
    }


def _kept(row: dict[str, Any]) -> dict[str, str | None]:
    return {name: row[name] for name in ("availability_pct", "effectiveness_pct", "quality_pct", "oee_pct")}


@guarantees("P7.golden_reads", "P7.key_figures")
def test_oee_of_the_last_seven_days_is_that_of_the_truth(plant: Plant) -> None:
    """The generator works it out from the same elements by other code."""
    right = dict(plant.look_up("truth", "SELECT key, value FROM truth_answer WHERE question = '25'"))
    answer = plant.answer("get_oee", work_center_id=["ASM-01"])
    (row,) = rows_of(answer, "totals")
    assert {name: float(row[f"{name}_pct"]) for name in right} == {name: float(value) for name, value in right.items()}
    assert answer.definition_id == "oee.1"
    assert answer.complete


@guarantees("P7.golden_reads", "P7.key_figures")
@pytest.mark.parametrize("grain", ["shift", "day", "week"])
def test_each_period_of_each_work_centre_is_made_of_its_own_shifts(plant: Plant, grain: str) -> None:
    """The window begins and ends in the middle of a week, and one work centre was down in it."""
    shifts = plant.look_up("mes", _SHIFTS, ("2026-02-25", "2026-03-15"))
    cuts: dict[str, Callable[[tuple[Any, ...]], object]] = {
        "shift": lambda row: (row[0], row[1], _NAMES[row[2]]),
        "day": lambda row: (row[0], row[1], None),
        "week": lambda row: (row[0], _week_start(row[1]), None),
    }
    right: dict[object, list[tuple[Any, ...]]] = {}
    for row in shifts:
        right.setdefault(cuts[grain](row), []).append(row)
    found = plant.every("get_oee", "periods", date_from="2026-02-25", date_to="2026-03-15", grain=grain, limit=100)
    got = {(row["work_center_id"], row["period_from"], row["shift"]): _kept(row) for row in found}
    assert got == {key: _figures(rows) for key, rows in right.items()}
    assert len(got) == len(found)


def _week_start(day: str) -> str:
    return max(start for start in ("2026-02-25", "2026-03-02", "2026-03-09") if start <= day)


@guarantees("P7.key_figures")
def test_a_shift_in_which_nothing_was_made_has_an_oee_of_zero_and_no_quality(plant: Plant) -> None:
    """No quality is not a quality of zero; and nothing good from busy time is no missing figure."""
    found = plant.every("get_oee", "periods", work_center_id=["PNT-01"], date_from="2026-03-15", grain="shift")
    assert {row["oee_pct"] for row in found} == {"0"}
    assert {row["quality_pct"] for row in found} == {None}
    assert {row["effectiveness_pct"] for row in found} == {None}


@guarantees("P7.golden_reads")
def test_the_elements_come_with_their_sums(plant: Plant) -> None:
    """Whoever doubts a figure can work it out again."""
    (row,) = rows_of(plant.answer("get_oee", work_center_id=["CNC-02"], date_from="2026-02-16"), "totals")
    sql = (
        "SELECT count(*), sum(pbt_min), sum(apt_min), sum(produced), sum(good) FROM shift_log "
        "WHERE eq_id = 'L1.CNC02' AND shift_date >= '2026-02-16'"
    )
    (right,) = plant.look_up("mes", sql)
    names = ("shifts", "planned_busy_min", "production_min", "qty_produced", "qty_good")
    assert tuple(int(row[name]) for name in names) == right
    assert row["uom"] == "EA"


@guarantees("P7.stable_paging")
def test_pages_of_ten_give_the_same_periods_as_large_ones(plant: Plant) -> None:
    """None missing, none twice."""
    asked = {"site": "1000", "grain": "shift"}
    assert plant.every("get_oee", "periods", limit=10, **asked) == plant.every("get_oee", "periods", limit=200, **asked)


@guarantees("P1.scope", "P7.no_false_empty")
def test_an_unknown_work_centre_and_one_of_another_site_look_alike(plant: Plant) -> None:
    """Neither is said to exist."""
    answers = [plant.answer("get_oee", role="local", work_center_id=[one]) for one in ("CNC-21", "NONE-9")]
    assert answers[0].tables == answers[1].tables
    assert not any(table.rows for table in answers[0].tables.values())
    assert [answer.warnings for answer in answers] == [
        [f"No shift record in this window, or none in this role's scope: {one}."] for one in ("CNC-21", "NONE-9")
    ]


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    "window",
    [
        {"date_from": "2025-11-01", "date_to": "2026-03-15"},
        {"date_from": "2025-11-01"},
        {"date_from": "2026-04-01"},
    ],
)
def test_a_window_that_is_too_wide_or_upside_down_is_refused(plant: Plant, window: dict[str, str]) -> None:
    """An open end counts up to today."""
    refused = plant.refusal("get_oee", **window)
    assert refused.code == "call.invalid_argument"
    assert refused.facts["rule"] == "window"


@guarantees("P7.no_false_empty")
def test_without_shift_records_there_is_no_figure_but_a_refusal(plant: Plant) -> None:
    """An OEE of nothing is not zero."""
    with plant.without("shift_record"):
        refused = plant.refusal("get_oee", work_center_id=["ASM-01"])
    assert refused.code == "read_model.not_ready"
