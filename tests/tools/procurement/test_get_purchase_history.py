"""Past purchases of a material, the most relevant first."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

TOOL = "get_purchase_history"
TODAY = date(2026, 3, 16)


def _native(plant: Plant, material: str) -> list[dict[str, Any]]:
    """Lines of which something came, with the day of the last receipt, from the ERP's own tables."""
    columns = ("number", "line", "supplier", "qty", "price", "ordered", "due", "last")
    found = plant.look_up(
        "erp",
        "SELECT p.po_no, p.item_no, p.vendor_no, p.qty_ord, p.price, p.ordered_on, p.first_promise, "
        "max(g.posted_on) FROM po_item p JOIN gr_item g ON g.po_no = p.po_no AND g.item_no = p.item_no "
        "WHERE p.mat_no = ? GROUP BY p.po_no, p.item_no",
        (material,),
    )
    return [dict(zip(columns, row, strict=True)) for row in found]


def _bought_twice(plant: Plant) -> tuple[str, str]:
    """A material with purchases from at least two suppliers if there is one, and one of its suppliers."""
    sql = (
        "SELECT mat_no, max(vendor_no) FROM po_item WHERE qty_recv <> '0.000' GROUP BY mat_no "
        "ORDER BY count(DISTINCT vendor_no) DESC, count(*) DESC, mat_no LIMIT 1"
    )
    material, supplier = plant.look_up("erp", sql)[0]
    return str(material), str(supplier)


def _relevance(row: dict[str, Any], supplier: str, qty: int) -> int:
    """Points by the definition, in integers of its own."""
    age = (TODAY - date.fromisoformat(row["ordered"])).days
    mine = int(row["qty"].replace(".", ""))
    alike = 30 * min(mine, qty * 1000) // max(mine, qty * 1000)
    return 40 * max(0, 730 - age) // 730 + (30 if row["supplier"] == supplier else 0) + alike


@guarantees("P7.golden_reads")
def test_five_purchases_come_by_their_points(plant: Plant) -> None:
    """Recency, supplier and quantity as defined; ties go to the newest."""
    material, supplier = _bought_twice(plant)
    native = _native(plant, material)
    native.sort(key=lambda row: (row["number"], row["line"]))
    native.sort(key=lambda row: str(row["ordered"]), reverse=True)
    native.sort(key=lambda row: _relevance(row, supplier, 500), reverse=True)

    answer = plant.answer(TOOL, material_id=material, supplier_id=supplier, qty="500")
    found = rows_of(answer, "purchases")

    assert [(row["purchase_order_id"], row["line"]) for row in found] == [
        (row["number"], row["line"]) for row in native[:5]
    ]
    assert [row["relevance"] for row in found] == [_relevance(row, supplier, 500) for row in native[:5]]
    assert len(found) == 5 < len(native)
    assert rows_of(answer, "all")[0]["purchases"] == len(native)
    assert answer.definition_id == "purchase_relevance.1"


@guarantees("P7.golden_reads")
def test_price_punctuality_and_age_of_each_purchase_are_the_erps(plant: Plant) -> None:
    """All of them, on small pages."""
    material, _ = _bought_twice(plant)
    native = {(row["number"], row["line"]): row for row in _native(plant, material)}
    found = plant.every(TOOL, "purchases", material_id=material, top_n=20, limit=3)
    assert len(found) == min(20, len(native))
    for row in found:
        own = native[row["purchase_order_id"], row["line"]]
        late = (date.fromisoformat(own["last"]) - date.fromisoformat(own["due"])).days
        assert (row["on_time"], row["days_late"]) == (late <= 0, max(0, late))
        assert float(row["price"]) == float(own["price"])
        assert row["age_days"] == (TODAY - date.fromisoformat(own["ordered"])).days
        assert row["received_on"] == own["last"]


@guarantees("P7.provenance")
def test_without_receipts_nothing_is_called_late(plant: Plant) -> None:
    """Purchases stay, and the gap is named."""
    material, _ = _bought_twice(plant)
    with plant.without("goods_receipt"):
        answer = plant.answer(TOOL, material_id=material)
    rows = rows_of(answer, "purchases")
    assert len(rows) == 5
    assert {row[name] for row in rows for name in ("on_time", "days_late", "received_on")} == {None}
    assert [gap.entity for gap in answer.gaps] == ["goods_receipt"]


@guarantees("P8.masks")
def test_who_sees_no_money_sees_purchases_without_prices(plant: Plant) -> None:
    """And in the same order."""
    material, _ = _bought_twice(plant)
    mine = rows_of(plant.answer(TOOL, role="moneyless", material_id=material), "purchases")
    theirs = rows_of(plant.answer(TOOL, material_id=material), "purchases")
    assert {row["price"] for row in mine} == {None}
    assert [row["purchase_order_id"] for row in mine] == [row["purchase_order_id"] for row in theirs]


@guarantees("P7.no_false_empty", "P1.scope")
def test_a_material_of_another_site_and_one_that_does_not_exist_look_alike(plant: Plant) -> None:
    """A reader of one site learns nothing of the other."""
    sql = "SELECT mat_no FROM po_item GROUP BY mat_no HAVING MIN(plant) = '2000' AND MAX(qty_recv) <> '0.000' LIMIT 1"
    elsewhere = str(plant.look_up("erp", sql)[0][0])
    answers = [plant.answer(TOOL, role="local", material_id=one) for one in (elsewhere, "RM-999")]
    assert answers[0].tables == answers[1].tables
    assert rows_of(plant.answer(TOOL, material_id=elsewhere), "purchases")


@guarantees("P7.golden_reads")
@pytest.mark.parametrize("arguments", [{"top_n": 21}, {"qty": 500}, {"qty": "many"}])
def test_arguments_of_the_wrong_form_are_refused(plant: Plant, arguments: dict[str, Any]) -> None:
    """A quantity is a decimal string above zero."""
    assert plant.refusal(TOOL, material_id="RM-014", **arguments).code == "call.invalid_argument"
