"""Values become literals of their type or nothing; what was meant is what a server reads."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.adapters.odata.grammar import FilterValue
from erp_mcp.adapters.odata.literals import LiteralError, encoded, literal, segment
from tests.guarantees import guarantees
from tests.unit.adapters.odata.fake_query import Compare, parse_filter

_GUID = "0b0c9f6e-3f2b-4e2d-8a59-0242ac120002"
_FORMS: list[tuple[FilterValue | Decimal, str, str, str]] = [
    ("0000012345", "Edm.String", "'0000012345'", "'0000012345'"),
    ("O'Neil", "Edm.String", "'O''Neil'", "'O''Neil'"),
    ("", "Edm.String", "''", "''"),
    (True, "Edm.Boolean", "true", "true"),
    ("false", "Edm.Boolean", "false", "false"),
    ("0042", "Edm.Int32", "42", "42"),
    (-7, "Edm.Int16", "-7", "-7"),
    ("9007199254740993", "Edm.Int64", "9007199254740993L", "9007199254740993"),
    ("12.50", "Edm.Decimal", "12.50M", "12.50"),
    (Decimal("1E+2"), "Edm.Decimal", "100M", "100"),
    (_GUID, "Edm.Guid", f"guid'{_GUID}'", _GUID),
    ("2026-06-15", "Edm.DateTime", "datetime'2026-06-15T00:00:00'", ""),
    ("2026-06-15T10:00:00+02:00", "Edm.DateTime", "datetime'2026-06-15T08:00:00'", ""),
    ("2026-06-15T08:00:00Z", "Edm.DateTimeOffset", "datetimeoffset'2026-06-15T08:00:00Z'", "2026-06-15T08:00:00Z"),
    ("2026-06-15", "Edm.Date", "2026-06-15", "2026-06-15"),
    ("08:30:00", "Edm.Time", "time'PT08H30M00S'", ""),
    ("08:30:00", "Edm.TimeOfDay", "", "08:30:00"),
    ("Yes", "Dynamics.NoYes", "", "Dynamics.NoYes'Yes'"),
    (None, "Edm.String", "null", "null"),
]
_NOT: list[tuple[FilterValue, str]] = [
    ("1 or 1 eq 1", "Edm.Int32"),
    ("2147483648", "Edm.Int32"),
    ("١٢", "Edm.Int32"),
    (True, "Edm.Int32"),
    ("1e5", "Edm.Decimal"),
    ("NaN", "Edm.Decimal"),
    (True, "Edm.Decimal"),
    (f"{_GUID}' or true", "Edm.Guid"),
    ("2026-02-30", "Edm.Date"),
    ("2026-06-15T25:00:00Z", "Edm.DateTimeOffset"),
    ("0001-01-01T00:00:00+14:00", "Edm.DateTime"),
    ("2026-06-15'", "Edm.DateTime"),
    ("25:00:00", "Edm.TimeOfDay"),
    ("now()", "Edm.DateTimeOffset"),
    ("yes", "Edm.Boolean"),
    (5, "Edm.String"),
    ("a\x00b", "Edm.String"),
    ("a\nb", "Edm.String"),
    ("x" * 201, "Edm.String"),
    ("\ud800", "Edm.String"),
    ("Yes' or true", "Dynamics.NoYes"),
    ("1.5", "Edm.Double"),
    ("x", "Edm.GeographyPoint"),
]


@guarantees("P9.odata_literals")
@pytest.mark.parametrize(("value", "kind", "v2", "v4"), _FORMS)
def test_each_type_has_one_form_per_version(value: FilterValue | Decimal, kind: str, v2: str, v4: str) -> None:
    """The wrong form is a 400 at best, and another value at worst."""
    if v2:
        assert literal(value, kind, 2) == v2
    if v4:
        assert literal(value, kind, 4) == v4


@guarantees("P9.odata_literals")
@pytest.mark.parametrize(("value", "kind"), _NOT)
@pytest.mark.parametrize("version", [2, 4])
def test_what_is_not_of_the_type_has_no_literal(value: FilterValue, kind: str, version: int) -> None:
    """Everything but text is matched against its one form, so nothing else can come in through it."""
    with pytest.raises(LiteralError):
        literal(value, kind, 2 if version == 2 else 4)


@guarantees("P9.odata_literals")
@given(st.text(max_size=60))
def test_a_server_reads_back_any_text_as_one_value(text: str) -> None:
    """Whatever stands in an id, it stays inside of its quotes."""
    try:
        made = literal(text, "Edm.String", 2)
    except LiteralError:
        return
    assert parse_filter(f"A eq {made}") == Compare("A", "eq", text)


@guarantees("P9.odata_literals")
def test_nothing_that_parts_an_address_is_left_unencoded() -> None:
    """A quote, a blank or an ampersand would end the value before it does."""
    assert not set(encoded("a b'c&d=e#f%g+h;i\"j?k")) & set(" '&=#+;\"?")
    assert "/" not in segment("a/b")
