"""Yes and no on the page: whose, about what, and under which signature."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from erp_mcp import administration
from erp_mcp.approval import check, envelope
from erp_mcp.approval.requesters import requesters
from erp_mcp.domain.decision import Terms
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Check, Preview
from erp_mcp.web.held_keys import HELD_FOR
from erp_mcp.web.tries import FREE, wait_after
from tests.guarantees import guarantees
from tests.unit.approval.people import content
from tests.unit.cli.people_at_work import ANYBODY, PASSPHRASE, Desk
from tests.unit.web.browsing import Browser

ID = "prp_000000000001"
HERE = f"/proposals/{ID}"
OWN = Terms(rule="small", approvers=(), needed=1, self_approval=True, valid_s=14400)
TWO = Terms(rule="two", approvers=(), needed=2, self_approval=False, valid_s=14400)


def without_flags() -> Preview:
    """Return a preview of which nothing calls for a closer look."""
    seen = content().preview
    return replace(seen, checks=(Check(rule="R-DATE", verdict="ok", message="The date is in the future."),))


def state(browser: Browser) -> State:
    return browser.deployment.state.proposals.get(ID).state


def holds(browser: Browser) -> str:
    """Return what the worker finds wrong with what was decided, empty for nothing."""
    deployment = browser.deployment
    proposal = deployment.state.proposals.get(ID)
    now = deployment.clock.wall()
    decisions = deployment.state.proposals.decisions(ID)
    return check.refusal_of(
        proposal, decisions, administration.trusted(deployment), requesters(proposal.content, (), now), now
    )


async def at(browser: Browser, name: str) -> Browser:
    """Return a browser in which somebody is signed in and sees the proposal."""
    await browser.sign_in(name)
    await browser.get(HERE)
    return browser


@guarantees("P3.page_decides", "P3.signed")
async def test_a_yes_is_signed_by_the_persons_own_key_over_what_was_shown(browser: Browser, desk: Desk) -> None:
    """The worker believes signatures alone, so the page must make a right one."""
    desk.propose(preview=without_flags())
    await at(browser, "bob")

    answer = await browser.send(f"{HERE}/approve", comment="as agreed")

    assert (answer.status_code, answer.headers["location"]) == (303, HERE)
    assert (state(browser), holds(browser)) == (State.APPROVED, "")
    (decision,) = browser.deployment.state.proposals.decisions(ID)
    opened = envelope.opened(decision.envelope)
    assert opened is not None
    assert (opened[0].approver_id, opened[0].method, opened[0].comment) == ("bob", "session", "as agreed")


@guarantees("P9.bounded")
async def test_what_has_ended_is_shown_newest_first_and_never_only_what_ended_long_ago(
    browser: Browser, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page holds so many; who looks for what just ended finds it."""
    for number in (2, 3, 4):
        desk.propose(f"prp_00000000000{number}")
        desk.sign("approvals", "reject", f"prp_00000000000{number}", "--reason", "no", by="bob")
    monkeypatch.setattr("erp_mcp.web.queue._MOST", 2)
    await browser.sign_in("bob")

    told = (await browser.get("/?view=ended")).text

    assert [told.find(f"prp_00000000000{number}") > 0 for number in (2, 3, 4)] == [False, True, True]
    assert told.find("prp_000000000004") < told.find("prp_000000000003")
    assert "These are the newest 2; there are more." in told


@guarantees("P3.page_decides")
async def test_a_no_takes_a_reason_and_ends_it(browser: Browser, desk: Desk) -> None:
    """Whoever asked learns nothing from a no without a why."""
    desk.propose()
    await at(browser, "bob")
    without = await browser.send(f"{HERE}/reject", reason="  ")
    assert (without.status_code, state(browser)) == (400, State.AWAITING_APPROVAL)

    await browser.send(f"{HERE}/reject", reason="the supplier confirmed the old date")

    assert state(browser) is State.REJECTED
    assert "the supplier confirmed the old date" in (await browser.get(HERE)).text


@guarantees("P3.page_decides", "P3.binding")
async def test_what_is_stored_must_be_what_the_page_had_shown(browser: Browser, desk: Desk) -> None:
    """A page loaded before says yes to what it showed and to nothing else."""
    desk.propose(preview=without_flags())
    await at(browser, "bob")

    answer = await browser.send(f"{HERE}/approve", digest="0" * 64)

    assert (answer.status_code, state(browser)) == (403, State.AWAITING_APPROVAL)
    assert "page.bad_form" in answer.text


@guarantees("P3.page_decides")
async def test_flagged_rules_must_be_looked_at_before_a_yes(browser: Browser, desk: Desk) -> None:
    """A yes by habit is what a flag is there against."""
    desk.propose()
    await at(browser, "bob")
    assert (await browser.send(f"{HERE}/approve")).status_code == 400
    assert state(browser) is State.AWAITING_APPROVAL

    await browser.send(f"{HERE}/approve", looked="yes")

    assert state(browser) is State.APPROVED


