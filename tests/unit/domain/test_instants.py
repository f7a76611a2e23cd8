from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from erp_mcp.domain.instants import exact_instant, instant_text, parse_instant, seconds_between
from tests.guarantees import guarantees


@guarantees("P7.exact_numbers")
def test_a_point_in_time_has_one_text_whatever_its_zone() -> None:
    """Only then is text order time order."""
    berlin = timezone(timedelta(hours=1))
    assert instant_text(datetime(2026, 3, 16, 6, 0, 0, 999_999, tzinfo=berlin)) == "2026-03-16T05:00:00Z"
    assert exact_instant(datetime(2026, 3, 16, 6, 0, tzinfo=berlin)) == "2026-03-16T05:00:00.000000Z"
    assert parse_instant("2026-03-16T06:00:00+01:00") == datetime(2026, 3, 16, 5, tzinfo=UTC)
    assert seconds_between("2026-03-16T05:00:00Z", "2026-03-16T04:59:20Z") == -40


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize("text", ["2026-03-16T05:00:00", "yesterday", ""])
def test_what_is_no_point_in_time_is_refused(text: str) -> None:
    """A guessed zone moves it by hours."""
    with pytest.raises(ValueError, match=r".*"):
        parse_instant(text)


@guarantees("P7.exact_numbers")
def test_a_naive_time_is_refused() -> None:
    """The same the other way round."""
    with pytest.raises(ValueError, match="zone"):
        instant_text(datetime(2026, 3, 16))  # noqa: DTZ001  the mistake that is refused
    with pytest.raises(ValueError, match="zone"):
        exact_instant(datetime(2026, 3, 16))  # noqa: DTZ001  the mistake that is refused
