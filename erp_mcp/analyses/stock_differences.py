"""`compare_stock_erp_mes`: lots that ERP and shop floor count differently, what explains it, and what else it may be.

The rule is `stock_differences.1` in docs/definitions.md. A difference that documents in flight explain will vanish by
itself; the others are somebody's work, and the likely cause says where to look first. It is a hint, not a finding.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from erp_mcp.analyses.counts import Difference, differences
from erp_mcp.analyses.dependences import classes, counts
from erp_mcp.analyses.plant import rows_of
from erp_mcp.analyses.rows import InFlightRow, MesStockRow, StockRow
from erp_mcp.analyses.sides import unread_sides
from erp_mcp.analyses.valuing import value_of
from erp_mcp.domain.analysis import Ahead, Analysis, Facts, Findings, RawCell
from erp_mcp.domain.derivation import Derivation, Key, Lookup, Sight, Source, reach_of

LotKey = tuple[str, str, str]  # material, site, lot


class DifferingRow(NamedTuple):
    """A lot that the two sides count differently; one that only the shop floor names may be among them."""

    material_id: str
    site: str
    lot_id: str | None


class CountedRow(NamedTuple):
    """When the shop floor counted a lot."""

    material_id: str
    site: str
    lot_id: str | None
    counted_at: str | None


class PostedRow(NamedTuple):
    """A goods movement that the ERP posted in the last days."""

    material_id: str
    site: str
    lot_id: str | None
    qty: int
    posted_at: str


class PriceRow(NamedTuple):
    """Standard price of a material at a site."""

    material_id: str
    site: str
    standard_price: int | None
    price_unit: int | None
    currency: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """All differences of a call with what may explain them."""

    differences: Sequence[Difference]
    off: frozenset[tuple[str, str, int]]  # material, site and unexplained quantity of each of them
    documents: Mapping[LotKey, tuple[str, ...]]
    counted_at: Mapping[LotKey, str]
    posted: Mapping[LotKey, Sequence[PostedRow]]
    prices: Mapping[tuple[str, str], PriceRow]
    in_flight_known: bool

    def cause(self, one: Difference) -> str:
        """Return the likely cause of a difference, the most certain first."""
        if not self.in_flight_known:
            return "not_known"
        if one.unexplained == 0:
            return "in_flight"
        if one.in_flight:
            return "partly_in_flight"
        if self._posted_after_count(one) == -one.unexplained:
            return "posted_after_count"
        if self._swapped(one):
            return "lots_mixed_up"
        return "use_not_posted" if one.unexplained < 0 else "receipt_not_posted"

    def _posted_after_count(self, one: Difference) -> int:
        counted = self.counted_at.get(_key(one), "")
        return sum(row.qty for row in self.posted.get(_key(one), ()) if counted and row.posted_at > counted)

    def _swapped(self, one: Difference) -> bool:
        """Return whether another lot of the material is off by as much the other way."""
        return (one.material_id, one.site, -one.unexplained) in self.off

    def value(self, one: Difference) -> tuple[int | None, str | None]:
        """Return what the difference is worth at standard price, and its currency."""
        price = self.prices.get((one.material_id, one.site))
        value = value_of(one.qty_mes - one.qty_erp, price.standard_price, price.price_unit) if price else None
        return value, price.currency if price and value is not None else None


def _key(one: Difference) -> LotKey:
    return (one.material_id, one.site, one.lot_id)


def compare_stock(facts: Facts) -> Findings:
    """Answer `compare_stock_erp_mes`: table `differences`.

    Args:
        facts: Rows of `READS`; arguments `min_abs_qty`, `min_value` and `unexplained_only`.

    Returns:
        One row per lot that both sides name and count differently, in base units: the biggest unexplained value first.
        Not complete where a source is missing; without documents in flight no cause is told.
    """
    if unread := unread_sides(facts, erp="stock", floor="mes_stock"):
        return Findings(tables={"differences": []}, complete=False, warnings=unread)
    found = _found(facts)
    least, worth = (_whole(facts.arguments.get(name)) for name in ("min_abs_qty", "min_value"))
    open_only = bool(facts.arguments.get("unexplained_only"))
    shown = [
        one
        for one in found.differences
        if abs(one.qty_mes - one.qty_erp) >= least
        and (not worth or abs(found.value(one)[0] or 0) >= worth)
        and (not open_only or one.unexplained != 0)
    ]
    shown.sort(key=lambda one: (one.unexplained == 0, -abs(found.value(one)[0] or 0), _key(one)))
    unvalued = worth and any(found.value(one)[0] is None for one in found.differences)
    return Findings(
        tables={"differences": [_row(found, rank, one) for rank, one in enumerate(shown, start=1)]},
        complete=not facts.missing,
        warnings=("Lots without a standard price were left out, since min_value is given.",) if unvalued else (),
    )


def _found(facts: Facts) -> _Found:
    in_flight = rows_of(facts, "in_flight", InFlightRow)
    documents: defaultdict[LotKey, list[str]] = defaultdict(list)
    for document in in_flight:
        documents[document.material_id, document.site, document.lot_id or ""].append(document.document_id)
    compared = differences(rows_of(facts, "stock", StockRow), rows_of(facts, "mes_stock", MesStockRow), in_flight)
    return _Found(
        differences=compared,
        off=frozenset((one.material_id, one.site, one.unexplained) for one in compared),
        documents={key: tuple(sorted(ids)) for key, ids in documents.items()},
        counted_at={
            (row.material_id, row.site, row.lot_id or ""): row.counted_at or ""
            for row in rows_of(facts, "counted", CountedRow)
        },
        posted=_by_lot(rows_of(facts, "posted", PostedRow)),
        prices={(row.material_id, row.site): row for row in rows_of(facts, "planning", PriceRow)},
        in_flight_known="in_flight_document" not in facts.missing,
    )


def _by_lot(posted: Iterable[PostedRow]) -> dict[LotKey, list[PostedRow]]:
    found: defaultdict[LotKey, list[PostedRow]] = defaultdict(list)
    for row in posted:
        found[row.material_id, row.site, row.lot_id or ""].append(row)
    return dict(found)


def _row(found: _Found, rank: int, one: Difference) -> tuple[RawCell, ...]:
    value, currency = found.value(one)
    return (
        rank,
        one.material_id,
        one.site,
        one.lot_id,
        one.qty_erp,
        one.qty_mes,
        one.qty_mes - one.qty_erp,
        one.in_flight if found.in_flight_known else None,
        one.unexplained if found.in_flight_known else None,
        one.erp.uom,
        value,
        currency,
        found.cause(one),
        found.documents.get(_key(one), ()),
        one.erp.as_of,
        one.mes.as_of,
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


class _OnShelfRow(NamedTuple):
    """What a side counts of a lot, in a stock type of the ERP; the shop floor has none."""

    lot_id: str | None
    qty: int


class _InErpRow(NamedTuple):
    """What the ERP counts of a lot in one stock type."""

    lot_id: str | None
    qty: int
    stock_type: str


def _differing(sight: Sight, key: Key) -> Iterator[DifferingRow]:
    """Yield the lots of a material at a site that `differences` would find, by the same rule."""
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for erp in cast("Sequence[_InErpRow]", sight.find("stock", *key)):
        if erp.lot_id and erp.stock_type != "in_transit":
            counts[erp.lot_id][0] += erp.qty
    named = set()
    for mes in cast("Sequence[_OnShelfRow]", sight.find("mes_stock", *key)):
        if mes.lot_id:
            named.add(mes.lot_id)
            counts[mes.lot_id][1] += mes.qty
    for lot_id in sorted(named):
        if counts[lot_id][0] != counts[lot_id][1]:
            yield DifferingRow(material_id=key[0], site=key[1], lot_id=lot_id)


_PLACE: Final = ("material_id", "site")
DIFFERING_LOTS: Final = Derivation(
    name="differing_lots",
    version=1,
    sources=(Source(entity="mes_stock", key=_PLACE),),
    lookups={
        "stock": Lookup(entity="stock", by=_PLACE, row=_InErpRow, reach=reach_of(*_PLACE)),
        "mes_stock": Lookup(entity="mes_stock", by=_PLACE, row=_OnShelfRow, reach=reach_of(*_PLACE)),
    },
    row=DifferingRow,
    function=_differing,
    dated=False,
)
READS: Final = {
    "differing_lots": DifferingRow,
    "stock": StockRow,
    "mes_stock": MesStockRow,
    "in_flight": InFlightRow,
    "counted": CountedRow,
    "posted": PostedRow,
    "planning": PriceRow,
}
ANALYSIS: Final = Analysis(
    name="stock_differences",
    function=compare_stock,
    reads=READS,
    definition_id="stock_differences.1",
    dependences=(
        *counts("differences"),
        *classes((
            ("likely_cause", (("mes_stock.counted_at",), ("goods_movement.lot_id",))),
            ("diff_value", (
                ("material_site.standard_price",),
                ("material_site.price_unit",),
                ("material_site.currency",),
            )),
        )),
    ),
    ahead=Ahead(derivations=(DIFFERING_LOTS,), function=compare_stock, reads=tuple(READS)),
)  # fmt: skip