@guarantees("P3.page_decides", "rules.left_to_people")
@pytest.mark.parametrize(
    ("flagged", "what"),
    [(0, "what is left for {} to check"), (2, "what is left for {} to check and the 2 flagged rules")],
)
async def test_who_says_yes_says_that_they_checked_what_nothing_here_knows(
    browser: Browser, desk: Desk, flagged: int, what: str
) -> None:
    """It is told apart from flags, which stand for what was looked at."""
    left = Check(rule="R-SANCTIONS", verdict="person", message="Not looked at here: sanctions lists.")
    flag = Check(rule="R-IMPACT", verdict="flag", message="1 open demand gets it later.")
    desk.propose(preview=replace(without_flags(), checks=(left, *[flag] * flagged)))
    await at(browser, "bob")
    assert f"I have looked at {what.format('me')}." in browser.seen.text
    assert "1 to check" in browser.seen.text
    assert ("2 flags" in browser.seen.text) is (flagged > 0)

    refused = await browser.send(f"{HERE}/approve")
    assert (refused.status_code, state(browser)) == (400, State.AWAITING_APPROVAL)
    assert f"Look at {what.format('you')} first, and tick the box" in refused.text

    await browser.send(f"{HERE}/approve", looked="yes")
    assert state(browser) is State.APPROVED


@guarantees("P3.page_decides")
async def test_a_held_key_is_forgotten_after_minutes_and_the_passphrase_opens_it_again(
    browser: Browser, desk: Desk
) -> None:
    """Whoever comes by an open browser must not decide for its owner all day."""
    desk.propose(preview=without_flags())
    await at(browser, "bob")
    browser.clock.ahead += HELD_FOR
    without = await browser.send(f"{HERE}/approve")
    wrong = await browser.send(f"{HERE}/approve", passphrase="not the passphrase")
    assert (without.status_code, wrong.status_code, state(browser)) == (403, 403, State.AWAITING_APPROVAL)

    await browser.send(f"{HERE}/approve", passphrase=f"{PASSPHRASE} of bob")

    assert (state(browser), holds(browser)) == (State.APPROVED, "")


@guarantees("P3.page_decides", "P3.page_sessions")
async def test_wrong_passphrases_under_decisions_count_together_with_those_of_signing_in(
    browser: Browser, desk: Desk
) -> None:
    """Else whoever finds an open browser guesses there as fast as they like; the right one waits as well."""
    desk.propose(preview=without_flags())
    await at(browser, "bob")
    browser.clock.ahead += HELD_FOR
    for _ in range(FREE):
        assert (await browser.send(f"{HERE}/approve", passphrase="not the passphrase")).status_code == 403
    right = {"passphrase": f"{PASSPHRASE} of bob"}

    slowed = await browser.send(f"{HERE}/approve", **right)
    assert (slowed.status_code, state(browser)) == (429, State.AWAITING_APPROVAL)
    assert "Nothing was decided" in slowed.text
    assert (await browser.another().sign_in("bob")).status_code == 429

    browser.clock.ahead += wait_after(FREE)
    await browser.get(HERE)
    await browser.send(f"{HERE}/approve", **right)
    assert (state(browser), holds(browser)) == (State.APPROVED, "")


@guarantees("P3.page_decides")
@pytest.mark.parametrize(
    ("risk", "terms", "person"), [("W3", ANYBODY, "bob"), ("W2", OWN, "olga")], ids=["the largest", "one's own"]
)
async def test_the_largest_changes_and_ones_own_take_the_passphrase_each_time(
    browser: Browser, desk: Desk, risk: str, terms: Terms, person: str
) -> None:
    """A key that is held is not enough where the most is at stake."""
    desk.propose(preview=without_flags(), risk=risk, terms=terms)
    await at(browser, person)
    assert "passphrase" in browser.seen.fields[f"{HERE}/approve"]
    without = await browser.send(f"{HERE}/approve")
    assert (without.status_code, state(browser)) == (403, State.AWAITING_APPROVAL)

    await browser.send(f"{HERE}/approve", passphrase=f"{PASSPHRASE} of {person}")

    assert (state(browser), holds(browser)) == (State.APPROVED, "")


@guarantees("P3.page_decides")
async def test_the_worker_refuses_a_large_change_that_a_held_key_had_signed(browser: Browser, desk: Desk) -> None:
    """The page's own word is not believed: the rule holds where it is carried out."""
    desk.propose(preview=without_flags(), risk="W3")
    await at(browser, "bob")
    await browser.send(f"{HERE}/approve", passphrase=f"{PASSPHRASE} of bob")
    store = browser.deployment.state.proposals
    (decision,) = store.decisions(ID)
    opened = envelope.opened(decision.envelope)
    assert opened is not None
    by_session = replace(opened[0], method="session")
    who = await signed_in(browser)
    key = browser.office.sessions.held.of(who)
    assert key is not None
    text, message = envelope.message(by_session)

    now = browser.deployment.clock.wall()
    forged = replace(decision, envelope=text, signature=key.sign(message))
    known = administration.trusted(browser.deployment)
    found = check.refusal_of(store.get(ID), [forged], known, frozenset(), now)

    assert (holds(browser), found) == ("", "envelope")


