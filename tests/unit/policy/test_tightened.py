"""Between the decision of people and the sending, its terms may have become stricter: each way they can is found."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from erp_mcp.domain.decision import Terms
from erp_mcp.domain.quorum import Said
from erp_mcp.policy.tightened import stricter
from tests.guarantees import guarantees

THEN = Terms(rule="changes", approvers=("ann", "bob"), needed=1, self_approval=True, valid_s=14_400)


MADE = datetime(2026, 3, 16, 8, 0, tzinfo=UTC)


def said(*approvers: str) -> list[Said]:
    """Return a yes of each, an hour after it was proposed."""
    return [Said(one, MADE + timedelta(hours=1)) for one in approvers]


def _found(now: Terms, *, age_s: int = 7200) -> str:
    return stricter(THEN, now, deciders=said("ann"), made=MADE, age_s=age_s)


@guarantees("P3.not_stricter")
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"needed": 2}, "more_approvers"),
        ({"approvers": ("bob",)}, "approver_withdrawn"),
        ({"approvers": ("eve",)}, "approver_withdrawn"),
        ({"self_approval": False}, "self_approval_withdrawn"),
        ({"valid_s": 7200}, "validity_shortened"),
    ],
)
def test_terms_that_ask_for_more_than_they_did_hold_a_proposal_back(changed: dict[str, object], code: str) -> None:
    """What people approved under looser terms is not what they would be asked today."""
    assert _found(dataclasses.replace(THEN, **changed)) == code  # type: ignore[arg-type]  # fields by name


@guarantees("P3.not_stricter")
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"rule": "renamed"},
        {"approvers": ()},
        {"approvers": ("ann",)},
        {"approvers": ("ann", "bob", "eve")},
        {"valid_s": 7201},
        {"valid_s": 20_000},
    ],
)
def test_the_same_or_looser_terms_hold_nothing_back(changed: dict[str, object]) -> None:
    """Else each edit of a policy would throw away approved work."""
    assert _found(dataclasses.replace(THEN, **changed)) == ""  # type: ignore[arg-type]  # fields by name


@guarantees("P3.not_stricter")
def test_an_approval_as_old_as_it_was_allowed_to_get_is_not_called_shortened() -> None:
    """Its own time is looked at elsewhere; here only what policy changed counts."""
    assert _found(THEN, age_s=999_999) == ""


@guarantees("P3.not_stricter")
def test_where_any_approver_would_do_a_list_without_the_one_who_decided_holds_it_back() -> None:
    """Of two who decided, one who may not any more is enough."""
    anyone = dataclasses.replace(THEN, approvers=(), needed=2)
    named = dataclasses.replace(anyone, approvers=("ann", "eve"))

    assert stricter(anyone, named, deciders=said("ann", "eve"), made=MADE, age_s=0) == ""
    assert stricter(anyone, named, deciders=said("ann", "bob"), made=MADE, age_s=0) == "approver_withdrawn"
