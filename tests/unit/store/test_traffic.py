"""The traffic file: shared by connections, durable sends, damage, and what a lost process leaves."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.egress.places import where_to
from erp_mcp.errors import StateUnavailableError
from erp_mcp.store.traffic import FILE_NAME, SqliteTraffic
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees

LIMITS = TrafficLimits(requests_per_s=10.0, burst=5, concurrent=3, failures=3, window=5, rest_s=4.0)


class Ticking:
    """A clock that is set, the same for all."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


def opened(folder: Path, clock: Ticking) -> SqliteTraffic:
    return SqliteTraffic(folder, clock=FixedClock(), monotonic=clock, busy_s=0.05)


@guarantees("P9.limits", "P9.breaker")
def test_two_that_open_the_file_count_together(tmp_path: Path, clock: Ticking) -> None:
    """Places, tokens, failures and the probe are those of the system, not of a process."""
    with closing(opened(tmp_path, clock)) as one, closing(opened(tmp_path, clock)) as two:
        askers = zip((one, two, one), "abc", strict=True)
        tickets = [each.admit("erp", "read", LIMITS, callers=who).ticket for each, who in askers]
        assert all(tickets)
        assert not two.admit("erp", "read", LIMITS, callers="d").granted
        for ticket, each in zip(tickets, (two, one, two), strict=True):
            each.finish("erp", "read", LIMITS, ticket, "failed")
        assert [one.admit("erp", "read", LIMITS).resting, two.admit("erp", "read", LIMITS).resting] == [True, True]
        clock.now += 4
        probes = [each.admit("erp", "read", LIMITS).probe for each in (one, two, one, two)]
        assert probes == [True, False, False, False]
        assert one.states() == two.states()
        assert [state.breaker for state in one.states()] == ["half_open", "closed"]


@guarantees("P9.limits")
def test_systems_do_not_count_for_each_other(tmp_path: Path, clock: Ticking) -> None:
    """One that is down takes nothing from the others."""
    with closing(opened(tmp_path, clock)) as one:
        for _ in range(3):
            one.finish("erp", "read", LIMITS, one.admit("erp", "read", LIMITS).ticket, "failed")
        assert one.admit("mes", "read", LIMITS).granted
        assert {(state.system, state.kind): state.breaker for state in one.states()} == {
            ("erp", "read"): "open", ("erp", "write"): "closed", ("mes", "read"): "closed", ("mes", "write"): "closed",
        }  # fmt: skip


@guarantees("P9.breaker", "P9.told")
def test_a_system_that_points_elsewhere_now_does_not_rest_for_what_was_there(tmp_path: Path, clock: Ticking) -> None:
    """Its address was corrected: the breaker of the wrong one stays with that; what was sent is still known."""
    wrong, right = where_to("https://erp.example:4443/api"), where_to("https://erp.example/api")
    with closing(opened(tmp_path, clock)) as one, closing(opened(tmp_path, clock)) as two:
        one.claim_send("erp", "R1")
        for _ in range(3):
            ticket = one.admit("erp", "read", LIMITS, where=wrong).ticket
            one.finish("erp", "read", LIMITS, ticket, "failed", where=wrong)
        assert two.admit("erp", "read", LIMITS, where=wrong).resting
        assert two.admit("erp", "read", LIMITS, where=right).granted
        assert not two.claim_send("erp", "R1")
        assert {(state.where, state.kind): (state.breaker, state.running) for state in one.states()} == {
            (wrong, "read"): ("open", 0), (wrong, "write"): ("closed", 0),
            (right, "read"): ("closed", 1), (right, "write"): ("closed", 0),
        }  # fmt: skip


@guarantees("P9.fair_share")
def test_callers_of_two_processes_take_turns(tmp_path: Path, clock: Ticking) -> None:
    """Who waits in one process is not passed by whoever is quicker in another."""
    limits = replace(LIMITS, concurrent=1, requests_per_s=1_000.0, burst=1_000)
    with closing(opened(tmp_path, clock)) as one, closing(opened(tmp_path, clock)) as two:
        running = one.admit("erp", "read", limits, callers="a").ticket
        assert not two.admit("erp", "read", limits, callers="b").granted
        one.finish("erp", "read", limits, running, "answered")
        assert not one.admit("erp", "read", limits, callers="a").granted
        assert two.admit("erp", "read", limits, callers="b").caller == "b"


@guarantees("P9.one_send")
def test_what_an_older_version_sent_stays_known(tmp_path: Path, clock: Ticking) -> None:
    """Its loads were counted otherwise and are counted anew; its claims stand for good."""
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as file, file:
        file.execute("CREATE TABLE load (system TEXT PRIMARY KEY, load TEXT NOT NULL, limits TEXT NOT NULL) STRICT")
        file.execute("CREATE TABLE sent (system TEXT, reference TEXT, sent_at TEXT, PRIMARY KEY (system, reference))")
        file.execute("INSERT INTO load VALUES ('erp', '[]', '{}')")
        file.execute("INSERT INTO sent VALUES ('erp', 'R1', '2026-03-16T05:00:00Z')")
        file.execute("PRAGMA user_version = 1")
    with closing(opened(tmp_path, clock)) as one:
        assert [one.claim_send("erp", "R1"), one.claim_send("erp", "R2")] == [False, True]
        assert one.states() == ()
        assert one.admit("erp", "read", LIMITS).granted


@guarantees("P9.limits", "P9.breaker")
def test_the_tickets_of_a_process_that_is_gone_run_out(tmp_path: Path, clock: Ticking) -> None:
    """Nobody gives them back; after their time they count as failed and their places are free."""
    with closing(opened(tmp_path, clock)) as gone:
        for who in "abc":
            assert gone.admit("erp", "read", LIMITS, lasts_s=30, callers=who).granted
    with closing(opened(tmp_path, clock)) as one:
        clock.now += 29
        assert (one.admit("erp", "read", LIMITS).granted, one.states()[0].running) == (False, 3)
        clock.now += 1
        assert one.admit("erp", "read", LIMITS).resting
        assert one.states()[0].running == 0


