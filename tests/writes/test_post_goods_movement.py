"""Goods movements: what a person on site has seen is posted once, with its order, its lot and its stock."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

TOOL: Final = "propose_post_goods_movement"
pytestmark = covers(TOOL, DEMO_PLANT)
ORDER: Final = "000001000539"
ISSUE: Final[dict[str, JsonValue]] = {
    "movement": "issue_to_order",
    "site": "1000",
    "reference_id": ORDER,
    "confirmed_by": "A. Weber, store, 16 March 05:40",
    "lines": [
        {"material_id": "RM-007", "lot_id": "L000850", "storage_location_id": "0001", "qty": "20.5", "uom": "KGM"}
    ],
    "reason": "The store has brought the sheets to the first machine.",
    "idempotency_key": "store-2026-03-16:1",
}
RECEIPT: Final[dict[str, JsonValue]] = {
    **ISSUE,
    "movement": "receipt_for_po",
    "reference_id": "4500000630",
    "lines": [
        {
            "reference_line": "00030", "material_id": "RM-025", "lot_id": "L009001", "storage_location_id": "0001",
            "qty": "40", "uom": "EA",
        }
    ],
}  # fmt: skip
MOVED: Final = (
    "SELECT mv_code, mat_no, sloc, lot_no, stk_type, qty, uom, ref_type, ref_no, ref_item FROM mat_move"
    " WHERE doc_no = ? ORDER BY item_no"
)
STOCK: Final = "SELECT sloc, stk_type, qty FROM stock_qty WHERE lot_no = ? ORDER BY 1, 2"


@guarantees("P3.people_commit", "P4.one_effect", "P4.idempotent", "rules.goods_movement")
def test_an_issue_takes_stock_component_and_reservation_in_one_document(desk: WriteDesk) -> None:
    """Two people say yes, since stock and books move; the witness stands beside the document."""
    held: dict[str, JsonValue] = {
        "material_id": "RM-007", "site": "1000", "qty": "12", "uom": "KGM", "demand_id": ORDER,
        "need_date": "2026-03-19", "reason": "Held for the order of this week.", "idempotency_key": "hold-1-of-it",
    }  # fmt: skip
    reserved = desk.commit("propose_reserve_inventory", **held).written.document
    desk.sync()

    done = desk.carry_through(TOOL, **ISSUE)

    assert done.content.terms.needed == 2
    assert done.receipt is not None
    number = done.receipt.written.document
    assert desk.erp(MOVED, number) == [
        ("261", "RM-007", "0001", "L000850", "F", "-20.500", "KGM", "PRD", ORDER, "0080")
    ]
    assert desk.erp(STOCK, "L000850") == [("0001", "F", "621.500")]
    assert desk.erp("SELECT qty_wd, qty_open FROM prod_comp WHERE ord_no = ? AND item_no = '0080'", ORDER) == [
        ("20.500", "29.500")
    ]
    assert desk.erp("SELECT qty FROM resv WHERE resv_no = ?", reserved) == [("0.000",)]
    assert desk.erp("SELECT confirmed_by FROM mv_witness WHERE doc_no = ?", number) == [(ISSUE["confirmed_by"],)]
    desk.sync()
    rows = desk.rows("list_goods_movements", "movements", material_id="RM-007", lot_id="L000850")
    (row,) = [one for one in rows if one["movement_id"] == number]
    assert (row["movement_code"], row["qty"], row["reference_id"]) == ("production_issue", "-20.5", ORDER)


@guarantees("P4.one_effect", "rules.goods_movement")
def test_a_receipt_goes_into_quality_stock_in_the_unit_of_stock(desk: WriteDesk) -> None:
    """Forty pieces are thirty square metres of the order's forty-two; a new lot waits for its inspection."""
    done = desk.carry_through(TOOL, **RECEIPT)

    assert done.receipt is not None
    number = done.receipt.written.document
    assert desk.erp(MOVED, number) == [
        ("101", "RM-025", "0001", "L009001", "Q", "40.000", "EA", "PO", "4500000630", "00030")
    ]
    assert desk.erp(STOCK, "L009001") == [("0001", "Q", "40.000")]
    line = "SELECT qty_recv, qty_open, open_value, stat FROM po_item WHERE po_no = '4500000630' AND item_no = '00030'"
    assert desk.erp(line) == [("30.000", "12.000", "302.04", "OPEN")]
    assert desk.erp("SELECT seq, qty, uom, lot_no FROM gr_item WHERE po_no = '4500000630' AND item_no = '00030'") == [
        (1, "30.000", "MTK", "L009001")
    ]
    assert desk.erp("SELECT disp FROM batch WHERE lot_no = 'L009001'") == [("I",)]
    assert desk.erp("SELECT origin, qty, stat, ud FROM insp_lot WHERE lot_no = 'L009001'") == [
        ("RECEIPT", "40.000", "OPEN", None)
    ]


