"""Master data: materials with their hidden roles, bills, routings, suppliers, customers, work centres, sources."""

from __future__ import annotations

from typing import Final

from erp_mcp.demo import erp_rows
from erp_mcp.demo.draw import Draw
from erp_mcp.demo.figures import UNIT, price, quantity
from erp_mcp.demo.plan import SITES, Block, Part, Product, Role
from erp_mcp.demo.plant_calendar import PlantCalendar
from erp_mcp.demo.tables import Tables

FINISHED: Final = {"1000": 8, "2000": 4}
SEMI: Final = {"1000": 27, "2000": 13}
RAW: Final = {"1000": 112, "2000": 56}
CUSTOMERS: Final = 60
CREDIT_CUSTOMERS: Final = 3
SUPPLIERS: Final = tuple(f"S{n:04d}" for n in range(1, 41))
BLOCKED_SUPPLIERS: Final = ("S0013", "S0031")
TWIN_SUPPLIERS: Final = ("S0007", "S0027")
BUSY_SUPPLIERS: Final = {5: "S0005", 17: "S0017", 29: "S0024"}  # every 36th material each: enough receipts to be ranked
US_SUPPLIERS: Final = ("S0004", "S0011", "S0019", "S0022", "S0028", "S0035")
RIGHT_TO_LEFT_SUPPLIER: Final = "S0018"
ZERO_WIDTH_CUSTOMER: Final = "C00017"
SHOWCASE_MATERIAL: Final = "RM-013"
_CENTS_PER_DOLLAR: Final = 92
_TEN_THOUSANDTHS_PER_SECOND: Final = 125
PANEL_RATIOS: Final = ((2, 5), (4, 3))  # pieces per square metres of sheet

ROLES: Final[dict[str, dict[Role, int]]] = {
    "1000": {"late_po": 12, "quality_hold": 4, "stock_discrepancy": 3, "moved": 11, "moved_free": 6, "moved_second": 3,
             "inbound": 16},
    "2000": {"late_po": 6, "quality_hold": 2, "stock_discrepancy": 2, "moved": 5, "moved_free": 3, "moved_second": 2,
             "inbound": 8},
}  # fmt: skip

# number, site, description, area, where its work can go
CENTERS: Final = (
    ("CNC-01", "1000", "Machining centre 1", "MACHINING", "CNC-02"),
    ("CNC-02", "1000", "Machining centre 2", "MACHINING", "CNC-01"),
    ("CNC-03", "1000", "Machining centre 3", "MACHINING", "CNC-01"),
    ("WLD-01", "1000", "Welding cell", "WELDING", None),
    ("PNT-01", "1000", "Paint oven", "PAINTING", None),
    ("ASM-01", "1000", "Assembly line 1", "ASSEMBLY", "ASM-02"),
    ("ASM-02", "1000", "Assembly line 2", "ASSEMBLY", "ASM-01"),
    ("PCK-01", "1000", "Packing", "PACKING", None),
    ("CNC-21", "2000", "Machining centre 21", "MACHINING", "CNC-22"),
    ("CNC-22", "2000", "Machining centre 22", "MACHINING", "CNC-21"),
    ("ASM-21", "2000", "Assembly line 21", "ASSEMBLY", None),
    ("PCK-21", "2000", "Packing 21", "PACKING", None),
)
DOWN_CENTER: Final = "PNT-01"
DOWN_WITH_ALTERNATIVE: Final = "CNC-03"
REPAIR_END_DAY: Final = 9

_SHAPES = (
    "bracket",
    "plate",
    "shaft",
    "housing",
    "bushing",
    "profile",
    "cover",
    "flange",
    "gasket",
    "cable",
    "spring",
    "panel",
)
_METALS = ("steel", "aluminium", "brass", "rubber", "copper", "nylon", "zinc", "polymer")
_NAMES = ("Adler", "Brandt", "Castell", "Dorn", "Ehlers", "Falk", "Gerlach", "Hagen", "Iversen", "Jansen", "Keller",
          "Lindner", "Moser", "Nagel", "Osten", "Petri", "Quast", "Reuter", "Sommer", "Thiel")  # fmt: skip
_PAYMENT_TERMS = ("N30", "N30", "N45", "N60", "D14N30")
_STEPS = {
    "CNC": "Machining", "WLD": "Welding", "PNT": "Painting", "ASM": "Assembly", "PCK": "Packing",
}  # fmt: skip
SETUP_MIN: Final = 30
_LAST_DAY_OF_OLD: Final = 119  # beyond every order there is, so a change of design touches none of them
_TRADES = ("Metall", "Technik", "Components", "Industrie", "Supply")


