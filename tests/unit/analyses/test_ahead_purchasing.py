"""What suppliers did and billed, from sums worked out ahead of time: always what the whole question would find."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.decision import Mask
from erp_mcp.domain.entities.procurement import GoodsReceipt, PurchaseOrderLine, SupplierInvoice
from tests.guarantees import guarantees
from tests.unit.analyses.random_plant import NOW, SCOPES, Questions, RandomPlant
from tests.unit.projections.small_plant import shipped

_ALL: Final[list[JsonValue]] = ["parked", "posted", "paid"]
_RANKED: Final[Questions] = (
    ("get_supplier_scorecard", {"min_receipts": 1, "top_n": 50}),
    ("get_supplier_scorecard", {"min_receipts": 1, "window_days": 30, "top_n": 1}),
)
_ONE: Final[Questions] = (
    ("get_supplier_scorecard", {"supplier_id": "S1"}),
    ("get_supplier_scorecard", {"supplier_id": "S2", "window_days": 30}),
    ("get_vendor_summary", {"supplier_id": "S1"}),
    ("get_vendor_summary", {"supplier_id": "S2"}),
    ("get_vendor_summary", {"supplier_id": "S9"}),
)
_BILLS: Final[Questions] = (
    ("list_match_exceptions", {}),
    ("list_match_exceptions", {"status": _ALL, "price_tolerance_pct": 0}),
    ("list_match_exceptions", {"status": _ALL, "qty_tolerance_pct": 50, "price_tolerance_pct": 50}),
    ("list_match_exceptions", {"kind": ["no_order", "duplicate", "none_found"]}),
    ("list_match_exceptions", {"supplier_id": "S1", "posted_from": "2026-03-16", "posted_to": "2026-03-24"}),
    ("list_match_exceptions", {"purchase_order_id": "PO1", "min_amount": "0.0002"}),
)
_QUESTIONS: Final = (*_RANKED, *_ONE, *_BILLS)
_ENTITIES: Final = (
    *("purchase_order_line", "goods_receipt", "supplier_invoice") * 3,
    "inspection_lot",
    "supply_source",
    "supplier",
    "supplier_confirmation",
)


@pytest.fixture
def plant(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RandomPlant]:
    made = RandomPlant(tmp_path / "plant.sqlite", getattr(request, "param", 3), shipped())
    for entity in ("supplier", "supplier_confirmation"):
        made.state(entity)
    yield made
    made.close()


def _buy(plant: RandomPlant) -> None:
    """Ten pieces at 2.00, two days late and billed at 2.50."""
    same: dict[str, Any] = {
        "system": "erp",
        "version_token": "1",
        "as_of": NOW,
        "site": "1000",
        "supplier_id": "S1",
        "uom": "EA",
    }
    order = {**same, "purchase_order_id": "PO-9", "line": "10"}
    line = PurchaseOrderLine(
        **order, source_key="line", material_id="M1", qty_ordered=10_000_000, qty_received=10_000_000, qty_open=0,
        order_state="closed", order_date="2026-02-01", original_promise_date="2026-03-01", price=2_0000, currency="EUR",
    )  # fmt: skip
    came = GoodsReceipt(**order, source_key="came", sequence=1, posted_on="2026-03-03", qty=10_000_000)
    bill = SupplierInvoice(
        **same, source_key="bill", invoice_id="I-9", line="1", purchase_order_id="PO-9", purchase_order_line="10",
        posted_on="2026-03-04", qty=10_000_000, price=2_5000, amount=25_0000, currency="EUR", invoice_state="parked",
    )  # fmt: skip
    plant.apply("purchase_order_line", records=(line,))
    plant.apply("goods_receipt", records=(came,))
    plant.apply("supplier_invoice", records=(bill,))


@guarantees("P7.worked_out_ahead", "P7.supplier_figures")
@pytest.mark.parametrize("plant", range(2), indirect=True)
def test_suppliers_and_invoices_are_those_of_the_whole_question_whatever_changes(plant: RandomPlant) -> None:
    """Before anything is worked out, half way through, with everything clean, and with a few keys that are not."""
    plant.change(200, _ENTITIES)
    for _ in range(2):
        plant.alike(_QUESTIONS)
        plant.work_out(limit=2, batches=2)
        plant.alike(_QUESTIONS)
        plant.work_out()
        assert plant.alike(_QUESTIONS) >= len(SCOPES) * len(_BILLS)
        plant.change(plant.chance.choice([1, 2, 8]), _ENTITIES)


@guarantees("P7.worked_out_ahead", "P7.supplier_figures")
def test_sums_of_days_hold_when_the_window_moves_on(plant: RandomPlant) -> None:
    """A receipt leaves the window and a line falls due without a change; nothing is worked out anew for that."""
    _buy(plant)
    plant.change(100, _ENTITIES)
    plant.work_out()
    told = []
    for today in ("2026-03-17", "2026-03-25", "2026-04-20"):
        plant.today, plant.now = today, f"{today}T05:00:00Z"
        ahead, whole, used = plant.both("get_supplier_scorecard", None, (), min_receipts=1, window_days=30, top_n=50)
        assert (ahead, used) == (whole, True)
        told.append(ahead.tables["suppliers"].rows)
    assert len(set(map(str, told))) == len(told)


@guarantees("P7.worked_out_ahead", "P8.masks")
@pytest.mark.parametrize(
    "field", ["purchase_order_line.price", "supplier_invoice.price", "purchase_order_line.order_date"]
)
def test_masked_prices_empty_what_shows_them_and_other_masks_ask_the_whole_question(
    plant: RandomPlant, field: str
) -> None:
    """A figure that rests on the field is empty, and the others are the same either way."""
    _buy(plant)
    plant.change(100, _ENTITIES)
    plant.work_out()
    mask = Mask(field=field, way="drop", rule="m")
    for tool, arguments in (*_RANKED, *_ONE):
        ahead, whole, used = plant.both(tool, None, (mask,), **arguments)
        assert ahead == whole
        if field.endswith("price") and arguments.get("supplier_id") != "S9":
            assert used, (tool, arguments)
    shown, _, _ = plant.both("get_supplier_scorecard", None, (mask,), min_receipts=1, top_n=50)
    assert any(row[-2] for row in shown.tables["suppliers"].rows) != field.endswith("price")


@guarantees("P7.worked_out_ahead", "P7.missing_is_named")
@pytest.mark.parametrize("entity", ["goods_receipt", "supplier_invoice", "inspection_lot"])
def test_what_was_added_up_with_a_source_is_not_told_without_it(plant: RandomPlant, entity: str) -> None:
    """Neither before everything is worked out anew without the source, nor once it is back."""
    plant.change(300, _ENTITIES)
    plant.work_out()
    for as_of in ("", "2026-03-16T05:00:00Z"):
        plant.state(entity, as_of)
        plant.alike(_RANKED)
        plant.work_out()
        plant.alike((*_RANKED, *_ONE))
