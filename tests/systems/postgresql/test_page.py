"""The approver's page with its state on PostgreSQL: two processes of the page are one to the people who use them."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
import pytest_asyncio
from click.testing import CliRunner

from erp_mcp import administration
from erp_mcp.approval import check
from erp_mcp.approval.requesters import requesters
from erp_mcp.bootstrap.keeping_state import prepare_state
from erp_mcp.cli.app import main
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.page_session import EndedThere, provider_session_of
from erp_mcp.settings import load
from erp_mcp.store.state.page_sessions import TOLD_EVERY
from erp_mcp.web.tries import FREE
from tests.guarantees import guarantees
from tests.systems.postgresql.server import Rig
from tests.unit.approval.people import content
from tests.unit.cli.people_at_work import PASSPHRASE, Desk
from tests.unit.web.signing_on import ISSUER, Traveller, with_accounts

pytestmark = pytest.mark.live

ID = "prp_000000000001"
HERE = f"/proposals/{ID}"


@pytest.fixture(scope="module")
def desk(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A deployment whose state is in a database of its own, with people enrolled there and accounts at a provider."""
    directory = tmp_path_factory.mktemp("page") / "p"
    assert CliRunner().invoke(main, ["init", str(directory), "--owner", "olga", "--no-approver"]).exit_code == 0
    made, name = Desk(directory=directory), f"page_{secrets.token_hex(4)}"
    rig.create_database(name)
    made.file("gateway.secret", rig.create_role(name))
    made.file("owner.secret", rig.password)
    with made.config.open("a", encoding="utf-8") as file:
        file.write(
            f"state: {{postgresql: {{url: '{rig.url(name)}', account: {name}, secret: 'file:gateway.secret',"
            f" owner_account: {rig.user}, owner_secret: 'file:owner.secret'}}}}\n"
        )
    prepare_state(load(made.config))
    for person, by in (("ada", ""), ("bob", "ada"), ("olga", "ada")):
        enrolled = made.enrol(person, name=f"{person.capitalize()} Person", by=by)
        assert enrolled.exit_code == 0, enrolled.output
    with_accounts(made)
    return made


@dataclass(frozen=True, kw_only=True)
class Pages:
    """Two processes of one page, each with connections of its own, and a browser at each."""

    desk: Desk
    one: Traveller
    other: Traveller

    def propose(self, proposal_id: str = ID) -> None:
        self.desk.propose(proposal_id, preview=replace(content().preview, checks=()))

    def state(self, proposal_id: str = ID) -> State:
        return self.one.browser.deployment.state.proposals.get(proposal_id).state

    def refusal(self, proposal_id: str = ID) -> str:
        """Return what the worker finds wrong with what was decided."""
        deployment = self.other.browser.deployment
        proposal, now = deployment.state.proposals.get(proposal_id), deployment.clock.wall()
        decisions, known = deployment.state.proposals.decisions(proposal_id), administration.trusted(deployment)
        return check.refusal_of(proposal, decisions, known, requesters(proposal.content, (), now), now)


@pytest_asyncio.fixture
async def pages(desk: Desk) -> AsyncIterator[Pages]:
    made = Pages(desk=desk, one=Traveller.at(desk.open()), other=Traveller.at(desk.open()))
    yield made
    for one in (made.one, made.other):
        await one.browser.leave()
        one.browser.deployment.close()


@guarantees("P3.page_sessions", "P4.two_stores")
async def test_who_signed_in_at_one_process_is_known_to_the_other_until_they_sign_out(pages: Pages) -> None:
    """The store holds sessions by a hash; the open key stays with the process that has it."""
    one, other = pages.one.browser, pages.other.browser
    await one.sign_in("bob")
    other.client.cookies.update(one.client.cookies)
    assert "Bob Person" in (await other.get("/")).text

    await one.get("/")
    await one.send("/sign-out")

    assert (await other.get("/")).status_code == 303
    kinds = [json.loads(row.leaf)["kind"] for row in one.deployment.state.audit.read(limit=1000)]
    assert kinds.count("page.signed_out") >= 1


@guarantees("P3.page_sessions", "P4.two_stores")
async def test_failures_at_either_process_slow_both(pages: Pages) -> None:
    """Else guessing would be as many times faster as there are processes."""
    for browser in (pages.one.browser, pages.other.browser, pages.one.browser):
        assert (await browser.sign_in("olga", "not the passphrase")).status_code == 403

    assert FREE == 3
    assert (await pages.other.browser.sign_in("olga", f"{PASSPHRASE} of olga")).status_code == 429


