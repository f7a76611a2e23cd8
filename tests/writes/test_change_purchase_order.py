"""A purchase order line from the agent's change to the ERP's own row."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

TOOL: Final = "propose_change_purchase_order"
pytestmark = covers(TOOL, DEMO_PLANT)
LINE: Final = ("4500000537", "00020")
ROW: Final = (
    "SELECT qty_ord, qty_recv, qty_open, price, open_value, req_date, promise, release_ind, stat FROM po_item"
    " WHERE po_no = ? AND item_no = ?"
)
CHANGE: Final[dict[str, JsonValue]] = {
    "purchase_order_id": LINE[0],
    "line": LINE[1],
    "qty": "80.5",
    "price": "38.00",
    "delivery_date": "2026-04-20",
    "reason": "The customer wants twenty more.",
    "idempotency_key": "mail-8a11c2:qty",
}


@guarantees("P3.people_commit", "P4.one_effect", "P4.idempotent", "rules.purchase_order_change")
def test_quantity_price_and_day_change_once_and_the_promise_stays(desk: WriteDesk) -> None:
    """The line waits for its release again; the next read shows it."""
    assert desk.erp(ROW, *LINE) == [
        ("60.000", "0.000", "60.000", "37.6100", "2256.60", "2026-03-08", "2026-03-19", "R", "OPEN")
    ]

    done = desk.carry_through(TOOL, **CHANGE)

    assert done.receipt is not None
    assert done.receipt.written.document == LINE[0]
    assert desk.erp(ROW, *LINE) == [
        ("80.500", "0.000", "80.500", "38.0000", "3059.00", "2026-04-20", "2026-03-19", "W", "OPEN")
    ]
    shown = desk.rows("list_purchase_orders", "lines", purchase_order_id=LINE[0])
    assert [one["qty_open"] for one in shown if one["line"] == LINE[1]] == ["80.5"]


@guarantees("P4.stale", "rules.purchase_order_change")
def test_a_line_that_changed_meanwhile_is_not_changed(desk: WriteDesk) -> None:
    """What was approved was approved on the line as it was."""
    moved = f"UPDATE po_item SET memo = 'called', changed_at = '2026-03-16T05:00:01Z' WHERE po_no = '{LINE[0]}'"

    desk.goes_stale(TOOL, moved, **CHANGE)


@guarantees("rules.purchase_order_change")
def test_less_than_has_arrived_is_refused_with_what_has(desk: WriteDesk) -> None:
    """268 of 356 have arrived."""
    asked: dict[str, JsonValue] = {"purchase_order_id": "4500000647", "line": "00010", "qty": "267.999"}
    words: dict[str, JsonValue] = {"reason": "Nobody needs the rest.", "idempotency_key": "mail-8a11c3:qty"}

    refused = desk.refusal(TOOL, **asked, **words)

    assert (refused.code, refused.facts["rule"], refused.facts["would_pass"]) == ("rule.refused", "R-QTY", "268")
