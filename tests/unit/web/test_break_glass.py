"""An emergency on the page: two people who say why, a banner that everybody sees, and a third one's review."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from erp_mcp import administration
from erp_mcp.administration import Signing, reviewing
from erp_mcp.cli import checkup
from erp_mcp.domain.decision import BreakGlass, Terms
from erp_mcp.domain.lifecycle import State
from erp_mcp.errors import PassphraseNeededError
from erp_mcp.web.held_keys import HELD_FOR
from tests.guarantees import guarantees
from tests.unit.cli.people_at_work import PASSPHRASE, Desk
from tests.unit.web.browsing import Browser
from tests.unit.web.test_deciding import HERE, ID, at, holds, state, without_flags

WHY = "Line 2 stands still, and nobody of the buyers answers."
GLASS = BreakGlass(people=("ada", "bob"), review_by=("carl", "bob"), review_s=24 * 3600)
TERMS = Terms(rule="buyers", approvers=("zoe",), needed=1, self_approval=False, valid_s=14400, break_glass=GLASS)


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """The deployment with a fourth person, who reviews."""
    assert desk.enrol("carl", name="Carl Controller", by="ada").exit_code == 0
    return desk


async def breaks(browser: Browser, name: str, *, why: str = WHY, secret: str = "", here: str = HERE) -> int:
    await browser.sign_in(name)
    await browser.get(here)
    answer = await browser.send(f"{here}/break-glass", reason=why, passphrase=secret or f"{PASSPHRASE} of {name}")
    return answer.status_code


@guarantees("P3.break_glass", "P3.page_decides")
async def test_two_people_break_the_glass_on_the_page_and_a_third_one_reviews_it(
    browser: Browser, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """Signed by their own keys, with the passphrase each time; everybody sees it until somebody has looked."""
    desk.propose(preview=without_flags(), terms=TERMS)
    assert await breaks(browser, "ada") == 303
    assert state(browser) is State.AWAITING_APPROVAL
    assert "1 of 2 by break-glass" in (await browser.get(HERE)).text
    assert await breaks(browser, "bob") == 303
    assert (state(browser), holds(browser)) == (State.APPROVED, "")
    assert [one.levelname for one in caplog.records if f"glass broken for {ID}" in one.message] == ["WARNING"]

    assert f"{HERE}/review" not in (await browser.get(HERE)).text  # one of the two
    await at(browser, "carl")
    assert "Glass was broken for" in (await browser.get("/")).text
    shown = (await browser.get(HERE)).text
    assert shown.count(WHY) >= 2
    assert "To be reviewed by</dt><dd>carl, before" in shown  # bob may review, and is one of the two
    words = {"verdict": "not_justified", "reason": "The buyer was there all day; I asked."}
    refused = await browser.send(f"{HERE}/review", **words, passphrase="not hers, not his")
    assert refused.status_code == 403
    await browser.get(HERE)
    right = {**words, "passphrase": f"{PASSPHRASE} of carl"}
    assert "page.bad_form" in (await browser.send(f"{HERE}/review", **right, digest="0" * 64)).text
    await browser.get(HERE)
    assert (await browser.send(f"{HERE}/review", **right)).status_code == 303
    told = (await browser.get(HERE)).text
    assert "it was NOT justified" in told
    assert "Reviewed by Carl Controller (carl)" in told
    assert "To be reviewed by" not in told
    assert "The buyer was there all day; I asked." in told
    assert "Glass was broken for" not in (await browser.get("/")).text


@guarantees("P3.break_glass", "P3.page_decides")
@pytest.mark.parametrize(
    ("why", "secret", "status"), [("urgent", "", 400), (WHY, "not the right one", 403), (WHY, " ", 403)]
)
async def test_without_a_reason_or_the_passphrase_nothing_is_broken(
    browser: Browser, desk: Desk, why: str, secret: str, status: int
) -> None:
    """Also with a key that the page holds since the sign-in."""
    desk.propose(preview=without_flags(), terms=TERMS)
    assert await breaks(browser, "bob", why=why, secret=secret) == status
    assert browser.deployment.state.proposals.decisions(ID) == []


@guarantees("P3.break_glass", "P3.page_decides")
async def test_flagged_rules_must_be_looked_at_in_an_emergency_too(browser: Browser, desk: Desk) -> None:
    """Whoever is in a hurry is told what is unusual about it like anybody else."""
    desk.propose(terms=TERMS)
    await at(browser, "ada")
    words = {"reason": WHY, "passphrase": f"{PASSPHRASE} of ada"}
    refused = await browser.send(f"{HERE}/break-glass", **words)
    assert (refused.status_code, browser.deployment.state.proposals.decisions(ID)) == (400, [])
    assert "Look at the flagged rule first" in refused.text
    assert (await browser.send(f"{HERE}/break-glass", **words, looked="yes")).status_code == 303


@guarantees("P3.break_glass", "P3.page_text")
@pytest.mark.parametrize("form", ["break-glass", "reject"])
async def test_what_somebody_typed_stands_there_again_where_it_was_refused_and_in_that_form_alone(
    browser: Browser, desk: Desk, form: str
) -> None:
    """Nobody types it twice in an emergency; it is text, whatever it looks like, and gone with the next page."""
    desk.propose(preview=without_flags(), terms=replace(TERMS, approvers=("ada",), needed=2))
    browser.clock.ahead += HELD_FOR  # of a key, so that a no takes the passphrase, too
    await at(browser, "ada")
    browser.clock.ahead += HELD_FOR
    await browser.get(HERE)
    why = "</textarea><b>Line 2</b> stands still, and nobody answers."
    refused = await browser.send(f"{HERE}/{form}", reason=why, passphrase="not the right one")
    assert refused.status_code == 403
    typed = "&lt;/textarea&gt;&lt;b&gt;Line 2&lt;/b&gt; stands still, and nobody answers.</textarea>"
    assert refused.text.count(typed) == 1
    assert "<b>Line 2" not in refused.text
    where = 'id="why-glass"' if form == "break-glass" else 'id="reason"'
    assert where in refused.text.partition(typed)[0].rpartition("<textarea")[2]
    assert typed not in (await browser.get(HERE)).text


@guarantees("P3.break_glass", "P3.requesters")
@pytest.mark.parametrize("who", ["olga", "carl"])
async def test_who_asked_and_who_is_not_named_for_it_get_no_such_form(browser: Browser, desk: Desk, who: str) -> None:
    """Whoever makes one up is refused all the same."""
    glass = replace(GLASS, people=("ada", "bob", "olga"))
    desk.propose(preview=without_flags(), terms=replace(TERMS, break_glass=glass))
    await at(browser, who)
    assert f"{HERE}/break-glass" not in browser.seen.forms
    made_up = {**next(iter(browser.seen.forms.values())), "reason": WHY, "passphrase": f"{PASSPHRASE} of {who}"}
    assert (await browser.post(f"{HERE}/break-glass", made_up)).status_code in {400, 403}
    assert browser.deployment.state.proposals.decisions(ID) == []


@guarantees("P3.break_glass")
async def test_an_overdue_review_shuts_every_glass_and_a_review_opens_it_again(browser: Browser, desk: Desk) -> None:
    """Both on the page and at the command line; `doctor` fails meanwhile."""
    other, there = "prp_000000000002", "/proposals/prp_000000000002"
    desk.propose(preview=without_flags(), terms=TERMS)
    for name in ("ada", "bob"):
        assert await breaks(browser, name) == 303
    assert reviews(browser) == ["note"]
    browser.clock.ahead += timedelta(hours=24, seconds=1)
    assert reviews(browser) == ["bad"]
    later = browser.clock.wall() + timedelta(hours=3)
    desk.propose(
        other, preview=without_flags(), terms=TERMS, expires_at=later.isoformat(timespec="microseconds")[:-6] + "Z"
    )

    await browser.sign_in("ada")
    told = (await browser.get(there)).text
    assert "no other glass can be broken" in told
    assert f"{there}/break-glass" not in browser.seen.forms
    await at(browser, "carl")
    words = {"verdict": "justified", "reason": "I have asked both of them.", "passphrase": f"{PASSPHRASE} of carl"}
    assert (await browser.send(f"{HERE}/review", **words)).status_code == 303
    assert reviews(browser) == []
    assert await breaks(browser, "ada", here=there) == 303


def reviews(browser: Browser) -> list[str]:
    """Return how `doctor` finds the reviews."""
    return [one.status for one in checkup.writes(browser.deployment) if one.name == "reviews"]


@guarantees("P3.break_glass", "P3.signed")
async def test_a_key_that_was_opened_before_neither_breaks_the_glass_nor_reviews_it(
    browser: Browser, desk: Desk
) -> None:
    """Each of them gives the passphrase for this alone, whoever asks for the signature."""
    desk.propose(preview=without_flags(), terms=TERMS)
    deployment = browser.deployment
    for who in ("ada", "bob"):
        shown = deployment.state.proposals.get(ID)
        secret = Signing(approver_id=who, passphrase=f"{PASSPHRASE} of {who}")
        held = replace(secret, passphrase="", key=administration.opened_key(deployment, secret))
        with pytest.raises(PassphraseNeededError):
            administration.decide(deployment, shown, held, "break_glass", WHY)
        administration.decide(deployment, shown, secret, "break_glass", WHY)
    shown = deployment.state.proposals.get(ID)
    secret = Signing(approver_id="carl", passphrase=f"{PASSPHRASE} of carl")
    held = replace(secret, passphrase="", key=administration.opened_key(deployment, secret))
    with pytest.raises(PassphraseNeededError):
        reviewing.give_review(deployment, shown, held, "justified", WHY)
    assert reviewing.give_review(deployment, shown, secret, "justified", WHY).stands == "justified"
