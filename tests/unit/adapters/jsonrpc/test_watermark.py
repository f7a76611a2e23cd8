"""Where a pass stands: short text that finds what entered and left a set of ids."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erp_mcp.adapters.jsonrpc.watermark import IdDigest, Watermark, WatermarkError
from erp_mcp.testing.adapter_contract import MAX_WATERMARK_CHARS
from tests.guarantees import guarantees

IDS = st.frozensets(st.integers(1, 5_000), max_size=60)


@guarantees("P7.sync_exact")
@settings(deadline=None)
@given(IDS, IDS)
def test_each_difference_lies_in_a_suspect_range_or_above_the_top(
    held: frozenset[int], present: frozenset[int]
) -> None:
    """Nothing that came or went is overlooked, and equal sets are not suspected."""
    digest = IdDigest().plus(held)
    suspect = {one for ids in digest.suspect(present) for one in ids}
    assert {one for one in held ^ present if one <= digest.top} <= suspect
    assert not IdDigest().plus(held).suspect(held)


@guarantees("P7.sync_exact")
@settings(deadline=None)
@given(st.lists(IDS, max_size=4))
def test_adding_in_parts_gives_the_digest_of_the_whole(parts: list[frozenset[int]]) -> None:
    """A pass adds page by page, and may be killed and go on elsewhere."""
    whole: frozenset[int] = frozenset()
    digest = IdDigest()
    for part in parts:
        digest = digest.plus(part - whole)
        whole |= part
    assert digest == IdDigest().plus(whole)


@guarantees("P9.bounded")
def test_text_stays_short_however_many_ids_there_are() -> None:
    """It is stored with each page."""
    many = IdDigest().plus(range(1, 400_000, 3))
    mark = Watermark(
        since="2026-03-16T05:00:00.123456",
        held=many,
        after=2**40,
        newest="2026-03-16T05:00:00",
        started="2026-03-16T05:00:00",
        paged=many,
    )
    assert len(mark.text()) <= MAX_WATERMARK_CHARS
    assert Watermark.parse(mark.text()) == mark


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    "text",
    [
        "x", "[]", "{}", "null", '"text"', "[" * 9000,
        '{"since":"yesterday","held":{"top":0,"width":1,"sums":""},"after":0,"newest":"","started":"","paged":{"top":0,"width":1,"sums":""}}',
        '{"since":"","held":{"top":9,"width":1,"sums":""},"after":0,"newest":"","started":"","paged":{"top":0,"width":1,"sums":""}}',
        '{"since":"","held":{"top":0,"width":0,"sums":""},"after":0,"newest":"","started":"","paged":{"top":0,"width":1,"sums":""}}',
        '{"since":"","held":{"top":0,"width":1,"sums":5},"after":0,"newest":"","started":"","paged":{"top":0,"width":1,"sums":""}}',
        '{"since":"","held":{"top":0,"width":1,"sums":""},"after":-1,"newest":"","started":"","paged":{"top":0,"width":1,"sums":""}}',
        '{"since":5,"held":{"top":0,"width":1,"sums":""},"after":0,"newest":"","started":"","paged":{"top":0,"width":1,"sums":""}}',
    ],
)  # fmt: skip
def test_refuses_text_of_another_adapter(text: str) -> None:
    """Guessing would skip records silently."""
    with pytest.raises(WatermarkError):
        Watermark.parse(text)


@guarantees("P7.sync_exact")
def test_empty_text_is_the_beginning() -> None:
    """That is how a first pass asks."""
    assert Watermark.parse("") == Watermark()
