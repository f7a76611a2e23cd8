"""Stock, purchases, sales and productions of the seeded plant."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from tests.systems.tryton.masters import Masters
from tests.systems.tryton.plant import BOMS, ITEMS, PURCHASES, QUARANTINE, SALES, Buy, Line, Sell, Truth
from tests.systems.tryton.rpc import Result, Rpc

UNITS = {item.code: item.unit for item in ITEMS}


def opening_stock(rpc: Rpc, masters: Masters) -> None:
    """Count the opening stock in, with one lot in quarantine."""
    stored: list[tuple[str, str | None, str]] = []
    for item in ITEMS:
        if Decimal(item.on_hand):
            stored.append((item.code, None, item.on_hand))
        stored.extend((item.code, lot, quantity) for lot, quantity in item.lots)
    for place, rows in (("STO", stored), ("QUA", [QUARANTINE])):
        lines = [
            {
                "product": masters.products[code],
                "lot": masters.lots[lot] if lot else None,
                "quantity": float(quantity),
            }
            for code, lot, quantity in rows
        ]
        location = masters.locations[place]
        inventory = rpc.create("stock.inventory", location=location, lines=[["create", lines]])
        rpc("stock.inventory.confirm", [inventory])


def purchase_all(rpc: Rpc, masters: Masters, today: date) -> dict[str, dict[str, str]]:
    """Place the purchases; return role → what the read side shall see of it."""
    return {buy.role: _purchase(rpc, masters, today, buy) for buy in PURCHASES}


def _purchase(rpc: Rpc, masters: Masters, today: date, buy: Buy) -> dict[str, str]:
    promised = today + timedelta(days=buy.promised)
    row = _placed(rpc, masters, today, buy)
    seen = {
        "role": buy.role,
        "purchase_order_id": row["purchase."]["number"],
        "purchase_order_line": str(row["id"]),
        "material_id": buy.item,
        "supplier_id": buy.supplier,
        "original_promise_date": promised.isoformat(),
        "promised_date": promised.isoformat(),
        "qty_open": buy.quantity,
    }
    if buy.moved is not None:
        moved = today + timedelta(days=buy.moved)
        rpc("stock.move.write", row["moves"], {"planned_date": moved})
        seen["promised_date"] = moved.isoformat()
    if buy.received:
        _receive(rpc, masters, buy, row["moves"])
        seen["qty_open"] = str(Decimal(buy.quantity) - Decimal(buy.received))
    return seen


def _placed(rpc: Rpc, masters: Masters, today: date, buy: Buy) -> Result:
    """Place one purchase of one line and take it to its state; return the line."""
    line = {
        "product": masters.products[buy.item],
        "quantity": float(buy.quantity),
        "unit": masters.units[UNITS[buy.item]],
        "unit_price": Decimal(next(item.price for item in ITEMS if item.code == buy.item)),
    }
    purchase = rpc.create(
        "purchase.purchase",
        party=masters.parties[buy.supplier],
        invoice_address=masters.addresses[buy.supplier],
        warehouse=masters.locations["WH"],
        currency=masters.currencies[buy.currency],
        purchase_date=today,
        delivery_date=today + timedelta(days=buy.promised),
        reference=f"{buy.supplier}-{buy.role}",
        invoice_method="manual",
        lines=[["create", [line]]],
    )
    steps = {"processing": ("quote", "confirm", "process"), "quotation": ("quote",), "cancelled": ("quote", "cancel")}
    for button in steps[buy.state]:
        rpc(f"purchase.purchase.{button}", [purchase])
    return rpc.find("purchase.line", [["purchase", "=", purchase]], ["purchase.number", "moves"])[0]


def _receive(rpc: Rpc, masters: Masters, buy: Buy, moves: list[int]) -> None:
    shipment = rpc.create(
        "stock.shipment.in",
        supplier=masters.parties[buy.supplier],
        warehouse=masters.locations["WH"],
        warehouse_input=masters.locations["IN"],
        warehouse_storage=masters.locations["STO"],
        incoming_moves=[["add", moves]],
    )
    rpc("stock.move.write", moves, {"quantity": float(buy.received)})
    rpc("stock.shipment.in.receive", [shipment])
    rpc("stock.shipment.in.do", [shipment])


def requisition(rpc: Rpc, masters: Masters, today: date) -> None:
    """Let an employee ask for fasteners; the request waits for its approval."""
    party = rpc.create("party.party", name="Eva Einkauf", code="E0001")
    made = rpc.create(
        "purchase.requisition",
        company=masters.company,
        employee=rpc.create("company.employee", party=party, company=masters.company),
        description="Fasteners for spring",
        supply_date=today + timedelta(days=30),
        warehouse=masters.locations["WH"],
        lines=[["create", [{"product": masters.products["RM-306"], "quantity": 50.0, "unit": masters.units["u"]}]]],
    )
    rpc("purchase.requisition.wait", [made])


def sell_all(rpc: Rpc, masters: Masters, today: date, bought: dict[str, dict[str, str]], truth: Truth) -> None:
    """Take all sales orders and drive their productions and shipments to where the story has them."""
    for sell in SALES:
        _sell(rpc, masters, today, sell, bought, truth)


def _sell(rpc: Rpc, masters: Masters, today: date, sell: Sell, bought: dict[str, dict[str, str]], truth: Truth) -> None:
    wanted = today + timedelta(days=sell.wanted)
    sale = rpc.create(
        "sale.sale",
        party=masters.parties[sell.customer],
        invoice_address=masters.addresses[sell.customer],
        shipment_address=masters.addresses[sell.customer],
        warehouse=masters.locations["WH"],
        currency=masters.currencies[sell.currency],
        sale_date=today,
        shipping_date=wanted,
        reference=sell.reference,
        invoice_method="manual",
        shipment_method="order",
        lines=[["create", [_sale_line(masters, line) for line in sell.lines]]],
    )
    rpc("sale.sale.quote", [sale])
    if sell.state == "cancelled":
        rpc("sale.sale.cancel", [sale])
    elif sell.state != "quotation":
        rpc("sale.sale.confirm", [sale])
        rpc("sale.sale.process", [sale])
    rows = rpc.find("sale.line", [["sale", "=", sale]], ["sale.number"])
    for row, line in zip(rows, sell.lines, strict=True):
        seen = {
            "sales_order_id": row["sale."]["number"],
            "line": str(row["id"]),
            "material_id": line.item,
            "requested_date": wanted.isoformat(),
            "customer_reference": sell.reference,
        }
        if sell.state in ("processing", "partial"):
            _make(rpc, masters, today, row["id"], line, seen)
        _note(truth, sell, line, seen, bought)
    if sell.state in ("processing", "done", "partial"):
        _ship(rpc, sale, sell)


def _sale_line(masters: Masters, line: Line) -> dict[str, object]:
    return {
        "product": masters.products[line.item],
        "quantity": float(line.quantity),
        "unit": masters.units[UNITS[line.item]],
        "unit_price": Decimal(line.price),
    }


def _make(rpc: Rpc, masters: Masters, today: date, line_id: int, line: Line, seen: dict[str, str]) -> None:
    rows = rpc.find("production", [["origin", "=", f"sale.line,{line_id}"]], ["number"])
    if not rows:
        return
    production = rows[0]["id"]
    if line.made != "request":
        rpc("production.draft", [production])
        rpc("production.wait", [production])
    if line.told is not None:
        seen["confirmed_date"] = (today + timedelta(days=line.told)).isoformat()
        _tell(rpc, line_id, today + timedelta(days=line.told))
    if line.made != "request":
        _assign(rpc, masters, production)
    if line.made == "running":
        rpc("production.run", [production])
    number = rpc.find("production", [["id", "=", production]], ["number"])[0]["number"]
    seen["production_order_id"] = number or f"id:{production}"
    if line.child:
        seen["child_order_id"] = _child(rpc, masters, today, line, number)


def _assign(rpc: Rpc, masters: Masters, production: int) -> None:
    for move in rpc.find("stock.move", [["production_input", "=", production]], ["product.code", "quantity"]):
        lots = next(item.lots for item in ITEMS if item.code == move["product."]["code"])
        if lots:
            rpc("stock.move.write", [move["id"]], {"lot": masters.lots[lots[0][0]]})
    rpc("production.assign_try", [production])


def _tell(rpc: Rpc, line_id: int, day: date) -> None:
    """Plan the line's outgoing move for the day the customer was told."""
    moves = rpc.find("stock.move", [["origin", "=", f"sale.line,{line_id}"]], [])
    rpc("stock.move.write", [move["id"] for move in moves], {"planned_date": day})


