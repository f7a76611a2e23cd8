"""Exports a demo plant's ERP into an empty Tryton, over JSON-RPC only: `python -m tests.systems.tryton.export …`.

Numbers, dates and quantities are the plant's own: sequences are set to give the numbers, and documents go to their
states by the buttons that people press. Tryton lets nobody write a number or a state.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tests.systems.tryton.accounts import read_account
from tests.systems.tryton.export_base import Export
from tests.systems.tryton.export_books import export_books, export_customer_invoices, export_supplier_invoices
from tests.systems.tryton.export_buying import export_purchases, export_requisitions
from tests.systems.tryton.export_making import (
    export_alerts,
    export_productions,
    export_recipes,
    export_reservations,
)
from tests.systems.tryton.export_masters import archive_blocked, export_masters
from tests.systems.tryton.export_plant import Plant
from tests.systems.tryton.export_returns import export_returns
from tests.systems.tryton.export_selling import export_reserved_for_sales, export_sales, export_shipments, pick
from tests.systems.tryton.export_stock import count_stock, create_lots
from tests.systems.tryton.rpc import Rpc


def export_plant(rpc: Rpc, directory: Path, *, reader: tuple[str, str]) -> Export:
    """Fill an empty database with a plant's ERP.

    Args:
        rpc: A session of `admin` in a database that has nothing but its modules.
        directory: A demo plant's directory.
        reader: Login and password of the account that may read and change nothing.

    Returns:
        What was made: records by model in `made`, seconds by part in `seconds`.
    """
    export = Export(rpc=rpc, plant=Plant(directory))
    parts: dict[str, Callable[[], None]] = {
        "masters": lambda: export_masters(export),
        "books": lambda: export_books(export),
        "lots": lambda: create_lots(export),
        "recipes": lambda: export_recipes(export),
        "sales": lambda: export_sales(export),
        "purchases": lambda: export_purchases(export),
        "productions": lambda: export_productions(export),
        "shipments": lambda: export_shipments(export),
        "returns": lambda: export_returns(export),
        "stock": lambda: count_stock(export),
        "picked": lambda: pick(export),
        "reserved for production": lambda: export_reservations(export),
        "reserved for sales": lambda: export_reserved_for_sales(export),
        "requisitions": lambda: export_requisitions(export),
        "alerts": lambda: export_alerts(export),
        "supplier invoices": lambda: export_supplier_invoices(export),
        "customer invoices": lambda: export_customer_invoices(export),
        "accounts": lambda: _accounts(export, reader),
    }
    for name, part in parts.items():
        began = time.perf_counter()
        part()
        export.seconds[name] = round(time.perf_counter() - began, 2)
    return export


def _accounts(export: Export, reader: tuple[str, str]) -> None:
    archive_blocked(export)
    read_account(export.rpc, export.company, *reader)
