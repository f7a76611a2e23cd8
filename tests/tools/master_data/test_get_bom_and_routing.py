"""What a material is made from, and how."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from typing import Any

import pytest

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of

BOM, ROUTING = "get_bom", "get_routing"


def _opened(
    items: dict[str, list[tuple[Any, ...]]], material: str, depth: int, *, above: tuple[str, ...] = (), qty: Fraction
) -> Iterator[tuple[str, str, Fraction]]:
    """Path, component and quantity in the whole, depth first; the ERP's items by what they are for."""
    for line, component, per in items.get(material, ()):
        path, whole = (*above, line), qty * Fraction(per)
        yield "/".join(path), component, whole
        if len(path) < depth:
            yield from _opened(items, component, depth, above=path, qty=whole)


@guarantees("P7.bill_of_material", "P7.golden_reads")
@pytest.mark.parametrize("depth", [1, 2, 10])
@pytest.mark.parametrize("asked", [{}, {"qty": "12.5"}, {"valid_on": "2026-12-01"}])
def test_a_bill_is_opened_to_its_depth_with_exact_quantities(plant: Plant, depth: int, asked: dict[str, str]) -> None:
    """Against the ERP's own items of the day, multiplied as fractions; small pages give the same rows in order."""
    day, qty = asked.get("valid_on", "2026-03-16"), Fraction(asked.get("qty", "1"))
    native: dict[str, list[tuple[Any, ...]]] = {}
    for material, *item in plant.look_up(
        "erp",
        "SELECT mat_no, item_no, comp_no, qty_per FROM bom_item "
        "WHERE valid_from <= ? AND coalesce(valid_to, '9999') >= ? ORDER BY 1, 2",
        (day, day),
    ):
        native.setdefault(material, []).append(tuple(item))
    found = plant.every(BOM, "items", material_id="FG-001", site="1000", depth=depth, limit=7, **asked)
    wanted = list(_opened(native, "FG-001", depth, qty=qty))
    assert [(row["path"], row["component_id"], Fraction(row["qty_total"])) for row in found] == wanted
    assert all(row["has_bom"] == (row["component_id"] in native) for row in found)
    assert {row["cycle"] for row in found} == {False}


@contextmanager
def _ring(plant: Plant, size: int) -> Iterator[None]:
    """For a while, T00 is made of two of T01, that of two of T02, and so on to the last, which contains T00."""
    names = [f"T{place:02d}" for place in range(size)]
    rows = [
        ("erp", f"test/{one}", "1", "2026-03-16T05:00:00Z", one, "1000", "0010", other, 2_000_000, "EA", 0)
        for one, other in zip(names, [*names[1:], names[0]], strict=True)
    ]
    columns = (
        "system, source_key, version_token, as_of, material_id, site, line, component_id, qty_per, uom, pass_number"
    )
    with closing(sqlite3.connect(plant.folder / "read_model.sqlite")) as model:
        model.executemany(f"INSERT INTO bom_item ({columns}) VALUES ({', '.join('?' * 11)})", rows)
        model.commit()
        try:
            yield
        finally:
            model.execute("DELETE FROM bom_item WHERE source_key LIKE 'test/%'")
            model.commit()


@guarantees("P7.bill_of_material")
@pytest.mark.parametrize("depth", [4, 10])
def test_a_deep_bill_ends_at_the_depth_that_was_asked_for(plant: Plant, depth: int) -> None:
    """The demo's own bills have two levels; this one has thirteen."""
    with _ring(plant, 13):
        found = plant.every(BOM, "items", material_id="T00", depth=depth)
    levels = range(1, depth + 1)
    assert [row["component_id"] for row in found] == [f"T{level:02d}" for level in levels]
    assert [int(row["qty_total"]) for row in found] == [2**level for level in levels]
    assert {row["has_bom"] for row in found} == {True}


@guarantees("P7.bill_of_material")
def test_a_bill_that_contains_itself_ends_there_and_says_so(plant: Plant) -> None:
    """Whichever of its materials is asked for."""
    with _ring(plant, 3):
        answer = plant.answer(BOM, material_id="T01", depth=10)
    found = [(row["component_id"], row["cycle"]) for row in rows_of(answer, "items")]
    assert found == [("T02", False), ("T00", False), ("T01", True)]
    assert answer.warnings == ["T01 is a component of itself; it is not opened again."]


@guarantees("P7.bill_of_material")
def test_items_are_those_of_the_day(plant: Plant) -> None:
    """Before the bill was valid there is none."""
    since = plant.look_up("erp", "SELECT min(valid_from) FROM bom_item WHERE mat_no = 'FG-001'")[0][0]
    assert rows_of(plant.answer(BOM, material_id="FG-001", valid_on=since, site="1000"), "items")
    answer = plant.answer(BOM, material_id="FG-001", valid_on="2020-01-01")
    assert rows_of(answer, "items") == []
    assert rows_of(answer, "material")[0]["status"] == "active"


@guarantees("P1.scope", "P7.no_false_empty")
@pytest.mark.parametrize(("tool", "table"), [(BOM, "items"), (ROUTING, "operations")])
def test_a_bill_or_routing_of_another_site_has_no_rows(plant: Plant, tool: str, table: str) -> None:
    """As for a material that has none at all."""
    sql = (
        "SELECT m.mat_no FROM mat_plant m JOIN bom_item b ON b.mat_no = m.mat_no "
        "GROUP BY 1 HAVING min(m.plant) = '2000' LIMIT 1"
    )
    elsewhere = plant.look_up("erp", sql)[0][0]
    assert rows_of(plant.answer(tool, material_id=elsewhere), table)
    assert rows_of(plant.answer(tool, role="local", material_id=elsewhere), table) == []
    assert not any(one.rows for one in plant.answer(tool, material_id="FG-999").tables.values())


@guarantees("P7.golden_reads")
def test_a_routing_comes_step_by_step_with_work_centre_and_times(plant: Plant) -> None:
    """As the ERP holds it, with where work can go instead."""
    native = plant.look_up(
        "erp",
        "SELECT r.op_no, r.wc_no, w.descr, w.alt_wc, r.setup_min, r.run_sec FROM routing_op r "
        "JOIN work_ctr w ON w.wc_no = r.wc_no WHERE r.mat_no = 'FG-001' ORDER BY 1",
    )
    names = ("operation_id", "work_center_id", "work_center", "alternative_id", "setup_min", "run_s")
    answer = plant.answer(ROUTING, material_id="FG-001")
    assert [tuple(row[name] for name in names) for row in rows_of(answer, "operations")] == native
    assert rows_of(answer, "material")[0]["material_id"] == "FG-001"


@guarantees("P7.provenance")
def test_without_conversions_a_bill_is_told_and_the_gap_named(plant: Plant) -> None:
    """Items of the demo are in base units, so nothing is lost."""
    usual = plant.every(BOM, "items", material_id="FG-001", depth=10)
    with plant.without("unit_conversion"):
        answer = plant.answer(BOM, material_id="FG-001", depth=10, limit=200)
    assert rows_of(answer, "items") == usual
    assert [gap.entity for gap in answer.gaps if not gap.field] == ["unit_conversion"]


@guarantees("P7.golden_reads")
@pytest.mark.parametrize("arguments", [{"depth": 11}, {"depth": 0}, {"valid_on": "2026-02-30"}, {"qty": 2}])
def test_arguments_of_the_wrong_form_are_refused(plant: Plant, arguments: dict[str, Any]) -> None:
    """Ten levels are the most."""
    assert plant.refusal(BOM, material_id="FG-001", **arguments).code == "call.invalid_argument"
