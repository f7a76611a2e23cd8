"""Figures of an asset, from a handful of maintenance orders whose times are plain to see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from erp_mcp.analyses.asset_history import ANALYSIS, StopRow, WorkRow
from erp_mcp.domain.analysis import Facts, Findings
from erp_mcp.domain.answer import Gap
from erp_mcp.errors import InvalidArgumentError
from tests.guarantees import guarantees

NOW = "2026-03-16T05:00:00Z"
HOUR = 1_000_000  # an hour, or a percent, as figures are kept
NAMES = (
    "asset",
    "center",
    "site",
    "from",
    "to",
    "failures",
    "mtbf",
    "mttr",
    "due",
    "on_time",
    "pct",
    "stops",
    "stop_min",
)


def _order(number: str, **given: Any) -> WorkRow:
    values: dict[str, Any] = dict.fromkeys(WorkRow._fields)
    values |= {"maintenance_order_id": number, "site": "1000", "work_center_id": "WC", "order_state": "completed"}
    return WorkRow(**{**values, **given})


def _repair(number: str, began: str | None, ended: str | None = None, **given: Any) -> WorkRow:
    return _order(number, order_type="repair", actual_start=began, actual_finish=ended, **given)


def _preventive(number: str, planned: str, ended: str | None = None, **given: Any) -> WorkRow:
    return _order(number, order_type="preventive", planned_finish=planned, actual_finish=ended, **given)


def _history(
    orders: Iterable[WorkRow],
    *,
    stops: Iterable[StopRow] = (),
    gaps: tuple[Gap, ...] = (),
    lacking: frozenset[str] = frozenset(),
    days: int = 10,
) -> Findings:
    facts = Facts(
        rows={"orders": tuple(orders), "stops": tuple(stops)},
        arguments={"work_center_id": "WC", "window_days": days},
        today="2026-03-16",
        now=NOW,
        gaps=gaps,
        zone=ZoneInfo("Europe/Berlin"),
        lacking=lacking,
    )
    return ANALYSIS.function(facts)


def _figures(found: Findings) -> dict[str, Any]:
    (row,) = found.tables["figures"]
    return dict(zip(NAMES, row, strict=True))


@guarantees("P7.asset_figures")
def test_hours_between_failures_leave_repairs_out_and_hours_to_repair_are_their_mean() -> None:
    """Ten days are 240 hours; two repairs of 4 and 6 hours leave 230 for two failures."""
    found = _figures(
        _history(
            [
                _repair("1", "2026-03-08T05:00:00Z", "2026-03-08T09:00:00Z"),
                _repair("2", "2026-03-12T05:00:00Z", "2026-03-12T11:00:00Z"),
            ]
        )
    )

    assert (found["failures"], found["mtbf"], found["mttr"]) == (2, 115 * HOUR, 5 * HOUR)


@guarantees("P7.asset_figures")
def test_a_repair_that_goes_on_takes_time_and_has_no_length_yet() -> None:
    """Since the day before, 24 of 240 hours; nobody knows how long it will be."""
    found = _figures(_history([_repair("1", "2026-03-15T05:00:00Z", order_state="in_process")]))

    assert (found["failures"], found["mtbf"], found["mttr"]) == (1, 216 * HOUR, None)


@guarantees("P7.asset_figures")
def test_a_repair_that_began_before_the_window_is_no_failure_in_it_but_takes_its_time() -> None:
    """Half a day of it lies inside."""
    early = _repair("1", "2026-03-05T05:00:00Z", "2026-03-06T17:00:00Z")
    found = _figures(_history([early, _repair("2", "2026-03-10T05:00:00Z", "2026-03-10T06:00:00Z")]))

    assert (found["failures"], found["mtbf"], found["mttr"]) == (1, 227 * HOUR, HOUR)


@guarantees("P7.asset_figures")
def test_without_a_failure_there_is_no_time_between_failures() -> None:
    """None is not zero and not for ever."""
    found = _figures(_history([_preventive("1", "2026-03-10", "2026-03-10T10:00:00Z")]))

    assert (found["failures"], found["mtbf"], found["mttr"]) == (0, None, None)


@guarantees("P7.asset_figures")
def test_work_in_time_is_judged_by_the_plant_s_day_and_what_is_not_done_is_late() -> None:
    """At 23:30 UTC it is the next day in the plant; today's work is not due yet; a third done in time is 33.3 %."""
    found = _history(
        [
            _preventive("1", "2026-03-10", "2026-03-10T22:30:00Z"),
            _preventive("2", "2026-03-10", "2026-03-10T23:30:00Z"),
            _preventive("3", "2026-03-12", order_state="open"),
            _preventive("4", "2026-03-16", order_state="open"),
            _preventive("5", "2026-03-01", order_state="open"),
        ]
    )

    assert [_figures(found)[name] for name in ("due", "on_time", "pct")] == [3, 1, 33_300_000]
    judged = {row[0]: row[11] for row in found.tables["events"]}
    assert judged == {"1": True, "2": False, "3": False}


