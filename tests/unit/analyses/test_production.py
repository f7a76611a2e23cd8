"""Edge cases of the production analyses on a few rows: what the demo plant does not have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pytest

from erp_mcp.analyses import capacity, oee, order_differences, pareto, wip_ageing
from erp_mcp.analyses.rows import WorkCenterRow
from erp_mcp.domain.analysis import Analysis, Facts, Findings, RawCell
from erp_mcp.domain.answer import Gap
from erp_mcp.domain.call import ArgumentValue
from erp_mcp.errors import FieldNotKeptError
from tests.guarantees import guarantees
from tests.unit.analyses.small_plant import NOW, ONE, TODAY, make

Rows = dict[str, list[NamedTuple]]


def _ask(
    analysis: Analysis,
    rows: Rows,
    *,
    missing: tuple[str, ...] = (),
    lacking: tuple[str, ...] = (),
    **arguments: ArgumentValue,
) -> Findings:
    return analysis.function(
        Facts(
            rows={name: tuple(found) for name, found in rows.items()},
            arguments=arguments,
            today=TODAY,
            now=NOW,
            gaps=(
                *(Gap(entity=entity, reason="no_source") for entity in missing),
                *(Gap(entity="downtime", field=name, reason="no_field", system="mes") for name in lacking),
            ),
            lacking=frozenset(f"downtime.{name}" for name in lacking),
        )
    )


# --- OEE --------------------------------------------------------------------------------------------------------------


def _shift(day: str = "2026-03-15", **given: object) -> NamedTuple:
    values: dict[str, object] = {
        "work_center_id": "A", "shift_date": day, "shift": "early", "planned_busy_min": 400, "production_min": 300,
        "run_s_per_item": 60, "qty_produced": 240 * ONE, "qty_good": 180 * ONE,
    }  # fmt: skip
    return make(oee.ShiftRow, **values | given)


@guarantees("P7.key_figures")
def test_oee_is_the_product_of_its_three_factors() -> None:
    """Three quarters of the time, four fifths of the speed, three quarters of it good."""
    (row,) = _ask(oee.ANALYSIS, {"shifts": [_shift()]}).tables["totals"]
    assert row[5:9] == (75 * ONE, 80 * ONE, 75 * ONE, 45 * ONE)


@guarantees("P7.key_figures")
def test_ratios_of_a_period_are_made_of_sums_and_not_of_ratios() -> None:
    """A short bad shift weighs less than a long good one."""
    long, short = _shift(), _shift(shift="late", planned_busy_min=100, production_min=10, qty_produced=0, qty_good=0)
    (row,) = _ask(oee.ANALYSIS, {"shifts": [long, short]}).tables["totals"]
    assert row[5] == 62 * ONE  # 310 of 500, where the mean of 75 and 10 would be 42.5
    assert row[11] == 60 * ONE


@guarantees("P7.key_figures")
def test_quantities_of_several_units_are_not_added() -> None:
    """Availability and speed need no unit; the rest is left out and said so."""
    found = _ask(oee.ANALYSIS, {"shifts": [_shift(uom="EA"), _shift(shift="late", uom="KGM")]})
    (row,) = found.tables["totals"]
    assert row[5:9] == (75 * ONE, 80 * ONE, None, None)
    assert row[11:] == (None, None, None, None)
    assert found.warnings == ("Counted in several units, so quality and OEE are left out: A.",)


@guarantees("P7.key_figures")
def test_a_centre_that_was_not_to_work_has_no_availability_and_no_oee() -> None:
    """A day of no planned time is not a day of zero percent."""
    idle = _shift(planned_busy_min=0, production_min=0, qty_produced=0, qty_good=0)
    (row,) = _ask(oee.ANALYSIS, {"shifts": [idle]}).tables["totals"]
    assert row[5:9] == (None, None, None, None)


# --- downtime ---------------------------------------------------------------------------------------------------------


def _stop(began: str, ended: str | None, **given: object) -> NamedTuple:
    values: dict[str, object] = {"work_center_id": "A", "started_at": began, "ended_at": ended, "reason_code": "TOOL"}
    return make(pareto.StopRow, downtime_id=f"D{began}", **values | given)


@guarantees("P7.key_figures")
def test_a_stop_from_before_the_window_counts_inside_it_and_is_repaired_in_its_whole_length() -> None:
    """Two hours of three lie inside; the repair took three."""
    stop = _stop("2026-03-13T23:00:00Z", "2026-03-14T02:00:00Z")
    found = _ask(pareto.ANALYSIS, {"stops": [stop]}, date_from="2026-03-14")
    (row,) = found.tables["reasons"]
    assert (row[2], row[3], row[7]) == (120 * ONE, 1, 180 * ONE)


@guarantees("P7.key_figures")
def test_a_stop_that_lasts_counts_until_now_and_is_no_repair() -> None:
    """Nobody knows yet how long it takes."""
    (row,) = _ask(pareto.ANALYSIS, {"stops": [_stop("2026-03-16T04:00:00Z", None)]}).tables["total"]
    assert (row[3], row[6], row[9]) == (60 * ONE, 1, None)


@guarantees("P7.key_figures")
def test_a_stop_without_a_reason_is_a_reason_of_its_own() -> None:
    """Unexplained minutes are minutes."""
    stops = [_stop("2026-03-15T04:00:00Z", "2026-03-15T05:00:00Z", reason_code=None),
             _stop("2026-03-15T06:00:00Z", "2026-03-15T06:20:00Z")]  # fmt: skip
    rows = _ask(pareto.ANALYSIS, {"stops": stops}).tables["reasons"]
    assert [(row[1], row[4], row[5]) for row in rows] == [(None, 75 * ONE, 75 * ONE), ("TOOL", 25 * ONE, 100 * ONE)]


@guarantees("P7.names_what_a_source_lacks", "P7.key_figures")
def test_where_planned_stops_are_not_told_apart_no_figure_of_unplanned_ones_is_told_and_asking_is_refused() -> None:
    """All stops together are known; that they were all unplanned is not."""
    rows: Rows = {"stops": [_stop("2026-03-15T04:00:00Z", "2026-03-15T05:00:00Z")]}
    rows["shifts"] = [make(pareto.ProductionTimeRow, work_center_id="A", shift_date="2026-03-15", production_min=400)]
    found = _ask(pareto.ANALYSIS, rows, lacking=("planned",)).tables
    with pytest.raises(FieldNotKeptError) as refused:
        _ask(pareto.ANALYSIS, rows, lacking=("planned",), kind="unplanned")

    assert found["total"][0][2:] == (1, 60 * ONE, None, None, 0, 6_700_000, None, None)
    assert found["work_centers"][0][2:6] == (1, 60 * ONE, None, None)
    assert found["reasons"][0][6:] == (None, None)
    assert dict(refused.value.facts) == {"systems": ("mes",), "fields": ("downtime.planned",), "argument": "kind"}


@guarantees("P7.names_what_a_source_lacks")
def test_where_no_stop_has_an_end_it_is_said_that_those_that_are_over_are_unknown() -> None:
    """Two machines that stand still are not the stops of a month."""
    rows: Rows = {"stops": [_stop("2026-03-16T04:00:00Z", None)]}
    said = _ask(pareto.ANALYSIS, rows, lacking=("ended_at",)).warnings

    assert said == ("Only stops that last are known: those that are over are not told.",)
    assert _ask(pareto.ANALYSIS, rows).warnings == ()


@guarantees("P7.key_figures")
def test_a_centre_without_shift_records_has_no_part_in_the_time_between_stops() -> None:
    """Its stops would make the other's machine look worse."""
    stops = [_stop("2026-03-15T04:00:00Z", "2026-03-15T05:00:00Z", work_center_id=one) for one in ("A", "B")]
    shift = make(
        pareto.ProductionTimeRow, work_center_id="A", shift_date="2026-03-15", shift="early", production_min=300
    )
    found = _ask(pareto.ANALYSIS, {"stops": stops, "shifts": [shift]})
    assert found.tables["total"][0][8] == 5 * ONE
    assert {row[0]: row[8] for row in found.tables["work_centers"]} == {"A": 5 * ONE, "B": None}


