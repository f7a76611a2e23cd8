"""Why somebody whose agent asked for the other half may not approve, on the page and at the command line."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from erp_mcp.domain.decision import Separation
from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.unit.cli.people_at_work import ANYBODY, Desk
from tests.unit.web.browsing import Browser

ID: Final = "prp_000000000001"
HERE: Final = f"/proposals/{ID}"
APART: Final = Separation(
    rule="apart", tools=("propose_update_delivery_date", "propose_create_supplier"), key="supplier", window_s=86_400
)
TERMS: Final = replace(ANYBODY, separations=(APART,))


def both_halves(desk: Desk) -> None:
    """Of one supplier: a date that Carl's agent asks for, and the supplier that Olga's asked for."""
    desk.propose(ID, owner="carl", agent="other", terms=TERMS)
    desk.propose("prp_000000000002", owner="Olga Person", tool="propose_create_supplier", terms=TERMS)


@guarantees("P3.separation", "P3.requesters", "P3.page_told")
async def test_the_page_says_why_and_takes_only_a_no(browser: Browser, desk: Desk) -> None:
    """A form that somebody makes by themselves is refused by the same word; the others may still approve."""
    both_halves(desk)
    await browser.sign_in("olga")
    await browser.get(HERE)
    assert "Your agent asked for what policy keeps apart from this: you may only reject." in browser.seen.text
    assert {one.rpartition("/")[2] for one in browser.seen.forms if one.startswith(HERE)} == {"reject"}

    done = await browser.send(f"{HERE}/reject", reason="not by me")

    assert done.status_code == 303
    assert desk.proposal(ID).state is State.REJECTED
    await browser.sign_in("bob")
    await browser.get("/proposals/prp_000000000002")
    assert f"{'/proposals/prp_000000000002'}/approve" in browser.seen.forms


@guarantees("P3.separation", "P3.requesters")
def test_the_command_line_refuses_with_a_code_of_its_own_and_lists_who_may(desk: Desk) -> None:
    """Nothing is stored, and somebody else says yes."""
    both_halves(desk)

    wrong = desk.file("wrong.txt", "not the passphrase of anybody")
    early = desk.run("approvals", "approve", ID, "--no-worker", "--as", "olga", "--passphrase-file", wrong, "--yes")
    assert "approval.asked_other_half" in early.output  # before a passphrase is looked at
    refused = desk.sign("approvals", "approve", ID, "--no-worker", by="olga")

    assert refused.exit_code != 0
    assert "approval.asked_other_half" in refused.output
    assert desk.proposal(ID).state is State.AWAITING_APPROVAL
    shown = desk.run("approvals", "show", ID).stdout
    assert "olga (Olga Person) may not: owns the agent that asked for what policy keeps apart from this" in shown
    assert desk.sign("approvals", "approve", ID, "--no-worker", by="bob").exit_code == 0
    assert desk.proposal(ID).state is State.APPROVED
