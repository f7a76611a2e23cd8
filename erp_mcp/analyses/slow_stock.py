"""`find_slow_stock`: lots that nothing moves, that nobody needs, or that expire, with what they are worth.

The rule is `slow_stock.1` in docs/definitions.md. A lot is looked at whole, whatever its stock type: what is blocked
for months is slow as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from erp_mcp.analyses.dependences import classes
from erp_mcp.analyses.plant import rows_of
from erp_mcp.analyses.valuing import value_of
from erp_mcp.domain.analysis import Ahead, Analysis, Facts, Findings, RawCell
from erp_mcp.domain.answer import Gap
from erp_mcp.domain.call import ArgumentValue
from erp_mcp.domain.days import days_between, local_day, shift
from erp_mcp.domain.derivation import Derivation, Key, Lookup, Only, Sight, Source

REASONS: Final = ("expired", "expiring", "slow", "excess")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lot:
    """One lot as of today; dates are empty and days are none where nothing says them."""

    stocked: StockedLot
    last_moved: str
    age_days: int | None
    days_to_expiry: int | None

    @property
    def key(self) -> LotKey:
        """Material, site and lot."""
        return self.stocked[:3]


class _Concern(NamedTuple):
    """Why a lot is shown, how much of it that is about, and what that is worth at standard price.

    It is about the whole lot, or what of it nobody needs where that is all there is to say.
    """

    lot: _Lot
    reasons: tuple[str, ...]
    qty: int
    value: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bounds:
    """From when on a lot is called slow or expiring, and which reasons are asked for."""

    min_age_days: int
    expiring_days: int
    reasons: tuple[str, ...]

    def of(self, lot: _Lot) -> tuple[str, ...]:
        """Return why a lot is shown, in the order of `REASONS`; nothing for one that is not."""
        left, age = lot.days_to_expiry, lot.age_days
        told = (
            left is not None and left < 0,
            left is not None and 0 <= left <= self.expiring_days,
            age is not None and age >= self.min_age_days,
            lot.stocked.qty_excess > 0,
        )
        if not any(told):
            return ()
        return tuple(name for name, holds in zip(REASONS, told, strict=True) if holds and name in self.reasons)


def slow_stock(facts: Facts) -> Findings:
    """Answer `find_slow_stock`: table `lots`.

    Args:
        facts: Rows of `READS`; arguments `min_age_days`, `expiring_days`, `min_value` and `reason`.

    Returns:
        One row per lot with at least one reason, the most valuable first. Not complete where movements, lots or demand
        are missing: then reasons that rest on them are not told.
    """
    return _findings(facts, _stocked(facts))


def _bounds(arguments: Mapping[str, ArgumentValue]) -> _Bounds:
    return _Bounds(
        min_age_days=_whole(arguments.get("min_age_days")),
        expiring_days=_whole(arguments.get("expiring_days")),
        reasons=_listed(arguments.get("reason")),
    )


def _findings(facts: Facts, stocked: Iterable[StockedLot]) -> Findings:
    bounds, material_id = _bounds(facts.arguments), facts.arguments.get("material_id")
    lots = (_lot(one, facts) for one in stocked if material_id in {None, one.material_id})
    concerns = [_concern(lot, reasons) for lot in lots if (reasons := bounds.of(lot))]
    worth = _whole(facts.arguments.get("min_value"))
    shown = [one for one in concerns if not worth or (one.value or 0) >= worth]
    shown.sort(key=lambda one: (-(one.value or 0), -(one.lot.age_days or 0), one.lot.key))
    unvalued = worth and any(one.value is None for one in concerns)
    return Findings(
        tables={"lots": [_row(rank, one) for rank, one in enumerate(shown, start=1)]},
        complete=not facts.missing,
        warnings=("Lots without a standard price were left out, since min_value is given.",) if unvalued else (),
    )


def _concern(lot: _Lot, reasons: tuple[str, ...]) -> _Concern:
    stocked = lot.stocked
    qty = stocked.qty_excess if reasons == ("excess",) else stocked.qty
    return _Concern(lot, reasons, qty, value_of(qty, stocked.standard_price, stocked.price_unit))


def _lot(stocked: StockedLot, facts: Facts) -> _Lot:
    last, expires = local_day(stocked.moved_at or "", facts.zone), stocked.expiry_date
    return _Lot(
        stocked=stocked,
        last_moved=last,
        age_days=days_between(facts.today, last) if last else None,
        days_to_expiry=days_between(expires, facts.today) if expires else None,
    )


def _stocked(facts: Facts) -> Iterator[StockedLot]:
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


def _row(rank: int, one: _Concern) -> tuple[RawCell, ...]:
    lot, stocked = one.lot, one.lot.stocked
    return (
        rank,
        stocked.material_id,
        stocked.site,
        stocked.lot_id or None,
        one.reasons,
        stocked.qty,
        one.qty,
        stocked.uom,
        one.value,
        stocked.currency if one.value is not None else None,
        lot.last_moved or None,
        lot.age_days,
        stocked.expiry_date,
        lot.days_to_expiry,
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _listed(value: object) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else REASONS


READS: Final = {
    "stock": LotStockRow,
    "lots": ExpiryRow,
    "moved": LastMovedRow,
    "components": WantedRow,
    "sales": WantedRow,
    "planning": PricedRow,
}


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
    return _stocked(Facts(rows=rows, arguments={}, today="", now="", gaps=gaps))


def _from_stocked(facts: Facts) -> Findings:
    return _findings(facts, rows_of(facts, "stocked_lot", StockedLot))


def _only(arguments: Mapping[str, ArgumentValue], today: str) -> Mapping[str, Only]:
    """Return which lots may be shown; an instant is at most a day away from where the plant's zone puts it."""
    bounds, material_id = _bounds(arguments), arguments.get("material_id")
    reasons = {
        "expired": "d.expiry_date < :only_today",
        "expiring": "d.expiry_date <= :only_expiring",
        "slow": "d.moved_at < :only_moved",
        "excess": "d.qty_excess > 0",
    }
    values: dict[str, str | int | None] = {
        "only_today": today,
        "only_expiring": shift(today, bounds.expiring_days),
        "only_moved": shift(today, 2 - bounds.min_age_days),
        "only_material": material_id if isinstance(material_id, str) else None,
    }
    where = " OR ".join(reasons[one] for one in REASONS if one in bounds.reasons)
    return {
        "stocked_lot": Only(
            where=f"({where}) AND (:only_material IS NULL OR d.material_id = :only_material)", values=values
        )
    }


