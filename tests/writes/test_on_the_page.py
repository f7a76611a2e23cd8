"""Real writes on the approver's page: an order of which somebody says yes to less, and one that was seeded."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from erp_mcp import administration
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from tests.guarantees import guarantees
from tests.unit.web.browsing import Browser
from tests.writes.desk import ADMIN, APPROVERS, WriteDesk, passphrase_of
from tests.writes.test_create_purchase_order import ORDER, TOOL
from tests.writes.test_procurement import ASKED as PROCURE
from tests.writes.test_procurement import TOOL as SAGA


@pytest.fixture
def asked(desk: WriteDesk) -> Proposal:
    """An order that an agent has really proposed."""
    return desk.propose(TOOL, **ORDER)


@pytest.fixture
def procurement(desk: WriteDesk) -> Proposal:
    """Several changes that an agent has really proposed as one."""
    return desk.propose(SAGA, **PROCURE)


@pytest_asyncio.fixture
async def browser(desk: WriteDesk) -> AsyncIterator[Browser]:
    made = Browser.at(desk.deployment)
    yield made
    await made.leave()


async def signed_in(browser: Browser, desk: WriteDesk, who: str) -> str:
    """Sign somebody in, and return their passphrase."""
    passphrase = passphrase_of(desk.directory, who)
    assert (await browser.sign_in(who, passphrase)).status_code == 303
    return passphrase


@guarantees("P3.narrowed", "P3.page_decides", "P3.page_told")
async def test_somebody_says_yes_to_less_and_only_that_is_left(
    browser: Browser, desk: WriteDesk, asked: Proposal
) -> None:
    """What comes of it is worked out anew, and shown whole, before anything is stored."""
    here = f"/proposals/{asked.content.proposal_id}"
    passphrase = await signed_in(browser, desk, APPROVERS[0])
    await browser.get(here)

    shown = await browser.send(f"{here}/narrow", **{"size lines[0].qty": "60.5", "leave lines[1]": "yes"})
    assert (shown.status_code, desk.proposal(asked.content.proposal_id).state) == (200, State.AWAITING_APPROVAL)
    assert "60.5" in browser.seen.text
    assert "Nothing of this is stored yet" in browser.seen.text
    blind = await browser.send(f"{here}/narrowed", comment="enough", passphrase=passphrase)
    assert (blind.status_code, desk.proposal(asked.content.proposal_id).state) == (400, State.AWAITING_APPROVAL)
    looked = {"looked": "yes"} if "looked" in browser.seen.fields[f"{here}/narrowed"] else {}
    done = await browser.send(f"{here}/narrowed", comment="enough", passphrase=passphrase, **looked)

    assert done.status_code == 303
    left = desk.proposal(done.headers["location"].rpartition("/")[2])
    assert left.content.narrows == asked.content.proposal_id
    assert left.state in {State.APPROVED, State.AWAITING_APPROVAL}
    rejected = desk.proposal(asked.content.proposal_id)
    assert (rejected.state, rejected.reason) == (State.REJECTED, "narrowed")
    assert asked.content.proposal_id in (await browser.get(done.headers["location"])).text


@guarantees("P3.narrowed", "P3.page_decides", "P10.saga")
async def test_of_several_changes_as_one_somebody_says_yes_to_less(
    browser: Browser, desk: WriteDesk, procurement: Proposal
) -> None:
    """The smaller one is shown step by step; one in which a step grows is turned away."""
    asked = procurement
    here = f"/proposals/{asked.content.proposal_id}"
    passphrase = await signed_in(browser, desk, APPROVERS[0])
    await browser.get(here)
    grown = await browser.send(f"{here}/narrow", **{"size reserve_qty": "10.5", "size lines[0].qty": "31"})
    assert (grown.status_code, desk.proposal(asked.content.proposal_id).state) == (400, State.AWAITING_APPROVAL)

    await browser.send(f"{here}/narrow", **{"size reserve_qty": "10.5"})
    assert "Nothing of this is stored yet" in browser.seen.text
    assert "10.5" in browser.seen.text
    assert "reserve_stock, in erp" in browser.seen.text
    looked = {"looked": "yes"} if "looked" in browser.seen.fields[f"{here}/narrowed"] else {}
    done = await browser.send(f"{here}/narrowed", comment="enough", passphrase=passphrase, **looked)
    left = desk.proposal(done.headers["location"].rpartition("/")[2])
    assert left.content.narrows == asked.content.proposal_id
    assert desk.proposal(asked.content.proposal_id).reason == "narrowed"


@guarantees("P3.narrowed", "P3.page_decides")
@pytest.mark.parametrize(
    "fields",
    [{}, {"size lines[0].qty": "100000"}, {"size lines[0].qty": "x"}, {"size lines[0].qty": "0"}],
    ids=["the same", "more", "no number", "nothing"],
)
async def test_what_is_not_less_is_turned_away_and_said_why(
    browser: Browser, desk: WriteDesk, asked: Proposal, fields: dict[str, str]
) -> None:
    """The form is again there, and what was asked for still waits."""
    here = f"/proposals/{asked.content.proposal_id}"
    await signed_in(browser, desk, APPROVERS[0])
    await browser.get(here)

    answer = await browser.send(f"{here}/narrow", **fields)

    assert (answer.status_code, desk.proposal(asked.content.proposal_id).state) == (400, State.AWAITING_APPROVAL)
    assert f"{here}/narrow" in browser.seen.forms


@guarantees("P3.narrowed", "P3.page_forms")
async def test_a_smaller_change_counts_for_who_worked_it_out_alone(
    browser: Browser, desk: WriteDesk, asked: Proposal
) -> None:
    """Nobody says yes to what another person's page has shown."""
    here = f"/proposals/{asked.content.proposal_id}"
    await signed_in(browser, desk, APPROVERS[0])
    await browser.get(here)
    await browser.send(f"{here}/narrow", **{"leave lines[1]": "yes"})
    digest = browser.seen.forms[f"{here}/narrowed"]["digest"]
    other = browser.another()
    passphrase = await signed_in(other, desk, APPROVERS[1])
    token = other.office.sessions.form_token(next(iter(other.client.cookies.values())), f"{here}/narrowed")

    fields = {"token": token, "digest": digest, "looked": "yes", "passphrase": passphrase}
    answer = await other.post(f"{here}/narrowed", fields)

    assert (answer.status_code, desk.proposal(asked.content.proposal_id).state) == (403, State.AWAITING_APPROVAL)
    await other.leave()


