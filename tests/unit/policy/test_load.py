"""Policy files are refused with file, line and a stable code for whatever is wrong with them."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from erp_mcp.domain.decision import Limit, Obligations, Terms
from erp_mcp.errors import PolicyFileError
from erp_mcp.policy.bundle import Bundle
from erp_mcp.policy.decide import decide
from erp_mcp.policy.load import check, load
from tests.guarantees import guarantees
from tests.unit.policy.plant import KNOWN, WRITE, planner

BROKEN = Path(__file__).parents[3] / "fixtures" / "policies" / "broken"
FIXTURES = sorted(BROKEN.glob("*.yaml"))


def _spoiled(fixture: Path, root: Path) -> tuple[Path, str]:
    """Return a good folder into which a broken file was put, and the name of that file."""
    folder = root / "policies"
    shutil.copytree(BROKEN / "_good", folder)
    name = fixture.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").partition(":")[0]
    shutil.copy(fixture, folder / name)
    return folder, name


def _marked_line(fixture: Path) -> int:
    lines = fixture.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if line.endswith("# <-- here")), 1)


@guarantees("policy.closed_language", "input.clear_errors")
@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.stem)
def test_each_class_of_mistake_is_refused_with_its_line(fixture: Path, tmp_path: Path) -> None:
    """An admin must find the mistake from the message alone."""
    folder, name = _spoiled(fixture, tmp_path)

    with pytest.raises(PolicyFileError) as refusal:
        load(folder, KNOWN)

    facts = refusal.value.facts
    assert (facts["problem"], facts["file"]) == (fixture.stem.partition(".")[0], name)
    assert facts["line"] == _marked_line(fixture), facts
    assert facts["reason"]


@guarantees("policy.closed_language")
def test_the_folder_that_the_broken_files_spoil_is_right() -> None:
    """Else each refusal above could have another ground."""
    assert check(BROKEN / "_good", KNOWN).problems == ()


@guarantees("policy.closed_language", "input.clear_errors")
def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Mending one mistake per run would be a slow way to a right file."""
    folder, _ = _spoiled(BROKEN / "unknown_role.yaml", tmp_path)
    base = folder / "base.yaml"
    base.write_text(base.read_text(encoding="utf-8").replace("list_wip_jobs", "list_jobs"), encoding="utf-8")

    problems = check(folder, KNOWN).problems

    assert [one.problem for one in problems] == ["unknown_tool", "unknown_role"]
    with pytest.raises(PolicyFileError) as refusal:
        load(folder, KNOWN)
    assert refusal.value.facts["more"] == 1


@guarantees("policy.closed_language", "input.clear_errors")
@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"version: 1\nroles: \xff\n", "not_utf8"), (b"# " + b"x" * 300_000, "too_large"), (b"a: \x00\n", "bad_yaml")],
)
def test_files_that_are_no_text_or_too_large_are_refused(content: bytes, problem: str, tmp_path: Path) -> None:
    """Whatever lies in the folder, the answer is a code and never a trace."""
    (tmp_path / "base.yaml").write_bytes(content)

    assert [one.problem for one in check(tmp_path, KNOWN).problems] == [problem]


@guarantees("policy.closed_language", "P1.default_deny")
def test_a_folder_without_a_base_file_is_refused(tmp_path: Path) -> None:
    """An empty folder must not become a policy that allows nothing without saying so."""
    assert [one.problem for one in check(tmp_path, KNOWN).problems] == ["no_base"]
    assert [one.problem for one in check(tmp_path / "absent", KNOWN).problems] == ["no_base"]


@guarantees("policy.apply")
def test_the_same_files_give_the_same_digest_whatever_their_order_and_comments(tmp_path: Path) -> None:
    """The digest names what a policy means: it stands in every decision."""
    folder = tmp_path / "policies"
    shutil.copytree(BROKEN / "_good", folder)
    before = load(BROKEN / "_good", KNOWN).bundle
    base = folder / "base.yaml"
    text = (BROKEN / "_good" / "base.yaml").read_text(encoding="utf-8")
    base.write_text("# a remark\n" + text.replace('["1000", "2000"]', '["2000", "1000"]'), encoding="utf-8")

    assert load(folder, KNOWN).bundle.digest == before.digest


@guarantees("P1.default_deny", "P2.no_writes")
def test_a_toolset_pattern_never_covers_a_write() -> None:
    """One write tool for one role at a time: none is granted in passing."""
    bundle = load(BROKEN / "_good", KNOWN).bundle

    granted = {tool for rule in bundle.rules for tool in rule.tools}
    assert "list_sales_orders" in granted
    assert "propose_change_order" not in granted


