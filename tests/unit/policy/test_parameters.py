"""What business rules go by: said by policy within the bounds that an operation declares, and shown beforehand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.decision import Setting
from erp_mcp.domain.parameters import PRICE_STEP_MOST, PRICE_STEP_TOLD, declared
from erp_mcp.errors import BadBundleError
from erp_mcp.policy import activate
from erp_mcp.policy.bundle import Bundle, from_document, from_json, write_terms
from erp_mcp.policy.decide import decide, decide_role
from erp_mcp.policy.explain import explain
from erp_mcp.policy.load import check
from tests.guarantees import guarantees
from tests.unit.policy.plant import ACCEPTED, GRAVE, KNOWN, TOOLS, WRITE, document, planner, rule

BROKEN = Path(__file__).parents[3] / "fixtures" / "policies" / "broken"
TIGHT = {"id": "tight", "tools": [WRITE.name], "values": {"price_step_most_pct": 20, "price_step_told_pct": 0}}
_PEOPLE: dict[str, JsonValue] = {"groups": {}, "deputies": [], "separations": [], "quota": None, "taint_s": None}


def latest(*parameters: object, form: int = 5) -> dict[str, JsonValue]:
    """Return a bundle document of the newest form, with one write granted."""
    plain = document(rule("grant", WRITE.name, evidence=ACCEPTED), writes=(WRITE,))
    more: dict[str, JsonValue] = {"parameters": json.loads(json.dumps(parameters))} if form > 4 else {}
    return {**plain, "format": form, "people": _PEOPLE, **more}


def settings(bundle: Bundle) -> dict[str, int]:
    obligations = decide_role(bundle, "planner", WRITE, {}).obligations
    assert obligations is not None
    return {one.name: one.value for one in obligations.settings}


def saved(folder: Path, parameters: object, case: dict[str, int] | None = None) -> Path:
    """Return a policy folder that grants the write, with parameters and what its case expects of them."""
    shutil.copytree(BROKEN / "_good", folder)
    yaml = YAML(typ="safe", pure=True)
    base = yaml.load(folder / "base.yaml")
    base["rules"].append(
        {"id": "writes", "effect": "permit", "roles": ["planner"], "tools": [WRITE.name], "evidence": ACCEPTED}
    )
    base |= {"parameters": parameters} if parameters else {}
    cases = yaml.load(folder / "tests" / "base.yaml")
    proved = {"role": "planner", "tool": WRITE.name, "expect": "allowed", "by": ["writes"]}
    cases["cases"].append({**proved, "name": "a planner proposes", **({"parameters": case} if case else {})})
    cases["cases"][1]["not_by"].append("writes")
    (folder / "base.yaml").write_text(json.dumps(base), encoding="utf-8")
    (folder / "tests" / "base.yaml").write_text(json.dumps(cases), encoding="utf-8")
    return folder


@guarantees("policy.parameters")
def test_a_write_is_bound_to_what_policy_says_of_its_rules() -> None:
    """By name and rule; where the policy says nothing there is nothing, and the defaults hold."""
    said = from_document(latest(TIGHT))
    obligations = decide(said, planner(), WRITE, {}).obligations
    assert obligations is not None
    assert obligations.settings == (
        Setting(rule="tight", name="price_step_most_pct", value=20),
        Setting(rule="tight", name="price_step_told_pct", value=0),
    )
    assert settings(from_document(latest())) == {}
    assert settings(from_document(latest(form=4))) == {}
    assert settings(from_json(said.text, said.digest)) == {"price_step_most_pct": 20, "price_step_told_pct": 0}
    at_site = decide(said, planner(), WRITE, {"site": "1000"}).obligations
    assert at_site is not None
    assert at_site.settings == obligations.settings


@guarantees("policy.parameters", "policy.closed_language")
@pytest.mark.parametrize(
    "parameters",
    [
        ({**TIGHT, "values": {}},),
        ({**TIGHT, "values": {"price_step_most_pct": -1}},),
        ({**TIGHT, "values": {"price_step_most_pct": True}},),
        ({**TIGHT, "values": {"price_step_most_pct": "20"}},),
        ({**TIGHT, "values": {"Price": 20}},),
        ({**TIGHT, "tools": [GRAVE.name]},),
        ({**TIGHT, "tools": []},),
        ({**TIGHT, "extra": 1},),
        (TIGHT, {**TIGHT, "id": "again"}),
        ({**TIGHT, "id": "grant"},),
    ],
)
def test_a_bundle_with_parameters_of_another_form_opens_nothing(parameters: tuple[object, ...]) -> None:
    """What is not as `load` writes it was written by somebody else."""
    with pytest.raises(BadBundleError):
        from_document(latest(*parameters))


@guarantees("policy.parameters", "policy.closed_language")
def test_a_bundle_of_an_older_form_has_no_word_of_parameters() -> None:
    """Else a new document could call itself old."""
    with pytest.raises(BadBundleError):
        from_document({**latest(TIGHT), "format": 4})
    with pytest.raises(BadBundleError):
        from_document({**latest(form=4), "format": 5})


@guarantees("policy.parameters", "P2.signed_policy")
def test_what_rules_go_by_is_shown_and_signed_like_other_terms_of_a_write() -> None:
    """A looser price rule lets through what nobody agreed to, so it stands in `diff`, `explain` and what is signed."""
    old, new = from_document(latest()), from_document(latest(TIGHT))
    (line,) = [one for one in activate.diff(old, new, {WRITE.name: WRITE}).lines() if "otherwise" in one]
    assert "price_step_most_pct 20 (tight)" in line.partition("→")[2]
    assert "price_step_most_pct" not in line.partition("→")[0]
    assert write_terms(old) != write_terms(new)
    told = explain(new, "planner", WRITE, {})
    assert any("price_step_told_pct 0 (tight)" in one for one in told.lines())
    obligations = told.as_json()["obligations"]
    assert isinstance(obligations, dict)
    assert obligations["parameters"] == {"price_step_most_pct": 20, "price_step_told_pct": 0}


@guarantees("policy.parameters")
@pytest.mark.parametrize(
    ("parameters", "expected", "problem"),
    [
        (TIGHT, {"price_step_most_pct": 20, "price_step_told_pct": 0}, ""),
        (None, {"price_step_most_pct": 50, "price_step_told_pct": 10}, ""),
        ({**TIGHT, "values": {"price_step_most_pct": 80}}, {"price_step_most_pct": 80, "price_step_told_pct": 10}, ""),
        (TIGHT, {"price_step_most_pct": 50}, "expected price_step_most_pct 50, got 20"),
        (None, {"frozen_days": 2}, "expected frozen_days 2, got no such parameter"),
    ],
    ids=["said", "defaults", "looser than the default", "another one expected", "none of the tool"],
)
def test_a_case_proves_what_rules_go_by(
    parameters: object, expected: dict[str, int], problem: str, tmp_path: Path
) -> None:
    """Defaults included: a case holds on to a number although the policy does not say it."""
    checked = check(saved(tmp_path / "policies", [parameters] if parameters else None, expected), KNOWN)
    assert [one.problem for one in checked.problems] == (["failed_case"] if problem else [])
    assert all(problem in one.reason for one in checked.problems)
    if checked.loaded is not None and parameters:
        assert settings(checked.loaded.bundle).items() <= expected.items()


@guarantees("policy.parameters", "policy.closed_language")
@pytest.mark.parametrize(
    ("changed", "problems"),
    [
        ({"values": {"price_step_most_pct": 1}}, []),
        ({"values": {"price_step_most_pct": 0}}, ["out_of_range"]),
        ({"values": {"price_step_most_pct": 100, "price_step_told_pct": 100}}, []),
        ({"values": {"price_step_most_pct": 101}}, ["out_of_range"]),
        ({"values": {"price_off_source_pct": 5}}, ["unknown_parameter"]),
        ({"tools": ["get_stock"]}, ["not_a_write", "unknown_parameter", "unknown_parameter"]),
        ({"tools": [GRAVE.name], "values": {"price_step_most_pct": 20}}, ["unknown_parameter", "unreachable_rule"]),
        ({"tools": ["nothing"]}, ["unknown_tool"]),
    ],
)
def test_only_what_the_operation_of_a_tool_declares_is_said_within_its_bounds(
    changed: dict[str, object], problems: list[str], tmp_path: Path
) -> None:
    """A misspelt name would leave the default in force, and nobody would notice."""
    checked = check(saved(tmp_path / "policies", [{**TIGHT, **changed}]), KNOWN)
    assert sorted(one.problem for one in checked.problems) == problems


@guarantees("policy.parameters")
def test_defaults_are_what_they_were_and_lie_within_their_bounds() -> None:
    """Ten and fifty per cent from one price to the next, five from the source's."""
    assert {one.name: one.default for one in declared("purchase_order_line.create").values()} == {
        "price_off_source_pct": 5
    }
    assert declared("purchase_order_line.change") == declared("purchase_order_line.create")
    assert (PRICE_STEP_TOLD.default, PRICE_STEP_MOST.default) == (10, 50)
    for one in (*declared("purchase_order_line.create").values(), PRICE_STEP_TOLD, PRICE_STEP_MOST):
        assert 0 <= one.least <= one.default <= one.most
    assert declared("sales_order_line.update_price") == declared("supply_source.update_price")
    assert declared(TOOLS["get_stock"].command) == {}
