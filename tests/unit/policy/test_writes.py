"""Writes: denied unless one rule grants one tool to one role with evidence, and then nothing but that is possible."""

from __future__ import annotations

import dataclasses
from itertools import product

import pytest

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.decision import Decision, Limit, Mask, Obligations, Setting, Terms
from erp_mcp.domain.tool import Tool
from erp_mcp.errors import BadBundleError
from erp_mcp.policy.bundle import Bundle, from_document, from_json, write_terms
from erp_mcp.policy.cells import with_sites
from erp_mcp.policy.decide import decide, visible
from erp_mcp.policy.writing import redefined
from tests.guarantees import guarantees
from tests.unit.policy.plant import (
    ACCEPTED,
    DEEP,
    GRAVE,
    STATUS,
    TOOLS,
    WRITE,
    approval,
    document,
    granted,
    limit,
    old_document,
    planner,
    role,
    rule,
)

ROLES = ("planner", "buyer")
READS = (TOOLS["list_sales_orders"], TOOLS["get_stock"])
WORLD = (*READS, WRITE, GRAVE, DEEP, STATUS)
PLANNER_READS = rule("reads", *(tool.name for tool in READS))
GRANT = rule("grant", WRITE.name, evidence=ACCEPTED)
# What rules may say about one write tool and one role, and whether it may then be called.
SAID: dict[str, tuple[bool, tuple[str, ...]]] = {
    "nothing": (False, ()),
    "permit": (False, ("permit",)),
    "grant": (True, ("grant",)),
    "permit and grant": (True, ("permit", "grant")),
    "grant and shadow": (True, ("grant", "shadow")),
    "grant and forbid": (False, ("grant", "forbid")),
    "forbid": (False, ("forbid",)),
}


def _said(said: str, name: str, tool: Tool) -> list[dict[str, JsonValue]]:
    terms: dict[str, dict[str, JsonValue]] = {
        "permit": {},
        "grant": {"evidence": ACCEPTED},
        "forbid": {"effect": "forbid"},
        "shadow": {"effect": "forbid", "shadow": True},
    }
    return [rule(f"{kind}-{name}-{tool.name}", tool.name, roles=(name,), **terms[kind]) for kind in SAID[said][1]]


def _bundle(*rules: dict[str, JsonValue], writes: tuple[Tool, ...] = (WRITE,)) -> Bundle:
    return from_document(document(PLANNER_READS, *rules, roles=dict.fromkeys(ROLES, role()), writes=writes))


def _granted(bundle: Bundle, tool: Tool = WRITE) -> Obligations:
    obligations = decide(bundle, planner(), tool, {}).obligations
    assert obligations is not None
    return obligations


def _all(bundle: Bundle) -> dict[tuple[str, str], Decision]:
    """Return every decision there is, without the digest of the bundle."""
    return {
        (name, tool.name): dataclasses.replace(decide(bundle, planner(name), tool, {}), bundle="")
        for name, tool in product(ROLES, WORLD)
    }


@guarantees("P1.default_deny", "P2.one_at_a_time", "P2.evidence")
def test_in_a_small_world_a_write_is_possible_exactly_where_a_grant_with_evidence_says_so() -> None:
    """Every combination of what rules can say about two write tools and two roles."""
    places = tuple(product(ROLES, (WRITE, GRAVE)))
    for words in product(SAID, repeat=len(places)):
        said = {(name, tool.name): word for (name, tool), word in zip(places, words, strict=True)}
        rules = [one for (name, tool), word in zip(places, words, strict=True) for one in _said(word, name, tool)]
        granted = {tool for (_, tool), word in zip(places, words, strict=True) if "grant" in SAID[word][1]}
        bundle = _bundle(*rules, writes=tuple(tool for tool in (WRITE, GRAVE) if tool in granted))
        for name in ROLES:
            shown = {tool.name for tool in visible(bundle, planner(name), WORLD)}
            writes = {tool.name for tool in (WRITE, GRAVE) if SAID[said[name, tool.name]][0]}
            reads = {tool.name for tool in READS} if name == "planner" else set()
            assert shown == reads | writes | ({STATUS.name} if writes else set()), said
        assert bundle.writes == {tool for (_, tool), word in said.items() if SAID[word][0]}, said


