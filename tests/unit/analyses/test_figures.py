"""Rounding of key figures, and the days that an analysis looks back on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from erp_mcp.analyses.figures import hours, percent, quotient
from erp_mcp.analyses.window import window_of
from erp_mcp.domain.analysis import Facts
from erp_mcp.errors import InvalidArgumentError
from tests.guarantees import guarantees


def _facts(now: str = "2026-03-31T10:00:00Z", **arguments: str) -> Facts:
    given: Mapping[str, str] = arguments
    return Facts(rows={}, arguments=given, today="2026-03-31", now=now, zone=ZoneInfo("Europe/Berlin"))


@guarantees("P7.key_figures")
@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (1, 3, 33_300_000),
        (2, 3, 66_700_000),
        (1, 8, 12_500_000),
        (1, 2000, 100_000),
        (1, 2001, 0),
        (-1, 8, -12_500_000),
    ],
)
def test_shares_are_rounded_once_a_half_away_from_zero(part: int, whole: int, shown: int) -> None:
    """A share of one in two thousand is 0.05 percent, shown as 0.1."""
    assert percent(part, whole) == shown


@guarantees("P7.key_figures")
def test_a_share_of_nothing_is_no_share() -> None:
    """Neither zero nor a hundred."""
    assert percent(0, 0) is None
    assert quotient(5, 0) is None
    assert quotient(0, 5) == 0


@guarantees("P7.key_figures")
def test_minutes_become_hours_of_one_decimal() -> None:
    """An hour and a half."""
    assert (hours(90), hours(0), hours(1)) == (1_500_000, 0, 0)


@guarantees("P7.key_figures")
def test_a_window_begins_and_ends_at_midnight_of_the_plant_even_when_clocks_change() -> None:
    """The last Sunday of March has 23 hours."""
    window = window_of(_facts(date_from="2026-03-29", date_to="2026-03-29"), days=7)
    assert (window.start, window.end) == (
        datetime(2026, 3, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 22, tzinfo=UTC),
    )
    assert window.seconds_of(window.start, None) == 23 * 3600


@guarantees("P7.key_figures")
def test_a_window_of_today_ends_now_and_the_default_goes_back_from_its_end() -> None:
    """What has not happened yet is not looked back on."""
    assert window_of(_facts(), days=7).end == datetime(2026, 3, 31, 10, tzinfo=UTC)
    window = window_of(_facts(date_to="2026-03-10"), days=7)
    assert (window.first, window.last) == ("2026-03-03", "2026-03-10")


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    "given",
    [{"date_from": "2026-04-01"}, {"date_from": "2025-12-28"}, {"date_from": "2026-01-01", "date_to": "2026-04-04"}],
)
def test_a_window_that_is_upside_down_or_too_wide_is_refused(given: dict[str, str]) -> None:
    """Ninety-two days at most."""
    with pytest.raises(InvalidArgumentError) as refused:
        window_of(_facts(**given), days=7)
    assert refused.value.facts["max_days"] == 92


@guarantees("input.clear_errors")
def test_a_window_of_just_ninety_two_days_is_taken() -> None:
    """The bound itself is inside."""
    assert window_of(_facts(date_from="2025-12-29"), days=7).first == "2025-12-29"
