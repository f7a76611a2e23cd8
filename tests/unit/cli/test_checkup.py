"""`erp-mcp doctor` about writes: what is on, who may decide, what is stopped, and what waits for somebody."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from erp_mcp import administration
from erp_mcp.administration import Signing
from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.cli.app import main
from erp_mcp.cli.checkup import Check, writes
from tests.guarantees import guarantees
from tests.prepared import DemoPlant


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Path:
    """Return a demo plant, where writes are on and three people are enrolled."""
    return demo_plant(tmp_path_factory.mktemp("checkup") / "plant")


@pytest.fixture
def deployment(prepared: Path, tmp_path: Path) -> Iterator[Deployment]:
    """Return a deployment of its own."""
    opened = open_deployment(Path(shutil.copytree(prepared, tmp_path / "plant")) / "erp-mcp.yaml")
    yield opened
    opened.close()


def run(deployment: Deployment, *arguments: str) -> str:
    """Run a command on the deployment; it must succeed."""
    result = CliRunner().invoke(main, [*arguments, "--config", str(deployment.settings.file)])
    assert result.exit_code == 0, result.output
    return result.output


def found(deployment: Deployment) -> dict[str, Check]:
    """Return what is found, by the words it begins with."""
    return {f"{check.name}: {check.status}": check for check in writes(deployment)}


def approved(deployment: Deployment) -> str:
    """Return the handle of a proposal that is approved, and that no worker has seen."""
    lines = json.loads(run(deployment, "tools", "call", "rank_expedite_candidates", "{}", "--as", "buyer", "--json"))
    table = lines["tables"]["lines"]
    line = dict(zip(table["columns"], table["rows"][0], strict=True))
    wanted = {
        "purchase_order_id": line["purchase_order_id"],
        "line": line["line"],
        "new_date": (date.fromisoformat(line["promised_date"]) + timedelta(days=3)).isoformat(),
        "reason": "the supplier has called",
        "idempotency_key": "checkup-1",
    }
    call = ("tools", "call", "propose_update_delivery_date", json.dumps(wanted), "--as", "buyer", "--json")
    answer = json.loads(run(deployment, *call))
    handle = str(answer["tables"]["proposal"]["rows"][0][0])
    run(deployment, "approvals", "approve", handle, "--as", "demo-approver", "--yes", "--no-worker")
    return handle


def set_by_hand(deployment: Deployment, assignment: str) -> None:
    """Change the one proposal's row."""
    with closing(sqlite3.connect(deployment.settings.state_dir / "state.sqlite")) as file, file:
        file.execute("DROP TRIGGER IF EXISTS proposal_moves")
        file.execute(f"UPDATE proposal SET {assignment}")


@guarantees("cli.teaches", "P2.signed_policy")
def test_it_says_which_writes_are_on_and_that_people_may_decide(deployment: Deployment) -> None:
    """An administrator sees at a glance what agents may propose, and that somebody can say yes or no."""
    told = found(deployment)
    assert "propose_update_delivery_date" in told["writes: ok"].detail
    assert told["approvers: ok"].detail.startswith("3 people")


@guarantees("cli.teaches", "P2.no_writes")
def test_it_says_that_writes_are_off_where_none_is_granted(tmp_path: Path) -> None:
    """The default is named as such."""
    result = CliRunner().invoke(main, ["init", str(tmp_path / "plant"), "--no-approver", "--owner", "anna"])
    assert result.exit_code == 0, result.output
    deployment = open_deployment(tmp_path / "plant" / "erp-mcp.yaml")
    try:
        assert [(check.name, check.status) for check in writes(deployment)] == [("writes", "ok")]
        assert "off" in next(writes(deployment)).detail
    finally:
        deployment.close()


@guarantees("cli.teaches")
def test_it_says_who_pressed_the_kill_switch_and_how_to_let_go(deployment: Deployment) -> None:
    """Whoever wonders why nothing is written finds it here."""
    run(deployment, "writes", "stop", "all", "--reason", "stock-taking")
    note = found(deployment)["writes: note"]
    assert "all" in note.detail
    assert "erp-mcp writes resume all" in note.advice


