"""`get_bom`: what a material is made from, level by level, with the quantity of each component in the whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, NamedTuple

from erp_mcp.analyses.buying import UNIT, whole
from erp_mcp.analyses.dependences import classes
from erp_mcp.analyses.figures import quotient
from erp_mcp.analyses.plant import rows_of
from erp_mcp.domain.analysis import Analysis, Facts, Findings, RawCell
from erp_mcp.domain.value import QUANTITY_DIGITS

_MOST_ROWS: Final = 5_000
_DEFAULT_DEPTH: Final = 1
_VALIDITY: Final = ("bom_item.valid_from", "bom_item.valid_to")

Made = tuple[str, str]  # material and site


class BomItemRow(NamedTuple):
    """A component of what a material is made from at a site."""

    system: str
    as_of: str
    material_id: str
    site: str
    line: str
    component_id: str
    qty_per: int
    uom: str
    valid_from: str | None
    valid_to: str | None


class BomMaterialRow(NamedTuple):
    """A material of the bill."""

    system: str
    as_of: str
    material_id: str
    description: str | None
    base_uom: str
    status: str | None


class ConversionRow(NamedTuple):
    """`numerator` base units are `denominator` of `uom`."""

    system: str
    as_of: str
    material_id: str
    uom: str
    base_uom: str
    numerator: int
    denominator: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Above:
    """Where an item stands: lines from the top, materials from the top, quantity of the parent in its base unit."""

    lines: tuple[str, ...]
    materials: tuple[str, ...]
    qty: Fraction | None


@dataclass(slots=True, kw_only=True)
class _Bill:
    """Items by what they are for, and what is known of materials."""

    items: Mapping[Made, list[BomItemRow]]
    materials: Mapping[str, BomMaterialRow]
    conversions: Mapping[tuple[str, str], Fraction]
    depth: int
    cycles: set[str] = field(default_factory=set)

    def rows(self, made: Made, above: _Above) -> Iterator[tuple[RawCell, ...]]:
        """Yield the items of a material, each followed by its own; what contains itself is not opened again."""
        for item in self.items.get(made, ()):
            cycle = item.component_id in above.materials
            if cycle:
                self.cycles.add(item.component_id)
            qty = None if above.qty is None else above.qty * Fraction(item.qty_per, UNIT)
            here = _Above(
                lines=(*above.lines, item.line),
                materials=(*above.materials, item.component_id),
                qty=self._base(item, qty),
            )
            below = (item.component_id, item.site)
            yield self._row(item, here, qty, cycle=cycle)
            if not cycle and len(here.lines) < self.depth:
                yield from self.rows(below, here)

    def _base(self, item: BomItemRow, qty: Fraction | None) -> Fraction | None:
        """Return a quantity of a component in its base unit; None where no conversion is known."""
        material = self.materials.get(item.component_id)
        if qty is None or material is None or material.base_uom == item.uom:
            return qty
        rate = self.conversions.get((item.component_id, item.uom))
        return None if rate is None else qty * rate

    def _row(self, item: BomItemRow, here: _Above, qty: Fraction | None, *, cycle: bool) -> tuple[RawCell, ...]:
        material = self.materials.get(item.component_id)
        return (
            item.site,
            "/".join(here.lines),
            len(here.lines),
            item.material_id,
            item.component_id,
            material.description if material else None,
            material.status if material else None,
            item.qty_per,
            None if qty is None else quotient(qty.numerator, qty.denominator, places=QUANTITY_DIGITS),
            item.uom,
            item.valid_from,
            item.valid_to,
            (item.component_id, item.site) in self.items,
            cycle,
        )


def bill_of_material(facts: Facts) -> Findings:
    """Answer `get_bom`: tables `material` and `items`.

    Args:
        facts: Rows of `READS`; arguments `material_id`, `depth` (1..10), `valid_on` (else today), `qty` (else 1).

    Returns:
        Items by site in order of their lines, each followed by its own items down to `depth`. Quantities are exact to
        six places. A component that contains itself is marked and not opened again.
    """
    top, depth = str(facts.arguments.get("material_id")), facts.arguments.get("depth")
    qty = facts.arguments.get("qty")
    bill = _Bill(
        items=_valid(facts),
        materials={one.material_id: one for one in rows_of(facts, "materials", BomMaterialRow)},
        conversions={
            (one.material_id, one.uom): Fraction(one.numerator, one.denominator)
            for one in rows_of(facts, "conversions", ConversionRow)
            if one.denominator
        },
        depth=depth if isinstance(depth, int) else _DEFAULT_DEPTH,
    )
    start = _Above(lines=(), materials=(top,), qty=Fraction(qty, UNIT) if isinstance(qty, int) else Fraction(1))
    table: list[tuple[RawCell, ...]] = []
    cut = False
    for made in sorted(made for made in bill.items if made[0] == top):
        for row in bill.rows(made, start):
            cut = len(table) >= _MOST_ROWS
            if cut:
                break
            table.append(row)
    warnings = [f"{one} is a component of itself; it is not opened again." for one in sorted(bill.cycles)]
    warnings += ["Only the first items are shown; ask for less depth."] if cut else []
    return Findings(
        tables={"material": _head(bill, top), "items": table},
        complete=whole(facts, _VALIDITY) and not cut,
        warnings=tuple(warnings),
    )


def _valid(facts: Facts) -> dict[Made, list[BomItemRow]]:
    """Items that are valid on the day, by what they are for, in order of their lines."""
    day = str(facts.arguments.get("valid_on") or facts.today)
    found: defaultdict[Made, list[BomItemRow]] = defaultdict(list)
    for one in rows_of(facts, "items", BomItemRow):
        if (one.valid_from or "") <= day <= (one.valid_to or "9999-12-31"):
            found[one.material_id, one.site].append(one)
    return {made: sorted(items, key=lambda one: one.line) for made, items in found.items()}


def _head(bill: _Bill, top: str) -> list[tuple[RawCell, ...]]:
    material = bill.materials.get(top)
    if material is None:
        return []
    sites = tuple(sorted(site for name, site in bill.items if name == top))
    return [(material.material_id, material.description, material.base_uom, material.status, sites)]


ANALYSIS: Final = Analysis(
    name="bill_of_material",
    definition_id="bill_of_material.1",
    function=bill_of_material,
    reads={"items": BomItemRow, "materials": BomMaterialRow, "conversions": ConversionRow},
    dependences=classes(
        (
            ("items", tuple((field,) for field in _VALIDITY)),
            ("description", (("material.description",),)),
            ("status", (("material.status",),)),
        )
    ),
)
