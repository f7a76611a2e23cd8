"""A policy that allows writes: signed by an enrolled approver, for this deployment, at this time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from erp_mcp.approval import bundles
from erp_mcp.approval.bundles import BundleApproval, refusal_of
from erp_mcp.domain.approver import Applied, Signed
from tests.guarantees import guarantees
from tests.unit.approval.people import BOB, DEPLOYMENT, EVE, Person, at, trusted


def approval(**other: Any) -> BundleApproval:
    told: dict[str, Any] = {
        "deployment": DEPLOYMENT,
        "digest": "c" * 64,
        "previous": "d" * 64,
        "applied_by": "root",
        "applied_at": at(hours=-2),
        "approver_id": BOB.id,
        "approver_name": BOB.name,
        "public_key": BOB.public,
    }
    return BundleApproval(**{**told, **other})


def applied(said: BundleApproval, by: Person = BOB) -> Applied:
    text, message = bundles.message(said)
    return Applied(
        digest="c" * 64,
        applied_by="root",
        applied_at=at(hours=-2, seconds=3),
        previous="d" * 64,
        approval=Signed(text=text, signer=by.id, signature=by.sign(message)),
    )


def refusal(row: Applied) -> str:
    return refusal_of(row, trusted(BOB), DEPLOYMENT)


@guarantees("P2.signed_policy")
def test_a_bundle_signed_by_an_approver_may_allow_writes() -> None:
    """The measure for everything below."""
    assert refusal(applied(approval())) == ""


@guarantees("P2.signed_policy")
def test_a_bundle_without_a_signature_allows_no_write() -> None:
    """An edited row in the database turns nothing on."""
    assert refusal(replace(applied(approval()), approval=None)) == "unsigned"


@guarantees("P2.signed_policy")
@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"deployment": "other-plant"}, "envelope"),
        ({"digest": "e" * 64}, "envelope"),
        ({"applied_by": "somebody"}, "envelope"),
        ({"approver_id": "eve"}, "envelope"),
        ({"approver_name": "Robert"}, "not_enrolled"),
        ({"public_key": EVE.public}, "not_enrolled"),
        ({"applied_at": at(hours=-3)}, "applied_at"),
        ({"applied_at": "some day"}, "applied_at"),
    ],
)
def test_a_signature_over_other_words_allows_no_write(other: dict[str, str], reason: str) -> None:
    """For another bundle, plant, person or time: an old signature can't be used again later."""
    assert refusal(applied(approval(**other))) == reason


@guarantees("P2.signed_policy")
@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"digest": "e" * 64}, "envelope"),
        ({"applied_by": "somebody"}, "envelope"),
        ({"applied_at": at()}, "applied_at"),
        ({"previous": "e" * 64}, "previous"),
    ],
)
def test_a_changed_row_allows_no_write(other: dict[str, Any], reason: str) -> None:
    """What the row says stands in the signed words."""
    assert refusal(replace(applied(approval()), **other)) == reason


@guarantees("P2.signed_policy")
@pytest.mark.parametrize(
    ("other", "reason"),
    [({"signature": "0" * 128}, "signature"), ({"signer": "eve"}, "envelope"), ({"text": "{}"}, "envelope")],
)
def test_a_changed_signature_allows_no_write(other: dict[str, str], reason: str) -> None:
    """Text, signer and signature belong together."""
    row = applied(approval())
    assert row.approval is not None

    assert refusal(replace(row, approval=replace(row.approval, **other))) == reason


@guarantees("P2.signed_policy")
def test_a_signer_who_is_not_enrolled_any_more_allows_no_write() -> None:
    """After a revocation an approver who stays applies the policy again."""
    said = approval(approver_id="eve", approver_name=EVE.name, public_key=EVE.public)

    assert refusal(applied(said, EVE)) == "not_enrolled"
