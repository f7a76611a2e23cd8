"""Scorecards against the ERP's own receipts, promises and invoices."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

TOOL = "get_supplier_scorecard"
TODAY = date(2026, 3, 16)


def _share(part: int, whole: int) -> Decimal:
    return (Decimal(100 * part) / whole).quantize(Decimal("0.1"), ROUND_HALF_UP)


@guarantees("P7.supplier_figures", "P7.golden_reads")
def test_the_worst_three_suppliers_are_those_of_the_truth(plant: Plant) -> None:
    """By receipts on time in 180 days, at least ten receipts; the definition is named."""
    sql = "SELECT key, value FROM truth_answer WHERE question = '20' ORDER BY rank"
    answer = plant.answer(TOOL, top_n=3)
    told = [(row["supplier_id"], Decimal(row["otd_pct"])) for row in rows_of(answer)]
    assert told == [(supplier, Decimal(rate)) for supplier, rate in plant.look_up("truth", sql)]
    assert [row["place"] for row in rows_of(answer)] == [1, 2, 3]
    assert answer.definition_id == "supplier_scorecard.1"
    assert answer.complete


@guarantees("P7.supplier_figures", "P7.golden_reads")
@pytest.mark.parametrize("window", [30, 180, 366])
def test_shares_and_delays_follow_the_definition(plant: Plant, window: int) -> None:
    """Receipts against first promises, and lines complete by them, worked out from the ERP's tables alone."""
    first = (TODAY - timedelta(days=window)).isoformat()
    delays: defaultdict[str, list[int]] = defaultdict(list)
    for supplier, posted, due in plant.look_up(
        "erp",
        "SELECT p.vendor_no, g.posted_on, p.first_promise FROM gr_item g JOIN po_item p ON p.po_no = g.po_no "
        "AND p.item_no = g.item_no WHERE p.stat <> 'CANC' AND g.posted_on BETWEEN ? AND '2026-03-16'",
        (first,),
    ):
        delays[supplier].append((date.fromisoformat(posted) - date.fromisoformat(due)).days)
    full = {
        supplier: (due, done)
        for supplier, due, done in plant.look_up(
            "erp",
            "SELECT p.vendor_no, count(*), sum((SELECT coalesce(sum(CAST(replace(g.qty, '.', '') AS INTEGER)), 0) "
            "FROM gr_item g WHERE g.po_no = p.po_no AND g.item_no = p.item_no AND g.posted_on <= p.first_promise) "
            ">= CAST(replace(p.qty_ord, '.', '') AS INTEGER)) FROM po_item p "
            "WHERE p.stat <> 'CANC' AND p.first_promise BETWEEN ? AND '2026-03-16' GROUP BY 1",
            (first,),
        )
    }
    found = {row["supplier_id"]: row for row in plant.every(TOOL, window_days=window, min_receipts=1, top_n=50)}
    assert found.keys() == delays.keys()
    for supplier, row in found.items():
        days = sorted(delays[supplier])
        assert row["receipts_count"] == len(days)
        assert Decimal(row["otd_pct"]) == _share(sum(day <= 0 for day in days), len(days))
        late = Decimal(sum(max(0, day) for day in days)) / len(days)
        assert Decimal(row["avg_days_late"]) == late.quantize(Decimal("0.1"), ROUND_HALF_UP)
        assert row["p90_days_late"] == max(0, days[-(-9 * len(days) // 10) - 1])
        due, done = full.get(supplier, (0, 0))
        assert row["lines_due"] == due
        assert (row["otif_pct"] and Decimal(row["otif_pct"])) == (_share(done, due) if due else None)


@guarantees("P7.supplier_figures")
def test_price_variance_is_the_mean_of_what_was_billed_above_the_order(plant: Plant) -> None:
    """Over invoice lines posted in the window, unweighted."""
    ratios: defaultdict[str, list[Decimal]] = defaultdict(list)
    for supplier, billed, ordered in plant.look_up(
        "erp",
        "SELECT p.vendor_no, i.price, p.price FROM vend_inv i JOIN po_item p ON p.po_no = i.po_no "
        "AND p.item_no = i.po_item WHERE i.posted_on BETWEEN '2025-09-17' AND '2026-03-16'",
    ):
        ratios[supplier].append((Decimal(billed) - Decimal(ordered)) / Decimal(ordered))
    found = {row["supplier_id"]: row["price_variance_pct"] for row in plant.every(TOOL, min_receipts=1, top_n=50)}
    assert any(Decimal(value) for value in found.values())
    for supplier, value in found.items():
        mean = 100 * sum(ratios[supplier], Decimal(0)) / len(ratios[supplier])
        assert abs(Decimal(value) - mean) <= Decimal("0.0051"), supplier


@guarantees("P7.stable_paging")
def test_pages_of_ten_give_the_same_ranking(plant: Plant) -> None:
    """No supplier is left out or told twice."""
    whole = rows_of(plant.answer(TOOL, min_receipts=1, top_n=40, limit=40))
    assert plant.every(TOOL, min_receipts=1, top_n=40, limit=10) == whole


@guarantees("P7.supplier_figures", "P1.scope")
def test_one_supplier_is_told_whatever_it_delivered_and_an_unknown_one_is_not(plant: Plant) -> None:
    """The least number of receipts is for the ranking only."""
    (row,) = rows_of(plant.answer(TOOL, supplier_id="S0005", min_receipts=1000))
    assert (row["supplier_id"], row["place"], row["receipts_count"]) == ("S0005", None, 34)
    assert rows_of(plant.answer(TOOL, supplier_id="S9999")) == []
    local = rows_of(plant.answer(TOOL, role="local", supplier_id="S0005"))
    native = plant.look_up(
        "erp",
        "SELECT count(*) FROM gr_item WHERE vendor_no = 'S0005' AND plant = '1000' AND posted_on >= '2025-09-17'",
    )
    assert [row["receipts_count"] for row in local] == [native[0][0]]


@guarantees("P7.provenance")
def test_without_receipts_no_share_is_told(plant: Plant) -> None:
    """Nothing received and nothing known are different: the columns are empty and the gap is named."""
    with plant.without("goods_receipt"):
        answer = plant.answer(TOOL, supplier_id="S0005")
    (row,) = rows_of(answer)
    assert {row[name] for name in ("receipts_count", "otd_pct", "lines_due", "otif_pct", "avg_days_late")} == {None}
    assert not answer.complete
    assert [gap.entity for gap in answer.gaps if not gap.field] == ["goods_receipt"]


@guarantees("P8.masks")
def test_who_sees_no_money_sees_no_price_variance(plant: Plant) -> None:
    """The other figures stay."""
    (row,) = rows_of(plant.answer(TOOL, role="moneyless", supplier_id="S0005"))
    assert row["price_variance_pct"] is None
    assert row["otd_pct"] == "20.6"


@guarantees("P7.golden_reads")
@pytest.mark.parametrize("arguments", [{"window_days": 29}, {"top_n": 51}, {"window_days": "180"}])
def test_figures_out_of_range_are_refused(plant: Plant, arguments: dict[str, Any]) -> None:
    """A window of a day would say nothing."""
    assert plant.refusal(TOOL, **arguments).code == "call.invalid_argument"
