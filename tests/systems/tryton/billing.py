"""What people in accounting do while the gateway writes: a draft of an invoice for one line of an order."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from tests.systems.tryton.books import journal
from tests.systems.tryton.rpc import Rpc


def bill(rpc: Rpc, line: int, *, kind: Literal["purchase", "sale"]) -> None:
    """Put a line of an order on an invoice that nobody has posted."""
    fields = ["product", "unit", "quantity", "unit_price", f"{kind}.party", f"{kind}.invoice_address"]
    fields += [f"{kind}.company", f"{kind}.currency"]
    (of,) = rpc.find(f"{kind}.line", [["id", "=", line]], fields)
    order = of[f"{kind}."]
    head, row = ("payable", "expense") if kind == "purchase" else ("receivable", "revenue")
    whose = {"company": order["company"], "currency": order["currency"]}
    rpc.create(
        "account.invoice",
        type="in" if kind == "purchase" else "out",
        party=order["party"],
        invoice_address=order["invoice_address"],
        account=_account(rpc, head),
        journal=journal(rpc, row),
        lines=[["create", [{
            "type": "line", "product": of["product"], "unit": of["unit"], "quantity": of["quantity"],
            "unit_price": Decimal(of["unit_price"]["decimal"]), "account": _account(rpc, row),
            "origin": f"{kind}.line,{line}", **whose,
        }]]],
        **whose,
    )  # fmt: skip


def _account(rpc: Rpc, what: str) -> int:
    return int(rpc.find("account.account", [[f"type.{what}", "=", True], ["closed", "!=", True]], [])[0]["id"])
