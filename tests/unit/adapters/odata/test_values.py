"""Values come out exact and in one form, whatever version they came in."""

from __future__ import annotations

from decimal import Decimal

import pytest

from erp_mcp.adapters._documents.json_text import Value
from erp_mcp.adapters.odata.values import TypeChangedError, converter
from tests.guarantees import guarantees

_READ: list[tuple[str, Value, Value]] = [
    ("Edm.Decimal", "6088.330", Decimal("6088.330")),
    ("Edm.Decimal", Decimal("0.000001"), Decimal("0.000001")),
    ("Edm.Decimal", 5, Decimal(5)),
    ("Edm.Int64", "9007199254740993", 9007199254740993),
    ("Edm.Int32", 7, 7),
    ("Edm.DateTime", "/Date(1781481600000)/", "2026-06-15T00:00:00"),
    ("Edm.DateTime", "/Date(-62135596800000)/", "0001-01-01T00:00:00"),
    ("Edm.DateTime", "2026-06-15T00:00:00", "2026-06-15T00:00:00"),
    ("Edm.DateTimeOffset", "/Date(1781481600123+0120)/", "2026-06-15T00:00:00.123000Z"),
    ("Edm.DateTimeOffset", "2026-06-15T02:00:00+02:00", "2026-06-15T00:00:00Z"),
    ("Edm.DateTimeOffset", "2026-06-15T00:00:00.1234567Z", "2026-06-15T00:00:00.123456Z"),
    ("Edm.Date", "2026-06-15", "2026-06-15"),
    ("Edm.Time", "PT08H30M00S", "08:30:00"),
    ("Edm.Time", "PT5M", "00:05:00"),
    ("Edm.TimeOfDay", "08:30:00.0000000", "08:30:00"),
    ("Edm.Boolean", False, False),
    ("Edm.String", "0010", "0010"),
    ("Edm.Stream", "anything", "anything"),
]
_CHANGED: list[tuple[str, Value]] = [
    ("Edm.Decimal", "12,5"), ("Edm.Decimal", True), ("Edm.Decimal", "NaN"), ("Edm.Decimal", []), ("Edm.Decimal", ""),
    ("Edm.Int32", Decimal("1.5")), ("Edm.Int32", "x"), ("Edm.Int32", True),
    ("Edm.DateTime", "/Date(99999999999999999)/"), ("Edm.DateTime", "/Date(999999999999999)/"),
    ("Edm.DateTime", 5), ("Edm.DateTimeOffset", "yesterday"), ("Edm.DateTimeOffset", "x" * 41),
    ("Edm.Date", "2026-13-01"), ("Edm.Time", "PT99H"), ("Edm.TimeOfDay", "noon"), ("Edm.Boolean", "true"),
    ("Edm.String", 10), ("Edm.String", {"a": 1}), ("Edm.Guid", 5),
]  # fmt: skip


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize(("kind", "value", "read"), _READ)
def test_a_value_is_read_exactly(kind: str, value: Value, read: Value) -> None:
    """A decimal that has been a float has lost digits; a moment without its zone is another moment."""
    found = converter(kind)(value)
    assert found == read
    assert type(found) is type(read)


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize("kind", sorted({kind for kind, _, _ in _READ}))
def test_nothing_stays_nothing(kind: str) -> None:
    """A null is no zero."""
    assert converter(kind)(None) is None


@guarantees("P7.exact_numbers", "P8.no_leaks")
@pytest.mark.parametrize(("kind", "value"), _CHANGED)
def test_a_value_of_another_type_is_refused(kind: str, value: Value) -> None:
    """It is an answer that changed shape; the refusal does not hold the value."""
    with pytest.raises(TypeChangedError) as caught:
        converter(kind)(value)
    assert str(value) not in str(caught.value) or value == ""
