"""Pictures of figures: drawn on the server, told in words, beside a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from erp_mcp.approval.figures import Figures
from erp_mcp.domain.instants import instant_text
from erp_mcp.web.figures import picture, row_of
from tests.guarantees import guarantees
from tests.unit.approval.people import content
from tests.unit.cli.people_at_work import Desk
from tests.unit.web.browsing import Browser

ANNA = Figures(
    approver_id="anna",
    decided=8,
    approved=6,
    rejected=1,
    narrowed=1,
    median_s=95,
    approve_rate=Decimal("0.75"),
    override_rate=Decimal("0.25"),
    canaries_seen=2,
    canaries_caught=1,
    catch_rate=Decimal("0.5"),
)
NOTHING = replace(
    ANNA, decided=0, median_s=None, approve_rate=None, override_rate=None, canaries_seen=0, catch_rate=None
)


@guarantees("P3.page_told")
def test_bars_are_as_long_as_their_values_and_told_in_words() -> None:
    """Whoever does not see the picture gets the same figures."""
    drawn = picture("Decisions", {"anna": Decimal(4), "bert": Decimal(1), "cy": Decimal(0)})

    assert [(bar.label, bar.length, bar.told) for bar in drawn.bars] == [
        ("anna", 180, "4"),
        ("bert", 45, "1"),
        ("cy", 0, "0"),
    ]
    assert drawn.told == "Decisions. anna: 4, bert: 1, cy: 0."
    assert picture("Decisions", {}).told == "Decisions. nothing yet."


@guarantees("P3.page_told")
def test_where_there_was_nothing_to_decide_there_is_no_rate() -> None:
    """A share of nothing is no share, and not naught."""
    told = row_of(ANNA)
    assert (told.median, told.approve_rate, told.override_rate, told.caught) == ("1 min", "75 %", "25 %", "1 of 2")
    told = row_of(NOTHING)
    assert (told.median, told.approve_rate, told.override_rate, told.caught) == ("—", "—", "—", "—")


@guarantees("P3.page_told")
@pytest.mark.parametrize("days", ["7", "30", "90", "x", ""])
async def test_what_waits_is_counted_by_its_age(browser: Browser, desk: Desk, days: str) -> None:
    """Twenty minutes old is older than a quarter of an hour."""
    desk.propose()
    await browser.sign_in("bob")

    answer = await browser.get(f"/figures?days={days}")

    assert answer.status_code == 200
    labels = " ".join(given.get("aria-label", "") for _, given in browser.seen.elements)
    assert "up to 15 min: 0, up to 1 h: 1" in labels
    assert "Nobody has decided" in browser.seen.text


@guarantees("P3.page_told")
async def test_how_often_each_decided_otherwise_than_asked_is_drawn_for_the_days_asked_for(
    browser: Browser, desk: Desk
) -> None:
    """One yes and three noes, twenty days ago: three quarters, in the picture as in the table."""
    for number in range(1, 5):
        desk.propose(f"prp_00000000000{number}", preview=replace(content().preview, checks=()))
    await browser.sign_in("ada")
    for number in range(1, 5):
        here = f"/proposals/prp_00000000000{number}"
        await browser.get(here)
        await (browser.send(f"{here}/approve") if number == 1 else browser.send(f"{here}/reject", reason="not now"))
    browser.clock.ahead += timedelta(days=20)
    await browser.sign_in("bob")

    for days, counts in (("7", False), ("30", True), ("90", True)):
        await browser.get(f"/figures?days={days}")

        labels = pictures(browser)
        assert ("Decided otherwise than asked, per cent. ada: 75." in labels) is counts, (days, labels)
        assert ("Decisions per approver. ada: 4." in labels) is counts, (days, labels)
        assert ("75 %" in browser.seen.text) is counts


def pictures(browser: Browser) -> set[str]:
    """Return what the pictures of the page say in words."""
    return {given["aria-label"] for _, given in browser.seen.elements if given.get("aria-label", "").endswith(".")}


@guarantees("P3.page_told")
async def test_each_age_of_the_queue_has_its_bounds(browser: Browser, desk: Desk) -> None:
    """On either side of every one; it is the age, and not what time is left."""
    now = browser.clock.wall()
    for number, minutes in enumerate((14, 17, 58, 62, 238, 242, 1438, 1442)):
        made, ends = now - timedelta(minutes=minutes), now + timedelta(days=2)
        desk.propose(f"prp_00000000000{number}", created_at=instant_text(made), expires_at=instant_text(ends))
    await browser.sign_in("bob")

    await browser.get("/figures")

    told = "Age of what waits. up to 15 min: 1, up to 1 h: 2, up to 4 h: 2, up to 1 day: 2, older: 1."
    assert told in pictures(browser), pictures(browser)
