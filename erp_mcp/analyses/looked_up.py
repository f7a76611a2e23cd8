"""The plant through a sight: the same `Plant` as of a call, but each row is looked up when it is first asked for.

What an analysis does with a plant is then a derivation: what it looked at is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar, cast

from erp_mcp.analyses import rows
from erp_mcp.analyses.counts import Difference, differences
from erp_mcp.analyses.ledgers import Ledgers
from erp_mcp.analyses.plant import FINISHED, READS, Floor, Plant, unique_components, unique_lines
from erp_mcp.domain.derivation import FOREVER, Lookup, Sight, Together
from erp_mcp.domain.pegging import Allocation, Ledger

Row = TypeVar("Row", bound=NamedTuple)
Value = TypeVar("Value")
Key = TypeVar("Key", str, tuple[str, str])
Place = tuple[str, str]

_OPEN_ORDER: Final = "row.request_state NOT IN ('" + "', '".join(sorted(FINISHED)) + "')"
_PLACE: Final = ("material_id", "site")
# read name -> (entity, columns it is looked up by, prefix of its tokens, which rows are seen)
_HOW: Final[Mapping[str, tuple[str, tuple[str, ...], str, str]]] = {
    "headers": ("sales_order", ("sales_order_id",), "sales_order", ""),
    "deliveries": ("delivery", ("sales_order_id", "sales_order_line"), "sales_line", ""),
    "orders": ("production_order", ("production_order_id",), "order", _OPEN_ORDER),
    "components": ("production_component", ("production_order_id",), "order", "row.qty_open > 0"),
    "links": ("production_component", ("supply_order_id",), "order", "row.qty_open > 0"),
    "demand": ("production_component", _PLACE, "place", "row.qty_open > 0"),
    "sales_demand": ("sales_order_line", _PLACE, "place", "row.order_state = 'open' AND row.qty_open > 0"),
    "supply_orders": ("production_order", _PLACE, "place", _OPEN_ORDER),
    "operations": (
        "production_operation",
        ("production_order_id",),
        "order",
        "COALESCE(row.request_state, 'Waiting') <> 'Completed'",
    ),
    "jobs": (
        "job",
        ("production_order_id",),
        "order",
        "row.response_state NOT IN ('" + "', '".join(sorted(FINISHED)) + "')",
    ),
    "work_centers": ("work_center", ("work_center_id",), "work_center", ""),
    "downtimes": ("downtime", ("work_center_id",), "work_center", ""),
    "maintenance": ("maintenance_order", ("work_center_id",), "work_center", "row.order_state <> 'completed'"),
    "stock": ("stock", _PLACE, "place", "row.qty <> 0"),
    "lots": ("lot", ("lot_id", "site"), "lot", ""),
    "mes_stock": ("mes_stock", _PLACE, "place", ""),
    "in_flight": ("in_flight_document", _PLACE, "place", ""),
    "reservations": ("reservation", _PLACE, "place", "row.qty > 0"),
    "purchase_lines": ("purchase_order_line", _PLACE, "place", "row.order_state = 'open' AND row.qty_open > 0"),
    "confirmations": ("supplier_confirmation", ("purchase_order_id", "line"), "purchase", ""),
    "requisitions": ("purchase_requisition", _PLACE, "place", "row.order_state = 'open'"),
    "notifications": ("quality_notification", ("lot_id",), "held", "row.order_state <> 'closed'"),
    "sources": ("supply_source", _PLACE, "place", ""),
    "suppliers": ("supplier", ("supplier_id",), "supplier", ""),
    "customers": ("customer", ("customer_id",), "customer", ""),
    "materials": ("material", ("material_id",), "material", ""),
    "planning": ("material_site", _PLACE, "place", ""),
}


class EndingRow(NamedTuple):
    """A downtime, ended or not."""

    system: str
    as_of: str
    downtime_id: str
    work_center_id: str
    started_at: str
    reason_code: str | None
    ended_at: str | None


_OWN_ROWS: Final[Mapping[str, type[NamedTuple]]] = {"links": rows.ComponentRow, "downtimes": EndingRow}
# Fields of shared row types that nothing looks at but the answers that show them.
_BLANK: Final[Mapping[str, frozenset[str]]] = {
    "sales_demand": frozenset({"customer_id", "open_value", "currency"}),
    "sources": frozenset({"price", "price_unit", "currency"}),
    "notifications": frozenset({"defect_code"}),
}


def lookups(*names: str) -> dict[str, Lookup]:
    """Return the look-ups of the named reads of a plant, for a derivation; others find nothing."""
    chosen = dict.fromkeys((*names, *(["links"] if "supply_orders" in names else [])))
    return {name: _lookup(name) for name in chosen}


def _lookup(name: str) -> Lookup:
    entity, by, token, where = _HOW[name]
    row = _OWN_ROWS.get(name) or READS[name]
    return Lookup(entity=entity, by=by, row=row, token=token, where=where, blank=_BLANK.get(name, frozenset()))


def together(*names: str) -> tuple[Together, ...]:
    """Return what a ledger by material and site looks up for most keys, of the named look-ups."""
    by_place = [name for name in names if name in _HOW and _HOW[name][1] == _PLACE]
    return tuple(
        one
        for one in (
            *(Together(lookup=name) for name in by_place),
            Together(lookup="materials"),
            Together(lookup="lots", of="stock", columns=("lot_id", "site")),
            Together(lookup="deliveries", of="sales_demand", columns=("sales_order_id", "line")),
            *(Together(lookup=name, of="supply_orders", columns=("production_order_id",)) for name in _OF_ORDER),
            Together(lookup="components", of="supply_orders", columns=("parent_order_id",)),
        )
        if one.lookup in names and (not one.of or one.of in names)
    )


_OF_ORDER: Final = ("orders", "jobs", "links")


def plant_in(sight: Sight, names: Mapping[str, Lookup]) -> Plant:
    """Return the plant that a sight shows.

    Args:
        sight: Through which rows are looked up.
        names: The look-ups of the derivation, by name.
    """
    look = _Look(sight, names)
    orders = _One[str, rows.ProductionOrderRow](look, "orders")
    components = _Components[str](look, "components")
    moment = sight.moment
    return Plant(
        today=moment.today,
        now=moment.now,
        zone=moment.zone,
        missing=sight.missing,
        untold=frozenset(),
        headers=_One(look, "headers"),
        deliveries=_Many(look, "deliveries"),
        orders=orders,
        components=components,
        floor=_floor(look),
        stock=_Many(look, "stock"),
        lots=_Many(look, "lots"),
        reservations=_Many(look, "reservations"),
        differences=_Differences(look),
        purchases=_Many(look, "purchase_lines"),
        purchase_by_key={},
        confirmations=_Many(look, "confirmations"),
        requisitions=_Many(look, "requisitions"),
        notifications=_Many(look, "notifications"),
        sources=_Many(look, "sources"),
        suppliers=_One(look, "suppliers"),
        materials=_One(look, "materials"),
        planning=_One(look, "planning"),
        demand=_Components[Place](look, "demand"),
        sales_demand=_Lines(look, "sales_demand"),
        supply_orders=_SupplyOrders(look, orders),
        supply_links=_Links(look, orders, components),
    )


def _floor(look: _Look) -> Floor:
    return Floor(
        operations=_Many(look, "operations"),
        jobs=_Many(look, "jobs"),
        work_centers=_One(look, "work_centers"),
        downtimes=_Downtimes(look, "downtimes"),
        maintenance=_Many(look, "maintenance"),
    )


class SharedLedgers(Ledgers):
    """Ledgers whose pegging is worked out once for several keys, under the name of a derivation by place."""

    def __init__(self, plant: Plant, sight: Sight, node: str) -> None:
        """Keep the plant and the sight; `node` names the derivation that looks at all that a ledger looks at."""
        super().__init__(plant)
        self._sight = sight
        self._node = node

    def of(self, material_id: str, site: str) -> Ledger:
        """Return the pegging ledger of a material at a site, as the ERP sees it."""
        return self._sight.remember(
            (self._node, material_id, site), "of", lambda: super(SharedLedgers, self).of(material_id, site)
        )

    def counted(self, material_id: str, site: str) -> Ledger:
        """Return the ledger with held lots cut down to what is there."""
        return self._sight.remember(
            (self._node, material_id, site), "counted", lambda: super(SharedLedgers, self).counted(material_id, site)
        )

    def allocations(self, material_id: str, site: str, *, counted: bool = False) -> dict[str, Allocation]:
        """Return who gets what, by demand key."""
        return self._sight.remember(
            (self._node, material_id, site),
            f"allocations {counted}",
            lambda: super(SharedLedgers, self).allocations(material_id, site, counted=counted),
        )


def latest_row(sight: Sight, lookup: str, *by: str) -> NamedTuple | None:
    """Return the row that counts where several systems give one of an id: the one stored last; `None` for none."""
    if not all(by):
        return None
    found = sight.find(lookup, *by)
    return found[-1] if found else None


# --- Indexes that look up ---------------------------------------------------------------------------------------------


class _Look:
    """Looks rows up; a read that the derivation does not have finds nothing, as in a tool without it."""

    def __init__(self, sight: Sight, names: Mapping[str, Lookup]) -> None:
        self.sight = sight
        self._names = frozenset(names)

    def rows(self, name: str, key: str | Place) -> Sequence[NamedTuple]:
        if name not in self._names:
            return ()
        return self.sight.find(name, key) if isinstance(key, str) else self.sight.find(name, *key)


class _ByKey(Mapping[Key, Value]):
    """What can be asked for by key and not be walked through: nobody would know what the walk rests on."""

    def __init__(self, look: _Look, name: str = "") -> None:
        self._look = look
        self._name = name

    def __iter__(self) -> Iterator[Key]:
        raise TypeError("looked up by key only")

    def __len__(self) -> int:
        raise TypeError("looked up by key only")


class _One(_ByKey[Key, Row]):
    def __getitem__(self, key: Key) -> Row:
        found = cast("Sequence[Row]", self._look.rows(self._name, key))
        if not found:
            raise KeyError(key)
        return found[-1]


class _Many(_ByKey[Key, list[Row]]):
    def __getitem__(self, key: Key) -> list[Row]:
        found = cast("Sequence[Row]", self._look.rows(self._name, key))
        if not found:
            raise KeyError(key)
        return list(found)


class _Components(_ByKey[Key, list[rows.ComponentRow]]):
    def __getitem__(self, key: Key) -> list[rows.ComponentRow]:
        found = cast("Sequence[rows.ComponentRow]", self._look.rows(self._name, key))
        if not found:
            raise KeyError(key)
        return list(unique_components(found))


class _Lines(_ByKey[Place, list[rows.SalesLineRow]]):
    def __getitem__(self, key: Place) -> list[rows.SalesLineRow]:
        found = cast("Sequence[rows.SalesLineRow]", self._look.rows(self._name, key))
        if not found:
            raise KeyError(key)
        return list(unique_lines(found))


class _SupplyOrders(_ByKey[Place, list[rows.ProductionOrderRow]]):
    """Of an order that two systems give, only as it counts."""

    def __init__(self, look: _Look, orders: Mapping[str, rows.ProductionOrderRow]) -> None:
        super().__init__(look, "supply_orders")
        self._orders = orders

    def __getitem__(self, key: Place) -> list[rows.ProductionOrderRow]:
        found = cast("Sequence[rows.ProductionOrderRow]", self._look.rows(self._name, key))
        count = {one.production_order_id: one for one in found if self._orders.get(one.production_order_id) == one}
        if not count:
            raise KeyError(key)
        return list(count.values())


class _Downtimes(_Many[str, rows.DowntimeRow]):
    """Downtimes that have begun and not ended; when the next one begins or ends by itself, it is another finding."""

    def __getitem__(self, key: str) -> list[rows.DowntimeRow]:
        now, found = self._look.sight.moment.now, []
        for row in cast("Sequence[EndingRow]", self._look.rows(self._name, key)):
            ended = row.ended_at or FOREVER
            if row.started_at <= now < ended:
                found.append(rows.DowntimeRow._make(row[:-1]))
            changes = row.started_at if row.started_at > now else ended
            if changes > now:
                self._look.sight.until(changes)
        if not found:
            raise KeyError(key)
        return found


class _Differences(_ByKey[Place, list[Difference]]):
    def __getitem__(self, key: Place) -> list[Difference]:
        counted = cast("Sequence[rows.MesStockRow]", self._look.rows("mes_stock", key))
        moving = cast("Sequence[rows.InFlightRow]", self._look.rows("in_flight", key))
        if not counted or "in_flight_document" in self._look.sight.missing:
            raise KeyError(key)
        found = differences(cast("Sequence[rows.StockRow]", self._look.rows("stock", key)), counted, moving)
        if not found:
            raise KeyError(key)
        return found


class _Links(_ByKey[str, tuple[str, str]]):
    """A child order to the component it is made for; see `plant.supply_links`."""

    def __init__(
        self,
        look: _Look,
        orders: Mapping[str, rows.ProductionOrderRow],
        components: Mapping[str, list[rows.ComponentRow]],
    ) -> None:
        super().__init__(look)
        self._orders = orders
        self._components = components

    def __getitem__(self, key: str) -> tuple[str, str]:
        order = self._orders.get(key)
        if order is None:
            raise KeyError(key)
        linked = cast("Sequence[rows.ComponentRow]", self._look.rows("links", key))
        wanting = self._components.get(order.parent_order_id, ()) if order.parent_order_id else ()
        for found in (linked, wanting):
            keys = [(one.production_order_id, one.line) for one in found if one.material_id == order.material_id]
            if keys:
                return min(keys)
        raise KeyError(key)
