"""A write is granted for a tool as it is defined: an edit of its file takes it away until an approver signs again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from erp_mcp.cli.app import main
from erp_mcp.domain.lifecycle import State
from erp_mcp.settings import data_root
from tests.guarantees import guarantees
from tests.path.buyer import DATE_TOOL, NEW_DATE, kept, run, shown
from tests.path.conftest import Desk, open_desk

OWN = "propose_moved_date"
RULE = f"""
  - id: buyer-moved-dates
    effect: permit
    roles: [buyer]
    tools: [{OWN}]
    evidence: {{accepted_by: demo-admin, reason: a tool of the operator's own}}
    left_to_people: [R-PENALTY]
"""
CASES = f"""\
version: 1
cases:
  - {{name: a buyer may, role: buyer, tool: {OWN}, expect: allowed, by: [buyer-moved-dates]}}
  - {{name: a planner may not, role: planner, tool: {OWN}, expect: denied, not_by: [buyer-moved-dates]}}
"""
SIGNED = ("policy", "apply", "--yes", "--as", "demo-admin")
ONE_LINE = "WHERE l.purchase_order_id = :purchase_order_id AND l.line = :line"
ANY_ORDER = "WHERE l.purchase_order_id >= :purchase_order_id AND l.line = :line"


@pytest.fixture
def own(plant: Path) -> Path:
    """A plant with a write tool of the operator's own, turned on for buyers; return the tool's file."""
    shipped = (data_root() / "tools" / "procurement" / f"{DATE_TOOL}.yaml").read_text(encoding="utf-8")
    file = plant / "tools" / "procurement" / f"{OWN}.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(shipped.replace(DATE_TOOL, OWN), encoding="utf-8")
    settings, base = plant / "erp-mcp.yaml", plant / "policies" / "base.yaml"
    settings.write_text(settings.read_text(encoding="utf-8") + "\ntools: [tools]\n", encoding="utf-8")
    base.write_text(base.read_text(encoding="utf-8").replace("\nrules:\n", f"\nrules:{RULE}", 1), encoding="utf-8")
    (plant / "policies" / "tests" / "own.yaml").write_text(CASES, encoding="utf-8")
    run(plant, *SIGNED)
    return file


@contextmanager
def opened(directory: Path) -> Iterator[Desk]:
    """A server that was started this moment."""
    desk = open_desk(directory)
    try:
        yield desk
    finally:
        desk.deployment.close()


def edit(file: Path, before: str = ONE_LINE, after: str = ANY_ORDER) -> None:
    """Change a tool's file, as anybody who can write to its folder could."""
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")


def listed(desk: Desk, agent: str = "buyer") -> set[str]:
    """Return the tools that an agent may call, listed or found."""
    return {tool.name for tool in desk.deployment.gateway.callable_tools(desk.deployment.principal(agent))}


def told(directory: Path, *words: str) -> Result:
    """Run a command, whatever comes of it."""
    return CliRunner().invoke(main, [*words, "--demo-dir", str(directory)])


@guarantees("P2.granted_definition", "P1.hidden_is_missing")
def test_an_edited_write_tool_is_gone_for_its_role_and_comes_back_with_a_signature(plant: Path, own: Path) -> None:
    """Its reads decide what a proposal is worked out from, so nobody changes them under a grant."""
    with opened(plant) as desk:
        before = listed(desk)
        assert {OWN, DATE_TOOL} <= before
    edit(own)
    with opened(plant) as desk:
        assert listed(desk) == before - {OWN}
        refusal = desk.refusal("buyer", OWN, **NEW_DATE)
        assert refusal.code == desk.refusal("buyer", "propose_nothing", **NEW_DATE).code == "call.unknown_tool"
        assert kept(desk.deployment) == []
    unsigned = told(plant, "policy", "apply", "--as", "demo-admin")
    assert unsigned.exit_code == 2, "without a terminal only --yes says that somebody has looked"
    assert f"buyer may PROPOSE {OWN} again; definition of {OWN} changed since it was granted" in unsigned.stdout
    with opened(plant) as desk:
        assert OWN not in listed(desk)
    run(plant, *SIGNED)
    with opened(plant) as desk:
        assert listed(desk) == before
        assert shown(desk.answer("buyer", DATE_TOOL, **NEW_DATE))["state"] == "AWAITING_APPROVAL"


@guarantees("P2.granted_definition", "cli.teaches")
def test_doctor_and_explain_name_the_tool_that_changed_and_what_to_do(plant: Path, own: Path) -> None:
    """The saved policy is right and is what was applied; only they can tell."""
    edit(own)
    doctor = told(plant, "doctor", "--json")
    explained = run(plant, "policy", "explain", "buyer", OWN)
    bad = [check for check in json.loads(doctor.stdout)["checks"] if check["status"] == "bad"]
    assert doctor.exit_code == 1
    assert [check["detail"] for check in bad] == [f"{OWN} changed since it was granted: denied"]
    assert "erp-mcp policy apply" in bad[0]["advice"]
    assert f"definition of {OWN} changed since it was granted" in explained
    assert "All is right" in run(plant, "policy", "check")
    run(plant, *SIGNED)
    assert told(plant, "doctor").exit_code == 0


@guarantees("P2.granted_definition", "P3.binding")
def test_what_was_approved_before_the_edit_is_not_sent_even_after_the_new_signature(plant: Path, own: Path) -> None:
    """The person approved what the tool was, the administrator signs for what it is."""
    with opened(plant) as desk:
        handle = str(shown(desk.answer("buyer", OWN, **NEW_DATE))["proposal_id"])
    run(plant, "approvals", "approve", handle, "--as", "demo-approver", "--yes", "--no-worker")
    edit(own)
    run(plant, *SIGNED)
    run(plant, "worker", "--once")
    with opened(plant) as desk:
        (proposal,) = kept(desk.deployment)
    assert (proposal.state, proposal.reason) == (State.DENIED, "tool_changed")


@guarantees("P2.granted_definition", "policy.apply")
def test_a_server_that_still_holds_the_old_definition_loses_the_tool_with_the_apply(plant: Path, own: Path) -> None:
    """What it holds is not what was granted; started again it has it."""
    with opened(plant) as running:
        assert OWN in listed(running)
        edit(own)
        run(plant, *SIGNED)
        assert OWN not in listed(running)
        assert running.refusal("buyer", OWN, **NEW_DATE).code == "call.unknown_tool"
    with opened(plant) as desk:
        assert OWN in listed(desk)


@guarantees("P2.granted_definition")
def test_a_read_tool_that_is_edited_stays_as_it_was_permitted(plant: Path, own: Path) -> None:
    """Reads change nothing; a policy permits them by name."""
    shipped = (data_root() / "tools" / "procurement" / "list_purchase_orders.yaml").read_text(encoding="utf-8")
    file = own.with_name("list_my_purchase_orders.yaml")
    file.write_text(shipped.replace("list_purchase_orders", file.stem), encoding="utf-8")
    base = plant / "policies" / "base.yaml"
    text = base.read_text(encoding="utf-8")
    assert "procurement/*" in text
    run(plant, *SIGNED)
    edit(file, "title: ", "title: Ours, ")
    with opened(plant) as desk:
        assert file.stem in listed(desk)
    assert not any("changed since" in line for line in told(plant, "doctor").output.splitlines())
