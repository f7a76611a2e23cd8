"""The ERP keeps a request after its client gave up, and does it later: until when that is found, and when not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.committing.committer import LEASE_S
from erp_mcp.domain.command import Committed
from erp_mcp.domain.proposal import Content
from erp_mcp.domain.reference import reference_of
from erp_mcp.testing.fake_erp import ErpFault
from tests.faults.chance import KilledError
from tests.faults.driving import Play, playing
from tests.faults.erp import Plan, Request, until
from tests.faults.plant import TOOLS, Template
from tests.guarantees import guarantees
from tests.path.buyer import DATE_TOOL, REQUISITION_TOOL

Place = Callable[[], Path]
SETTLE_S: Final = 5  # of both operations of the demo ERP
IN_TIME: Final = (0.1, 4.9, 5.0, 5.1, 9.0, 9.9)  # seconds after the client gave up
TOO_LATE: Final = (10.1, 60.0)


def late(play: Play, content: Content, delay_s: float) -> None:
    """Let the ERP take up a change so many seconds after its client gave up; while a worker works, time stands."""
    app = play.line.plan(content, Plan(sends={1: ErpFault("late")}))

    async def take_up() -> None:
        app.release()
        await until(lambda: bool(play.line.effects(content)))

    play.plan_event(delay_s, take_up)


def each(template: Template, delays: tuple[float, ...]) -> list[tuple[Content, float]]:
    """Return a proposal of each tool for each delay."""
    return [(content, delay) for tool in TOOLS for content, delay in zip(template.contents[tool], delays, strict=False)]


@guarantees("P4.unknown", "P4.one_effect")
async def test_what_takes_effect_within_twice_the_time_to_settle_is_found(template: Template, place: Place) -> None:
    """Also after the first read-back has missed it: two misses are needed to give it up."""
    chosen = each(template, IN_TIME)
    async with playing(template, place(), [content for content, _ in chosen]) as play:
        for content, delay in chosen:
            late(play, content, delay)
        await play.until_end()
        for content, delay in chosen:
            assert play.stand(content)[0] == "COMMITTED", delay
            missed = [record for record in play.path_of(content) if record == "RECONCILING"]
            assert len(missed) == (1 if delay <= SETTLE_S else 2), delay
        assert play.wrongs() == []


@guarantees("P4.unknown", "P4.one_effect")
async def test_nothing_is_given_up_before_twice_the_time_to_settle_is_over(template: Template, place: Place) -> None:
    """This is the window in which a late effect is found; it begins when the outcome became unknown."""
    chosen = [template.contents[tool][0] for tool in TOOLS]
    async with playing(template, place(), chosen) as play:
        for content in chosen:
            play.line.plan(content, Plan(sends={1: ErpFault("late")}))
        began = play.clock.wall()
        await play.until_end()
        assert [play.stand(content) for content in chosen] == [("NOT_APPLIED", "not_applied")] * 2
        assert (play.clock.wall() - began).total_seconds() == 2 * SETTLE_S
        assert play.wrongs() == []


@guarantees("P4.one_effect")
async def test_what_takes_effect_later_than_that_does_so_once_and_under_its_reference(
    template: Template, place: Place
) -> None:
    """The known bound: the state then says that it was not written. Nothing is sent again, so it stays the only one."""
    chosen = each(template, TOO_LATE)
    async with playing(template, place(), [content for content, _ in chosen]) as play:
        for content, delay in chosen:
            late(play, content, delay)
        await play.until_end()
        for content, _ in chosen:
            assert play.stand(content)[0] == "NOT_APPLIED"
            assert len(play.line.effects(content)) == 1
            assert play.line.sends_of(content) == 1
            assert play.line.noted(content) is not None
        assert play.tally().lies == len(chosen)
        assert play.flaws() == []


@guarantees("P4.unknown", "P10.survives")
async def test_after_a_death_the_time_to_settle_begins_when_the_worker_is_known_to_be_gone(
    template: Template, place: Place
) -> None:
    """Its lease has to run out first, so what takes effect up to two minutes and two such times later is found."""
    chosen = [template.contents[tool][0] for tool in TOOLS]
    async with playing(template, place(), chosen) as play:

        async def dies(_: str) -> None:
            raise KilledError

        play.dies = dies
        for content in chosen:
            late(play, content, LEASE_S + 2 * SETTLE_S - 1)
            with pytest.raises(KilledError):
                await play.committer().work(play.worker())
        play.dies = None
        await play.until_end()
        assert [play.stand(content)[0] for content in chosen] == ["COMMITTED", "COMMITTED"]
        assert play.line.arrived == 2
        assert play.wrongs() == []


@guarantees("P4.unknown")
async def test_a_clock_that_jumps_ahead_once_leaves_one_time_to_settle(template: Template, place: Place) -> None:
    """Waiting is measured by the clock of the machine; the second miss is waited for anew."""
    content = template.contents[DATE_TOOL][0]
    async with playing(template, place(), [content]) as play:
        play.line.plan(content, Plan(sends={1: ErpFault("cut")}))
        await play.work_off()
        play.clock.pass_by(3600)
        jumped = play.clock.wall()
        await play.until_end()
        assert play.stand(content)[0] == "NOT_APPLIED"
        assert (play.clock.wall() - jumped).total_seconds() == SETTLE_S
        assert play.wrongs() == []


@guarantees("P4.one_effect", "P4.unknown")
@pytest.mark.parametrize(("tool", "made"), [(DATE_TOOL, 1), (REQUISITION_TOOL, 2)])
async def test_what_is_late_and_was_proposed_anew_is_tied_to_its_version_or_else_made_twice(
    template: Template, place: Place, tool: str, made: int
) -> None:
    """Known bound: of two changes of a line only the first fits its version; two new documents have two references."""
    first = template.contents[tool][0]
    async with playing(template, place(), [first]) as play:
        app = play.line.plan(first, Plan(sends={1: ErpFault("late")}))
        await play.until_end()
        assert play.stand(first)[0] == "NOT_APPLIED"
        anew = replace(first.command, reference=reference_of(play.deployment.ids.new()))
        outcome = await play.line.client(Request(kind="send", reference=anew.reference)).send(anew)
        app.release()
        await play.line.server.settle()
        assert isinstance(outcome, Committed)
        assert (play.line.noted(first) is not None) == (made == 2)
        assert play.line.all_effects() == made