def make_block(draw: Draw, index: int) -> Block:
    """Return the materials, bills and routings of one block."""
    finished = _products(index, "FERT", FINISHED)
    semi = _products(index, "HALB", SEMI)
    raw = tuple(_raw(draw, index, site, first) for site, first in (("1000", 0), ("2000", RAW["1000"])))
    raws = tuple(product for group in raw for product in group)
    bills: dict[str, tuple[Part, ...]] = {}
    routings: dict[str, tuple[str, ...]] = {}
    for site in SITES:
        local = [product for product in raws if product.site == site]
        _bills(draw, bills, [p for p in finished if p.site == site], [p for p in semi if p.site == site], local)
    for place, product in enumerate((*finished, *semi)):
        routings[product.number] = _routing(draw, product, place)
    return Block(index=index, finished=finished, semi=semi, raw=raws, bills=bills, routings=routings)


def _products(index: int, kind: str, sites: dict[str, int]) -> tuple[Product, ...]:
    prefix, word = {"FERT": ("FG", "Drive unit"), "HALB": ("SF", "Subassembly")}[kind]
    per_block = sum(sites.values())
    where = [site for site, count in sites.items() for _ in range(count)]
    return tuple(
        Product(
            number=f"{prefix}-{index * per_block + place + 1:03d}",
            kind="FERT" if kind == "FERT" else "HALB",
            site=site,
            uom="EA",
            description=f"{word} {chr(65 + place % 26)}{place + 10}",
        )
        for place, site in enumerate(where)
    )


def _raw(draw: Draw, index: int, site: str, first: int) -> list[Product]:
    per_block = sum(RAW.values())
    numbers = [f"RM-{index * per_block + first + place + 1:03d}" for place in range(RAW[site])]
    hidden = draw.shuffled((n for n in numbers if n != SHOWCASE_MATERIAL), "role", f"shuffle{site}")
    roles: dict[str, Role] = {}
    for role, count in ROLES[site].items():
        for number in hidden[:count]:
            roles[number] = role
        hidden = hidden[count:]
    # One purchase that is late and one that only looks so are always bought in another unit than they are used in.
    sheets = {next(n for n, role in roles.items() if role == wanted) for wanted in ("late_po", "moved")}
    return [_raw_product(draw, number, site, roles.get(number, "plain"), sheet=number in sheets) for number in numbers]


def _raw_product(draw: Draw, number: str, site: str, role: Role, *, sheet: bool) -> Product:
    shape = "bracket" if number == SHOWCASE_MATERIAL else draw.pick(_SHAPES, "material", number, "shape")
    shape = "panel" if sheet else shape
    panel = shape == "panel"
    uom = (
        "EA"
        if panel or number == SHOWCASE_MATERIAL
        else draw.pick(("EA", "EA", "EA", "KGM", "MTR"), "material", number, "uom")
    )
    ratio = draw.pick(PANEL_RATIOS, "material", number, "ratio") if panel else (1, 1)
    usable = [s for s in SUPPLIERS if s not in BLOCKED_SUPPLIERS]
    busy = BUSY_SUPPLIERS.get(int(number[3:]) % 36)
    return Product(
        number=number,
        kind="ROH",
        site=site,
        uom=uom,
        description=f"{draw.pick(_METALS, 'material', number, 'metal').capitalize()} {shape}",
        role=role,
        buy_uom="MTK" if panel else uom,
        numerator=ratio[0],
        denominator=ratio[1],
        supplier=busy or draw.pick(usable, "material", number, "supplier"),
        price=draw.between((8_000, 480_000), "material", number, "price") // 100 * 100,
        threshold_day=draw.between((7, 12), "material", number, "threshold"),
    )


def _bills(
    draw: Draw, bills: dict[str, tuple[Part, ...]], finished: list[Product], semi: list[Product], raw: list[Product]
) -> None:
    """Deal the raw materials with a role over the finished products and the plain ones over the semi-finished."""
    dealt: dict[str, list[Product]] = {product.number: [] for product in (*finished, *semi)}
    special = [p for role in ROLES[raw[0].site] for p in raw if p.role == role]
    special += [p for p in raw if p.number == SHOWCASE_MATERIAL]
    plain = [p for p in raw if p.role == "plain" and p.number != SHOWCASE_MATERIAL]
    for place, product in enumerate((*semi, *special)):
        dealt[finished[place % len(finished)].number].append(product)
    for place, product in enumerate(plain):
        dealt[semi[place % len(semi)].number].append(product)
    for number, parts in dealt.items():
        bills[number] = tuple(Part(product=part, per=_per(draw, number, part)) for part in parts)