@guarantees("P2.one_at_a_time")
@pytest.mark.parametrize("name", ROLES)
@pytest.mark.parametrize("tool", [WRITE, GRAVE], ids=lambda tool: tool.name)
def test_nothing_else_becomes_possible_when_one_write_is_turned_on(name: str, tool: Tool) -> None:
    """Every role and every tool, before and after: two decisions differ, the write and the look at its proposals."""
    before = _all(_bundle(writes=()))
    after = _all(_bundle(rule("grant", tool.name, roles=(name,), evidence=ACCEPTED), writes=(tool,)))

    changed = {cell for cell in before if before[cell] != after[cell]}

    assert changed == {(name, tool.name), (name, STATUS.name)}
    assert not any(decision.allowed for (_, held), decision in before.items() if held in (tool.name, STATUS.name))


@guarantees("P2.no_writes", "P1.default_deny")
def test_without_any_rule_a_write_and_the_look_at_proposals_are_denied_by_default() -> None:
    """Nothing is allowed by being forgotten."""
    bundle = _bundle(writes=())

    assert [decide(bundle, planner(), tool, {}).reasons for tool in (WRITE, STATUS)] == [("default_deny",)] * 2


@guarantees("P2.evidence")
@pytest.mark.parametrize(
    ("tool", "reason"),
    [
        (dataclasses.replace(WRITE, risk="W3"), "write"),
        (dataclasses.replace(WRITE, risk=""), "write"),
        (dataclasses.replace(WRITE, hash="0" * 64), "write"),
        (dataclasses.replace(WRITE, hash=""), "write"),
        (dataclasses.replace(WRITE, hash=WRITE.hash.upper()), "write"),
        (dataclasses.replace(WRITE, effect="read"), "write"),
        (dataclasses.replace(WRITE, level=3), "level"),
        (dataclasses.replace(WRITE, name="propose_other"), "default_deny"),
    ],
)
def test_a_tool_that_is_not_what_was_granted_any_more_is_denied(tool: Tool, reason: str) -> None:
    """What was signed is this definition of one class of risk; a changed tool file does not inherit it."""
    bundle = _bundle(GRANT)

    assert decide(bundle, planner(), WRITE, {}).allowed
    assert (decide(bundle, planner(), tool, {}).allowed, decide(bundle, planner(), tool, {}).reasons) == (
        False,
        (reason,),
    )


@guarantees("P2.granted_definition", "P2.one_at_a_time", "P1.default_deny")
def test_in_a_small_world_a_definition_that_changes_takes_its_write_away_and_nothing_else() -> None:
    """Every tool there is, changed by itself under one policy: reads stay, the other write stays, a status tool too."""
    graves = rule("graves", GRAVE.name, evidence=ACCEPTED)
    bundle = _bundle(GRANT, graves, writes=(WRITE, GRAVE))
    before = {tool.name for tool in visible(bundle, planner(), WORLD)}
    for changed in WORLD:
        world = [dataclasses.replace(tool, hash="0" * 64) if tool is changed else tool for tool in WORLD]

        after = {tool.name for tool in visible(bundle, planner(), world)}

        assert before - after == ({changed.name} & {WRITE.name, GRAVE.name}), changed.name
        assert after <= before
        assert redefined(bundle, world) == sorted({changed.name} & {WRITE.name, GRAVE.name})


@guarantees("P2.evidence")
def test_a_permit_without_evidence_opens_no_write_and_widens_none() -> None:
    """A document that no check has seen: the permit for all sites counts for nothing beside the grant for one."""
    plain = rule("plain", WRITE.name)
    at_site: dict[str, JsonValue] = {**GRANT, "sites": ["1000"]}

    assert decide(_bundle(plain, writes=()), planner(), WRITE, {}).reasons == ("write",)
    assert _granted(_bundle(plain, at_site)).sites == ("1000",)


