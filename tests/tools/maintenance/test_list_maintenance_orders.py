"""Maintenance orders beside what the shop floor says of its machines."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

import pytest

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

TOOL = "list_maintenance_orders"
ALL: Final[list[JsonValue]] = ["open", "in_process", "completed"]


def _ids(rows: list[dict[str, Any]]) -> set[str]:
    return {row["maintenance_order_id"] for row in rows}


def _native(plant: Plant, where: str) -> set[str]:
    return {number for (number,) in plant.look_up("erp", f"SELECT mnt_no FROM maint_order WHERE {where}")}


@contextmanager
def _shop_floor_just_said(plant: Plant) -> Iterator[None]:
    """Let the feed of machine states be as young as the plant clock for a while."""
    with closing(sqlite3.connect(plant.folder / "read_model.sqlite")) as model:
        (before,) = model.execute("SELECT as_of FROM sync_state WHERE entity = 'machine_state'").fetchone()
        clock = plant.look_up("truth", "SELECT value FROM truth_meta WHERE name = 'clock'")[0][0]
        model.execute("UPDATE sync_state SET as_of = ? WHERE entity = 'machine_state'", (clock,))
        model.commit()
        try:
            yield
        finally:
            model.execute("UPDATE sync_state SET as_of = ? WHERE entity = 'machine_state'", (before,))
            model.commit()


@guarantees("P7.golden_reads")
def test_overdue_preventive_orders_are_those_that_were_planted(plant: Plant) -> None:
    """Past their planned end and not completed."""
    planted = {key for (key,) in plant.look_up("truth", "SELECT key FROM truth_answer WHERE question = '35'")}
    rows = plant.every(TOOL, "orders", order_type=["preventive"], overdue_only=True)

    assert _ids(rows) == planted
    assert plant.every(TOOL, "orders", order_type=["preventive"], overdue_only=True, status=ALL) == rows
    assert all(row["days_overdue"] > 0 for row in rows)


@guarantees("P7.golden_reads")
@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ({}, "stat <> 'CMPL'"),
        ({"status": ["completed"]}, "stat = 'CMPL'"),
        ({"status": ALL, "order_type": ["repair"]}, "mnt_type = 'PM01'"),
        ({"status": ALL, "work_center_id": "CNC-01"}, "wc_no = 'CNC-01'"),
        ({"site": "2000", "status": ALL}, "plant = '2000'"),
        ({"down_only": True}, "down_flag = 1"),
        ({"status": ALL, "planned_from": "2026-03-01", "planned_to": "2026-03-31"}, "start_plan LIKE '2026-03-%'"),
    ],
)
def test_a_filter_keeps_what_it_names(plant: Plant, arguments: dict[str, Any], where: str) -> None:
    """Each filter alone, and the default of what is not completed."""
    expected = _native(plant, where)

    assert expected
    assert _ids(plant.every(TOOL, "orders", **arguments)) == expected


@guarantees("P7.golden_reads")
def test_orders_are_found_by_asset_and_priority(plant: Plant) -> None:
    """As the ERP holds them."""
    rows = plant.every(TOOL, "orders", status=ALL)
    first = min(rows, key=lambda row: str(row["maintenance_order_id"]))

    by_asset = plant.every(TOOL, "orders", status=ALL, asset_id=first["asset_id"])
    assert _ids(by_asset) == {row["maintenance_order_id"] for row in rows if row["asset_id"] == first["asset_id"]}
    by_priority = plant.every(TOOL, "orders", status=ALL, priority=["high"])
    assert _ids(by_priority) == {row["maintenance_order_id"] for row in rows if row["priority"] == "high"}
    assert 0 < len(by_priority) < len(rows)


@guarantees("P7.machine_says")
def test_what_the_erp_calls_down_comes_with_a_gap_where_the_shop_floor_is_too_old(plant: Plant) -> None:
    """The feed of machine states is 47 minutes old: its word is left out and named, the ERP's stands."""
    answer = plant.answer(TOOL, down_only=True)

    assert _ids(rows_of(answer, "orders")) == _native(plant, "down_flag = 1")
    assert not rows_of(answer, "machines")
    assert not answer.complete
    (gap,) = [one for one in answer.gaps if one.entity == "machine_state"]
    assert (gap.reason, gap.system, gap.as_of) == ("too_old", "mes", "2026-03-16T04:13:00Z")


@guarantees("P7.machine_says")
def test_machines_are_told_as_a_shop_floor_says_them_that_just_reported(plant: Plant) -> None:
    """Down ones are listed whether an order is listed for them or not; the ERP's flag is not mixed with them."""
    down = {
        name for (name,) in plant.look_up("read_model", "SELECT work_center_id FROM machine_state WHERE state = 'down'")
    }
    with _shop_floor_just_said(plant):
        answer = plant.answer(TOOL, order_type=["preventive"])
        one = plant.answer(TOOL, work_center_id="PNT-01")

    listed = {row["work_center_id"] for row in rows_of(answer, "orders")}
    told = {row["work_center_id"]: row["state"] for row in rows_of(answer, "machines")}
    assert down
    assert {name for name, state in told.items() if state == "down"} == down
    assert set(told) == listed | down
    assert answer.complete
    assert {row["work_center_id"] for row in rows_of(one, "machines")} == {"PNT-01"}


@guarantees("P7.stable_paging")
def test_ten_rows_a_page_give_the_same_orders(plant: Plant) -> None:
    """Earliest planned end first."""
    by_ten = plant.every(TOOL, "orders", status=ALL, limit=10)

    assert by_ten == plant.every(TOOL, "orders", status=ALL, limit=200)
    assert len(by_ten) > 20
    planned = [row["planned_finish"] for row in by_ten]
    assert planned == sorted(planned)


@guarantees("P7.no_false_empty")
def test_a_work_center_of_another_site_and_one_that_is_unknown_answer_alike(plant: Plant) -> None:
    """No rows as of a time, in both cases."""
    ((elsewhere,),) = plant.look_up("erp", "SELECT MIN(wc_no) FROM maint_order WHERE plant = '2000'")
    answers = [plant.answer(TOOL, role="local", status=ALL, work_center_id=one) for one in (elsewhere, "XYZ-99")]

    assert answers[0].tables == answers[1].tables
    assert not rows_of(answers[0], "orders")
    assert rows_of(plant.answer(TOOL, status=ALL, work_center_id=elsewhere), "orders")


@guarantees("P8.text_is_data")
def test_descriptions_are_marked_as_outside_text(plant: Plant) -> None:
    """Whoever writes a maintenance order writes data, never instructions."""
    assert list(plant.answer(TOOL).tables["orders"].untrusted) == ["description"]


@guarantees("P7.names_what_a_source_lacks")
def test_an_asset_that_no_order_names_is_refused_and_not_answered_as_none(plant: Plant) -> None:
    """Where orders keep no asset, none can be chosen by it."""
    with plant.lacking(maintenance_order="asset_id"):
        refused = plant.refusal(TOOL, asset_id="A-1")

    assert (refused.code, refused.facts["argument"]) == ("answer.field_not_kept", "asset_id")


@guarantees("P7.names_what_a_source_lacks")
@pytest.mark.parametrize(
    "arguments", [{"order_type": ["calibration"]}, {"status": ["done"]}, {"planned_from": "2026-02-30"}]
)
def test_a_value_that_is_no_such_thing_is_refused(plant: Plant, arguments: dict[str, Any]) -> None:
    """With the argument that is wrong."""
    refused = plant.refusal(TOOL, **arguments)

    assert refused.code == "call.invalid_argument"
    assert refused.facts["argument"] in arguments
