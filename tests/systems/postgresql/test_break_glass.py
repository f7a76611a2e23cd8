"""An emergency with the state on PostgreSQL: the glass broken on page and command line; a third person looks."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import pytest_asyncio

from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.systems.postgresql.test_page import Pages, desk, pages
from tests.unit.approval.people import content
from tests.unit.cli.people_at_work import PASSPHRASE, Desk
from tests.unit.web.test_break_glass import TERMS, WHY, breaks

__all__ = ["desk", "pages"]  # fixtures
pytestmark = pytest.mark.live

ID = "prp_0000000000g1"
HERE = f"/proposals/{ID}"


@pytest_asyncio.fixture
async def carl(pages: Pages) -> Desk:
    """The deployment with the person whom the terms name as the reviewer, and what is approved in an emergency."""
    assert pages.desk.enrol("carl", name="Carl Controller", by="ada").exit_code == 0
    pages.desk.propose(ID, preview=replace(content().preview, checks=()), terms=TERMS)
    return pages.desk


@guarantees("P3.break_glass", "P3.page_decides", "P4.two_stores")
async def test_the_glass_is_broken_and_reviewed_from_page_and_command_line_alike(pages: Pages, carl: Desk) -> None:
    """Each sees what the other did; a third person's word ends it for both, and the figures count it."""
    one, other = pages.one.browser, pages.other.browser
    glass = ("approvals", "approve", ID, "--break-glass", "--no-worker")
    early = carl.sign(*glass, "--reason", "urgent", by="bob")
    assert early.exit_code != 0
    assert await breaks(one, "ada", here=HERE) == 303
    assert pages.state(ID) is State.AWAITING_APPROVAL

    second = carl.sign(*glass, "--reason", WHY, by="bob")

    assert second.exit_code == 0, second.output
    assert (pages.state(ID), pages.refusal(ID)) == (State.APPROVED, "")
    assert ID in carl.run("approvals", "list", "--reviews").stdout
    await other.sign_in("olga")
    assert "Glass was broken for" in (await other.get("/")).text
    assert "To be reviewed by" in (await other.get(HERE)).text
    mine = carl.sign("approvals", "review", ID, "--verdict", "justified", "--reason", "I did it myself", by="bob")
    assert mine.exit_code != 0
    assert one.deployment.state.proposals.to_review() != []

    await other.sign_in("carl", f"{PASSPHRASE} of carl")
    await other.get(HERE)
    words = {"verdict": "not_justified", "reason": "The buyer was there all day; I asked."}
    assert (await other.send(f"{HERE}/review", **words, passphrase=f"{PASSPHRASE} of carl")).status_code == 303

    assert one.deployment.state.proposals.to_review() == []
    shown = json.loads(carl.run("approvals", "show", ID, "--json").stdout)["emergency"]
    assert (shown["review"], [by["approver"] for by in shown["broken_by"]]) == ("not_justified", ["ada", "bob"])
    assert "Glass was broken for" not in (await one.get("/")).text
    again = carl.sign("approvals", "review", ID, "--verdict", "justified", "--reason", "on second thoughts", by="carl")
    assert "approval.reviewed_already" in again.output
