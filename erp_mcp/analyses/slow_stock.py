"""`find_slow_stock`: lots that nothing moves, that nobody needs, or that expire, with what they are worth.

The rule is `slow_stock.1` in docs/definitions.md. A lot is looked at whole, whatever its stock type: what is blocked
for months is slow as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final, NamedTuple

from erp_mcp.analyses.dependences import classes
from erp_mcp.analyses.plant import rows_of
from erp_mcp.analyses.stocked_lots import (
    STOCKED_LOT,
    ExpiryRow,
    LastMovedRow,
    LotStockRow,
    PricedRow,
    StockedLot,
    WantedRow,
    stocked,
)
from erp_mcp.analyses.valuing import value_of
from erp_mcp.domain.analysis import Ahead, Analysis, Facts, Findings, RawRow, RowsOnDemand
from erp_mcp.domain.call import ArgumentValue
from erp_mcp.domain.days import days_between, local_day, shift
from erp_mcp.domain.derivation import Only

REASONS: Final = ("expired", "expiring", "slow", "excess")
_CENT: Final = 100  # by so much a rounded value may be off, and by less than one part in a thousand


class _Concern(NamedTuple):
    """A lot that is shown: why, how much of it that is about, and what that is worth at standard price.

    It is about the whole lot, or what of it nobody needs where that is all there is to say.
    """

    lot: StockedLot
    reasons: tuple[str, ...]
    qty: int
    value: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bounds:
    """Until when a lot has expired, expires soon, or last moved to be called slow; and which reasons are asked for."""

    today: str
    expiring_until: str
    slow_until: str
    zone: tzinfo
    reasons: tuple[str, ...]

    def of(self, lot: StockedLot) -> tuple[str, ...]:
        """Return why a lot is shown, in the order of `REASONS`; nothing for one that is not."""
        expires = (lot.expiry_date or "")[:10]
        told = (
            "" < expires < self.today,
            self.today <= expires <= self.expiring_until,
            bool(lot.moved_at) and self._is_slow(lot.moved_at or ""),
            lot.qty_excess > 0,
        )
        if not any(told):
            return ()
        return tuple(name for name, holds in zip(REASONS, told, strict=True) if holds and name in self.reasons)

    def _is_slow(self, moved_at: str) -> bool:
        # No zone is more than a day away: most instants are judged without theirs.
        if moved_at[:10] > self.slow_until:
            return moved_at[:10] <= shift(self.slow_until, 1) and self.last_moved(moved_at) <= self.slow_until
        return moved_at[:10] < self.slow_until or self.last_moved(moved_at) <= self.slow_until

    def last_moved(self, moved_at: str | None) -> str:
        """Return the business date of an instant, empty without one."""
        return local_day(moved_at or "", self.zone)[:10]


def slow_stock(facts: Facts) -> Findings:
    """Answer `find_slow_stock`: table `lots`.

    Args:
        facts: Rows of `READS`; arguments `min_age_days`, `expiring_days`, `min_value` and `reason`.

    Returns:
        One row per lot with at least one reason, the most valuable first. Not complete where movements, lots or demand
        are missing: then reasons that rest on them are not told.
    """
    return _findings(facts, stocked(facts))


def _from_stocked(facts: Facts) -> Findings:
    return _findings(facts, rows_of(facts, STOCKED_LOT.name, StockedLot))


def _bounds(arguments: Mapping[str, ArgumentValue], today: str, zone: tzinfo = UTC) -> _Bounds:
    return _Bounds(
        today=today,
        expiring_until=shift(today, _whole(arguments.get("expiring_days"))),
        slow_until=shift(today, -_whole(arguments.get("min_age_days"))),
        zone=zone,
        reasons=_listed(arguments.get("reason")),
    )


def _findings(facts: Facts, lying: Iterable[StockedLot]) -> Findings:
    bounds, material_id = _bounds(facts.arguments, facts.today, facts.zone), facts.arguments.get("material_id")
    lots = (one for one in lying if material_id in {None, one.material_id})
    concerns = [_concern(lot, reasons) for lot in lots if (reasons := bounds.of(lot))]
    worth = _whole(facts.arguments.get("min_value"))
    shown = [one for one in concerns if not worth or (one.value or 0) >= worth]
    # The most valuable first, then what has not moved for longest; of what never moved nothing is known.
    shown.sort(key=lambda one: (-(one.value or 0), bounds.last_moved(one.lot.moved_at) or facts.today, one.lot[:3]))
    unvalued = worth and any(one.value is None for one in concerns)
    table = RowsOnDemand(
        order=[(rank,) for rank in range(1, len(shown) + 1)],
        make=lambda place: _row(place + 1, shown[place], bounds),
    )
    return Findings(
        tables={"lots": table},
        complete=not facts.missing,
        warnings=("Lots without a standard price were left out, since min_value is given.",) if unvalued else (),
    )


def _concern(lot: StockedLot, reasons: tuple[str, ...]) -> _Concern:
    qty = lot.qty_excess if reasons == ("excess",) else lot.qty
    return _Concern(lot, reasons, qty, value_of(qty, lot.standard_price, lot.price_unit))


def _row(rank: int, one: _Concern, bounds: _Bounds) -> RawRow:
    lot, last = one.lot, bounds.last_moved(one.lot.moved_at)
    return (
        rank,
        lot.material_id,
        lot.site,
        lot.lot_id or None,
        one.reasons,
        lot.qty,
        one.qty,
        lot.uom,
        one.value,
        lot.currency if one.value is not None else None,
        last or None,
        days_between(bounds.today, last) if last else None,
        lot.expiry_date,
        days_between(lot.expiry_date, bounds.today) if lot.expiry_date else None,
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _listed(value: object) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else REASONS


def _only(arguments: Mapping[str, ArgumentValue], today: str) -> Mapping[str, Only]:
    """Return which lots may be shown; an instant is at most a day away from where the plant's zone puts it."""
    bounds, material_id = _bounds(arguments, today), arguments.get("material_id")
    reasons = {
        "expired": "d.expiry_date < :only_today",
        "expiring": "d.expiry_date <= :only_expiring",
        "slow": "d.moved_at < :only_moved",
        "excess": "d.qty_excess > 0",
    }
    values: dict[str, str | int | None] = {
        "only_today": today,
        "only_expiring": bounds.expiring_until,
        "only_moved": shift(bounds.slow_until, 2),
        "only_material": material_id if isinstance(material_id, str) else None,
    }
    wheres = [" OR ".join(reasons[one] for one in REASONS if one in bounds.reasons)]
    wheres.append(":only_material IS NULL OR d.material_id = :only_material")
    if worth := _whole(arguments.get("min_value")):
        values["only_worth"] = worth - worth // 1000 - _CENT
        whole = " OR ".join(reasons[one] for one in REASONS[:-1] if one in bounds.reasons) or "0"
        # What has no value is told of, so it comes as well.
        wheres.append(
            "d.standard_price IS NULL OR d.price_unit <= 0 OR 0.000001 * d.standard_price / COALESCE(d.price_unit, 1)"
            f" * CASE WHEN {whole} THEN d.qty ELSE d.qty_excess END >= :only_worth"
        )
    return {STOCKED_LOT.name: Only(where=" AND ".join(f"({one})" for one in wheres), values=values)}


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
    timed=False,
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
