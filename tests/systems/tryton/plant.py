"""The small pump plant that the seed builds in Tryton: master data and the story of its orders, as plain data.

Days are counted from the day of seeding. Every promise moved, quantity missing and order late in here is planted on
purpose; `seed.py` writes down what it planted beside the database.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["finished", "semi_finished", "raw"]


@dataclass(frozen=True, slots=True)
class Item:
    """One material; `on_hand` lies in the storage zone at the start, lots of it by number in `lots`."""

    code: str
    name: str
    kind: Kind
    unit: str = "u"
    price: str = "10"
    on_hand: str = "0"
    lots: tuple[tuple[str, str], ...] = ()
    lead_days: int = 2
    safety: int = 0
    buy_unit: str = ""


@dataclass(frozen=True, slots=True)
class Party:
    """A customer or supplier."""

    code: str
    name: str
    country: str


@dataclass(frozen=True, slots=True)
class Buy:
    """One purchase line: promised for `promised`, moved to `moved` later, `received` already in."""

    role: str
    item: str
    quantity: str
    supplier: str
    promised: int
    moved: int | None = None
    received: str = ""
    currency: str = "EUR"
    state: Literal["processing", "quotation", "cancelled"] = "processing"


@dataclass(frozen=True, slots=True)
class Line:
    """One sales line; `told` is the day the customer was told since, `made` says how far that production is."""

    item: str
    quantity: str
    price: str
    made: Literal["", "waiting", "assigned", "running", "done", "request"] = ""
    told: int | None = None
    child: str = ""
    cause: str = ""
    buy: str = ""
    blocked_item: str = ""


@dataclass(frozen=True, slots=True)
class Sell:
    """One sales order for shipping on day `wanted`."""

    reference: str
    customer: str
    wanted: int
    lines: tuple[Line, ...]
    currency: str = "EUR"
    state: Literal["processing", "done", "partial", "cancelled", "quotation"] = "processing"


CUSTOMERS = (
    Party("C1001", "Alpenwerk Pumpentechnik GmbH", "DE"),
    Party("C1002", "Nordsee Marine Services", "NL"),
    Party("C1003", "Hochland Wasserversorgung", "AT"),
    Party("C1004", "Rhône Chimie SA", "FR"),
    Party("C1005", "Great Lakes Process Inc", "US"),
)
SUPPLIERS = (
    Party("S2001", "Gießerei Bergmann", "DE"),
    Party("S2002", "Precision Seals BV", "NL"),
    Party("S2003", "Kugellager Süd", "DE"),
    Party("S2004", "Motorenwerk Elbe", "DE"),
    Party("S2005", "Pacific Controls Ltd", "US"),
)

FINISHED = tuple(
    Item(f"FP-{100 + n}", f"Centrifugal pump CP {20 + 5 * n}", "finished", price=str(900 + 150 * n), on_hand=stock)
    for n, stock in enumerate(("0", "0", "0", "0", "0", "0", "40", "25"))
)
SEMI = tuple(
    Item(f"SA-{200 + n}", name, "semi_finished", price="180", on_hand=stock)
    for n, (name, stock) in enumerate(
        (
            ("Rotor assembly small", "60"),
            ("Rotor assembly large", "60"),
            ("Housing assembly small", "60"),
            ("Housing assembly large", "60"),
            ("Motor unit 4 kW", "30"),
            ("Motor unit 11 kW, made to order", "0"),
            ("Greased bearing set", "0"),
        )
    )
)
RAW = (
    Item("RM-300", "Impeller casting", "raw", price="35", on_hand="200", lead_days=14, safety=20),
    Item("RM-301", "Volute casting", "raw", price="55", on_hand="150", lead_days=14, safety=20),
    Item("RM-302", "Shaft 1.4571", "raw", price="28", on_hand="180", lead_days=10),
    Item("RM-303", "Copper wire", "raw", unit="kg", price="9.85", on_hand="412.35", lead_days=7, safety=50),
    Item("RM-304", "Bearing 6306", "raw", price="6.40", lots=(("L6306-A", "120"), ("L6306-B", "80")), lead_days=5),
    Item("RM-305", "Epoxy coating", "raw", unit="l", price="14.20", on_hand="88.5", lead_days=5, buy_unit="m³"),
    Item("RM-306", "Fastener kit", "raw", price="2.15", on_hand="900", lead_days=3),
    Item("RM-307", "Terminal box", "raw", price="11", on_hand="75", lead_days=8),
    Item("RM-308", "Gasket set", "raw", price="3.30", on_hand="400", lead_days=4),
    Item("RM-309", "Name plate", "raw", price="0.80", on_hand="500", lead_days=3),
    Item("RM-310", "Mechanical seal MS 30", "raw", price="62", lead_days=12),
    Item("RM-311", "Frequency converter 4 kW", "raw", price="240", lead_days=20),
    Item("RM-312", "Coupling guard", "raw", price="17", on_hand="90", lead_days=9),
    Item("RM-313", "Base frame", "raw", price="48", lead_days=9),
    Item("RM-314", "Stator stack 11 kW", "raw", price="130", on_hand="20", lead_days=15),
    Item("RM-315", "Seal ring FKM", "raw", price="7.20", lots=(("LFKM-01", "60"),), lead_days=6),
    Item(
        "RM-316",
        "Bearing grease",
        "raw",
        unit="kg",
        price="19",
        lots=(("LGRE-A", "4.5"), ("LGRE-B", "20")),
        lead_days=6,
    ),
)
ITEMS = (*FINISHED, *SEMI, *RAW)
QUARANTINE = ("RM-304", "L6306-Q", "40")
"""A lot that failed inspection and lies in the quarantine location: item, lot, quantity."""

BOMS: dict[str, tuple[tuple[str, str], ...]] = {
    "SA-200": (("RM-300", "1"), ("RM-302", "1"), ("RM-304", "2")),
    "SA-201": (("RM-300", "2"), ("RM-302", "1"), ("RM-304", "2")),
    "SA-202": (("RM-301", "1"), ("RM-305", "0.35"), ("RM-308", "1")),
    "SA-203": (("RM-301", "2"), ("RM-305", "0.6"), ("RM-308", "1")),
    "SA-204": (("RM-303", "2.75"), ("RM-307", "1")),
    "SA-205": (("RM-303", "6.2"), ("RM-314", "1")),
    "SA-206": (("RM-316", "0.9"),),
    "FP-100": (("SA-200", "1"), ("SA-202", "1"), ("RM-310", "1"), ("RM-306", "2")),
    "FP-101": (("SA-200", "1"), ("SA-204", "1"), ("RM-311", "1"), ("RM-309", "1")),
    "FP-102": (("SA-201", "1"), ("SA-205", "1"), ("RM-306", "3")),
    "FP-103": (("SA-201", "1"), ("SA-203", "1"), ("RM-312", "1"), ("RM-309", "1")),
    "FP-104": (("SA-200", "1"), ("SA-202", "1"), ("RM-315", "2")),
    "FP-105": (("SA-201", "1"), ("SA-203", "1"), ("RM-313", "1")),
    "FP-106": (("SA-200", "1"), ("SA-202", "1"), ("RM-308", "2")),
    "FP-107": (("SA-201", "1"), ("SA-203", "1"), ("RM-308", "2")),
}

PURCHASES = (
    Buy("late#1", "RM-310", "20", "S2002", promised=4, moved=18),
    Buy("late#2", "RM-311", "12", "S2005", promised=3, moved=15, currency="USD"),
    Buy("on_time#1", "RM-313", "30", "S2001", promised=3),
    Buy("decoy#1", "RM-312", "50", "S2001", promised=2, moved=21),
    Buy("decoy#2", "RM-309", "200", "S2003", promised=5, moved=19),
    Buy("partial#1", "RM-300", "100", "S2001", promised=6, received="40"),
    Buy("plain#1", "RM-303", "250.5", "S2004", promised=9),
    Buy("plain#2", "RM-304", "100", "S2003", promised=8),
    Buy("open#1", "RM-307", "60", "S2004", promised=12, state="quotation"),
    Buy("cancelled#1", "RM-306", "300", "S2003", promised=7, state="cancelled"),
)


def _made(item: str, quantity: str, price: str, made: str = "assigned") -> tuple[Line, ...]:
    return (Line(item, quantity, price, made=made),)  # type: ignore[arg-type]  # the words of `Line.made`


LATE_SALES = (
    Sell(
        "AW-77120",
        "C1001",
        9,
        (Line("FP-100", "8", "1190", "waiting", 20, cause="late_po", buy="late#1", blocked_item="RM-310"),),
    ),
    Sell(
        "PO 4411/B",
        "C1005",
        8,
        (
            Line("FP-101", "6", "1345.50", "waiting", 17, cause="late_po", buy="late#2", blocked_item="RM-311"),
            Line("FP-106", "3", "1890"),
        ),
        currency="USD",
    ),
    Sell(
        "HW-2031",
        "C1003",
        8,
        (
            Line(
                "FP-102",
                "5",
                "1480",
                "waiting",
                18,
                child="SA-205",
                cause="upstream_order_late",
                blocked_item="SA-205",
            ),
        ),
    ),
)
HEALTHY_SALES = (
    Sell("AW-77121", "C1001", 7, _made("FP-103", "4", "1520")),
    Sell("AW-77122", "C1001", 10, _made("FP-103", "6", "1520")),
    Sell("NM-8801", "C1002", 6, _made("FP-104", "5", "1660")),
    Sell("NM-8802", "C1002", 11, _made("FP-104", "7", "1660")),
    Sell("NM-8803", "C1002", 5, _made("FP-104", "3", "1660", "running")),
    Sell("HW-2032", "C1003", 9, (Line("FP-105", "6", "1790", "waiting", buy="on_time#1", blocked_item="RM-313"),)),
    Sell("HW-2033", "C1003", 12, (Line("FP-105", "4", "1790", "waiting", buy="on_time#1", blocked_item="RM-313"),)),
    Sell("RC-550", "C1004", 8, (*_made("FP-103", "2", "1550"), Line("FP-106", "2", "1880"))),
    Sell("RC-551", "C1004", 14, _made("FP-104", "4", "1675", "request")),
    Sell("RC-552", "C1004", 6, _made("FP-103", "3", "1550", "running")),
    Sell("GL-90017", "C1005", 13, _made("FP-104", "2", "1725"), currency="USD"),
    Sell("AW-77123", "C1001", 4, (Line("FP-106", "4", "1850"), Line("FP-107", "2", "2010"))),
    Sell("NM-8804", "C1002", 3, (Line("FP-106", "5", "1850"),)),
    Sell("HW-2034", "C1003", 5, (Line("FP-107", "3", "2010"),)),
    Sell("RC-553", "C1004", 2, (Line("FP-107", "4", "2010"),)),
    Sell("GL-90018", "C1005", 6, (Line("FP-106", "2", "1990"),), currency="USD"),
    Sell("AW-77124", "C1001", 15, (Line("FP-107", "1", "2010"), Line("FP-106", "1", "1850"))),
    Sell("AW-77125", "C1001", 0, (Line("FP-106", "3", "1850"),), state="done"),
    Sell("NM-8805", "C1002", 0, (Line("FP-107", "2", "2010"),), state="done"),
    Sell("HW-2035", "C1003", 1, (Line("FP-106", "6", "1850"),), state="partial"),
    Sell("RC-554", "C1004", 9, (Line("FP-107", "2", "2010"),), state="cancelled"),
    Sell("GL-90019", "C1005", 20, (Line("FP-107", "2", "2100"),), currency="USD", state="quotation"),
)
SALES = (*LATE_SALES, *HEALTHY_SALES)


@dataclass(slots=True, kw_only=True)
class Truth:
    """What was planted: read by the tests, never by the product."""

    today: str
    warehouse: str
    late: list[dict[str, str]] = field(default_factory=list)
    healthy: list[dict[str, str]] = field(default_factory=list)
    closed: list[dict[str, str]] = field(default_factory=list)
    decoys: list[dict[str, str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
