"""Decisions: default deny, forbid wins, sites narrow, and the compiled table agrees with reading rule by rule."""

from __future__ import annotations

import dataclasses
from typing import TypedDict, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erp_mcp.domain.call import ArgumentValue, JsonValue
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.tool import Tool
from erp_mcp.errors import NotAllowedError
from erp_mcp.policy.bundle import Bundle, from_document
from erp_mcp.policy.decide import decide, identify, visible
from tests.guarantees import guarantees
from tests.unit.policy.plant import TOOLS, WRITE, argument, document, planner, role, rule

LIST, WIP = TOOLS["list_sales_orders"], TOOLS["list_wip_jobs"]
READS = rule("reads", "list_sales_orders", "list_wip_jobs")


@guarantees("P1.default_deny")
def test_a_call_without_a_permit_is_refused() -> None:
    """No rule, no access: nothing is allowed by being forgotten."""
    decision = decide(from_document(document(READS)), planner(), TOOLS["get_stock"], {})

    assert (decision.allowed, decision.reasons, decision.obligations) == (False, ("default_deny",), None)


@guarantees("P1.default_deny")
def test_a_forbid_wins_over_every_permit() -> None:
    """The order of rules does not matter, so nobody can add a permit behind a forbid."""
    forbid = rule("no", "list_wip_jobs", effect="forbid")

    for rules in ((READS, forbid), (forbid, READS)):
        decision = decide(from_document(document(*rules)), planner(), WIP, {})
        assert (decision.allowed, decision.reasons, decision.rules) == (False, ("forbid",), ("no",))


@guarantees("P1.default_deny")
def test_forbids_alone_permit_nothing() -> None:
    """A forbid at one site does not imply a permit at the others."""
    at_site = rule("no", "list_wip_jobs", effect="forbid", sites=["1000"])
    shadow = rule("try", "list_wip_jobs", effect="forbid", shadow=True)

    for forbid in (at_site, shadow):
        assert decide(from_document(document(forbid)), planner(), WIP, {}).reasons == ("default_deny",)


@guarantees("P1.scope")
def test_several_site_arguments_narrow_together() -> None:
    """From site and to site: rows of both or none."""
    two = dataclasses.replace(LIST, arguments=(*LIST.arguments, argument("to_site", is_site=True)))

    decision = decide(from_document(document(READS)), planner(), two, {"site": ("1000", "2000"), "to_site": "2000"})
    apart = decide(from_document(document(READS)), planner(), two, {"site": "1000", "to_site": "2000"})

    assert decision.obligations is not None
    assert decision.obligations.sites == ("2000",)
    assert apart.obligations is not None
    assert apart.obligations.sites == ()


@guarantees("P1.default_deny")
def test_a_shadow_forbid_is_recorded_and_forbids_nothing() -> None:
    """A new rule is tried out on real calls before it counts."""
    shadow = rule("try", "list_wip_jobs", effect="forbid", shadow=True)

    decision = decide(from_document(document(READS, shadow)), planner(), WIP, {})

    assert (decision.allowed, decision.reasons, decision.rules) == (True, ("shadow",), ("reads", "try"))


@guarantees("P1.default_deny")
@pytest.mark.parametrize(
    "principal",
    [
        Principal(agent="nobody", owner="owner", role="planner"),
        Principal(agent="planner", owner="somebody", role="planner"),
        Principal(agent="planner", owner="owner", role="buyer"),
    ],
)
def test_an_agent_must_be_exactly_as_declared(principal: Principal) -> None:
    """Owner and role are the policy's word, never the caller's."""
    bundle = from_document(document(READS, roles={"planner": role(), "buyer": role()}))

    assert decide(bundle, principal, LIST, {}).reasons == ("unknown_agent",)
    assert visible(bundle, principal, TOOLS.values()) == []


@guarantees("P1.default_deny")
def test_identify_gives_the_declared_principal_and_refuses_strangers() -> None:
    """An agent that the deployment does not list gets no session."""
    bundle = from_document(document(READS))

    assert identify(bundle, "planner") == planner()
    with pytest.raises(NotAllowedError) as refusal:
        identify(bundle, "root")
    assert refusal.value.code == "policy.not_allowed"


@guarantees("P8.masks", "P1.hidden_is_missing")
def test_a_tool_that_chooses_its_rows_by_a_masked_field_does_not_exist() -> None:
    """Which rows come would tell of the field, however well it is hidden in them."""
    choosing = dataclasses.replace(LIST, conditions=("sales_order_line.order_state",))
    mask: JsonValue = {"id": "state", "field": "sales_order_line.order_state", "way": "drop", "edges": []}
    other: JsonValue = {"id": "value", "field": "sales_order_line.net_value", "way": "drop", "edges": []}
    bundle = from_document(document(READS, roles={"planner": role(masks=[mask, other])}))

    decision = decide(bundle, planner(), choosing, {})

    assert (decision.allowed, decision.reasons, decision.rules) == (False, ("mask",), ("state",))
    assert visible(bundle, planner(), [choosing, WIP]) == [WIP]


