"""What applying changes is worked out by deciding, and an explanation says what the decision said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erp_mcp.domain.call import JsonValue
from erp_mcp.policy.activate import diff
from erp_mcp.policy.bundle import Bundle, from_document
from erp_mcp.policy.decide import decide
from erp_mcp.policy.explain import explain
from tests.guarantees import guarantees
from tests.unit.policy.plant import (
    ACCEPTED,
    STATUS,
    TOOLS,
    WRITE,
    approval,
    document,
    granted,
    limit,
    planner,
    role,
    rule,
)

READS = rule("reads", "list_sales_orders", "get_stock")
MASK: dict[str, JsonValue] = {"id": "m", "field": "sales_order.net_value", "way": "drop", "edges": []}


def _pairs(bundle: Bundle | None, roles: tuple[str, ...]) -> set[tuple[str, str]]:
    if bundle is None:
        return set()
    return {
        (name, tool.name)
        for name in roles
        for tool in TOOLS.values()
        if decide(bundle, planner(name), tool, {}).allowed
    }


@guarantees("policy.apply")
def test_the_first_policy_shows_everything_that_becomes_allowed() -> None:
    """Before the first apply nothing is allowed."""
    difference = diff(None, from_document(document(READS)), TOOLS)

    assert [(one.role, one.subject) for one in difference.newly_allowed] == [
        ("planner", "list_sales_orders"),
        ("planner", "get_stock"),
    ]
    assert difference.limits == difference.masks == difference.rules == ()
    assert next(difference.lines()) == "+ planner may now call list_sales_orders, get_stock"


@guarantees("policy.apply")
def test_the_same_policy_changes_nothing() -> None:
    """Applying twice is no act."""
    bundle = from_document(document(READS))

    assert diff(bundle, bundle, TOOLS).empty
    assert diff(_writing(), _writing(), WRITING).empty
    assert diff(bundle, bundle, WRITING).empty
    assert list(diff(bundle, bundle, TOOLS).lines()) == []


@guarantees("policy.apply", "P8.masks", "P1.scope")
def test_masks_limits_sites_and_agents_are_told_apart() -> None:
    """An admin must see that a mask is gone even where no tool is newly allowed."""
    old = from_document(document(READS, roles={"planner": role(sites=["1000"], masks=[MASK], max_rows=50)}))
    new = from_document(document(READS, roles={"planner": role(sites=["1000", "2000"]), "buyer": role()}))

    difference = diff(old, new, TOOLS)

    assert difference.newly_allowed == difference.newly_denied == difference.narrower == ()
    assert [(one.subject, one.before, one.after) for one in difference.wider] == [
        ("list_sales_orders", "sites 1000", "sites 1000, 2000"),
        ("get_stock", "sites 1000", "sites 1000, 2000"),
    ]
    assert [(one.subject, one.before, one.after) for one in difference.masks] == [
        ("sales_order.net_value", "drop", "none")
    ]
    assert [(one.subject, one.before, one.after) for one in difference.limits] == [("rows", "50", "200")]
    assert [one.subject for one in difference.agents] == ["buyer"]


_rules = st.lists(
    st.tuples(
        st.sampled_from(("permit", "forbid")),
        st.sets(st.sampled_from(("planner", "buyer")), min_size=1),
        st.sets(st.sampled_from(sorted(TOOLS)), min_size=1, max_size=3),
    ),
    max_size=5,
)


@guarantees("policy.apply")
@settings(max_examples=150, deadline=None)
@given(old=st.none() | _rules, new=_rules)
def test_the_difference_equals_asking_for_every_role_and_tool(
    old: list[tuple[str, set[str], set[str]]] | None, new: list[tuple[str, set[str], set[str]]]
) -> None:
    """What is shown at apply is all there is."""

    def bundle(rules: list[tuple[str, set[str], set[str]]]) -> Bundle:
        made = [
            rule(f"r{number}", *sorted(tools), roles=tuple(sorted(roles)), effect=effect)
            for number, (effect, roles, tools) in enumerate(rules)
        ]
        return from_document(document(*made, roles={"planner": role(), "buyer": role()}))

    before, after = None if old is None else bundle(old), bundle(new)
    had, has = (_pairs(one, ("planner", "buyer")) for one in (before, after))

    difference = diff(before, after, TOOLS)

    assert {(one.role, one.subject) for one in difference.newly_allowed} == has - had
    assert {(one.role, one.subject) for one in difference.newly_denied} == had - has


@guarantees("P1.default_deny", "cli.teaches")
def test_an_explanation_names_the_rules_that_applied_and_why_others_did_not() -> None:
    """An admin who is asked `why not` finds the answer in the rules."""
    other = rule("buys", "list_purchase_orders", roles=("buyer",))
    bundle = from_document(document(READS, other, roles={"planner": role(masks=[MASK]), "buyer": role()}))

    allowed = explain(bundle, "planner", TOOLS["get_stock"], {"site": "1000"})
    denied = explain(bundle, "planner", TOOLS["list_purchase_orders"], {})

    assert allowed.decision == decide(bundle, planner(), TOOLS["get_stock"], {"site": "1000"})
    assert [(note.rule, note.applied) for note in allowed.notes] == [("reads", True)]
    assert [(note.rule, note.applied) for note in denied.notes] == [("reads", False), ("buys", False)]
    assert denied.as_json()["reasons"] == ["default_deny"]
    assert all("sales_order.net_value" not in line for line in allowed.lines())


@guarantees("P8.masks", "cli.teaches")
def test_an_explanation_shows_the_masks_that_matter_for_the_tool() -> None:
    """A list of masks on fields that the tool never touches would hide the ones it does."""
    masks: list[JsonValue] = [MASK, {**MASK, "id": "line", "field": "sales_order_line.net_value"}]
    bundle = from_document(document(READS, roles={"planner": role(masks=masks)}))

    explained = explain(bundle, "planner", TOOLS["get_stock"], {})

    assert [mask.rule for mask in explained.masks] == ["line"]
    assert any("sales_order_line.net_value" in line for line in explained.lines())


# --- writes -----------------------------------------------------------------------------------------------------------

GRANT = rule("grant", WRITE.name, evidence=ACCEPTED)
WRITING = {**TOOLS, WRITE.name: WRITE, STATUS.name: STATUS}


def _writing(**changed: JsonValue) -> Bundle:
    terms = approval("two", WRITE.name, approvers=["ann", "bob"], needed=2)
    base = document(READS, GRANT, writes=(WRITE,), approvals=(terms,), limits=(limit("many", WRITE.name),))
    return from_document({**base, **changed})


@guarantees("policy.apply", "P2.one_at_a_time", "P2.evidence")
def test_a_newly_allowed_write_is_shown_first_with_its_terms_and_its_evidence() -> None:
    """Whoever applies a policy must see who may write with what, who approves, how much, and why."""
    difference = diff(from_document(document(READS)), _writing(), WRITING)

    assert [(one.role, one.subject, one.before) for one in difference.newly_writable] == [
        ("planner", WRITE.name, "denied")
    ]
    assert [one.subject for one in difference.newly_allowed] == [STATUS.name]
    first = next(difference.lines())
    assert first.startswith(f"+ planner may now PROPOSE {WRITE.name}; approval by any 2 of ann, bob, never the agent's")
    assert "limit 20 proposals per agent in 24 h (many)" in first
    assert "by planner (for owner)" in first
    assert "evidence of grant: accepted by dana without a report: a small plant" in first
    assert diff(None, _writing(), WRITING).newly_writable == difference.newly_writable


@guarantees("policy.apply", "P2.evidence")
@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"approvals": []}, "approval by any one of enrolled approvers, never the agent's owner, within 4 h"),
        ({"approvals": [approval("one", WRITE.name, approvers=["ann"], self_approval=True)]}, "ann, the agent's owner"),
        ({"limits": []}, "no limit"),
        (
            {"limits": [limit("m", WRITE.name, measure="value", maximum="1500.50", currency="EUR", key="material")]},
            "limit 1500.50 EUR per material in 24 h (m)",
        ),
        ({"rules": [{**GRANT, "evidence": {"report": "ab" * 32}}]}, "evidence of grant: report abababababab…"),
        ({"rules": [{**GRANT, "sites": ["1000"]}]}, "at sites 1000"),
        ({"agents": {name: {"owner": "eve", "role": "planner"} for name in ("a", "b")}}, "by a (for eve), b (for eve)"),
        ({"agents": {}}, "by no agent yet"),
    ],
)
def test_whatever_changes_about_a_write_that_stays_is_shown(changed: dict[str, JsonValue], told: str) -> None:
    """More agents or fewer approvers for a write that was allowed already are news as well."""
    difference = diff(_writing(), _writing(**changed), WRITING)

    assert difference.newly_writable == ()
    assert [one.subject for one in difference.writes] == [WRITE.name]
    assert told not in difference.writes[0].before
    assert told in difference.writes[0].after
    assert next(difference.lines()).startswith(f"~ planner may PROPOSE {WRITE.name} otherwise: ")
    assert not difference.empty


EDITED = replace(WRITE, hash="ed17" * 16)
NOW: dict[str, JsonValue] = {"writes": {WRITE.name: granted(EDITED)}}


@guarantees("policy.apply", "P2.granted_definition")
def test_a_write_whose_definition_changed_is_shown_with_both_and_all_its_terms() -> None:
    """Whoever signs for it again must see that it is not what was signed, and for what."""
    tools = {**WRITING, WRITE.name: EDITED}
    difference = diff(_writing(), _writing(**NOW), tools)

    (change,) = difference.redefined
    assert (change.role, change.subject, change.before) == ("planner", WRITE.name, f"{WRITE.hash[:12]}…")
    assert change.after.startswith("ed17ed17ed17…; approval by any 2 of ann, bob")
    assert "evidence of grant: accepted by dana" in change.after
    assert difference.newly_writable == difference.writes == difference.newly_denied == ()
    (line,) = difference.lines()
    assert line.startswith(f"+ planner may PROPOSE {WRITE.name} again; definition of {WRITE.name} changed since")
    assert not difference.empty


@guarantees("policy.apply", "P2.granted_definition")
def test_terms_that_change_with_a_definition_are_shown_beside_it() -> None:
    """Neither hides the other; a class of risk is part of what the tool is."""
    changed = _writing(writes={WRITE.name: granted(EDITED, risk="W1")}, limits=[])
    difference = diff(_writing(), changed, {**WRITING, WRITE.name: replace(EDITED, risk="W1")})

    assert [one.subject for one in difference.redefined] == [one.subject for one in difference.writes] == [WRITE.name]
    assert "no limit" in difference.writes[0].after


@guarantees("policy.apply", "P2.granted_definition")
def test_what_was_not_granted_before_or_is_not_granted_any_more_is_not_called_changed() -> None:
    """A new write is new, and a forbidden one is gone, whatever its definition was."""
    forbid = rule("no", WRITE.name, effect="forbid")

    tools = {**WRITING, WRITE.name: EDITED}
    gone = _writing(**NOW, rules=[GRANT, forbid], approvals=[], limits=[])

    for before, after in ((None, _writing(**NOW)), (from_document(document(READS)), _writing(**NOW))):
        difference = diff(before, after, tools)
        assert (difference.redefined, [one.subject for one in difference.newly_writable]) == ((), [WRITE.name])
    difference = diff(_writing(), gone, tools)
    assert difference.redefined == ()
    assert WRITE.name in {one.subject for one in difference.newly_denied}


@guarantees("cli.teaches", "P2.granted_definition")
def test_an_explanation_names_the_tool_that_changed_and_what_to_do() -> None:
    """`write` alone would send an administrator looking for a rule that is there."""
    denied = explain(_writing(), "planner", EDITED, {})
    text = "\n".join(denied.lines())

    assert denied.decision.reasons == ("write",)
    assert "the tool is not what was granted" in text
    assert f"definition of {WRITE.name} changed since it was granted ({WRITE.hash[:12]}… → ed17ed17ed17…)" in text
    assert "`erp-mcp policy apply`" in text
    assert denied.as_json()["redefined"] == denied.redefined
    assert explain(_writing(), "planner", WRITE, {}).redefined == ""
    nothing = explain(from_document(document(rule("plain", WRITE.name))), "planner", WRITE, {})
    assert (nothing.decision.reasons, nothing.redefined) == (("write",), "")


@guarantees("policy.apply")
def test_a_write_that_is_taken_away_is_shown_with_the_tools_that_go_with_it() -> None:
    """The look at one's own proposals goes with the last write."""
    difference = diff(_writing(), from_document(document(READS)), WRITING)

    assert {one.subject for one in difference.newly_denied} == {WRITE.name, STATUS.name}
    assert difference.newly_writable == difference.writes == ()


