"""A saga that is stuck is set going again by a person: from the terminal and on the page, and by nothing less."""

from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner, Result

from erp_mcp.cli import proposals
from erp_mcp.cli.app import main
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from tests.guarantees import guarantees
from tests.unit.web.browsing import Browser
from tests.writes.desk import APPROVERS, WriteDesk, passphrase_of
from tests.writes.test_procurement import carried_out, parts, saga_of, stuck
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


def references(desk: WriteDesk, saga: Proposal) -> dict[tuple[str, bool], str]:
    """Return what each part bears in the system that it went to, by step, and whether it takes it back."""
    return {one: part.content.command.reference for one, part in parts(desk, saga).items()}


@guarantees("P4.resolved", "P3.page_told", "cli.teaches")
def test_the_terminal_says_where_to_look_for_each_step_and_what_is_there_now(desk: WriteDesk, saga: Proposal) -> None:
    """A saga is in no system; its steps are, each under a reference of its own."""
    name, of = saga.content.proposal_id, references(desk, saga)
    listed, shown = run(desk, "list").output, run(desk, "show", name).output
    assert "look into erp, then: erp-mcp proposals resolve" in listed
    assert (
        f"look into: erp for step reserve_stock, reference {of['reserve_stock', False]}, document RS00001700" in shown
    )
    assert "written and not taken back: see whether it still stands as it was written" in shown
    assert f"look into: erp for step allocate_budget, reference {of['allocate_budget', False]}" in shown
    assert f"its way back has reference {of['allocate_budget', True]}\n" in shown
    assert "written and taken back: see that nothing of it is left" in shown
    assert f"look into: erp for step create_order, reference {of['create_order', False]}" in shown
    assert "called not written: see that it is not there" in shown
    assert "look into: gateway" not in shown
    assert "sent:      never" not in shown

    before = desk.dump()
    seen = json.loads(run(desk, "show", name, "--look", "--json").stdout)["now"]
    assert [(one["step"], one["is_way_back"], one["answer"]) for one in seen["parts"]] == [
        ("reserve_stock", False, "found"),
        ("allocate_budget", False, "found"),
        ("create_order", False, "missing"),
        ("allocate_budget", True, "found"),
    ]
    assert [one["reference"] for one in seen["parts"]] == list(of.values())
    looked = run(desk, "show", name, "--look").output
    assert "now:       step reserve_stock in erp: found, document RS00001700" in looked
    assert "now:       way back allocate_budget in erp: found" in looked
    assert desk.dump() == before


@guarantees("P4.resolved", "cli.teaches")
@pytest.mark.parametrize(("verdict", "told"), [("--not-applied", True), ("--applied", False), ("--take-back", False)])
def test_whoever_would_sign_that_nothing_stands_is_told_of_the_step_that_does(
    desk: WriteDesk, saga: Proposal, monkeypatch: pytest.MonkeyPatch, verdict: str, told: bool
) -> None:
    """The budget is back, the reservation is not."""
    questions: list[str] = []

    def no(question: str) -> None:
        questions.append(question)
        raise click.Abort

    monkeypatch.setattr(proposals, "ask", no)
    words = ("resolve", saga.content.proposal_id, verdict, "--document", "RS00001700" if verdict == "--applied" else "")
    assert run(desk, *words, "--as", APPROVERS[0], "--reason", WHY).exit_code != 0
    (question,) = questions
    assert ("This is still there: reserve_stock." in question) is told
    assert "does not show it" not in question
    assert desk.proposal(saga.content.proposal_id).state is State.COMPENSATION_STUCK


@guarantees("P4.resolved", "P3.page_told")
async def test_the_page_says_where_to_look_for_each_step_and_what_is_there_now(desk: WriteDesk, saga: Proposal) -> None:
    """By a process that has the way in, as for any other change."""
    here, of = f"/proposals/{saga.content.proposal_id}", references(desk, saga)
    browser = Browser.at(desk.deployment)
    await browser.sign_in(APPROVERS[0], passphrase_of(desk.directory, APPROVERS[0]))
    await browser.get(here)
    text = browser.seen.text
    assert "Look into erp first, for each step that was begun:" in text
    stock, budget = of["reserve_stock", False], of["allocate_budget", False]
    assert (
        f"reserve_stock in erp: written and not taken back: see whether it still stands as it was written."
        f" Reference {stock} , document RS00001700." in text
    )
    assert f"Reference {budget}" in text
    assert f"its way back {of['allocate_budget', True]}" in text
    assert "gateway first" not in text
    assert "Last sent" not in text
    assert "—, because of" not in text
    assert "Ask erp what it shows now" in text

    await browser.send(f"{here}/look")

    text = browser.seen.text
    assert "What erp shows now" in text
    assert "Step reserve_stock, erp: It shows exactly this change. Document RS00001700." in text
    assert "Step create_order, erp: It shows nothing of this change." in text
    await browser.leave()


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
