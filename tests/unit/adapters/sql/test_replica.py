from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from erp_mcp.adapters.sql.replica import behind, heartbeat_place, since_beat
from tests.guarantees import guarantees

_HERE = datetime(2026, 3, 16, 5, 0, tzinfo=UTC)
_OLD = _HERE - timedelta(seconds=90)
_OLDER = _HERE - timedelta(seconds=600)


def row(**more: object) -> dict[str, object]:
    """Return what a replica that lost its primary says."""
    return {
        "replica": True, "here": _HERE, "replayed_at": _OLD, "checkpoint_at": _OLDER, "receiving": False,
        "replayed_all": True, **more,
    }  # fmt: skip


@guarantees("P7.replica_age")
@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (row(receiving=True), 0.0),
        (row(receiving=True, replayed_all=False), 90.0),
        (row(), 90.0),
        (row(replayed_at=None), 600.0),
        (row(replayed_at=_HERE + timedelta(seconds=3)), 0.0),
        (row(replica=False), None),
    ],
)
def test_a_replica_is_as_old_as_what_it_has_replayed(told: dict[str, object], seconds: float | None) -> None:
    """Up to date only while it receives and has replayed all; nothing written is not the same as nothing received."""
    assert behind(told) == seconds


@guarantees("P7.replica_age")
def test_a_replica_that_can_not_say_how_old_it_is_is_not_trusted() -> None:
    """No age is not age zero."""
    with pytest.raises(ValueError, match="how old"):
        behind(row(replayed_at=None, checkpoint_at=None))


@guarantees("P7.replica_age")
@pytest.mark.parametrize(
    ("beat", "moment", "seconds"),
    [
        (_OLD, _HERE, 90.0),
        ("2026-03-16T05:58:30+01:00", "2026-03-16 05:00:00", 90.0),  # our own clock, where the database's has no zone
        (_HERE + timedelta(seconds=2), _HERE, 0.0),
    ],
)
def test_a_heartbeat_is_compared_with_a_clock_that_has_a_zone(beat: object, moment: object, seconds: float) -> None:
    """Guessing a zone would move it by hours."""
    assert since_beat({"beat": beat, "moment": moment}, _HERE) == seconds


@guarantees("P7.replica_age")
@pytest.mark.parametrize("beat", [None, "soon", "2026-03-16T05:00:00", datetime(2026, 3, 16)])  # noqa: DTZ001 - no zone
def test_a_heartbeat_without_a_time_is_refused(beat: object) -> None:
    """An empty table, a text, a time nobody knows the zone of."""
    with pytest.raises(ValueError, match=r"heartbeat|isoformat"):
        since_beat({"beat": beat, "moment": _HERE}, _HERE)


@guarantees("P8.fixed_statements")
def test_a_heartbeat_is_named_by_plain_words() -> None:
    """They become part of a statement."""
    assert heartbeat_place("ops.beat.at") == ("ops", "beat", "at")
    assert heartbeat_place("beat.at") == ("", "beat", "at")
