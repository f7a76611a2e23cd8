"""What nothing here knows: refused unless policy names it for people, and looked at once more before it is sent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio
from click.testing import CliRunner

from erp_mcp import administration
from erp_mcp.administration import Signing
from erp_mcp.cli.app import main
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from tests.guarantees import guarantees
from tests.unit.web.browsing import Browser
from tests.writes import test_create_purchase_order as orders
from tests.writes import test_human_task as tasks
from tests.writes import test_procurement as sagas
from tests.writes.desk import ADMIN, APPROVERS, WriteDesk, passphrase_of

CODES: Final = ("R-BUDGET", "R-SANCTIONS", "R-TERMS")
DATE: Final = "propose_update_delivery_date"
ORDERED: Final = "SELECT count(*) FROM po_head"


def leave(desk: WriteDesk, tool: str, *codes: str) -> None:
    """Let the administrator apply a policy that leaves these rules of a tool to people, and no others of it."""
    file = desk.directory / "policies" / "base.yaml"
    base = json.loads(file.read_text(encoding="utf-8"))
    (rule,) = [one for one in base["rules"] if one["id"] == tool]
    rule.pop("left_to_people", None)
    rule |= {"left_to_people": [*codes]} if codes else {}
    file.write_text(json.dumps(base), encoding="utf-8")
    admin = Signing(approver_id=ADMIN, passphrase=passphrase_of(desk.directory, ADMIN))
    administration.apply_policy(desk.deployment, applied_by="tests", signing=admin)


def denied(desk: WriteDesk) -> Proposal:
    """Let a worker do what is due; it must deny one proposal and write nothing."""
    before = desk.dump()
    (done,) = desk.work()
    assert done.state is State.DENIED, (done.state, done.reason)
    assert desk.dump() == before
    return done


@guarantees("rules.left_to_people", "rules.not_evaluable")
def test_without_a_word_of_policy_it_refuses_and_says_what_would_pass(desk: WriteDesk) -> None:
    """All rules at once; what one line leaves to people is asked for no more."""
    before = desk.dump()
    leave(desk, orders.TOOL)
    refused = desk.refusal(orders.TOOL, **orders.ORDER)
    assert (refused.code, refused.facts["rule"]) == ("rule.not_evaluable", ", ".join(CODES))
    assert f"`left_to_people: [{', '.join(CODES)}]`" in str(refused.facts["message"])
    assert "sanctions lists" in str(refused.facts["missing"])

    leave(desk, orders.TOOL, "R-TERMS", "R-BUDGET")
    assert desk.refusal(orders.TOOL, **orders.ORDER).facts["rule"] == "R-SANCTIONS"
    assert desk.rows("list_my_proposals", "proposals") == []

    leave(desk, orders.TOOL, *CODES)
    found = desk.propose(orders.TOOL, **orders.ORDER)
    assert tuple(one.rule for one in found.content.preview.checks if one.verdict == "person") == (
        "R-SANCTIONS", "R-BUDGET", "R-TERMS",
    )  # fmt: skip
    assert desk.dump() == before


@guarantees("rules.left_to_people", "P3.not_stricter")
def test_what_was_approved_is_not_sent_once_the_word_is_taken_back(desk: WriteDesk) -> None:
    """One of three codes is enough; the table of the ERP stays as it is, and putting it back sends nothing later."""
    before = desk.erp(ORDERED)
    desk.approve(desk.propose(orders.TOOL, **orders.ORDER))
    leave(desk, orders.TOOL, "R-TERMS", "R-BUDGET")

    assert denied(desk).reason == "rule_not_evaluable"
    leave(desk, orders.TOOL, *CODES)
    assert desk.work() == []
    assert desk.erp(ORDERED) == before


@guarantees("rules.left_to_people")
def test_a_rule_that_comes_into_it_only_at_times_refuses_only_then(desk: WriteDesk) -> None:
    """A later day may cost a penalty; an earlier one does not, and needs no word of policy."""
    leave(desk, DATE)
    (order, line, day), *_ = desk.erp(
        "SELECT po_no, item_no, promise FROM po_item WHERE stat = 'OPEN' AND release_ind = 'R' AND qty_open > 0"
        " AND promise > '2026-03-25' ORDER BY po_no, item_no LIMIT 1"
    )
    named = {"purchase_order_id": order, "line": line, "reason": "The supplier called.", "idempotency_key": "day-key-1"}
    assert str(day) > "2026-03-20"
    later = desk.refusal(DATE, **named, new_date="2026-12-18")
    assert (later.code, later.facts["rule"]) == ("rule.not_evaluable", "R-PENALTY")
    earlier = desk.propose(DATE, **named, new_date="2026-03-20")
    assert not [one for one in earlier.content.preview.checks if one.verdict == "person"]


@guarantees("rules.left_to_people")
def test_a_task_without_anybodys_yes_needs_the_word_as_well(desk: WriteDesk) -> None:
    """Whoever takes the task is who looks, and only where policy says that this is enough."""
    tasks.by_nobody(desk, tasks.TOOL)
    leave(desk, tasks.TOOL)
    assert desk.refusal(tasks.TOOL, **tasks.ASKED).facts["rule"] == "R-TASK-ROSTER"
    assert desk.work() == []
    leave(desk, tasks.TOOL, "R-TASK-ROSTER")
    desk.answer(tasks.TOOL, **tasks.ASKED)
    assert [one.state for one in desk.work()] == [State.COMMITTED]


@guarantees("rules.left_to_people", "P10.saga")
@pytest.mark.parametrize(
    ("tool", "rule"),
    [
        ("propose_allocate_budget", "R-AUTHORITY"),
        ("propose_create_purchase_order", ", ".join(CODES)),
        ("propose_cancel_purchase_order", "R-TERMS"),
        ("propose_create_human_task", "R-TASK-ROSTER"),
    ],
    ids=["a step", "the order", "a way back", "the task"],
)
def test_a_saga_needs_the_word_for_each_step_and_for_each_way_back(tool: str, rule: str, desk: WriteDesk) -> None:
    """Else it would begin what it can't end, or could not take back."""
    leave(desk, tool)
    refused = desk.refusal(sagas.TOOL, **sagas.ASKED)
    assert (refused.code, refused.facts["rule"]) == ("rule.not_evaluable", rule)
    assert desk.rows("list_my_proposals", "proposals") == []


