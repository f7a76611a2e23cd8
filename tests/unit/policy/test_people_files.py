"""What files say of those who decide reaches the decision: bands, groups, deputies, escalation, limits by minutes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import cast

import pytest

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.decision import Band, BreakGlass, Deputy, Group, Limit, Terms
from erp_mcp.errors import BadBundleError
from erp_mcp.policy.bundle import Bundle, from_document, from_json, write_terms
from erp_mcp.policy.decide import decide
from erp_mcp.policy.explain import explain
from erp_mcp.policy.load import check, load
from tests.guarantees import guarantees
from tests.unit.policy.plant import KNOWN, WRITE, planner

GOOD = Path(__file__).parents[3] / "fixtures" / "policies" / "broken" / "_good"
GRANT = """
  - id: planner-writes
    effect: permit
    roles: [planner]
    tools: [propose_change_order]
    evidence: {accepted_by: dana, reason: there is no report yet}
"""
CASES = """
  - {name: writes, role: planner, tool: propose_change_order, expect: allowed, by: [planner-writes], approval: APPROVAL}
  - {name: reads no writes, role: buyer, tool: propose_change_order, expect: denied, not_by: [planner-writes]}
"""
WHOLE = """
groups:
  warehouse: [ann, bob]
  finance: [cid]
approvals:
  - id: changes
    tools: [propose_change_order]
    all_of: [warehouse]
    bands:
      currency: EUR
      steps:
        - {to: "1000"}
        - {to: "5000.50", needed: 2}
        - {all_of: [warehouse, finance], approvers: [dee], needed: 3}
    escalate: {after_min: 90, to: [eve]}
    expires_h: 8
    carry_out_min: 45
deputies:
  - {absent: ann, deputy: fay, first: "2026-03-16", last: "2026-03-20"}
people: {quota_per_hour: 12, taint_h: 4}
limits:
  - {id: fast, tools: [propose_change_order], measure: count, key: object, window_min: 15, max: "3"}
  - id: drift
    tools: [propose_change_order]
    measure: change_pct
    field: price
    key: supplier
    window_h: 24
    max: "10.5"
"""


def _folder(root: Path, text: str, approval: str = "{needed: 3}") -> Path:
    folder = root / "policies"
    shutil.copytree(GOOD, folder)
    base = folder / "base.yaml"
    base.write_text(base.read_text(encoding="utf-8") + GRANT + text, encoding="utf-8")
    (cases,) = (folder / "tests").glob("*.yaml")
    cases.write_text(cases.read_text(encoding="utf-8") + CASES.replace("APPROVAL", approval), encoding="utf-8")
    return folder


def _terms(bundle: Bundle) -> Terms:
    obligations = decide(bundle, planner(), WRITE, {}).obligations
    assert obligations is not None
    assert obligations.approval is not None
    return obligations.approval


def _loaded(root: Path, text: str = WHOLE, approval: str = "{needed: 3}") -> Bundle:
    bundle = load(_folder(root, text, approval), KNOWN).bundle
    agents: JsonValue = {"planner": {"role": "planner", "owner": "owner"}}
    document = {**cast("dict[str, JsonValue]", json.loads(bundle.text)), "agents": agents}
    return from_document(document)


@guarantees("P3.bands", "P3.groups", "P3.deputies", "P3.escalation")
def test_all_that_files_say_of_those_who_decide_is_in_the_terms_of_the_decision(tmp_path: Path) -> None:
    """Written out: who may decide in each band, with the members of its groups."""
    terms = _terms(_loaded(tmp_path))
    warehouse, finance = Group(name="warehouse", approvers=("ann", "bob")), Group(name="finance", approvers=("cid",))

    assert terms == Terms(
        rule="changes", approvers=("ann", "bob"), needed=1, self_approval=False, valid_s=8 * 3600,
        groups=(warehouse,), currency="EUR",
        bands=(
            Band(to="1000", needed=1, approvers=("ann", "bob"), groups=(warehouse,)),
            Band(to="5000.50", needed=2, approvers=("ann", "bob"), groups=(warehouse,)),
            Band(to="", needed=3, approvers=("ann", "bob", "cid", "dee"), groups=(warehouse, finance)),
        ),
        deputies=(Deputy(absent="ann", deputy="fay", first="2026-03-16", last="2026-03-20"),),
        escalates_s=5400, escalates_to=("eve",), carry_out_s=2700, quota=12, taint_s=4 * 3600,
    )  # fmt: skip


GLASS = """
groups:
  duty: [carl, dora]
