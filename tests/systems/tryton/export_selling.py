"""Sales orders with their lines, and the shipments to customers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from tests.systems.tryton.export_base import Export, day, price_of
from tests.systems.tryton.export_stock import Dated, order_moves
from tests.systems.tryton.rpc import Value


def export_sales(export: Export) -> None:
    """Create the orders, what each line waits for and what was shipped, and take all to their states."""
    heads = export.plant.rows("so_head")
    lines = _lines(export)
    ids = export.many("sale.sale", [_sale(export, row, lines[row["so_no"]]) for row in heads])
    export.sales = orders = {row["so_no"]: one for row, one in zip(heads, ids, strict=True)}
    number = {one: order for order, one in orders.items()}
    for found in export.rpc.find("sale.line", [], ["sale", "sequence"]):
        export.sale_lines[number[found["sale"]], f"{found['sequence']:06d}"] = found["id"]
    export.made["sale.line"] += len(export.sale_lines)
    _waiting(export)
    export.numbered("Sale", "sale.sale", "quote", orders)
    cancelled = [orders[row["so_no"]] for row in heads if row["stat"] == "CANC"]
    export.press("sale.sale", "cancel", cancelled)
    others = [one for one in ids if one not in set(cancelled)]
    for button in ("confirm", "process"):
        export.press("sale.sale", button, others)


def _lines(export: Export) -> dict[str, list[dict[str, Value]]]:
    lines: dict[str, list[dict[str, Value]]] = defaultdict(list)
    for row in export.plant.rows("so_item"):
        lines[row["so_no"]].append(
            {
                "product": export.products[row["mat_no"]],
                "quantity": float(row["qty_ord"]),
                "unit": export.units[row["mat_no"], row["uom"]],
                "unit_price": price_of(row["net_value"], row["qty_ord"]),
                "sequence": int(row["item_no"]),
            }
        )
    return lines


def _sale(export: Export, row: dict[str, str], lines: list[dict[str, Value]]) -> dict[str, Value]:
    return {
        "party": export.parties[row["cust_no"]],
        "invoice_address": export.addresses[row["cust_no"]],
        "shipment_address": export.addresses[row["cust_no"]],
        "warehouse": export.warehouses[row["plant"]],
        "currency": export.currencies[row["curr"]],
        "sale_date": day(row["ordered_on"]),
        "reference": row["cust_po"],
        "comment": row["memo"] or None,
        "invoice_method": "manual",
        "shipment_method": "manual",
        "lines": [["create", lines]],
    }


def _waiting(export: Export) -> None:
    """Create what lines wait for and no shipment holds yet."""
    held: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in export.plant.rows("dlv_item"):
        held[row["so_no"], row["so_item"]] += Decimal(row["qty"])
    bare = {(row["dem_no"], row["dem_item"]) for row in export.plant.rows("resv") if row["dem_type"] == "SLS"}
    moves: dict[str, list[Dated]] = defaultdict(list)
    for row in export.plant.rows("so_item"):
        key = (row["so_no"], row["item_no"])
        left = Decimal(row["qty_ord"]) - held[key]
        if left > 0 and (held[key] or key not in bare):
            moves[row["plant"]].append((_outgoing(export, row, str(left)), day(row["conf_date"])))
    for site, found in moves.items():
        one = next(iter(export.plant.rows("customer")))["cust_no"]
        shipment = {"model": "stock.shipment.out"} | _shipment(export, one, site, None)
        order_moves(export, shipment, found, way="outgoing_moves")


def export_shipments(export: Export) -> None:
    """Create the shipments with their numbers; ship and pick what was shipped and picked."""
    items = {(row["so_no"], row["item_no"]): row for row in export.plant.rows("so_item")}
    rows = export.plant.rows("dlv_item")
    made: list[dict[str, Value]] = []
    for row in rows:
        item = items[row["so_no"], row["so_item"]]
        when = day(row["gi_plan"]) if row["gi_act"] else day(item["conf_date"])
        values = _shipment(export, item["cust_no"], row["plant"], when)
        values["effective_date"] = day(row["gi_act"])
        sent: dict[str, Value] = {"lot": export.lots[row["lot_no"]][0]} if row["gi_act"] and row["lot_no"] else {}
        values["outgoing_moves"] = [["create", [_outgoing(export, item, row["qty"]) | sent]]]
        made.append(values)
    ids = export.many("stock.shipment.out", made)
    export.made["stock.move"] += len(ids)
    numbers = {row["dlv_no"]: one for row, one in zip(rows, ids, strict=True)}
    export.numbered("Customer Shipment", "stock.shipment.out", "wait", numbers)
    gone = {numbers[row["dlv_no"]]: row for row in rows if row["gi_act"]}
    _from_lots(export, {one: row["lot_no"] for one, row in gone.items() if row["lot_no"]}, when="")
    for button in ("assign_force", "pick", "pack", "do"):
        export.press("stock.shipment.out", button, list(gone))
    export.picked = {numbers[row["dlv_no"]]: row["lot_no"] for row in rows if _is_picked(row)}


def pick(export: Export) -> None:
    """Pick from their lots what is picked and still here: it lies in the way out then."""
    _from_lots(export, export.picked, when=export.plant.clock)
    for button in ("assign_force", "pick"):
        export.press("stock.shipment.out", button, list(export.picked))


def _from_lots(export: Export, shipments: Mapping[int, str], *, when: str) -> None:
    """Say of what waits inside shipments which lot it is taken from, and the day where it is not the shipment's own."""
    references: list[Value] = [f"stock.shipment.out,{one}" for one in shipments]
    inside: list[Value] = [["shipment", "in", references], ["origin", "like", "stock.move,%"]]
    changes: list[Value] = []
    for move in export.rpc.find("stock.move", inside, ["shipment"]):
        lot, place = export.lots[shipments[int(move["shipment"].partition(",")[2])]]
        dated: dict[str, Value] = {"effective_date": day(when)} if when else {}
        changes += [[move["id"]], {"lot": lot, "from_location": place, **dated}]
    if changes:
        export.rpc("stock.move.write", *changes)


