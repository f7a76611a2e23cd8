"""References: they are told apart, and a slip of the pen is noticed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.domain.reference import is_reference, reference_of
from tests.guarantees import guarantees

UUIDS = st.uuids().map(str)
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@guarantees("P4.one_effect")
@given(uuid=UUIDS)
def test_a_reference_is_the_same_for_the_same_proposal_and_has_one_form(uuid: str) -> None:
    """After a crash it is made again, and must find what it wrote."""
    reference = reference_of(uuid)
    assert reference == reference_of(uuid.upper())
    assert len(reference) == 12
    assert is_reference(reference)


@guarantees("P4.one_effect")
@given(uuid=UUIDS, place=st.integers(1, 11), letter=st.sampled_from(LETTERS))
def test_one_wrong_character_is_noticed(uuid: str, place: int, letter: str) -> None:
    """People read references out to each other."""
    reference = reference_of(uuid)
    wrong = reference[:place] + letter + reference[place + 1 :]
    assert is_reference(wrong) is (wrong == reference)


@guarantees("P4.one_effect")
@given(uuid=UUIDS, one=st.integers(1, 11), other=st.integers(1, 11))
def test_two_swapped_characters_are_noticed(uuid: str, one: int, other: int) -> None:
    """That is the commonest slip."""
    letters = list(reference_of(uuid))
    letters[one], letters[other] = letters[other], letters[one]
    assert is_reference("".join(letters)) is ("".join(letters) == reference_of(uuid))


@guarantees("P4.one_effect")
def test_what_is_no_reference_is_none() -> None:
    """Length, mark and alphabet."""
    right = reference_of("01890000-0000-7000-8000-000000000001")
    for wrong in (
        "",
        right[1:],
        "X" + right[1:],
        right + "0",
        right.lower(),
        right[:5] + "U" + right[6:],
        "R" + "é" * 11,
    ):
        assert not is_reference(wrong)


@guarantees("P4.one_effect")
def test_many_proposals_have_many_references() -> None:
    """Fifty bits keep them apart."""
    made = {reference_of(f"01890000-0000-7000-8000-{number:012x}") for number in range(20_000)}
    assert len(made) == 20_000
