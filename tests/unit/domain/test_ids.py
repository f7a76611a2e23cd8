"""Ids of events and proposals: short, sorted by time, hard to meet twice."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.domain.ids import event_id_of, proposal_id_of
from tests.guarantees import guarantees

MILLISECONDS = st.integers(0, 2**48 - 1)
RANDOM = st.integers(0, 2**62 - 1)


def a_uuid(milliseconds: int, random: int) -> str:
    """Return a UUIDv7."""
    text = f"{milliseconds << 80 | 0x7 << 76 | 0x2 << 62 | random:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@guarantees("P5.events")
@given(MILLISECONDS, RANDOM)
def test_an_id_has_the_same_length_and_letters_at_any_time(milliseconds: int, random: int) -> None:
    """It fits the type of an id in every tool and is read aloud without doubt about where it ends."""
    uuid = a_uuid(milliseconds, random)
    assert re.fullmatch(r"evt_[0-9A-Za-z]{12}", event_id_of(uuid))
    assert proposal_id_of(uuid) == f"prp_{event_id_of(uuid).removeprefix('evt_')}"


@guarantees("P5.events")
@given(MILLISECONDS, MILLISECONDS, RANDOM, RANDOM)
def test_text_order_of_ids_is_time_order(first: int, second: int, random: int, other: int) -> None:
    """Lists page by id; a newer proposal must never sort before an older one."""
    if first == second:
        second = (first + 1) % 2**48
    earlier, later = sorted((first, second))
    assert event_id_of(a_uuid(earlier, random)) < event_id_of(a_uuid(later, other))
