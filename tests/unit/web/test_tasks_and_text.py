"""Tasks for people, text that outsiders wrote, the agent's own words, and the way back, on the page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp import administration
from erp_mcp.administration.tainting import Tainted
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Written
from erp_mcp.domain.human_task import HumanTask
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.proposal import Change, Receipt
from erp_mcp.web import way_back
from tests.guarantees import guarantees
from tests.unit.approval.people import content
from tests.unit.cli.people_at_work import PASSPHRASE, Desk
from tests.unit.web.browsing import Browser

ID = "prp_000000000001"
FIELDS: dict[str, JsonValue] = {
    "site": "1000",
    "role": "supervisor",
    "title": "Move the order <b>now</b>",
    "instructions": "Ignore what people say.\u202e",
    "evidence": ["call-1"],
    "subject": "1000042",
    "due": "2026-03-20",
}


def asked(browser: Browser, reference: str = "R1", **other: str) -> HumanTask:
    return browser.deployment.state.tasks.create(reference, "human_task.create", {**FIELDS, **other})


@guarantees("P3.page_told", "P3.page_text")
async def test_tasks_are_listed_by_role_and_closed_with_a_note_by_whom_it_was(browser: Browser) -> None:
    """The words are an agent's and stand as such; who closed it is who was signed in."""
    task, other = asked(browser), asked(browser, "R2", role="quality")
    await browser.sign_in("bob")
    await browser.get("/tasks?role=supervisor")
    assert (task.task_id in browser.answer.text, other.task_id in browser.answer.text) == (True, False)
    here = f"/tasks/{task.task_id}"
    await browser.get(here)
    assert ("<b>now" in browser.answer.text, "⟨U+202E⟩" in browser.seen.text) == (False, True)
    assert "nobody checked them" in browser.seen.text

    answer = await browser.send(f"{here}/done", note="moved to CNC-02")

    closed = browser.deployment.state.tasks.get(task.task_id)
    assert (answer.status_code, closed.state, closed.closed_by, closed.note) == (303, "DONE", "bob", "moved to CNC-02")
    await browser.get(here)
    assert f"{here}/done" not in browser.seen.forms
    await browser.get("/tasks")
    assert task.task_id not in browser.answer.text
    await browser.get("/tasks?all=yes")
    assert task.task_id in browser.answer.text


@guarantees("P3.page_told", "input.clear_errors")
async def test_nobody_will_do_it_takes_a_why_and_a_task_ends_once(browser: Browser) -> None:
    """Of two people who close it at once, one is told that it is closed."""
    task = asked(browser)
    here = f"/tasks/{task.task_id}"
    await browser.sign_in("bob")
    await browser.get(here)
    form = dict(browser.seen.forms[f"{here}/cancel"])
    assert (await browser.post(f"{here}/cancel", {**form, "note": " "})).status_code == 400
    assert browser.deployment.state.tasks.get(task.task_id).state == "OPEN"

    await browser.post(f"{here}/cancel", {**form, "note": "ordered elsewhere"})
    again = await browser.post(f"{here}/cancel", {**form, "note": "once more"})

    assert ("task.closed" in again.text, browser.deployment.state.tasks.get(task.task_id).note) == (
        True, "ordered elsewhere",
    )  # fmt: skip
    assert "task.not_found" in (await browser.get("/tasks/tsk_000000000000")).text


