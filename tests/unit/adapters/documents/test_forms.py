"""The forms of `fields`: what each makes of a document, and what it refuses."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import pytest

from erp_mcp.adapters._documents import Fields, compile_fields
from erp_mcp.adapters._documents.forms import FORMS
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import BadAnswerError, ProfileFileError
from erp_mcp.systems.document_forms import FORM_KEYS
from tests.guarantees import guarantees

PROFILE: Final = Profile(
    name="works", version=1, kind="rest", level=4, zone="Europe/Berlin", identity={}, states={}, units={"ST": "C62"}
)
PLAIN: Final[dict[str, JsonValue]] = {
    "purchase_order_id": {"const": "1"},
    "line": {"const": "1"},
    "site": {"const": "1"},
    "supplier_id": {"const": "1"},
    "material_id": {"const": "1"},
    "qty_ordered": {"const": 1},
    "qty_received": {"const": 0},
    "qty_open": {"const": 1},
    "uom": {"const": "C62"},
    "order_state": {"const": "open"},
}


def compiled(field: str, form: JsonValue, **more: JsonValue) -> Fields:
    mapping = {"key": "id", "version": "hash", **more, "fields": {**PLAIN, field: form}}
    return compile_fields("purchase_order_line", mapping, profile=PROFILE, system="erp")


def made(field: str, form: JsonValue, document: dict[str, Any]) -> object:
    return compiled(field, form).row({"id": "7", **document}).get(field)


def refused(field: str, form: JsonValue, document: dict[str, Any]) -> dict[str, object]:
    with pytest.raises(BadAnswerError) as caught:
        made(field, form, document)
    assert "secret" not in str(caught.value)
    return dict(caught.value.facts)


LINES: Final = {
    "lines": [{"q": "1.10", "k": "101", "d": "2026-03-02"}, {"q": 2, "k": 101, "d": "20260301"}, {"q": 4, "k": "102"}]
}

SPLIT: Final[dict[str, JsonValue]] = {"instant": {"date": "d", "time": "t"}, "zone": "utc"}

CASES: Final[list[tuple[str, JsonValue, dict[str, Any], object]]] = [
    # --- paths and scalars: type-agnostic where nothing is lost
    ("material_id", "a.b", {"a": {"b": "X"}}, "X"),
    ("material_id", "a.b", {"a": None}, None),
    ("material_id", "a.b", {}, None),
    ("material_id", "a", {"a": 4711}, "4711"),
    ("material_id", "a", {"a": Decimal("4711.0")}, "4711"),
    ("material_id", "a", {"a": "  0010 "}, "0010"),
    ("material_id", '"odd. name"', {"odd. name": "X"}, "X"),
    ("qty_open", "q", {"q": "0012.500"}, "12.5"),
    ("qty_open", "q", {"q": Decimal("1E+2")}, "100"),
    ("qty_open", "q", {"q": "1e-3"}, "0.001"),
    ("qty_open", "q", {"q": Decimal("0.1")}, "0.1"),
    ("qty_open", "q", {"q": " "}, None),
    ("confirmed", "c", {"c": True}, True),
    ("confirmed", "c", {"c": "false"}, False),
    ("confirmed", "c", {"c": 1}, True),
    ("note", "n", {"n": " as it is "}, " as it is "),
    # --- constants and choices
    ("order_state", {"const": "open"}, {}, "open"),
    ("order_state", {"const": "open", "when": {"s": ["A", "B"]}}, {"s": "B"}, "open"),
    ("order_state", {"const": "open", "when": {"s": ["A"]}}, {"s": "C"}, None),
    ("order_state", {"const": "open", "when": {"s": None}}, {}, "open"),
    ("order_state", {"const": "open", "when": {"s": True, "n": 1}}, {"s": True, "n": "1"}, "open"),
    ("order_state", {"const": "open", "when": {"s": {"not": [""]}}}, {"s": "x"}, "open"),
    ("order_state", {"path": "s", "when": {"t": [10]}}, {"s": "x", "t": Decimal("10.0")}, "x"),
    ("order_state", {"first": ["a", "b", {"const": "z"}]}, {"a": "", "b": None}, "z"),
    ("order_state", {"map": "s", "values": {"1": "open", "": "closed"}}, {"s": 1}, "open"),
    ("order_state", {"map": "s", "values": {"1": "open", "": "closed"}}, {}, "closed"),
    ("order_state", {"map": "s", "values": {"1": "open"}, "other": "closed"}, {"s": "9"}, "closed"),
    ("confirmed", {"flag": "s", "true": ["X"]}, {"s": "X"}, True),
    ("confirmed", {"flag": "s", "True": ["X"]}, {"s": ""}, False),
    ("confirmed", {"flag": "s", "true": ["X"]}, {}, None),
    # --- ids and units
    ("line", {"pad": "l", "width": 5}, {"l": 10}, "00010"),
    ("line", {"pad": "l", "width": 5}, {"l": "A1"}, "A1"),
    ("material_id", {"strip": "m", "zeros": True}, {"m": "00012"}, "12"),
    ("material_id", {"strip": "m", "zeros": True}, {"m": "0000"}, "0"),
    ("material_id", {"strip": "m", "prefix": "W-"}, {"m": "W-1"}, "1"),
    ("line", {"join": ["a", "b"], "by": "-"}, {"a": 1, "b": 2}, "1-2"),
    ("line", {"join": ["a", "b"], "by": "-"}, {"a": 1}, None),
    ("uom", {"unit": "u"}, {"u": "ST"}, "C62"),
    ("uom", {"unit": "u"}, {"u": "KGM"}, "KGM"),
    # --- dates and times
    ("promised_date", {"date": "d"}, {"d": "2026-03-29"}, "2026-03-29"),
    ("promised_date", "d", {"d": "20260329"}, "2026-03-29"),
    ("promised_date", "d", {"d": 20260329}, "2026-03-29"),
    ("promised_date", "d", {"d": 0}, None),
    ("promised_date", "d", {"d": "00000000"}, None),
    ("promised_date", "d", {"d": "0001-01-01T00:00:00Z"}, None),
    ("promised_date", {"date": "d", "none": ["1900-01-01"]}, {"d": "1900-01-01T12:00:00Z"}, None),
    ("promised_date", "d", {"d": "2026-03-29T23:59:59"}, "2026-03-29"),
    ("promised_date", "d", {"d": "2026-03-28T23:30:00Z"}, "2026-03-29"),
    ("promised_date", "d", {"d": "/Date(1781481600000)/"}, "2026-06-15"),
    ("promised_date", "d", {"d": "/Date(1781481599000+0000)/"}, "2026-06-15"),
    ("promised_date", "d", {"d": "/Date(-86400000)/"}, "1969-12-31"),
    ("promise_changed_at", "i", {"i": "2026-03-29T01:30:00+01:00"}, "2026-03-29T00:30:00Z"),
    ("promise_changed_at", "i", {"i": "2026-03-29T00:30:00.1234567Z"}, "2026-03-29T00:30:00Z"),
    ("promise_changed_at", "i", {"i": "/Date(1781481600000+0120)/"}, "2026-06-15T00:00:00Z"),
    ("promise_changed_at", {"instant": "i", "zone": "site"}, {"i": "2026-07-01 12:00:00"}, "2026-07-01T10:00:00Z"),
    ("promise_changed_at", {"instant": "i", "zone": "site"}, {"i": "2026-10-25T02:30:00"}, "2026-10-25T00:30:00Z"),
    ("promise_changed_at", {"instant": "i", "zone": "utc"}, {"i": "2026-07-01T12:00:00"}, "2026-07-01T12:00:00Z"),
    ("promise_changed_at", {"instant": "i", "zone": "site"}, {"i": "20260701120000"}, "2026-07-01T10:00:00Z"),
    ("promise_changed_at", {"instant": "i", "epoch": "ms"}, {"i": "1781481600123"}, "2026-06-15T00:00:00Z"),
    ("promise_changed_at", {"instant": "i", "epoch": "s"}, {"i": 1781481600}, "2026-06-15T00:00:00Z"),
    ("promise_changed_at", {"instant": {"date": "d", "time": "t"}, "zone": "site"},
     {"d": "/Date(1781481600000)/", "t": "PT11H30M"}, "2026-06-15T09:30:00Z"),
    ("promise_changed_at", {"instant": {"date": "d", "time": "t"}, "zone": "site"},
     {"d": "2026-06-15", "t": "11:30:05"}, "2026-06-15T09:30:05Z"),
    ("promise_changed_at", SPLIT,
     {"d": "20260615", "t": 93005}, "2026-06-15T09:30:05Z"),
    ("promise_changed_at", SPLIT,
     {"d": "2026-06-15", "t": "24:00:00"}, "2026-06-16T00:00:00Z"),
    ("promise_changed_at", SPLIT, {"d": "2026-06-15"}, "2026-06-15T00:00:00Z"),
    ("promise_changed_at", SPLIT, {"t": "PT1H"}, None),
    # --- numbers
    ("qty_open", {"minus": ["a", "b"]}, {"a": "0.3", "b": Decimal("0.1")}, "0.2"),
    ("qty_open", {"minus": ["a", "b"], "floor": "0"}, {"a": 1, "b": 2}, "0"),
    ("qty_open", {"minus": ["a", "b"]}, {"a": 1}, None),
    ("qty_open", {"times": ["a", "b"]}, {"a": "0.1", "b": "0.1"}, "0.01"),
    # --- lists
    ("qty_open", {"sum": "lines.q"}, LINES, "7.1"),
    ("qty_open", {"sum": "lines.q", "where": {"k": [101]}}, LINES, "3.1"),
    ("qty_open", {"sum": "lines.q"}, {}, "0"),
    ("qty_open", {"sum": "lines.q", "where": {"^.keep": ["102"], "k": ["102"]}}, {**LINES, "keep": "102"}, "4"),
    ("promised_date", {"earliest": "lines.d"}, LINES, "2026-03-01"),
    ("promised_date", {"latest": "lines.d", "where": {"k": ["101"]}}, LINES, "2026-03-02"),
    ("promised_date", "d", {"d": "9999-12-31T23:59:59Z"}, "9999-12-31"),
    ("promised_date", "d", {"d": "/Date(253402300799000+0000)/"}, "9999-12-31"),
    ("promised_date", {"latest": "lines.d"}, {"lines": []}, None),
    ("site", {"only": "lines.k", "where": {"k": ["102"]}}, LINES, "102"),
    ("site", {"only": "lines.k", "where": {"k": ["103"]}}, LINES, None),
    ("qty_open", {"sum": "lines.q"}, {"lines": {"results": [{"q": 1}, {"q": 2}]}}, "3"),
    ("qty_open", {"sum": "a.lines.q"}, {"a": [{"lines": [{"q": 1}]}, {"lines": [{"q": 2}]}]}, "3"),
]  # fmt: skip


@guarantees("P9.documents")
@pytest.mark.parametrize(("field", "form", "document", "expected"), CASES)
def test_makes_exactly_this(field: str, form: JsonValue, document: dict[str, Any], expected: object) -> None:
    """Exact numbers, real dates, the site's zone, codes by a closed list."""
    assert made(field, form, document) == expected


