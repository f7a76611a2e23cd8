"""What else could serve a demand that waits: other sources, stock elsewhere, another work centre."""

from __future__ import annotations

from collections.abc import Iterable

from erp_mcp.analyses.findings import Cause, Step
from erp_mcp.analyses.ledgers import Ledgers
from erp_mcp.analyses.machines import outage
from erp_mcp.analyses.plant import Plant
from erp_mcp.analyses.rows import SupplySourceRow
from erp_mcp.domain.analysis import RawCell
from erp_mcp.domain.days import shift
from erp_mcp.domain.pegging import free_stock

_MOST = 10


def alternatives(ledgers: Ledgers, line: str, causes: Iterable[Cause]) -> list[tuple[RawCell, ...]]:
    """Return what could take the place of what the causes wait for, usable ones first, at most ten per thing.

    Columns: line, kind (`supply_source`, `stock_elsewhere`, `work_center`), for_id, alternative_id, usable, reason,
    qty, uom, earliest_date, evidence_ref.
    """
    short: dict[tuple[str, str], Step] = {}
    centers: set[str] = set()
    for cause in causes:
        for one in cause.steps:
            if one.node_type == "material" and one.fact == "short":
                short.setdefault((one.node_id, one.uom or ""), one)
            elif one.node_type == "work_center":
                centers.add(one.node_id)
    rows: list[tuple[RawCell, ...]] = []
    for material_id, uom in sorted(short):
        rows.extend(_for_material(ledgers, line, material_id, uom)[:_MOST])
    for center in sorted(centers):
        rows.extend(_for_center(ledgers.plant, line, center))
    return rows


def _for_material(ledgers: Ledgers, line: str, material_id: str, uom: str) -> list[tuple[RawCell, ...]]:
    plant = ledgers.plant
    needing = {site for (material, site) in plant.demand if material == material_id}
    rows: list[tuple[RawCell, ...]] = []
    for material, site in sorted(plant.stock):
        free = free_stock(ledgers.of(material, site)) if material == material_id and site not in needing else 0
        if free > 0:
            evidence = f"stock/{material_id}/{site}"
            rows.append((line, "stock_elsewhere", material_id, site, True, None, free, uom, plant.today, evidence))
    sources = [row for (material, site), found in plant.sources.items() if material == material_id for row in found]
    usable = sorted(sources, key=lambda row: (source_refusal(plant, row) is not None, _earliest(plant, row) or "9"))
    for row in usable:
        evidence = f"supply_source/{row.material_id}/{row.supplier_id}/{row.site}"
        reason = source_refusal(plant, row)
        earliest = _earliest(plant, row)
        rows.append(
            (line, "supply_source", material_id, row.supplier_id, reason is None, reason, None, uom, earliest, evidence)
        )
    return rows


def source_refusal(plant: Plant, row: SupplySourceRow) -> str | None:
    """Return why a source can't be used (`source_blocked`, `supplier_blocked`, `expired`), or `None` when it can."""
    supplier = plant.suppliers.get(row.supplier_id)
    if row.blocked:
        return "source_blocked"
    if supplier is not None and supplier.blocked:
        return "supplier_blocked"
    return "expired" if row.valid_to and row.valid_to < plant.today else None


def _earliest(plant: Plant, row: SupplySourceRow) -> str | None:
    return shift(plant.today, row.lead_time_days) if row.lead_time_days is not None else None


def _for_center(plant: Plant, line: str, center: str) -> list[tuple[RawCell, ...]]:
    row = plant.floor.work_centers.get(center)
    if row is None or not row.alternative_id:
        return []
    reason = "down" if outage(plant, row.alternative_id) else None
    evidence = f"work_center/{center}"
    return [
        (line, "work_center", center, row.alternative_id, reason is None, reason, None, None, plant.today, evidence)
    ]
