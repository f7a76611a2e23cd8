"""Versions of what is written, where that is not the record itself: said by a look-up, sent with the change."""

from __future__ import annotations

import copy
from typing import Any, Final

import pytest

from erp_mcp.adapters._documents.command_values import Facts, Found, RefusedError, text_of
from erp_mcp.domain.command import Command
from erp_mcp.domain.reference import reference_of
from erp_mcp.domain.write_grammar import PlanError, parse_plan
from erp_mcp.domain.write_plan import Value
from tests.guarantees import guarantees

DATE: Final = "purchase_order_line.update_delivery_date"
PLAN: Final[dict[str, Any]] = {
    "contract": "conditional",
    "settle_s": 0,
    "record": {"same": ["purchase_order_id", "line"]},
    "look": {"row": {"path": ["rows", {"key": 0}], "version": "data.modified"}},
    "write": {
        "method": "PUT",
        "path": ["rows", {"key": 0}],
        "body": {"modified": {"version": "row"}, "date": {"field": "new_date"}},
    },
    "shown": {"new_date": "promised_date"},
}


@guarantees("commands.plans")
def test_the_version_of_a_look_up_makes_a_change_conditional() -> None:
    """It is the version of what is written, so it keeps the contract as well as the record's own."""
    one = parse_plan(DATE, PLAN, protocol="rest", key_parts=1)
    assert one.write.body["modified"] == Value(source="version", found="row")
    assert one.lookups[0].version == "data.modified"


@guarantees("commands.plans", "input.clear_errors")
@pytest.mark.parametrize(
    ("place", "value", "wrong"),
    [
        (("write", "body", "modified"), {"version": "other"}, ("look",)),
        (("look", "row", "version"), "", ("look",)),
        (("write", "body", "modified"), {"version": False}, ("write", "body", "modified", "version")),
        (("write", "body", "modified"), {"version": ""}, ("write", "body", "modified", "version")),
        (("write", "body", "modified"), {"version": 1}, ("write", "body", "modified", "version")),
    ],
)
def test_a_version_that_nobody_says_is_refused(place: tuple[str, ...], value: Any, wrong: tuple[str, ...]) -> None:
    """A change that names no version would overwrite what others did."""
    body = copy.deepcopy(PLAN)
    at = body
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    with pytest.raises(PlanError) as caught:
        parse_plan(DATE, body, protocol="rest", key_parts=1)
    assert caught.value.place == wrong


@guarantees("commands.plans")
def test_in_odata_a_look_up_says_its_version_by_its_etag_alone() -> None:
    """There it stands in `If-Match`, never in a body."""
    body = {
        **copy.deepcopy(PLAN),
        "look": {"row": {"set": "po/Rows", "key": {"Id": {"key": 0}}, "take": ["Id"]}},
        "write": {"method": "PATCH", "set": "po/Rows", "key": {"Id": {"key": 0}}, "body": {"M": {"version": "row"}}},
    }
    with pytest.raises(PlanError) as caught:
        parse_plan(DATE, body, protocol="odata", key_parts=1)
    assert caught.value.place == ("write", "body", "M", "version")


@guarantees("commands.plans")
def test_a_version_that_was_not_found_is_never_replaced_by_another() -> None:
    """The record's own token would be the wrong one, and none would be no condition."""
    command = Command(
        operation=DATE, system="erp", entity="purchase_order_line", key="r1", version_token="of the record",
        reference=reference_of("x"), fields={},
    )  # fmt: skip
    of_row = Value(source="version", found="row")
    found = Facts(command=command, found={"row": Found(document={}, version="of the row")})
    assert text_of(of_row, found) == "of the row"
    assert text_of(Value(source="version"), found) == "of the record"
    for facts in (Facts(command=command), Facts(command=command, found={"row": Found(document={})})):
        with pytest.raises(RefusedError, match="no_version"):
            text_of(of_row, facts)