# --- capacity ---------------------------------------------------------------------------------------------------------


def _work(start: str | None, minutes: int | None = 60, **given: object) -> NamedTuple:
    measured = 0 if minutes is None else 1
    values: dict[str, object] = {"work_center_id": "A", "planned_start": start, "work_min": minutes}
    return make(capacity.WorkRow, **{**values, "operations": 1, "measured": measured, **given})


def _day(day: str, minutes: int, center: str = "A") -> NamedTuple:
    return make(capacity.CapacityRow, work_center_id=center, capacity_date=day, available_min=minutes)


@guarantees("P7.key_figures")
def test_work_that_should_have_begun_counts_today_and_is_called_overdue() -> None:
    """It is still to be done; work that runs is neither waiting nor overdue."""
    work = [_work("2026-03-10T08:00:00Z"), _work("2026-03-11T08:00:00Z", request_state="Running")]
    found = _ask(capacity.ANALYSIS, {"waiting_work": work, "capacity": [_day(TODAY, 100)]}, weeks=1)
    assert found.tables["work_centers"][0][2:9] == (0, 1, 0, 1_700_000, 2 * ONE, 120 * ONE, 300_000)


@guarantees("P7.key_figures")
def test_work_without_a_start_or_without_minutes_is_counted_and_not_guessed() -> None:
    """One can't be placed, the other can't be measured."""
    found = _ask(capacity.ANALYSIS, {"waiting_work": [_work(None), _work("2026-03-17T08:00:00Z", None)]}, weeks=1)
    assert found.tables["work_centers"][0][2:9] == (1, 0, 2, None, None, None, None)


