"""The comparison itself: what differs is found, or "equal" would mean nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from erp_mcp.domain.entities import ENTITIES, field_specs
from tests.guarantees import guarantees
from tests.systems.same_answers.asking import Call
from tests.systems.same_answers.comparing import differences, records
from tests.systems.same_answers.documented import documented, place_of
from tests.systems.same_answers.expected import explained


def call(qty: str = "5", **more: object) -> Call:
    """Return an answer of one row."""
    table = {"columns": ["material_id", "qty", "as_of"], "rows": [["RM-1", qty, more.pop("as_of", "then")]]}
    return Call("get_stock", {}, {"tables": {"stock": table}, "complete": True, **more})


@guarantees("P7.same_answers")
def test_equal_answers_have_no_differences() -> None:
    """Ages are aside: two systems are never read in the same second."""
    assert differences([call()], [call(as_of="now")]) == []


@guarantees("P7.same_answers")
def test_one_other_cell_is_named() -> None:
    """One figure is enough to make another answer."""
    assert differences([call()], [call("6")]) == ['get_stock.stock[0].qty: "6" instead of "5"']


@guarantees("P7.same_answers")
def test_missing_rows_warnings_and_calls_are_named() -> None:
    """An answer can differ without any cell that differs."""
    fewer = call()
    fewer.answer["tables"]["stock"]["rows"] = []
    assert differences([call()], [fewer]) == ["get_stock.stock: 0 rows instead of 1"]
    assert differences([call()], [call(complete=False)]) == ["get_stock: complete: false instead of true"]
    assert differences([call()], []) == ["0 calls instead of 1"]
    assert len(differences([call()], [Call("get_stock", {}, {"refused": "read_model.not_ready"})])) == 3


def read_model(path: Path, **material: object) -> Path:
    """Return a read model that holds one material, or none."""
    with closing(sqlite3.connect(path)) as made, made:
        for entity, kind in ENTITIES.items():
            columns = ", ".join(spec.name for spec in field_specs(kind))
            made.execute(f"CREATE TABLE {entity} ({columns})")
        if material:
            row = {"system": "erp", "source_key": str(path), "material_id": "RM-1", "base_uom": "EA", **material}
            marks = ", ".join("?" * len(row))
            made.execute(f"INSERT INTO material ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
    return path


@guarantees("P7.same_answers")
def test_records_are_compared_by_their_business_key_and_field_by_field(tmp_path: Path) -> None:
    """Source keys differ from system to system; everything else must not."""
    reference = read_model(tmp_path / "a", status="active")
    same = {one.entity: one for one in records(reference, read_model(tmp_path / "b", status="active"))}
    assert (same["material"].rows, same["material"].equal, same["material"].same) == (1, 1, True)
    other = {one.entity: one for one in records(reference, read_model(tmp_path / "c", status="blocked"))}
    assert (other["material"].equal, other["material"].fields) == (0, {"status": 1})
    none = {one.entity: one for one in records(reference, read_model(tmp_path / "d"))}
    assert (none["material"].missing, none["material"].same) == (1, False)


@guarantees("P7.same_answers")
def test_only_named_differences_are_explained() -> None:
    """A list of excuses must not grow by a pattern that fits everything."""
    assert explained("purchase_order_line.promise_changed_at")
    assert explained('get_purchase_order: gaps: [{"field": "promise_changed_at"}] instead of []')
    assert not explained("purchase_order_line.promised_date")
    assert not explained('list_purchase_orders: gaps: [{"field": "promise_changed_at"}] instead of []')
    assert not explained("get_stock.stock[0].qty: 6 instead of 5")


@guarantees("P7.same_answers")
def test_the_place_of_a_difference_is_read_from_its_text() -> None:
    """What a page explains, it explains by place."""
    assert place_of('get_stock.stock[0].qty: "6" instead of "5"') == "get_stock.stock.qty"
    assert place_of("get_stock.stock: 0 rows instead of 1") == "get_stock.stock.rows"
    assert place_of("get_stock: complete: false instead of true") == "get_stock.complete"
    assert place_of("0 calls instead of 1") == "0 calls instead of 1"


@guarantees("P7.same_answers")
def test_a_page_explains_what_its_table_names_and_is_told_what_it_names_in_vain() -> None:
    """A table of excuses must not outlive what it excuses."""
    page = documented("tryton.md")
    assert page.reason("inspection_lot.qty")
    assert not page.reason("get_stock.stock.qty")
    assert not page.reason("stock.qty")
    assert "inspection_lot.*" not in page.unused
    assert "lot.expiry_date" in page.unused