async def signed_in(browser: Browser) -> str:
    """Return the hash under which the browser's session is known."""
    (token,) = browser.client.cookies.values()
    who = browser.office.sessions.of(token)
    assert who is not None
    return who.session.token_hash


@guarantees("P3.requesters", "P3.page_decides")
async def test_whoever_asked_may_reject_and_not_approve(browser: Browser, desk: Desk) -> None:
    """The form is not there; one that is sent all the same is refused and recorded."""
    desk.propose(preview=without_flags())
    await at(browser, "olga")
    assert f"{HERE}/approve" not in browser.seen.forms
    token = browser.office.sessions.form_token(next(iter(browser.client.cookies.values())), f"{HERE}/approve")
    digest = browser.seen.forms[f"{HERE}/reject"]["digest"]

    answer = await browser.post(f"{HERE}/approve", {"token": token, "digest": digest})

    assert (answer.status_code, state(browser)) == (403, State.AWAITING_APPROVAL)
    assert "approval.requester" in answer.text
    await browser.get(HERE)
    await browser.send(f"{HERE}/reject", reason="not needed any more")
    assert state(browser) is State.REJECTED


@guarantees("P3.enough_people", "P3.page_told")
async def test_the_second_of_two_sees_who_has_said_yes_and_what_they_said(browser: Browser, desk: Desk) -> None:
    """Two people decide on one page each, with their own keys."""
    desk.propose(preview=without_flags(), terms=TWO)
    await at(browser, "bob")
    await browser.send(f"{HERE}/approve", comment="agreed by phone")
    await browser.get(HERE)
    assert state(browser) is State.AWAITING_APPROVAL
    assert f"{HERE}/approve" not in browser.seen.forms
    assert "You have decided." in browser.seen.text

    second = browser.another()
    await second.sign_in("ada")
    assert "1 of 2 said yes" in (await second.get("/")).text
    await at(second, "ada")
    assert "1 said yes" in second.seen.text
    assert "agreed by phone" in second.seen.text
    assert "Bob Person (bob) approved" in second.seen.text
    await second.send(f"{HERE}/approve")

    assert (state(browser), holds(browser)) == (State.APPROVED, "")
    await second.leave()


@guarantees("P3.enough_people", "P3.page_told")
async def test_a_no_is_not_counted_among_those_who_said_yes(browser: Browser, desk: Desk) -> None:
    """Whoever looks later sees one yes of two, not that two people decided."""
    desk.propose(preview=without_flags(), terms=TWO)
    await at(browser, "bob")
    await browser.send(f"{HERE}/approve")
    await at(browser, "ada")
    await browser.send(f"{HERE}/reject", reason="not this week")
    await browser.get(HERE)
    assert state(browser) is State.REJECTED
    assert "1 said yes so far" in browser.seen.text


@guarantees("P3.page_decides")
async def test_one_person_decides_once_and_nobody_about_what_is_over(browser: Browser, desk: Desk) -> None:
    """A form that is sent twice changes nothing the second time."""
    desk.propose(preview=without_flags())
    await at(browser, "bob")
    page = browser.answer
    await browser.send(f"{HERE}/approve")
    browser.answer = page

    again = await browser.send(f"{HERE}/approve")

    assert (again.status_code, len(browser.deployment.state.proposals.decisions(ID))) == (409, 1)
    assert "proposal.moved" in again.text


@guarantees("P3.expires", "P3.page_decides")
async def test_a_page_left_open_until_the_time_was_over_decides_nothing(browser: Browser, desk: Desk) -> None:
    """What nobody decided in time means no."""
    desk.propose(preview=without_flags())
    await at(browser, "bob")
    page = browser.answer
    browser.clock.ahead += timedelta(hours=3, seconds=1)
    await browser.sign_in("bob")
    browser.answer = page

    late = await browser.post(
        f"{HERE}/approve",
        {**browser.seen.forms[f"{HERE}/approve"], "token": form_token(browser, f"{HERE}/approve")},
    )

    assert (late.status_code, state(browser)) == (409, State.EXPIRED)


def form_token(browser: Browser, address: str) -> str:
    """Return a right token of the session that the browser has now."""
    return browser.office.sessions.form_token(next(iter(browser.client.cookies.values())), address)


@guarantees("P3.page_decides")
async def test_looking_decides_nothing(browser: Browser, desk: Desk) -> None:
    """A link in a mail, and whatever fetches it beforehand, can't say yes."""
    desk.propose(preview=without_flags())
    await at(browser, "bob")

    for address in (f"{HERE}/approve", f"{HERE}/reject", "/resume", "/sign-out"):
        assert (await browser.get(f"{address}?looked=yes&comment=x&reason=x&scope=all")).status_code == 405
    for address in (HERE, "/", "/stop?scope=all&reason=x"):
        assert (await browser.get(address)).status_code == 200

    assert state(browser) is State.AWAITING_APPROVAL
    assert browser.deployment.state.switches.stopped() == []