@guarantees("P3.narrowed", "P3.page_forms")
async def test_a_smaller_change_is_no_word_about_another_proposal(
    browser: Browser, desk: WriteDesk, asked: Proposal, procurement: Proposal
) -> None:
    """Its form leads to its own place, and is none anywhere else, whoever signed it."""
    here, other = f"/proposals/{asked.content.proposal_id}", f"/proposals/{procurement.content.proposal_id}"
    passphrase = await signed_in(browser, desk, APPROVERS[0])
    await browser.get(here)
    await browser.send(f"{here}/narrow", **{"leave lines[1]": "yes"})
    digest = browser.seen.forms[f"{here}/narrowed"]["digest"]
    token = browser.office.sessions.form_token(next(iter(browser.client.cookies.values())), f"{other}/narrowed")

    fields = {"token": token, "digest": digest, "looked": "yes", "passphrase": passphrase}
    answer = await browser.post(f"{other}/narrowed", fields)

    assert (answer.status_code, "page.bad_form" in answer.text) == (403, True)
    for one in (asked, procurement):
        assert desk.proposal(one.content.proposal_id).state is State.AWAITING_APPROVAL


@guarantees("P3.narrowed", "P3.page_forms")
async def test_of_two_smaller_changes_the_one_that_was_shown_last_counts(
    browser: Browser, desk: WriteDesk, asked: Proposal
) -> None:
    """The form of another tab says yes to what it shows, or to nothing."""
    here = f"/proposals/{asked.content.proposal_id}"
    passphrase = await signed_in(browser, desk, APPROVERS[0])
    await browser.get(here)
    await browser.send(f"{here}/narrow", **{"leave lines[1]": "yes"})
    older = browser.seen.forms[f"{here}/narrowed"]
    await browser.get(here)
    await browser.send(f"{here}/narrow", **{"size lines[0].qty": "60.5"})

    answer = await browser.post(f"{here}/narrowed", {**older, "looked": "yes", "passphrase": passphrase})

    assert (answer.status_code, "page.bad_form" in answer.text) == (403, True)
    assert desk.proposal(asked.content.proposal_id).state is State.AWAITING_APPROVAL


@guarantees("P3.narrowed", "P3.requesters")
async def test_who_may_not_say_yes_is_shown_no_smaller_change(
    browser: Browser, desk: WriteDesk, asked: Proposal
) -> None:
    """Whoever stands for the policy that lets it be asked for gets no such form, and one that they make up is none."""
    here = f"/proposals/{asked.content.proposal_id}"
    await signed_in(browser, desk, ADMIN)
    await browser.get(here)
    assert f"{here}/narrow" not in browser.seen.forms
    made_up = {**browser.seen.forms[f"{here}/reject"], "leave lines[1]": "yes"}
    made_up["token"] = browser.office.sessions.form_token(next(iter(browser.client.cookies.values())), f"{here}/narrow")

    answer = await browser.post(f"{here}/narrow", made_up)

    assert answer.status_code == 403
    assert "Nothing of this is stored yet" not in answer.text


@guarantees("P3.page_told")
async def test_a_seeded_one_looks_like_any_other_until_it_is_decided(
    browser: Browser, desk: WriteDesk, asked: Proposal
) -> None:
    """Whoever decided is told; whoever still has to is not."""
    seeded = administration.seed_canary(desk.deployment)
    here = f"/proposals/{seeded.content.proposal_id}"
    passphrase = await signed_in(browser, desk, APPROVERS[0])
    await browser.get(here)
    assert "seeded" not in browser.seen.text

    fields = {"passphrase": passphrase} if "passphrase" in browser.seen.fields[f"{here}/reject"] else {}
    await browser.send(f"{here}/reject", reason="the amount can't be right", **fields)
    await browser.get(here)

    assert "This one was seeded" in browser.seen.text
    await browser.get("/figures")
    assert "1 of 1" in browser.seen.text
    assert "Decisions per approver. " in " ".join(given.get("aria-label", "") for _, given in browser.seen.elements)
