"""A purchase order, or one line of it, is cancelled in the ERP once two people have said so."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

TOOL: Final = "propose_cancel_purchase_order"
pytestmark = covers(TOOL, DEMO_PLANT)
LINE: Final = ("4500000552", "00020")
CANCEL: Final[dict[str, JsonValue]] = {
    "purchase_order_id": LINE[0],
    "line": LINE[1],
    "cancel_reason": "no_demand",
    "reason": "The order it was bought for is gone.",
    "idempotency_key": "mail-9b20d1:cancel",
}
_WHOLE: Final = (
    "SELECT po_no FROM po_item p GROUP BY po_no HAVING count(*) > 1 AND sum(stat <> 'OPEN') = 0"
    " AND sum(CAST(qty_recv AS REAL)) = 0 AND NOT EXISTS (SELECT 1 FROM vend_inv v WHERE v.po_no = p.po_no) ORDER BY 1"
)
_STATES: Final = "SELECT item_no, stat, qty_open, open_value FROM po_item WHERE po_no = ? ORDER BY item_no"


@guarantees("P3.people_commit", "P4.one_effect", "P4.idempotent", "rules.purchase_order_cancel")
def test_one_line_is_cancelled_and_the_others_stay(desk: WriteDesk) -> None:
    """Nothing is open of it in the next read."""
    before = [row for row in desk.erp(_STATES, LINE[0]) if row[0] != LINE[1]]

    done = desk.carry_through(TOOL, **CANCEL)

    assert done.receipt is not None
    assert done.receipt.written.fields["order_state"] == "cancelled"
    after = desk.erp(_STATES, LINE[0])
    assert [row for row in after if row[0] != LINE[1]] == before
    assert (LINE[1], "CANC", "0.000", "0.00") in after
    shown = desk.rows("get_purchase_order", "lines", purchase_order_id=LINE[0])
    assert [one["order_state"] for one in shown if one["line"] == LINE[1]] == ["cancelled"]


@guarantees("P4.one_effect", "rules.purchase_order_cancel")
def test_an_order_of_several_lines_is_cancelled_as_a_whole(desk: WriteDesk) -> None:
    """All lines in one transaction."""
    order = desk.erp(_WHOLE)[0][0]
    whole = {name: value for name, value in CANCEL.items() if name != "line"}

    desk.carry_through(TOOL, **{**whole, "purchase_order_id": order})

    assert {row[1] for row in desk.erp(_STATES, order)} == {"CANC"}


@guarantees("P4.stale", "rules.purchase_order_cancel")
def test_a_change_of_any_line_stops_the_cancellation_of_all(desk: WriteDesk) -> None:
    """Also of one that does not lead."""
    order = desk.erp(_WHOLE)[0][0]
    last = desk.erp(_STATES, order)[-1][0]
    whole = {name: value for name, value in CANCEL.items() if name != "line"}
    moved = "UPDATE po_item SET memo = 'called', changed_at = '2026-03-16T05:00:01Z'"

    desk.goes_stale(
        TOOL, f"{moved} WHERE po_no = '{order}' AND item_no = '{last}'", **{**whole, "purchase_order_id": order}
    )


@guarantees("rules.purchase_order_cancel")
def test_what_has_arrived_or_is_billed_is_not_cancelled(desk: WriteDesk) -> None:
    """The one in part, the other before anything came."""
    received = desk.refusal(TOOL, **{**CANCEL, "purchase_order_id": "4500000647", "line": "00010"})
    billed = desk.refusal(TOOL, **{**CANCEL, "purchase_order_id": "4500000564", "line": "00030"})

    assert [one.facts["rule"] for one in (received, billed)] == ["R-RECEIVED", "R-INVOICED"]
