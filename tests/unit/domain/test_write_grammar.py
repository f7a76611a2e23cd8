"""The grammar of declarative writes: what may be said, and where a mistake stands."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Final

import pytest

from erp_mcp.domain.write_grammar import PlanError, parse_plan
from erp_mcp.domain.write_plan import Children, Plan, Protocol, Value
from erp_mcp.errors import ProfileFileError
from erp_mcp.systems.load import load_profile
from tests.guarantees import guarantees
from tests.unit.adapters.odata.buying_profile import PLANS
from tests.unit.adapters.rest.fake_writes import PLANS as REST
from tests.unit.adapters.writing_source import CREATE, DATE

Change = tuple[tuple[str | int, ...], Any]
GONE: Final = object()


def plan(operation: str, *changes: Change, protocol: Protocol = "odata") -> Plan:
    """Return a good plan with some places changed."""
    body = copy.deepcopy((PLANS if protocol == "odata" else REST)[operation])
    for place, value in changes:
        at = body
        for step in place[:-1]:
            at = at[step]
        if value is GONE:
            del at[place[-1]]
        else:
            at[place[-1]] = value
    return parse_plan(operation, body, protocol=protocol, key_parts=2 if protocol == "odata" else 1)


@guarantees("commands.plans")
def test_a_plan_says_what_is_written_where() -> None:
    """Typed parts only: no text of a command is ever a piece of an address."""
    one = plan(CREATE)
    below = one.write.body["to_PurchaseReqnItem"]
    assert isinstance(below, Children)
    assert below.bodies[0]["Material"] == Value(source="field", name="material_id")
    assert below.bodies[0]["PurReqnExternalReference"] == Value(source="reference")
    assert (one.write.method, one.write.place.service, one.changes) == ("POST", "pr", False)


_MORE: Final = {"method": "PATCH", "set": "po/A_PurchaseOrderItem", "body": {"Supplier": {"const": "1"}}}
_LINE: Final = ("write", "body", "to_PurchaseReqnItem", "children", 0)


@guarantees("commands.plans", "input.clear_errors")
@pytest.mark.parametrize(
    ("operation", "place", "value", "wrong"),
    [
        (DATE, ("write", "metod"), "PATCH", ("write", "metod")),
        (DATE, ("write", "method"), "DELETE", ("write", "method")),
        (DATE, ("write", "method"), GONE, ("write", "method")),
        (DATE, ("write", "set"), "PurchaseOrder", ("write", "set")),
        (DATE, ("write", "set"), "po/A?x=1", ("write", "set")),
        (DATE, ("write", "if_match"), "nobody", ("write", "if_match")),
        (DATE, ("write", "if_match"), GONE, ("contract",)),
        (DATE, ("write", "key", "ScheduleLine"), {"found": "schedule.Other"}, ("look",)),
        (DATE, ("write", "key", "ScheduleLine"), {"found": "schedule"}, ("write", "key", "ScheduleLine", "found")),
        (DATE, ("write", "key", "ScheduleLine"), {"key": 2}, ("write",)),
        (DATE, ("write", "batch"), "yaml", ("write", "batch")),
        (DATE, ("write", "together"), [_MORE], ("write", "batch")),
        (DATE, ("write", "together"), [{}], ("write", "together", 0, "method")),
        (DATE, ("write", "together"), {}, ("write", "together")),
        (DATE, ("write", "body"), {}, ("write", "body")),
        (DATE, ("write", "body", "X"), {"field": "a", "const": "b"}, ("write", "body", "X")),
        (DATE, ("write", "body", "X"), {"field": "a", "pad": 0}, ("write", "body", "X", "pad")),
        (DATE, ("write", "body", "X"), {"field": "a", "as": "number"}, ("write", "body", "X", "as")),
        (DATE, ("write", "body", "X"), {"option": "company"}, ("write", "body", "X", "option")),
        (DATE, ("write", "body", "X"), {"const": 1.5}, ("write", "body", "X", "const")),
        (DATE, ("write", "body", "X"), {"reference": False}, ("write", "body", "X", "reference")),
        (DATE, ("write", "body", "X"), "text", ("write", "body", "X")),
        (DATE, ("contract",), "readback", ("contract",)),
        (DATE, ("contract",), "sometimes", ("contract",)),
        (DATE, ("settle_s",), -1, ("settle_s",)),
        (DATE, ("settle_s",), True, ("settle_s",)),
        (DATE, ("record",), GONE, ("write",)),
        (DATE, ("record", "same"), ["no_such_field"], ("record", "same", 0)),
        (DATE, ("record", "require", "order_state"), {"in": [], "code": "x"}, ("record", "require", "order_state")),
        (DATE, ("record", "require", "order_state", "code"), "Not Ours", ("record", "require", "order_state", "code")),
        (DATE, ("shown",), {"new_date": "nothing"}, ("shown", "new_date")),
        (DATE, ("answer", "codes", "ME/040"), "Date in the past!", ("answer", "codes", "ME/040")),
        (DATE, ("answer", "error"), "a.b", ("answer", "error")),
        (DATE, ("look", "schedule", "where"), GONE, ("look", "schedule")),
        (DATE, ("unknown",), 1, ("unknown",)),
        (CREATE, ("reference", "longest"), 11, ("reference", "longest")),
        (CREATE, ("reference", "in"), "Elsewhere", ("reference", "in")),
        (CREATE, ("reference",), GONE, ("reference",)),
        (CREATE, ("find",), GONE, ("find",)),
        (CREATE, ("find", "key_paths"), [], ("find", "key_paths")),
        (CREATE, ("made",), {}, ("made",)),
        (CREATE, ("made",), {"location": True}, ("made", "location")),
        (CREATE, ("contract",), "native_key", ("write",)),
        (CREATE, ("contract",), "conditional", ("contract",)),
        (CREATE, (*_LINE[:-1],), [], (*_LINE[:-1],)),
        (CREATE, (*_LINE, "Material"), {"field": ""}, (*_LINE, "Material", "field")),
    ],
)
def test_what_is_wrong_is_refused_where_it_stands(
    operation: str, place: tuple[str | int, ...], value: Any, wrong: tuple[str | int, ...]
) -> None:
    """A contract that nothing keeps is worse than none, and so is a key that nobody reads."""
    with pytest.raises(PlanError) as caught:
        plan(operation, (place, value))
    assert caught.value.place == wrong


@guarantees("commands.change_sets", "commands.plans")
def test_what_is_done_together_stands_in_its_order() -> None:
    """One change set of two requests, in the form that is named; our reference may stand in either."""
    more = {**_MORE, "body": {"Supplier": {"reference": True}}}
    changes = [(("write", "batch"), "json"), (("write", "together"), [more])]
    one = plan(DATE, *changes, (("reference",), {"in": "Supplier", "longest": 12}))
    assert (one.write.batch, [each.place.entity_set for each in one.write.whole]) == (
        "json",
        ["A_PurchaseOrderScheduleLine", "A_PurchaseOrderItem"],
    )
    assert (plan(DATE, (("write", "batch"), True)).write.batch, plan(DATE).write.batch) == ("multipart", "")


@guarantees("commands.change_sets", "input.clear_errors")
@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({**_MORE, "set": "pr/A_PurchaseRequisitionItem"}, ("write", "together", 0)),
        ({**_MORE, "batch": True}, ("write", "together", 0)),
        ({**_MORE, "if_match": "nobody"}, ("write", "together", 0, "if_match")),
        ({**_MORE, "body": {"Supplier": {"found": "schedule.Other"}}}, ("look",)),
        ({**_MORE, "body": {"Supplier": {"key": 2}}}, ("write",)),
    ],
)
def test_what_does_not_belong_into_a_change_set_is_refused(more: Any, wrong: tuple[str | int, ...]) -> None:
    """One service, plain requests, and every value of each of them from somewhere."""
    with pytest.raises(PlanError) as caught:
        plan(DATE, (("write", "batch"), True), (("write", "together"), [more]))
    assert caught.value.place == wrong


@guarantees("commands.change_sets", "input.clear_errors")
def test_a_change_set_has_an_end() -> None:
    """Eight beside the first: who changes more has another thing in mind."""
    with pytest.raises(PlanError) as caught:
        plan(DATE, (("write", "batch"), True), (("write", "together"), [_MORE] * 9))
    assert caught.value.place == ("write", "together")


@guarantees("commands.plans", "input.clear_errors")
@pytest.mark.parametrize(
    ("operation", "place", "value", "wrong"),
    [
        (DATE, ("write", "path"), [], ("write", "path")),
        (DATE, ("write", "path"), [{"key": 0}], ("write", "path")),
        (DATE, ("write", "path"), ["a/../b"], ("write", "path", 0)),
        (DATE, ("write", "path"), ["a?b=c"], ("write", "path", 0)),
        (DATE, ("write", "path"), ["%2e%2e"], ("write", "path", 0)),
        (DATE, ("write", "set"), "po/Set", ("write", "set")),
        (DATE, ("write", "method"), "MERGE", ("write", "method")),
        (DATE, ("write", "batch"), True, ("write", "batch")),
        (DATE, ("write", "headers"), {"Authorization": "x"}, ("write", "headers", "Authorization")),
        (DATE, ("write", "headers"), {"A B": "x"}, ("write", "headers", "A B")),
        (DATE, ("write", "body", "modified"), GONE, ("contract",)),
        (DATE, ("answer", "done"), [202], ("answer", "done")),
        (DATE, ("answer", "done"), [404], ("answer", "done")),
        (DATE, ("answer", "error"), GONE, ("answer", "codes")),
        (CREATE, ("write", "idempotency", "header"), "Cookie", ("write", "idempotency", "header")),
        (CREATE, ("write", "idempotency"), GONE, ("write",)),
    ],
)
def test_what_is_wrong_over_rest_is_refused_where_it_stands(
    operation: str, place: tuple[str | int, ...], value: Any, wrong: tuple[str | int, ...]
) -> None:
    """A path of a profile leads below the system's address and nowhere else."""
    with pytest.raises(PlanError) as caught:
        plan(operation, (place, value), protocol="rest")
    assert caught.value.place == wrong


