"""Values of a body that depend on a field of the change, and fields that a record does not show."""

from __future__ import annotations

from typing import Any, Final

import pytest

from erp_mcp.domain.write_grammar import PlanError
from erp_mcp.domain.write_plan import Children, When
from tests.guarantees import guarantees
from tests.unit.adapters.writing_source import CREATE, DATE
from tests.unit.domain.test_write_grammar import plan

_MATERIAL: Final = ("write", "body", "to_PurchaseReqnItem", "children", 0, "Material")


@guarantees("commands.plans")
@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"uom": ["KGM", "EA"]}, When(field="uom", among=("KGM", "EA"))),
        ({"rush": [True]}, When(field="rush", among=("true",))),
        ({"qty": {"not": ["0"]}}, When(field="qty", among=("0",), other=True)),
    ],
)
def test_a_value_may_depend_on_a_field_of_the_change(said: dict[str, Any], meant: When) -> None:
    """One of some values, or none of them."""
    one = plan(CREATE, (_MATERIAL, {"field": "material_id", "when": said}))
    below = one.write.body["to_PurchaseReqnItem"]
    assert isinstance(below, Children)
    assert below.bodies[0]["Material"].when == meant  # type: ignore[union-attr]  # a value, as said above


@guarantees("commands.plans", "input.clear_errors")
@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({}, ()),
        ({"uom": ["KGM"], "site": ["1010"]}, ()),
        ({"uom": []}, ("uom",)),
        ({"uom": "KGM"}, ("uom",)),
        ({"uom": {"not": []}}, ("uom",)),
        ({"uom": {"not": ["KGM"], "or": ["EA"]}}, ("uom", "or")),
        ({"The unit": ["KGM"]}, ("The unit",)),
        (["KGM"], ()),
    ],
)
def test_a_condition_that_says_nothing_is_refused_where_it_stands(said: object, wrong: tuple[str, ...]) -> None:
    """One that nobody could ever keep, or that nobody reads, would leave a value out in silence."""
    with pytest.raises(PlanError) as caught:
        plan(CREATE, (_MATERIAL, {"field": "material_id", "when": said}))
    assert caught.value.place == (*_MATERIAL, "when", *wrong)


@guarantees("commands.plans")
def test_a_record_may_show_nothing_of_a_field() -> None:
    """An empty name says so; any other has to be one of the record's."""
    assert plan(DATE, (("shown", "qty_open"), "")).shown == {"new_date": "promised_date", "qty_open": ""}
    with pytest.raises(PlanError):
        plan(DATE, (("shown", "qty_open"), "quantity"))
