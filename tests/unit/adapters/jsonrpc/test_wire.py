"""Typed JSON in and out, exactly."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erp_mcp.adapters.jsonrpc.wire import WireError, decode, encode
from tests.guarantees import guarantees

MOMENT = datetime(2026, 3, 29, 1, 2, 3, 45, tzinfo=UTC).replace(tzinfo=None)  # Tryton's times have no zone
DECODED = {
    '{"__class__":"date","year":2026,"month":3,"day":29}': date(2026, 3, 29),
    '{"__class__":"datetime","year":2026,"month":3,"day":29,"hour":1,"minute":2,"second":3,"microsecond":45}': MOMENT,
    '{"__class__":"time","hour":1,"minute":2,"second":3,"microsecond":4}': time(1, 2, 3, 4),
    '{"__class__":"timedelta","seconds":1209600.5}': timedelta(days=14, microseconds=500_000),
    '{"__class__":"Decimal","decimal":"12.3400"}': Decimal("12.3400"),
    '{"__class__":"bytes","base64":"aGVs\\nbG8="}': b"hello",
    "0.1": Decimal("0.1"),
    "1e3": Decimal("1E+3"),
    "12345678901234567890.123456789": Decimal("12345678901234567890.123456789"),
    "[1,true,null]": [1, True, None],
}


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize("text", DECODED)
def test_decodes_each_type_without_losing_a_digit(text: str) -> None:
    """A float would have lost digits, a wrong class a day."""
    found = decode(text.encode())
    assert found == DECODED[text]
    assert type(found) is type(DECODED[text])
    assert str(found) == str(DECODED[text])


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    "text",
    [
        "", "{", "NaN", "Infinity", "-Infinity", '{"__class__":"Money","x":1}', '{"__class__":5}',
        '{"__class__":"date","year":2026,"month":2,"day":30}', '{"__class__":"date","year":2026}',
        '{"__class__":"date","year":true,"month":2,"day":3}', '{"__class__":"date","year":"2026","month":2,"day":3}',
        '{"__class__":"Decimal","decimal":"NaN"}', '{"__class__":"Decimal","decimal":1.5}',
        '{"__class__":"Decimal","decimal":"x"}', '{"__class__":"timedelta","seconds":"1"}',
        '{"__class__":"timedelta","seconds":1e300}', '{"__class__":"bytes","base64":"%%%"}', "[" * 100_000,
        "9" * 10_000, '{"result":null,"result":[1]}',
    ],
)  # fmt: skip
def test_refuses_what_is_not_typed_json(text: str) -> None:
    """Nonsense ends here, whatever it is, and says nothing of itself."""
    with pytest.raises(WireError) as caught:
        decode(text.encode())
    assert str(caught.value) == "not typed JSON"


@guarantees("input.clear_errors")
@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused(body: bytes) -> None:
    """No answer of a system can end the process."""
    try:
        decode(body)
    except WireError:
        return


@guarantees("P7.exact_numbers")
def test_encodes_dates_as_objects_at_any_depth() -> None:
    """A filter's date is a date for the system, not a text."""
    asked = encode([["day", ">=", date(2026, 3, 1)], {"at": MOMENT}, None, True, "ü"])
    assert decode(asked) == [["day", ">=", date(2026, 3, 1)], {"at": MOMENT}, None, True, "ü"]
