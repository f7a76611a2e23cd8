"""Three-way match on a few rows: what an exception is, and what it is worth."""

from __future__ import annotations

from typing import Any

import pytest

from erp_mcp.analyses.buying import BilledRow, BoughtLineRow, ReceiptRow
from erp_mcp.analyses.match import ANALYSIS
from erp_mcp.domain.answer import Gap
from tests.guarantees import guarantees
from tests.unit.analyses.small_plant import ONE, SmallPlant

EURO = 10_000


def _order(plant: SmallPlant, **given: object) -> None:
    """Ten pieces at 2.00 EUR of PO-1/10, all received."""
    values: dict[str, object] = {
        "purchase_order_id": "PO-1",
        "line": "10",
        "supplier_id": "S-1",
        "qty_ordered": 10 * ONE,
        "qty_received": 10 * ONE,
        "price": 2 * EURO,
        "price_unit": 1,
        "currency": "EUR",
        "order_state": "closed",
    }
    plant.add("lines", BoughtLineRow, **values | given)


def _came(plant: SmallPlant, qty: int, **given: object) -> None:
    values: dict[str, object] = {"purchase_order_id": "PO-1", "line": "10", "posted_on": "2026-03-01"}
    plant.add("receipts", ReceiptRow, **values | {"qty": qty * ONE} | given)


def _bill(plant: SmallPlant, number: str = "I-1", qty: int = 10, **given: object) -> None:
    """An invoice for PO-1/10 at 2.00 EUR, under a number of the supplier's own."""
    price = given.get("price", 2 * EURO)
    values: dict[str, object] = {
        "invoice_id": number,
        "line": "1",
        "supplier_id": "S-1",
        "purchase_order_id": "PO-1",
        "purchase_order_line": "10",
        "posted_on": "2026-03-05",
        "qty": qty * ONE,
        "price_unit": 1,
        "price": price,
        "amount": qty * price if isinstance(price, int) else 20 * EURO,
        "currency": "EUR",
        "supplier_reference": number,
        "invoice_state": "posted",
    }
    plant.add("invoices", BilledRow, **values | given)


def _found(plant: SmallPlant, **arguments: Any) -> list[tuple[object, object, object]]:
    """Invoice, kind and money in question, in order of posting."""
    rows = plant.ask(ANALYSIS, **{"price_tolerance_pct": 2, "qty_tolerance_pct": 0, **arguments}).tables["exceptions"]
    return [(row[0], row[2], row[17]) for row in rows]


@guarantees("P7.three_way_match")
def test_an_invoice_that_fits_order_and_receipts_is_no_exception() -> None:
    """Nor are parts that together are no more than what came."""
    plant = SmallPlant()
    _order(plant)
    _came(plant, 10)
    _bill(plant, "I-1", 4)
    _bill(plant, "I-2", 6)
    assert _found(plant) == []


@guarantees("P7.three_way_match")
def test_what_an_earlier_invoice_billed_is_not_there_for_a_later_one() -> None:
    """The second one is too much by four pieces, in order of posting and not of asking."""
    plant = SmallPlant()
    _order(plant)
    _came(plant, 10)
    _bill(plant, "I-1", 6, posted_on="2026-03-09")
    _bill(plant, "I-2", 8, posted_on="2026-03-05")
    assert _found(plant) == [("I-1", "qty", 8 * EURO)]


@guarantees("P7.three_way_match")
def test_what_went_back_was_not_received() -> None:
    """Receipts count net, whatever the order itself says."""
    plant = SmallPlant()
    _order(plant)
    _came(plant, 10)
    _came(plant, -3)
    _bill(plant)
    assert _found(plant) == [("I-1", "qty", 6 * EURO)]
    assert _found(plant, qty_tolerance_pct=50) == []


@guarantees("P7.three_way_match")
def test_an_invoice_without_any_receipt_is_in_question_as_a_whole() -> None:
    """It is no quantity exception beside that."""
    plant = SmallPlant()
    _order(plant, qty_received=0)
    _bill(plant)
    assert _found(plant) == [("I-1", "no_receipt", 20 * EURO)]


@guarantees("P7.three_way_match")
def test_receipts_that_can_not_be_counted_leave_the_orders_own_count() -> None:
    """In another unit, or not at hand at all."""
    plant = SmallPlant()
    _order(plant)
    _came(plant, 1, uom="BX")
    _bill(plant)
    assert _found(plant) == []
    plant.reads["receipts"] = []
    assert _found(plant) == [("I-1", "no_receipt", 20 * EURO)]
    plant.gaps = [Gap(entity="goods_receipt", reason="no_source")]
    assert _found(plant) == []


@guarantees("P7.three_way_match")
def test_a_price_is_off_up_and_down_beyond_the_tolerance_and_per_unit() -> None:
    """2 % are within; 205 for a hundred is 2.05 for one; a quantity can be wrong beside it."""
    plant = SmallPlant()
    _order(plant)
    _came(plant, 10)
    _bill(plant, price=20_400)
    assert _found(plant) == []
    plant.reads["invoices"] = []
    _bill(plant, price=205 * EURO, price_unit=100, amount=205_000)
    assert _found(plant) == [("I-1", "price", 5_000)]
    plant.reads["invoices"] = []
    _bill(plant, qty=12, price=1 * EURO)
    assert _found(plant) == [("I-1", "qty", 4 * EURO), ("I-1", "price", -12 * EURO)]