approvals:
  - id: changes
    tools: [propose_change_order]
    approvers: [ann]
    break_glass: {people: [duty, eve], review_by: [olga, eve]REVIEW}
"""


@guarantees("P3.break_glass")
@pytest.mark.parametrize(("review", "hours"), [("", 24), (", review_within_h: 2", 2)])
def test_who_may_break_the_glass_is_in_the_terms_with_the_members_of_groups(
    review: str, hours: int, tmp_path: Path
) -> None:
    """Written out, and in words for whoever signs the policy."""
    bundle = _loaded(tmp_path, GLASS.replace("REVIEW", review), "{needed: 1}")

    assert _terms(bundle).break_glass == BreakGlass(
        people=("carl", "dora", "eve"), review_by=("eve", "olga"), review_s=hours * 3600
    )
    told = "\n".join(explain(bundle, "planner", WRITE, {}).lines())
    assert f"by break-glass any two of carl, dora, eve, reviewed by eve, olga within {hours} h" in told


@guarantees("P3.break_glass", "input.clear_errors")
@pytest.mark.parametrize(
    "words",
    [
        "people: [carl], review_by: [olga]",
        "people: [carl, carl], review_by: [olga]",
        "people: [one], review_by: [olga]",
        "people: [carl, dora], review_by: [dora, carl]",
        "people: [carl, dora], review_by: [one]",
    ],
)
def test_a_glass_that_nobody_could_break_or_review_is_refused(words: str, tmp_path: Path) -> None:
    """Two who are different break it, and somebody who may not break it looks at it afterwards."""
    text = GLASS.replace("people: [duty, eve], review_by: [olga, eve]REVIEW", words)
    text = text.replace("duty: [carl, dora]", "one: [carl]")
    problems = check(_folder(tmp_path, text, "{needed: 1}"), KNOWN).problems

    assert [one.problem for one in problems] == ["bad_break_glass"]


@guarantees("P3.break_glass", "P2.signed_policy")
def test_a_policy_without_a_glass_is_the_bundle_that_it_was_and_one_with_it_is_confirmed(tmp_path: Path) -> None:
    """An applied bundle keeps its digest; what newly lets somebody approve is newly allowed."""
    plain = GLASS.replace("    break_glass: {people: [duty, eve], review_by: [olga, eve]REVIEW}\n", "")
    before = _loaded(tmp_path / "before", plain, "{needed: 1}")
    after = _loaded(tmp_path / "after", GLASS.replace("REVIEW", ""), "{needed: 1}")

    assert "break_glass" not in before.text
    assert write_terms(before) != write_terms(after)


@guarantees("P3.break_glass", "policy.closed_language")
@pytest.mark.parametrize(
    ("expected", "right"),
    [("[carl, dora, eve]", True), ("[eve, dora, carl]", True), ("[carl, dora]", False), ("[duty, eve]", False)],
)
def test_a_case_expects_who_may_break_the_glass(expected: str, right: bool, tmp_path: Path) -> None:
    """By name, so that a group that grows is noticed; where there is none, nobody."""
    text = GLASS.replace("REVIEW", "")
    problems = check(_folder(tmp_path, text, f"{{break_glass: {expected}}}"), KNOWN).problems
    assert [one.problem for one in problems] == ([] if right else ["failed_case"])
    plain = text.replace("    break_glass: {people: [duty, eve], review_by: [olga, eve]}\n", "")
    for wanted, codes in (("[]", []), (expected, ["failed_case"])):
        found = check(_folder(tmp_path / wanted, plain, f"{{break_glass: {wanted}}}"), KNOWN).problems
        assert [one.problem for one in found] == codes


@guarantees("P3.break_glass", "policy.closed_language")
@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {},
        {"people": ["carl"], "review_by": ["olga"], "review_s": 3600},
        {"people": ["carl", "carl"], "review_by": ["olga"], "review_s": 3600},
        {"people": ["carl", "dora"], "review_by": [], "review_s": 3600},
        {"people": ["carl", "dora"], "review_by": ["dora"], "review_s": 3600},
        {"people": ["carl", "dora"], "review_by": ["olga"], "review_s": 0},
        {"people": ["carl", "dora"], "review_by": ["olga"], "review_s": 3600, "more": 1},
    ],
)
def test_a_stored_bundle_says_of_the_glass_what_could_be_loaded_or_does_not_open(
    wrong: JsonValue, tmp_path: Path
) -> None:
    """A bundle that somebody wrote by hand lets nobody in whom a file could not."""
    document = json.loads(_loaded(tmp_path, GLASS.replace("REVIEW", ""), "{needed: 1}").text)
    document["approvals"][0]["break_glass"] = wrong

    with pytest.raises(BadBundleError):
        from_document(document)


@guarantees("P4.limits")
def test_windows_by_minutes_keys_of_business_objects_and_relative_changes_reach_the_decision(tmp_path: Path) -> None:
    """No more than three revisions of one record in a quarter of an hour."""
    obligations = decide(_loaded(tmp_path), planner(), WRITE, {}).obligations
    assert obligations is not None

    assert obligations.limits == (
        Limit(id="fast", measure="count", key="object", maximum="3", window_s=900),
        Limit(id="drift", measure="change_pct", key="supplier", maximum="10.5", window_s=86_400, field="price"),
    )


@guarantees("P3.bands", "cli.teaches")
def test_an_explanation_says_every_band_and_condition_in_words(tmp_path: Path) -> None:
    """Whoever signs a policy reads what it asks."""
    text = "\n".join(explain(_loaded(tmp_path), "planner", WRITE, {}).lines())

    for words in (
        "up to 1000 EUR: any one of ann, bob, one of each of warehouse among them",
        "up to 5000.50 EUR: any 2 of ann, bob",
        "above that, and where no value is known: any 3 of ann, bob, cid, dee",
        "after 90 min eve too",
        "gone 45 min after the last yes",
        "no more than 12 yes of one person in an hour",
        "fay for ann from 2026-03-16 to 2026-03-20",
        "limit 3 proposals per object in 15 min (fast)",
        "limit 10.5 % of change of price per supplier in 24 h (drift)",
    ):
        assert words in text


@guarantees("P3.bands", "policy.closed_language")
@pytest.mark.parametrize(
    ("approval", "right"),
    [
        ('{needed: 1, value: "1000", currency: EUR, groups: [warehouse]}', True),
        ('{needed: 2, value: "1000.01"}', True),
        ('{needed: 1, value: "1000.01"}', False),
        ('{needed: 3, value: "5", currency: USD}', True),
        ("{needed: 3, groups: [warehouse, finance]}", True),
        ("{needed: 3, groups: [warehouse]}", False),
    ],
)
def test_a_case_expects_terms_for_a_value_and_without_one_the_strictest(
    approval: str, right: bool, tmp_path: Path
) -> None:
    """Bands are proved by cases as rules are."""
    problems = check(_folder(tmp_path, WHOLE, approval), KNOWN).problems

    assert [one.problem for one in problems] == ([] if right else ["failed_case"])


def _bands(*steps: JsonValue, currency: str = "EUR") -> dict[str, JsonValue]:
    return {"approvals": {"bands": {"currency": currency, "steps": list(steps)}}}


def _deputy(first: str, last: str, *, absent: str = "ann") -> dict[str, JsonValue]:
    return {"people": {"deputies": [{"absent": absent, "deputy": "fay", "first": first, "last": last}]}}


def _separation(*tools: str, key: str = "site", name: str = "apart") -> dict[str, JsonValue]:
    return {"people": {"separations": [{"id": name, "tools": list(tools), "key": key, "window_s": 86_400}]}}


_PARTS: dict[str, dict[str, JsonValue]] = {
    "a group that is not there": {"approvals": {"groups": ["board"]}},
    "a group twice": {"approvals": {"groups": ["warehouse", "warehouse"], "needed": 2}},
    "fewer than groups": {"approvals": {"groups": ["warehouse", "finance"], "approvers": None, "needed": 1}},
    "a member who may not decide": {"approvals": {"approvers": ["cid"], "needed": 1}},
    "nobody but named": {"approvals": {"needed": 0}},
    "one band": _bands({"to": None}),
    "no currency": _bands({"to": "1"}, {"to": None}, currency="euro"),
    "no last band": _bands({"to": "1"}, {"to": "2"}),
    "no rise": _bands({"to": "2"}, {"to": "2"}, {"to": None}),
    "fewer people for more": _bands({"to": "2", "needed": 2}, {"to": None}),
    "a group less for more": _bands({"to": "2"}, {"to": None, "groups": []}),
    "nobody in a band": _bands({"to": "2", "needed": 0}, {"to": None}),
    "escalated too late": {"approvals": {"escalation": {"after_s": 28_800, "to": ["eve"]}}},
    "escalated to nobody": {"approvals": {"escalation": {"after_s": 60, "to": []}}},
    "carried out after it is gone": {"approvals": {"carry_out_s": 28_801}},
    "no such day": _deputy("2026-02-30", "2026-03-01"),
    "the other way": _deputy("2026-03-02", "2026-03-01"),
    "their own": _deputy("2026-03-02", "2026-03-02", absent="fay"),
    "no quota": {"people": {"quota": 0}},
    "taint for ever": {"people": {"taint_s": 10**9}},
    "one duty": _separation("a"),
    "another thing": _separation("a", "b", key="agent"),
    "an id twice": _separation("a", "b", name="fast"),
    "an unknown word": {"people": {"holiday": True}},
    "no field": {"limits": {"measure": "change_pct"}},
    "a field of a count": {"limits": {"field": "price"}},
    "a field of no form": {"limits": {"measure": "change_pct", "field": "Price"}},
    "seconds": {"limits": {"window_s": 59}},
}


@guarantees("P1.default_deny", "P3.bands")
@pytest.mark.parametrize("changed", _PARTS.values(), ids=list(_PARTS))
def test_a_bundle_that_says_of_people_what_files_can_not_say_is_refused(
    changed: dict[str, JsonValue], tmp_path: Path
) -> None:
    """What is signed must mean one thing, and all of it must be enforced."""
    document = cast("dict[str, JsonValue]", json.loads(_loaded(tmp_path).text))
    assert from_document(document).writes == {WRITE.name}
    band: dict[str, JsonValue] = {"needed": 1, "approvers": ["ann", "bob"], "groups": ["warehouse"]}
    for part, values in changed.items():
        assert isinstance(values, dict)
        bands = values.get("bands")
        if isinstance(bands, dict):
            bands["steps"] = [
                cast("JsonValue", {**band, **step}) for step in cast("list[dict[str, JsonValue]]", bands["steps"])
            ]
        there = document[part]
        if isinstance(there, list):
            first, *others = cast("list[dict[str, JsonValue]]", there)
            document[part] = [{**first, **values}, *others]
        else:
            document[part] = {**cast("dict[str, JsonValue]", there), **values}

    with pytest.raises(BadBundleError):
        from_document(document)


@guarantees("P2.signed_policy")
def test_every_word_about_people_is_part_of_what_an_approver_signs(tmp_path: Path) -> None:
    """A deputy, a quota or a band that changes is shown, asked about and signed."""
    text = _loaded(tmp_path).text
    before = write_terms(from_json(text))
    for old, new in (
        ('"first":"2026-03-16"', '"first":"2026-03-17"'),
        ('"quota":12', '"quota":13'),
        ('"taint_s":14400', '"taint_s":18000'),
        ('"to":"1000"', '"to":"1001"'),
        ('"after_s":5400', '"after_s":5401'),
        ('"carry_out_s":2700', '"carry_out_s":2701'),
        ('"field":"price"', '"field":"qty"'),
        ('"finance":["cid"]', '"finance":["dee"]'),
    ):
        assert old in text
        assert write_terms(from_json(text.replace(old, new))) != before
