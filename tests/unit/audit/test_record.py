"""The audit leaf: canonical bytes, salted digests, a link to the record before."""

from __future__ import annotations

import hashlib
import json
from itertools import count

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.audit import record as leaves
from erp_mcp.domain.audit import AuditEntry
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.canonical_json import canonical
from tests.guarantees import guarantees

KEYS = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
)
SUBSET = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4))
ANY_JSON = st.recursive(
    SCALARS | st.floats(allow_nan=False) | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
)


def an_entry(**changes: JsonValue) -> AuditEntry:
    """Return an entry as a call leaves it."""
    return AuditEntry(
        kind="call.answered",
        correlation_id="c-1",
        causation_id="",
        trace="",
        actor="planner",
        facts={"tool": "list_sales_orders", "rows": 3},
        fields={"arguments": {"customer_id": "0000100017"}, **changes},
    )


@guarantees("P5.leaf_format")
@given(SUBSET)
def test_canonical_form_equals_that_of_an_independent_implementation(value: JsonValue) -> None:
    """Others must be able to recompute every digest with any RFC 8785 library."""
    assert canonical(value) == rfc8785.dumps(value)


@guarantees("P5.leaf_format")
@pytest.mark.parametrize("value", [1.5, 2**53, -(2**53), {"ключ": 1}, "\ud800", [float("nan")], {"a": {1: 2}}])
def test_what_readers_could_read_differently_is_no_leaf(value: JsonValue) -> None:
    """A leaf has one reading only, so numbers, keys and strings outside the subset are refused."""
    with pytest.raises(ValueError, match=r".*"):
        canonical(value)


@guarantees("P5.every_decision")
@given(ANY_JSON)
def test_any_json_value_can_be_recorded(value: JsonValue) -> None:
    """No argument of a client, however odd, may keep a call out of the audit."""
    kept = leaves.recordable(value)
    canonical(kept)
    if isinstance(kept, dict) and kept.keys() == {"ascii_json"} and kept != value:
        assert json.loads(str(kept["ascii_json"])) == value
    else:
        assert kept == value


@guarantees("P5.leaf_format")
def test_the_leaf_has_the_published_form_and_hash() -> None:
    """The format is final: these bytes must be produced by every later version."""
    salts = count(1)
    record = leaves.build(
        an_entry(),
        seq=1,
        prev=leaves.GENESIS,
        record_id="0198f2a1-0000-7000-8000-000000000001",
        time="2026-03-02T06:00:00.000000Z",
        salts=lambda size: next(salts).to_bytes(size, "big"),
    )
    salt = (1).to_bytes(16, "big")
    digest = hashlib.sha256(salt + b'{"customer_id":"0000100017"}').hexdigest()
    assert record.leaf == (
        b'{"actor":"planner","causation_id":"","correlation_id":"c-1","facts":{"rows":3,"tool":"list_sales_orders"},'
        b'"fields":{"arguments":"' + digest.encode() + b'"},"id":"0198f2a1-0000-7000-8000-000000000001",'
        b'"kind":"call.answered","prev":"' + b"0" * 64 + b'","seq":1,"time":"2026-03-02T06:00:00.000000Z",'
        b'"trace":"","v":1}'
    )
    assert record.leaf_hash == hashlib.sha256(b"\x00" + record.leaf).hexdigest()
    assert record.details == {"arguments": (salt.hex(), {"customer_id": "0000100017"})}


@guarantees("P5.leaf_format")
def test_equal_values_have_different_digests() -> None:
    """Without salts, an erased value of a small set (a name, a yes) could be guessed from its digest."""
    salts = count(1)
    record = leaves.build(
        an_entry(arguments="yes", reason="yes"),
        seq=1,
        prev=leaves.GENESIS,
        record_id="x",
        time="t",
        salts=lambda size: next(salts).to_bytes(size, "big"),
    )
    fields = json.loads(record.leaf)["fields"]
    assert fields["arguments"] != fields["reason"]
