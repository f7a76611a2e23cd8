"""Invoices and returns of the demo plant under the numbers that a Tryton gives them."""

from __future__ import annotations

import sqlite3
from collections import defaultdict

from tests.systems.tryton.rpc import Rpc


def number_returns(erp: sqlite3.Connection, rpc: Rpc) -> None:
    """Number the lines of returns as the moves that bring them."""
    shipped = [["shipment", "like", "stock.shipment.out.return,%"], ["from_location.type", "=", "customer"]]
    found = rpc.find("stock.move", [*shipped], ["shipment.number"])
    numbers = [(str(row["id"]), row["shipment."]["number"]) for row in found]
    erp.executemany("UPDATE rma_item SET item_no = ? WHERE rma_no = ?", numbers)


def number_invoices(erp: sqlite3.Connection, rpc: Rpc) -> None:
    """Number the lines of invoices; those to customers are numbered by day, so their own numbers are others too."""
    fields = ["invoice.number", "invoice.type", "origin"]
    found = rpc.find("account.invoice.line", [["type", "=", "line"]], fields)
    bought = [(str(row["id"]), row["invoice."]["number"]) for row in found if row["invoice."]["type"] == "in"]
    erp.executemany("UPDATE vend_inv SET item_no = ? WHERE inv_no = ?", bought)
    lines = {
        f"sale.line,{row['id']}": (row["sale."]["number"], f"{row['sequence']:06d}")
        for row in rpc.find("sale.line", [], ["sale.number", "sequence"])
    }
    of_line: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for row in found:
        if row["invoice."]["type"] == "out":
            of_line[lines[row["origin"]]].append((row["invoice."]["number"], str(row["id"])))
    billed = "SELECT bill_no, so_no, so_item FROM bill_item ORDER BY billed_on, bill_no"
    numbered: list[tuple[str, str, str]] = []
    for bill, order, item in erp.execute(billed).fetchall():
        invoice = min(of_line[order, item])
        of_line[order, item].remove(invoice)
        numbered.append((*invoice, bill))
    erp.executemany("UPDATE bill_item SET bill_no = 'n' || ?, item_no = ? WHERE bill_no = ?", numbered)
    erp.execute("UPDATE bill_item SET bill_no = SUBSTR(bill_no, 2)")
