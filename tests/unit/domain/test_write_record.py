"""Rows of a list and what the record must be: what a profile may say of them, and where a mistake stands."""

from __future__ import annotations

from typing import Any, Final

import pytest

from erp_mcp.domain.write_grammar import PlanError, parse_plan
from erp_mcp.domain.write_plan import Children, Plan, Single, Value
from tests.guarantees import guarantees

ORDER: Final = "purchase_order_line.create"
CANCEL: Final = "purchase_order_line.cancel"
_LINE: Final = {"Place": {"place": 10, "pad": 5}, "Material": {"row": "material_id"}, "Plant": {"field": "site"}}


def order(**more: Any) -> Plan:
    """Return a plan of an order with a line for each row of `lines`."""
    items = {"each": "lines", "children": [_LINE], **more}
    body: Any = {
        "contract": "none", "settle_s": 0,
        "write": {"method": "POST", "set": "po/Order", "body": {"Supplier": {"field": "supplier_id"}, "Items": items}},
    }  # fmt: skip
    return parse_plan(ORDER, body, protocol="odata", key_parts=2)


def cancelling(**record: Any) -> Plan:
    """Return a plan of a cancellation."""
    write = {"method": "PATCH", "set": "po/Item", "key": {"Order": {"key": 0}}, "body": {"Mark": {"const": "L"}}}
    body: Any = {"contract": "none", "settle_s": 0, "record": {"same": ["purchase_order_id"], **record}, "write": write}
    return parse_plan(CANCEL, body, protocol="odata", key_parts=2)


@guarantees("commands.plans")
def test_a_child_is_made_for_each_row() -> None:
    """Its values are of the row, of its place, or of the whole change."""
    items = order().write.body["Items"]
    assert isinstance(items, Children)
    assert items.each == "lines"
    assert items.bodies == (
        {
            "Place": Value(source="place", index=10, pad=5),
            "Material": Value(source="row", name="material_id"),
            "Plant": Value(source="field", name="site"),
        },
    )


@guarantees("commands.plans")
def test_what_the_record_must_be_and_becomes_is_said() -> None:
    """One line at a time, the day as it is, and cancelled afterwards."""
    one = cancelling(
        single={"lines": {"is": "line", "code": "one_line_at_a_time"}},
        unchanged={"delivery_date": "day_not_changed_here"},
        becomes={"order_state": "cancelled"},
    )
    assert one.single == (Single(field="lines", named="line", code="one_line_at_a_time"),)
    assert (one.unchanged, one.becomes) == ({"delivery_date": "day_not_changed_here"}, {"order_state": "cancelled"})


@guarantees("commands.plans", "input.clear_errors")
@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"each": ""}, ("write", "body", "Items", "each")),
        ({"each": 1}, ("write", "body", "Items", "each")),
        ({"children": []}, ("write", "body", "Items", "children")),
        ({"children": [{"Place": {"place": 0}}]}, ("write", "body", "Items", "children", 0, "Place", "place")),
        ({"children": [{"Material": {"row": ""}}]}, ("write", "body", "Items", "children", 0, "Material", "row")),
        ({"children": [{"Parts": {"each": "parts", "children": [_LINE]}}]}, ("write", "body")),
    ],
)
def test_rows_that_are_none_are_refused_where_they_stand(more: dict[str, Any], wrong: tuple[str | int, ...]) -> None:
    """A row has no rows of its own, and a place is counted in steps."""
    with pytest.raises(PlanError) as caught:
        order(**more)
    assert caught.value.place == wrong


@guarantees("commands.plans", "input.clear_errors")
@pytest.mark.parametrize("value", [{"row": "material_id"}, {"place": 10}])
def test_what_is_of_a_row_stands_in_a_child_of_it(value: dict[str, Any]) -> None:
    """Elsewhere nobody could say which row is meant."""
    with pytest.raises(PlanError) as caught:
        parse_plan(
            ORDER,
            {"contract": "none", "settle_s": 0, "write": {"method": "POST", "set": "po/Order", "body": {"X": value}}},
            protocol="odata",
        )
    assert caught.value.place == ("write", "body")


@guarantees("commands.plans", "input.clear_errors")
@pytest.mark.parametrize(
    ("record", "wrong"),
    [
        ({"single": {"lines": {"is": "nothing", "code": "x"}}}, ("record", "single", "lines", "is")),
        ({"single": {"lines": {"is": "line"}}}, ("record", "single", "lines")),
        ({"single": {"lines": {"is": "line", "code": "x", "of": 1}}}, ("record", "single", "lines", "of")),
        ({"unchanged": {"delivery_date": "Not Ours"}}, ("record", "unchanged", "delivery_date")),
        ({"becomes": {"nothing": "x"}}, ("record", "becomes", "nothing")),
        ({"becomes": {"order_state": ""}}, ("record", "becomes", "order_state")),
        ({"others": {}}, ("record", "others")),
    ],
)
def test_what_is_no_field_or_no_code_is_refused_where_it_stands(
    record: dict[str, Any], wrong: tuple[str | int, ...]
) -> None:
    """Names are those of the record, and codes are ours."""
    with pytest.raises(PlanError) as caught:
        cancelling(**record)
    assert caught.value.place == wrong