@guarantees("P6.planning_side")
def test_nothing_writes_below_level_four() -> None:
    """A level-3 change goes through an ERP transaction or a person."""
    with pytest.raises(BadBundleError):
        _bundle(rule("deep", DEEP.name, evidence=ACCEPTED), writes=(DEEP,))
    assert decide(_bundle(rule("deep", DEEP.name), writes=()), planner(), DEEP, {}).reasons == ("level",)
    elsewhere = _bundle({**GRANT, "levels": [3]})
    assert elsewhere.writes == frozenset()
    assert [decide(elsewhere, planner(), tool, {}).reasons for tool in (WRITE, STATUS)] == [("default_deny",)] * 2


@guarantees("P1.scope", "P8.masks")
def test_sites_and_masks_hold_for_writes_as_for_reads() -> None:
    """A write that looks at a masked field would tell of it by what it refuses."""
    mask: JsonValue = {"id": "value", "field": "sales_order.net_value", "way": "drop", "edges": []}
    masked = from_document(document(GRANT, roles={"planner": role(masks=[mask])}, writes=(WRITE,)))
    forbid = rule("not-1000", WRITE.name, effect="forbid", sites=["1000"])
    elsewhere = from_document(document(GRANT, forbid, roles={"planner": role(sites=["1000"])}, writes=(WRITE,)))

    assert decide(masked, planner(), WRITE, {}).reasons == ("mask",)
    assert decide(elsewhere, planner(), WRITE, {}).reasons == ("site",)
    assert decide(elsewhere, planner(), STATUS, {}).reasons == ("default_deny",)
    assert _granted(_bundle(GRANT, forbid)).sites == ("2000",)


@guarantees("P3.people_commit")
def test_terms_and_limits_reach_the_decision_of_a_write_and_of_nothing_else() -> None:
    """Where no rule says otherwise: one enrolled approver, not the owner, within four hours, without a limit."""
    approvals = (approval("two", GRAVE.name, approvers=["ann", "bob"], needed=2, valid_s=7200),)
    limits = (
        limit("many", WRITE.name, GRAVE.name),
        limit("money", GRAVE.name, measure="value", key="material", maximum="1500.50", currency="EUR", window_s=3600),
    )
    graves = rule("graves", GRAVE.name, evidence={"report": "0" * 64})
    written = document(PLANNER_READS, GRANT, graves, writes=(WRITE, GRAVE), approvals=approvals, limits=limits)
    bundle = from_json(from_document(written).text)
    many = Limit(id="many", measure="count", key="agent", maximum="20", window_s=86_400)
    money = Limit(id="money", measure="value", key="material", maximum="1500.50", window_s=3600, currency="EUR")

    simple, grave, read = (_granted(bundle, tool) for tool in (WRITE, GRAVE, READS[0]))

    assert simple.approval == Terms(rule="", approvers=(), needed=1, self_approval=False, valid_s=14_400)
    assert grave.approval == Terms(rule="two", approvers=("ann", "bob"), needed=2, self_approval=False, valid_s=7200)
    assert (simple.limits, grave.limits) == ((many,), (many, money))
    for without in (read, _granted(bundle, STATUS)):
        assert (without.approval, without.limits) == (None, ())
    narrowed = decide(bundle, planner(), GRAVE, {"site": "1000"}).obligations
    assert narrowed == dataclasses.replace(grave, sites=("1000",))


@guarantees("P1.scope")
def test_narrowing_the_sites_keeps_every_other_obligation() -> None:
    """It is written out for speed, so a field that is added must not be lost."""
    terms = Obligations(
        sites=None,
        masks=(Mask(field="a.b", way="drop"),),
        max_rows=1,
        max_window_days=2,
        max_age_factor=3,
        budgets_s=(("stock", 4),),
        approval=Terms(rule="r", approvers=("ann",), needed=1, self_approval=True, valid_s=3600),
        limits=(Limit(id="l", measure="count", key="owner", maximum="5", window_s=3600),),
        settings=(Setting(rule="p", name="price_step_most_pct", value=20),),
        left_to_people=("R-TERMS",),
    )
    blank = Obligations(sites=None)

    assert with_sites(terms, ("1000",)) == dataclasses.replace(terms, sites=("1000",))
    assert all(getattr(terms, one.name) != getattr(blank, one.name) for one in dataclasses.fields(terms)[1:])


# --- bundles ----------------------------------------------------------------------------------------------------------