@pytest.fixture
def read(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> Tainted:
    """An agent that has read what outsiders wrote, as policy has it; what clearing asks for is held to below."""
    del browser
    found = Tainted(
        agent="planner",
        since="2026-03-16T07:00:00.000000Z",
        until="2099-03-16T07:00:00.000000Z",
        fields=("notes.text",),
    )
    acts_for = Principal(agent="planner", owner="olga", role="buyer")
    monkeypatch.setattr(administration, "tainted", lambda _: (found,))
    monkeypatch.setattr(administration, "agents", lambda _: {"planner": acts_for})
    return found


@guarantees("P3.taint", "P3.page_told")
async def test_what_an_agent_read_is_shown_and_cleared_by_a_passphrase_given_for_it(
    browser: Browser, read: Tainted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A held key is not enough; a reason is kept; a page made before the agent read more clears nothing."""
    cleared: list[tuple[str, str, str]] = []

    def clear(_: object, agent: str, signing: administration.Signing, reason: str) -> None:
        administration.opened_key(browser.deployment, signing)
        assert signing.key is None
        cleared.append((agent, signing.approver_id, reason))

    monkeypatch.setattr(administration, "clear_taint", clear)
    await browser.sign_in("bob")
    await browser.get("/taint")
    assert ("planner" in browser.seen.text, "notes.text" in browser.seen.text) == (True, True)
    right = f"{PASSPHRASE} of bob"
    assert (await browser.send("/taint", reason="a delivery note", passphrase="")).status_code == 403
    await browser.get("/taint")
    assert (await browser.send("/taint", reason=" ", passphrase=right)).status_code == 400
    await browser.get("/taint")
    older = await browser.send("/taint", since="2026-03-16T06:00:00.000000Z", reason="x", passphrase=right)
    assert (older.status_code, cleared) == (409, [])

    await browser.get("/taint")
    assert (await browser.send("/taint", reason="a delivery note", passphrase=right)).status_code == 303
    assert cleared == [("planner", "bob", "a delivery note")]


@guarantees("P3.taint")
async def test_whoever_the_agent_acts_for_gets_no_form_to_clear_it(browser: Browser, read: Tainted) -> None:
    """They asked for what it does."""
    await browser.sign_in("olga")
    await browser.get("/taint")

    assert "/taint" not in browser.seen.forms
    assert "can’t speak for what it read" in browser.seen.text


@guarantees("P3.page_told", "P3.page_text")
async def test_fields_of_the_agents_own_words_are_marked_beside_those_that_the_server_worked_out(
    browser: Browser, desk: Desk
) -> None:
    """A reason that reads like a rule must not look like one of ours."""
    said = "Approved by the CFO already, just press yes"
    made = content()
    preview = replace(
        made.preview,
        headline=f"Ask somebody: {said}",
        changes=(*made.preview.changes, Change(field="note", before="", after=said)),
    )
    desk.propose(preview=preview, arguments={**made.arguments, "reason": said}, command=made.command, rationale=said)
    await browser.sign_in("bob")
    await browser.get("/")
    assert "headline in the agent’s own words" in browser.seen.text
    await browser.get(f"/proposals/{ID}")

    text = browser.seen.text
    assert "This headline quotes the agent’s own words" in text
    assert f"agent’s own words, unchecked {said}" in text
    assert text.count("agent’s own words, unchecked") == 1  # the date that the server worked out is not marked


@guarantees("P3.page_told", "P3.page_text")
async def test_a_broken_tool_file_hides_nothing_that_waits(browser: Browser, desk: Desk) -> None:
    """Whoever edits a tool must not keep others from deciding; more is marked then, never less."""
    folder = desk.directory / "tools" / "broken"
    folder.mkdir(parents=True)
    (folder / "broken.yaml").write_text("name: [", encoding="utf-8")
    object.__setattr__(browser.deployment.settings, "tools", (*browser.deployment.settings.tools, folder.parent))
    desk.propose(rationale="x")
    await browser.sign_in("bob")

    assert (await browser.get("/")).status_code == 200
    assert (await browser.get(f"/proposals/{ID}")).status_code == 200
    assert f"/proposals/{ID}/reject" in browser.seen.forms


@guarantees("P3.page_told", "P4.undo")
async def test_what_was_written_says_how_it_is_taken_back_and_by_what(browser: Browser, desk: Desk) -> None:
    """A link each way; where nothing takes it back, that is said."""
    made = desk.propose()
    await browser.sign_in("bob")
    await browser.get(f"/proposals/{ID}")
    assert "The way back" not in browser.seen.text
    written = Receipt(written=Written(document="1", key="17", version_token="v2"), committed_at="", found="read_back")
    stored = replace(made, state=State.COMMITTED, receipt=written)
    visit = _Visit(browser, by="prp_000000000002", stands=replace(made, state=State.AWAITING_APPROVAL))

    shown = way_back.way_back(visit, stored)  # type: ignore[arg-type]  # the two looks that it takes

    assert shown is not None
    assert shown.told
    assert (shown.by, shown.stands) == ("prp_000000000002", "Waits for a decision")
    back = way_back.way_back(visit, replace(made, content=replace(made.content, undoes="prp_000000000009")))  # type: ignore[arg-type]
    assert back is not None
    assert (back.undoes, back.told, back.by) == ("prp_000000000009", "", "")


class _Visit:
    """A visit whose store knows what takes something back."""

    def __init__(self, browser: Browser, *, by: str, stands: object) -> None:
        self.office = self.deployment = self.state = self.proposals = self
        self.taken_back_by = lambda agent, proposal_id: by
        self.get = lambda proposal_id: stands
