"""What a profile says of amendments, and what an amendment that people may have changed gives."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from erp_mcp.adapters.jsonrpc.amended_lines import OrderLine, Wanted, dates_kept, given_by
from erp_mcp.adapters.jsonrpc.amendment import Amendments
from erp_mcp.adapters.jsonrpc.query import SourceQuery
from erp_mcp.adapters.jsonrpc.recipes import AmendmentRecipe, recipes
from erp_mcp.adapters.jsonrpc.write_session import WriteSession
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities.procurement import PurchaseOrderLine
from erp_mcp.errors import ProfileFileError
from erp_mcp.systems.load import load_profile
from tests.guarantees import guarantees

RECORD = PurchaseOrderLine(
    system="erp", source_key="7", version_token="1", as_of="2026-03-16T05:00:00Z", purchase_order_id="PO1", line="7",
    site="WH", supplier_id="S1", material_id="RM-1", qty_ordered=1, qty_received=0, qty_open=1, uom="C62",
    order_state="open",
)  # fmt: skip
SHIPPED = load_profile("tryton", [Path(__file__).parents[4] / "erp_mcp" / "systems"])
CHANGE = "purchase_order_line.change"


@guarantees("P4.accepted")
def test_the_shipped_amendments_wait_a_week_and_are_found_without_a_ticket() -> None:
    """A lost answer must not make one that waits there look as if it had never arrived."""
    found = {name: one for name, one in recipes(SHIPPED).items() if isinstance(one, AmendmentRecipe)}
    assert found.keys() == {CHANGE, "purchase_order_line.cancel", "sales_order_line.update_price"}
    for name, one in found.items():
        assert (one.operation, one.contract.kind, one.contract.shows_taken_in) == (name, "readback", True)
        assert (one.contract.ack_s, one.ask_s) == (7 * 24 * 3600, 300)


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("contract", "conditional", "contract"),
        ("order", "production", "order"),
        ("ack_s", 31 * 24 * 3600, "ack_s"),
        ("ask_s", True, "ask_s"),
        ("moves", {"open": ["draft"], "unless": "shipment"}, "moves.unless"),
        ("button", "validate_amendment", "button"),
    ],
)
def test_a_recipe_that_can_not_be_kept_is_refused_by_its_key(key: str, value: JsonValue, named: str) -> None:
    """A profile can neither promise more nor press a button."""
    body = SHIPPED.commands[CHANGE]
    assert isinstance(body, dict)
    profile = dataclasses.replace(SHIPPED, commands={CHANGE: {**body, key: value}})
    with pytest.raises(ProfileFileError) as caught:
        recipes(profile)
    assert caught.value.facts["key"] == f"commands.operations.{CHANGE}.{named}"


@guarantees("P4.accepted")
@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([{"action": "line", "line": 7, "quantity": Decimal("4.0"), "unit_price": Decimal(3)}], {7: (4, 3)}),
        ([{"action": "line", "line": 7, "quantity": None, "unit_price": None}], {7: (None, None)}),
        ([{"action": "taxes", "line": None}], None),
        ([{"action": "line", "line": 7}, {"action": "line", "line": 7}], None),
        ([], {}),
    ],
)
def test_an_amendment_gives_its_lines_and_nothing_beside_them(lines: list[Any], found: object) -> None:
    """With another action in it, a yes is a yes to more than was approved."""
    assert given_by(lines) == found


@guarantees("P4.one_effect")
def test_goods_keep_their_day_only_where_they_are_planned_for_the_one_they_were_made_with() -> None:
    """One without a day, or with another, would get the day of the order."""
    same = {"planned_date": "2026-04-01", "origin_planned_date": "2026-04-01"}
    assert dates_kept([same, {"planned_date": None, "origin_planned_date": None}])
    assert not dates_kept([same, {**same, "planned_date": "2026-04-02"}])
    assert not dates_kept([{**same, "origin_planned_date": None}])


@guarantees("P4.one_effect")
def test_an_amendment_gives_a_line_whole_with_what_was_not_asked_for_as_it_is() -> None:
    """What it leaves out would be taken away from the line: product, unit, text, and the supplier's own product."""
    recipe = recipes(SHIPPED)[CHANGE]
    assert isinstance(recipe, AmendmentRecipe)
    kept: dict[str, Any] = {"product": 3, "unit": 1, "description": "as drawn", "product_supplier": 8}
    line = OrderLine(record=RECORD, row={"id": 7, **kept, "note": "x"}, state="processing", moves=())
    amendments = Amendments(session=cast("WriteSession", None), query=cast("SourceQuery", None), recipe=recipe)
    given = amendments._line_values(Wanted(line=line, qty=Decimal("4.5"), price=Decimal("3.25")))
    assert given == {**kept, "action": "line", "line": 7, "quantity": 4.5, "unit_price": Decimal("3.25")}
