"""What a change is worth decides who must say yes; unknown is taken for the most, and outsiders' text for one more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.domain.decision import Band, Group, Terms
from erp_mcp.policy.bands import terms_for
from tests.guarantees import guarantees

BOARD = Group(name="board", approvers=("cfo",))
TERMS = Terms(
    rule="orders",
    approvers=("ann", "bob"),
    needed=1,
    self_approval=True,
    valid_s=14_400,
    currency="EUR",
    bands=(
        Band(to="1000", needed=1, approvers=("ann", "bob")),
        Band(to="50000.50", needed=2, approvers=("ann", "bob")),
        Band(to="", needed=3, approvers=("ann", "bob", "cfo"), groups=(BOARD,)),
    ),
)


@guarantees("P3.bands")
@pytest.mark.parametrize(
    ("value", "needed"),
    [("0", 1), ("999.9999", 1), ("1000", 1), ("1000.0001", 2), ("50000.50", 2), ("50000.51", 3), ("9999999", 3)],
)
def test_the_band_of_a_value_includes_its_upper_end(value: str, needed: int) -> None:
    """Each border, on both sides."""
    found = terms_for(TERMS, {"value": value, "currency": "EUR"})

    assert (found.needed, found.bands, found.currency) == (needed, (), "")
    assert found.groups == ((BOARD,) if needed == 3 else ())
    assert f"worth {value} EUR" in found.band


@guarantees("P3.bands")
@pytest.mark.parametrize(
    "amounts",
    [
        {},
        {"value": "10"},
        {"value": "10", "currency": "USD"},
        {"value": "ten", "currency": "EUR"},
        {"value": "NaN", "currency": "EUR"},
        {"value": "Infinity", "currency": "EUR"},
        {"value": "-10", "currency": "EUR"},
        {"currency": "EUR"},
    ],
)
def test_a_value_that_is_not_known_in_the_currency_falls_into_the_strictest_band(amounts: dict[str, str]) -> None:
    """Else whoever leaves the value out would need fewer people."""
    found = terms_for(TERMS, amounts)

    assert (found.needed, found.approvers, found.groups) == (3, ("ann", "bob", "cfo"), (BOARD,))
    assert found.band.startswith("value not known in EUR")


@guarantees("P3.bands")
@given(st.decimals(min_value=0, max_value=10**9, places=4), st.decimals(min_value=0, max_value=10**9, places=4))
def test_more_money_never_needs_fewer_people(one: object, other: object) -> None:
    """For every two values."""
    low, high = sorted((str(one), str(other)), key=float)
    needed = [terms_for(TERMS, {"value": value, "currency": "EUR"}).needed for value in (low, high)]

    assert needed == sorted(needed)


@guarantees("P3.bands")
def test_terms_without_bands_stay_as_they_are() -> None:
    """Whatever a change is worth."""
    plain = replace(TERMS, bands=(), currency="")

    assert terms_for(plain, {"value": "5", "currency": "EUR"}) is plain


@guarantees("P3.taint")
def test_what_outsiders_wrote_raises_the_terms_by_one_person_and_leaves_the_owner_out() -> None:
    """In whichever band, and never above what a policy may ask."""
    for amounts in ({"value": "1", "currency": "EUR"}, {}):
        plain, raised = terms_for(TERMS, amounts), terms_for(TERMS, amounts, tainted=True)
        assert raised == replace(plain, needed=plain.needed + 1, self_approval=False, raised="outsider_text")
    assert terms_for(replace(TERMS, bands=(), needed=9), {}, tainted=True).needed == 9