@guarantees("cli.teaches", "P4.stopped_sites")
def test_it_says_that_a_stopped_site_stops_what_says_no_site_too(deployment: Deployment) -> None:
    """Whoever wonders why a new supplier is stopped finds it here; the page offers the same sites."""
    assert {"site:1000", "site:2000"} <= set(administration.write_scopes(deployment))
    run(deployment, "writes", "stop", "site:2000", "--reason", "stock-taking")
    note = found(deployment)["writes: note"]
    assert "site:2000 (and for what says no site)" in note.detail
    assert "erp-mcp writes resume site:2000" in note.advice


@guarantees("cli.teaches", "P10.survives")
@pytest.mark.bends_log("a state that no move led to")
def test_it_names_what_is_approved_and_not_picked_up_and_what_needs_a_person(deployment: Deployment) -> None:
    """Nothing waits unseen: neither for a worker that nobody started, nor for somebody to decide what happened."""
    handle = approved(deployment)
    assert not any("proposals" in name for name in found(deployment))
    set_by_hand(deployment, "since = '2020-01-01T00:00:00.000000Z'")
    note = found(deployment)["proposals: note"]
    assert handle in note.detail
    assert "erp-mcp worker" in note.advice

    set_by_hand(deployment, "state = 'UNKNOWN'")
    assert "worker" in found(deployment)["proposals: note"].advice
    set_by_hand(deployment, "state = 'NEEDS_HUMAN', reason = 'signature'")
    bad = found(deployment)["proposals: bad"]
    assert f"erp-mcp proposals show {handle}" in bad.advice


@guarantees("cli.teaches", "P2.signed_policy")
def test_it_finds_a_system_that_takes_no_writes_and_a_policy_that_nobody_signed(deployment: Deployment) -> None:
    """What is granted and can't happen is a fault of the set-up, and is named before an agent finds out."""
    file = deployment.settings.file
    file.write_text(file.read_text(encoding="utf-8").replace(", write: {}", ""), encoding="utf-8")
    with closing(sqlite3.connect(deployment.settings.state_dir / "state.sqlite")) as state, state:
        for (name,) in state.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            state.execute(f"DROP TRIGGER {name}")
        state.execute("UPDATE policy_bundle SET approval_signature = 'ab'")
    again = open_deployment(file)
    try:
        bad = [check.detail for check in writes(again) if check.status == "bad"]
    finally:
        again.close()
    assert any("no approver in force has signed" in detail for detail in bad)
    assert any("no system takes purchase_order_line.update_delivery_date" in detail for detail in bad)


@guarantees("cli.teaches", "P3.signed_target")
def test_it_finds_a_system_that_is_not_the_one_which_an_approver_signed_for(deployment: Deployment) -> None:
    """Each write to it would be denied; whoever moved it hears so before an agent does."""
    file = deployment.settings.file
    file.write_text(file.read_text(encoding="utf-8").replace("url: erp.sqlite", "url: ./erp.sqlite"), encoding="utf-8")
    again = open_deployment(file)
    try:
        bad = [check for check in writes(again) if check.status == "bad"]
    finally:
        again.close()
    assert bad
    assert all("with the systems as they are configured now" in check.detail for check in bad)
    assert all("erp-mcp policy apply" in check.advice for check in bad)


# --- people -----------------------------------------------------------------------------------------------------------

RULE = "  - {id: delivery-dates, tools: [propose_update_delivery_date], approvers: any, needed: 1, expires_h: 4}"


TWO = RULE.replace("any,", "[demo-admin, demo-approver],")
CASE = "{needed: 1, self_approval: none}"
BUYER = "buyer: {role: buyer, owner: demo-approver}"


def set_policy(deployment: Deployment, *edits: tuple[str, str]) -> None:
    """Change the saved policy, and apply it as the demo's administrator does."""
    file = deployment.settings.policies / "base.yaml"
    for before, after in edits:
        text = file.read_text(encoding="utf-8")
        assert before in text
        file.write_text(text.replace(before, after), encoding="utf-8")
    run(deployment, "policy", "apply", "--yes", "--as", "demo-admin")


