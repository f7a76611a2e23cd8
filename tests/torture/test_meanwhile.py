"""What comes between two statements of a transaction does no harm, and what would is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Final

import pytest

from erp_mcp.domain.lifecycle import Move, State, moves
from erp_mcp.domain.page_session import EndedThere
from erp_mcp.domain.proposal import Content, SignedDecision, Step
from erp_mcp.store.state import duties, leases, overdue, page_sessions, proposals, words
from erp_mcp.store.state.engine import Session
from erp_mcp.store.state.moving import Mover
from erp_mcp.store.state.page_sessions import StoredPageSessions
from erp_mcp.store.state.postgresql_engine import PostgresqlSession
from erp_mcp.store.state.proposal_reads import found
from erp_mcp.store.state.rows import COLUMNS, Stored
from tests.guarantees import guarantees
from tests.systems.postgresql.server import running
from tests.torture.homes import schema_home
from tests.torture.meanwhile import Stage, stage_on
from tests.torture.scenes import scenes
from tests.torture.stage import Tally

pytestmark = pytest.mark.live

Pair = tuple[str, str, str]  # a scene, and who is come between by whom
Planting = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One schema for all of them; each scene is put anew for each schedule."""
    folder = tmp_path_factory.mktemp("postgresql")
    with running(folder) as rig, schema_home(rig, "d-1") as home, stage_on(home) as one:
        yield one


def pair(stage: Stage, names: Pair) -> Tally:
    """Play one pair at every moment."""
    scene, first, second = names
    (named,) = (one for one in scenes() if one.name == scene)
    return stage.play(named, Random(1), only=(first, second))


# --- What is wrong on purpose -----------------------------------------------------------------------------------------


def without_lock(prefix: str) -> Planting:
    """Return that nobody takes the locks whose names begin so."""

    def planted(monkeypatch: pytest.MonkeyPatch) -> None:
        lock = PostgresqlSession.lock

        def fewer(session: PostgresqlSession, *names: str, shared: bool = False) -> None:
            lock(session, *(one for one in names if not one.startswith(prefix)), shared=shared)

        monkeypatch.setattr(PostgresqlSession, "lock", fewer)

    return planted


def without_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody holds the row of what they decide about."""
    monkeypatch.setattr(PostgresqlSession, "holding", "")


def trusts_what_was_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker goes by the state that it listed, as it did until bfa5dbe."""
    monkeypatch.setattr(proposals, "_STILL_DUE", proposals._STILL_DUE.replace(" AND state = :state", ""))


def looks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is over is let go by what one statement saw, although another one locks it."""
    monkeypatch.setattr(proposals, "_SENT_BEFORE", f"{proposals._SENT_BEFORE} AND digest = ''")


def tells_of_what_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever tells of a review that is overdue holds nothing."""
    monkeypatch.setattr(overdue, "held", found)


def waits_behind_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """One session of the page is ended and recorded after the other."""

    def one_by_one(self: StoredPageSessions, told: EndedThere) -> tuple[str, ...]:
        with self._engine.writing() as statements:
            rows = [page_sessions._session(row) for row in statements.execute(page_sessions._ACCOUNTS).fetchall()]
            for one in rows:
                if statements.execute(page_sessions._END, (one.token_hash,)).rowcount == 1:
                    self._audit.add(statements, page_sessions._entry("page.signed_out", one.approver_id, reason="x"))
        return tuple(one.token_hash for one in rows)

    monkeypatch.setattr(StoredPageSessions, "end_there", one_by_one)


def asks_nothing_for_what_counts_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever says yes to what has no quota keeps nobody out, although it counts where there is one."""
    check = duties.check

    def sometimes(session: Session, content: Content, decision: SignedDecision) -> None:
        if content.terms.quota or content.terms.separations:
            check(session, content, decision)

    monkeypatch.setattr(duties, "check", sometimes)


def believes_who_was_revoked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word is stored whoever has been revoked since it was signed."""
    monkeypatch.setattr(words, "check_not_revoked", lambda session, approver_id, text: None)


def asks_nobody_who_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A move is made whatever the fence, and whoever has the lease."""

    def known(self: Mover, before: Stored, step: Step) -> Move:
        move = moves(step.name, before.state)
        assert move is not None
        return move

    monkeypatch.setattr(Mover, "_checked", known)


def takes_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker goes by the lease that it listed, under which another one has it by now."""
    asks_nobody_who_holds_it(monkeypatch)
    again = f"SELECT {COLUMNS} FROM proposal WHERE proposal_id = :proposal AND state = :state"
    monkeypatch.setattr(proposals, "_STILL_DUE", again)


