"""For how long a proposal waits: as its rule says, else half an hour where stock is moved or held, else four hours."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

import pytest

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.tool import SagaStep, Tool
from erp_mcp.errors import BadBundleError
from erp_mcp.policy.bundle import Bundle, from_document, from_json
from erp_mcp.policy.decide import decide
from erp_mcp.policy.explain import explain
from erp_mcp.policy.load import check, load
from erp_mcp.policy.names import KnownNames
from tests.guarantees import guarantees
from tests.unit.policy.plant import KNOWN, WRITE, planner
from tests.unit.policy.test_people_files import _folder as folder

MINUTE, HOUR = 60, 3600
STOCK: Final = replace(WRITE, stock=True)
SAGA: Final = replace(WRITE, command="", steps=(SagaStep(name="hold", tool="propose_hold"),))
HOLD: Final = replace(STOCK, name="propose_hold")
RULE: Final = "\napprovals:\n  - {id: changes, tools: [propose_change_order], approvers: any, needed: 1MORE}\n"
NEEDS_ONE: Final = "{needed: 1}"


def known(*tools: Tool) -> KnownNames:
    return KnownNames.of([*(one for one in KNOWN.tools.values() if one.name != WRITE.name), *tools])


def loaded(root: Path, more: str | None, *tools: Tool) -> Bundle:
    """Return the bundle of a policy that grants one write, by a rule with `more` in it, or by none at all."""
    text = "" if more is None else RULE.replace("MORE", more)
    return load(folder(root, text, NEEDS_ONE), known(*tools)).bundle


def valid_s(bundle: Bundle, tool: Tool) -> int:
    agents: JsonValue = {"planner": {"role": "planner", "owner": "owner"}}
    document = {**cast("dict[str, JsonValue]", json.loads(bundle.text)), "agents": agents}
    obligations = decide(from_document(document), planner(), tool, {}).obligations
    assert obligations is not None
    assert obligations.approval is not None
    return obligations.approval.valid_s


def two_granted(root: Path, rule: str) -> Path:
    """Return a policy that grants both writes to the planner."""
    grant = folder(root, rule, NEEDS_ONE)
    base = grant / "base.yaml"
    text = base.read_text(encoding="utf-8")
    more = text.partition("  - id: planner-writes")[2].partition("approvals:")[0].replace(WRITE.name, HOLD.name)
    text = text.replace("\napprovals:", f"\n  - id: planner-holds{more}\napprovals:", 1)
    base.write_text(text, encoding="utf-8")
    (cases,) = (grant / "tests").glob("*.yaml")
    told = cases.read_text(encoding="utf-8")
    cases.write_text(
        f"{told}  - {{name: holds, role: planner, tool: {HOLD.name}, expect: allowed, by: [planner-holds]}}\n"
        f"  - {{name: buyer holds none, role: buyer, tool: {HOLD.name}, expect: denied, not_by: [planner-holds]}}\n",
        encoding="utf-8",
    )
    return grant


@guarantees("P3.expires")
@pytest.mark.parametrize("more", [None, "", ", escalate: {after_min: 29, to: [eve]}", ", carry_out_min: 30"])
def test_what_moves_or_holds_stock_waits_half_an_hour_where_no_rule_says_for_how_long(
    tmp_path: Path, more: str | None
) -> None:
    """Other writes four hours, with the same rule and the very bundle that it always made."""
    assert valid_s(loaded(tmp_path / "stock", more, STOCK), STOCK) == 30 * MINUTE
    other = loaded(tmp_path / "other", more, WRITE)
    assert valid_s(other, WRITE) == 4 * HOUR
    assert set(cast("dict[str, JsonValue]", json.loads(other.text)["writes"][WRITE.name])) == {"level", "risk", "hash"}


@guarantees("P3.expires")
@pytest.mark.parametrize(
    ("more", "seconds"),
    [(", expires_h: 4", 4 * HOUR), (", expires_h: 168", 168 * HOUR), (", expires_min: 10", 10 * MINUTE),
     (", expires_min: 90, escalate: {after_min: 60, to: [eve]}", 90 * MINUTE)],
)  # fmt: skip
def test_a_rule_may_say_otherwise_of_any_write(tmp_path: Path, more: str, seconds: int) -> None:
    """Longer or shorter, also just what would be the default of others."""
    for name, tool in (("stock", STOCK), ("other", WRITE)):
        bundle = loaded(tmp_path / name, more, tool)
        assert valid_s(bundle, tool) == seconds
        assert "valid_s" not in json.loads(bundle.text)["writes"][tool.name]


@guarantees("P3.expires")
@pytest.mark.parametrize(
    ("more", "problem", "words"),
    [
        (", escalate: {after_min: 30, to: [eve]}", "bad_escalation", "expires after 30 minutes, where neither"),
        (", carry_out_min: 31", "out_of_range", "whether or not it was approved, where neither"),
        (", expires_h: 1, expires_min: 90", "bad_window", "not both"),
        (", expires_min: 20, carry_out_min: 21", "out_of_range", "expires after 20 minutes, whether or not"),
        (", expires_min: 0", "out_of_range", ""),
    ],
)  # fmt: skip
def test_what_would_come_after_a_proposal_is_gone_is_refused(
    tmp_path: Path, more: str, problem: str, words: str
) -> None:
    """With the time that it would have by itself, so that whoever wrote the rule knows what to add."""
    (found,) = check(folder(tmp_path, RULE.replace("MORE", more), NEEDS_ONE), known(STOCK)).problems

    assert (found.problem, words in found.reason) == (problem, True)


@guarantees("P3.expires")
@pytest.mark.parametrize(("minutes", "problems"), [(30, []), (31, ["out_of_range"])])
def test_a_rule_of_both_kinds_leaves_each_its_own_time(tmp_path: Path, minutes: int, problems: list[str]) -> None:
    """What it says besides has to fit into the shorter one."""
    named = f"[{HOLD.name}, propose_change_order]"
    rule = RULE.replace("[propose_change_order]", named).replace("MORE", f", carry_out_min: {minutes}")
    made = two_granted(tmp_path, rule)

    found = check(made, known(WRITE, HOLD))

    assert [one.problem for one in found.problems] == problems
    if found.loaded is not None:
        bundle = found.loaded.bundle
        assert (valid_s(bundle, HOLD), valid_s(bundle, WRITE)) == (30 * MINUTE, 4 * HOUR)


@guarantees("P3.expires", "P10.saga")
def test_of_several_changes_as_one_the_shortest_step_counts(tmp_path: Path) -> None:
    """Its file need not say so: a step that holds stock is enough."""
    grant = two_granted(tmp_path, RULE.replace("MORE", ""))

    bundle = load(grant, known(SAGA, HOLD)).bundle

    assert (valid_s(bundle, SAGA), valid_s(bundle, HOLD)) == (30 * MINUTE, 30 * MINUTE)


@guarantees("P3.expires", "P2.granted_definition")
def test_a_bundle_says_by_itself_for_how_long_proposals_wait(tmp_path: Path) -> None:
    """Applied before there was such a default, or with a file that says otherwise by now: it stays as it was signed."""
    bundle = loaded(tmp_path, "", STOCK)
    document = cast("dict[str, JsonValue]", json.loads(bundle.text))
    before = json.loads(bundle.text)
    del before["writes"][STOCK.name]["valid_s"]

    assert valid_s(from_document(before), STOCK) == 4 * HOUR
    assert valid_s(from_json(bundle.text), replace(STOCK, stock=False)) == 30 * MINUTE
    for bad in (0, 59, 4 * HOUR, "30", True, None):
        wrong = json.loads(json.dumps(document))
        wrong["writes"][STOCK.name]["valid_s"] = bad
        with pytest.raises(BadBundleError):
            from_document(wrong)
    for late in ({"escalation": {"after_s": 30 * MINUTE, "to": ["eve"]}}, {"carry_out_s": 31 * MINUTE}):
        wrong = json.loads(json.dumps(document))
        wrong["approvals"][0] |= late
        with pytest.raises(BadBundleError):
            from_document(wrong)


@guarantees("P3.expires")
def test_explaining_a_write_says_for_how_long_its_proposals_wait(tmp_path: Path) -> None:
    """As the one who is asked will have it."""
    told = list(explain(loaded(tmp_path, "", STOCK), "planner", STOCK, {}).lines())

    assert any("within 30 min" in line for line in told), told
