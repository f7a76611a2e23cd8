"""Bills of material: depth, units, validity, and a material that contains itself."""

from __future__ import annotations

from typing import Any

from erp_mcp.analyses.bill_of_material import ANALYSIS, BomItemRow, BomMaterialRow, ConversionRow
from erp_mcp.domain.call import ArgumentValue
from tests.guarantees import guarantees
from tests.unit.analyses.small_plant import ONE, SmallPlant


def _item(plant: SmallPlant, parent: str, component: str, qty: int = ONE, **given: object) -> None:
    line = f"{10 * (1 + sum(row.material_id == parent for row in _items(plant))):04d}"
    values: dict[str, object] = {"material_id": parent, "line": line, "component_id": component, "qty_per": qty}
    plant.add("items", BomItemRow, **values | given)


def _items(plant: SmallPlant) -> list[Any]:
    return list(plant.reads.get("items", []))


def _materials(plant: SmallPlant, *names: str, **given: object) -> None:
    for name in names:
        plant.add("materials", BomMaterialRow, **{"material_id": name, "base_uom": "C62", "status": "active"} | given)


def _opened(plant: SmallPlant, **arguments: ArgumentValue) -> list[tuple[object, object, object]]:
    """Path, component and quantity in the whole."""
    found = plant.ask(ANALYSIS, **{"material_id": "TOP", "depth": 10, **arguments})
    return [(row[1], row[4], row[8]) for row in found.tables["items"]]


@guarantees("P7.bill_of_material")
def test_a_material_that_contains_itself_is_marked_and_not_opened_again() -> None:
    """Over one level and over several; the rest of the bill is told."""
    plant = SmallPlant()
    _materials(plant, "TOP", "MID")
    _item(plant, "TOP", "MID")
    _item(plant, "MID", "TOP")
    _item(plant, "MID", "MID")
    _item(plant, "MID", "RAW")
    found = plant.ask(ANALYSIS, material_id="TOP", depth=10)
    assert [(row[1], row[4], row[13]) for row in found.tables["items"]] == [
        ("0010", "MID", False),
        ("0010/0010", "TOP", True),
        ("0010/0020", "MID", True),
        ("0010/0030", "RAW", False),
    ]
    assert found.warnings == (
        "MID is a component of itself; it is not opened again.",
        "TOP is a component of itself; it is not opened again.",
    )


@guarantees("P7.bill_of_material")
def test_one_part_on_two_branches_is_no_cycle() -> None:
    """It is opened on both."""
    plant = SmallPlant()
    _item(plant, "TOP", "A")
    _item(plant, "TOP", "B")
    for parent in ("A", "B"):
        _item(plant, parent, "SCREW", 4 * ONE)
    assert [row[1] for row in _opened(plant)] == ["A", "SCREW", "B", "SCREW"]


@guarantees("P7.bill_of_material", "P7.exact_numbers")
def test_quantities_stay_exact_over_levels_and_units() -> None:
    """Two thirds of a metre in a piece, three pieces in the whole are two metres, not 1.999998."""
    plant = SmallPlant()
    _materials(plant, "TOP", "ROD", "TUBE")
    plant.add("conversions", ConversionRow, material_id="ROD", uom="BX", base_uom="C62", numerator=1, denominator=3)
    _item(plant, "TOP", "ROD", 2 * ONE, uom="BX")
    _item(plant, "ROD", "TUBE", 3 * ONE)
    assert _opened(plant) == [("0010", "ROD", 2 * ONE), ("0010/0010", "TUBE", 2 * ONE)]
    assert _opened(plant, qty=ONE // 2) == [("0010", "ROD", ONE), ("0010/0010", "TUBE", ONE)]


@guarantees("P7.bill_of_material", "P7.exact_numbers")
def test_without_a_conversion_nothing_below_is_counted() -> None:
    """The components are told, how many there are in the whole is not."""
    plant = SmallPlant()
    _materials(plant, "TOP", "ROD", "TUBE")
    _item(plant, "TOP", "ROD", 2 * ONE, uom="BX")
    _item(plant, "ROD", "TUBE", 3 * ONE)
    assert _opened(plant) == [("0010", "ROD", 2 * ONE), ("0010/0010", "TUBE", None)]


@guarantees("P7.bill_of_material")
def test_only_what_is_valid_on_the_day_is_told_the_last_day_included() -> None:
    """Today unless another day is asked for."""
    plant = SmallPlant()
    _item(plant, "TOP", "OLD", valid_to="2026-03-16")
    _item(plant, "TOP", "NEW", valid_from="2026-03-17")
    assert [row[1] for row in _opened(plant)] == ["OLD"]
    assert [row[1] for row in _opened(plant, valid_on="2026-03-17")] == ["NEW"]


@guarantees("P7.bill_of_material")
def test_a_bill_of_a_site_is_opened_with_bills_of_that_site() -> None:
    """What another site makes differently does not get in."""
    plant = SmallPlant()
    _materials(plant, "TOP")
    _item(plant, "TOP", "MID")
    _item(plant, "MID", "ELSEWHERE", site="2000")
    found = plant.ask(ANALYSIS, material_id="TOP", depth=10)
    assert [(row[4], row[12]) for row in found.tables["items"]] == [("MID", False)]
    assert found.tables["material"] == [("TOP", None, "C62", "active", ("1000",))]


@guarantees("P7.bill_of_material")
def test_a_bill_without_end_is_cut_and_said_to_be() -> None:
    """Four parts in each of ten levels would be a million rows."""
    plant = SmallPlant()
    for level in range(10):
        for _ in range(4):
            _item(plant, f"L{level}", f"L{level + 1}")
    found = plant.ask(ANALYSIS, material_id="L0", depth=10)
    assert len(found.tables["items"]) == 5_000
    assert not found.complete
    assert found.warnings == ("Only the first items are shown; ask for less depth.",)
