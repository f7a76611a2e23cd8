"""Company, places, parties, units, products and their planning data."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

from tests.systems.tryton.export_base import Export
from tests.systems.tryton.rpc import Value

COMPANY: Final = "1000"
_PLACES: Final = ("0001", "0002", "0003", "QUA", "BLK")
_STORE: Final = "0001"


def export_masters(export: Export) -> None:
    """Create all master data; the session's context is the new company's afterwards."""
    _company(export)
    _places(export)
    _parties(export)
    _units(export)
    _products(export)
    _planning(export)


def _company(export: Export) -> None:
    rpc = export.rpc
    for code, rate in (("EUR", "1"), ("USD", "1.10")):
        rates = [["create", [{"date": date(2020, 1, 1), "rate": Decimal(rate)}]]]
        export.currencies[code] = rpc.create(
            "currency.currency", name=code, symbol=code, code=code, digits=2, rates=rates
        )
    party = rpc.create("party.party", name="Demo plant", code=COMPANY)
    company = rpc.create("company.company", party=party, currency=export.currencies["EUR"], timezone="Europe/Berlin")
    rpc("res.user.write", [rpc.uid], {"companies": [["add", [company]]], "company": company})
    rpc.context.update(rpc("res.user.get_preferences", True))
    rpc.context["company"] = export.company = company


def _places(export: Export) -> None:
    """Make a warehouse of each site; the first is the one that every Tryton has, under the site's code."""
    rpc = export.rpc
    found = {row["code"]: row["id"] for row in rpc.find("stock.location", [], ["code"]) if row["code"]}
    for site in sorted({row["plant"] for row in export.plant.rows("mat_plant")}):
        if not export.warehouses:
            own = {"warehouse": found["WH"], "IN": found["IN"], "OUT": found["OUT"], _STORE: found["STO"]}
            own["PROD"] = found["PROD"]
            rpc("stock.location.write", [own["warehouse"]], {"name": f"Site {site}", "code": site})
            rpc("stock.location.write", [own[_STORE]], {"code": _STORE})
        else:
            own = _warehouse(export, site)
        export.warehouses[site] = own["warehouse"]
        more = [code for code in _PLACES if code not in own]
        rows: list[dict[str, Value]] = [
            {"name": f"{site} {code}", "code": code, "type": "storage", "parent": own["warehouse"]} for code in more
        ]
        own |= dict(zip(more, export.many("stock.location", rows), strict=True))
        export.places |= {(site, code): one for code, one in own.items()}
        export.made_at.add(own["PROD"])
    for kind in ("customer", "supplier"):
        export.places["", kind] = rpc.find("stock.location", [["type", "=", kind]], [])[0]["id"]


def _warehouse(export: Export, site: str) -> dict[str, int]:
    kinds = {"IN": "storage", "OUT": "storage", _STORE: "storage", "PROD": "production"}
    rows: list[dict[str, Value]] = [
        {"name": f"{site} {code}", "code": code, "type": kind} for code, kind in kinds.items()
    ]
    own = dict(zip(kinds, export.many("stock.location", rows), strict=True))
    own["warehouse"] = export.rpc.create(
        "stock.location", name=f"Site {site}", code=site, type="warehouse", input_location=own["IN"],
        output_location=own["OUT"], storage_location=own[_STORE], production_location=own["PROD"],
        lost_found_location=_lost(export),
    )  # fmt: skip
    inside = [one for code, one in own.items() if code not in {"warehouse", "PROD"}]
    export.set("stock.location", inside, parent=own["warehouse"])
    return own


def _lost(export: Export) -> int:
    return int(export.rpc.find("stock.location", [["type", "=", "lost_found"]], [])[0]["id"])


def _parties(export: Export) -> None:
    customers, vendors = export.plant.rows("customer"), export.plant.rows("vendor")
    countries = sorted({row["country"] for row in (*customers, *vendors)})
    made = export.many("country.country", [{"name": code, "code": code} for code in countries])
    country = dict(zip(countries, made, strict=True))
    rows: list[dict[str, Value]] = [
        {
            "name": row["name1"],
            "code": row.get("cust_no") or row["vendor_no"],
            "addresses": [["create", [{"city": "Town", "country": country[row["country"]]}]]],
        }
        for row in (*customers, *vendors)
    ]
    ids = export.many("party.party", rows)
    export.parties = {str(row["code"]): one for row, one in zip(rows, ids, strict=True)}
    of_party = {row["party"]: row["id"] for row in export.rpc.find("party.address", [], ["party"])}
    export.addresses = {code: of_party[one] for code, one in export.parties.items()}


