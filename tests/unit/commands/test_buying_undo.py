"""How orders and prices are taken back: by a call of a tool like any other, or it is said why not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.commands import OPERATIONS
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, Written
from erp_mcp.domain.entities import Record
from erp_mcp.domain.operation import Undoing
from erp_mcp.errors import RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.buying import CHANGE, ORDER, PRICE, SALES_PRICE, SOLD, SOURCE, STANDING, UNTOUCHED
from tests.unit.commands.cases import UNIT, Case

CHANGED = replace(STANDING, qty_ordered=120 * UNIT)
UNCONFIRMED = replace(UNTOUCHED, confirmed=False)
REPRICED = replace(SOURCE, price=210_000)
RESOLD = replace(SOLD, net_value=1_050_000)


def taken_back(case: Case, live: Record, *, today: str = "2026-03-16") -> tuple[str, dict[str, JsonValue]]:
    """Return tool and arguments of the way back from what a case has written."""
    draft, undo = case.draft(), OPERATIONS[case.operation].undo
    assert undo is not None
    command = Command(
        operation=case.operation, system="erp", entity="", key=draft.key, version_token="", reference="R1",
        fields=draft.fields,
    )  # fmt: skip
    written = Written(document="4500000746", key="4500000746/00010", version_token="v9")
    undoing = Undoing(command=command, changes=draft.changes, written=written, live=live, today=today)
    return undo.tool, dict(undo.function(undoing))


@guarantees("P4.undo")
@pytest.mark.parametrize(
    ("case", "live", "tool", "arguments"),
    [
        (
            ORDER,
            UNCONFIRMED,
            "propose_cancel_purchase_order",
            {"purchase_order_id": "4500000746", "cancel_reason": "wrong_order"},
        ),
        (
            CHANGE,
            CHANGED,
            "propose_change_purchase_order",
            {"purchase_order_id": "45", "line": "10", "qty": "100"},
        ),
        (
            PRICE,
            REPRICED,
            "propose_update_purchase_price",
            {"material_id": "RM-1", "supplier_id": "S-1", "site": "1000", "new_price": "20.00"},
        ),
        (
            SALES_PRICE,
            RESOLD,
            "propose_update_sales_price",
            {"sales_order_id": "80", "line": "10", "new_price": "3.3333"},
        ),
    ],
)
def test_the_way_back_says_what_was_there_before(
    case: Case, live: Record, tool: str, arguments: dict[str, JsonValue]
) -> None:
    """Only what was changed is changed again; 30 at 3.3333 are 99.999, and 100.00 to the hundredth."""
    assert taken_back(case, live) == (tool, arguments)


@guarantees("P4.undo")
@pytest.mark.parametrize(
    ("case", "live", "rule"),
    [
        (ORDER, replace(UNTOUCHED, order_state="cancelled"), "R-UNDO-CHANGED"),
        (ORDER, replace(UNTOUCHED, qty_received=1), "R-UNDO-CHANGED"),
        (ORDER, UNTOUCHED, "R-UNDO-CONFIRMED"),
        (CHANGE, replace(CHANGED, qty_ordered=121 * UNIT), "R-UNDO-CHANGED"),
        (CHANGE, replace(CHANGED, price=20_001), "R-UNDO-CHANGED"),
        (CHANGE, replace(CHANGED, requested_date="2026-03-21"), "R-UNDO-CHANGED"),
        (PRICE, replace(REPRICED, price=210_001), "R-UNDO-CHANGED"),
        (SALES_PRICE, replace(RESOLD, net_value=1_050_100), "R-UNDO-CHANGED"),
    ],
)
def test_what_has_changed_since_is_not_taken_back(case: Case, live: Record, rule: str) -> None:
    """Somebody has wanted it otherwise in the meantime."""
    with pytest.raises(RuleRefusedError) as caught:
        taken_back(case, live)
    assert caught.value.facts["rule"] == rule


@guarantees("P4.undo")
def test_a_day_that_has_passed_is_not_asked_for_again() -> None:
    """The supplier can't come yesterday."""
    moved = CHANGE.given(qty=None, delivery_date="2026-04-20")
    live = replace(STANDING, requested_date="2026-04-20")
    assert taken_back(moved, live, today="2026-03-20")[1]["delivery_date"] == "2026-03-20"
    with pytest.raises(RuleRefusedError) as caught:
        taken_back(moved, live, today="2026-03-21")
    assert caught.value.facts["rule"] == "R-UNDO-PAST"


@guarantees("P4.undo")
def test_a_value_that_no_price_gives_is_left_to_a_person() -> None:
    """3,000 in all at 100.00: 0.0333 each are 99.90."""
    many = replace(SOLD, qty_ordered=3000 * UNIT, qty_open=3000 * UNIT)
    case = SALES_PRICE.given(new_price=400).living(line=(many,))
    with pytest.raises(RuleRefusedError) as caught:
        taken_back(case, replace(many, net_value=1_200_000))
    assert caught.value.facts["rule"] == "R-UNDO-INEXACT"


@guarantees("P4.undo")
@pytest.mark.parametrize("name", ["purchase_order_line.cancel", "supplier.create"])
def test_what_can_not_be_taken_back_says_why(name: str) -> None:
    """In a sentence."""
    operation = OPERATIONS[name]
    assert operation.undo is None
    assert operation.irreversible.endswith(".")
