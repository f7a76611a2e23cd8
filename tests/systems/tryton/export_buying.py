"""Purchase orders with promises, receipts and the dates that moved; requisitions."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from tests.systems.tryton.export_base import Export, day
from tests.systems.tryton.export_stock import Dated, order_moves
from tests.systems.tryton.rpc import Value


def export_purchases(export: Export) -> None:
    """Create the orders, what they bring and have brought, and take all to their states.

    An order of Tryton has one state for all its lines.
    """
    items: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in export.plant.rows("po_item"):
        items[row["po_no"]].append(row)
    heads = export.plant.rows("po_head")
    ids = export.many("purchase.purchase", [_purchase(export, row, items[row["po_no"]]) for row in heads])
    orders = {row["po_no"]: one for row, one in zip(heads, ids, strict=True)}
    numbers = {one: number for number, one in orders.items()}
    lines = {
        (numbers[found["purchase"]], f"{found['sequence']:05d}"): found["id"]
        for found in export.rpc.find("purchase.line", [], ["purchase", "sequence"])
    }
    export.made["purchase.line"] += len(lines)
    export.purchase_lines = lines
    received = _moves(export, lines)
    export.numbered("Purchase", "purchase.purchase", "quote", orders)
    cancelled = [orders[number] for number, rows in items.items() if all(row["stat"] == "CANC" for row in rows)]
    export.press("purchase.purchase", "cancel", cancelled)
    others = [one for one in ids if one not in set(cancelled)]
    for button in ("confirm", "process"):
        export.press("purchase.purchase", button, others)
    export.press("stock.move", "do", received)


def _purchase(export: Export, head: dict[str, str], items: list[dict[str, str]]) -> dict[str, Value]:
    notes = [row["memo"] for row in items if row["memo"]]
    return {
        "party": export.parties[head["vendor_no"]],
        "invoice_address": export.addresses[head["vendor_no"]],
        "warehouse": export.warehouses[head["plant"]],
        "currency": export.currencies[head["curr"]],
        "purchase_date": day(head["ordered_on"]),
        "comment": notes[0] if notes else None,
        "invoice_method": "manual",
        "lines": [["create", [_line(export, row) for row in items]]],
    }


def _line(export: Export, row: dict[str, str]) -> dict[str, Value]:
    return {
        "product": export.products[row["mat_no"]],
        "quantity": float(row["qty_ord"]),
        "unit": export.units[row["mat_no"], row["uom"]],
        "unit_price": Decimal(row["price"]) / int(row["price_per"]),
        "sequence": int(row["item_no"]),
    }


def _moves(export: Export, lines: dict[tuple[str, str], int]) -> list[int]:
    """Create what comes and what has come; return the moves of what has come, which is still to be booked."""
    came: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for receipt in export.plant.rows("gr_item"):
        came[receipt["po_no"], receipt["item_no"]].append(receipt)
    moves: dict[str, list[tuple[Dated, bool]]] = defaultdict(list)
    for row in export.plant.rows("po_item"):
        key = (row["po_no"], row["item_no"])
        for receipt in came[key]:
            lot = export.lots[receipt["lot_no"]][0] if receipt["lot_no"] else None
            when: dict[str, Value] = {"effective_date": day(receipt["posted_on"]), "lot": lot}
            moves[row["plant"]].append(
                ((_incoming(export, row, receipt["qty"], lines[key]) | when, day(row["promise"])), True)
            )
        if (left := Decimal(row["qty_ord"]) - Decimal(row["qty_recv"])) > 0:
            moves[row["plant"]].append(((_incoming(export, row, str(left), lines[key]), day(row["promise"])), False))
    done: list[int] = []
    for site, found in moves.items():
        shipment = {"model": "stock.shipment.in"} | arrival(export, site)
        ids = order_moves(export, shipment, [dated for dated, _ in found], way="incoming_moves")
        done += [one for one, (_, booked) in zip(ids, found, strict=True) if booked]
    return done


def arrival(export: Export, site: str) -> dict[str, Value]:
    """Return a shipment that comes in from some supplier."""
    return {
        "supplier": export.parties[export.plant.rows("vendor")[0]["vendor_no"]],
        "warehouse": export.warehouses[site],
        "warehouse_input": export.place(site, "IN"),
        "warehouse_storage": export.place(site, "0001"),
    }


def _incoming(export: Export, row: dict[str, str], quantity: str, line: int) -> dict[str, Value]:
    return {
        "product": export.products[row["mat_no"]],
        "unit": export.units[row["mat_no"], row["uom"]],
        "quantity": float(quantity),
        "from_location": export.place("", "supplier"),
        "to_location": export.place(row["plant"], "IN"),
        "company": export.company,
        "unit_price": Decimal(row["price"]) / int(row["price_per"]),
        "currency": export.currencies[row["curr"]],
        "origin": f"purchase.line,{line}",
        "origin_planned_date": day(row["first_promise"]),
    }


def export_requisitions(export: Export) -> None:
    """Create what was asked for, all by one employee."""
    party = export.rpc.create("party.party", name="Eva Einkauf", code="E0001")
    employee = export.rpc.create("company.employee", party=party, company=export.company)
    rows = export.plant.rows("pr_item")
    export.number_next("Purchase Requisition", rows[0]["pr_no"])
    ids = export.many(
        "purchase.requisition",
        [
            {
                "company": export.company,
                "employee": employee,
                "supply_date": day(row["dlv_date"]),
                "warehouse": export.warehouses[row["plant"]],
                "lines": [
                    [
                        "create",
                        [
                            {
                                "product": export.products[row["mat_no"]],
                                "quantity": float(row["qty"]),
                                "unit": export.units[row["mat_no"], row["uom"]],
                                "supplier": export.parties[row["vendor_no"]] if row["vendor_no"] else None,
                            }
                        ],
                    ]
                ],
            }
            for row in rows
        ],
    )
    waiting, approved, done = (
        [one for row, one in zip(rows, ids, strict=True) if (row["stat"], row["release_ind"]) == kind]
        for kind in (("OPEN", "W"), ("OPEN", "R"), ("CONV", "R"))
    )
    export.press("purchase.requisition", "wait", [*waiting, *approved, *done])
    export.press("purchase.requisition", "approve", [*approved, *done])
    export.press("purchase.requisition", "process", done)
