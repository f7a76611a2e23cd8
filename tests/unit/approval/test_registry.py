"""Enrolments: only what goes back to the first approver's key counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.approval import registry, signed
from erp_mcp.domain.approver import Approver, Enrolment, Signed
from erp_mcp.errors import RegistryDamagedError
from tests.guarantees import guarantees
from tests.unit.approval.people import BOB, DEPLOYMENT, EVE, ROOT, Person, enrolled, revoked

MAX = Person(id="max", name="Max Maker")


def trusted(*rows: Approver) -> set[str]:
    return set(registry.trusted(rows, ROOT.public, DEPLOYMENT))


@guarantees("P3.enrolled")
def test_each_enrolment_stands_on_an_earlier_one_in_any_order() -> None:
    """A chain is a chain, however the rows are read."""
    assert trusted(enrolled(EVE, BOB), enrolled(BOB, ROOT), enrolled(ROOT, ROOT)) == {"ada", "bob", "eve"}


@guarantees("P3.enrolled")
def test_nobody_enrolled_means_nobody_is_trusted() -> None:
    """A fresh install."""
    assert trusted() == set()


@guarantees("P3.enrolled")
@pytest.mark.parametrize(
    "rows",
    [
        [enrolled(EVE, EVE)],
        [enrolled(ROOT, ROOT), enrolled(EVE, EVE)],
        [enrolled(ROOT, ROOT), enrolled(EVE, BOB)],
        [enrolled(BOB, EVE), enrolled(EVE, BOB)],
        [enrolled(ROOT, ROOT), enrolled(BOB, EVE), enrolled(EVE, BOB)],
    ],
)
def test_who_enrolled_themselves_or_each_other_breaks_the_registry(rows: list[Approver]) -> None:
    """A row forged in the database is worth nothing, and is not passed over."""
    with pytest.raises(RegistryDamagedError):
        trusted(*rows)


@guarantees("P3.enrolled")
def test_another_root_key_trusts_nobody() -> None:
    """A registry brought from elsewhere does not count here."""
    with pytest.raises(RegistryDamagedError):
        registry.trusted([enrolled(ROOT, ROOT)], EVE.public, DEPLOYMENT)
    with pytest.raises(RegistryDamagedError):
        registry.trusted([enrolled(ROOT, ROOT)], "", DEPLOYMENT)
    with pytest.raises(RegistryDamagedError):
        registry.trusted([enrolled(ROOT, ROOT)], ROOT.public, "other-plant")


@guarantees("P3.enrolled")
def test_one_key_under_two_ids_or_one_id_twice_is_refused() -> None:
    """Else one person would be two."""
    twin = Person(id="bob", name="Another Name")
    again = enrolled(twin, ROOT)
    with pytest.raises(RegistryDamagedError):
        trusted(enrolled(ROOT, ROOT), enrolled(BOB, ROOT), again)

    found = signed.opened(signed.ENROLMENT, Enrolment, enrolled(EVE, ROOT).enrolment.text)
    assert found is not None
    text, message = registry.enrolment_message(replace(found[0], public_key=BOB.public))
    same_key = Approver(
        approver_id="eve",
        enrolment=Signed(text=text, signer="ada", signature=ROOT.sign(message)),
        sealed_key="{}",
    )
    with pytest.raises(RegistryDamagedError):
        trusted(enrolled(ROOT, ROOT), enrolled(BOB, ROOT), same_key)


@guarantees("P3.enrolled")
@pytest.mark.parametrize("field", ["text", "signer", "signature"])
@pytest.mark.parametrize("part", ["enrolment", "revocation"])
def test_a_changed_enrolment_or_revocation_breaks_the_registry(part: str, field: str) -> None:
    """Spoiling a revocation must not bring somebody back."""
    row = revoked(enrolled(BOB, ROOT), BOB, ROOT)
    stored = getattr(row, part)
    value = getattr(stored, field)
    changed = {"text": value.replace("bob", "bop"), "signer": "bob", "signature": "0" * 128}[field]
    damaged = replace(row, **{part: replace(stored, **{field: changed})})

    with pytest.raises(RegistryDamagedError):
        trusted(enrolled(ROOT, ROOT), damaged)


@guarantees("P3.enrolled")
def test_a_revoked_approver_is_dropped_and_who_was_kept_stays() -> None:
    """Whom they had enrolled is decided at that moment, by key."""
    rows = [enrolled(ROOT, ROOT), enrolled(EVE, BOB), enrolled(MAX, BOB)]
    bob = revoked(enrolled(BOB, ROOT), BOB, ROOT, keeps=(EVE.public,))

    assert trusted(*rows, bob) == {"ada", "eve"}


@guarantees("P3.enrolled")
def test_whom_a_revoked_approver_enrols_later_counts_for_nothing_with_all_that_stands_on_it() -> None:
    """The date of an enrolment is the word of whoever signs it, so no date is believed."""
    late, later = enrolled(MAX, BOB), enrolled(EVE, MAX)
    bob = revoked(enrolled(BOB, ROOT), BOB, ROOT)

    assert trusted(enrolled(ROOT, ROOT), bob, late, later) == {"ada"}


@guarantees("P3.enrolled")
def test_a_revocation_by_a_stranger_breaks_the_registry() -> None:
    """Only people of the registry end an enrolment."""
    with pytest.raises(RegistryDamagedError):
        trusted(enrolled(ROOT, ROOT), revoked(enrolled(BOB, ROOT), BOB, EVE))


@guarantees("P3.enrolled")
def test_revocations_hold_when_their_signer_is_revoked_too() -> None:
    """Nobody comes back because somebody else left."""
    rows = [
        enrolled(ROOT, ROOT),
        revoked(enrolled(BOB, ROOT), BOB, EVE),
        revoked(enrolled(EVE, ROOT), EVE, ROOT),
    ]

    assert trusted(*rows) == {"ada"}


@guarantees("P3.enrolled")
def test_the_keys_that_somebody_enrolled_are_listed_for_their_revocation() -> None:
    """Their own is not among them."""
    rows = [enrolled(ROOT, ROOT), enrolled(BOB, ROOT), enrolled(EVE, BOB)]

    assert registry.enrolled_by(rows, "ada") == (BOB.public,)
    assert registry.enrolled_by(rows, "bob") == (EVE.public,)