@guarantees("policy.apply", "P2.no_writes")
def test_a_bundle_that_was_applied_before_there_were_writes_still_opens_and_grants_none() -> None:
    """An upgrade must not close a deployment; and a sentence of old is no evidence."""
    stored = (
        '{"agents":{"planner":{"owner":"owner","role":"planner"}},"format":1,"levels":[3,4],"roles":{"planner":'
        '{"budgets_s":{},"masks":[],"max_age_factor":4,"max_rows":200,"max_window_days":366,"sites":null}},"rules":'
        '[{"effect":"permit","evidence":null,"id":"reads","levels":null,"roles":["planner"],"shadow":false,"sites":'
        'null,"tools":["list_sales_orders"]},{"effect":"permit","evidence":"accepted by dana","id":"writes","levels":'
        'null,"roles":["planner"],"shadow":false,"sites":null,"tools":["propose_change_order"]}],'
        '"sites":["1000","2000"]}'
    )
    digest = "fc647bf24307293f99e90d3ff3128597251425b202f65fd0cf43824539008117"

    bundle = from_json(stored, digest)

    assert (bundle.text, bundle.digest) == (stored, digest)
    assert [tool.name for tool in visible(bundle, planner(), WORLD)] == ["list_sales_orders"]
    assert decide(bundle, planner(), WRITE, {}).reasons == ("write",)
    assert (bundle.writes, bundle.grants, write_terms(bundle)) == (frozenset(), {}, "")


@guarantees("P1.default_deny", "P2.no_writes")
@pytest.mark.parametrize("key", ["approvals", "limits", "writes"])
def test_a_bundle_of_the_old_format_has_no_word_of_writes(key: str) -> None:
    """Else a new document could call itself old to go around what the new format asks for."""
    with pytest.raises(BadBundleError):
        from_document(old_document(PLANNER_READS, **{key: []}))


def _document(**changed: JsonValue) -> dict[str, JsonValue]:
    base = document(
        GRANT,
        writes=(WRITE,),
        approvals=(approval("one", WRITE.name),),
        limits=(limit("many", WRITE.name),),
    )
    return {**base, **changed}


_BROKEN: dict[str, dict[str, JsonValue]] = {
    "a grant for two tools": {"rules": [rule("grant", WRITE.name, "get_stock", evidence=ACCEPTED)]},
    "a forbid with evidence": {"rules": [{**GRANT, "effect": "forbid"}]},
    "a sentence": {"rules": [{**GRANT, "evidence": "accepted by dana"}]},
    "nobody": {"rules": [{**GRANT, "evidence": {"reason": "a small plant"}}]},
    "both": {"rules": [{**GRANT, "evidence": {**ACCEPTED, "report": "0" * 64}}]},
    "no digest": {"rules": [{**GRANT, "evidence": {"report": "0" * 63}}]},
    "hidden text": {"rules": [{**GRANT, "evidence": {**ACCEPTED, "reason": "small\u202eplant"}}]},
    "a grant that is not listed": {"writes": {}},
    "a listed tool that is not granted": {"writes": {tool.name: granted(tool) for tool in (WRITE, GRAVE)}},
    "no class": {"writes": {WRITE.name: granted(WRITE, risk="")}},
    "another level": {"writes": {WRITE.name: granted(WRITE, level=3)}},
    "no definition": {"writes": {WRITE.name: {"level": 4, "risk": "W2"}}},
    "an empty definition": {"writes": {WRITE.name: granted(WRITE, hash="")}},
    "half a definition": {"writes": {WRITE.name: granted(WRITE, hash="0" * 63)}},
    "no definition at all": {"writes": {WRITE.name: granted(WRITE, hash=None)}},
    "approval of a read": {"approvals": [approval("one", "get_stock")]},
    "approval twice": {"approvals": [approval("one", WRITE.name), approval("two", WRITE.name)]},
    "approvals of one id": {"limits": [limit("one", WRITE.name)]},
    "an id of a rule": {"limits": [limit("grant", WRITE.name)]},
    "no tools": {"approvals": [approval("one")]},
    "no approvers": {"approvals": [approval("one", WRITE.name, approvers=[])]},
    "an approver twice": {"approvals": [approval("one", WRITE.name, approvers=["ann", "ann"])]},
    "too many needed": {"approvals": [approval("one", WRITE.name, approvers=["ann"], needed=2)]},
    "none needed": {"approvals": [approval("one", WRITE.name, needed=0)]},
    "valid for ever": {"approvals": [approval("one", WRITE.name, valid_s=10**9)]},
    "self approval as a word": {"approvals": [approval("one", WRITE.name, self_approval="owner")]},
    "self approval of what is grave": {
        "writes": {WRITE.name: granted(WRITE, risk="W3")},
        "approvals": [approval("one", WRITE.name, self_approval=True)],
    },
    "no number": {"limits": [limit("many", WRITE.name, maximum="1e3")]},
    "nothing": {"limits": [limit("many", WRITE.name, measure="value", maximum="0.0", currency="EUR")]},
    "half a proposal": {"limits": [limit("many", WRITE.name, maximum="1.5")]},
    "a value in no currency": {"limits": [limit("many", WRITE.name, measure="value")]},
    "a count in a currency": {"limits": [limit("many", WRITE.name, currency="EUR")]},
    "another measure": {"limits": [limit("many", WRITE.name, measure="weight")]},
    "another key": {"limits": [limit("many", WRITE.name, key="site")]},
    "too short a window": {"limits": [limit("many", WRITE.name, window_s=60)]},
    "too long a window": {"limits": [limit("many", WRITE.name, window_s=32 * 86_400)]},
    "an unknown word": {"limits": [limit("many", WRITE.name, per="day")]},
}


