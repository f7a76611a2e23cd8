"""What applying changes is worked out by deciding, and an explanation says what the decision said."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from erp_mcp.domain.call import JsonValue
from erp_mcp.policy.activate import diff
from erp_mcp.policy.bundle import Bundle, from_document
from erp_mcp.policy.decide import decide
from erp_mcp.policy.explain import explain
from tests.guarantees import guarantees
from tests.unit.policy.plant import TOOLS, document, planner, role, rule

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