REFUSED: Final[list[tuple[str, JsonValue, dict[str, Any], str]]] = [
    ("material_id", "a.b", {"a": "secret"}, "a.b"),
    ("material_id", "a.b", {"a": [{"b": "secret"}]}, "a.b"),
    ("material_id", "a", {"a": {"secret": 1}}, "a"),
    ("material_id", "a.b", {"a": {"__deferred": {"uri": "secret"}}}, "a.b"),
    ("qty_open", "q", {"q": "1,5 secret"}, "q"),
    ("qty_open", "q", {"q": True}, "q"),
    ("qty_open", "q", {"q": "٣"}, "q"),
    ("confirmed", "c", {"c": "secret"}, "c"),
    ("order_state", {"map": "s", "values": {"A": "open"}}, {"s": "secret"}, "s"),
    ("promised_date", "d", {"d": "29.03.2026"}, "d"),
    ("promised_date", "d", {"d": "2026-02-30"}, "d"),
    ("promised_date", "d", {"d": True}, "d"),
    ("promised_date", "d", {"d": "/Date(99999999999999999)/"}, "d"),
    ("promised_date", "d", {"d": "9" * 5000}, "d"),
    ("promise_changed_at", "i", {"i": "2026-03-29 01:30:00"}, "i"),
    ("promise_changed_at", {"instant": "i", "zone": "site"}, {"i": "0001-13-01"}, "i"),
    (
        "promise_changed_at",
        SPLIT,
        {"d": "2026-06-15", "t": "25:00"},
        "d",
    ),
    (
        "promise_changed_at",
        SPLIT,
        {"d": "9999-12-31", "t": "24:00"},
        "d",
    ),
    ("qty_open", {"times": ["a", "b"]}, {"a": Decimal("1E-40"), "b": Decimal("1.23456789012345678901234567890")}, ""),
    ("site", {"only": "lines.k"}, LINES, "lines.k"),
    ("qty_open", {"sum": "lines.q"}, {"lines": ["secret"]}, "lines.q"),
    ("qty_open", {"sum": "lines.q"}, {"lines": [{"q": 1}], "lines@odata.nextLink": "secret"}, "lines.q"),
    ("qty_open", {"sum": "lines.q"}, {"lines": {"results": [{"q": 1}], "__next": "secret"}}, "lines.q"),
]


