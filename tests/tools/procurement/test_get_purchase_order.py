"""One purchase order with everything that hangs on it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

TOOL = "get_purchase_order"


def _moved(plant: Plant) -> str:
    """An order of which a supplier moved a promise and something was received."""
    sql = "SELECT p.po_no FROM po_item p JOIN gr_item g ON g.po_no = p.po_no WHERE p.promise > p.first_promise LIMIT 1"
    return str(plant.look_up("erp", sql)[0][0])


@guarantees("P7.golden_reads")
def test_an_order_comes_with_its_lines_promises_receipts_and_invoices(plant: Plant) -> None:
    """Each table against the ERP's own, row by row."""
    number = _moved(plant)
    answer = plant.answer(TOOL, purchase_order_id=number)

    for table, sql, columns in (
        ("lines", "SELECT item_no, mat_no, CAST(qty_ord AS REAL), promise FROM po_item",
         ("line", "material_id", "qty_ordered", "promised_date")),
        ("confirmations", "SELECT item_no, seq, conf_at, promise FROM po_conf",
         ("line", "sequence", "confirmed_at", "promised_date")),
        ("receipts", "SELECT item_no, seq, CAST(qty AS REAL), posted_on FROM gr_item",
         ("line", "sequence", "qty", "posted_on")),
        ("invoices", "SELECT inv_no, po_item, CAST(amount AS REAL), posted_on FROM vend_inv",
         ("invoice_id", "line", "amount", "posted_on")),
    ):  # fmt: skip
        native = plant.look_up("erp", f"{sql} WHERE po_no = ? ORDER BY 1, 2", (number,))
        told = [
            tuple(float(row[name]) if name in {"qty", "qty_ordered", "amount"} else row[name] for name in columns)
            for row in rows_of(answer, table)
        ]
        assert told == native, table
    (head,) = rows_of(answer, "order")
    supplier = plant.look_up("erp", "SELECT vendor_no FROM po_head WHERE po_no = ?", (number,))[0][0]
    assert (head["supplier_id"], head["lines"]) == (supplier, len(rows_of(answer, "lines")))


@guarantees("P7.golden_reads")
@pytest.mark.parametrize("state", ["OPEN", "CLSD"])
def test_a_line_that_is_split_comes_with_each_date_and_its_quantity(plant: Plant, state: str) -> None:
    """The part ahead and the rest make the line; what came is of the part first, and a closed line has nothing open."""
    split = plant.look_up(
        "erp",
        "SELECT p.po_no, p.item_no, p.qty, p.promise, i.promise, i.qty_ord, i.qty_recv FROM po_part p"
        " JOIN po_item i ON i.po_no = p.po_no AND i.item_no = p.item_no WHERE i.stat = ?",
        (state,),
    )
    assert {Decimal(row[6]) > 0 for row in split} == ({True, False} if state == "OPEN" else {True})
    for number, item, part, ahead, promise, ordered, came in split[:12]:
        answer = plant.answer(TOOL, purchase_order_id=number)
        told = [row for row in rows_of(answer, "schedule_lines") if row["line"] == item]
        first, rest = Decimal(part), Decimal(ordered) - Decimal(part)
        still = Decimal(ordered) - Decimal(came) if state == "OPEN" else Decimal(0)
        dates = [(row["promised_date"], Decimal(row["qty_ordered"])) for row in told]
        assert dates == [(ahead, first), (promise, rest)]
        assert [Decimal(row["qty_open"]) for row in told] == [max(still - rest, Decimal(0)), min(still, rest)]
        (line,) = (row for row in rows_of(answer, "lines") if row["line"] == item)
        assert (line["promised_date"], Decimal(line["qty_open"])) == (told[-1]["promised_date"], still)


@guarantees("P7.golden_reads")
def test_a_line_that_is_not_split_has_one_schedule_line_like_itself(plant: Plant) -> None:
    """One date, the whole quantity, in the line's own unit."""
    number = plant.look_up("erp", "SELECT MIN(po_no) FROM po_item WHERE po_no NOT IN (SELECT po_no FROM po_part)")[0][0]
    answer = plant.answer(TOOL, purchase_order_id=number)
    same = ("line", "requested_date", "promised_date", "qty_ordered", "qty_open", "uom")
    lines, dates = ([tuple(row[name] for name in same) for row in rows_of(answer, table)]
                    for table in ("lines", "schedule_lines"))  # fmt: skip
    assert dates == lines
    assert {row["schedule_line"] for row in rows_of(answer, "schedule_lines")} == {"0001"}


@guarantees("P7.no_false_empty", "P1.scope")
def test_an_order_of_another_site_looks_as_one_that_does_not_exist(plant: Plant) -> None:
    """A reader of one site learns nothing of the other."""
    elsewhere = plant.look_up("erp", "SELECT MIN(po_no) FROM po_head WHERE plant = '2000'")[0][0]
    answers = [plant.answer(TOOL, role="local", purchase_order_id=one) for one in (elsewhere, "4599999999")]
    assert answers[0].tables == answers[1].tables
    assert not any(table.rows for table in answers[0].tables.values())
    assert rows_of(plant.answer(TOOL, purchase_order_id=elsewhere), "lines")


@guarantees("P7.provenance")
@pytest.mark.parametrize(
    "entity", ["goods_receipt", "supplier_invoice", "supplier_confirmation", "purchase_schedule_line"]
)
def test_what_a_source_does_not_give_is_named_and_the_rest_is_answered(plant: Plant, entity: str) -> None:
    """An order without its invoices is still an order."""
    with plant.without(entity):
        answer = plant.answer(TOOL, purchase_order_id=_moved(plant))
    assert not answer.complete
    assert [gap.entity for gap in answer.gaps] == [entity]
    assert rows_of(answer, "lines")


@guarantees("P8.masks")
def test_who_sees_no_money_sees_the_rest_of_an_order(plant: Plant) -> None:
    """Prices, values and amounts are gone, quantities and dates stay."""
    answer = plant.answer(TOOL, role="moneyless", purchase_order_id=_moved(plant))
    assert {row["price"] for row in rows_of(answer, "lines")} == {None}
    assert {row["amount"] for row in rows_of(answer, "invoices")} <= {None}
    assert all(row["qty_ordered"] for row in rows_of(answer, "lines"))


@guarantees("P7.golden_reads")
def test_a_number_of_the_wrong_form_is_refused(plant: Plant) -> None:
    """Nothing is guessed from it."""
    assert plant.refusal(TOOL, purchase_order_id="45 00;").code == "call.invalid_argument"
