"""The history of an asset, figured again from the ERP's and the shop floor's own tables."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

TOOL = "get_asset_history"
ZONE = ZoneInfo("Europe/Berlin")


def _clock(plant: Plant) -> datetime:
    return datetime.fromisoformat(plant.look_up("truth", "SELECT value FROM truth_meta WHERE name = 'clock'")[0][0])


def _rounded(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)


def _figured(plant: Plant, center: str, days: int) -> dict[str, Any]:
    """Work the figures out from the copied maintenance orders alone, by the definition, without the tool's code."""
    now = _clock(plant)
    start = now - timedelta(days=days)
    first, today = start.astimezone(ZONE).date().isoformat(), now.astimezone(ZONE).date().isoformat()
    repairs: list[tuple[datetime, datetime | None]] = []
    judged: list[bool] = []
    for kind, state, planned, began, ended in plant.look_up(
        "read_model",
        "SELECT order_type, order_state, planned_finish, actual_start, actual_finish FROM maintenance_order"
        " WHERE work_center_id = ?",
        (center,),
    ):
        done = datetime.fromisoformat(ended) if ended else None
        if kind == "repair" and began:
            repairs.append((datetime.fromisoformat(began), done))
        if kind == "preventive" and first <= planned < today:
            if done is not None:
                judged.append(done.astimezone(ZONE).date().isoformat() <= planned)
            elif state != "completed":
                judged.append(False)
    failures = [one for one in repairs if start <= one[0] <= now]
    down = sum((max(timedelta(), min(end or now, now) - max(began, start)) for began, end in repairs), timedelta())
    lengths = [end - began for began, end in failures if end]
    hour = Decimal(3600)
    free = Decimal(int((now - start - down).total_seconds()))
    spent = Decimal(int(sum(lengths, timedelta()).total_seconds()))
    return {
        "failures": len(failures),
        "mtbf_h": _rounded(free / len(failures) / hour) if failures else None,
        "mttr_h": _rounded(spent / len(lengths) / hour) if lengths else None,
        "pm_due": len(judged),
        "pm_on_time": sum(judged),
        "pm_compliance_pct": _rounded(Decimal(100 * sum(judged)) / len(judged)) if judged else None,
    }


def _told(row: dict[str, Any]) -> dict[str, Any]:
    counts = {name: row[name] for name in ("failures", "pm_due", "pm_on_time")}
    shares = ("mtbf_h", "mttr_h", "pm_compliance_pct")
    return counts | {name: None if row[name] is None else Decimal(row[name]) for name in shares}


def _centers(plant: Plant) -> list[str]:
    return [name for (name,) in plant.look_up("erp", "SELECT DISTINCT wc_no FROM maint_order ORDER BY 1")]


@guarantees("P7.golden_reads", "P7.asset_figures")
@pytest.mark.parametrize(("role", "days"), [("planner", 30), ("planner", 180), ("planner", 366), ("maintenance", 730)])
def test_figures_of_every_work_center_are_those_worked_out_apart(plant: Plant, role: str, days: int) -> None:
    """Failures, hours between them and to repair them, and preventive work in time."""
    figured = {name: _figured(plant, name, days) for name in _centers(plant)}
    told = {}
    for name in figured:
        (row,) = rows_of(plant.answer(TOOL, role=role, work_center_id=name, window_days=days), "figures")
        told[name] = _told(row)

    assert told == figured
    assert any(one["failures"] for one in figured.values())
    assert any(one["pm_due"] for one in figured.values())


@guarantees("P9.bounded", "input.clear_errors")
def test_two_years_are_for_roles_whose_cap_allows_them_and_nobody_gets_more(plant: Plant) -> None:
    """Wear shows over years; a role without a cap of its own keeps to one year."""
    refused = plant.refusal(TOOL, work_center_id="ASM-02", window_days=730)

    assert (refused.code, refused.facts["rule"], refused.facts["max_days"]) == ("call.invalid_argument", "window", 366)
    assert plant.refusal(TOOL, role="maintenance", work_center_id="ASM-02", window_days=731).facts["rule"] != "window"