def _is_picked(row: dict[str, str]) -> bool:
    return not row["gi_act"] and row["pick_stat"] == "C"


def export_reserved_for_sales(export: Export) -> None:
    """Reserve lots for lines: in the line's shipment where it has one that waits, else in one of its own."""
    rows = [row for row in export.plant.rows("resv") if row["dem_type"] == "SLS"]
    items = {(row["so_no"], row["item_no"]): row for row in export.plant.rows("so_item")}
    known = {(row["so_no"], row["so_item"]) for row in export.plant.rows("dlv_item") if not row["gi_act"]}
    for row in rows:
        key = (row["dem_no"], row["dem_item"])
        if key in known:
            continue
        item = items[key]
        values = _shipment(export, item["cust_no"], row["plant"], day(item["conf_date"]))
        values["outgoing_moves"] = [["create", [_outgoing(export, item, row["qty"])]]]
        export.press("stock.shipment.out", "wait", export.many("stock.shipment.out", [values]))
    lines = {one: key for key, one in export.sale_lines.items()}
    lots = {(row["dem_no"], row["dem_item"]): export.lots[row["lot_no"]] for row in rows}
    waiting = export.rpc.find(
        "stock.move",
        [["shipment.state", "=", "waiting", "stock.shipment.out"], ["origin", "like", "stock.move,%"]],
        ["shipment", "origin.origin"],
    )
    shipments: list[int] = []
    for move in waiting:
        key = lines[int(move["origin."]["origin"].partition(",")[2])]
        if key in lots:
            lot, place = lots[key]
            export.rpc("stock.move.write", [move["id"]], {"lot": lot, "from_location": place})
            shipments.append(int(move["shipment"].partition(",")[2]))
    export.press("stock.shipment.out", "assign_try", shipments)


def _shipment(export: Export, customer: str, site: str, when: date | None) -> dict[str, Value]:
    return {
        "customer": export.parties[customer],
        "delivery_address": export.addresses[customer],
        "warehouse": export.warehouses[site],
        "warehouse_storage": export.place(site, "0001"),
        "warehouse_output": export.place(site, "OUT"),
        "planned_date": when,
    }


def _outgoing(export: Export, row: dict[str, str], quantity: str) -> dict[str, Value]:
    return {
        "product": export.products[row["mat_no"]],
        "unit": export.units[row["mat_no"], row["uom"]],
        "quantity": float(quantity),
        "from_location": export.place(row["plant"], "OUT"),
        "to_location": export.place("", "customer"),
        "company": export.company,
        "unit_price": price_of(row["net_value"], row["qty_ord"]),
        "currency": export.currencies[row["curr"]],
        "origin_planned_date": day(row["req_date"]),
        "origin": f"sale.line,{export.sale_lines[row['so_no'], row['item_no']]}",
    }