@guarantees("P7.key_figures")
def test_a_week_without_working_time_has_no_load_but_an_overload() -> None:
    """Everything planned into a shutdown is too much."""
    rows: Rows = {"waiting_work": [_work("2026-03-17T08:00:00Z")], "capacity": [_day("2026-03-17", 0)]}
    (row,) = _ask(capacity.ANALYSIS, rows, weeks=1).tables["weeks"]
    assert row[2:] == ("2026-W12", TODAY, "2026-03-22", 1, 0, ONE, None, ONE)


@guarantees("P7.key_figures")
def test_a_horizon_that_begins_in_the_middle_of_a_week_ends_in_the_middle_of_one() -> None:
    """Fourteen days are fourteen days; weeks are those of ISO 8601, over the turn of the year too."""
    facts = Facts(
        rows={"capacity": (_day("2026-12-31", 60),)},
        arguments={"weeks": 2},
        today="2026-12-30",
        now="2026-12-30T06:00:00Z",
    )
    found = capacity.capacity_load(facts).tables["weeks"]
    assert [row[2:5] for row in found] == [
        ("2026-W53", "2026-12-30", "2027-01-03"),
        ("2027-W01", "2027-01-04", "2027-01-10"),
        ("2027-W02", "2027-01-11", "2027-01-12"),
    ]


# --- work in process --------------------------------------------------------------------------------------------------


def _started(job: str, began: str, order: str = "P") -> NamedTuple:
    return make(wip_ageing.StartedJobRow, job_id=job, production_order_id=order, started_at=began)


def _amounts(**given: object) -> Sequence[tuple[RawCell, ...]]:
    order = make(wip_ageing.OrderQuantityRow, production_order_id="P", material_id="M", qty_planned=10 * ONE, **given)
    price = make(
        wip_ageing.StandardPriceRow, material_id="M", standard_price=1_0000, price_unit=3, currency="EUR"
    )  # fmt: skip
    jobs = [_started("J1", "2026-03-16T04:00:00Z"), _started("J2", "2026-03-14T04:00:00Z")]
    return _ask(wip_ageing.ANALYSIS, {"jobs": jobs, "orders": [order], "prices": [price]}).tables["amounts"]


@guarantees("P7.key_figures", "P7.exact_numbers")
def test_an_order_with_two_jobs_is_valued_once_with_the_older_and_to_the_cent() -> None:
    """Ten at one euro for three are 3.33."""
    assert _amounts() == [(48, 168, 1, 10 * ONE, "C62", 3_3300, "EUR")]