@guarantees("policy.closed_language")
@pytest.mark.parametrize(("sites", "unreachable"), [(["1000"], []), (["1000", "2000"], ["rules.0"])])
def test_a_permit_is_unreachable_once_every_declared_site_is_forbidden(
    sites: list[str], unreachable: list[str], tmp_path: Path
) -> None:
    """An unlimited role keeps no undeclared site through a forbid, so nothing is left of its permit."""
    folder = tmp_path / "policies"
    shutil.copytree(BROKEN / "_good", folder)
    tools = "[orders/*, list_wip_jobs]"
    forbids = [
        f"  - {{id: no-{site}, effect: forbid, roles: [planner], tools: {tools}, sites: ['{site}']}}\n"
        for site in sites
    ]
    base = folder / "base.yaml"
    base.write_text(base.read_text(encoding="utf-8") + "".join(forbids), encoding="utf-8")

    found = [one.key for one in check(folder, KNOWN).problems if one.problem == "unreachable_rule"]

    assert found == unreachable


@guarantees("policy.closed_language")
def test_a_permit_for_all_sites_adds_to_one_that_lists_every_declared_site(tmp_path: Path) -> None:
    """Rows of sites that are not declared yet are seen through the unlimited permit alone."""
    folder = tmp_path / "policies"
    shutil.copytree(BROKEN / "_good", folder)
    base = folder / "base.yaml"
    listed = base.read_text(encoding="utf-8").replace(
        "    tools: [get_stock]\n",
        "    tools: [get_stock]\n"
        "  - {id: listed, effect: permit, roles: [planner], tools: [get_stock], sites: ['1000', '2000']}\n"
        "  - {id: everywhere, effect: permit, roles: [planner], tools: [get_stock]}\n",
    )
    base.write_text(listed, encoding="utf-8")

    assert {one.problem for one in check(folder, KNOWN).problems} == {"untested_rule"}


@guarantees("P1.scope")
def test_a_rule_of_a_site_file_holds_at_that_site_alone(tmp_path: Path) -> None:
    """Whoever edits the file of one site can't change another."""
    folder = tmp_path / "policies"
    shutil.copytree(BROKEN / "_good", folder)
    (folder / "2000.yaml").write_text(
        'version: 1\nsite: "2000"\nrules:\n'
        "  - {id: planner-stock, effect: permit, roles: [planner], tools: [get_stock]}\n",
        encoding="utf-8",
    )
    (folder / "tests" / "2000.yaml").write_text(
        "version: 1\ncases:\n"
        "  - {name: at 2000, role: planner, tool: get_stock, expect: allowed, sites: ['2000'], by: [planner-stock]}\n"
        "  - {name: elsewhere, role: buyer, tool: get_stock, expect: allowed, not_by: [planner-stock]}\n",
        encoding="utf-8",
    )

    rule = next(rule for rule in load(folder, KNOWN).bundle.rules if rule.id == "planner-stock")

    assert rule.sites == ("2000",)


# --- writes -----------------------------------------------------------------------------------------------------------

RULE = """\
  - id: planner-writes
    effect: permit
    roles: [planner]
    tools: [propose_change_order]
    evidence: {accepted_by: dana, reason: there is no report yet}
"""
TERMS = """\
approvals:
  - id: changes
    tools: [propose_change_order]
    approvers: [eve, anna, anna]
    needed: 2
    self_approval: owner
    expires_h: 8
limits:
  - {id: a-day, tools: [propose_change_order], measure: count, key: owner, window_h: 24, max: "5"}
  - {id: money, tools: [propose_change_order], measure: value, key: material, window_h: 744, max: "99.5", currency: EUR}
"""
CASES = """\
  - name: a planner proposes
    role: planner
    tool: propose_change_order
    expect: allowed
    by: [planner-writes]
    approval: {needed: 2, self_approval: owner}
  - name: a buyer does not
    role: buyer
    tool: propose_change_order
    expect: denied
    not_by: [planner-writes]
"""


def _writing(root: Path, rules: str = RULE + TERMS, cases: str = CASES) -> Path:
    """Return the good folder with a write."""
    folder = root / "policies"
    shutil.copytree(BROKEN / "_good", folder, dirs_exist_ok=True)
    for name, more in (("base.yaml", rules), ("tests/base.yaml", cases)):
        good = (BROKEN / "_good" / name).read_text(encoding="utf-8")
        (folder / name).write_text(good + more, encoding="utf-8")
    return folder


