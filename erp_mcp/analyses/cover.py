"""Causes of a shortage that lie in its cover: what was promised, held, miscounted or never ordered.

Each candidate is tested by repair: with the promise kept, the lot released or the ERP's count true, would the demand
have had its material in time? Only then it is a sufficient cause; so a late purchase line that stock covers is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from erp_mcp.analyses.counts import Difference
from erp_mcp.analyses.findings import Cause, Step, step
from erp_mcp.analyses.ledgers import Ledgers
from erp_mcp.analyses.plant import Plant
from erp_mcp.analyses.rows import LotRow, NotificationRow, PurchaseLineRow, StockRow
from erp_mcp.domain.days import NEVER, OPEN_END_DAYS, days_between
from erp_mcp.domain.pegging import Allocation, Ledger, allocate

_USABLE = "unrestricted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """A demand that does not get its material in time, from the ledger as it really is."""

    ledger: Ledger
    allocation: Allocation
    uom: str

    @property
    def slip_days(self) -> int:
        """Days from the need to the arrival of the last part; `OPEN_END_DAYS` when nothing says that it comes."""
        if self.allocation.qty_uncovered > 0:
            return OPEN_END_DAYS
        return max(1, days_between(self.allocation.arrival, self.allocation.demand.need_date))

    def healed_by(self, ledger: Ledger) -> bool:
        """Return whether the demand would not be short with another ledger."""
        return allocate(ledger)[self.allocation.demand.key].qty_short <= 0


def shortage_of(ledgers: Ledgers, material_id: str, site: str, key: str, uom: str) -> Shortage | None:
    """Return the shortage of a demand, or `None` when it has all it needs in time."""
    allocation = ledgers.allocations(material_id, site, counted=True).get(key)
    if allocation is None or allocation.qty_short <= 0:
        return None
    return Shortage(ledger=ledgers.counted(material_id, site), allocation=allocation, uom=uom)


def cover_causes(ledgers: Ledgers, shortage: Shortage) -> list[Cause]:
    """Return the causes in stock and purchasing of one shortage, without the steps above the material."""
    plant = ledgers.plant
    miscounted = discrepancy_causes(ledgers, shortage)
    if any(cause.sufficient for cause in miscounted):
        return miscounted  # with the ERP's count true there would be no shortage: what is behind it is not the cause
    found = [*miscounted, *_hold_causes(plant, shortage), *_purchase_causes(plant, shortage)]
    if shortage.allocation.qty_uncovered > 0 and not any(cause.sufficient for cause in found):
        found.extend(_unjudged(plant, shortage) or _missing_cover(plant, shortage))
    return found


def discrepancy_causes(ledgers: Ledgers, shortage: Shortage) -> list[Cause]:
    """Return lots held for the demand that the shop floor counts lower, beyond what is in flight."""
    ledger, demand = shortage.ledger, shortage.allocation.demand
    place = (ledger.material_id, ledger.site)
    lots = {hold.lot for hold in ledger.holds if hold.demand == demand.key}
    differing = [one for one in ledgers.plant.differences.get(place, ()) if one.lot_id in lots and one.unexplained < 0]
    believed = ledgers.allocations(*place).get(demand.key)
    sufficient = believed is not None and believed.qty_short <= 0
    return [
        Cause(
            code="stock_discrepancy",
            steps=(_difference_step(one, shortage.uom),),
            slip_days=shortage.slip_days,
            sufficient=sufficient,
        )
        for one in differing
    ]


def _difference_step(one: Difference, uom: str) -> Step:
    return step(
        one.mes,
        "lot",
        one.lot_id,
        "counts_differ",
        evidence=f"mes_stock/{one.material_id}/{one.site}/{one.mes.storage_location_id}/{one.lot_id}",
        qty=one.qty_erp,
        qty_other=one.qty_mes,
        uom=uom,
    )


def _purchase_causes(plant: Plant, shortage: Shortage) -> list[Cause]:
    """Purchase lines that are promised later than they were, or that cover the demand too late."""
    ledger = shortage.ledger
    pegged = {
        (cover.supply_id, cover.line) for cover in shortage.allocation.late if cover.kind == "purchase_order_line"
    }
    found = []
    for row in plant.purchases.get((ledger.material_id, ledger.site), ()):
        key = (row.purchase_order_id, row.line)
        first = first_promise(row)
        kept = shortage.healed_by(with_promise(ledger, key, first)) if first < plant.arrival(row) else False
        if kept or key in pegged:
            found.append(_purchase_cause(plant, shortage, row, kept=kept))
    return found


def first_promise(row: PurchaseLineRow) -> str:
    """Return the day that was promised at first, else the one asked for, else `NEVER`."""
    return row.original_promise_date or row.requested_date or NEVER


def with_promise(ledger: Ledger, key: tuple[str, str], day: str) -> Ledger:
    """Return the ledger as if the purchase line `key` (order, line) came on `day`."""
    supplies = tuple(
        one._replace(date=day) if one.kind == "purchase_order_line" and (one.supply_id, one.line) == key else one
        for one in ledger.supplies
    )
    return replace(ledger, supplies=supplies)


def _purchase_cause(plant: Plant, shortage: Shortage, row: PurchaseLineRow, *, kept: bool) -> Cause:
    node_id = f"{row.purchase_order_id}/{row.line}"
    told = _told(plant, row)
    moved = bool(row.original_promise_date) and (row.promised_date or "") > (row.original_promise_date or "")
    fact = (
        "promise_moved" if moved else "overdue" if (row.promised_date or NEVER) < plant.today else "promised_too_late"
    )
    steps = [
        step(
            row,
            "purchase_order_line",
            node_id,
            fact,
            qty=plant.base_quantity(row),
            uom=shortage.uom,
            planned=row.original_promise_date or row.requested_date,
            expected=row.promised_date,
            since=told.since or None,
        )
    ]
    if row.supplier_id:
        steps.insert(0, told._replace(node_id=row.supplier_id))
    return Cause(
        code="late_po",
        steps=tuple(steps),
        since=told.since or "",
        slip_days=shortage.slip_days,
        sufficient=kept or len(shortage.allocation.late) == 1,
        certain=kept,
    )


def _told(plant: Plant, row: PurchaseLineRow) -> Step:
    """The supplier's step: since when it knew, from its first confirmation of the new promise or from the line."""
    confirmations = plant.confirmations.get((row.purchase_order_id, row.line), ())
    moved = [one for one in confirmations if one.promised_date == row.promised_date]
    first = min(moved, key=lambda one: one.confirmed_at, default=None)
    since = row.promise_changed_at or (first.confirmed_at if first else None)
    if first is not None and since == first.confirmed_at:
        evidence = f"supplier_confirmation/{row.purchase_order_id}/{row.line}/{first.sequence}"
        return step(first, "supplier", "", "knows_since", evidence=evidence, since=since)
    evidence = f"purchase_order_line/{row.purchase_order_id}/{row.line}"
    return step(row, "supplier", "", "knows_since" if since else "supplies", evidence=evidence, since=since)