@guarantees("P7.golden_reads")
def test_unplanned_stops_are_those_of_the_shop_floor(plant: Plant) -> None:
    """Beside the repairs, not mixed with them."""
    start = (_clock(plant) - timedelta(days=90)).strftime("%Y-%m-%dT%H:%M:%SZ")
    ((stops, minutes),) = plant.look_up(
        "mes",
        "SELECT COUNT(*), SUM(strftime('%s', ended_at) - strftime('%s', began_at)) / 60 FROM stop_event"
        " WHERE eq_id = 'L1.ASM02' AND planned = 0 AND ended_at IS NOT NULL AND began_at >= ?",
        (start,),
    )
    (row,) = rows_of(plant.answer(TOOL, work_center_id="ASM-02", window_days=90), "figures")

    assert (row["unplanned_stops"], row["unplanned_stop_min"]) == (stops, minutes)


@guarantees("P7.golden_reads")
def test_an_asset_has_the_history_of_its_work_center(plant: Plant) -> None:
    """Each asset stands at one work centre in this plant."""
    assets: defaultdict[str, set[str]] = defaultdict(set)
    for asset, center in plant.look_up("read_model", "SELECT asset_id, work_center_id FROM maintenance_order"):
        assets[asset].add(center)
    asset, (center,) = min(assets.items())

    by_asset, by_center = plant.answer(TOOL, asset_id=asset), plant.answer(TOOL, work_center_id=center)

    assert by_asset.tables == by_center.tables
    assert rows_of(by_asset, "events")


@guarantees("P7.stable_paging")
def test_one_event_a_page_give_the_same_events(plant: Plant) -> None:
    """Latest planned start first."""
    busiest = plant.look_up("erp", "SELECT wc_no FROM maint_order GROUP BY 1 ORDER BY COUNT(*) DESC, 1 LIMIT 1")[0][0]
    by_one = plant.every(TOOL, "events", work_center_id=busiest, window_days=366, limit=1)

    assert by_one == plant.every(TOOL, "events", work_center_id=busiest, window_days=366)
    assert len(by_one) > 1
    planned = [row["planned_start"] for row in by_one]
    assert planned == sorted(planned, reverse=True)


@guarantees("P7.no_false_empty")
def test_an_asset_of_another_site_and_one_that_is_unknown_answer_alike(plant: Plant) -> None:
    """Nothing as of a time, with the same sentence."""
    ((elsewhere,),) = plant.look_up("read_model", "SELECT MIN(asset_id) FROM maintenance_order WHERE site = '2000'")
    answers = [plant.answer(TOOL, role="local", asset_id=one) for one in (elsewhere, "NOTHING")]

    assert answers[0].tables == answers[1].tables
    assert answers[0].warnings == answers[1].warnings
    assert not rows_of(answers[0], "figures")
    assert rows_of(plant.answer(TOOL, asset_id=elsewhere), "figures")


@guarantees("P7.names_what_a_source_lacks")
def test_a_shop_floor_that_is_missing_leaves_stops_out_and_is_named(plant: Plant) -> None:
    """The ERP's figures stand."""
    whole = plant.answer(TOOL, work_center_id="ASM-02")
    with plant.without("downtime"):
        answer = plant.answer(TOOL, work_center_id="ASM-02")

    assert not answer.complete
    assert [gap.entity for gap in answer.gaps] == ["downtime"]
    (row,), (other,) = rows_of(answer, "figures"), rows_of(whole, "figures")
    assert _told(row) == _told(other)
    assert (row["unplanned_stops"], row["unplanned_stop_min"]) == (None, None)


@guarantees("P7.asset_figures")
@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [({}, "asset_id"), ({"asset_id": "A-1", "window_days": 367}, "window_days"), ({"asset_id": ""}, "asset_id")],
)
def test_nothing_named_and_a_window_too_wide_are_refused(plant: Plant, arguments: dict[str, Any], wrong: str) -> None:
    """With the argument that is wrong."""
    refused = plant.refusal(TOOL, **arguments)

    assert (refused.code, refused.facts["argument"]) == ("call.invalid_argument", wrong)