@guarantees("P7.asset_figures")
def test_what_nobody_recorded_is_named_and_not_counted() -> None:
    """A repair that never began by the books, preventive work that is done at an unknown time."""
    found = _history([_repair("1", None), _preventive("2", "2026-03-10")])

    assert [_figures(found)[name] for name in ("failures", "due", "on_time", "pct")] == [0, 0, 0, None]
    assert len(found.warnings) == 2


@guarantees("P7.asset_figures")
def test_only_unplanned_stops_of_the_window_are_counted() -> None:
    """Planned ones and older ones are not; one that lasts counts until now."""
    stops = [
        StopRow("WC", "2026-03-15T04:00:00Z", "2026-03-15T04:30:00Z", 0),
        StopRow("WC", "2026-03-16T04:00:00Z", None, 0),
        StopRow("WC", "2026-03-14T04:00:00Z", "2026-03-14T05:00:00Z", 1),
        StopRow("WC", "2026-03-01T04:00:00Z", "2026-03-01T05:00:00Z", 0),
    ]
    found = _figures(_history([_repair("1", "2026-03-10T05:00:00Z")], stops=stops))

    assert (found["stops"], found["stop_min"]) == (2, 90)


@guarantees("P7.asset_figures", "P7.names_what_a_source_lacks")
def test_without_stops_or_times_there_are_no_figures_of_them() -> None:
    """Empty cells and an answer that is not whole, never a zero."""
    orders = [_repair("1", "2026-03-10T05:00:00Z", "2026-03-10T06:00:00Z")]
    silent = _history(orders, gaps=(Gap(entity="downtime", reason="too_old", system="mes"),))
    untimed = _history(
        orders,
        gaps=(Gap(entity="maintenance_order", reason="no_field", field="actual_start", affects=("mtbf_h",)),),
        lacking=frozenset({"maintenance_order.actual_start", "maintenance_order.actual_finish"}),
    )

    assert (_figures(silent)["stops"], _figures(silent)["failures"], silent.complete) == (None, 1, False)
    assert [_figures(untimed)[name] for name in ("failures", "mtbf", "mttr", "due", "pct")] == [None] * 5
    assert not untimed.complete


@guarantees("P7.asset_figures")
def test_assets_at_one_work_center_have_figures_of_their_own() -> None:
    """And those without a number are together."""
    found = _history([_repair("1", NOW, asset_id="A-2"), _repair("2", NOW, asset_id="A-1"), _repair("3", NOW)])

    assert [(row[0], row[5]) for row in found.tables["figures"]] == [(None, 1), ("A-1", 1), ("A-2", 1)]


@guarantees("P7.asset_figures")
def test_nothing_named_is_refused() -> None:
    """Neither asset nor work centre: the history of nothing."""
    facts = Facts(rows={}, arguments={}, today="2026-03-16", now=NOW)

    with pytest.raises(InvalidArgumentError) as refused:
        ANALYSIS.function(facts)
    assert refused.value.facts["argument"] == "asset_id"
