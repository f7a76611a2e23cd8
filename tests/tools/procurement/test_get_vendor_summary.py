"""One supplier up to the end of yesterday, against the ERP's own tables."""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

TOOL = "get_vendor_summary"
FIRST, THROUGH = "2025-03-16", "2026-03-15"
SUPPLIERS = ("S0005", "S0014", "S0035")


def _worth(qty: str, price: str, per: int) -> Decimal:
    return (Decimal(qty) * Decimal(price) / per).quantize(Decimal("0.01"), ROUND_HALF_UP)


@guarantees("P7.supplier_figures", "P7.golden_reads")
@pytest.mark.parametrize("supplier", SUPPLIERS)
def test_counts_and_shares_are_those_of_the_year_that_ended_yesterday(plant: Plant, supplier: str) -> None:
    """Lines, receipts, what was open, overdue and promised later."""
    (row,) = rows_of(plant.answer(TOOL, supplier_id=supplier), "summary")
    lines, last = plant.look_up(
        "erp",
        "SELECT sum(ordered_on >= ?), max(ordered_on) FROM po_item "
        "WHERE vendor_no = ? AND stat <> 'CANC' AND ordered_on <= ?",
        (FIRST, supplier, THROUGH),
    )[0]
    receipts, on_time, newest = plant.look_up(
        "erp",
        "SELECT count(*), sum(g.posted_on <= p.first_promise), max(g.posted_on) FROM gr_item g JOIN po_item p "
        "ON p.po_no = g.po_no AND p.item_no = g.item_no WHERE g.vendor_no = ? AND g.posted_on BETWEEN ? AND ?",
        (supplier, FIRST, THROUGH),
    )[0]
    opened = plant.look_up(
        "erp",
        "SELECT count(*), coalesce(sum(promise < '2026-03-16'), 0), coalesce(sum(promise > first_promise), 0) "
        "FROM po_item WHERE vendor_no = ? AND stat = 'OPEN' AND ordered_on <= ?",
        (supplier, THROUGH),
    )[0]
    assert row["through"] == THROUGH
    assert (row["lines_ordered"], row["last_order_date"]) == (lines, last)
    assert (row["receipts"], row["last_receipt_date"]) == (receipts, newest)
    assert abs(Decimal(row["otd_pct"]) - Decimal(100 * on_time) / receipts) <= Decimal("0.05")
    assert (row["open_lines"], row["overdue_lines"], row["promises_moved"]) == opened


@guarantees("P7.supplier_figures", "P7.exact_numbers", "P7.golden_reads")
@pytest.mark.parametrize("supplier", SUPPLIERS)
def test_money_is_told_per_currency_and_never_summed_across(plant: Plant, supplier: str) -> None:
    """Ordered, billed and open value from the ERP's own figures, by decimals."""
    sums: defaultdict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 3)
    for currency, qty, still, price, per, state in plant.look_up(
        "erp",
        "SELECT curr, qty_ord, qty_open, price, price_per, stat FROM po_item "
        "WHERE vendor_no = ? AND stat <> 'CANC' AND ordered_on BETWEEN ? AND ?",
        (supplier, FIRST, THROUGH),
    ):
        sums[currency][0] += _worth(qty, price, per)
        sums[currency][2] += _worth(still, price, per) if state == "OPEN" else Decimal(0)
    for currency, billed in plant.look_up(
        "erp",
        "SELECT curr, amount FROM vend_inv WHERE vendor_no = ? AND posted_on BETWEEN ? AND ?",
        (supplier, FIRST, THROUGH),
    ):
        sums[currency][1] += Decimal(billed)
    found = rows_of(plant.answer(TOOL, supplier_id=supplier), "money")
    told = {row["currency"]: [Decimal(row[name]) for name in ("ordered", "invoiced", "still_open")] for row in found}
    assert told == sums


@guarantees("P7.no_false_empty")
def test_an_unknown_supplier_has_no_rows(plant: Plant) -> None:
    """Zeros would say that there is one and that it does nothing."""
    answer = plant.answer(TOOL, supplier_id="S9999")
    assert not any(table.rows for table in answer.tables.values())


@guarantees("P1.scope", "P7.supplier_figures")
def test_a_reader_of_one_site_sees_figures_of_that_site(plant: Plant) -> None:
    """The supplier is known everywhere, what it did elsewhere is not."""
    (row,) = rows_of(plant.answer(TOOL, role="local", supplier_id="S0035"), "summary")
    lines = plant.look_up(
        "erp", "SELECT count(*) FROM po_item WHERE vendor_no = 'S0035' AND plant = '1000' AND stat <> 'CANC'"
    )[0][0]
    assert row["lines_ordered"] == lines
    whole = rows_of(plant.answer(TOOL, supplier_id="S0035"), "summary")[0]
    assert rows_of(plant.answer(TOOL, supplier_id="S0035", site="1000"), "summary") == [row]
    assert whole["lines_ordered"] > lines


@guarantees("P7.provenance", "P7.supplier_figures")
def test_without_receipts_shares_are_empty_and_open_lines_go_by_their_state(plant: Plant) -> None:
    """The gap is named."""
    (usual,) = rows_of(plant.answer(TOOL, supplier_id="S0005"), "summary")
    with plant.without("goods_receipt"):
        answer = plant.answer(TOOL, supplier_id="S0005")
    (row,) = rows_of(answer, "summary")
    assert (row["receipts"], row["otd_pct"], row["otif_pct"]) == (None, None, None)
    assert row["open_lines"] == usual["open_lines"]
    assert "goods_receipt" in [gap.entity for gap in answer.gaps]


@guarantees("P8.masks")
def test_who_sees_no_money_sees_figures_without_it(plant: Plant) -> None:
    """Counts and shares are no money."""
    answer = plant.answer(TOOL, role="moneyless", supplier_id="S0005")
    assert {row[name] for row in rows_of(answer, "money") for name in ("ordered", "invoiced", "still_open")} == {None}
    assert rows_of(answer, "summary") == rows_of(plant.answer(TOOL, supplier_id="S0005"), "summary")


@guarantees("P7.golden_reads")
def test_a_supplier_has_to_be_named(plant: Plant) -> None:
    """There is no summary of all."""
    assert plant.refusal(TOOL).code == "call.invalid_argument"
