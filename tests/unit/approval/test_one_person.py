"""Who shares a name may be one person: along a whole chain of names, in whichever order they decide."""

from __future__ import annotations

from itertools import permutations

import pytest

from erp_mcp.approval.check import refusal_of
from erp_mcp.approval.requesters import requesters
from erp_mcp.domain.decision import Terms
from tests.guarantees import guarantees
from tests.unit.approval.people import NOW, Person, content, decided, proposal, trusted

TWO = Terms(rule="two", approvers=(), needed=2, self_approval=False, valid_s=3600)
# The second shares a name with the first, the third one with the first only by another.
CHAIN = (Person(id="ann", name="Bob"), Person(id="cid", name="Bob"), Person(id="dan", name="Ann"))
APART = Person(id="zoe", name="Zoe Zander")


@guarantees("P3.enough_people")
@pytest.mark.parametrize("order", list(permutations(CHAIN)), ids=lambda order: "-".join(one.id for one in order))
def test_a_chain_of_shared_names_is_one_person_at_most(order: tuple[Person, ...]) -> None:
    """Two of the three share no name, and are one person all the same if the third one is both."""
    of = proposal(content(terms=TWO))
    known, asked = trusted(*CHAIN, APART), requesters(of.content, [], NOW)

    assert refusal_of(of, [decided(of, one) for one in order], known, asked, NOW) == "too_few"
    assert refusal_of(of, [decided(of, one) for one in (*order, APART)], known, asked, NOW) == ""
