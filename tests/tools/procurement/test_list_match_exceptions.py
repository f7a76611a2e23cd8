"""Three-way match against what was planted, and against the ERP's own tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

TOOL = "list_match_exceptions"
CODES = {"DUP": "duplicate", "NOREC": "no_receipt", "PRICE": "price", "QTY": "qty"}
MATCHED = "FROM vend_inv i JOIN po_item p ON p.po_no = i.po_no AND p.item_no = i.po_item WHERE i.block IS NOT NULL"


def _cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


@guarantees("P7.three_way_match", "P7.golden_reads")
def test_each_kind_has_the_invoices_that_were_planted_for_it(plant: Plant) -> None:
    """The kind is worked out anew; the system's own block agrees with it and decides nothing."""
    found = plant.every(TOOL, "exceptions", limit=10)
    for code, kind in CODES.items():
        sql = "SELECT id FROM truth_exception WHERE class_ = ?"
        planted = {number for (number,) in plant.look_up("truth", sql, (f"invoice_{code.lower()}",))}
        assert {row["invoice_id"] for row in found if row["kind"] == kind} == planted, kind
    assert all(row["kind"] == row["block_code"] for row in found)
    truth = dict(plant.look_up("truth", "SELECT key, value FROM truth_answer WHERE question = '37'"))
    counted = Counter(row["kind"] for row in found)
    assert counted == {kind: int(truth[code]) for code, kind in CODES.items()}


@guarantees("P7.three_way_match", "P7.exact_numbers", "P7.golden_reads")
def test_the_money_in_question_is_exact_and_summed_per_kind_and_currency(plant: Plant) -> None:
    """Each variance and the totals from the ERP's own figures, by decimals."""
    native: dict[str, tuple[str, str, Decimal]] = {}
    for number, code, currency, billed, qty, ordered, per, received in plant.look_up(
        "erp",
        f"SELECT i.inv_no, i.block, i.curr, i.amount, i.qty, p.price, p.price_per, p.qty_recv {MATCHED}",
    ):
        amount, price = Decimal(billed), Decimal(ordered) / per
        variance = {
            "PRICE": amount - _cents(Decimal(qty) * price),
            "QTY": _cents((Decimal(qty) - Decimal(received)) * price),
        }.get(code, amount)
        native[number] = (CODES[code], currency, variance)
    answer = plant.answer(TOOL, limit=10)
    found = plant.every(TOOL, "exceptions")
    told = {row["invoice_id"]: (row["kind"], row["currency"], Decimal(row["variance_amount"])) for row in found}
    assert told == native
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for kind, currency, variance in native.values():
        sums[kind, currency] += variance
    totals = {(row["kind"], row["currency"]): Decimal(row["variance_amount"]) for row in rows_of(answer, "totals")}
    assert totals == sums, "totals are over all rows, not over a page"
    planted = plant.look_up("truth", "SELECT key, value FROM truth_answer WHERE question = '37.variance'")
    assert {currency: totals["price", currency] for currency, value in planted if Decimal(value)} == {
        currency: Decimal(value) for currency, value in planted if Decimal(value)
    }
    assert answer.definition_id == "three_way_match.1"


@guarantees("P7.three_way_match")
def test_invoices_that_were_posted_have_no_exception(plant: Plant) -> None:
    """The generator plants none there: an original that was billed twice is no duplicate."""
    answer = plant.answer(TOOL, status=["posted", "paid"])
    assert rows_of(answer, "exceptions") == []
    assert answer.complete