def _child(rpc: Rpc, masters: Masters, today: date, line: Line, parent: str) -> str:
    """Make the component in an order of its own that runs until day 15; its reference names the order it is for."""
    child = rpc.create(
        "production",
        product=masters.products[line.child],
        bom=masters.boms[line.child],
        unit=masters.units[UNITS[line.child]],
        quantity=float(line.quantity),
        planned_date=today + timedelta(days=15),
        planned_start_date=today,
        reference=parent,
        **_bom_moves(rpc, masters, line),
    )
    rpc("production.wait", [child])
    _assign(rpc, masters, child)
    rpc("production.run", [child])
    return str(rpc.find("production", [["id", "=", child]], ["number"])[0]["number"])


def _bom_moves(rpc: Rpc, masters: Masters, line: Line) -> dict[str, object]:
    stores, floor = masters.locations["STO"], masters.locations["PROD"]

    def move(item: str, quantity: Decimal, source: int, target: int, price: Decimal | None) -> dict[str, object]:
        return {
            "product": masters.products[item],
            "unit": masters.units[UNITS[item]],
            "quantity": float(quantity),
            "from_location": source,
            "to_location": target,
            "company": masters.company,
            "unit_price": price,
            "currency": masters.currencies["EUR"] if price is not None else None,
        }

    count = Decimal(line.quantity)
    inputs = [move(item, Decimal(each) * count, stores, floor, None) for item, each in BOMS[line.child]]
    outputs = [move(line.child, count, floor, stores, Decimal(0))]
    return {"inputs": [["create", inputs]], "outputs": [["create", outputs]]}