@guarantees("P9.documents")
@pytest.mark.parametrize(("field", "form", "document", "named"), REFUSED)
def test_refuses_by_path_what_is_not_of_its_kind(
    field: str, form: JsonValue, document: dict[str, Any], named: str
) -> None:
    """A wrong record is worse than none; the value is not told."""
    facts = refused(field, form, document)
    assert facts["entity"] == "purchase_order_line"
    if named:
        assert facts["field"] == named


WRONG: Final[list[tuple[str, JsonValue, str]]] = [
    ("material_id", {"sum": "a"}, "material_id"),
    ("material_id", {"pth": "a"}, "material_id"),
    ("material_id", {"path": "a", "map": "b"}, "material_id"),
    ("material_id", {"path": "a", "zone": "utc"}, "material_id.zone"),
    ("material_id", "a..b", "material_id"),
    ("material_id", ".a", "material_id"),
    ("material_id", "a b", "material_id"),
    ("material_id", "", "material_id"),
    ("material_id", 7, "material_id"),
    ("material_id", {"first": []}, "material_id.first"),
    ("material_id", {"join": ["a"], "by": "-"}, "material_id.join"),
    ("material_id", {"const": [1]}, "material_id.const"),
    ("qty_open", {"const": "much"}, "qty_open.const"),
    ("qty_open", {"minus": ["a", "b"], "floor": "low"}, "qty_open.floor"),
    ("promised_date", {"instant": "a"}, ""),
    ("promise_changed_at", {"instant": {"date": "a", "time": "b"}}, "promise_changed_at.zone"),
    ("promise_changed_at", {"instant": "a", "zone": "Mars/Crater"}, "promise_changed_at.zone"),
    ("promise_changed_at", {"instant": "a", "epoch": "days"}, "promise_changed_at.epoch"),
    ("site", {"earliest": "l.d"}, "site"),
    ("line", {"pad": "l", "width": 400}, "line.width"),
    ("line", {"strip": "l"}, "line"),
    ("line", {"map": "l", "values": {}}, "line.values"),
    ("line", {"flag": "l"}, "line.true"),
    ("line", {"path": "l", "when": {}}, "line.when"),
    ("line", {"path": "l", "when": {"a": {"nott": 1}}}, "line.when.a"),
    ("line", "^.l", "each"),
]


@guarantees("P9.documents")
@pytest.mark.parametrize(("field", "form", "place"), [case for case in WRONG if case[2]])
def test_a_form_that_is_none_is_refused_with_its_place(field: str, form: JsonValue, place: str) -> None:
    """Whoever maps a system sees the key, not a stack."""
    with pytest.raises(ProfileFileError) as caught:
        compiled(field, form)
    at = f"entities.purchase_order_line.{'' if place == 'each' else 'fields.'}{place}"
    assert caught.value.facts["key"] == at


@guarantees("P9.documents", "docs.agree")
def test_the_check_of_profile_files_knows_the_same_forms() -> None:
    """The file's own check has lines, the compiler has the meaning; neither may know more."""
    assert {head: keys for head, (_, keys) in FORMS.items()} == FORM_KEYS