def _hold_causes(plant: Plant, shortage: Shortage) -> list[Cause]:
    """Lots on hold, or blocked stock without a lot, that would have covered the demand."""
    ledger = shortage.ledger
    on_hold: dict[str, list[StockRow]] = {}
    for row in plant.stock.get((ledger.material_id, ledger.site), ()):
        if row.qty > 0 and row.stock_type != "in_transit" and _held(plant, row):
            on_hold.setdefault(row.lot_id or "", []).append(row)
    held = {lot_id: sum(row.qty for row in found) for lot_id, found in sorted(on_hold.items())}
    enough = [lot_id for lot_id in held if shortage.healed_by(_released(ledger, {lot_id: held[lot_id]}))]
    together = not enough and len(held) > 1 and shortage.healed_by(_released(ledger, held))
    return [
        replace(_hold_cause(plant, shortage, on_hold[lot_id][0], held[lot_id]), sufficient=not together)
        for lot_id in (held if together else enough)
    ]


def _released(ledger: Ledger, lots: Mapping[str, int]) -> Ledger:
    return replace(ledger, lots={**ledger.lots, **{lot: ledger.lots.get(lot, 0) + qty for lot, qty in lots.items()}})


def _held(plant: Plant, row: StockRow) -> bool:
    if not row.lot_id:
        return row.stock_type in {"blocked", "quality"}
    return plant.restricted(row) or (row.stock_type != _USABLE and _notification(plant, row) is not None)


def _notification(plant: Plant, row: StockRow) -> NotificationRow | None:
    """The notification that asks for the hold: of the lot, or of the material where there are no lots."""
    asking = (
        one
        for one in plant.notifications.get(row.lot_id or "", ())
        if one.hold
        and one.order_state != "closed"
        and (row.lot_id or (one.material_id, one.site) == (row.material_id, row.site))
    )
    return min(asking, key=lambda one: (one.opened_at or "", one.notification_id), default=None)