_PLACE: Final = ("material_id", "site")
STOCKED_LOT: Final = Derivation(
    name="stocked_lot",
    version=1,
    sources=(Source(entity="stock", key=_PLACE, where="row.qty > 0"),),
    lookups={
        "stock": Lookup(entity="stock", by=_PLACE, row=LotStockRow, token="stocked", where="row.qty > 0"),
        "lots": Lookup(entity="lot", by=_PLACE, row=ExpiryRow, token="lot_of", where="row.expiry_date IS NOT NULL"),
        "moved": Lookup(
            entity="goods_movement",
            by=_PLACE,
            row=_MovementRow,
            token="moved",
            where="row.movement_code <> 'transfer'",
        ),
        "components": Lookup(
            entity="production_component", by=_PLACE, row=WantedRow, token="wanted", where="row.qty_open > 0"
        ),
        "sales": Lookup(
            entity="sales_order_line",
            by=_PLACE,
            row=WantedRow,
            token="wanted",
            where="row.order_state = 'open' AND row.qty_open > 0",
        ),
        "planning": Lookup(entity="material_site", by=_PLACE, row=PricedRow, token="priced"),
    },
    row=StockedLot,
    function=_of_place,
    dated=False,
)
ANALYSIS: Final = Analysis(
    name="slow_stock",
    function=slow_stock,
    reads=READS,
    definition_id="slow_stock.1",
    dependences=classes((
        ("lots", (("stock.lot_id",),)),
        ("slow", (("goods_movement.lot_id",),)),
        ("expiry_date", (("lot.expiry_date",),)),
        ("excess", (("material_site.safety_stock",),)),
        ("value", (
            ("material_site.standard_price",),
            ("material_site.price_unit",),
            ("material_site.currency",),
        )),
    )),
    ahead=Ahead(derivations=(STOCKED_LOT,), function=_from_stocked, only=_only),
)  # fmt: skip
