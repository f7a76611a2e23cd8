"""What an agent is told of what it may do."""

from __future__ import annotations

from dataclasses import replace

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.decision import Mask
from erp_mcp.policy.bundle import from_document
from erp_mcp.policy.permissions import Permissions, in_words, permissions_of
from tests.guarantees import guarantees
from tests.unit.policy.plant import ACCEPTED, STATUS, TOOLS, WRITE, approval, document, limit, planner, role, rule

WORLD = (*TOOLS.values(), WRITE, STATUS)


def told(policy: dict[str, JsonValue]) -> Permissions:
    """What the planner of a policy is told."""
    return permissions_of(from_document(policy), planner(), WORLD)


@guarantees("mcp.resources")
def test_agent_that_may_nothing_is_told_so() -> None:
    """Empty headings would look like a page that failed."""
    known = told(document())

    assert known.tools == ()
    assert known.entities == ()
    assert in_words(known).count("Nothing.") == 2
    assert "Hidden" not in in_words(known)


@guarantees("mcp.resources")
def test_words_name_tools_by_toolset_and_sites_in_scope() -> None:
    """What is not granted is not named."""
    known = told(document(rule("reads", "get_stock", "find_order"), roles={"planner": role(sites=["1000"])}))
    text = in_words(known)

    assert known.sites == ("1000",)
    assert "- Sites: 1000." in text
    assert "- inventory: get_stock\n- orders: find_order\n" in text
    assert "list_hold_lots" not in text


@guarantees("mcp.resources", "P3.agent_told")
def test_words_say_how_many_people_must_agree_and_never_who() -> None:
    """An agent that knows its approvers could write to them."""
    policy = document(
        rule("grant", WRITE.name, evidence=ACCEPTED),
        writes=(WRITE,),
        approvals=(approval("two", WRITE.name, approvers=["dana", "sam"], needed=2),),
        limits=(limit("day", WRITE.name),),
    )
    text = in_words(told(policy))

    assert f"- {WRITE.name}: needs a yes of 2 people (never the agent's owner) within 4 h\n" in text
    assert "limit 20 proposals per agent in 24 h" in text
    assert "dana" not in text
    assert "sam" not in text


@guarantees("mcp.resources")
def test_words_say_of_each_hidden_field_what_stands_in_its_place() -> None:
    """A null that is a mask must not be taken for a value that is missing."""
    known = told(document(rule("reads", "get_stock")))
    masks = (Mask(field="stock.qty", way="band"), Mask(field="lot.lot_id", way="hash"), Mask(field="a.b", way="drop"))
    hidden = replace(known, terms=replace(known.terms, masks=masks))
    text = in_words(hidden)

    assert "- stock.qty: shown as a range\n" in text
    assert "- lot.lot_id: shown as a token, equal for equal values\n" in text
    assert "- a.b: left empty\n" in text
    assert hidden.mask_of("stock", "qty") == masks[0]
    assert hidden.mask_of("stock", "uom") is None