@guarantees("P3.page_decides", "P3.page_accounts", "P4.two_stores")
async def test_passphrase_and_account_decide_and_the_worker_believes_both(pages: Pages) -> None:
    """Signatures are verified on what PostgreSQL gives back, to the byte."""
    second = "prp_000000000002"
    pages.propose()
    pages.propose(second)
    await pages.one.browser.sign_in("bob")
    await pages.one.browser.get(HERE)
    await pages.one.browser.send(f"{HERE}/approve", comment="as agreed")
    await pages.other.sign_in("cleo")
    await pages.other.browser.get(f"/proposals/{second}")
    await pages.other.browser.send(f"/proposals/{second}/approve", comment="over there")

    assert [pages.state(one) for one in (ID, second)] == [State.APPROVED, State.APPROVED]
    assert [pages.refusal(one) for one in (ID, second)] == ["", ""]


@guarantees("P3.page_decides", "P4.two_stores")
async def test_of_a_yes_and_a_no_sent_at_once_to_two_processes_one_counts(pages: Pages) -> None:
    """Row locks decide, and whoever came second is told how it stands."""
    proposal_id = "prp_000000000003"
    here = f"/proposals/{proposal_id}"
    pages.propose(proposal_id)
    for browser, name in ((pages.one.browser, "ada"), (pages.other.browser, "bob")):
        await browser.sign_in(name)
        await browser.get(here)

    answers = await asyncio.gather(
        pages.one.browser.send(f"{here}/approve"), pages.other.browser.send(f"{here}/reject", reason="not now")
    )

    decisions = pages.one.browser.deployment.state.proposals.decisions(proposal_id)
    assert len(decisions) == 1
    assert sorted(one.status_code for one in answers) == [303, 409]
    assert pages.state(proposal_id) is {"approve": State.APPROVED, "reject": State.REJECTED}[decisions[0].decision]


@guarantees("P3.page_accounts", "P4.two_stores", "input.clear_errors")
async def test_an_account_is_enrolled_once_whoever_it_is_asked_for(pages: Pages) -> None:
    """The database holds the one word of an account, so no second person gets it, also where two ask at once."""
    again = pages.desk.sign("approvals", "enrol", "dora", "--oidc-subject", "sub-cleo", by="ada")

    assert (again.exit_code, "approval.exists" in again.output) == (2, True)
    assert "dora" not in administration.trusted(pages.one.browser.deployment)


@guarantees("P3.page_told", "P4.two_stores")
async def test_every_page_is_shown_and_a_task_is_closed_once(pages: Pages) -> None:
    """The statements behind each page are of both databases."""
    fields: dict[str, JsonValue] = {
        "site": "1000",
        "role": "quality",
        "title": "Look at it",
        "instructions": "",
        "evidence": [],
    }
    fields |= {"subject": "", "due": ""}
    task = pages.one.browser.deployment.state.tasks.create("R-PAGE", "human_task.create", fields)
    browser = pages.one.browser
    await browser.sign_in("ada")
    for address in ("/", "/?view=ended", "/figures", "/stop", "/tasks", f"/tasks/{task.task_id}", "/taint"):
        assert (await browser.get(address)).status_code == 200, address
    await browser.get(f"/tasks/{task.task_id}")
    form = dict(browser.seen.forms[f"/tasks/{task.task_id}/done"])
    assert (await browser.post(f"/tasks/{task.task_id}/done", {**form, "note": ""})).status_code == 303
    assert "task.closed" in (await browser.post(f"/tasks/{task.task_id}/done", {**form, "note": ""})).text


@guarantees("P3.page_logout", "P3.page_provider", "P4.two_stores", "P5.every_decision")
async def test_what_the_provider_ends_ends_at_both_once_and_refusals_are_told_by_the_minute(pages: Pages) -> None:
    """The word that was used, the sessions and the counts lie in the database, so no process is a way around."""
    one, other = pages.one.browser.deployment.state.page_sessions, pages.other.browser.deployment.state.page_sessions
    pages.one.provider.change = {"sid": "there"}
    await pages.one.sign_in("cleo")
    said = EndedThere(word=secrets.token_hex(16), session=provider_session_of(ISSUER, "there"))

    ended = other.end_there(said)

    assert ended is not None
    assert len(ended) == 1
    assert one.end_there(said) is None
    assert (await pages.one.browser.get("/")).status_code == 303

    for store in (one, other, one):
        store.refused_there("page.sign_out_refused", "page.sign_in_refused", "used")
    for page in (pages.one.browser, pages.other.browser):
        page.clock.ahead += TOLD_EVERY
    other.tell_refusals()
    one.tell_refusals()
    leaves = [json.loads(row.leaf) for row in pages.one.browser.deployment.state.audit.read(limit=1000)]
    assert [leaf["facts"]["count"] for leaf in leaves if leaf["kind"] == "page.sign_out_refused"] == [1, 2]