@guarantees("P1.default_deny", "P2.evidence")
@pytest.mark.parametrize("changed", _BROKEN.values(), ids=list(_BROKEN))
def test_terms_of_writes_that_are_not_as_written_by_load_are_refused(changed: dict[str, JsonValue]) -> None:
    """What is signed must mean one thing, and all of it must be enforced."""
    assert from_document(_document()).writes == {WRITE.name}
    with pytest.raises(BadBundleError):
        from_document(_document(**changed))


@guarantees("P2.signed_policy")
@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({}, True),
        ({"rules": [GRANT, PLANNER_READS]}, True),
        ({"levels": [4]}, True),
        ({"rules": [{**GRANT, "evidence": {**ACCEPTED, "reason": "another plant"}}]}, False),
        ({"rules": [{**GRANT, "evidence": {"report": "0" * 64}}]}, False),
        ({"rules": [{**GRANT, "sites": ["1000"]}]}, False),
        ({"rules": [GRANT, {**GRANT, "id": "again", "roles": ["buyer"]}]}, False),
        ({"writes": {WRITE.name: granted(WRITE, risk="W1")}}, False),
        ({"writes": {WRITE.name: granted(WRITE, hash="0" * 64)}}, False),
        ({"approvals": [approval("one", WRITE.name, needed=2)]}, False),
        ({"approvals": [approval("one", WRITE.name, self_approval=True)]}, False),
        ({"approvals": []}, False),
        ({"limits": [limit("many", WRITE.name, maximum="21")]}, False),
        ({"limits": []}, False),
        ({"agents": {"planner": {"owner": "other", "role": "planner"}}}, False),
        ({"agents": {name: {"owner": "owner", "role": "planner"} for name in ("planner", "second")}}, False),
        ({"agents": {"planner": {"owner": "owner", "role": "buyer"}}}, False),
    ],
)
def test_the_terms_of_writes_change_with_whatever_an_approver_must_see(
    changed: dict[str, JsonValue], same: bool
) -> None:
    """Who may write with what, why, on which terms; a change of reads alone needs no approver."""
    roles: JsonValue = dict.fromkeys(ROLES, role())
    before, after = from_document(_document(roles=roles)), from_document(_document(**{"roles": roles, **changed}))

    assert (write_terms(before) == write_terms(after)) is same
    assert write_terms(before)


@guarantees("P2.signed_policy")
def test_a_bundle_without_writes_has_no_terms() -> None:
    """Reads are applied without asking."""
    assert write_terms(None) == write_terms(from_document(document(PLANNER_READS))) == ""
    forbid = rule("no", WRITE.name, effect="forbid")
    assert write_terms(from_document(document(GRANT, forbid, writes=(WRITE,)))) == ""
