"""Rows of a list become children, and a record is looked at before and after a change of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import pytest

from erp_mcp.adapters._documents.command_records import has_become, held_back
from erp_mcp.adapters._documents.command_values import Facts, RefusedError, children_of, text_of
from erp_mcp.adapters.odata.commands_body import Schema, body_of
from erp_mcp.adapters.odata.commands_facets import Facet, Facets
from erp_mcp.adapters.odata.grammar import Version
from erp_mcp.adapters.odata.model import Model, Property, Structure
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Refused
from erp_mcp.domain.write_grammar import parse_plan
from erp_mcp.domain.write_plan import Children, Plan, Value
from tests.guarantees import guarantees
from tests.unit.commands.cases import LINE

CANCEL: Final = "purchase_order_line.cancel"
ROWS: Final = Children(bodies=({"Material": Value(source="row", name="material_id")},), each="lines")


def command(**fields: JsonValue) -> Command:
    """Return a change of the line."""
    return Command(
        operation=CANCEL, system="erp", entity="purchase_order_line", key=LINE.source_key,
        version_token=LINE.version_token, reference="R00000000000", fields=fields,
    )  # fmt: skip


def plan(**record: Any) -> Plan:
    """Return a plan that says something of the record."""
    write = {"method": "PATCH", "set": "po/Item", "body": {"Mark": {"const": "L"}}}
    shown = {"delivery_date": "requested_date"}
    body: Any = {"contract": "none", "settle_s": 0, "record": record, "shown": shown, "write": write}
    return parse_plan(CANCEL, body, protocol="odata", key_parts=2)


@guarantees("commands.plans")
def test_each_row_is_a_child_with_its_place() -> None:
    """In the order in which they stand, counted in the plan's steps."""
    rows: list[JsonValue] = [{"material_id": "RM-1"}, {"material_id": "RM-2"}]
    made = [
        (text_of(body["Material"], known), text_of(Value(source="place", index=10, pad=5), known))
        for body, known in children_of(ROWS, Facts(command=command(lines=rows)))
        if isinstance(body["Material"], Value)
    ]
    assert made == [("RM-1", "00010"), ("RM-2", "00020")]


@guarantees("commands.plans", "input.clear_errors")
@pytest.mark.parametrize("lines", [None, [], "RM-1", {"material_id": "RM-1"}, ["RM-1"], [{}, 1], [{}] * 101])
def test_what_is_no_list_of_rows_is_refused(lines: JsonValue) -> None:
    """Nothing is made of it, nor of a part of it."""
    with pytest.raises(RefusedError, match="bad_lines"):
        list(children_of(ROWS, Facts(command=command(lines=lines))))


@guarantees("commands.plans", "input.clear_errors")
@pytest.mark.parametrize(
    ("row", "code"),
    [({}, "no_material_id"), ({"material_id": ["x"]}, "bad_material_id"), ({"material_id": "x\n"}, "bad_")],
)
def test_what_a_row_lacks_is_named(row: Mapping[str, JsonValue], code: str) -> None:
    """By the name of its field, as a field of the change is."""
    facts = dataclasses.replace(Facts(command=command()), row=row, place=1)
    with pytest.raises(RefusedError, match=code):
        text_of(Value(source="row", name="material_id"), facts)


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize("version", [2, 4])
@pytest.mark.parametrize(
    ("asked", "sent"), [("12.5000", "12.500"), ("0.0000", "0.000"), ("7", "7"), ("0.125", "0.125")]
)
def test_a_number_has_no_more_places_than_the_property(version: Version, asked: str, sent: str) -> None:
    """Zeros that don't fit are left out, since some systems take them for too much; nothing is rounded."""
    item = Structure(name="po.Item", properties={"Price": Property(name="Price", type="Edm.Decimal")})
    facets = Facets(types={"po.Item": {"Price": Facet(digits=3)}})
    schema = Schema(version=version, model=Model(structures={}, sets={}), facets=facets)
    body = body_of(schema, item, {"Price": Value(source="field", name="price")}, Facts(command=command(price=asked)))
    assert str(body["Price"]) == sent
    assert Decimal(str(body["Price"])) == Decimal(asked)


@guarantees("commands.plans", "P4.one_effect")
@pytest.mark.parametrize(
    ("record", "fields", "code"),
    [
        ({"single": {"lines": {"is": "line", "code": "one_line"}}}, {"lines": [LINE.line]}, ""),
        ({"single": {"lines": {"is": "line", "code": "one_line"}}}, {"lines": [LINE.line, "00999"]}, "one_line"),
        ({"single": {"lines": {"is": "line", "code": "one_line"}}}, {"lines": ["00999"]}, "one_line"),
        ({"single": {"lines": {"is": "line", "code": "one_line"}}}, {"lines": LINE.line}, "one_line"),
        ({"single": {"lines": {"is": "line", "code": "one_line"}}}, {}, "one_line"),
        ({"unchanged": {"delivery_date": "other_day"}}, {"delivery_date": LINE.requested_date}, ""),
        ({"unchanged": {"delivery_date": "other_day"}}, {"delivery_date": "2031-01-01"}, "other_day"),
        ({"unchanged": {"delivery_date": "other_day"}}, {"delivery_date": None}, "other_day"),
        ({"same": ["line"]}, {"line": "00999"}, "key_mismatch"),
        ({"require": {"order_state": {"in": ["closed"], "code": "not_closed"}}}, {}, "not_closed"),
    ],
)
def test_what_the_record_is_not_holds_the_change_back(
    record: dict[str, Any], fields: dict[str, JsonValue], code: str
) -> None:
    """With the code that the profile gives it, and nothing where it fits."""
    assert held_back(plan(**record), command(**fields), LINE) == (Refused(code=code) if code else None)


@guarantees("commands.plans", "P4.unknown")
def test_a_record_that_became_something_else_is_not_what_was_asked_for() -> None:
    """Another version alone proves nothing of a change whose values the record does not show."""
    one = plan(becomes={"order_state": "cancelled"})
    assert not has_become(one, LINE)
    assert has_become(one, dataclasses.replace(LINE, order_state="cancelled"))
    assert has_become(plan(), LINE)