@guarantees("P7.three_way_match")
@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ({"kind": ["price"]}, "i.block = 'PRICE'"),
        ({"kind": ["qty", "duplicate"]}, "i.block IN ('QTY', 'DUP')"),
        ({"supplier_id": "S0014"}, "i.vendor_no = 'S0014'"),
        ({"purchase_order_id": "4500000663"}, "i.po_no = '4500000663'"),
        ({"site": "2000"}, "i.plant = '2000'"),
        ({"posted_from": "2026-03-01"}, "i.posted_on >= '2026-03-01'"),
        ({"posted_to": "2026-01-31"}, "i.posted_on <= '2026-01-31'"),
        ({"kind": ["price"], "price_tolerance_pct": 10}, "i.block = 'PRICE' AND i.price > p.price * 1.1"),
        ({"kind": ["qty"], "qty_tolerance_pct": 50}, "i.block = 'QTY' AND i.qty * 1.0 > p.qty_recv * 1.5"),
    ],
)
def test_a_filter_keeps_what_it_names(plant: Plant, arguments: dict[str, Any], where: str) -> None:
    """Each filter alone, and tolerances; against the ERP's own table."""
    native = {number for (number,) in plant.look_up("erp", f"SELECT i.inv_no {MATCHED} AND {where}")}
    found = plant.every(TOOL, "exceptions", **arguments, limit=10)
    kept = [row for row in found if row["kind"] != "none_found"]
    assert {row["invoice_id"] for row in kept} == native


@guarantees("P7.three_way_match")
def test_small_variances_can_be_left_out(plant: Plant) -> None:
    """The totals are of what is left."""
    found = plant.every(TOOL, "exceptions", min_amount="5000")
    all_ = plant.every(TOOL, "exceptions")
    assert found == [row for row in all_ if Decimal(row["variance_amount"]) >= 5000]
    totals = rows_of(plant.answer(TOOL, min_amount="5000"), "totals")
    assert 0 < sum(row["lines"] for row in totals) == len(found) < len(all_)


@guarantees("P7.three_way_match")
def test_what_is_within_the_tolerance_and_parked_all_the_same_is_shown_as_such(plant: Plant) -> None:
    """The system's block stands beside a kind that says that nothing was found."""
    found = plant.every(TOOL, "exceptions", price_tolerance_pct=50)
    assert {row["block_code"] for row in found if row["kind"] == "none_found"} == {"price"}
    assert "price" not in {row["kind"] for row in found}


@guarantees("P7.three_way_match", "P7.provenance")
def test_without_receipts_the_orders_own_count_is_taken_and_the_gap_is_named(plant: Plant) -> None:
    """What was received stands on the order too."""
    with_receipts = plant.every(TOOL, "exceptions")
    with plant.without("goods_receipt"):
        answer = plant.answer(TOOL, limit=200)
    assert rows_of(answer, "exceptions") == with_receipts
    assert not answer.complete
    assert [gap.entity for gap in answer.gaps] == ["goods_receipt"]


@guarantees("P8.masks", "P7.three_way_match")
def test_who_sees_no_money_gets_no_price_exceptions_and_is_told_so(plant: Plant) -> None:
    """Silence would say that all prices fit."""
    answer = plant.answer(TOOL, role="moneyless", limit=200)
    rows = rows_of(answer, "exceptions")
    assert "price" not in {row["kind"] for row in rows}
    assert {row[name] for row in rows for name in ("amount", "variance_amount", "price_invoiced")} == {None}
    assert {row["kind"] for row in rows} >= {"qty", "duplicate", "no_receipt"}
    assert not answer.complete
    assert any("no price" in warning for warning in answer.warnings)


@guarantees("P7.no_false_empty", "P1.scope")
def test_another_site_and_an_order_that_does_not_exist_look_alike(plant: Plant) -> None:
    """A reader of one site learns nothing of the other."""
    elsewhere = plant.look_up("erp", "SELECT MIN(po_no) FROM vend_inv WHERE block IS NOT NULL AND plant = '2000'")
    answers = [plant.answer(TOOL, role="local", purchase_order_id=one) for one in (str(elsewhere[0][0]), "4599999999")]
    assert answers[0].tables == answers[1].tables
    assert not answers[0].tables["exceptions"].rows


@guarantees("P7.golden_reads")
@pytest.mark.parametrize("arguments", [{"kind": ["tax"]}, {"min_amount": 5}, {"price_tolerance_pct": 51}])
def test_arguments_of_the_wrong_form_are_refused(plant: Plant, arguments: dict[str, Any]) -> None:
    """Amounts are decimal strings, kinds are named."""
    assert plant.refusal(TOOL, **arguments).code == "call.invalid_argument"
