"""The few accounts, sequences and days that Tryton needs before anybody can be billed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from tests.systems.tryton.rpc import Rpc

STRICT: Final = "ir.sequence.strict"
BOUGHT, SOLD = "Invoices of suppliers", "Invoices to customers"
"""Names of the sequences that number invoices."""
_BALANCE: Final = ("payable", "receivable")
_INCOME: Final = ("expense", "revenue")


def open_books(rpc: Rpc, company: int, first: date, last: date) -> dict[str, int]:
    """Create one account of each kind and a fiscal year of one period; return the accounts by kind."""
    accounts: dict[str, int] = {}
    for kind in (*_BALANCE, *_INCOME):
        balance = kind in _BALANCE
        statement = "balance" if balance else "income"
        more = {kind: True, "assets": kind == "receivable"}
        type_ = rpc.create("account.account.type", name=kind, company=company, statement=statement, **more)
        accounts[kind] = rpc.create(
            "account.account", name=kind, company=company, type=type_, party_required=balance, reconcile=balance
        )
    bought, sold = (_sequence(rpc, company, name, "Invoice") for name in (BOUGHT, SOLD))
    sequences = {
        "company": company, "in_invoice_sequence": bought, "in_credit_note_sequence": bought,
        "out_invoice_sequence": sold, "out_credit_note_sequence": sold,
    }  # fmt: skip
    rpc.create(
        "account.fiscalyear", name="All years", company=company, start_date=first, end_date=last,
        move_sequence=_sequence(rpc, company, "Moves", "Account Move"), invoice_sequences=[["create", [sequences]]],
        periods=[["create", [{"name": "All days", "start_date": first, "end_date": last, "type": "standard"}]]],
    )  # fmt: skip
    return accounts


def _sequence(rpc: Rpc, company: int, name: str, kind: str) -> int:
    (found,) = rpc.find("ir.sequence.type", [["name", "=", kind]], [])
    return rpc.create(STRICT, name=name, sequence_type=found["id"], company=company)


def all_goods(rpc: Rpc, accounts: dict[str, int], templates: Sequence[int]) -> None:
    """Put products in one category that names their accounts; only accountants of products may."""
    groups = [row["id"] for row in rpc.find("res.group", [["name", "=", "Account Product Administration"]], [])]
    rpc("res.user.write", [rpc.uid], {"groups": [["add", groups]]})
    named = {f"account_{kind}": accounts[kind] for kind in _INCOME}
    one = rpc.create("product.category", name="All goods", accounting=True, **named)
    rpc("product.template.write", list(templates), {"account_category": one})


def journal(rpc: Rpc, kind: str) -> int:
    """Return the journal of a kind: expense, revenue."""
    (found,) = rpc.find("account.journal", [["type", "=", kind]], [])
    return int(found["id"])
