"""The kill switch on the page."""

from __future__ import annotations

import pytest

from erp_mcp.errors import WritesStoppedError
from tests.guarantees import guarantees
from tests.unit.cli.people_at_work import Desk
from tests.unit.web.browsing import Browser


@guarantees("P3.page_told")
async def test_writes_are_stopped_with_a_reason_that_stands_on_every_page(browser: Browser, desk: Desk) -> None:
    """It counts at once, also for what is proposed; whoever comes by sees it and why."""
    await browser.sign_in("bob")
    await browser.get("/stop")

    await browser.send("/stop", scope="tool:propose_update_delivery_date", reason="odd <b>proposals</b>")

    (stop,) = browser.deployment.state.switches.stopped()
    assert (stop.scope, stop.set_by, stop.reason) == (
        "tool:propose_update_delivery_date",
        "bob",
        "odd <b>proposals</b>",
    )
    await browser.get("/")
    assert "odd <b>proposals</b>" in browser.seen.text
    with pytest.raises(WritesStoppedError):
        desk.propose()


@guarantees("P3.page_told")
async def test_what_was_stopped_goes_on_when_told_to(browser: Browser) -> None:
    """One form for each scope; the others stay stopped."""
    await browser.sign_in("bob")
    for scope in ("all", "system:erp"):
        browser.deployment.state.switches.stop(scope, by="ada", reason="inventory")
    await browser.get("/stop")

    await browser.send("/resume", scope="all")

    assert [one.scope for one in browser.deployment.state.switches.stopped()] == ["system:erp"]


@guarantees("P3.page_told")
@pytest.mark.parametrize(
    "fields",
    [{"scope": "all", "reason": " "}, {"scope": "agent:nobody", "reason": "x"}, {"scope": "", "reason": "x"}],
    ids=["no reason", "no such agent", "nothing"],
)
async def test_a_stop_that_would_stop_nothing_or_says_no_reason_is_turned_away(
    browser: Browser, fields: dict[str, str]
) -> None:
    """A name that nothing has would look stopped and be none."""
    await browser.sign_in("bob")
    await browser.get("/stop")

    assert (await browser.send("/stop", **fields)).status_code == 400
    assert browser.deployment.state.switches.stopped() == []


@guarantees("P3.page_told")
async def test_all_can_be_stopped_whatever_else_is_broken(browser: Browser) -> None:
    """A catalogue or a policy that can't be read must not keep anybody from it."""
    folder = browser.deployment.settings.state_dir
    (folder / "catalog.json").unlink(missing_ok=True)
    await browser.sign_in("bob")
    await browser.get("/stop")

    await browser.send("/stop", scope="all", reason="nobody knows what is going on")

    assert [one.scope for one in browser.deployment.state.switches.stopped()] == ["all"]