@guarantees("P7.key_figures")
def test_what_was_delivered_or_scrapped_is_not_in_work_and_more_than_planned_is_none() -> None:
    """An order that made more than it should holds nothing back."""
    assert _amounts(qty_yield=4 * ONE, qty_scrap=ONE)[0][3] == 5 * ONE
    assert _amounts(qty_yield=12 * ONE)[0][3] == 0


@guarantees("P7.key_figures")
def test_a_job_whose_clock_is_ahead_has_just_begun() -> None:
    """Clocks of two systems differ."""
    found = _ask(wip_ageing.ANALYSIS, {"jobs": [_started("J1", "2026-03-16T05:02:00Z")]}).tables["buckets"]
    assert found[0] == (0, 8, 1, "J1", 0)


# --- orders beside jobs -----------------------------------------------------------------------------------------------


def _compared(
    job: dict[str, object] | None = None,
    order: dict[str, object] | None = None,
    operation: dict[str, object] | None = None,
    confirmed: tuple[int, int] | None = None,
) -> list[tuple[RawCell, ...]]:
    """Return field, ERP, MES, cause and whether it is explained, for one job that agrees but for what is given."""
    floor: dict[str, object] = {"operation_id": "0010", "work_center_id": "A", "response_state": "Running"}
    made: dict[str, object] = {"material_id": "M", "request_state": "Running", "scheduled_finish": "2026-03-20"}
    step: dict[str, object] = {"operation_id": "0010", "work_center_id": "A", "request_state": "Running"}
    rows: Rows = {
        "jobs": [make(order_differences.FloorJobRow, job_id="J", production_order_id="P", **floor | (job or {}))],
        "orders": [make(order_differences.ErpOrderRow, production_order_id="P", **made | (order or {}))],
        "operations": [
            make(order_differences.ErpOperationRow, production_order_id="P", **step | (operation or {}))
        ],
        "work_centers": [make(WorkCenterRow, work_center_id="A", alternative_id="B")],
    }  # fmt: skip
    if confirmed is not None:
        good, scrap = (one * ONE for one in confirmed)
        told = make(
            order_differences.ConfirmedRow,
            production_order_id="P",
            operation_id="0010",
            qty_yield=good,
            qty_scrap=scrap,
        )
        rows["confirmations"] = [told]
    found = _ask(order_differences.ANALYSIS, rows).tables["differences"]
    return [(*row[4:7], row[8], row[9]) for row in found]


@guarantees("P7.right_cause")
def test_sides_that_say_the_same_give_no_difference() -> None:
    """A paused job of a running step has begun on both sides."""
    assert _compared() == []
    assert _compared({"response_state": "Paused"}) == []
    assert _compared({"response_state": "Ready"}, {"request_state": "Released"}, {"request_state": "Waiting"}) == []


@guarantees("P7.right_cause")
@pytest.mark.parametrize(
    ("job", "order", "operation", "right"),
    [
        ({}, {"request_state": "Closed"}, {}, ("state", "Closed", "Running", "order_finished_in_erp", False)),
        ({}, {"request_state": "Held"}, {}, ("state", "Held", "Running", "runs_while_held", False)),
        ({}, {}, {"request_state": "Waiting"}, ("state", "Waiting", "Running", "not_confirmed_yet", False)),
        ({"response_state": "Ready"}, {}, {}, ("state", "Running", "Ready", "confirmed_ahead", False)),
        ({"work_center_id": "B"}, {}, {}, ("work_center", "A", "B", "moved_to_alternative", True)),
        ({"work_center_id": "C"}, {}, {}, ("work_center", "A", "C", "moved", False)),
        ({"material_id": "X"}, {}, {}, ("material", "M", "X", "other_material", False)),
        (
            {"expected_finish": "2026-03-21T06:00:00Z"}, {}, {},
            ("finish", "2026-03-20", "2026-03-21", "late_on_the_floor", False),
        ),
    ],
)  # fmt: skip
def test_what_differs_is_told_with_both_sides_and_a_likely_cause(
    job: dict[str, object], order: dict[str, object], operation: dict[str, object], right: tuple[RawCell, ...]
) -> None:
    """One field at a time."""
    assert _compared(job, order, operation) == [right]