@guarantees("P9.one_send")
def test_a_send_is_claimed_once_for_good(tmp_path: Path, clock: Ticking) -> None:
    """By whoever comes first, for one system and one reference; taken back, it may be claimed again."""
    with closing(opened(tmp_path, clock)) as one, closing(opened(tmp_path, clock)) as two:
        assert [one.claim_send("erp", "R1"), two.claim_send("erp", "R1"), one.claim_send("erp", "R1")] == [
            True, False, False,
        ]  # fmt: skip
        assert two.claim_send("mes", "R1")
        one.release_send("erp", "R1")
        assert two.claim_send("erp", "R1")
    with closing(opened(tmp_path, clock)) as later:
        assert not later.claim_send("erp", "R1")


@guarantees("P9.one_send")
def test_a_claim_is_written_through_to_the_disk(tmp_path: Path, clock: Ticking) -> None:
    """Loads may be lost with the power, a send that went out may not."""
    with closing(opened(tmp_path, clock)) as one:
        one.claim_send("erp", "R1")
        one.admit("erp", "read", LIMITS)
        assert one._sends is not None
        assert one._loads is not None
        modes = [each.execute("PRAGMA synchronous").fetchone()[0] for each in (one._sends, one._loads)]
        assert modes == [2, 1]
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as file:
        assert file.execute("SELECT system, reference, sent_at FROM sent").fetchall() == [
            ("erp", "R1", "2026-03-16T05:00:00Z")
        ]


@guarantees("P9.repeats")
def test_the_budget_of_repeats_is_the_systems(tmp_path: Path, clock: Ticking) -> None:
    """Ten processes have no ten budgets."""
    with closing(opened(tmp_path, clock)) as one, closing(opened(tmp_path, clock)) as two:
        assert [one.may_retry("erp", LIMITS), two.may_retry("erp", LIMITS), one.may_retry("erp", LIMITS)] == [
            True, False, False,
        ]  # fmt: skip


@guarantees("P9.limits", "input.clear_errors")
def test_a_file_that_can_not_be_used_admits_nothing(tmp_path: Path, clock: Ticking) -> None:
    """No database, a newer version, no folder, locked for too long: each says so, and nothing is sent."""
    broken, newer, no_folder = tmp_path / "broken", tmp_path / "newer", tmp_path / "file"
    broken.mkdir()
    (broken / FILE_NAME).write_bytes(b"this is no database, whatever its name says" * 100)
    newer.mkdir()
    with closing(sqlite3.connect(newer / FILE_NAME)) as file:
        file.execute("PRAGMA user_version = 9")
    no_folder.write_text("", encoding="utf-8")
    for folder in (broken, newer, no_folder):
        with closing(opened(folder, clock)) as one:
            with pytest.raises(StateUnavailableError):
                one.admit("erp", "read", LIMITS)
            with pytest.raises(StateUnavailableError):
                one.claim_send("erp", "R1")
    with closing(opened(tmp_path, clock)) as one, closing(sqlite3.connect(tmp_path / FILE_NAME)) as other:
        assert one.claim_send("erp", "R1")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateUnavailableError):
            one.claim_send("erp", "R2")
        with pytest.raises(StateUnavailableError):
            one.admit("erp", "read", LIMITS)
        other.execute("ROLLBACK")
        assert one.claim_send("erp", "R2")


@guarantees("P9.limits")
def test_a_load_that_makes_no_sense_is_counted_anew(tmp_path: Path, clock: Ticking) -> None:
    """It is a measure, no record; what was sent stands in its own table."""
    with closing(opened(tmp_path, clock)) as one:
        one.admit("erp", "read", LIMITS)
        one.claim_send("erp", "R1")
        damaged = ("[1,2,3,4,[],[]]", "[1,2,3,4,[[1]],[],[[],[]]]", "[1,2,3,4,[],[1],[[],[]]]")
        for text in ("", "[]", '{"at": 1}', *damaged):
            with closing(sqlite3.connect(tmp_path / FILE_NAME)) as file, file:
                file.execute("UPDATE load SET load = ?, limits = 'x'", (text,))
            assert one.states()[0].requests == 0
            assert one.admit("erp", "read", LIMITS).granted
        assert not one.claim_send("erp", "R1")


@guarantees("P9.told")
def test_looking_makes_no_file(tmp_path: Path, clock: Ticking) -> None:
    """A deployment that never asked a system has nothing to show."""
    with closing(opened(tmp_path / "none", clock)) as one:
        assert one.states() == ()
    assert not (tmp_path / "none").exists()


@guarantees("P9.limits")
def test_the_file_is_its_owners(tmp_path: Path, clock: Ticking) -> None:
    """References of writes are nobody else's business."""
    with closing(opened(tmp_path / "state", clock)) as one:
        one.claim_send("erp", "R1")
        rights = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").iterdir()}
    if os.name == "posix":  # elsewhere rights are those of the user's folder
        assert rights == {0o600}
        assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


@guarantees("P9.limits")
def test_other_limits_apply_from_the_next_request_on(tmp_path: Path, clock: Ticking) -> None:
    """A configuration that was changed needs no new file."""
    with closing(opened(tmp_path, clock)) as one:
        for who in "abc":
            assert one.admit("erp", "read", LIMITS, callers=who).granted
        assert not one.admit("erp", "read", LIMITS, callers="d").granted
        assert one.admit("erp", "read", replace(LIMITS, concurrent=4), callers="d").granted
