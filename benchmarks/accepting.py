"""Accepting proposals durably, beside a bare insert, in turns."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

from benchmarks.places import Place
from erp_mcp.bootstrap import SystemClock, TimeOrderedIds
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.command import Command
from erp_mcp.domain.decision import Terms
from erp_mcp.domain.forms import to_json
from erp_mcp.domain.ids import proposal_id_of
from erp_mcp.domain.instants import instant_text
from erp_mcp.domain.proposal import Change, Check, Content, LimitUse, Preview

Arguments = ParamSpec("Arguments")


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


def accepts(place: Place, folder: Path, count: int) -> dict[str, list[float]]:
    """Take turns: a bare insert, a new proposal, the same key again; return the milliseconds of each."""
    clock, ids = SystemClock(), TimeOrderedIds()
    took: dict[str, list[float]] = {"bare insert": [], "durable accept": [], "the same key again": []}
    with place.state(folder) as state, place.bare(folder) as insert:
        for number in range(count):
            one = content(number, ids, clock)
            took["bare insert"].append(timed(insert, one.proposal_id, canonical(to_json(one)).decode("utf-8")))
            took["durable accept"].append(timed(state.proposals.create, one))
            again = dataclasses.replace(one, proposal_id="prp_other")
            took["the same key again"].append(timed(state.proposals.create, again))
    return took
