"""A process that dies inside a transaction, before each of its statements in turn: `killed.py DIRECTORY ACT ID`.

It prints one line of JSON: for each death, what the next process found, and at last the state after the act itself.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg

from erp_mcp.audit.verify import verify
from erp_mcp.domain.proposal import Step
from erp_mcp.store.state.deployment_state import DeploymentState
from erp_mcp.store.state.sqlite import State
from tests.unit.store.state.fakes import a_content, a_decision, a_receipt
from tests.unit.store.state.stores import Behind, opened

ACTS: dict[str, Callable[[DeploymentState, str], object]] = {
    "create": lambda state, one: state.proposals.create(a_content("key-killed")),
    "decide": lambda state, one: state.proposals.decide(a_decision(one)),
    "take": lambda state, one: state.proposals.take("w", lease_s=60),
    "send": lambda state, one: state.proposals.move(one, Step(name="send", actor="w", fence=1)),
    "commit": lambda state, one: state.proposals.move(
        one, Step(name="commit", actor="w", fence=1, receipt=a_receipt())
    ),
    "stop": lambda state, one: state.switches.stop("all", by="olga", reason="test"),
}


def dies_at(directory: Path, act: str, one: str, number: int) -> bool:
    """Let a child do the act and die before its statement of that number; return whether it died."""
    child = os.fork()
    if child == 0:
        state = opened(directory)
        left = [number]

        def before_statement(_: object) -> None:
            left[0] -= 1
            if left[0] == 0:
                os._exit(9)

        _watch(state, before_statement)
        ACTS[act](state, one)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def _watch(state: DeploymentState, before_statement: Callable[[object], None]) -> None:
    """Tell of each statement that writes go on with, before it reaches the database."""
    if isinstance(state, State):
        state.file.effects.set_trace_callback(before_statement)
        return

    run = psycopg.Connection.execute

    def watched(connection: psycopg.Connection, statement: str, values: Sequence[object] = ()) -> object:
        before_statement(statement)
        return run(connection, statement, values)

    setattr(psycopg.Connection, "execute", watched)  # noqa: B010 - of the driver, in a process that dies of it


def seen(directory: Path) -> tuple[list[tuple[object, ...]], bool]:
    """Return all rows, and whether they verify."""
    state = opened(directory)
    behind = Behind(directory)
    rows = behind.everything()
    behind.close()
    report = verify(state.audit.read_all(), strays=state.audit.strays(), proposals=state.proposals.kept())
    state.close()
    return rows, report.intact


if __name__ == "__main__":
    before, _ = seen(Path(sys.argv[1]))
    deaths: list[bool] = []
    while dies_at(Path(sys.argv[1]), sys.argv[2], sys.argv[3], len(deaths) + 1):
        rows, intact = seen(Path(sys.argv[1]))
        deaths.append(rows == before and intact)
    rows, intact = seen(Path(sys.argv[1]))
    print(json.dumps({"deaths": deaths, "done": len(rows) > len(before), "intact": intact}))
