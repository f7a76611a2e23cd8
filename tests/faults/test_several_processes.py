"""Workers as processes of their own: two that share the work, and one that is killed while the ERP keeps its answer."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.testing.fake_erp import ErpFault
from tests.faults.driving import Play, playing
from tests.faults.erp import Plan, Request, until
from tests.faults.plant import TOOLS, DrivenClock, Template
from tests.guarantees import guarantees

Place = Callable[[], Path]
ROOT: Final = Path(__file__).parents[2]
LEASE_OVER_S: Final = 130


async def worker(play: Play) -> Process:
    """Start a worker process over the deployment and the ERP of a play."""
    command = [sys.executable, "-m", "tests.faults.child", str(play.folder), play.line.server.url]
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, stderr=PIPE)


def has_sent(play: Play, count: int, commits: bool) -> bool:
    """Whether so many commands have come, and have taken effect where they are to."""
    return play.line.arrived == count and (not commits or play.line.all_effects() == count)


@guarantees("P4.one_effect", "P4.table", "P10.survives")
async def test_two_workers_in_two_processes_write_each_of_twenty_proposals_once(
    template: Template, place: Place
) -> None:
    """Both claim, look and send at the same time; leases and fences keep them apart."""
    chosen = [content for tool in TOOLS for content in template.contents[tool][:10]]
    async with playing(template, place(), chosen) as play:
        both: asyncio.Event = asyncio.Event()
        arrived: list[Request] = []

        async def wait_for_the_other(request: Request) -> None:
            """Keep the first answer back until the second worker has sent something, so that they overlap."""
            arrived.append(request)
            if len(arrived) > 1:
                both.set()
            await asyncio.wait_for(both.wait(), 30)
            await asyncio.sleep(0.01)

        play.line.hold_sends = wait_for_the_other
        workers = [await worker(play), await worker(play)]
        told = await asyncio.wait_for(asyncio.gather(*(one.communicate() for one in workers)), 60)
        assert [one.returncode for one in workers] == [0, 0], [error.decode() for _, error in told]
        shares = [int(out) for out, _ in told]
        assert sum(shares) == len(chosen)
        assert min(shares) >= 1
        assert {play.stand(content)[0] for content in chosen} == {"COMMITTED"}
        assert [len(play.line.effects(content)) for content in chosen] == [1] * len(chosen)
        assert play.line.arrived == len(chosen)
        assert play.wrongs() == []


@guarantees("P10.survives", "P4.one_effect", "P4.unknown")
@pytest.mark.parametrize("commits", [True, False], ids=["after-the-effect", "before-the-effect"])
async def test_a_worker_killed_while_the_erp_keeps_its_answer_back_is_followed_by_one_that_reads_back(
    template: Template, place: Place, commits: bool
) -> None:
    """Nothing is recorded of what it sent; the next worker finds it sending, and asks the ERP."""
    contents = [template.contents[tool][0] for tool in TOOLS]
    async with playing(template, place(), contents) as play:
        for content in contents:
            play.line.plan(content, Plan(sends={1: ErpFault("late", commits=commits)}))
        for sent in (1, 2):
            child = await worker(play)
            await until(partial(has_sent, play, sent, commits))
            child.kill()
            await child.communicate()
        assert {play.stand(content)[0] for content in contents} == {"SENDING"}
        play.clock.now = DrivenClock().wall()  # the children lived by the machine's clock
        play.clock.pass_by(LEASE_OVER_S)
        await play.until_end()
        assert {play.stand(content)[0] for content in contents} == {"COMMITTED" if commits else "NOT_APPLIED"}
        assert [len(play.line.effects(content)) for content in contents] == [int(commits)] * 2
        assert play.line.arrived == 2
        assert play.wrongs() == []
