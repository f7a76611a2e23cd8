"""What it costs to accept a proposal durably, beside a bare insert with the same durability, in turns in one run.

python benchmarks/writes.py [PROPOSALS]

Both survive power loss (WAL, synchronous=FULL): each commit waits for the disk. An accepted proposal is a row with all
its content, two audit records with their values, two events and its share of a limit.
"""

from __future__ import annotations

import dataclasses
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

from erp_mcp.bootstrap import SystemClock, TimeOrderedIds
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.command import Command
from erp_mcp.domain.decision import Terms
from erp_mcp.domain.forms import to_json
from erp_mcp.domain.ids import proposal_id_of
from erp_mcp.domain.instants import instant_text
from erp_mcp.domain.proposal import Change, Check, Content, LimitUse, Preview
from erp_mcp.store.state import State

Arguments = ParamSpec("Arguments")
TABLE = "CREATE TABLE proposal (id TEXT PRIMARY KEY, content TEXT NOT NULL)"


def content(number: int, ids: TimeOrderedIds, clock: SystemClock) -> Content:
    """Return a proposal of the size that the gateway makes, each of another agent: of one, only fifty may wait."""
    now = instant_text(clock.wall())
    agent, key = f"buyer-{number}", f"bench-{number:012d}"
    return Content(
        proposal_id=proposal_id_of(ids.new()),
        deployment="bench",
        environment="demo",
        agent=agent,
        owner="owner",
        role="buyer",
        tool="propose_update_delivery_date",
        tool_version=1,
        target="7" * 64,
        tool_hash="a" * 64,
        risk="W1",
        arguments={
            "purchase_order_id": "4500000640",
            "line": 10,
            "new_date": "2026-04-02",
            "reason": "The supplier says that the coil leaves the mill four days later than confirmed.",
            "idempotency_key": key,
        },
        idempotency_key=key,
        fingerprint=f"{number:064x}",
        command=Command(
            operation="purchase_order_line.update_delivery_date",
            system="erp",
            entity="purchase_order_line",
            key="4500000640/00010",
            version_token="2026-03-16T05:00:00Z",
            reference="R0123456789A",
            fields={"purchase_order_id": "4500000640", "line": 10, "new_date": "2026-04-02"},
        ),
        preview=Preview(
            headline="Move the delivery of 4500000640/00010 to 2026-04-02",
            system="erp",
            document="4500000640",
            changes=(Change(field="promised_date", before="2026-03-26", after="2026-04-02"),),
            checks=tuple(
                Check(rule=f"R-PO-{one}", verdict="ok", message="The line is open and nothing of it was delivered.")
                for one in range(6)
            ),
            effects=("Order 0010000282 becomes 3 days late.",),
        ),
        rationale="The supplier says that the coil leaves the mill four days later than confirmed.",
        bundle="b" * 64,
        rules=("buyer-proposes",),
        terms=Terms(rule="default", approvers=(), needed=1, self_approval=False, valid_s=14_400),
        limits=(LimitUse(limit="moves", key=agent, amount=1, maximum=20, window_s=86_400),),
        sources={"erp": now},
        created_at=now,
        expires_at="9999-01-01T00:00:00Z",
        correlation_id=ids.new(),
    )


def timed(act: Callable[Arguments, object], *arguments: Arguments.args, **named: Arguments.kwargs) -> float:
    """Return how many milliseconds it takes."""
    started = time.perf_counter()
    act(*arguments, **named)
    return (time.perf_counter() - started) * 1e3


def main() -> None:
    """Take turns, print ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    clock, ids = SystemClock(), TimeOrderedIds()
    accepted, again, bare = [], [], []
    with tempfile.TemporaryDirectory() as directory:
        state = State(Path(directory), clock=clock, ids=ids)
        plain = sqlite3.connect(Path(directory) / "bare.sqlite", isolation_level=None)
        plain.execute("PRAGMA journal_mode = WAL")
        plain.execute("PRAGMA synchronous = FULL")
        plain.execute(TABLE)
        for number in range(count):
            one = content(number, ids, clock)
            row = (one.proposal_id, canonical(to_json(one)).decode("utf-8"))
            bare.append(timed(plain.execute, "INSERT INTO proposal VALUES (?, ?)", row))
            accepted.append(timed(state.proposals.create, one))
            again.append(timed(state.proposals.create, dataclasses.replace(one, proposal_id="prp_other")))
        plain.close()
        state.close()
    report(bare, accepted, again)


def report(bare: list[float], accepted: list[float], again: list[float]) -> None:
    """Print each beside the bare insert."""
    base = _cuts(bare)
    print(f"{len(bare)} proposals, each measured beside a bare insert")
    for name, took in (("bare insert", bare), ("durable accept", accepted), ("the same key again", again)):
        p50, p95 = _cuts(took)
        ratios = f"p50 × {p50 / base[0]:.2f}, p95 × {p95 / base[1]:.2f}"
        print(f"{name:<20} p50 {p50:.3f} ms, p95 {p95:.3f} ms   {ratios}")


def _cuts(took: list[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(took, n=100)
    return cuts[49], cuts[94]


if __name__ == "__main__":
    main()