def leaves_the_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes a change over has it under the fence that was there; the database can't tell it from a wait."""
    after = Mover._after

    def same(self: Mover, before: Stored, move: Move, step: Step) -> Stored:
        now = after(self, before, move, step)
        return replace(now, fence=before.fence) if before.state is State.CLAIMED else now

    monkeypatch.setattr(Mover, "_after", same)


def gives_back_what_others_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease by name is given back whatever its holder and fence are by now."""
    anybody = leases._RELEASE.replace("holder = ? AND fence = ?", "? <> '' AND ? > 0")
    monkeypatch.setattr(leases, "_RELEASE", anybody)


def leaves_the_fence_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease by name that goes to another one keeps its fence."""
    monkeypatch.setattr(leases, "_HOLD", leases._HOLD.replace("fence = excluded.fence", "fence = lease.fence"))


MENDED: Final[dict[str, tuple[Planting, Pair]]] = {
    "claims what was turned away behind a stop": (
        trusts_what_was_listed, ("sending and lost, stopped", "take", "worker's postpone")
    ),
    "lets go what was sent meanwhile": (looks_once, ("expired", "expire", "turned away")),
    "tells where something stood before": (tells_of_what_moves, ("broken and late", "escalate", "worker's send")),
    "waits for each other": (waits_behind_records, ("kept beside", "end there", "sign out 2")),
    "one yes too many": (asks_nothing_for_what_counts_for_others, ("two halves", "anna a", "anna before")),
    "changes what was left half done": (
        without_lock("frozen"), ("saga begun", "send beside", "hand_over part")
    ),
    "proposes what a saga began": (without_lock("agent:"), ("saga, part written", "propose", "begin")),
    "a word behind its revocation": (believes_who_was_revoked, ("awaiting", "approve", "revoke")),
}  # fmt: skip
"""What was wrong once, the pair that shows it, and how it was."""

PLANTED: Final[dict[str, tuple[Planting, Pair]]] = {
    "no lock of switches": (without_lock("switches"), ("claimed", "worker's send", "stop")),
    "no lock of limits": (without_lock("limit:"), ("two to be sent", "send it", "send other")),
    "no lock of an agent": (without_lock("agent:"), ("approved", "propose", "propose")),
    "no lock of an approver": (without_lock("approver:"), ("awaiting", "approve", "approve other")),
    "no row held in deciding": (without_rows, ("half broken", "approve", "reject")),
    "no lock of a lease that is over": (without_lock("lease:"), ("lease over", "ask", "ask")),
    "no lock of a lease that goes on": (without_lock("lease:"), ("lease held", "renew", "hand on")),
    "no lock of a lease that nobody had": (without_lock("lease:"), ("lease free", "ask", "ask")),
    "gives back what others have": (gives_back_what_others_have, ("lease over", "ask", "give back")),
    "the fence of a name stays": (leaves_the_fence_of_a_name, ("lease over", "ask", "ask")),
    "sends what another one has taken over": (asks_nobody_who_holds_it, ("claimed and lost", "worker's send", "take")),
    "takes what another one has taken": (takes_what_is_held, ("claimed and lost", "take", "take")),
    "the fence of a change stays": (leaves_the_fence, ("claimed and lost", "take", "worker's send")),
}


@guarantees("P4.meanwhile", "P4.two_stores")
@pytest.mark.parametrize("what", MENDED)
def test_whoever_comes_between_finds_nothing_that_was_looked_at_and_not_held(stage: Stage, what: str) -> None:
    """At every moment of the first, the second runs whole or waits; each of these did harm once."""
    tally = pair(stage, MENDED[what][1])
    assert tally.played > 3
    assert not tally.is_wrong, "\n".join(tally.wrongs)


@guarantees("P4.meanwhile", "P4.two_stores")
@pytest.mark.parametrize("what", [*MENDED, *PLANTED])
def test_the_harness_sees_what_comes_between(stage: Stage, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """A proof that can't fail proves nothing: each lock left out, and each fault there was, is found by its pair."""
    planting, names = {**MENDED, **PLANTED}[what]
    planting(monkeypatch)
    assert pair(stage, names).is_wrong
