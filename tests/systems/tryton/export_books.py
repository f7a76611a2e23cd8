"""A few accounts, payment terms, and the invoices of suppliers and customers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Final

from tests.systems.tryton.books import BOUGHT, SOLD, STRICT, all_goods, journal, open_books
from tests.systems.tryton.export_base import Export, day, price_of
from tests.systems.tryton.rpc import Value

_POSTED: Final = "POST"


def export_books(export: Export) -> None:
    """Create the accounts that invoices need, a fiscal year that holds all of them, and the suppliers' terms."""
    days = sorted(_billed(export))
    first, last = date(days[0].year, 1, 1), date(days[-1].year, 12, 31)
    export.accounts = open_books(export.rpc, export.company, first, last)
    export.journals = {"in": journal(export.rpc, "expense"), "out": journal(export.rpc, "revenue")}
    all_goods(export.rpc, export.accounts, list(export.templates.values()))
    terms = sorted({row["pay_terms"] for row in export.plant.rows("vendor")} - {""})
    lines: list[Value] = [["create", [{"type": "remainder"}]]]
    made = export.many("account.invoice.payment_term", [{"name": term, "lines": lines} for term in terms])
    for term, one in zip(terms, made, strict=True):
        parties = [export.parties[row["vendor_no"]] for row in export.plant.rows("vendor") if row["pay_terms"] == term]
        export.set("party.party", parties, supplier_payment_term=one)


def _billed(export: Export) -> Iterable[date]:
    for table, column in (("vend_inv", "posted_on"), ("bill_item", "billed_on")):
        yield from (date.fromisoformat(row[column]) for row in export.plant.rows(table))


def export_supplier_invoices(export: Export) -> None:
    """Create what suppliers billed under its number; what is parked is validated, the rest posted."""
    rows = sorted(export.plant.rows("vend_inv"), key=lambda row: row["inv_no"])
    items = {(row["po_no"], row["item_no"]): row for row in export.plant.rows("po_item")}
    made = [_bought(export, row, items[row["po_no"], row["po_item"]]) for row in rows]
    ids = export.many("account.invoice", made)
    export.made["account.invoice.line"] += len(ids)
    days = {row["inv_no"]: row["posted_on"] for row in rows}
    for button, posted in (("post", True), ("validate_invoice", False)):
        kept = {row["inv_no"]: one for row, one in zip(rows, ids, strict=True) if (row["stat"] == _POSTED) == posted}
        export.numbered(BOUGHT, "account.invoice", button, kept, kind=STRICT, days=days)


def export_customer_invoices(export: Export) -> None:
    """Create what was billed to customers, numbered by day: Tryton gives no number to an earlier day than the last."""
    rows = sorted(export.plant.rows("bill_item"), key=lambda row: (row["billed_on"], row["bill_no"]))
    items = {(row["so_no"], row["item_no"]): row for row in export.plant.rows("so_item")}
    made = [_sold(export, row, items[row["so_no"], row["so_item"]]) for row in rows]
    ids = export.many("account.invoice", made)
    export.made["account.invoice.line"] += len(ids)
    export.number_next(SOLD, rows[0]["bill_no"], kind=STRICT)
    export.press("account.invoice", "post", ids)


def _bought(export: Export, row: dict[str, str], item: dict[str, str]) -> dict[str, Value]:
    line: dict[str, Value] = {
        "product": export.products[item["mat_no"]],
        "unit": export.units[item["mat_no"], row["uom"]],
        "quantity": float(row["qty"]),
        "unit_price": Decimal(row["price"]) / int(row["price_per"]),
        "account": export.accounts["expense"],
        "origin": f"purchase.line,{export.purchase_lines[row['po_no'], row['po_item']]}",
    }
    head = _head(export, "in", row["vendor_no"], row["curr"], line)
    return head | {"invoice_date": day(row["posted_on"]), "reference": row["ext_ref"] or None}


def _sold(export: Export, row: dict[str, str], item: dict[str, str]) -> dict[str, Value]:
    quantity = item["qty_dlv"] if Decimal(item["qty_dlv"]) else item["qty_ord"]
    line: dict[str, Value] = {
        "product": export.products[item["mat_no"]],
        "unit": export.units[item["mat_no"], item["uom"]],
        "quantity": float(quantity),
        "unit_price": price_of(row["amount"], quantity),
        "account": export.accounts["revenue"],
        "origin": f"sale.line,{export.sale_lines[row['so_no'], row['so_item']]}",
    }
    head = _head(export, "out", item["cust_no"], row["curr"], line)
    return head | {"invoice_date": day(row["billed_on"])}


def _head(export: Export, kind: str, party: str, currency: str, line: dict[str, Value]) -> dict[str, Value]:
    whose = {"company": export.company, "currency": export.currencies[currency]}
    return {
        "type": kind,
        "party": export.parties[party],
        "invoice_address": export.addresses[party],
        "account": export.accounts["payable" if kind == "in" else "receivable"],
        "journal": export.journals[kind],
        "lines": [["create", [{"type": "line", **whose, **line}]]],
        **whose,
    }
