"""A saga that is stuck is set going again by a person: from the terminal and on the page, and by nothing less."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from erp_mcp.cli.app import main
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from tests.guarantees import guarantees
from tests.unit.web.browsing import Browser
from tests.writes.desk import APPROVERS, WriteDesk, passphrase_of
from tests.writes.test_procurement import carried_out, saga_of, stuck
from tests.writes.test_saga_forged import TOUCHED

WHY = "the reservation is as it was"


@pytest.fixture
def saga(desk: WriteDesk) -> Proposal:
    """A procurement whose reservation could not be taken back; what was in the way is put right."""
    made = stuck(desk, TOUCHED.format("1.000", 0))
    assert made.state is State.COMPENSATION_STUCK
    desk.in_erp(TOUCHED.format("20.500", 1))
    return made


def run(desk: WriteDesk, *words: str) -> Result:
    return CliRunner().invoke(main, ["proposals", *words, "--demo-dir", str(desk.directory)])


@guarantees("P10.saga", "P4.resolved", "cli.teaches")
def test_from_the_terminal(desk: WriteDesk, saga: Proposal) -> None:
    """It is offered where it helps, asks for the passphrase, is kept with the proposal, and a worker goes on."""
    name = saga.content.proposal_id
    assert "--take-back" in run(desk, "list").output
    assert "halted:    at step reserve_stock by R-UNDO-CHANGED" in run(desk, "show", name).output
    key = desk.directory / "key.txt"
    key.write_text(passphrase_of(desk.directory, APPROVERS[0]), encoding="ascii")
    key.chmod(0o600)
    signed = ("--as", APPROVERS[0], "--passphrase-file", str(key), "--yes", "--no-look", "--reason", WHY)
    assert run(desk, "resolve", name, *signed).exit_code == 2  # nothing is taken for granted
    named = run(desk, "resolve", name, "--take-back", "--document", "4711", *signed)
    assert (named.exit_code, desk.proposal(name).state) == (2, State.COMPENSATION_STUCK)

    done = run(desk, "resolve", name, "--take-back", *signed, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["state"] == "COMPENSATING"
    again = run(desk, "resolve", name, "--take-back", *signed, "--json")
    assert (again.exit_code, "proposal.moved" in again.output) == (1, True)
    assert carried_out(desk, desk.proposal(name)).state is State.COMPENSATED
    shown = run(desk, "show", name).output
    assert f"ordered:   {desk.deployment.state.proposals.orders(name)[0].said.resolved_at} by {APPROVERS[0]}" in shown
    assert WHY in shown


@guarantees("P10.saga", "P4.resolved", "P3.page_decides", "P3.page_forms")
async def test_on_the_page(desk: WriteDesk, saga: Proposal) -> None:
    """With the passphrase of the person who looked; it is offered for nothing that is not stuck."""
    here = f"/proposals/{saga.content.proposal_id}"
    browser = Browser.at(desk.deployment)
    passphrase = passphrase_of(desk.directory, APPROVERS[0])
    assert (await browser.sign_in(APPROVERS[0], passphrase)).status_code == 303
    await browser.get(here)
    page = (await browser.get(here)).text
    assert 'value="take_back"' in page
    assert "at step <code>reserve_stock</code> by <code>R-UNDO-CHANGED</code>" in page
    for wrong in ({"verdict": "take_back", "passphrase": "not mine"}, {"verdict": "take", "passphrase": passphrase}):
        answer = await browser.send(f"{here}/resolve", reason=WHY, document="", **wrong)
        assert answer.status_code in {400, 403}
        assert desk.proposal(saga.content.proposal_id).state is State.COMPENSATION_STUCK
        await browser.get(here)

    words = {"verdict": "take_back", "reason": WHY, "document": "", "passphrase": passphrase}
    assert (await browser.send(f"{here}/resolve", **words)).status_code == 303
    assert desk.proposal(saga.content.proposal_id).state is State.COMPENSATING
    assert 'value="take_back"' not in (await browser.get(here)).text
    await browser.leave()


@guarantees("P10.saga", "P4.resolved")
def test_what_is_not_stuck_offers_no_such_thing(desk: WriteDesk) -> None:
    """Whatever else is asked for by hand."""
    waits = saga_of(desk)
    key = desk.directory / "keys" / f"{APPROVERS[0]}.passphrase"
    signed = ("--as", APPROVERS[0], "--passphrase-file", str(key), "--yes", "--no-look", "--reason", WHY, "--json")
    refused = run(desk, "resolve", waits.content.proposal_id, "--take-back", *signed)
    assert (refused.exit_code, "proposal.moved" in refused.output) == (1, True)
    assert desk.proposal(waits.content.proposal_id).state is State.APPROVED