@guarantees("rules.left_to_people", "P10.saga", "P3.not_stricter")
def test_a_saga_is_not_begun_once_the_word_for_a_step_is_taken_back(desk: WriteDesk) -> None:
    """The last step is looked at before the first one writes."""
    before = desk.dump()
    asked = desk.approve(desk.propose(sagas.TOOL, **sagas.ASKED))
    leave(desk, orders.TOOL, "R-TERMS")
    desk.work()
    after = desk.proposal(asked.content.proposal_id)
    assert (after.state, after.reason) == (State.DENIED, "rule_not_evaluable")
    assert desk.dump() == before


@guarantees("rules.left_to_people", "P4.undo")
def test_a_way_back_of_its_own_needs_the_word_too(desk: WriteDesk) -> None:
    """Taking an order back is cancelling it: what the contract says about that, nothing here knows."""
    made = desk.propose(orders.TOOL, **orders.ORDER)
    desk.approve(made)
    desk.written()
    leave(desk, "propose_cancel_purchase_order")
    undo = {"proposal_id": made.content.proposal_id, "reason": "It was one too many.", "idempotency_key": "undo-key-1"}
    refused = desk.refusal("propose_undo", **undo)
    assert (refused.code, refused.facts["rule"]) == ("rule.not_evaluable", "R-TERMS")
    leave(desk, "propose_cancel_purchase_order", "R-TERMS")
    assert desk.propose("propose_undo", **undo).content.undoes == made.content.proposal_id


# --- Who sees it ------------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(desk: WriteDesk) -> Proposal:
    """An order that an agent has really proposed."""
    return desk.propose(orders.TOOL, **orders.ORDER)


@pytest_asyncio.fixture
async def browser(desk: WriteDesk) -> AsyncIterator[Browser]:
    made = Browser.at(desk.deployment)
    yield made
    await made.leave()


@guarantees("rules.left_to_people", "P3.page_told")
async def test_the_page_shows_it_apart_before_what_would_change(
    browser: Browser, desk: WriteDesk, asked: Proposal
) -> None:
    """And not among the rules that were looked at."""
    await browser.sign_in(APPROVERS[0], passphrase_of(desk.directory, APPROVERS[0]))
    await browser.get(f"/proposals/{asked.content.proposal_id}")
    text = browser.seen.text
    first, change, rules = (text.index(one) for one in ("For you to check", "What would change", "Rules looked at"))
    assert first < change < rules
    assert all(first < text.index(code) < change for code in CODES)
    assert not any(code in text[rules:] for code in CODES)


@guarantees("rules.left_to_people", "cli.teaches")
def test_the_terminal_and_the_agent_see_it_before_all_that_was_looked_at(desk: WriteDesk, asked: Proposal) -> None:
    """The agent is told the verdict in the same word."""
    shown = CliRunner().invoke(
        main, ["approvals", "show", asked.content.proposal_id, "--demo-dir", str(desk.directory)]
    )
    assert shown.exit_code == 0, shown.output
    text = shown.output
    first, field, rules = (text.index(one) for one in ("For you to check", "before", "Rules looked at"))
    assert first < field < rules
    assert all(first < text.index(code) < rules for code in CODES)
    assert not any(code in text[rules:] for code in CODES)

    told = desk.rows("get_proposal", "checks", proposal_id=asked.content.proposal_id)
    assert [one["verdict"] for one in told[:4]] == ["person", "person", "person", "ok"]
    assert sorted(one["rule"] for one in told[:3]) == [*CODES]


@guarantees("rules.left_to_people", "cli.teaches")
def test_doctor_and_apply_name_the_write_and_the_line_to_add(desk: WriteDesk) -> None:
    """As after an upgrade: what is applied leaves nothing to anybody."""
    leave(desk, orders.TOOL)
    found = CliRunner().invoke(main, ["doctor", "--demo-dir", str(desk.directory), "--json"])
    (told,) = [one for one in json.loads(found.output)["checks"] if "nothing here knows" in one["detail"]]
    assert told["status"] == "bad"
    assert told["detail"].startswith(f"{orders.TOOL} refuses each proposal of clerk")
    assert f"`left_to_people: [{', '.join(CODES)}]`" in told["advice"]

    words = ["policy", "apply", "--yes", "--as", ADMIN, "--demo-dir", str(desk.directory)]
    warned = CliRunner().invoke(main, words)
    assert warned.exit_code == 0, warned.output
    assert f"`left_to_people: [{', '.join(CODES)}]` in {orders.TOOL}" in " ".join(warned.output.split())
    leave(desk, orders.TOOL, *CODES)
    again = CliRunner().invoke(main, ["doctor", "--demo-dir", str(desk.directory), "--json"])
    assert not [one for one in json.loads(again.output)["checks"] if "nothing here knows" in one["detail"]]