PROFILE: Final = """\
profile: mine
version: 1
kind: odata
level: 4
zone: Europe/Berlin
odata: {version: 2, services: {pr: x/PR}}
entities:
  supplier:
    set: pr/Supplier
    key: [Supplier]
    fields: {supplier_id: Supplier}
commands:
  operations:
    supplier.create:
      contract: none
      settle_s: 60
      write:
        method: POST
        set: pr/Supplier
        body:
          Supplier: {field: supplier_id, lenght: 10}
"""


@guarantees("commands.plans", "input.clear_errors")
def test_a_mistake_in_a_profile_is_named_with_its_line(tmp_path: Path) -> None:
    """The file is edited by hand; the line saves the search."""
    (tmp_path / "mine.yaml").write_text(PROFILE, encoding="utf-8")
    with pytest.raises(ProfileFileError) as caught:
        load_profile("mine", [tmp_path])
    facts = caught.value.facts
    assert (facts["file"], facts["line"]) == ("mine.yaml", 21)
    assert facts["key"] == "commands.operations.supplier.create.write.body.Supplier.lenght"


@guarantees("commands.plans")
def test_what_is_written_must_be_readable(tmp_path: Path) -> None:
    """Without the entity nothing could be read back."""
    text = PROFILE.replace("supplier.create", "material.create").replace("lenght", "longest")
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ProfileFileError) as caught:
        load_profile("mine", [tmp_path])
    assert caught.value.facts["line"] == 14
