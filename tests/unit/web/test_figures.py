"""Pictures of figures: drawn on the server, told in words, beside a table."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from erp_mcp.approval.figures import Figures
from erp_mcp.web.figures import picture, row_of
from tests.guarantees import guarantees
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
