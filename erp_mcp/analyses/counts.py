"""Where ERP and shop floor count a lot differently, and how much of that goods movements in flight explain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from erp_mcp.analyses.rows import InFlightRow, MesStockRow, StockRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A lot that the two systems count differently, in base units; `unexplained` is MES minus ERP."""

    material_id: str
    site: str
    lot_id: str
    qty_erp: int
    qty_mes: int
    in_flight: int
    erp: StockRow
    mes: MesStockRow

    @property
    def unexplained(self) -> int:
        """The difference that no document in flight explains."""
        return self.qty_mes - self.qty_erp - self.in_flight


def differences(
    stock: Iterable[StockRow], counted: Iterable[MesStockRow], in_flight: Iterable[InFlightRow]
) -> list[Difference]:
    """Compare lot by lot.

    A lot that only one side names is left out: without a count there is nothing to compare. Stock in transit is on
    nobody's shelf and is left out too.

    Returns:
        Lots with a difference, explained or not, by material, site and lot.
    """
    erp: defaultdict[tuple[str, str, str], list[StockRow]] = defaultdict(list)
    mes: defaultdict[tuple[str, str, str], list[MesStockRow]] = defaultdict(list)
    moving: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for row in stock:
        if row.lot_id and row.stock_type != "in_transit":
            erp[row.material_id, row.site, row.lot_id].append(row)
    for count in counted:
        if count.lot_id:
            mes[count.material_id, count.site, count.lot_id].append(count)
    for document in in_flight:
        moving[document.material_id, document.site, document.lot_id or ""] += document.qty
    return [_difference(key, erp[key], mes[key], moving.get(key, 0)) for key in sorted(mes) if _differs(erp, mes, key)]


def _differs(
    erp: dict[tuple[str, str, str], list[StockRow]],
    mes: dict[tuple[str, str, str], list[MesStockRow]],
    key: tuple[str, str, str],
) -> bool:
    return key in erp and sum(row.qty for row in erp[key]) != sum(row.qty for row in mes[key])


def _difference(key: tuple[str, str, str], erp: list[StockRow], mes: list[MesStockRow], in_flight: int) -> Difference:
    material_id, site, lot_id = key
    return Difference(
        material_id=material_id,
        site=site,
        lot_id=lot_id,
        qty_erp=sum(row.qty for row in erp),
        qty_mes=sum(row.qty for row in mes),
        in_flight=in_flight,
        erp=erp[0],
        mes=mes[0],
    )
