"""Lots that lie in stock, with what is known of each on any day: what they are, when they moved, who needs them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, cast

from erp_mcp.analyses.plant import rows_of
from erp_mcp.domain.analysis import Facts
from erp_mcp.domain.answer import Gap
from erp_mcp.domain.derivation import Derivation, Key, Lookup, Sight, Source, reach_of

_AVAILABLE: Final = frozenset({"unrestricted", "quality"})  # what demand can be met from, now or after inspection

Place = tuple[str, str]  # material, site
LotKey = tuple[str, str, str]  # material, site, lot or empty


class LotStockRow(NamedTuple):
    """What lies of a lot in one stock type."""

    material_id: str
    site: str
    lot_id: str | None
    stock_type: str
    uom: str
    qty: int


class ExpiryRow(NamedTuple):
    """When a lot expires."""

    material_id: str
    site: str
    lot_id: str
    expiry_date: str | None


class LastMovedRow(NamedTuple):
    """When something of a lot last came or went."""

    material_id: str
    site: str
    lot_id: str | None
    posted_at: str | None


class WantedRow(NamedTuple):
    """How much open orders want of a material at a site."""

    material_id: str
    site: str
    qty_open: int | None


class PricedRow(NamedTuple):
    """Safety stock and standard price of a material at a site."""

    material_id: str
    site: str
    safety_stock: int | None
    standard_price: int | None
    price_unit: int | None
    currency: str | None


class StockedLot(NamedTuple):
    """A lot that lies there, with what is known of it on any day; `qty_excess` is what nobody needs of it."""

    material_id: str
    site: str
    lot_id: str
    uom: str
    qty: int
    moved_at: str | None
    expiry_date: str | None
    qty_excess: int
    standard_price: int | None
    price_unit: int | None
    currency: str | None


def stocked(facts: Facts) -> Iterator[StockedLot]:
    """Yield what lies there by material, site and lot, from the rows of reads `stock`, `lots`, `moved`, … ."""
    stock: defaultdict[LotKey, list[LotStockRow]] = defaultdict(list)
    for row in rows_of(facts, "stock", LotStockRow):
        stock[row.material_id, row.site, row.lot_id or ""].append(row)
    expiry = {(row.material_id, row.site, row.lot_id): row.expiry_date for row in rows_of(facts, "lots", ExpiryRow)}
    prices = {(row.material_id, row.site): row for row in rows_of(facts, "planning", PricedRow)}
    moved = _moved(facts)
    excess = _excess(facts, stock, moved, prices)
    for key in sorted(stock):
        price = prices.get(key[:2])
        yield StockedLot(
            *key,
            uom=min((row.stock_type, row.uom) for row in stock[key])[1],
            qty=sum(row.qty for row in stock[key]),
            moved_at=moved.get(key) or None,
            expiry_date=expiry.get(key),
            qty_excess=excess.get(key, 0),
            standard_price=price.standard_price if price else None,
            price_unit=price.price_unit if price else None,
            currency=price.currency if price else None,
        )


def _moved(facts: Facts) -> dict[LotKey, str]:
    found = rows_of(facts, "moved", LastMovedRow)
    return {(row.material_id, row.site, row.lot_id or ""): row.posted_at or "" for row in found}


def _excess(
    facts: Facts,
    stock: Mapping[LotKey, list[LotStockRow]],
    moved: Mapping[LotKey, str],
    prices: Mapping[Place, PricedRow],
) -> dict[LotKey, int]:
    """Return what neither open orders nor safety stock ask for, of the lots that moved last: old lots go first."""
    if facts.missing & {"production_component", "sales_order_line"}:
        return {}  # a demand that is not seen is no lack of demand
    wanted: defaultdict[Place, int] = defaultdict(int)
    for row in (*rows_of(facts, "components", WantedRow), *rows_of(facts, "sales", WantedRow)):
        wanted[row.material_id, row.site] += row.qty_open or 0
    for place, price in prices.items():
        wanted[place] += price.safety_stock or 0
    by_place: defaultdict[Place, list[LotKey]] = defaultdict(list)
    for key in sorted(stock, key=lambda one: (moved.get(one, ""), one)):
        by_place[key[:2]].append(key)
    return {key: qty for place, keys in by_place.items() for key, qty in _surplus(keys, stock, wanted[place])}


def _surplus(
    keys: Iterable[LotKey], stock: Mapping[LotKey, list[LotStockRow]], wanted: int
) -> Iterator[tuple[LotKey, int]]:
    for key in keys:
        there = sum(row.qty for row in stock[key] if row.stock_type in _AVAILABLE)
        used = min(there, wanted)
        wanted -= used
        if there > used:
            yield key, there - used


# --- Worked out ahead of time -----------------------------------------------------------------------------------------


class _MovementRow(NamedTuple):
    """When something of a lot came or went."""

    lot_id: str | None
    posted_at: str


def _of_place(sight: Sight, key: Key) -> Iterable[StockedLot]:
    """Return the lots of a material at a site, from the rows that the reads would give of it."""
    stock = cast("Sequence[LotStockRow]", sight.find("stock", *key))
    lying = {one.lot_id for one in stock if one.lot_id}
    expiry: dict[str, str] = {}
    for lot in cast("Sequence[ExpiryRow]", sight.find("lots", *key)):
        if lot.lot_id in lying and lot.expiry_date:
            expiry[lot.lot_id] = min(expiry.get(lot.lot_id, lot.expiry_date), lot.expiry_date)
    moved: dict[str | None, str] = {}
    for one in cast("Sequence[_MovementRow]", sight.find("moved", *key)):
        moved[one.lot_id] = max(moved.get(one.lot_id, ""), one.posted_at)
    rows: dict[str, tuple[NamedTuple, ...]] = {
        name: tuple(sight.find(name, *key)) for name in ("stock", "components", "sales", "planning")
    }
    rows["moved"] = tuple(LastMovedRow(key[0], key[1], lot_id, posted_at) for lot_id, posted_at in moved.items())
    rows["lots"] = tuple(ExpiryRow(key[0], key[1], lot_id, expires) for lot_id, expires in expiry.items())
    gaps = tuple(Gap(entity=entity, reason="never_synchronised") for entity in sorted(sight.missing))
    return stocked(Facts(rows=rows, arguments={}, today="", now="", gaps=gaps))


_PLACE: Final = ("material_id", "site")
_HERE: Final = reach_of(*_PLACE)
STOCKED_LOT: Final = Derivation(
    name="stocked_lot",
    version=1,
    sources=(Source(entity="stock", key=_PLACE, where="row.qty > 0"),),
    lookups={
        "stock": Lookup(entity="stock", by=_PLACE, row=LotStockRow, reach=_HERE, where="row.qty > 0"),
        "lots": Lookup(entity="lot", by=_PLACE, row=ExpiryRow, reach=_HERE, where="row.expiry_date IS NOT NULL"),
        "moved": Lookup(
            entity="goods_movement",
            by=_PLACE,
            row=_MovementRow,
            reach=_HERE,
            where="row.movement_code <> 'transfer'",
        ),
        "components": Lookup(
            entity="production_component", by=_PLACE, row=WantedRow, reach=_HERE, where="row.qty_open > 0"
        ),
        "sales": Lookup(
            entity="sales_order_line",
            by=_PLACE,
            row=WantedRow,
            reach=_HERE,
            where="row.order_state = 'open' AND row.qty_open > 0",
        ),
        "planning": Lookup(entity="material_site", by=_PLACE, row=PricedRow, reach=_HERE),
    },
    row=StockedLot,
    function=_of_place,
    dated=False,
)
