"""Which past purchases tell most about the next one."""

from __future__ import annotations

from erp_mcp.analyses.buying import BoughtLineRow, ReceiptRow
from erp_mcp.analyses.purchase_history import ANALYSIS
from erp_mcp.domain.call import ArgumentValue
from tests.guarantees import guarantees
from tests.unit.analyses.small_plant import ONE, SmallPlant


def _bought(plant: SmallPlant, number: str, **given: object) -> None:
    """Ten, ordered a year ago from S-1, received."""
    values: dict[str, object] = {
        "purchase_order_id": number,
        "line": "10",
        "supplier_id": "S-1",
        "material_id": "M",
        "qty_ordered": 10 * ONE,
        "qty_received": 10 * ONE,
        "order_date": "2025-03-16",
        "order_state": "closed",
    }
    plant.add("lines", BoughtLineRow, **values | given)


def _ranked(plant: SmallPlant, **arguments: ArgumentValue) -> list[tuple[object, object]]:
    return [(row[1], row[20]) for row in plant.ask(ANALYSIS, **arguments).tables["purchases"]]


@guarantees("P7.supplier_figures")
def test_without_more_to_go_by_the_newest_comes_first() -> None:
    """Forty points on the day, twenty after a year, none after two; ties go by number."""
    plant = SmallPlant()
    _bought(plant, "PO-OLD", order_date="2024-03-01")
    _bought(plant, "PO-B")
    _bought(plant, "PO-A")
    _bought(plant, "PO-NEW", order_date="2026-03-16")
    assert _ranked(plant) == [
        ("PO-NEW", ("recency 40",)),
        ("PO-A", ("recency 20",)),
        ("PO-B", ("recency 20",)),
        ("PO-OLD", ("recency 0",)),
    ]
    assert [number for number, _ in _ranked(plant, top_n=1)] == ["PO-NEW"]


@guarantees("P7.supplier_figures")
def test_supplier_and_quantity_rank_and_leave_nothing_out() -> None:
    """Each term is shown; a quantity in another unit is not alike."""
    plant = SmallPlant()
    _bought(plant, "PO-ALIKE", qty_ordered=40 * ONE)
    _bought(plant, "PO-MINE", supplier_id="S-2", qty_ordered=200 * ONE)
    _bought(plant, "PO-BOX", qty_ordered=50 * ONE, uom="BX")
    asked: dict[str, ArgumentValue] = {"supplier_id": "S-2", "qty": 50 * ONE, "uom": "C62"}
    assert _ranked(plant, **asked) == [
        ("PO-MINE", ("supplier 30", "qty 7", "recency 20")),
        ("PO-ALIKE", ("supplier 0", "qty 24", "recency 20")),
        ("PO-BOX", ("supplier 0", "qty 0", "recency 20")),
    ]
    assert ("PO-BOX", ("qty 30", "recency 20")) in _ranked(plant, qty=50 * ONE)


@guarantees("P7.supplier_figures")
def test_on_time_goes_by_the_last_receipt_and_is_not_guessed() -> None:
    """Without a receipt or a due date nobody knows."""
    plant = SmallPlant()
    _bought(plant, "PO-LATE", original_promise_date="2025-04-01")
    _bought(plant, "PO-NEVER-DUE")
    for number, day in (("PO-LATE", "2025-03-30"), ("PO-LATE", "2025-04-03"), ("PO-NEVER-DUE", "2025-04-03")):
        plant.add("receipts", ReceiptRow, purchase_order_id=number, line="10", posted_on=day, qty=5 * ONE)
    rows = {row[1]: row for row in plant.ask(ANALYSIS).tables["purchases"]}
    assert rows["PO-LATE"][15:19] == ("2025-04-01", "2025-04-03", False, 2)
    assert rows["PO-NEVER-DUE"][15:19] == (None, "2025-04-03", None, None)
