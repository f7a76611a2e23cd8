"""`erp-mcp policy apply` where writes are: shown, asked about, and signed by an enrolled approver."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from erp_mcp import administration
from erp_mcp.approval import bundles
from erp_mcp.cli.app import main
from erp_mcp.domain.approver import Applied
from tests.guarantees import guarantees
from tests.unit.cli.people_at_work import PASSPHRASE, Desk

WRITE = """
  - id: planner-delivery-dates
    effect: permit
    roles: [planner]
    tools: [propose_update_delivery_date]
    evidence: {accepted_by: anna, reason: a start under supervision}
    left_to_people: [R-PENALTY]
"""
LIMIT = """
limits:
  - {id: dates-a-day, tools: [propose_update_delivery_date], measure: count, key: agent, window_h: 24, max: "20"}
"""
APPROVALS = """
approvals:
  - {{id: dates, tools: [propose_update_delivery_date], approvers: {people}}}
"""
CASES = """
  - name: a planner proposes another delivery date
    role: planner
    tool: propose_update_delivery_date
    expect: allowed
    by: [planner-delivery-dates]

  - name: a guest proposes nothing
    role: guest
    tool: propose_update_delivery_date
    expect: denied
    not_by: [planner-delivery-dates]
"""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment with an applied policy that only reads, and two approvers."""
    desk = Desk(directory=tmp_path_factory.mktemp("plant") / "p")
    words = ["init", str(desk.directory), "--site", "1000", "--no-approver"]
    assert CliRunner().invoke(main, words).exit_code == 0
    assert desk.run("policy", "apply").exit_code == 0
    assert desk.enrol("ada").exit_code == 0
    assert desk.enrol("bob", by="ada").exit_code == 0
    return desk.directory


@pytest.fixture
def desk(started: Path, tmp_path: Path) -> Desk:
    return Desk(directory=Path(shutil.copytree(started, tmp_path / "p")))


def allow(desk: Desk, *, limit: bool = False) -> None:
    """Turn one write on in the saved files."""
    base, cases = desk.directory / "policies" / "base.yaml", desk.directory / "policies" / "tests" / "base.yaml"
    text = base.read_text(encoding="utf-8")
    if WRITE not in text:
        head, mark, rest = text.partition("\n# No agent may write")
        base.write_text(head + WRITE + mark + rest, encoding="utf-8")
        cases.write_text(cases.read_text(encoding="utf-8") + CASES, encoding="utf-8")
    if limit:
        base.write_text(base.read_text(encoding="utf-8") + LIMIT, encoding="utf-8")


def in_force(desk: Desk) -> tuple[Applied, str]:
    """Return the bundle in force and why it may not allow writes."""
    deployment = desk.open()
    try:
        newest = deployment.state.bundles.applied()[0]
        trusted = administration.trusted(deployment)
        return newest, bundles.refusal_of(newest, trusted, deployment.settings.deployment)
    finally:
        deployment.close()


@guarantees("P2.signed_policy", "P2.one_at_a_time")
def test_a_write_counts_once_an_approver_has_signed_for_it(desk: Desk) -> None:
    """It is shown first, and it is the only thing that became possible."""
    allow(desk)

    told = desk.json("policy", "diff")
    result = desk.sign("policy", "apply", by="ada")

    assert result.exit_code == 0, result.output
    assert [one["subject"] for one in told["newly_writable"]] == ["propose_update_delivery_date"]
    assert "propose_update_delivery_date" in result.stdout
    newest, refusal = in_force(desk)
    assert refusal == ""
    assert newest.approval is not None
    assert newest.approval.signer == "ada"


@guarantees("P2.signed_policy", "input.clear_errors")
def test_a_script_that_does_not_say_yes_turns_nothing_on(desk: Desk) -> None:
    """Nobody can have looked, and nothing hangs."""
    allow(desk)
    before, _ = in_force(desk)

    result = desk.run("policy", "apply", "--as", "ada", "--passphrase-file", desk.key("ada"))

    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert in_force(desk)[0] == before


@guarantees("P2.signed_policy")
@pytest.mark.parametrize(
    ("person", "key", "code"),
    [("ada", "bob", "approval.bad_passphrase"), ("eve", "ada", "approval.not_found")],
)
def test_without_an_approvers_passphrase_nothing_is_turned_on(desk: Desk, person: str, key: str, code: str) -> None:
    """A stranger's word, or a wrong passphrase."""
    allow(desk)
    before, _ = in_force(desk)

    result = desk.run("policy", "apply", "--yes", "--as", person, "--passphrase-file", desk.key(key))

    assert result.exit_code == 2
    assert code in result.stderr
    assert in_force(desk)[0] == before


