"""Accepting proposals durably, beside a bare insert, in turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ParamSpec

from benchmarks.places import Place
from erp_mcp.bootstrap import SystemClock, TimeOrderedIds
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.decision import Terms
from erp_mcp.domain.forms import to_json
from erp_mcp.domain.ids import proposal_id_of
from erp_mcp.domain.proposal import Content, LimitUse
from tests.unit.store.state.fakes import a_content

Arguments = ParamSpec("Arguments")
TERMS = Terms(rule="default", approvers=(), needed=1, self_approval=False, valid_s=14_400)


def content(number: int, ids: TimeOrderedIds, clock: SystemClock) -> Content:
    """Return a proposal of the size that the gateway makes, each of another agent: of one, only fifty may wait."""
    agent = f"buyer-{number}"
    plain = a_content(
        f"bench-{number:012d}",
        agent=agent,
        fingerprint=f"{number:064x}",
        limits=(LimitUse(limit="moves", key=agent, amount=1, maximum=20, window_s=86_400),),
        created=clock.wall(),
    )
    shown = replace(plain.preview, checks=plain.preview.checks * 6, effects=("Order 0010000282 becomes 3 days late.",))
    return replace(
        plain, proposal_id=proposal_id_of(ids.new()), preview=shown, terms=TERMS, expires_at="9999-01-01T00:00:00Z"
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
            again = replace(one, proposal_id="prp_other")
            took["the same key again"].append(timed(state.proposals.create, again))
    return took