def _granted(bundle: Bundle) -> Obligations:
    principal = dataclasses.replace(planner(), owner="demo-owner")
    obligations = decide(bundle, principal, WRITE, {}).obligations
    assert obligations is not None
    return obligations


@guarantees("policy.closed_language", "P2.evidence")
def test_what_the_files_say_of_a_write_is_what_its_decision_carries(tmp_path: Path) -> None:
    """From YAML to the obligations of a call, and into the text that an approver signs."""
    bundle = load(_writing(tmp_path), KNOWN).bundle
    terms = _granted(bundle)

    assert terms.approval == Terms(
        rule="changes", approvers=("anna", "eve"), needed=2, self_approval=True, valid_s=8 * 3600
    )
    assert terms.limits == (
        Limit(id="a-day", measure="count", key="owner", maximum="5", window_s=24 * 3600),
        Limit(id="money", measure="value", key="material", maximum="99.5", window_s=744 * 3600, currency="EUR"),
    )
    signed = json.loads(bundle.text)
    assert signed["writes"] == {"propose_change_order": {"level": 4, "risk": "W2", "hash": WRITE.hash}}
    assert signed["rules"][-1]["evidence"] == {"accepted_by": "dana", "reason": "there is no report yet"}


@guarantees("policy.closed_language", "P2.evidence")
def test_a_report_is_evidence_and_without_more_words_the_default_terms_hold(tmp_path: Path) -> None:
    """One enrolled approver, not the owner, four hours."""
    rule = RULE.replace("{accepted_by: dana, reason: there is no report yet}", f"{{report: {'0a' * 32}}}")
    cases = CASES.replace("needed: 2, self_approval: owner", "needed: 1, self_approval: none")

    terms = _granted(load(_writing(tmp_path, rule, cases), KNOWN).bundle)

    assert terms.approval == Terms(rule="", approvers=(), needed=1, self_approval=False, valid_s=4 * 3600)
    assert terms.limits == ()


@guarantees("policy.closed_language")
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("needed: 2, ", "needed: 1, ", "expected 1 to be needed, got 2"),
        ("self_approval: owner", "self_approval: none", "expected self_approval none, got owner"),
    ],
)
def test_a_case_that_expects_other_terms_of_approval_fails(old: str, new: str, told: str, tmp_path: Path) -> None:
    """Whoever must say yes is proved like everything else."""
    problems = check(_writing(tmp_path, cases=CASES.replace(old, new)), KNOWN).problems

    assert [one.problem for one in problems] == ["failed_case"]
    assert told in problems[0].reason


@guarantees("policy.closed_language")
def test_terms_of_a_write_that_a_forbid_takes_are_unreachable_as_its_grant_is(tmp_path: Path) -> None:
    """Else a policy would promise approvals that nobody will ever be asked for."""
    forbid = "  - {id: no-changes, effect: forbid, roles: [planner], tools: [propose_change_order]}\n"

    problems = check(_writing(tmp_path, RULE + forbid + TERMS), KNOWN).problems

    found = [one.key for one in problems if one.problem == "unreachable_rule"]
    assert found == ["rules.2", "approvals.0.tools.0", "limits.0.tools.0", "limits.1.tools.0"]


@guarantees("P2.one_at_a_time", "P1.scope")
def test_a_write_that_is_granted_in_the_file_of_a_site_holds_there_alone(tmp_path: Path) -> None:
    """One site may be ahead of the others."""
    cases = CASES.replace("    approval: {needed: 2, self_approval: owner}\n", "    sites: ['2000']\n")
    folder = _writing(tmp_path, "", cases)
    (folder / "2000.yaml").write_text('version: 1\nsite: "2000"\nrules:\n' + RULE, encoding="utf-8")

    assert _granted(load(folder, KNOWN).bundle).sites == ("2000",)


@guarantees("policy.closed_language", "P2.evidence")
@pytest.mark.parametrize("text", ["a\u202eb", "a\u200bb", "a\x1b[2Jb", "a\nb", "a\u2028b"])
def test_a_reason_that_a_terminal_would_show_otherwise_is_refused(text: str, tmp_path: Path) -> None:
    """Who saves a file must not decide what the one who applies it gets to see."""
    rule = RULE.replace("there is no report yet", json.dumps(f"no report {text} yet"))

    problems = check(_writing(tmp_path, rule), KNOWN).problems

    assert [one.problem for one in problems] == ["bad_evidence"]
