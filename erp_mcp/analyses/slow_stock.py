"""`find_slow_stock`: lots that nothing moves, that nobody needs, or that expire, with what they are worth.

The rule is `slow_stock.1` in docs/definitions.md. A lot is looked at whole, whatever its stock type: what is blocked
for months is slow as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from erp_mcp.analyses.dependences import classes
from erp_mcp.analyses.plant import rows_of
from erp_mcp.analyses.valuing import value_of
from erp_mcp.domain.analysis import Analysis, Facts, Findings, RawCell
from erp_mcp.domain.days import days_between, local_day

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

    lot_id: str
    site: str
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lot:
    """One lot with what is known of it; dates are empty and days are none where nothing says them."""

    key: LotKey
    uom: str
    qty: int
    last_moved: str
    age_days: int | None
    expiry_date: str
    days_to_expiry: int | None
    qty_excess: int
    price: PricedRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Concern:
    """Why a lot is shown, how much of it that is about, and what that is worth."""

    lot: _Lot
    reasons: tuple[str, ...]

    @property
    def qty(self) -> int:
        """The whole lot, or what of it nobody needs where that is all there is to say."""
        return self.lot.qty_excess if self.reasons == ("excess",) else self.lot.qty

    @property
    def value(self) -> int | None:
        """The value of that quantity at standard price."""
        price = self.lot.price
        return value_of(self.qty, price.standard_price, price.price_unit) if price else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bounds:
    """From when on a lot is called slow or expiring, and which reasons are asked for."""

    min_age_days: int
    expiring_days: int
    reasons: tuple[str, ...]

    def of(self, lot: _Lot) -> tuple[str, ...]:
        """Return why a lot is shown; nothing for one that is not."""
        left = lot.days_to_expiry
        told = {
            "expired": left is not None and left < 0,
            "expiring": left is not None and 0 <= left <= self.expiring_days,
            "slow": lot.age_days is not None and lot.age_days >= self.min_age_days,
            "excess": lot.qty_excess > 0,
        }
        return tuple(name for name in REASONS if told[name] and name in self.reasons)


def slow_stock(facts: Facts) -> Findings:
    """Answer `find_slow_stock`: table `lots`.

    Args:
        facts: Rows of `READS`; arguments `min_age_days`, `expiring_days`, `min_value` and `reason`.

    Returns:
        One row per lot with at least one reason, the most valuable first. Not complete where movements, lots or demand
        are missing: then reasons that rest on them are not told.
    """
    bounds = _Bounds(
        min_age_days=_whole(facts.arguments.get("min_age_days")),
        expiring_days=_whole(facts.arguments.get("expiring_days")),
        reasons=_listed(facts.arguments.get("reason")),
    )
    concerns = [_Concern(lot=lot, reasons=reasons) for lot in _lots(facts) if (reasons := bounds.of(lot))]
    worth = _whole(facts.arguments.get("min_value"))
    shown = [one for one in concerns if not worth or (one.value or 0) >= worth]
    shown.sort(key=lambda one: (-(one.value or 0), -(one.lot.age_days or 0), one.lot.key))
    unvalued = worth and any(one.value is None for one in concerns)
    return Findings(
        tables={"lots": [_row(rank, one) for rank, one in enumerate(shown, start=1)]},
        complete=not facts.missing,
        warnings=("Lots without a standard price were left out, since min_value is given.",) if unvalued else (),
    )


def _lots(facts: Facts) -> Iterator[_Lot]:
    stock: defaultdict[LotKey, list[LotStockRow]] = defaultdict(list)
    for row in rows_of(facts, "stock", LotStockRow):
        stock[row.material_id, row.site, row.lot_id or ""].append(row)
    expiry = {(row.lot_id, row.site): row.expiry_date or "" for row in rows_of(facts, "lots", ExpiryRow)}
    prices = {(row.material_id, row.site): row for row in rows_of(facts, "planning", PricedRow)}
    moved = _moved(facts)
    excess = _excess(facts, stock, moved, prices)
    for key in sorted(stock):
        qty = sum(row.qty for row in stock[key])
        last = local_day(moved.get(key, ""), facts.zone)
        expires = expiry.get((key[2], key[1]), "")
        yield _Lot(
            key=key,
            uom=stock[key][0].uom,
            qty=qty,
            last_moved=last,
            age_days=days_between(facts.today, last) if last else None,
            expiry_date=expires,
            days_to_expiry=days_between(expires, facts.today) if expires else None,
            qty_excess=excess.get(key, 0),
            price=prices.get(key[:2]),
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
    lot = one.lot
    material_id, site, lot_id = lot.key
    return (
        rank,
        material_id,
        site,
        lot_id or None,
        one.reasons,
        lot.qty,
        one.qty,
        lot.uom,
        one.value,
        lot.price.currency if lot.price and one.value is not None else None,
        lot.last_moved or None,
        lot.age_days,
        lot.expiry_date or None,
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
)  # fmt: skip
