"""Quality notifications: those of the ERP, none else, and text that stays data."""

from __future__ import annotations

from typing import Any, Final

import pytest

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

TOOL = "list_quality_notifications"
STATES = {"OSNO": "open", "NOPR": "in_process", "NOCO": "closed"}
ALL: Final[list[JsonValue]] = ["open", "in_process", "closed"]


def _native(plant: Plant, where: str = "1 = 1", *parameters: object) -> dict[str, tuple[Any, ...]]:
    """What the ERP's own table holds: state, severity, lot, its supplier, defect and hold by number."""
    found = plant.look_up(
        "erp",
        "SELECT q.qn_no, q.stat, q.severity, q.mat_no, q.lot_no, b.vendor_no, q.defect, q.hold_flag, q.opened_at,"
        f" q.descr FROM qual_notif AS q LEFT JOIN batch AS b ON b.lot_no = q.lot_no WHERE {where}",
        parameters,
    )
    return {row[0]: (STATES[row[1]], *row[2:7], bool(row[7]), *row[8:]) for row in found}


def _told(rows: list[dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    names = ("order_state", "severity", "material_id", "lot_id", "supplier_id", "defect_code", "hold", "opened_at")
    return {row["notification_id"]: tuple(row[name] for name in (*names, "description")) for row in rows}


@guarantees("P7.golden_reads")
def test_every_notification_is_listed_as_the_erp_holds_it(plant: Plant) -> None:
    """State, severity, lot with its supplier, defect, hold and text, all of them."""
    told = _told(plant.every(TOOL, "notifications", status=ALL))

    assert told == _native(plant)
    assert len(told) > 10


@guarantees("P7.golden_reads")
@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ({}, "q.stat <> 'NOCO'"),
        ({"status": ["closed"]}, "q.stat = 'NOCO'"),
        ({"status": ALL, "severity": ["2"]}, "q.severity = '2'"),
        ({"status": ALL, "hold_only": True}, "q.hold_flag = 1"),
        ({"site": "2000"}, "q.stat <> 'NOCO' AND q.plant = '2000'"),
    ],
)
def test_a_filter_keeps_what_it_names(plant: Plant, arguments: dict[str, Any], where: str) -> None:
    """Each filter alone, and the default of what is not closed."""
    expected = set(_native(plant, where))

    assert expected
    assert set(_told(plant.every(TOOL, "notifications", **arguments))) == expected


@guarantees("P7.golden_reads")
def test_notifications_are_found_by_material_lot_and_the_supplier_of_the_lot(plant: Plant) -> None:
    """The supplier stands on the lot, not on the notification."""
    number, (_, _, material, lot, supplier, *_) = min(_native(plant).items())

    by_material = set(_told(plant.every(TOOL, "notifications", status=ALL, material_id=material)))
    by_lot = set(_told(plant.every(TOOL, "notifications", status=ALL, lot_id=lot)))
    by_supplier = set(_told(plant.every(TOOL, "notifications", status=ALL, supplier_id=supplier)))

    assert number in by_lot <= by_material & by_supplier
    assert by_material == set(_native(plant, "q.mat_no = ?", material))
    assert by_supplier == set(_native(plant, "b.vendor_no = ?", supplier))


@guarantees("P7.golden_reads")
def test_age_is_counted_from_the_plant_clock(plant: Plant) -> None:
    """Whole days between opening and now; both bounds count."""
    clock = plant.look_up("truth", "SELECT value FROM truth_meta WHERE name = 'clock'")[0][0]
    counted = "SELECT qn_no, CAST(julianday(?) - julianday(opened_at) AS INTEGER) FROM qual_notif"
    ages = dict(plant.look_up("erp", counted, (clock,)))
    old = {number for number, days in ages.items() if days >= 8}

    assert 0 < len(old) < len(ages)
    assert set(_told(plant.every(TOOL, "notifications", status=ALL, min_age_days=8))) == old
    assert set(_told(plant.every(TOOL, "notifications", status=ALL, max_age_days=7))) == set(ages) - old


@guarantees("P7.stable_paging")
def test_ten_rows_a_page_give_the_same_notifications(plant: Plant) -> None:
    """Newest first, over the end of a page."""
    whole = rows_of(plant.answer(TOOL, status=ALL), "notifications")
    paged = plant.every(TOOL, "notifications", status=ALL, limit=10)

    assert paged == whole
    opened = [row["opened_at"] for row in whole]
    assert opened == sorted(opened, reverse=True)


@guarantees("P8.text_is_data")
def test_an_instruction_in_a_notification_arrives_as_marked_data(plant: Plant) -> None:
    """The planted text comes as it is, in a column that is named as outside text."""
    ((hostile,),) = plant.look_up("truth", "SELECT id FROM truth_role WHERE role = 'injected_notification#1'")
    answer = plant.answer(TOOL, status=ALL)
    (row,) = [one for one in rows_of(answer) if one["notification_id"] == hostile]

    assert "IGNORE PREVIOUS INSTRUCTIONS" in row["description"]
    table = answer.tables["notifications"]
    assert list(table.untrusted) == ["description"]


@guarantees("P7.no_false_empty")
def test_an_unknown_lot_and_one_of_another_site_answer_alike(plant: Plant) -> None:
    """Nothing tells a reader of site 1000 that the lot exists at 2000."""
    elsewhere = min(_native(plant, "q.plant = '2000'").values())[3]
    answers = [plant.answer(TOOL, role="local", status=ALL, lot_id=lot) for lot in (elsewhere, "L999999")]

    assert answers[0].tables == answers[1].tables
    assert not rows_of(answers[0])
    assert rows_of(plant.answer(TOOL, status=ALL, lot_id=elsewhere))


@guarantees("P7.names_what_a_source_lacks")
def test_a_supplier_that_no_lot_names_is_refused_and_not_answered_as_none(plant: Plant) -> None:
    """Where lots do not say who sent them, no notification can be chosen by supplier."""
    with plant.lacking(lot="supplier_id"):
        refused = plant.refusal(TOOL, supplier_id="S0001")
        whole = plant.answer(TOOL)

    assert refused.code == "answer.field_not_kept"
    assert [gap.name for gap in whole.gaps] == ["lot.supplier_id"]
    assert rows_of(whole)


@guarantees("P7.names_what_a_source_lacks")
@pytest.mark.parametrize("arguments", [{"status": ["lost"]}, {"min_age_days": -1}, {"severity": "2"}])
def test_a_value_that_is_no_such_thing_is_refused(plant: Plant, arguments: dict[str, Any]) -> None:
    """With the code that names the argument; nothing is guessed."""
    refused = plant.refusal(TOOL, **arguments)

    assert refused.code == "call.invalid_argument"
    assert refused.facts["argument"] in arguments