@guarantees("P8.masks")
@pytest.mark.parametrize(
    ("masked", "broken"),
    [
        ({"lot.lot_id": "drop"}, ("lot.lot_id",)),
        ({"stock.lot_id": "drop", "lot.lot_id": "hash"}, ("stock.lot_id", "lot.lot_id")),
        ({"lot.lot_id": "hash"}, ("lot.lot_id",)),
        ({"lot.lot_id": "hash", "stock.lot_id": "hash"}, ()),
        ({"lot.lot_id": "hash", "stock.lot_id": "hash", "reservation.lot_id": "hash"}, ("reservation.lot_id",)),
        ({"lot.site": "drop"}, ()),
    ],
)
def test_a_tool_whose_rows_are_linked_by_a_masked_id_exists_only_where_tokens_say_as_much(
    masked: dict[str, str], broken: tuple[str, ...]
) -> None:
    """Equal tokens show which ids are equal; where one side of a link is in the clear, or empty, the rows would."""
    linked = dataclasses.replace(LIST, links=(("lot.lot_id", "stock.lot_id"), ("reservation.lot_id", "stock.uom")))
    masks: list[JsonValue] = [{"id": field, "field": field, "way": way, "edges": []} for field, way in masked.items()]
    bundle = from_document(document(READS, roles={"planner": role(masks=masks)}))

    decision = decide(bundle, planner(), linked, {})

    assert (decision.allowed, decision.rules) == ((False, broken) if broken else (True, decision.rules))


@guarantees("P6.planning_side")
def test_a_tool_below_the_boundary_is_refused() -> None:
    """The level is judged before any rule."""
    deep = dataclasses.replace(LIST, level=2)
    only_erp = document(READS) | {"levels": [4]}

    assert decide(from_document(document(READS)), planner(), deep, {}).reasons == ("level",)
    assert decide(from_document(only_erp), planner(), WIP, {}).reasons == ("level",)
    assert decide(from_document(only_erp), planner(), LIST, {}).allowed


@guarantees("P1.hidden_is_missing")
def test_only_what_may_be_called_is_visible_in_the_order_of_the_catalogue() -> None:
    """The list is what this role may call, no more and no less."""
    shown = visible(from_document(document(READS)), planner(), [*TOOLS.values(), WRITE])

    assert [tool.name for tool in shown] == ["list_sales_orders", "list_wip_jobs"]


@guarantees("P1.scope")
@pytest.mark.parametrize(
    ("arguments", "sites"),
    [
        ({}, ("1000",)),
        ({"site": "1000"}, ("1000",)),
        ({"site": "2000"}, ()),
        ({"site": ("1000", "2000")}, ("1000",)),
        ({"site": ()}, ()),
        ({"site": None}, ("1000",)),
    ],
)
def test_site_arguments_only_narrow_the_scope_of_the_role(
    arguments: dict[str, ArgumentValue], sites: tuple[str, ...]
) -> None:
    """Asking for another site is answered as if nothing were there: its existence is not told."""
    bundle = from_document(document(READS, roles={"planner": role(sites=["1000"])}))

    decision = decide(bundle, planner(), LIST, arguments)

    assert decision.allowed
    assert decision.obligations is not None
    assert decision.obligations.sites == sites


@guarantees("P1.scope")
def test_a_forbid_at_one_site_leaves_the_declared_others() -> None:
    """An unlimited role must not see undeclared sites through a rule that takes one away."""
    forbid = rule("not-2000", "list_sales_orders", effect="forbid", sites=["2000"])

    decision = decide(from_document(document(READS, forbid)), planner(), LIST, {})

    assert decision.obligations is not None
    assert decision.obligations.sites == ("1000",)
    assert set(decision.rules) == {"reads", "not-2000"}


@guarantees("P1.scope", "P1.hidden_is_missing")
def test_a_tool_without_any_site_left_is_hidden() -> None:
    """A tool that could never show a row is not offered."""
    forbid = rule("not-1000", "list_sales_orders", effect="forbid", sites=["1000"])
    bundle = from_document(document(READS, forbid, roles={"planner": role(sites=["1000"])}))

    assert decide(bundle, planner(), LIST, {}).reasons == ("site",)
    assert LIST not in visible(bundle, planner(), TOOLS.values())


@guarantees("P1.default_deny")
@pytest.mark.parametrize("value", [1000, True, ("1000", 5)])
def test_a_site_of_the_wrong_type_is_a_denial_not_a_trace(value: object) -> None:
    """Whatever goes wrong while deciding refuses."""
    arguments = cast("dict[str, ArgumentValue]", {"site": value})

    for terms in (role(), role(sites=["1000"])):
        decision = decide(from_document(document(READS, roles={"planner": terms})), planner(), LIST, arguments)
        assert (decision.allowed, decision.reasons) == (False, ("error",))