def _per(draw: Draw, number: str, part: Product) -> int:
    if part.kind == "HALB":
        return UNIT
    if part.uom == "EA":
        return UNIT * (2 if part.denominator != 1 else draw.between((1, 4), "bom", f"{number}/{part.number}", "per"))
    return 125 * draw.between((1, 12), "bom", f"{number}/{part.number}", "per")


def _routing(draw: Draw, product: Product, place: int) -> tuple[str, ...]:
    key = product.number
    if product.site == "2000":
        first = draw.pick(("CNC-21", "CNC-22"), "routing", key, "first")
        return (first, "ASM-21", "PCK-21") if product.kind == "FERT" else (first,)
    if product.kind == "HALB":
        return (draw.pick(("CNC-01", "CNC-02", "CNC-02", "WLD-01"), "routing", key, "first"),)
    if place < 4:
        return (("CNC-02", "WLD-01", "CNC-02", "WLD-01")[place], DOWN_CENTER, "ASM-01")
    if place < 6:
        return (DOWN_WITH_ALTERNATIVE, "ASM-01", "PCK-01")
    return ("CNC-02", "ASM-02", "PCK-01")


def painted(block: Block, product: Product) -> bool:
    """Tell whether a product goes through the centre that is down."""
    return DOWN_CENTER in block.routings[product.number]


def write_block(block: Block, draw: Draw, calendar: PlantCalendar, erp: Tables) -> None:
    """Write the materials of a block with units, bills, routings and sources."""
    changed = calendar.stamp(-190, 8 * 60)
    for product in (*block.finished, *block.semi, *block.raw):
        erp.add(erp_rows.MaterialRow(product.number, product.description, product.kind, product.uom, "01", changed))
        if product.denominator != 1 or product.numerator != 1:
            erp.add(
                erp_rows.UnitRow(product.number, "MTK", product.uom, product.numerator, product.denominator, changed)
            )
        if product.kind == "ROH":
            write_sources(product, draw, calendar, erp)
    followers = _followers(block)
    for number, parts in block.bills.items():
        for place, part in enumerate(parts):
            item = f"{(place + 1) * 10:04d}"
            ends = calendar.date(_LAST_DAY_OF_OLD) if number in followers and not place else None
            erp.add(erp_rows.BomRow(number, item, part.product.number, quantity(part.per), part.product.uom,
                                    calendar.date(-365), ends, changed))  # fmt: skip
        if number in followers:
            after, item = followers[number], f"{(len(parts) + 1) * 10:04d}"
            erp.add(erp_rows.BomRow(number, item, after.number, quantity(parts[0].per), after.uom,
                                    calendar.date(_LAST_DAY_OF_OLD + 1), None, changed))  # fmt: skip
    for number, centers in block.routings.items():
        for place, center in enumerate(centers):
            erp.add(
                erp_rows.RoutingRow(number, f"{(place + 1) * 10:04d}", center, _STEPS[center[:3]], SETUP_MIN,
                                    run_seconds(draw, number, place), changed)
            )  # fmt: skip


def run_seconds(draw: Draw, number: str, place: int) -> int:
    """Return how long one piece of a material takes at the step of its routing with this place, from 0."""
    return draw.between((40, 400), "routing", f"{number}/{place}", "run")


def _followers(block: Block) -> dict[str, Product]:
    """Return, for one finished product of each site, the subassembly that will take the place of its first part."""
    found: dict[str, Product] = {}
    for site in SITES:
        product = next(p for p in block.finished if p.site == site)
        used = {part.product.number for part in block.bills[product.number]}
        found[product.number] = next(p for p in block.semi if p.site == site and p.number not in used)
    return found


def standard_prices(block: Block, draw: Draw) -> dict[str, int]:
    """Return what one base unit of each material is valued at, in ten-thousandths of a euro.

    Bought materials are valued at their purchase price, made ones at their parts and their time.
    """
    values: dict[str, int] = {}
    for product in block.raw:
        rate = _CENTS_PER_DOLLAR if product.supplier in US_SUPPLIERS else 100
        values[product.number] = product.price * rate * product.denominator // (100 * product.numerator)
    for product in (*block.semi, *block.finished):
        parts = sum(part.per * values[part.product.number] for part in block.bills[product.number]) // UNIT
        steps = len(block.routings[product.number])
        time = sum(run_seconds(draw, product.number, place) for place in range(steps)) * _TEN_THOUSANDTHS_PER_SECOND
        values[product.number] = parts + time
    return values