def _note(truth: Truth, sell: Sell, line: Line, seen: dict[str, str], bought: dict[str, dict[str, str]]) -> None:
    if sell.state in ("done", "cancelled", "quotation"):
        truth.closed.append(seen | {"state": sell.state})
    elif line.cause:
        purchase = {key: value for key, value in bought.get(line.buy, {}).items() if key != "material_id"}
        component = {"root_cause_code": line.cause, "component_id": line.blocked_item}
        truth.late.append(seen | component | purchase)
    else:
        truth.healthy.append(seen)


def _ship(rpc: Rpc, sale: int, sell: Sell) -> None:
    """Hold stock for what is ordered, and send it where the story says it has left."""
    shipments = rpc.find("stock.shipment.out", [["moves.origin.sale", "=", sale, "sale.line"]], ["outgoing_moves"])
    for shipment in shipments:
        if sell.state == "partial":
            rpc("stock.shipment.out.draft", [shipment["id"]])
            rpc("stock.move.write", shipment["outgoing_moves"], {"quantity": 2.0})
            rpc("stock.shipment.out.wait", [shipment["id"]])
        for button in ("assign_try",) if sell.state == "processing" else ("assign_try", "pick", "pack", "do"):
            rpc(f"stock.shipment.out.{button}", [shipment["id"]])


def quality_alert(rpc: Rpc, masters: Masters) -> None:
    """Open one alert from a failed inspection of a running order."""
    running = rpc.find("production", [["state", "=", "running"]], [])[0]["id"]
    point = {"name": "noise", "string": "Noise above limit", "type_": "boolean"}
    control = rpc.create(
        "quality.control", name="Noise test", company=masters.company, frequency=0.0, points=[["create", [point]]]
    )
    inspection = rpc.create(
        "quality.inspection", origin=f"production,{running}", company=masters.company, control=control
    )
    rpc.create(
        "quality.alert",
        title="Bearing lot L6306-Q: noise above limit",
        description="Lot moved to quarantine.",
        origin=f"quality.inspection,{inspection}",
        company=masters.company,
    )


def decoys(bought: dict[str, dict[str, str]], truth: Truth) -> None:
    """Note the purchases whose promise moved without hurting any order."""
    truth.decoys = [seen for role, seen in bought.items() if role.startswith("decoy#")]
