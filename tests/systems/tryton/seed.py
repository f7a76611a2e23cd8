"""Builds the pump plant in an empty Tryton, over JSON-RPC only, and writes down what it planted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path

from tests.systems.tryton import after, orders
from tests.systems.tryton.accounts import read_account, write_account
from tests.systems.tryton.masters import build_masters
from tests.systems.tryton.plant import Truth
from tests.systems.tryton.rpc import Rpc


def seed(rpc: Rpc, passwords: Mapping[str, str], *, truth_path: Path) -> Truth:
    """Build master data, stock, purchases, sales and productions; return what was planted, also written as JSON.

    `passwords` names the account that reads, then the one that writes.
    """
    masters = build_masters(rpc)
    (reader, writer) = passwords.items()
    readers = read_account(rpc, masters.company, *reader)
    write_account(rpc, masters.company, *writer, also=readers)
    today = date.fromisoformat(masters.today)
    truth = Truth(today=masters.today, warehouse="WH")
    orders.opening_stock(rpc, masters)
    bought = orders.purchase_all(rpc, masters, today)
    orders.requisition(rpc, masters, today)
    orders.sell_all(rpc, masters, today, bought, truth)
    orders.quality_alert(rpc, masters)
    after.bill(rpc, masters, today)
    after.take_back(rpc, masters, today)
    after.make_a_lot(rpc, masters, today)
    orders.decoys(bought, truth)
    truth.counts = count(rpc)
    truth.counts["rpc_calls"] = rpc.calls
    truth_path.write_text(json.dumps(asdict(truth), indent=1), encoding="utf-8")
    return truth


def count(rpc: Rpc) -> dict[str, int]:
    """Return how many records of each kind the plant has."""
    models = ("product.product", "sale.sale", "sale.line", "purchase.line", "production", "stock.move", "stock.lot")
    return {model: int(rpc(f"{model}.search_count", [])) for model in models}