@guarantees("P1.default_deny")
@pytest.mark.parametrize("missing", ["bundle", "principal", "tool", "arguments"])
def test_deciding_without_its_inputs_is_a_denial(missing: str) -> None:
    """A missing attribute never allows and never raises."""
    inputs: dict[str, object] = {
        "bundle": from_document(document(READS)),
        "principal": planner(),
        "tool": LIST,
        "arguments": {},
    }
    inputs[missing] = None

    decision = decide(
        cast("Bundle", inputs["bundle"]),
        cast("Principal", inputs["principal"]),
        cast("Tool", inputs["tool"]),
        cast("dict[str, ArgumentValue]", inputs["arguments"]),
    )

    assert (decision.allowed, decision.reasons) == (False, ("error",))


# --- the compiled table against the rules read one by one -------------------------------------------------------------

_ROLES = ("planner", "buyer")
_SITES = ("1000", "2000", "3000")
_TOOLS = (LIST, WIP, TOOLS["get_stock"])
_some_sites = st.none() | st.sets(st.sampled_from(_SITES), min_size=1).map(sorted)
_rule = st.fixed_dictionaries(
    {
        "effect": st.sampled_from(("permit", "forbid")),
        "roles": st.sets(st.sampled_from(_ROLES), min_size=1).map(sorted),
        "tools": st.sets(st.sampled_from([tool.name for tool in _TOOLS]), min_size=1).map(sorted),
        "sites": _some_sites,
        "levels": st.none() | st.sampled_from(([3], [4], [3, 4])),
        "shadow": st.booleans(),
    }
)
_rules = st.lists(_rule, max_size=6)
_asked = st.none() | st.sampled_from(_SITES) | st.sets(st.sampled_from(_SITES)).map(lambda sites: tuple(sorted(sites)))


class _Rule(TypedDict):
    effect: str
    roles: list[str]
    tools: list[str]
    sites: list[str] | None
    levels: list[int] | None
    shadow: bool


def _documented(rules: list[_Rule], sites: list[str] | None) -> dict[str, JsonValue]:
    numbered = [
        rule(
            f"rule-{number}",
            *one["tools"],
            roles=tuple(one["roles"]),
            effect=one["effect"],
            sites=None if one["sites"] is None else [*one["sites"]],
            levels=None if one["levels"] is None else [*one["levels"]],
            shadow=one["shadow"] and one["effect"] == "forbid",
        )
        for number, one in enumerate(rules)
    ]
    roles = {"planner": role(sites=None if sites is None else [*sites]), "buyer": role()}
    return document(*numbered, roles=roles) | {"sites": [*_SITES]}


def _sees(rules: list[_Rule], name: str, tool: Tool, site: str) -> bool:
    """Tell whether rows of a site are seen, by asking every rule."""
    effects = {
        one["effect"]
        for one in rules
        if name in one["roles"]
        and tool.name in one["tools"]
        and (one["levels"] is None or tool.level in one["levels"])
        and (one["sites"] is None or site in one["sites"])
        and not (one["shadow"] and one["effect"] == "forbid")
    }
    return effects == {"permit"}


@guarantees("P1.default_deny", "P1.scope")
@settings(max_examples=300, deadline=None)
@given(rules=_rules, sites=_some_sites, name=st.sampled_from(_ROLES), tool=st.sampled_from(_TOOLS), asked=_asked)
def test_the_compiled_table_decides_as_reading_every_rule_does(
    rules: list[_Rule], sites: list[str] | None, name: str, tool: Tool, asked: str | tuple[str, ...] | None
) -> None:
    """Compiling is for speed and must change no decision."""
    scope = sites if name == "planner" and sites is not None else _SITES
    visible_sites = {site for site in scope if _sees(rules, name, tool, site)}
    wanted = set(_SITES) if asked is None else {asked} if isinstance(asked, str) else set(asked)

    decision = decide(from_document(_documented(rules, sites)), planner(name), tool, {"site": asked})

    assert decision.allowed == bool(visible_sites)
    if decision.obligations is not None:
        terms = decision.obligations.sites
        assert (set(_SITES) if terms is None else set(terms)) == visible_sites & wanted


@guarantees("P1.default_deny", "P1.scope")
@settings(max_examples=200, deadline=None)
@given(rules=_rules, extra=_rule, sites=_some_sites, name=st.sampled_from(_ROLES), tool=st.sampled_from(_TOOLS))
def test_adding_a_forbid_never_allows_more(
    rules: list[_Rule], extra: _Rule, sites: list[str] | None, name: str, tool: Tool
) -> None:
    """An admin who forbids something can be sure that nothing else opens."""
    forbid: _Rule = {**extra, "effect": "forbid", "shadow": False}

    before = decide(from_document(_documented(rules, sites)), planner(name), tool, {})
    after = decide(from_document(_documented([*rules, forbid], sites)), planner(name), tool, {})

    assert not after.allowed or before.allowed
    if after.obligations is not None and before.obligations is not None and before.obligations.sites is not None:
        assert after.obligations.sites is not None
        assert set(after.obligations.sites) <= set(before.obligations.sites)