@guarantees("P4.one_effect", "rules.goods_movement")
def test_a_transfer_changes_the_place_and_nothing_else(desk: WriteDesk) -> None:
    """Two sides of one document, in sum nothing."""
    line: JsonValue = {
        "material_id": "RM-007", "lot_id": "L000850", "storage_location_id": "0001", "to_location": "0002",
        "qty": "100", "uom": "KGM",
    }  # fmt: skip
    done = desk.carry_through(TOOL, **{**ISSUE, "movement": "transfer", "reference_id": "TR-77", "lines": [line]})
    assert done.receipt is not None
    moved = desk.erp(MOVED, done.receipt.written.document)
    assert [(row[0], row[2], row[5], row[7], row[8]) for row in moved] == [
        ("311", "0001", "-100.000", "TRQ", "TR-77"),
        ("311", "0002", "100.000", "TRQ", "TR-77"),
    ]
    assert desk.erp(STOCK, "L000850") == [("0001", "F", "542.000"), ("0002", "F", "100.000")]
    desk.sync()
    rows = desk.rows("list_goods_movements", "movements", material_id="RM-007", lot_id="L000850")
    assert ("transfer", "100") in [(one["movement_code"], one["qty"]) for one in rows]


@guarantees("P4.stale", "rules.goods_movement")
def test_an_order_line_that_changed_in_between_stops_the_receipt(desk: WriteDesk) -> None:
    """Its version is part of what people approved."""
    changed = (
        "UPDATE po_item SET memo = 'called', changed_at = '2026-03-16T05:00:01Z'"
        " WHERE po_no = '4500000630' AND item_no = '00030'"
    )
    desk.goes_stale(TOOL, changed, **RECEIPT)


@guarantees("P4.one_effect", "rules.goods_movement")
def test_scrap_is_taken_from_what_quality_has_blocked_for_its_notification(desk: WriteDesk) -> None:
    """Fifty pieces are blocked; a notification about another lot is no reason."""
    line: JsonValue = {
        "material_id": "RM-014",
        "lot_id": "L000906",
        "storage_location_id": "0001",
        "qty": "10",
        "uom": "EA",
    }
    scrap: dict[str, JsonValue] = {**ISSUE, "movement": "scrap", "lines": [line]}
    assert desk.refusal(TOOL, **{**scrap, "reference_id": "QN00200101"}).facts["rule"] == "R-REFERENCE"
    done = desk.carry_through(TOOL, **{**scrap, "reference_id": "QN00200102"})
    assert done.receipt is not None
    assert desk.erp(MOVED, done.receipt.written.document) == [
        ("555", "RM-014", "0001", "L000906", "S", "-10.000", "EA", "QN", "QN00200102", "")
    ]
    assert desk.erp(STOCK, "L000906") == [("0001", "S", "40.000")]


@guarantees("rules.goods_movement")
def test_inventory_differences_are_not_proposed_at_all(desk: WriteDesk) -> None:
    """A count is posted by those who counted."""
    assert desk.refusal(TOOL, **{**ISSUE, "movement": "adjust"}).facts["rule"] == "R-CODE"
