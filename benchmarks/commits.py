"""Committing approved changes to the demo ERP, one by one and by several workers at once."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

from benchmarks.places import Place
from erp_mcp import administration
from erp_mcp.administration import Signing
from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.domain.answer import Answer
from erp_mcp.domain.call import ToolCall
from erp_mcp.domain.lifecycle import State
from tests.crash.asked import Asked, notifications
from tests.crash.furnishing import AGENTS, CONFIGURATION, furnished
from tests.prepared import prepare
from tests.writes.desk import APPROVERS, passphrase_of

ROOT = Path(__file__).resolve().parents[1]


class Office:
    """A demo plant on a store, with an agent that proposes and an approver who signs at once."""

    def __init__(self, place: Place, folder: Path) -> None:
        """Build the plant, once for a folder."""
        self.plant = folder / "demo"
        is_new = not self.plant.is_dir()
        if is_new:
            prepare(self.plant)
            furnished(self.plant, place.rig)
        self.deployment = open_deployment(self.plant / CONFIGURATION)
        sealed = Signing(approver_id=APPROVERS[0], passphrase=passphrase_of(self.plant, APPROVERS[0]))
        key = administration.opened_key(self.deployment, sealed)
        self._signing = Signing(approver_id=APPROVERS[0], passphrase="", key=key)

    def changes(self, count: int) -> list[Asked]:
        """Return changes that nobody has asked for yet."""
        done = sum(self.deployment.state.proposals.standing().values())
        return list(islice(notifications(self.plant / "erp.sqlite"), done, done + count))

    async def approved(self, one: Asked) -> float:
        """Propose a change and have it approved; return the milliseconds that proposing took."""
        call = ToolCall(tool=one.tool, arguments=dict(one.arguments), call_id=f"call-{random.random()}")
        began = time.perf_counter()
        answer = await self.deployment.gateway.call(self.deployment.principal(AGENTS[0]), call)
        took = (time.perf_counter() - began) * 1e3
        assert isinstance(answer, Answer), answer
        stored = self.deployment.state.proposals.get(str(answer.tables["proposal"].rows[0][0]))
        administration.decide(self.deployment, stored, self._signing, "approve")
        return took


def commits(place: Place, folder: Path, count: int) -> dict[str, list[float]]:
    """Take turns: a proposal over the gateway, its approval (not counted), a bare insert, its commit; milliseconds."""
    office = Office(place, folder)
    took: dict[str, list[float]] = {"bare insert": [], "proposal": [], "commit": []}

    async def take_turns() -> None:
        committer = office.deployment.committer()
        for one in office.changes(1 + count):
            took["proposal"].append(await office.approved(one))
            began = time.perf_counter()
            insert(one.key, "x" * 2000)
            took["bare insert"].append((time.perf_counter() - began) * 1e3)
            began = time.perf_counter()
            done = await committer.work("worker:bench")
            took["commit"].append((time.perf_counter() - began) * 1e3)
            assert done is not None
            assert done.proposal.state is State.COMMITTED, done.proposal.reason
        await office.deployment.disconnect()

    with place.bare(folder) as insert:
        asyncio.run(take_turns())
    office.deployment.close()
    return {name: times[1:] for name, times in took.items()}  # the first one of each imports what it needs


def per_second(place: Place, folder: Path, count: int, workers: int) -> float:
    """Return how many commits a second so many worker processes make of approved changes."""
    office = Office(place, folder)

    async def approve() -> None:
        for one in office.changes(workers + count):
            await office.approved(one)
        await office.deployment.disconnect()

    asyncio.run(approve())
    office.deployment.close()
    command = [sys.executable, "-m", "benchmarks.commits", str(office.plant)]
    working = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(workers)
    ]
    for one in working:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    began = time.monotonic()
    for one in working:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    told = [json.loads(one.communicate(timeout=600)[0]) for one in working]
    assert sum(one["committed"] for one in told) == count, told
    return float(count / (max(one["ended"] for one in told) - began))


def work(deployment: Deployment) -> None:
    """Be a worker: commit one and be warm, wait for a line, commit what there is, say how much and when it was done."""

    async def commit() -> dict[str, float]:
        committer, name = deployment.committer(), f"worker:{deployment.ids.new()}"
        first = await committer.work(name)
        assert first is not None
        print("ready", flush=True)
        sys.stdin.readline()
        committed, ended = 0, 0.0
        while (done := await committer.work(name)) is not None:
            committed += done.proposal.state is State.COMMITTED
            ended = time.monotonic()  # of the whole machine
        await deployment.disconnect()
        return {"committed": committed, "ended": ended}

    print(json.dumps(asyncio.run(commit())))
    deployment.close()


if __name__ == "__main__":
    work(open_deployment(Path(sys.argv[1]) / CONFIGURATION))
