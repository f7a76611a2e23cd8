"""Shares, and lists in lists: what a line still owes, what all items agree about, and whose item it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import pytest

from erp_mcp.domain.call import JsonValue
from erp_mcp.errors import ProfileFileError
from tests.guarantees import guarantees
from tests.unit.adapters.documents.test_forms import compiled, made, refused

OPEN_VALUE: Final[JsonValue] = {"share": ["net", "open", "ordered"], "digits": 2}
PARTNERS: Final[dict[str, Any]] = {
    "partners": [
        {"role": "SP", "address": {"name": "Elbe Spedition"}},
        {"role": "SH", "address": {"name": "Brandt AG"}},
    ]
}


@guarantees("P9.documents")
@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"net": "100.00", "open": 1, "ordered": 3}, "33.33"),
        ({"net": "0.01", "open": 1, "ordered": 2}, "0.01"),
        ({"net": Decimal("-0.01"), "open": 1, "ordered": 2}, "-0.01"),
        ({"net": "271700.00", "open": "76.000", "ordered": "76.000"}, "271700"),
        ({"net": "5", "open": 0, "ordered": 3}, "0"),
        ({"net": "5", "open": 1, "ordered": 0}, None),
        ({"net": "5", "open": 1}, None),
    ],
)
def test_a_share_is_rounded_half_up_to_the_places_that_are_named(document: dict[str, Any], expected: object) -> None:
    """Where a system keeps no open value, it is the share of the whole one; of nothing ordered there is no share."""
    assert made("open_value", OPEN_VALUE, document) == expected


@guarantees("P9.documents")
def test_a_share_beyond_all_figures_is_refused() -> None:
    """What can't be worked out exactly enough is no figure."""
    huge = {"net": "9" * 30, "open": "9" * 30, "ordered": "0.000001"}
    assert refused("open_value", OPEN_VALUE, huge)["field"] == "net"


@guarantees("P9.documents")
@pytest.mark.parametrize(
    "form",
    [
        {"share": ["net", "open", "ordered"]},
        {"share": ["net", "open"], "digits": 2},
        {"share": ["net", "open", "ordered", "more"], "digits": 2},
        {"share": ["net", "open", "ordered"], "digits": 7},
        {"share": ["net", "open", "ordered"], "digits": True},
    ],
)
def test_a_share_without_its_parts_or_places_is_a_mistake_in_the_profile(form: JsonValue) -> None:
    """How far a figure is rounded is never a default."""
    with pytest.raises(ProfileFileError):
        compiled("open_value", form)


@guarantees("P9.documents")
def test_items_that_agree_have_one_value() -> None:
    """The plant of an order is that of its items, where they have the same; none and empty say nothing."""
    form: dict[str, JsonValue] = {"only": "items.plant"}
    assert made("site", form, {"items": [{"plant": "1000"}, {"plant": "1000"}, {"plant": ""}, {}]}) == "1000"
    two = {"items": [{"plant": "1000"}, {"plant": "2000"}]}
    assert refused("site", form, two)["field"] == "items.plant"
    assert made("site", {"first": [{**form, "several": "absent"}, {"const": "9"}]}, two) == "9"
    with pytest.raises(ProfileFileError):
        compiled("site", {**form, "several": "any"})


@guarantees("P9.documents")
def test_a_condition_looks_out_of_an_item_to_what_holds_it() -> None:
    """The address has the name, the partner beside it has the role."""
    form: JsonValue = {"only": "partners.address.name", "where": {"^.role": ["SP"]}}
    assert made("note", form, PARTNERS) == "Elbe Spedition"
    further: JsonValue = {"only": "partners.address.name", "where": {"^.role": ["SH"], "^.^.kind": ["F2"]}}
    assert made("note", further, {**PARTNERS, "kind": "F2"}) == "Brandt AG"
    assert made("note", further, {**PARTNERS, "kind": "F8"}) is None


@guarantees("P9.documents")
def test_what_a_condition_looks_at_is_asked_for() -> None:
    """A property that nobody selects would always be empty."""
    paths = compiled("note", {"only": "partners.address.name", "where": {"^.role": ["SP"], "^.^.kind": ["F2"]}}).paths
    assert {("partners", "address", "name"), ("partners", "role"), ("kind",)} <= paths