@guarantees("P7.right_cause")
@pytest.mark.parametrize(
    ("counted", "confirmed", "state", "causes"),
    [
        ((5, 0), (0, 0), "Running", [("qty_good", "in_progress", True)]),
        ((5, 0), (3, 0), "Completed", [("qty_good", "not_confirmed_yet", False)]),
        ((3, 0), (5, 0), "Running", [("qty_good", "confirmed_ahead", False)]),
        ((4, 2), (5, 1), "Completed", [(name, "counted_differently", False) for name in ("qty_good", "qty_scrap")]),
    ],
)  # fmt: skip
def test_quantities_differ_for_different_reasons(
    counted: tuple[int, int], confirmed: tuple[int, int], state: str, causes: list[tuple[str, str, bool]]
) -> None:
    """A step in progress is confirmed later; the same sum split differently was counted differently."""
    good, scrap = (one * ONE for one in counted)
    job: dict[str, object] = {"qty_good": good, "qty_scrap": scrap, "response_state": state}
    found = _compared(job, operation={"request_state": state}, confirmed=confirmed)
    assert [(row[0], row[3], row[4]) for row in found] == causes


@guarantees("P7.right_cause")
def test_another_unit_is_not_compared() -> None:
    """Five of one unit are not five of another."""
    assert _compared({"qty_good": 5 * ONE, "uom": "KGM"}, confirmed=(3, 0)) == []


@guarantees("P7.right_cause")
def test_an_order_that_the_erp_does_not_have_and_a_step_that_no_job_is_for_are_named() -> None:
    """Each side can lack what the other has."""
    step = make(
        order_differences.ErpOperationRow, production_order_id="P", operation_id="0010", request_state="Running"
    )  # fmt: skip
    rows: Rows = {
        "jobs": [make(order_differences.FloorJobRow, job_id="J", production_order_id="P9", work_center_id="A")],
        "orders": [make(order_differences.ErpOrderRow, production_order_id="P", request_state="Running")],
        "running": [step],
    }
    found = _ask(order_differences.ANALYSIS, rows, missing=("production_confirmation",)).tables
    assert [(row[0], row[4], row[8]) for row in found["differences"]] == [
        ("P9", "order", "order_not_found"),
        ("P", "job", "no_job_on_the_floor"),
    ]
    assert found["compared"] == [(0, 0, 2, 2)]


@guarantees("P7.no_false_empty", "P7.names_what_a_source_lacks")
@pytest.mark.parametrize(("entity", "side"), [("job", "shop floor (MES)"), ("production_order", "ERP")])
def test_with_a_side_that_was_never_read_nothing_is_found_missing_there_and_what_to_do_is_said(
    entity: str, side: str
) -> None:
    """A floor nobody has read yet has no job for any step: that is no finding about the steps."""
    job = make(order_differences.FloorJobRow, job_id="J", production_order_id="P9", work_center_id="A")
    step = make(order_differences.ErpOperationRow, production_order_id="P", operation_id="10", request_state="Running")
    order = make(order_differences.ErpOrderRow, production_order_id="P", request_state="Running")
    rows: Rows = {"jobs": [job]} if entity == "production_order" else {"orders": [order], "running": [step]}

    found = _ask(order_differences.ANALYSIS, rows, missing=(entity,))

    assert (dict(found.tables), found.complete) == ({"differences": [], "compared": []}, False)
    assert f"no data of the {side} was read" in found.warnings[0]
    assert "`erp-mcp sync`" in found.warnings[0]


@guarantees("P7.no_false_empty")
def test_nothing_to_compare_is_not_called_agreement() -> None:
    """Without a row on either side there is a warning and no count."""
    found = _ask(order_differences.ANALYSIS, {})
    assert (list(found.tables["differences"]), found.tables["compared"]) == ([], [])
    assert found.warnings