@guarantees("P2.signed_policy", "input.clear_errors")
def test_where_nobody_is_enrolled_no_write_is_turned_on(tmp_path: Path) -> None:
    """It is said how to enrol somebody."""
    desk = Desk(directory=tmp_path / "p")
    assert CliRunner().invoke(main, ["init", str(desk.directory), "--site", "1000"]).exit_code == 0
    allow(desk)

    result = desk.run("policy", "apply", "--yes")

    assert result.exit_code == 3
    assert "policy.needs_approver" in result.stderr
    assert "approvals enrol" in result.stderr


@guarantees("P2.signed_policy")
def test_other_terms_of_a_write_are_asked_about_and_signed_again(desk: Desk) -> None:
    """A limit, an approver, a site: each of them is what the person stands for."""
    allow(desk)
    assert desk.sign("policy", "apply", by="ada").exit_code == 0
    allow(desk, limit=True)

    silent = desk.run("policy", "apply", "--as", "bob", "--passphrase-file", desk.key("bob"))
    signed = desk.sign("policy", "apply", by="bob")

    assert (silent.exit_code, signed.exit_code) == (2, 0)
    newest, refusal = in_force(desk)
    assert refusal == ""
    assert newest.approval is not None
    assert newest.approval.signer == "bob"


@guarantees("P2.signed_policy")
def test_a_policy_with_writes_is_signed_also_where_only_something_else_changes(desk: Desk) -> None:
    """Else the worker would write nothing from then on; a script need not say yes to that."""
    allow(desk)
    assert desk.sign("policy", "apply", by="ada").exit_code == 0
    base = desk.directory / "policies" / "base.yaml"
    base.write_text(base.read_text(encoding="utf-8").replace(", exceptions/*]", "]"), encoding="utf-8")

    result = desk.run("policy", "apply", "--as", "bob", "--passphrase-file", desk.key("bob"))

    assert result.exit_code == 0, result.output
    assert in_force(desk)[1] == ""


@guarantees("P2.signed_policy")
def test_the_same_policy_is_signed_again_when_its_signer_is_no_approver_any_more(desk: Desk) -> None:
    """A revocation stops writes until somebody who stays stands for them."""
    allow(desk)
    assert desk.sign("policy", "apply", by="bob").exit_code == 0

    revoked = desk.sign("approvals", "revoke", "bob", by="ada")
    stopped = in_force(desk)[1]
    again = desk.sign("policy", "apply", by="ada")

    assert "policy apply" in revoked.output
    assert stopped == "not_enrolled"
    assert again.exit_code == 0, again.output
    assert in_force(desk)[1] == ""
    assert "Already applied" in desk.run("policy", "apply").output


@guarantees("P3.requesters", "cli.teaches")
def test_approvers_who_are_not_enrolled_are_warned_of_and_refuse_nothing(desk: Desk) -> None:
    """They may be enrolled tomorrow; what is printed for programs stays whole."""
    allow(desk)
    base = desk.directory / "policies" / "base.yaml"
    people = APPROVALS.format(people="[ada, gus]")
    base.write_text(base.read_text(encoding="utf-8") + people, encoding="utf-8")

    shown = desk.run("policy", "apply", "--dry-run", "--json")
    applied = desk.sign("policy", "apply", by="ada")
    base.write_text(base.read_text(encoding="utf-8").replace(people, APPROVALS.format(people="[ada, bob]")))
    after = desk.sign("policy", "apply", by="ada")

    told = "gus is named by dates under `approvals:` and not enrolled"
    assert (shown.exit_code, applied.exit_code, after.exit_code) == (0, 0, 0)
    assert (told in shown.stderr, told in applied.stderr, "not enrolled" in after.output) == (True, True, False)
    assert json.loads(shown.stdout)["applied"] is False


@guarantees("P2.signed_policy", "policy.apply")
def test_a_policy_that_only_reads_asks_and_signs_nothing(desk: Desk) -> None:
    """It stays as simple as it is."""
    base = desk.directory / "policies" / "base.yaml"
    base.write_text(base.read_text(encoding="utf-8").replace(", exceptions/*]", "]"), encoding="utf-8")

    shown = desk.run("policy", "apply", "--dry-run")
    applied = desk.run("policy", "apply")

    assert (shown.exit_code, applied.exit_code) == (0, 0)
    assert "dry run" in shown.output
    assert in_force(desk)[0].approval is None


@guarantees("P2.signed_policy", "P2.one_at_a_time")
def test_at_a_terminal_the_write_is_shown_and_asked_about(desk: Desk) -> None:
    """No means that nothing changes; yes asks for the passphrase."""
    allow(desk)

    no, _ = desk.at_terminal([("[y/N]", "n")], "policy", "apply", "--as", "ada")
    before = in_force(desk)[1]
    yes, shown = desk.at_terminal(
        [("[y/N]", "y"), ("Passphrase of ada", f"{PASSPHRASE} of ada")], "policy", "apply", "--as", "ada"
    )

    assert (no, before) == (1, "unsigned")
    assert yes == 0, shown
    assert shown.index("propose_update_delivery_date") < shown.index("[y/N]")
    assert in_force(desk)[1] == ""