def _hold_cause(plant: Plant, shortage: Shortage, row: StockRow, qty: int) -> Cause:
    notification = _notification(plant, row)
    since = (notification.opened_at or "") if notification else ""
    steps = [_hold_step(plant, shortage, row, qty, since)]
    if notification is not None:
        steps.append(
            step(
                notification,
                "quality_notification",
                notification.notification_id,
                "asks_for_hold",
                since=notification.opened_at,
            )
        )
    return Cause(
        code="quality_hold",
        steps=tuple(steps),
        since=since,
        slip_days=shortage.slip_days,
        certain=notification is not None,
    )


def _hold_step(plant: Plant, shortage: Shortage, row: StockRow, qty: int, since: str) -> Step:
    place = f"{row.material_id}/{row.site}/{row.storage_location_id}"
    if not row.lot_id:
        return step(row, "stock", place, "on_hold", qty=qty, uom=shortage.uom, since=since)
    lots = plant.lots.get((row.lot_id, row.site))
    evidence = f"lot/{row.lot_id}" if lots else f"stock/{place}/{row.lot_id}"
    witness: LotRow | StockRow = lots[0] if lots else row
    return step(witness, "lot", row.lot_id, "on_hold", evidence=evidence, qty=qty, uom=shortage.uom, since=since)


def _missing_cover(plant: Plant, shortage: Shortage) -> list[Cause]:
    """What is said when nothing covers a demand: not ordered, no way to order, or nothing known."""
    ledger = shortage.ledger
    place = (ledger.material_id, ledger.site)
    material = plant.materials.get(ledger.material_id)
    if material is not None and material.status not in (None, "active"):
        one = step(material, "material", ledger.material_id, f"material_{material.status}")
        return [Cause(code="bom_or_master_data", steps=(one,), slip_days=shortage.slip_days)]
    requisitions = sorted(plant.requisitions.get(place, ()), key=lambda row: (row.created_at or "", row.requisition_id))
    if requisitions:
        row = requisitions[0]
        one = step(
            row,
            "purchase_requisition",
            f"{row.requisition_id}/{row.line}",
            "not_ordered_yet",
            qty=row.qty,
            uom=row.uom,
            expected=row.delivery_date,
            since=row.created_at,
        )
        return [Cause(code="po_not_placed", steps=(one,), since=row.created_at or "", slip_days=shortage.slip_days)]
    planning = plant.planning.get(place)
    sources = plant.sources.get(place, [])
    if (planning is not None and planning.procurement == "buy") or (planning is None and sources):
        witness = planning or sources[0]
        one = step(witness, "material", ledger.material_id, "no_open_purchase", evidence=_planning_ref(place, planning))
        return [Cause(code="po_not_placed", steps=(one,), slip_days=shortage.slip_days)]
    return []


def _unjudged(plant: Plant, shortage: Shortage) -> list[Cause]:
    """Purchase lines in a unit that nothing converts: they may cover the demand, so nothing else is claimed."""
    place = (shortage.ledger.material_id, shortage.ledger.site)
    return [
        Cause(
            code="unknown",
            steps=(
                step(
                    row,
                    "purchase_order_line",
                    f"{row.purchase_order_id}/{row.line}",
                    "unit_not_convertible",
                    qty=row.qty_open,
                    uom=row.uom,
                    expected=row.promised_date,
                ),
            ),
            slip_days=shortage.slip_days,
            certain=False,
        )
        for row in plant.purchases.get(place, ())
        if plant.base_quantity(row) == 0
    ]


def _planning_ref(place: tuple[str, str], planning: object) -> str:
    return f"{'material_site' if planning else 'supply_source'}/{place[0]}/{place[1]}"


def harmless_purchases(plant: Plant, places: Iterable[tuple[str, str]], blamed: Mapping[str, object]) -> list[Step]:
    """Return the purchase lines of these materials whose promise moved without being the cause of anything here."""
    found = []
    for place in sorted(set(places)):
        for row in plant.purchases.get(place, ()):
            node_id = f"{row.purchase_order_id}/{row.line}"
            moved = (row.promised_date or "") > (row.original_promise_date or NEVER)
            if moved and f"purchase_order_line/{node_id}" not in blamed:
                found.append(
                    step(
                        row,
                        "purchase_order_line",
                        node_id,
                        "covered_otherwise",
                        planned=row.original_promise_date,
                        expected=row.promised_date,
                    )
                )
    return found
