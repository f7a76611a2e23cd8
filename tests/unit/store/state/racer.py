"""A process of its own that races others for proposals: `racer.py DIRECTORY ROLE NAME IDS…`, a line of input starts it.

It prints one line of JSON: what it got, per id.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

from erp_mcp.domain.proposal import LimitUse, Step
from erp_mcp.errors import GatewayError
from erp_mcp.store.state.sqlite import State
from tests.unit.store.state.fakes import a_content, a_decision, a_state

Arguments = ParamSpec("Arguments")
USE = LimitUse(limit="race", key="all", amount=1, maximum=20, window_s=3600)


def create(state: State, name: str, ids: list[str]) -> dict[str, str]:
    """Propose under keys that the others use too."""
    told = {}
    for key in ids:
        proposal, new = state.proposals.create(a_content(key))
        told[key] = f"{'new' if new else 'there'} {proposal.content.proposal_id}"
    return told


def propose(state: State, name: str, ids: list[str]) -> dict[str, str]:
    """Propose under keys of one's own, against a limit that all share."""
    return {key: _tried(state.proposals.create, a_content(f"{name}-{key}", limits=(USE,))) for key in ids}


def decide(state: State, name: str, ids: list[str]) -> dict[str, str]:
    """Decide about what the others decide about too, each in another order."""
    at = sum(map(ord, name)) % len(ids)
    return {one: _tried(state.proposals.decide, a_decision(one, by=name)) for one in ids[at:] + ids[:at]}


def take(state: State, name: str, ids: list[str]) -> dict[str, str]:
    """Take work until there is none."""
    told = {}
    while (taken := state.proposals.take(name, lease_s=3600)) is not None:
        told[taken.content.proposal_id] = taken.state.value
    return told


def send(state: State, name: str, ids: list[str]) -> dict[str, str]:
    """Take work and send it, against a limit that all share."""
    told = {}
    while (taken := state.proposals.take(name, lease_s=3600)) is not None:
        one, step = taken.content.proposal_id, Step(name="send", actor=name, fence=taken.fence)
        told[one] = _tried(state.proposals.move, one, step)
    return told


def _tried(act: Callable[Arguments, object], *arguments: Arguments.args, **named: Arguments.kwargs) -> str:
    try:
        act(*arguments, **named)
    except GatewayError as error:
        return error.code
    return "done"


ROLES = {"create": create, "propose": propose, "decide": decide, "take": take, "send": send}

if __name__ == "__main__":
    opened = a_state(Path(sys.argv[1]), busy_s=30.0)
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(ROLES[sys.argv[2]](opened, sys.argv[3], sys.argv[4:])))
    opened.close()
