"""How many statements each move sends to its store: what one more of them costs is paid on every one of its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest import mock

import pytest

from erp_mcp.store.state.deployment_state import DeploymentState
from erp_mcp.store.state.engine import AUDIT
from erp_mcp.store.state.file import FileSession
from erp_mcp.store.state.postgresql_engine import PostgresqlSession
from erp_mcp.store.state.sqlite import State
from tests.guarantees import guarantees
from tests.unit.store.state.fakes import a_content, a_decision
from tests.unit.store.state.killed import ACTS

BUDGET: Final[dict[str, tuple[int, int]]] = {
    "create": (16, 21),
    "decide": (12, 17),
    "take": (8, 12),
    "send": (9, 14),
    "commit": (7, 10),
    "stop": (4, 8),
}
"""What each sends on a file and to PostgreSQL, there with its locks, BEGIN and COMMIT."""


@contextmanager
def heard() -> Iterator[list[str]]:
    """Give the statements that the store sends inside the block; what triggers do is none of them."""
    sent: list[str] = []

    def telling(run: Callable[..., Any]) -> Callable[..., Any]:
        def told(session: object, statement: str, *values: Any) -> Any:
            sent.append(statement)
            return run(session, statement, *values)

        return told

    with (
        mock.patch.object(FileSession, "execute", telling(FileSession.execute)),
        mock.patch.object(FileSession, "executemany", telling(FileSession.executemany)),
        mock.patch.object(PostgresqlSession, "execute", telling(PostgresqlSession.execute)),
    ):
        yield sent


@guarantees("P4.meanwhile", "P4.two_stores")
@pytest.mark.parametrize("act", BUDGET)
def test_a_move_sends_as_many_statements_as_it_needs(state: DeploymentState, act: str) -> None:
    """Whoever adds one says so here; whoever saves one, too."""
    content = a_content("key-counted1")
    state.proposals.create(content)
    before = {"decide": 0, "take": 1, "send": 2, "commit": 3}.get(act, 0)
    if before > 0:
        state.proposals.decide(a_decision(content.proposal_id))
    for name in ("take", "send")[: before - 1] if before > 1 else ():
        ACTS[name](state, content.proposal_id)
    with heard() as sent:
        ACTS[act](state, content.proposal_id)
    assert len(sent) == BUDGET[act][not isinstance(state, State)], "\n".join(sent)


@guarantees("P4.meanwhile", "P4.two_stores")
def test_a_lock_that_a_transaction_holds_is_asked_for_once_and_again_where_it_was_let_go(
    state: DeploymentState,
) -> None:
    """Going back to a savepoint lets go of what was locked behind it; a lock that others share keeps nobody out."""
    asked: list[int] = []
    with heard() as sent, state.engine.writing() as session:
        session.execute("SAVEPOINT here")
        for shared in (True, False, False, True):
            session.lock(AUDIT, shared=shared)
            asked.append(sum("advisory" in one for one in sent))
        session.execute("ROLLBACK TO here")
        session.lock(AUDIT)
        asked.append(sum("advisory" in one for one in sent))
    assert asked == ([0] * 5 if isinstance(state, State) else [1, 2, 2, 2, 3])
