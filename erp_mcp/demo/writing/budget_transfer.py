"""A budget document: an amount moves from one cost centre to another of the same company, within one period."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from erp_mcp.demo.erp_rows import BudgetDocumentRow
from erp_mcp.demo.writing import names
from erp_mcp.demo.writing.operation import DocumentKind, ErpOperation
from erp_mcp.demo.writing.reading import read_line
from erp_mcp.demo.writing.work import Arguments, Document, Rejected, Reply, Superseded, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.profile import Profile

TRANSFER_BUDGET: Final = "budget.transfer"
PURPOSES: Final = {"reallocation": "RALL", "project": "PROJ", "correction": "CORR"}
CENT: Final = Decimal("0.01")
_COLUMNS: Final = ("doc_no", "from_ctr", "to_ctr", "period", "amount", "curr", "purpose")
_FIRST: Final = 70_000_101
_BUDGET: Final = (
    "SELECT company, planned, committed, actual, curr, changed_at FROM budget WHERE cost_ctr = ? AND period = ?"
)


def _native(command: Command, profile: Profile) -> Arguments | Rejected:
    del profile
    fields = command.fields
    versions = {
        names.text_of(one, "cost_center_id"): names.text_of(one, "version") for one in names.rows_of(fields, "versions")
    }
    giver, taker = names.text_of(fields, "from_cost_center_id"), names.text_of(fields, "to_cost_center_id")
    return {
        "from_ctr": giver,
        "to_ctr": taker,
        "period": names.text_of(fields, "period"),
        "amount": names.text_of(fields, "amount"),
        "curr": names.text_of(fields, "currency"),
        "purpose": PURPOSES.get(names.text_of(fields, "purpose_code"), ""),
        "from_version": versions.get(giver),
        "to_version": versions.get(taker),
    }


def transfer_budget(work: Work, arguments: Arguments) -> Reply:
    """Post one document and change both budgets, each still at the version that was read."""
    giver, taker, period = (names.text_of(arguments, name) for name in ("from_ctr", "to_ctr", "period"))
    found = [work.database.execute(_BUDGET, (center, period)).fetchone() for center in (giver, taker)]
    if None in found or giver == taker:
        return Rejected("same_cost_center" if giver == taker else "unknown_budget")
    if [one[5] for one in found] != [arguments.get("from_version"), arguments.get("to_version")]:
        return Superseded()
    amount = money(names.text_of(arguments, "amount"))
    code = _refusal(arguments, found, amount, f"{work.today:%Y-%m}")
    if code or amount is None:
        return Rejected(code or "bad_amount")
    number = work.next_number("bud_doc", "doc_no", "BD", first=_FIRST)
    stamp = work.stamp("bud_doc", "budget")
    work.insert(
        "bud_doc",
        BudgetDocumentRow(number, found[0][0], giver, taker, period, str(amount), found[0][4],
                          names.text_of(arguments, "purpose"), work.today.isoformat(), stamp),
    )  # fmt: skip
    for center, row, change in ((giver, found[0], -amount), (taker, found[1], amount)):
        work.database.execute(
            "UPDATE budget SET planned = ?, changed_at = ? WHERE cost_ctr = ? AND period = ?",
            (str((Decimal(row[1]) + change).quantize(CENT)), stamp, center, period),
        )
    fields, version = _read(work.database, number, "")
    return Document(doc_type="BD", number=number, item=f"{taker}/{period}", version=version, fields=fields)


def money(text: str) -> Decimal | None:
    """Return an amount above zero with two places at most, else nothing."""
    try:
        amount = Decimal(text)
        exact = amount.is_finite() and amount == amount.quantize(CENT)
    except InvalidOperation:
        return None
    return amount.quantize(CENT) if exact and amount > 0 else None


def _refusal(
    arguments: Arguments, found: list[tuple[str, str, str, str, str, str]], amount: Decimal | None, month: str
) -> str | None:
    giver, taker = found
    period = names.text_of(arguments, "period")
    if giver[0] != taker[0]:
        return "other_company"
    if not giver[4] == taker[4] == arguments.get("curr"):
        return "other_currency"
    if period < month[: len(period)]:
        return "period_closed"
    if arguments.get("purpose") not in PURPOSES.values():
        return "bad_purpose"
    left = Decimal(giver[1]) - Decimal(giver[2]) - Decimal(giver[3])
    return "bad_amount" if amount is None else ("budget_exceeded" if amount > left else None)


def _read(database: sqlite3.Connection, number: str, item: str) -> tuple[dict[str, JsonValue], str]:
    del item
    return read_line(database, "bud_doc", _COLUMNS, (number,))


def _canonical(fields: Mapping[str, JsonValue], profile: Profile) -> dict[str, JsonValue]:
    del profile
    words = {code: word for word, code in PURPOSES.items()}
    return {
        "from_cost_center_id": fields["from_ctr"],
        "to_cost_center_id": fields["to_ctr"],
        "period": fields["period"],
        "amount": names.money(fields["amount"]),
        "currency": fields["curr"],
        "purpose_code": words[names.text_of(fields, "purpose")],
    }


# Budgets are synchronised, documents are not: the record that is named is the budget that got the amount.
DOCUMENT: Final = DocumentKind(read=_read, canonical=_canonical, key=lambda _, budget: budget)
OPERATION: Final = ErpOperation(
    name=TRANSFER_BUDGET,
    kept=("unique_ref", "readback"),
    native=_native,
    carry_out=transfer_budget,
    refusals=frozenset(
        {
            "bad_amount", "bad_purpose", "budget_exceeded", "other_company", "other_currency", "period_closed",
            "same_cost_center", "unknown_budget",
        }
    ),
)  # fmt: skip
