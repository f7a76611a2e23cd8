"""A process of racers, each a thread with connections of its own: `racer.py DIRECTORY ROLE NAME COUNT IDS…`.

A line of input starts them. It prints one line of JSON: what each of them got, per id.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

from erp_mcp.domain.proposal import LimitUse, Step
from erp_mcp.store.state.deployment_state import DeploymentState
from tests.unit.store.state.fakes import a_content, a_decision
from tests.unit.store.state.racing import SHORT, Ticking
from tests.unit.store.state.stores import opened
from tests.unit.store.state.storm import storm, tried

USE = LimitUse(limit="race", key="all", amount=1, maximum=3, window_s=3600)
_ROUNDS = 40


def create(state: DeploymentState, name: str, ids: list[str]) -> dict[str, str]:
    """Propose under keys that the others use too."""
    told = {}
    for key in ids:
        proposal, new = state.proposals.create(a_content(key))
        told[key] = f"{'new' if new else 'there'} {proposal.content.proposal_id}"
    return told


def propose(state: DeploymentState, name: str, ids: list[str]) -> dict[str, str]:
    """Propose under keys of one's own, against a limit that all share."""
    return {key: tried(state.proposals.create, a_content(f"{name}-{key}", limits=(USE,))) for key in ids}


def decide(state: DeploymentState, name: str, ids: list[str]) -> dict[str, str]:
    """Decide about what the others decide about too, each in another order."""
    at = sum(map(ord, name)) % len(ids)
    return {one: tried(state.proposals.decide, a_decision(one, by=name)) for one in ids[at:] + ids[:at]}


def take(state: DeploymentState, name: str, ids: list[str]) -> dict[str, str]:
    """Take work until there is none."""
    told = {}
    while (taken := state.proposals.take(name, lease_s=3600)) is not None:
        told[taken.content.proposal_id] = taken.state.value
    return told


def send(state: DeploymentState, name: str, ids: list[str]) -> dict[str, str]:
    """Take work and send it, against a limit that all share."""
    told = {}
    while (taken := state.proposals.take(name, lease_s=3600)) is not None:
        one, step = taken.content.proposal_id, Step(name="send", actor=name, fence=taken.fence)
        told[one] = tried(state.proposals.move, one, step)
    return told


def send_or_stop(state: DeploymentState, name: str, ids: list[str]) -> dict[str, str]:
    """Take work and send it, while one of all stops the site that is named."""
    if name != "racer-0-0":
        return send(state, name, ids)
    told = {one: tried(state.switches.stop, f"site:{one}", by=name, reason="inventory") for one in ids}
    return {**told, **send(state, name, ids)}


def mix(state: DeploymentState, name: str, ids: list[str]) -> dict[str, str]:
    """Do everything that others do at the same time, in another order each."""
    at = sum(map(ord, name)) % len(ids)
    told = {}
    for number, one in enumerate(ids[at:] + ids[:at]):
        told[f"decide {number}"] = tried(state.proposals.decide, a_decision(one, by=name))
        told[f"create {number}"] = tried(state.proposals.create, a_content(f"{name}-{number}", limits=(USE,)))
        told[f"cancel {number}"] = tried(state.proposals.move, one, Step(name="cancel", actor="buyer"))
        told[f"take {number}"] = tried(state.proposals.take, name, lease_s=3600)
        told[f"expire {number}"] = tried(state.proposals.expire)
        told[f"stop {number}"] = tried(state.switches.stop, f"tool:t{number % 3}", by=name, reason="")
        told[f"resume {number}"] = tried(state.switches.resume, f"tool:t{number % 3}", by=name)
        told[f"lease {number}"] = tried(state.leases.acquire, "sync", name, ttl_s=1)
    return told


def propose_on(state: DeploymentState, name: str, ids: list[str]) -> dict[str, str]:
    """Propose over several windows of a limit that all share."""
    keys = [f"{name}-{number:04d}" for number in range(_ROUNDS)]
    return {key: tried(state.proposals.create, a_content(key, agent=name, limits=(SHORT,))) for key in keys}


def send_on(state: DeploymentState, name: str, ids: list[str]) -> dict[str, str]:
    """Take work and send it over several windows of a limit that all share; what has no room goes back."""
    told = {}
    for number in range(_ROUNDS):
        taken = state.proposals.take(name, lease_s=86_400)
        if taken is None:
            break
        one, step = taken.content.proposal_id, Step(name="send", actor=name, fence=taken.fence)
        told[str(number)] = tried(state.proposals.move, one, step)
        if told[str(number)] != "done":
            state.proposals.move(one, replace(step, name="postpone", reason="limit"))
    return told


ROLES = {
    "create": create, "propose": propose, "decide": decide, "take": take, "send": send, "mix": mix,
    "send_or_stop": send_or_stop, "propose_on": propose_on, "send_on": send_on, "storm": storm,
}  # fmt: skip


def race(directory: Path, role: str, name: str, count: int, ids: list[str]) -> list[dict[str, str]]:
    """Let threads race once a line has come; return what each of them got."""
    ticking = role in {"propose_on", "send_on"}
    states = [opened(directory, Ticking(directory) if ticking else None, busy_s=60.0) for _ in range(count)]
    together = Barrier(count)

    def one(number: int) -> dict[str, str]:
        together.wait()
        return ROLES[role](states[number], f"{name}-{number}", ids)

    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(count) as pool:
        told = list(pool.map(one, range(count)))
    for state in states:
        state.close()
    return told


if __name__ == "__main__":
    _, where, act, who, racers, *keys = sys.argv
    print(json.dumps(race(Path(where), act, who, int(racers), keys)))