def archive_blocked(export: Export) -> None:
    """Archive the suppliers that are blocked, once their orders are there."""
    blocked = [export.parties[row["vendor_no"]] for row in export.plant.rows("vendor") if row["purch_block"] == "1"]
    export.set("party.party", blocked, active=False)


def _units(export: Export) -> None:
    """Make units of the plant's codes; one that is bought by another measure has a category with exact factors."""
    base = {row["mat_no"]: row["base_uom"] for row in export.plant.rows("mat_gen")}
    export.base_units = base
    plain = {code: _unit(export, code, _category(export, code), 1) for code in sorted(set(base.values()))}
    export.units = {(material, code): plain[code] for material, code in base.items()}
    exact: dict[tuple[str, str, Fraction], tuple[int, int]] = {}
    for row in export.plant.rows("mat_unit"):
        ratio = Fraction(int(row["num"]), int(row["den"]))
        kind = (row["alt_uom"], row["base_uom"], ratio)
        if kind not in exact:
            category = _category(export, f"{row['base_uom']} by {row['alt_uom']} {ratio}")
            exact[kind] = (
                _unit(export, row["base_uom"], category, ratio.denominator),
                _unit(export, row["alt_uom"], category, ratio.numerator),
            )
        own, other = exact[kind]
        export.units |= {(row["mat_no"], row["base_uom"]): own, (row["mat_no"], row["alt_uom"]): other}
        export.factors[other] = ratio


def _category(export: Export, name: str) -> int:
    return export.rpc.create("product.uom.category", name=name)


def _unit(export: Export, code: str, category: int, factor: int) -> int:
    return export.rpc.create(
        "product.uom", name=code, symbol=code, category=category, factor=float(factor),
        rate=round(1 / factor, 12), rounding=0.001, digits=3,
    )  # fmt: skip


def _products(export: Export) -> None:
    alternative = {row["mat_no"]: row["alt_uom"] for row in export.plant.rows("mat_unit")}
    cost = {row["mat_no"]: Decimal(row["std_price"]) / int(row["price_per"]) for row in export.plant.rows("mat_plant")}
    rows: list[dict[str, Value]] = []
    materials = export.plant.rows("mat_gen")
    for row in materials:
        code, bought, sold = row["mat_no"], row["mat_type"] == "ROH", row["mat_type"] == "FERT"
        unit = export.units[code, row["base_uom"]]
        rows.append(
            {
                "name": row["descr"],
                "type": "goods",
                "default_uom": unit,
                "list_price": Decimal(0),
                "cost_price_method": "fixed",
                "purchasable": bought,
                "purchase_uom": export.units[code, alternative.get(code, row["base_uom"])] if bought else None,
                "salable": sold,
                "sale_uom": unit if sold else None,
                "producible": not bought,
                "products": [["create", [{"suffix_code": code, "cost_price": cost.get(code, Decimal(0))}]]],
            }
        )
    export.many("product.template", rows)
    for row in export.rpc.find("product.product", [], ["code", "template"]):
        export.products[row["code"]] = row["id"]
        export.templates[row["code"]] = row["template"]


def _planning(export: Export) -> None:
    planned, sources = export.plant.rows("mat_plant"), export.plant.rows("source_list")
    made = [row for row in planned if row["proc_type"] == "E"]
    export.many(
        "production.lead_time",
        [
            {"product": export.products[code], "lead_time": timedelta(days=int(lead))}
            for code, lead in {row["mat_no"]: row["lead_days"] for row in made}.items()
        ],
    )
    kinds = {"E": "production", "F": "purchase"}
    export.many(
        "stock.order_point",
        [
            {
                "type": kinds[row["proc_type"]],
                "product": export.products[row["mat_no"]],
                "location": export.warehouses[row["plant"]],
                "min_quantity": float(row["safety_qty"]),
                "target_quantity": float(row["safety_qty"]) * 3,
            }
            for row in planned
            if float(row["safety_qty"])
        ],
    )
    export.many(
        "purchase.product_supplier",
        [
            {
                "template": export.templates[row["mat_no"]],
                "product": export.products[row["mat_no"]],
                "party": export.parties[row["vendor_no"]],
                "sequence": int(row["prio"]),
                "currency": export.currencies[row["curr"]],
                "lead_time": timedelta(days=int(row["lead_days"])),
                "prices": [["create", [{"quantity": 0, "unit_price": Decimal(row["price"])}]]],
            }
            for row in sources
        ],
    )
