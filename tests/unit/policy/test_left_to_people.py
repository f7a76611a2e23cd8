"""What policy leaves to people of the rules that nothing here can look at: each by name, sealed, and shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.left_to_people import unseen
from erp_mcp.errors import BadBundleError
from erp_mcp.policy import activate
from erp_mcp.policy.bundle import Bundle, canonical, digest_of, from_document, from_json, write_terms
from erp_mcp.policy.decide import decide, decide_role
from erp_mcp.policy.explain import explain
from erp_mcp.policy.left_to_people import refusing
from erp_mcp.policy.load import check
from tests.guarantees import guarantees
from tests.unit.policy.plant import ACCEPTED, GRAVE, KNOWN, TOOLS, WRITE, document, planner, rule
from tests.unit.policy.test_parameters import latest, saved

ORDERS = replace(GRAVE, command="purchase_order_line.create")
CODES = ["R-BUDGET", "R-SANCTIONS", "R-TERMS"]
PEOPLE: dict[str, JsonValue] = {"groups": {}, "deputies": [], "separations": [], "quota": None, "taint_s": None}


def made(*rules: dict[str, JsonValue], form: int = 5) -> dict[str, JsonValue]:
    """Return a bundle document in which a planner may order, by these rules."""
    plain = document(*rules, writes=(ORDERS,))
    return {**plain, "format": form, "people": PEOPLE, **({"parameters": []} if form > 4 else {})}


def granting(name: str = "grant", *codes: str, **terms: JsonValue) -> dict[str, JsonValue]:
    """Return a rule that grants it and leaves these codes to people."""
    left: dict[str, JsonValue] = {"left_to_people": [*codes]} if codes else {}
    return {**rule(name, ORDERS.name, evidence=ACCEPTED), **left, **terms}


def left(bundle: Bundle) -> tuple[str, ...]:
    """Return what people look at when a planner orders."""
    obligations = decide_role(bundle, "planner", ORDERS, {}).obligations
    assert obligations is not None
    return obligations.left_to_people


@guarantees("rules.left_to_people")
def test_nothing_is_left_to_people_but_what_the_granting_rule_names() -> None:
    """Without the key: nothing; with a site named in the call: the same."""
    assert left(from_document(made(granting()))) == ()
    said = from_document(made(granting("grant", *CODES)))
    assert left(said) == tuple(CODES)
    assert left(from_json(said.text, said.digest)) == tuple(CODES)
    narrowed = decide(said, planner(), ORDERS, {"site": "1000"}).obligations
    assert narrowed is not None
    assert narrowed.left_to_people == tuple(CODES)


@guarantees("rules.left_to_people")
def test_of_several_rules_that_grant_a_write_the_strictest_counts() -> None:
    """One per site: whoever decides is not asked to know which of them let it through."""
    here, there = granting("here", *CODES, sites=["1000"]), granting("there", "R-TERMS", "R-BUDGET", sites=["2000"])
    assert left(from_document(made(here, there))) == ("R-BUDGET", "R-TERMS")
    assert left(from_document(made(here, granting("there", sites=["2000"])))) == ()


@guarantees("rules.left_to_people", "policy.closed_language")
@pytest.mark.parametrize(
    "wrong",
    [
        granting("grant", "*"),
        granting("grant", "sanctions"),
        granting("grant", "R-TERMS", "R-TERMS"),
        {**granting(), "left_to_people": []},
        {**granting(), "left_to_people": None},
        {**granting(), "left_to_people": "R-TERMS"},
        {**rule("reads", "get_stock"), "left_to_people": ["R-TERMS"]},
    ],
    ids=["all", "no code", "twice", "none", "null", "text", "a read"],
)
def test_a_bundle_that_leaves_it_in_another_form_opens_nothing(wrong: dict[str, JsonValue]) -> None:
    """What is not as `load` writes it was written by somebody else."""
    with pytest.raises(BadBundleError):
        from_document(made(wrong) if wrong["id"] == "grant" else made(granting(), wrong))


@guarantees("rules.left_to_people", "policy.closed_language")
def test_a_bundle_without_it_is_what_it_was_and_an_older_form_has_no_word_of_it() -> None:
    """An applied policy keeps its digest; none that calls itself old leaves anything to people."""
    plain = made(granting())
    assert from_document(plain).digest == digest_of(canonical(plain))
    assert "left_to_people" not in from_document(plain).text
    assert "left_to_people" not in write_terms(from_document(plain))
    assert left(from_document(made(granting(), form=4))) == ()
    with pytest.raises(BadBundleError):
        from_document(made(granting("grant", "R-TERMS"), form=4))


@guarantees("rules.left_to_people", "P2.signed_policy")
def test_what_is_left_to_people_is_shown_and_signed_like_other_terms_of_a_write() -> None:
    """Whoever applies it sees it come and go."""
    old, new = from_document(made(granting())), from_document(made(granting("grant", *CODES)))
    tools = {ORDERS.name: ORDERS}
    (line,) = [one for one in activate.diff(old, new, tools).lines() if "otherwise" in one]
    assert "left to people R-BUDGET, R-SANCTIONS, R-TERMS" in line.partition("→")[2]
    assert "left to people" not in line.partition("→")[0]
    assert write_terms(old) != write_terms(new)

    told = explain(new, "planner", ORDERS, {})
    assert any("left to people R-BUDGET" in one for one in told.lines())
    assert not any("left to nobody" in one for one in told.lines())
    assert told.as_json()["left_to_nobody"] == []
    silent = explain(old, "planner", ORDERS, {})
    assert any(f"refused: {', '.join(CODES)}" in one for one in silent.lines())
    assert silent.as_json()["left_to_nobody"] == CODES
    assert explain(old, "planner", TOOLS["get_stock"], {}).as_json()["left_to_nobody"] == []


@guarantees("rules.left_to_people", "cli.teaches")
def test_each_write_that_refuses_by_itself_is_named_with_the_line_to_add() -> None:
    """The line holds what is left already; what comes into it only at times is told apart."""
    (one,) = refusing(from_document(made(granting("grant", "R-TERMS"))), [ORDERS])
    assert (one.role, one.tool, one.rules, one.missing) == (
        "planner", ORDERS.name, ("grant",), ("R-BUDGET", "R-SANCTIONS"),
    )  # fmt: skip
    assert one.line == "left_to_people: [R-BUDGET, R-SANCTIONS, R-TERMS]"
    assert one.always
    assert "refuses each proposal" in str(one)
    assert one.line in str(one)
    assert refusing(from_document(made(granting("grant", *CODES))), [ORDERS]) == []
    stock = replace(ORDERS, command="reservation.create")
    (rare,) = refusing(from_document(made(granting())), [stock])
    assert (rare.missing, rare.always) == (("R-SAFETY",), False)
    assert "refuses some proposals" in str(rare)


def written(folder: Path, value: object) -> Path:
    """Return a policy folder whose grant leaves this to people."""
    saved(folder, None)
    base = json.loads((folder / "base.yaml").read_text(encoding="utf-8"))
    base["rules"][-1] |= {"left_to_people": value} if value is not None else {}
    (folder / "base.yaml").write_text(json.dumps(base), encoding="utf-8")
    return folder


@guarantees("rules.left_to_people", "policy.closed_language")
@pytest.mark.parametrize(
    ("value", "problem", "told"),
    [
        (["R-CONTRACTS"], "bad_left_to_people", "did you mean R-CONTRACT?"),
        (["R-SANCTIONS"], "bad_left_to_people", "those there are: R-CONTRACT"),
        (["*"], "bad_name", ""),
        (["R-*"], "bad_name", ""),
        ([], "empty_list", ""),
    ],
)
def test_a_policy_file_names_each_rule_that_the_tool_has(
    value: object, problem: str, told: str, tmp_path: Path
) -> None:
    """A near name is suggested; nothing stands for all of them."""
    (found,) = check(written(tmp_path / "policies", value), KNOWN).problems
    assert found.problem == problem
    assert told in found.reason


@guarantees("rules.left_to_people", "cli.teaches")
def test_a_grant_that_leaves_a_rule_to_nobody_is_advised_and_not_refused(tmp_path: Path) -> None:
    """The advice has the line to add; with it there is none, and the bundle says it."""
    silent = check(written(tmp_path / "silent", None), KNOWN)
    (advice,) = silent.advice
    assert "`left_to_people: [R-CONTRACT]`" in advice.reason
    assert silent.loaded is not None

    said = check(written(tmp_path / "said", ["R-CONTRACT"]), KNOWN)
    assert (said.advice, said.problems) == ((), ())
    assert said.loaded is not None
    obligations = decide_role(said.loaded.bundle, "planner", WRITE, {}).obligations
    assert obligations is not None
    assert obligations.left_to_people == ("R-CONTRACT",) == tuple(unseen(WRITE.command))
    assert said.loaded.bundle.digest != silent.loaded.bundle.digest
    assert latest()["format"] == 5


def expecting(folder: Path, value: object, expected: object, expect: str = "allowed") -> Path:
    """Return a policy folder whose grant leaves this to people, and whose case expects that."""
    written(folder, value)
    cases = json.loads((folder / "tests" / "base.yaml").read_text(encoding="utf-8"))
    cases["cases"].append(
        {"name": "what people look at", "role": "planner" if expect == "allowed" else "buyer", "tool": WRITE.name,
         "expect": expect, "left_to_people": expected}
    )  # fmt: skip
    (folder / "tests" / "base.yaml").write_text(json.dumps(cases), encoding="utf-8")
    return folder


@guarantees("rules.left_to_people", "policy.closed_language")
@pytest.mark.parametrize(
    ("value", "expected", "told"),
    [
        (["R-CONTRACT"], ["R-CONTRACT"], ""),
        (["R-CONTRACT"], ["R-CONTRACT", "R-CONTRACT"], ""),
        (None, [], ""),
        (["R-CONTRACT"], [], "expected nothing to be left to people, got R-CONTRACT"),
        (None, ["R-CONTRACT"], "expected R-CONTRACT to be left to people, got nothing"),
    ],
    ids=["left", "said twice", "left to nobody", "left all the same", "not left"],
)
def test_a_case_says_which_rules_people_look_at_and_that_the_others_refuse(
    value: object, expected: object, told: str, tmp_path: Path
) -> None:
    """All of them, exactly; an empty list says that nobody looks, so that each proposal is refused."""
    problems = check(expecting(tmp_path / "policies", value, expected), KNOWN).problems

    assert [one.problem for one in problems] == (["failed_case"] if told else [])
    assert all(told in one.reason for one in problems)


@guarantees("rules.left_to_people", "policy.closed_language")
def test_where_a_call_is_denied_nothing_is_left_to_people(tmp_path: Path) -> None:
    """A case that expects otherwise does not hold."""
    checked = check(expecting(tmp_path / "policies", ["R-CONTRACT"], ["R-CONTRACT"], "denied"), KNOWN)
    (problem,) = checked.problems
    assert "got nothing" in problem.reason
    assert check(expecting(tmp_path / "none", ["R-CONTRACT"], [], "denied"), KNOWN).problems == ()


@guarantees("rules.left_to_people", "policy.closed_language")
@pytest.mark.parametrize(
    ("expected", "problem", "told"),
    [
        (["R-CONTRACTS"], "bad_left_to_people", "did you mean R-CONTRACT?"),
        (["R-CONTRACT", "R-SANCTIONS"], "bad_left_to_people", "those there are: R-CONTRACT"),
        (["contract"], "bad_name", ""),
        ("R-CONTRACT", "wrong_type", ""),
    ],
)
def test_a_case_names_only_rules_that_its_tool_has(expected: object, problem: str, told: str, tmp_path: Path) -> None:
    """Found by the place of the code in its file, before any case is run."""
    (found,) = check(expecting(tmp_path / "policies", ["R-CONTRACT"], expected), KNOWN).problems
    assert (found.problem, Path(found.file).name) == (problem, "base.yaml")
    assert told in found.reason
