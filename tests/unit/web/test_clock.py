"""The page while the machine's clock has jumped: a no goes on, a yes waits, and nothing is called expired."""

from __future__ import annotations

from datetime import timedelta

import pytest

from erp_mcp.domain.clock_watch import CALM_S
from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.unit.cli.people_at_work import Desk
from tests.unit.web.browsing import Browser
from tests.unit.web.test_deciding import HERE, at, holds, state, without_flags


@guarantees("P4.clock", "P3.page_decides")
@pytest.mark.parametrize("jump", [timedelta(minutes=3), -timedelta(seconds=10)])
async def test_a_yes_waits_until_the_clock_is_steady(browser: Browser, desk: Desk, jump: timedelta) -> None:
    """When it is said is signed, and a worker compares it with its own clock."""
    desk.propose(preview=without_flags())
    await at(browser, "bob")
    browser.clock.jumped = jump
    answer = await browser.send(f"{HERE}/approve")
    assert answer.status_code == 503
    assert "clock of this machine has jumped" in browser.seen.text
    assert state(browser) is State.AWAITING_APPROVAL
    browser.clock.ahead += timedelta(seconds=CALM_S)
    await browser.get(HERE)
    await browser.send(f"{HERE}/approve")
    assert (state(browser), holds(browser)) == (State.APPROVED, "")


@guarantees("P4.clock", "P3.page_decides")
async def test_a_no_goes_on(browser: Browser, desk: Desk) -> None:
    """It stops something and starts nothing."""
    desk.propose(preview=without_flags())
    await at(browser, "bob")
    browser.clock.jumped = timedelta(minutes=3)
    await browser.send(f"{HERE}/reject", reason="the supplier confirmed the old date")
    assert state(browser) is State.REJECTED


@guarantees("P4.clock")
async def test_looking_at_the_page_lets_nothing_expire(browser: Browser, desk: Desk) -> None:
    """Whose time is over by a clock that has jumped waits on, in the list and on its own page."""
    desk.propose(preview=without_flags())
    await browser.sign_in("bob")
    browser.clock.jumped = timedelta(hours=5)  # a session lasts as long by the same clock
    for address in ("/", HERE):
        await browser.get(address)
        assert state(browser) is State.AWAITING_APPROVAL
    await browser.sign_in("bob")
    for address in ("/", HERE):
        await browser.get(address)
        assert state(browser) is State.AWAITING_APPROVAL
    browser.clock.ahead += timedelta(seconds=CALM_S)
    await browser.get("/")
    assert state(browser) is State.EXPIRED
