"""Builds the pump plant in an empty Tryton, over JSON-RPC only, and writes down what it planted."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path

from tests.systems.tryton import orders
from tests.systems.tryton.masters import build_masters
from tests.systems.tryton.plant import Truth
from tests.systems.tryton.rpc import Rpc


def seed(rpc: Rpc, *, read_user: str, read_password: str, truth_path: Path) -> Truth:
    """Build master data, stock, purchases, sales and productions; return what was planted, also written as JSON."""
    masters = build_masters(rpc)
    read_account(rpc, masters.company, read_user, read_password)
    today = date.fromisoformat(masters.today)
    truth = Truth(today=masters.today, warehouse="WH")
    orders.opening_stock(rpc, masters)
    bought = orders.purchase_all(rpc, masters, today)
    orders.sell_all(rpc, masters, today, bought, truth)
    orders.quality_alert(rpc, masters)
    orders.decoys(bought, truth)
    truth.counts = count(rpc)
    truth.counts["rpc_calls"] = rpc.calls
    truth_path.write_text(json.dumps(asdict(truth), indent=1), encoding="utf-8")
    return truth


def read_account(rpc: Rpc, company: int, login: str, password: str) -> None:
    """Make a group that may read every business model and change none, and one account in it.

    Tryton lets every user change a model that has no access record at all (parties, products, units), so the group
    names all of them.
    """
    group = rpc.create("res.group", name="Gateway (read only)")
    rights = {"group": group, "perm_read": True, "perm_write": False, "perm_create": False, "perm_delete": False}
    models = [row["name"] for row in rpc.find("ir.model", [], ["name"])]
    business = [name for name in models if not name.startswith(("ir.", "res."))]
    rpc("ir.model.access.create", [rights | {"model": name} for name in business])
    rpc.create(
        "res.user",
        name="Gateway (read only)",
        login=login,
        password=password,
        groups=[["add", [group]]],
        companies=[["add", [company]]],
        company=company,
    )


def count(rpc: Rpc) -> dict[str, int]:
    """Return how many records of each kind the plant has."""
    models = ("product.product", "sale.sale", "sale.line", "purchase.line", "production", "stock.move", "stock.lot")
    return {model: int(rpc(f"{model}.search_count", [])) for model in models}
