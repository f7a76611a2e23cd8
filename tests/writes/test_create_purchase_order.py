"""A purchase order from the agent's lines to the ERP's own rows, and the requisition that it takes the place of."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

TOOL: Final = "propose_create_purchase_order"
pytestmark = covers(TOOL, DEMO_PLANT)
NEXT_NUMBER: Final = "4500000746"
ORDER: Final[dict[str, JsonValue]] = {
    "supplier_id": "S0014",
    "site": "1000",
    "lines": [
        {"material_id": "RM-002", "qty": "120.5", "uom": "MTR", "delivery_date": "2026-05-18"},
        {"material_id": "RM-002", "qty": "30", "uom": "MTR", "price": "14.50", "delivery_date": "2026-06-18"},
    ],
    "reason": "Planned consumption of May is not covered by anything open.",
    "idempotency_key": "plan-2026-20:S0014",
}


@guarantees("P3.people_commit", "P4.one_effect", "P4.idempotent", "rules.purchase_order")
def test_an_order_of_two_lines_is_made_once_and_waits_for_its_release(desk: WriteDesk) -> None:
    """Each field of head and items as it was approved; two people had to say yes."""
    done = desk.carry_through(TOOL, **ORDER)

    assert done.receipt is not None
    assert done.content.terms.needed == 2
    assert done.receipt.written.document == NEXT_NUMBER
    assert desk.erp("SELECT * FROM po_head WHERE po_no = ?", NEXT_NUMBER) == [
        (NEXT_NUMBER, "1000", "1000", "S0014", "2026-03-16", "EUR", done.receipt.written.version_token)
    ]
    items = desk.erp(
        "SELECT item_no, plant, vendor_no, mat_no, qty_ord, qty_recv, qty_open, uom, req_date, promise, price,"
        " price_per, open_value, curr, release_ind, stat FROM po_item WHERE po_no = ? ORDER BY item_no",
        NEXT_NUMBER,
    )
    common = ("1000", "S0014", "RM-002")
    assert items == [
        ("00010", *common, "120.500", "0.000", "120.500", "MTR", "2026-05-18", "2026-05-18", "14.0700", 1, "1695.44",
         "EUR", "W", "OPEN"),
        ("00020", *common, "30.000", "0.000", "30.000", "MTR", "2026-06-18", "2026-06-18", "14.5000", 1, "435.00",
         "EUR", "W", "OPEN"),
    ]  # fmt: skip
    assert done.content.preview.headline.endswith("for site 1000, 2130.435 EUR")
    lines = desk.rows("list_purchase_orders", "lines", purchase_order_id=NEXT_NUMBER)
    assert [(one["line"], one["qty_open"], one["promised_date"]) for one in lines] == [
        ("00010", "120.5", "2026-05-18"),
        ("00020", "30", "2026-06-18"),
    ]


@guarantees("P4.one_effect", "rules.purchase_order")
def test_a_released_requisition_is_closed_by_the_order_that_names_it(desk: WriteDesk) -> None:
    """In the same transaction; until then it counts as open."""
    order, number = for_a_requisition(desk)

    desk.carry_through(TOOL, **order)

    assert desk.erp("SELECT stat FROM pr_item WHERE pr_no = ?", number) == [("CONV",)]


@guarantees("P4.stale", "rules.purchase_order")
def test_a_requisition_that_changed_after_the_approval_lets_nothing_be_ordered(desk: WriteDesk) -> None:
    """Somebody else may have ordered for it."""
    order, number = for_a_requisition(desk)

    desk.goes_stale(TOOL, f"UPDATE pr_item SET changed_at = '2026-03-16T05:00:01Z' WHERE pr_no = '{number}'", **order)


@guarantees("rules.purchase_order")
def test_a_price_above_the_tolerance_is_refused_with_the_one_that_would_pass(desk: WriteDesk) -> None:
    """14.07 and five per cent are 14.7735."""
    dear: JsonValue = {
        "material_id": "RM-002",
        "qty": "30",
        "uom": "MTR",
        "price": "14.7736",
        "delivery_date": "2026-06-18",
    }

    refused = desk.refusal(TOOL, **(ORDER | {"lines": [dear]}))

    assert (refused.code, refused.facts["rule"], refused.facts["would_pass"]) == ("rule.refused", "R-PRICE", "14.7735")


def for_a_requisition(desk: WriteDesk) -> tuple[dict[str, JsonValue], str]:
    """Return an order for a released requisition, and the requisition's number."""
    number, item, site, material, qty, uom, supplier = desk.erp(
        "SELECT r.pr_no, r.item_no, r.plant, r.mat_no, r.qty, r.uom, s.vendor_no FROM pr_item r"
        " JOIN source_list s ON (s.mat_no, s.plant, s.uom) = (r.mat_no, r.plant, r.uom) JOIN vendor v USING (vendor_no)"
        " WHERE (r.stat, r.release_ind, s.blocked, v.purch_block) = ('OPEN', 'R', 0, 0)"
        " AND CAST(s.min_qty AS REAL) <= CAST(r.qty AS REAL) ORDER BY 1"
    )[0]
    line: JsonValue = {"material_id": material, "qty": qty, "uom": uom, "delivery_date": "2026-06-18"}
    refs: JsonValue = [{"requisition_id": number, "line": item}]
    return {**ORDER, "supplier_id": supplier, "site": site, "lines": [line], "requisition_refs": refs}, number


@guarantees("P4.undo", "P4.one_effect")
def test_an_order_is_taken_back_as_a_whole_by_a_cancellation_of_its_own(desk: WriteDesk) -> None:
    """Two people again, and nothing of it is open then."""
    first = desk.propose(TOOL, **ORDER)
    desk.approve(first)
    desk.written()
    asked: dict[str, JsonValue] = {"reason": "It was ordered at the wrong site.", "idempotency_key": "undo-key-0001"}

    back = desk.propose("propose_undo", proposal_id=first.content.proposal_id, **asked)
    assert (back.content.tool, back.content.terms.needed) == ("propose_cancel_purchase_order", 2)
    desk.approve(back)
    desk.written()

    assert desk.erp("SELECT DISTINCT stat, qty_open FROM po_item WHERE po_no = ?", NEXT_NUMBER) == [("CANC", "0.000")]