def write_sources(product: Product, draw: Draw, calendar: PlantCalendar, erp: Tables) -> None:
    """Write one to three approved sources of a raw material; the first is the one that is used."""
    changed = calendar.stamp(-190, 8 * 60)
    if product.number == SHOWCASE_MATERIAL:
        others = [s for s in ("S0002", "S0009", "S0016") if s != product.supplier][:2]
        rows = [(product.supplier, product.price, 0), (BLOCKED_SUPPLIERS[0], product.price * 8 // 10, 1),
                (others[0], product.price * 9 // 10, 0), (others[1], product.price * 12 // 10, 0)]  # fmt: skip
    else:
        rows = [(product.supplier, product.price, 0)]
        count = draw.below(2, "source", product.number, "count")
        extra = [s for s in SUPPLIERS if s not in {product.supplier, *BLOCKED_SUPPLIERS}]
        rows += [
            (extra[draw.below(len(extra), "source", product.number, "extra")], product.price * 11 // 10, 0)
        ] * count
    for rank, (supplier, value, blocked) in enumerate(rows, 1):
        key = f"{product.number}/{supplier}"
        erp.add(
            erp_rows.SourceRow(
                product.number, supplier, product.site, rank, price(value), 1, currency_of(supplier, product),
                product.buy_uom,
                quantity(UNIT * 10), draw.between((10, 30), "source", key, "lead"), calendar.date(290), blocked,
                changed,
            )
        )  # fmt: skip


def currency_of(supplier: str, product: Product) -> str:
    """Return the currency a supplier charges; the showcase material is always priced in euros."""
    return "USD" if supplier in US_SUPPLIERS and product.number != SHOWCASE_MATERIAL else "EUR"


def write_parties(draw: Draw, calendar: PlantCalendar, erp: Tables) -> None:
    """Write suppliers and work centres, which all blocks share."""
    changed = calendar.stamp(-200, 8 * 60)
    for place, number in enumerate(SUPPLIERS):
        name = f"{_NAMES[place % 20]} {_TRADES[place * 7 % 5]} GmbH"
        if number == TWIN_SUPPLIERS[1]:
            name = f"{_NAMES[(place - 20) % 20].upper()} {_TRADES[(place - 20) * 7 % 5]} Gmbh"
        if number == RIGHT_TO_LEFT_SUPPLIER:
            name = "\u202eReuter\u202c Industrie GmbH"  # a right-to-left override, as a hostile name would carry it
        tax = draw.below(10**9, "vendor", TWIN_SUPPLIERS[0] if number in TWIN_SUPPLIERS else number, "tax")
        country = "US" if number in US_SUPPLIERS else "DE"
        erp.add(
            erp_rows.VendorRow(
                number,
                name,
                country,
                f"{country}{tax:09d}",
                int(number in BLOCKED_SUPPLIERS),
                draw.pick(_PAYMENT_TERMS, "vendor", number, "terms"),
                changed,
            )
        )
    for center, site, description, area, alternative in CENTERS:
        erp.add(erp_rows.WorkCenterRow(center, site, description, area, alternative, changed))


def customers(index: int) -> list[str]:
    """Return the customer numbers of a block; the last ones are those with a credit problem."""
    return [f"C{index * CUSTOMERS + place + 1:05d}" for place in range(CUSTOMERS)]


def write_customers(index: int, draw: Draw, calendar: PlantCalendar, erp: Tables) -> None:
    """Write the customers of a block."""
    numbers = customers(index)
    for place, number in enumerate(numbers):
        name = f"{draw.pick(_NAMES, 'customer', number, 'name')} {draw.pick(_TRADES, 'customer', number, 'trade')} AG"
        if number == ZERO_WIDTH_CUSTOMER:
            name = f"Acme\u200b {name}"  # a zero-width space, as a hostile name would carry it
        credit = "BLK" if place >= CUSTOMERS - CREDIT_CUSTOMERS else "OK"
        priority = draw.pick(("A", "B", "B", "C", "C"), "customer", number, "priority")
        country = "US" if place % 10 == 3 else "DE"
        erp.add(erp_rows.CustomerRow(number, name, country, priority, credit, calendar.stamp(-200, 9 * 60)))
