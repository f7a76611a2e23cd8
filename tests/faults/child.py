"""`python -m tests.faults.child FOLDER URL`: one worker in a process of its own, against an ERP of its parent.

It works until nothing is approved or under way any more, or until it is killed.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from erp_mcp.bootstrap import SystemClock
from erp_mcp.domain.lifecycle import State
from erp_mcp.egress.transport import Egress, EgressLimits, Origin
from erp_mcp.ports import Commands
from erp_mcp.testing import NO_LIMITS
from erp_mcp.testing.fake_erp_commands import FakeErpCommands
from tests.faults.plant import PLANT_NOW, opened

_BUSY: Final = (State.APPROVED, State.CLAIMED, State.SENDING)


async def work(folder: Path, url: str) -> int:
    """Work everything off and return how many pieces of work were done."""
    deployment = opened(folder, SystemClock(PLANT_NOW))
    origin = Origin.of(url)
    assert origin is not None
    egress = Egress(
        system="erp",
        allowed=[origin],
        limits=EgressLimits(),
        traffic=deployment.traffic,
        traffic_limits=NO_LIMITS,
    )
    profile = deployment.profile(deployment.system("erp"))
    port = FakeErpCommands(egress, url=url, system="erp", profile=profile)

    async def commands(_: str) -> Commands:
        return port

    committer = replace(deployment.committer(), commands=commands)
    holder, done = f"worker:{deployment.ids.new()}", 0
    try:
        while any(not one.not_before for one in deployment.state.proposals.in_states(_BUSY)):
            if await committer.work(holder) is None:
                await asyncio.sleep(0.02)
            else:
                done += 1
    finally:
        await port.close()
        await deployment.disconnect()
        deployment.close()
    return done


if __name__ == "__main__":
    print(asyncio.run(work(Path(sys.argv[1]), sys.argv[2])))
