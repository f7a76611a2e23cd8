"""Prices from the agent's wish to the ERP's own rows, and no more of them than a limit allows."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.call import JsonValue
from tests.guarantees import guarantees
from tests.systems.matrix.covering import DEMO_PLANT, covers
from tests.writes.desk import WriteDesk

BUY: Final = "propose_update_purchase_price"
SELL: Final = "propose_update_sales_price"
pytestmark = covers((BUY, SELL), DEMO_PLANT)
BOUGHT: Final[dict[str, JsonValue]] = {
    "material_id": "RM-002",
    "supplier_id": "S0014",
    "site": "1000",
    "new_price": "14.60",
    "reason": "The supplier's list of April has this price.",
    "idempotency_key": "list-2026-04:RM-002",
}
SOLD: Final[dict[str, JsonValue]] = {
    "sales_order_id": "0010000250",
    "line": "000010",
    "new_price": "2150.125",
    "reason": "The customer takes both lines at once.",
    "idempotency_key": "mail-71bb02:price",
}


@guarantees("P3.people_commit", "P4.one_effect", "P4.idempotent", "rules.price")
def test_a_purchase_price_changes_once(desk: WriteDesk) -> None:
    """The next read and the next order count with it."""
    done = desk.carry_through(BUY, **BOUGHT)

    assert done.receipt is not None
    assert (done.content.terms.needed, done.receipt.written.document) == (2, "RM-002/S0014")
    prices = "SELECT price, price_per, curr FROM source_list WHERE mat_no = 'RM-002' ORDER BY vendor_no"
    assert desk.erp(prices) == [("14.6000", 1, "EUR"), ("15.4770", 1, "USD")]
    shown = desk.rows("list_supply_sources", "sources", material_id="RM-002")
    assert [one["price"] for one in shown if one["supplier_id"] == "S0014"] == ["14.60"]
    line: JsonValue = {"material_id": "RM-002", "qty": "30", "uom": "MTR", "delivery_date": "2026-06-18"}
    order = desk.propose(
        "propose_create_purchase_order", supplier_id="S0014", site="1000", lines=[line],
        reason="Planned consumption of June.", idempotency_key="plan-2026-24:S0014",
    )  # fmt: skip
    assert order.content.preview.headline.endswith("438.00 EUR")


@guarantees("P4.stale", "rules.price")
def test_a_source_that_changed_meanwhile_keeps_its_price(desk: WriteDesk) -> None:
    """What was approved was approved on the price as it was."""
    moved = "UPDATE source_list SET price = '14.2000', changed_at = '2026-03-16T05:00:01Z' WHERE mat_no = 'RM-002'"

    desk.goes_stale(BUY, moved, **BOUGHT)


@guarantees("P3.people_commit", "P4.one_effect", "P4.idempotent", "rules.price")
def test_a_sales_price_changes_line_and_order_once(desk: WriteDesk) -> None:
    """16 at 2150.125 are 34402.00 instead of 35024.00."""
    done = desk.carry_through(SELL, **SOLD)

    assert done.receipt is not None
    assert done.receipt.written.fields["net_value"] == "34402.00"
    lines = "SELECT item_no, net_value, open_value FROM so_item WHERE so_no = '0010000250' ORDER BY 1"
    assert desk.erp(lines)[0] == ("000010", "34402.00", "34402.00")
    assert desk.erp("SELECT net_value FROM so_head WHERE so_no = '0010000250'") == [("175130.00",)]
    (shown,) = [
        row for row in desk.rows("get_sales_order", "lines", sales_order_id="0010000250") if row["line"] == "000010"
    ]
    assert shown["net_value"] == "34402.00"


@guarantees("P4.stale", "rules.price")
def test_a_sales_line_that_changed_meanwhile_keeps_its_price(desk: WriteDesk) -> None:
    """Somebody has confirmed another day, say."""
    moved = (
        "UPDATE so_item SET conf_date = '2026-05-01', changed_at = '2026-03-16T05:00:01Z' WHERE so_no = '0010000250'"
    )

    desk.goes_stale(SELL, moved, **SOLD)


@guarantees("rules.price")
def test_what_is_billed_already_is_refused(desk: WriteDesk) -> None:
    """Nine of thirty-six have left and are billed."""
    refused = desk.refusal(SELL, **(SOLD | {"sales_order_id": "0010000249", "new_price": "2000"}))

    assert (refused.code, refused.facts["rule"]) == ("rule.refused", "R-INVOICED")
