"""Strict JSON: one reading of a text, or none."""

from __future__ import annotations

import json
import sqlite3
import unicodedata

import pydantic_core
import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.domain import strict_json
from erp_mcp.errors import MalformedRequestError
from tests.guarantees import guarantees

REFUSED = [
    (b"", "syntax"),
    (b"   ", "syntax"),
    (b"{", "syntax"),
    (b"{} {}", "syntax"),
    (b"[1,]", "syntax"),
    (b'{"a":1,}', "syntax"),
    (b"01", "syntax"),
    (b".5", "syntax"),
    (b"+1", "syntax"),
    (b"0x10", "syntax"),
    (b"'a'", "syntax"),
    (b"// no\n1", "syntax"),
    (b'"\t"', "syntax"),
    (b'"\\x41"', "syntax"),
    (b"\x0c1", "syntax"),
    (b"\xef\xbb\xbf{}", "byte_order_mark"),
    ("{}".encode("utf-16"), "byte_order_mark"),
    (b'"\xff"', "encoding"),
    (b'"\xc0\x80"', "encoding"),
    (b'"\xed\xa0\x80"', "encoding"),
    (b'{"a":1,"a":1}', "duplicate_key"),
    (b'[{"b":{"a":1,"\\u0061":2}}]', "duplicate_key"),
    ('{"\u00e9":1,"e\u0301":2}'.encode(), "duplicate_key"),
    (b"NaN", "number"),
    (b"[Infinity]", "number"),
    (b'{"a":-Infinity}', "number"),
    (b"1e400", "number"),
    (b"1e-400", "number"),
    (b"9007199254740992", "number"),
    (b"-9007199254740992", "number"),
    (b"1" * 200_000, "number"),
    (b"0." + b"1" * 200_000, "number"),
    (b'"\\ud800"', "lone_surrogate"),
    (b'{"\\udc00":1}', "lone_surrogate"),
    (b'"\\udc00\\ud800"', "lone_surrogate"),
    (b"[" * 33 + b"]" * 33, "depth"),
    (b'{"a":' * 33 + b"1" + b"}" * 33, "depth"),
    (b"[" * 200_000, "depth"),
    (b'"' + b"a" * strict_json.MAX_BYTES + b'"', "too_large"),
]


@guarantees("input.clear_errors", "P9.bounded")
@pytest.mark.parametrize(
    ("data", "rule"), REFUSED, ids=[f"{rule}-{number}" for number, (_, rule) in enumerate(REFUSED)]
)
def test_text_that_could_be_read_in_two_ways_is_refused_by_its_rule(data: bytes, rule: str) -> None:
    """D27: each of these is taken by some reader and means something else to another."""
    with pytest.raises(MalformedRequestError) as refusal:
        strict_json.decode(data)

    assert refusal.value.code == "call.malformed_request"
    assert refusal.value.facts["rule"] == rule


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b" \r\n\t[1] ", [1]),
        (b"9007199254740991", 2**53 - 1),
        (b"[0.1,-0.0,1E+2]", [0.1, -0.0, 100.0]),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"e\\u0301"', "\u00e9"),
        ('{"e\u0301":"A\u030a"}'.encode(), {"\u00e9": "\u00c5"}),
        (b"[" * 32 + b"]" * 32, json.loads(b"[" * 32 + b"]" * 32)),
        (b'["' + b"[" * 100 + b'\\"{"]', ["[" * 100 + '"{']),
        (b"[true,false,null]", [True, False, None]),
    ],
)
def test_text_within_the_rules_is_read_exactly(data: bytes, value: object) -> None:
    """Brackets in strings are no depth, pairs of surrogates are one character, both forms of é are one."""
    assert strict_json.decode(data) == value


def _has_nul(value: object) -> bool:
    return "\\u0000" in json.dumps(value)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@guarantees("input.clear_errors")
@given(_VALUES, st.booleans())
def test_whatever_is_accepted_three_other_readers_read_alike(value: object, ascii_only: bool) -> None:
    """T79: no text may mean one thing to this reader and another to one behind it."""
    data = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        mine = strict_json.decode(data)
    except MalformedRequestError:
        return
    assert mine == _normal(json.loads(data))
    assert mine == _normal(pydantic_core.from_json(data, allow_inf_nan=False))
    if not _has_nul(value):  # SQLite's texts end at NUL
        read = sqlite3.connect(":memory:").execute("SELECT json(?)", (data.decode(),)).fetchone()[0]
        assert mine == _normal(json.loads(read))


@guarantees("input.clear_errors")
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_never_worse(data: bytes) -> None:
    """Whatever comes, the only error is ours; and what is read, another reader reads as well."""
    try:
        strict_json.decode(data)
    except MalformedRequestError:
        return
    json.loads(data)


def _normal(value: object) -> object:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, list):
        return [_normal(item) for item in value]
    if isinstance(value, dict):
        return {_normal(key): _normal(item) for key, item in value.items()}
    return value