@guarantees("cli.teaches", "P2.evidence")
def test_an_explanation_of_a_write_tells_its_approvers_its_limits_and_its_evidence() -> None:
    """An admin who is asked who allowed this finds the name."""
    explained = explain(_writing(), "planner", WRITE, {})
    text, told = "\n".join(explained.lines()), explained.as_json()

    assert "approval by any 2 of ann, bob" in text
    assert "limit 20 proposals per agent in 24 h (many)" in text
    assert "accepted by dana without a report: a small plant" in text
    assert told["evidence"] == [{"rule": "grant", **ACCEPTED}]
    terms = told["obligations"]
    assert isinstance(terms, dict)
    assert terms["approval"] == {
        "id": "two", "approvers": ["ann", "bob"], "needed": 2, "self_approval": "none", "valid_s": 14_400,
        "all_of": [], "bands": [], "escalation": None, "carry_out_s": None, "outage_s": None,
        "quota_per_hour": None, "taint_s": None,
        "deputies": [], "separations": [], "break_glass": None,
    }  # fmt: skip
    assert terms["limits"] == [
        {
            "id": "many", "measure": "count", "key": "agent", "window_s": 86_400, "max": "20", "currency": None,
            "field": None,
        }
    ]  # fmt: skip
    read = explain(_writing(), "planner", TOOLS["get_stock"], {})
    assert "approval" not in "\n".join(read.lines())
    assert read.evidence == ()


@guarantees("cli.teaches")
def test_an_explanation_says_why_a_tool_for_own_proposals_is_there_or_not() -> None:
    """No rule names it, so the rules alone don't explain it."""
    there = explain(_writing(), "planner", STATUS, {})
    absent = explain(from_document(document(READS)), "planner", STATUS, {})

    assert there.decision.allowed
    assert [(note.rule, note.applied) for note in there.notes] == [("grant", True), ("reads", False)]
    assert WRITE.name in there.status
    assert not absent.decision.allowed
    assert absent.status in "\n".join(absent.lines())
    assert "no rule lets this role propose anything" in absent.status
