"""One JSON answer, read exactly or refused by rule."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.adapters._documents import DocumentError, decode_json
from tests.guarantees import guarantees

HOSTILE = {
    "byte order mark": b"\xef\xbb\xbf{}",
    "wide encoding": "{}".encode("utf-16"),
    "Latin-1": '{"a":"\xe4"}'.encode("latin-1"),
    "duplicate key": b'{"a":1,"a":2}',
    "duplicate key by escape": b'{"a":1,"\\u0061":2}',
    "duplicate key inside": b'{"x":[{"a":1,"a":1}]}',
    "NaN": b'{"a":NaN}',
    "Infinity": b"[Infinity]",
    "minus Infinity": b"[-Infinity]",
    "lone surrogate": b'{"a":"\\ud800"}',
    "lone surrogate as a key": b'{"\\uDC00":1}',
    "trailing data": b'{"a":1} {"b":2}',
    "a page of a proxy": b"<html><body>Sign in</body></html>",
    "nothing": b"",
    "cut off": b'{"a":[1,2',
    "comment": b'{"a":1} // no',
    "single quotes": b"{'a':1}",
    "leading zero": b'{"a":01}',
    "control character": b'{"a":"\x01"}',
    "deep": b"[" * 33 + b"]" * 33,
    "very deep": b"[" * 100_000 + b"]" * 100_000,
    "deep and not closed": b'{"a":' * 100_000,
    "deep behind strings": b'["\\"]", ' + b"[" * 33 + b"]" * 33 + b"]",
    "wide": b"{" + b",".join(b'"%d":0' % number for number in range(4001)) + b"}",
    "long integer": b"[" + b"9" * 61 + b"]",
    "very long integer": b"[" + b"9" * 1_000_000 + b"]",
    "long fraction": b"[0." + b"1" * 60 + b"]",
    "large exponent": b"[1e999999999]",
    "small exponent": b"[1e-999999999]",
    "exponent beyond all": b"[1e99999999999999999999]",
}


@guarantees("P9.documents", "P9.bombs")
@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_refuses_what_json_leaves_open_and_says_nothing_of_it(name: str) -> None:
    """Two readings of one answer are one too many; the reason never holds content."""
    with pytest.raises(DocumentError) as caught:
        decode_json(HOSTILE[name])
    assert len(str(caught.value)) < 40


@guarantees("P9.documents", "P7.exact_numbers")
def test_numbers_come_out_exact() -> None:
    """A float has lost digits before anyone looked."""
    assert decode_json(b"[1, -0.1, 1E2, 123456789012345678901234567890, 0.000000000000000000001]") == [
        1, Decimal("-0.1"), Decimal("1E2"), 123456789012345678901234567890, Decimal("1E-21"),
    ]  # fmt: skip


@guarantees("P9.documents")
def test_depth_counts_brackets_between_strings_only() -> None:
    """A note may hold as many brackets as it likes."""
    text = "[{" * 100
    assert decode_json(b'{"a": "%s", "b\\"[[": []}' % text.encode()) == {"a": text, 'b"[[': []}
    assert decode_json(b"[" * 32 + b"]" * 32)


@guarantees("P9.documents")
def test_pairs_of_surrogates_and_text_of_any_language_are_read() -> None:
    """What is valid is not refused for looking odd."""
    assert decode_json('{"a": "\\ud83d\\ude00 Ünal 東京"}'.encode()) == {"a": "😀 Ünal 東京"}


@guarantees("P9.documents")
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.text(st.characters(codec="utf-8")),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_reads_back_what_any_writer_writes(value: object) -> None:
    """Escapes, brackets in strings and nesting in any mix."""
    import json

    assert decode_json(json.dumps(value).encode()) == value
    assert decode_json(json.dumps(value, ensure_ascii=False).encode()) == value
