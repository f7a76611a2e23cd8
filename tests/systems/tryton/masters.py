"""Master data of the seeded plant: company, parties, materials, recipes, places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from tests.systems.tryton.plant import BOMS, CUSTOMERS, ITEMS, PURCHASES, QUARANTINE, SUPPLIERS, Item, Party
from tests.systems.tryton.rpc import Rpc


@dataclass(kw_only=True)
class Masters:
    """Record ids of the master data, by code."""

    today: str
    company: int
    currencies: Mapping[str, int]
    units: Mapping[str, int]
    locations: dict[str, int] = field(default_factory=dict)
    parties: dict[str, int] = field(default_factory=dict)
    addresses: dict[str, int] = field(default_factory=dict)
    templates: dict[str, int] = field(default_factory=dict)
    products: dict[str, int] = field(default_factory=dict)
    boms: dict[str, int] = field(default_factory=dict)
    lots: dict[str, int] = field(default_factory=dict)


def build_masters(rpc: Rpc) -> Masters:
    """Create all master data and leave the session's context on the new company."""
    currencies = {code: _currency(rpc, code, rate) for code, rate in (("EUR", "1"), ("USD", "1.10"))}
    company = _company(rpc, currencies["EUR"])
    units = {row["symbol"]: row["id"] for row in rpc.find("product.uom", [], ["symbol"])}
    masters = Masters(today=_today(rpc), company=company, currencies=currencies, units=units)
    _numbers(rpc)
    _places(rpc, masters)
    for party in (*CUSTOMERS, *SUPPLIERS):
        _party(rpc, masters, party)
    for item in ITEMS:
        _product(rpc, masters, item)
    for code, inputs in BOMS.items():
        _bom(rpc, masters, code, inputs)
    for item in ITEMS:
        _planning(rpc, masters, item)
    return masters


def _today(rpc: Rpc) -> str:
    value = rpc("ir.date.today")
    return date(value["year"], value["month"], value["day"]).isoformat()


def _currency(rpc: Rpc, code: str, rate: str) -> int:
    rates = [["create", [{"date": date(2020, 1, 1), "rate": Decimal(rate)}]]]
    return rpc.create("currency.currency", name=code, symbol=code, code=code, digits=2, rates=rates)


def _company(rpc: Rpc, currency: int) -> int:
    party = rpc.create("party.party", name="Nordhafen Pumpen GmbH", code="NHP")
    company = rpc.create("company.company", party=party, currency=currency, timezone="Europe/Berlin")
    rpc("res.user.write", [rpc.uid], {"companies": [["add", [company]]], "company": company})
    rpc.context.update(rpc("res.user.get_preferences", True))
    rpc.context["company"] = company
    return company


NUMBERS = {
    "Sale": "SO",
    "Purchase": "PO",
    "Purchase Requisition": "PR",
    "Production": "MO",
    "Customer Shipment": "DN",
    "Customer Return Shipment": "RN",
    "Supplier Shipment": "GR",
    "Quality Alert": "QA",
}


def _numbers(rpc: Rpc) -> None:
    for name, prefix in NUMBERS.items():
        rows = rpc.find("ir.sequence", [["name", "=", name]], [])
        rpc("ir.sequence.write", [row["id"] for row in rows], {"prefix": prefix, "padding": 5})


def _places(rpc: Rpc, masters: Masters) -> None:
    for row in rpc.find("stock.location", [], ["code"]):
        if row["code"]:
            masters.locations[row["code"]] = row["id"]
    masters.locations["QUA"] = rpc.create(
        "stock.location", name="Quarantine", code="QUA", type="storage", parent=masters.locations["WH"]
    )


def _party(rpc: Rpc, masters: Masters, party: Party) -> None:
    country = rpc.find("country.country", [["code", "=", party.country]], [])
    if not country:
        country = [{"id": rpc.create("country.country", name=party.country, code=party.country)}]
    address = [["create", [{"city": "Town", "country": country[0]["id"]}]]]
    masters.parties[party.code] = rpc.create("party.party", name=party.name, code=party.code, addresses=address)
    row = rpc.find("party.address", [["party", "=", masters.parties[party.code]]], [])
    masters.addresses[party.code] = row[0]["id"]


def _product(rpc: Rpc, masters: Masters, item: Item) -> None:
    unit = masters.units[item.unit]
    bought, sold = item.kind == "raw", item.kind == "finished"
    made_to_order = sold and item.on_hand == "0"
    template = rpc.create(
        "product.template",
        name=item.name,
        type="goods",
        default_uom=unit,
        list_price=Decimal(item.price),
        cost_price_method="fixed",
        purchasable=bought,
        purchase_uom=masters.units[item.buy_unit or item.unit] if bought else None,
        salable=sold,
        sale_uom=unit if sold else None,
        lead_time=timedelta(0) if sold else None,
        producible=not bought,
        supply_on_sale="always" if made_to_order else None,
        products=[["create", [{"suffix_code": item.code, "cost_price": Decimal(item.price)}]]],
    )
    masters.templates[item.code] = template
    masters.products[item.code] = rpc.find("product.product", [["template", "=", template]], [])[0]["id"]
    lots = [*item.lots, *([QUARANTINE[1:]] if item.code == QUARANTINE[0] else [])]
    for lot, _ in lots:
        masters.lots[lot] = rpc.create("stock.lot", number=lot, product=masters.products[item.code])


def _bom(rpc: Rpc, masters: Masters, code: str, inputs: tuple[tuple[str, str], ...]) -> None:
    units = {item.code: masters.units[item.unit] for item in ITEMS}

    def part(item: str, quantity: str) -> dict[str, object]:
        return {"product": masters.products[item], "quantity": float(quantity), "unit": units[item]}

    masters.boms[code] = rpc.create(
        "production.bom",
        name=f"Recipe {code}",
        inputs=[["create", [part(*one) for one in inputs]]],
        outputs=[["create", [part(code, "1")]]],
    )
    rpc.create("product.product-production.bom", product=masters.products[code], bom=masters.boms[code])


def _planning(rpc: Rpc, masters: Masters, item: Item) -> None:
    product = masters.products[item.code]
    if item.kind != "raw":
        lead = timedelta(days=item.lead_days)
        rpc.create("production.lead_time", product=product, bom=masters.boms[item.code], lead_time=lead)
        return
    supplier = next((buy.supplier for buy in PURCHASES if buy.item == item.code), SUPPLIERS[0].code)
    rpc.create(
        "purchase.product_supplier",
        template=masters.templates[item.code],
        product=product,
        party=masters.parties[supplier],
        currency=masters.currencies["EUR"],
        lead_time=timedelta(days=item.lead_days),
        prices=[["create", [{"quantity": 0, "unit_price": Decimal(item.price)}]]],
    )
    if item.safety:
        rpc.create(
            "stock.order_point",
            type="purchase",
            product=product,
            location=masters.locations["WH"],
            min_quantity=float(item.safety),
            target_quantity=float(item.safety * 3),
        )
