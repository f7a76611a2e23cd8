"""Outcomes that nobody knows: what is shown of them, and the signed word that ends them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from erp_mcp.administration import resolving
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Step
from tests.guarantees import guarantees
from tests.unit.approval.people import content
from tests.unit.cli.people_at_work import PASSPHRASE, Desk
from tests.unit.web.browsing import Browser

ID = "prp_000000000001"
HERE = f"/proposals/{ID}"
RESOLVE = f"{HERE}/resolve"
SAID: Mapping[str, str] = {"reason": "searched by our reference", "passphrase": f"{PASSPHRASE} of bob"}


def state(browser: Browser) -> State:
    return browser.deployment.state.proposals.get(ID).state


async def lost(browser: Browser, desk: Desk) -> None:
    """Let a proposal be approved by ada, sent, and its answer be lost."""
    desk.propose(preview=replace(content().preview, checks=()))
    await browser.sign_in("ada")
    await browser.get(HERE)
    await browser.send(f"{HERE}/approve")
    store = browser.deployment.state.proposals
    taken = store.take("worker-1", lease_s=60)
    assert taken is not None
    store.move(ID, Step(name="send", actor="worker-1", fence=taken.fence))
    store.move(ID, Step(name="lose", actor="worker-1", fence=taken.fence, reason="adapter.timeout"))
    assert state(browser) is State.UNKNOWN
    await browser.sign_in("bob")
    await browser.get(HERE)


@guarantees("P3.page_told")
async def test_what_is_known_of_a_lost_outcome_is_shown_first(browser: Browser, desk: Desk) -> None:
    """Whoever is to look into the system needs our reference, when it was sent, and why nobody knows."""
    await lost(browser, desk)

    text = browser.seen.text
    assert "Outcome unknown" in text
    assert content().command.reference in text
    assert "adapter.timeout" in text
    assert ID in (await browser.get("/?view=look")).text


@guarantees("P3.page_told", "P4.accepted", "P8.text_is_data")
@pytest.mark.parametrize("ticket", ["<b>Q-17</b>", "Q\u202e71", ""])
async def test_what_was_taken_in_is_shown_with_its_ticket(browser: Browser, desk: Desk, ticket: str) -> None:
    """By whom, when, and when it is asked again; the ticket is text of theirs."""
    desk.propose(preview=replace(content().preview, checks=()))
    await browser.sign_in("ada")
    await browser.get(HERE)
    await browser.send(f"{HERE}/approve")
    store = browser.deployment.state.proposals
    taken = store.take("worker-1", lease_s=60)
    assert taken is not None
    store.move(ID, Step(name="send", actor="worker-1", fence=taken.fence))
    facts = {"ticket": ticket} if ticket else {}
    again = "2999-01-01T12:00:00Z"
    store.move(ID, Step(name="accept", actor="worker-1", fence=taken.fence, not_before=again, facts=facts))

    await browser.get(HERE)

    text = " ".join(browser.seen.text.split())
    told = f"ticket {ticket.replace(chr(0x202E), '⟨U+202E⟩')}" if ticket else "no ticket"
    assert f"Taken in by {content().command.system}, " in text
    assert told in text
    assert "; asked again 2999-01-01 " in text


@guarantees("P3.page_told")
@pytest.mark.parametrize(
    ("answer", "told"),
    [("found", "shows exactly this"), ("missing", "shows nothing of this"), ("adapter.timeout", "adapter.timeout")],
)
async def test_the_system_is_asked_by_a_process_that_has_the_way_in(
    browser: Browser, desk: Desk, answer: str, told: str
) -> None:
    """The page has no credentials; what that process says is shown as text, and moves nothing."""
    await lost(browser, desk)
    now = {"answer": answer, "found": {"document": "4711<b>"}, "record": {"qty": "5"}, "record_answer": "read"}
    asked: list[str] = []

    def look(_: Path, proposal_id: str) -> str:
        asked.append(proposal_id)
        return json.dumps({"now": now})

    browser = replace_look(browser, look)
    await browser.send(f"{HERE}/look")

    assert (asked, state(browser)) == ([ID], State.UNKNOWN)
    assert told in browser.seen.text
    assert "4711<b>" in browser.seen.text
    await browser.leave()


def replace_look(browser: Browser, look: Callable[[Path, str], str]) -> Browser:
    """Return the same browser at a page that looks by `look`."""
    office = replace(browser.office, look=look)
    client = browser.profile(office)
    client.cookies.update(browser.client.cookies)
    return Browser(
        deployment=browser.deployment, clock=browser.clock, office=office, client=client, answer=browser.answer
    )


@guarantees("P3.page_told")
@pytest.mark.parametrize("said", ["", "[]", "{", '{"now": 5}', '{"now": {"answer": null, "record": 7}}'])
async def test_a_look_that_says_nothing_of_use_is_told_as_such(browser: Browser, desk: Desk, said: str) -> None:
    """A process that broke must not break the page beside it."""
    await lost(browser, desk)
    browser = replace_look(browser, lambda *_: said)

    assert (await browser.send(f"{HERE}/look")).status_code == 200
    await browser.leave()


@guarantees("P3.page_decides")
@pytest.mark.parametrize(("verdict", "ends"), [("applied", State.COMMITTED), ("not_applied", State.NOT_APPLIED)])
async def test_a_signed_word_ends_it_and_holds_offline(browser: Browser, desk: Desk, verdict: str, ends: State) -> None:
    """Who looked, where, and what they saw stays with it, under their key."""
    await lost(browser, desk)

    answer = await browser.send(RESOLVE, verdict=verdict, document="4500000123", **SAID)

    assert (answer.status_code, state(browser)) == (303, ends)
    shown = browser.deployment.state.proposals.get(ID)
    assert resolving.statement_flaw(browser.deployment, shown) == ""
    assert "searched by our reference" in (await browser.get(HERE)).text


@guarantees("P3.page_decides")
async def test_the_word_takes_the_passphrase_each_time_and_a_wrong_one_counts(browser: Browser, desk: Desk) -> None:
    """It moves what nobody can move back."""
    await lost(browser, desk)

    for passphrase in ("", "not the passphrase"):
        told = {**SAID, "passphrase": passphrase}
        answer = await browser.send(RESOLVE, verdict="not_applied", **told)
        assert (answer.status_code, state(browser)) == (403, State.UNKNOWN)
    assert browser.deployment.state.page_sessions.tries("bob").failures == 2


@guarantees("P3.page_decides")
async def test_the_word_is_about_what_the_page_had_shown(browser: Browser, desk: Desk) -> None:
    """A form for something else is none, however right the passphrase."""
    await lost(browser, desk)

    answer = await browser.send(RESOLVE, verdict="not_applied", **SAID, digest="0" * 64)

    assert (answer.status_code, state(browser)) == (403, State.UNKNOWN)
    assert "page.bad_form" in answer.text


@guarantees("P3.page_decides")
@pytest.mark.parametrize(
    "changed", [{"verdict": ""}, {"verdict": "maybe"}, {"reason": " "}, {"reason": "x" * 501}, {"document": "x" * 81}]
)
async def test_a_word_that_does_not_say_what_and_why_is_turned_away(
    browser: Browser, desk: Desk, changed: dict[str, str]
) -> None:
    """What is signed must be of use to whoever reads it later."""
    await lost(browser, desk)

    answer = await browser.send(RESOLVE, **{"verdict": "applied", **SAID, **changed})

    assert (answer.status_code, state(browser)) == (400, State.UNKNOWN)


@guarantees("P3.requesters", "P3.page_decides")
async def test_whoever_asked_for_the_change_does_not_say_what_became_of_it(browser: Browser, desk: Desk) -> None:
    """They would have a reason to see what they want to see."""
    await lost(browser, desk)
    await browser.sign_in("olga")
    await browser.get(HERE)

    answer = await browser.send(RESOLVE, verdict="applied", reason="seen", passphrase=f"{PASSPHRASE} of olga")

    assert (answer.status_code, state(browser)) == (403, State.UNKNOWN)
    assert "approval.requester" in answer.text


@guarantees("P3.page_decides")
async def test_what_was_settled_meanwhile_is_not_settled_again(browser: Browser, desk: Desk) -> None:
    """The worker may have found it while the form was filled in."""
    await lost(browser, desk)
    page = browser.answer
    await browser.send(RESOLVE, verdict="not_applied", **SAID)
    browser.answer = page

    again = await browser.send(RESOLVE, verdict="applied", document="1", **SAID)

    assert (again.status_code, state(browser)) == (409, State.NOT_APPLIED)
