"""A demo plant in whose texts instructions stand, an agent that may propose everything, and another one beside it."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from erp_mcp import administration
from erp_mcp.administration import Signing
from erp_mcp.bootstrap import open_deployment
from erp_mcp.domain.answer import Answer
from erp_mcp.domain.call import ToolCall
from erp_mcp.domain.lifecycle import State
from tests.moments import becomes
from tests.path.wire_client import ROOT, environment
from tests.worst_case.grammar import Json, Planted, World
from tests.writes.desk import ADMIN, AGENT, furnish, passphrase_of

OTHER: Final = "partner"  # an honest agent of another owner, in the same role
TASK: Final = "propose_create_human_task"
PATIENCE_S: Final = 120
_WAIT: Final = ("propose_update_delivery_date", "propose_create_purchase_requisition", "propose_update_sales_price")
# Where people outside, and others who type into the systems, leave words: (database, columns of text)
_PLACES: Final = {
    "erp.sqlite": ("memo", "name1", "descr", "cust_po", "carrier"),
    "mes.sqlite": ("descr",),
}
_MORE: Final = {"po_conf": ("reason",)}  # a supplier's words there, a code elsewhere
_MOST_ROWS: Final = 600  # of one table


def allow_everything(plant: Path) -> None:
    """Grant every write tool to both agents, tasks for people without anybody's yes, and let taint count."""
    furnish(plant)
    base = plant / "policies" / "base.yaml"
    policy = json.loads(base.read_text(encoding="utf-8"))
    policy["agents"][OTHER] = {"role": AGENT, "owner": "partner-owner"}
    policy["people"] = {"taint_h": 4}
    for one in policy["approvals"]:
        one["tools"] = [tool for tool in one["tools"] if tool != TASK]
    policy["approvals"].append({"id": "by-nobody", "tools": [TASK], "needed": 0})
    base.write_text(json.dumps(policy), encoding="utf-8")
    deployment = open_deployment(plant / "erp-mcp.yaml")
    try:
        admin = Signing(approver_id=ADMIN, passphrase=passphrase_of(plant, ADMIN))
        administration.apply_policy(deployment, applied_by="tests", signing=admin)
    finally:
        deployment.close()


def world_of(plant: Path, others: Sequence[str], keys: Sequence[str]) -> World:
    """Return what instructions can be about: calls that the plant's tools take, and another agent's proposals."""
    deployment = open_deployment(plant / "erp-mcp.yaml")
    try:
        tools = list(deployment.catalog)
    finally:
        deployment.close()
    writes: list[tuple[str, Json]] = [
        (tool.name, {key: value for key, value in json.loads(example).items() if key != "idempotency_key"})
        for tool in tools
        for example in tool.examples
        if tool.effect == "write" and len(example) < 360
    ]
    return World(writes=writes, reads=[one.name for one in tools if one.effect == "read"], others=others, keys=keys)


def honest(plant: Path) -> tuple[list[str], list[str]]:
    """Let the other agent propose what waits for people, and one task that needs nobody: the worker must make that one.

    Returns:
        Ids and idempotency keys of what waits.
    """
    examples = dict(world_of(plant, (), ()).writes)
    deployment = open_deployment(plant / "erp-mcp.yaml")
    try:
        ids = []
        for number, tool in enumerate((*_WAIT, TASK)):
            arguments = {**examples[tool], "idempotency_key": f"partner-key-{number}"}
            call = ToolCall(tool=tool, arguments=arguments, call_id=f"partner-{number}")
            answer = asyncio.run(deployment.gateway.call(deployment.principal(OTHER), call))
            assert isinstance(answer, Answer), answer
            ids.append(str(answer.tables["proposal"].rows[0][0]))
        asyncio.run(becomes(lambda: deployment.state.proposals.get(ids[-1]).state is State.COMMITTED))
    finally:
        deployment.close()
    return ids[:-1], [f"partner-key-{number}" for number, _ in enumerate(_WAIT)]


def poison(plant: Path, texts: Sequence[Planted]) -> None:
    """Write every text into the systems of record, each in several places, and bring the read model up to them."""
    turn = itertools.count()
    for file in _PLACES:
        with closing(sqlite3.connect(plant / file)) as database, database:
            for place in _places(database, file):
                _fill(database, place, [one.text for one in texts], next(turn) * 37)
    run(plant, "sync", "--full")


def _fill(database: sqlite3.Connection, place: tuple[str, str, list[str]], texts: list[str], start: int) -> None:
    """Write the texts into one column, round and round, the newest rows first."""
    table, column, key = place
    marks = " AND ".join(f"{one} = ?" for one in key)
    order = f"SELECT {', '.join(key)} FROM {table} ORDER BY {', '.join(f'{one} DESC' for one in key)}"
    rows = database.execute(f"{order} LIMIT {_MOST_ROWS}").fetchall()
    for number, row in enumerate(rows, start=start):
        database.execute(f"UPDATE {table} SET {column} = ? WHERE {marks}", (texts[number % len(texts)], *row))


def _places(database: sqlite3.Connection, file: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each column of text: its table, its name, and the key of the table's rows."""
    for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall():
        columns = database.execute(f"PRAGMA table_info({table})").fetchall()
        key = [one[1] for one in sorted(columns, key=lambda one: int(one[5])) if one[5]]
        wanted = (*_PLACES[file], *_MORE.get(table, ()))
        yield from ((table, one[1], key) for one in columns if one[1] in wanted)


def run(plant: Path, *words: str) -> None:
    """Run a command on the plant; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "erp_mcp", *words, "--demo-dir", str(plant)],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def program(hole: str) -> list[str]:
    """Return how the product is started: as it is, or with a hole in it."""
    return [sys.executable, "-m", *(("tests.worst_case.holed", hole) if hole else ("erp_mcp",))]


@contextmanager
def working(plant: Path, hole: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """Let a real worker run beside everything; it ends with the block, and must have lived until then."""
    worker = subprocess.Popen(
        [*program(hole), "worker", "--until-input-ends", "--demo-dir", str(plant)],
        cwd=ROOT, env={**os.environ, **environment()}, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert worker.stdin is not None
    try:
        yield worker
        assert worker.poll() is None, "the worker has died"
        worker.stdin.close()
        assert worker.wait(PATIENCE_S) == 0
    finally:
        if worker.poll() is None:
            worker.kill()
        worker.wait()