@guarantees("P7.three_way_match")
def test_the_same_bill_twice_is_a_duplicate_and_bills_nothing_by_itself() -> None:
    """Upper and lower case of the supplier's number are one; the first one stands."""
    plant = SmallPlant()
    _order(plant)
    _came(plant, 10)
    _bill(plant, "I-1", supplier_reference="r-7")
    _bill(plant, "I-2", supplier_reference="R-7")
    assert _found(plant) == [("I-2", "duplicate", 20 * EURO)]


@guarantees("P7.three_way_match")
@pytest.mark.parametrize(
    ("second", "duplicate"),
    [({}, True), ({"posted_on": "2026-03-06"}, False), ({"supplier_id": "S-2"}, False), ({"amount": 1}, False)],
)
def test_without_numbers_of_the_suppliers_quantity_amount_and_date_tell(
    second: dict[str, Any], duplicate: bool
) -> None:
    """Whatever differs is another bill, and too much by its quantity."""
    plant = SmallPlant()
    _order(plant)
    _came(plant, 10)
    _bill(plant, "I-1", supplier_reference=None)
    _bill(plant, "I-2", supplier_reference=None, **second)
    assert [kind for _, kind, _ in _found(plant, price_tolerance_pct=50)] == ["duplicate" if duplicate else "qty"]


@guarantees("P7.three_way_match")
@pytest.mark.parametrize("odd", [{"currency": "USD"}, {"uom": "BX"}, {"uom": None}])
def test_what_can_not_be_compared_is_said_to_be_so(odd: dict[str, Any]) -> None:
    """Dollars are not matched with euros, boxes not with pieces."""
    plant = SmallPlant()
    _order(plant)
    _came(plant, 10)
    _bill(plant, **odd)
    assert _found(plant) == [("I-1", "not_comparable", None)]


@guarantees("P7.three_way_match")
def test_boxes_billed_before_are_not_taken_for_pieces() -> None:
    """What could not be compared leaves the next invoice as it is."""
    plant = SmallPlant()
    _order(plant)
    _came(plant, 10)
    _bill(plant, "I-1", 5, uom="BX")
    _bill(plant, "I-2", 10)
    assert _found(plant) == [("I-1", "not_comparable", None)]


@guarantees("P7.three_way_match")
def test_an_invoice_for_no_known_order_is_in_question_as_a_whole() -> None:
    """With and without a number of an order."""
    plant = SmallPlant()
    _bill(plant, purchase_order_id="PO-9")
    _bill(plant, "I-2", purchase_order_id=None, purchase_order_line=None)
    assert _found(plant) == [("I-1", "no_order", 20 * EURO), ("I-2", "no_order", 20 * EURO)]


@guarantees("P7.three_way_match")
def test_only_invoices_asked_about_are_shown_though_all_are_counted() -> None:
    """What was billed by others is looked at, cancelled ones are not."""
    plant = SmallPlant()
    _order(plant)
    _came(plant, 10)
    _bill(plant, "I-0", 9, posted_on="2026-03-01")
    _bill(plant, "I-C", 10, posted_on="2026-02-01", invoice_state="cancelled")
    plant.reads["billed"] = plant.reads.pop("invoices")
    _bill(plant, "I-1", 2)
    assert _found(plant) == [("I-1", "qty", 2 * EURO)]


@guarantees("P7.three_way_match")
def test_an_invoice_is_never_too_much_by_more_than_it_bills() -> None:
    """What an earlier one had too much is in question there, and not once more."""
    plant = SmallPlant()
    _order(plant)
    _came(plant, 10)
    _bill(plant, "I-1", 14)
    _bill(plant, "I-2", 3)
    assert _found(plant) == [("I-1", "qty", 8 * EURO), ("I-2", "qty", 6 * EURO)]


@guarantees("P7.three_way_match")
def test_a_block_that_nothing_explains_is_shown_with_what_was_not_found() -> None:
    """The system has a reason that is not in order, receipt or price; small amounts are not left out by it."""
    plant = SmallPlant()
    _order(plant)
    _came(plant, 10)
    _bill(plant, invoice_state="parked", block_code="price")
    assert _found(plant, min_amount=1000 * EURO) == [("I-1", "none_found", None)]
    assert _found(plant, kind=("price", "qty")) == []


@guarantees("P7.three_way_match", "P8.masks")
def test_prices_that_can_not_be_seen_are_not_silently_right() -> None:
    """A warning says that they were not compared."""
    plant = SmallPlant()
    _order(plant, price=None)
    _came(plant, 10)
    _bill(plant, price=None, amount=None)
    found = plant.ask(ANALYSIS)
    assert not found.complete
    assert found.warnings == ("1 invoice lines have no price to be compared here.",)