def notes(deployment: Deployment) -> list[str]:
    """Return what is noted about approvers."""
    return [check.detail for check in writes(deployment) if (check.name, check.status) == ("approvers", "note")]


@guarantees("cli.teaches", "P3.requesters")
def test_it_notes_people_who_are_named_as_approvers_and_are_none(deployment: Deployment) -> None:
    """A name that nobody has, or that left, decides about nothing."""
    assert notes(deployment) == []
    set_policy(deployment, (RULE, RULE.replace("any,", "[demo-approver, gus, eve],")))
    assert notes(deployment) == ["eve, gus are named by delivery-dates under `approvals:` and not enrolled"]


@guarantees("cli.teaches", "P3.requesters")
@pytest.mark.parametrize(
    ("edits", "why"),
    [
        ([(RULE, RULE.replace("any,", "[demo-admin],"))], "demo-admin applied a policy less than 24 hours ago"),
        ([("buyer: {role: buyer, owner: demo-owner}", BUYER), (RULE, TWO)], "demo-approver is the agent's owner"),
    ],
    ids=["applied", "owner"],
)
def test_it_notes_an_agent_whose_proposals_nobody_could_approve(
    deployment: Deployment, edits: list[tuple[str, str]], why: str
) -> None:
    """They would wait until they expire, and nobody would know why."""
    set_policy(deployment, *edits)
    (note,) = notes(deployment)
    assert note.startswith("nobody could approve what buyer proposes with propose_update_delivery_date: ")
    assert why in note


@guarantees("cli.teaches", "P3.requesters")
def test_it_notes_an_agent_that_has_the_name_of_the_only_one_who_could_approve(deployment: Deployment) -> None:
    """By whichever name somebody asks, they don't decide."""
    named = ("buyer: {role: buyer, owner: demo-owner}", "demo-approver: {role: buyer, owner: olga}")
    set_policy(deployment, named, (RULE, TWO))
    (note,) = notes(deployment)
    assert note.startswith("nobody could approve what demo-approver proposes with propose_update_delivery_date: ")
    assert "demo-approver has the agent's name" in note


@guarantees("cli.teaches", "P3.requesters")
def test_it_is_silent_about_an_owner_whom_policy_lets_decide(deployment: Deployment) -> None:
    """Where self approval is on, one person is enough."""
    cases = deployment.settings.policies / "tests" / "base.yaml"
    text = cases.read_text(encoding="utf-8").replace(CASE, "{needed: 1, self_approval: owner}")
    cases.write_text(text, encoding="utf-8")
    itself = TWO.replace("needed: 1", "self_approval: owner")
    set_policy(deployment, (RULE, itself), ("buyer: {role: buyer, owner: demo-owner}", BUYER))
    assert notes(deployment) == []


@guarantees("cli.teaches", "P3.enough_people")
def test_it_notes_that_there_are_too_few_people_and_is_silent_once_there_are_enough(deployment: Deployment) -> None:
    """Two people must say yes, and one of the two who are named has applied the policy."""
    cases = deployment.settings.policies / "tests" / "base.yaml"
    cases.write_text(cases.read_text(encoding="utf-8").replace(CASE, CASE.replace("1", "2")), encoding="utf-8")
    two = TWO.replace("needed: 1", "needed: 2")
    set_policy(deployment, (RULE, two))
    (note,) = notes(deployment)
    assert note.startswith("only 1 of 2 people could approve what buyer proposes with propose_update_delivery_date: ")
    secret = (deployment.settings.state_dir.parent / "keys" / "demo-admin.passphrase").read_text(encoding="utf-8")
    by = Signing(approver_id="demo-admin", passphrase=secret.strip())
    administration.enrol(deployment, "carla", "Carla", "a passphrase of several words", by=by)
    set_policy(deployment, (two, two.replace("demo-approver]", "demo-approver, carla]")))
    assert notes(deployment) == []
