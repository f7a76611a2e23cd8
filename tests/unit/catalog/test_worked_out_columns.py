"""Which columns of a statement show a value of their field as it stands, and which are worked out from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guarantees import guarantees
from tests.unit.catalog.test_compile import tool_of

QTY, LOT = "stock.qty", "stock.lot_id"


@guarantees("P8.masks")
@pytest.mark.parametrize(
    ("value", "kind", "field"),
    [
        ("s.qty", "quantity", QTY),
        ("(s.qty)", "quantity", QTY),
        ("COALESCE(s.qty, 0)", "quantity", QTY),
        ("CASE WHEN :all = 1 THEN s.qty END", "quantity", QTY),
        ("(SELECT t.qty FROM stock AS t)", "quantity", QTY),
        ("s.lot_id", "id", LOT),
    ],
)
def test_a_value_that_is_only_passed_on_stands_for_its_field(tmp_path: Path, value: str, kind: str, field: str) -> None:
    """A range or a token of it says what one of the field says."""
    assert field not in _via(tmp_path, value, kind, field)


@guarantees("P8.masks")
@pytest.mark.parametrize(
    ("value", "kind", "field"),
    [
        ("SUM(s.qty)", "quantity", QTY),
        ("MAX(s.qty)", "quantity", QTY),
        ("MIN(s.lot_id)", "id", LOT),
        ("COUNT(s.qty)", "integer", QTY),
        ("COUNT(DISTINCT s.lot_id)", "integer", LOT),
        ("s.qty + s.qty", "quantity", QTY),
        ("-s.qty", "quantity", QTY),
        ("ABS(s.qty)", "quantity", QTY),
        ("CASE WHEN s.qty > 0 THEN 1 ELSE 0 END", "flag", QTY),
        ("CASE WHEN :all = 1 THEN -s.qty END", "quantity", QTY),
        ("COALESCE(ABS(s.qty), 0)", "quantity", QTY),
        ("LOWER(s.lot_id)", "id", LOT),
        ("s.lot_id || '/1'", "id", LOT),
        ("(SELECT SUM(t.qty) FROM stock AS t)", "quantity", QTY),
        ("ROW_NUMBER() OVER (ORDER BY s.lot_id)", "integer", LOT),
    ],
)
def test_a_value_that_is_worked_out_from_its_field_tells_of_it_beyond_that(
    tmp_path: Path, value: str, kind: str, field: str
) -> None:
    """Its range is not made of the field's ranges, nor its token of the field's tokens."""
    assert field in _via(tmp_path, value, kind, field)


@guarantees("P8.masks")
def test_what_a_with_clause_or_one_side_of_a_union_works_out_stays_so(tmp_path: Path) -> None:
    """However far from the result it was made."""
    inner = "WITH t AS (SELECT SUM(s.qty) AS qty FROM stock AS s) SELECT t.qty AS value FROM t"
    union = "SELECT s.qty AS value FROM stock AS s UNION ALL SELECT -s.qty FROM stock AS s"
    for query in (inner, union):
        (column,) = tool_of(tmp_path, f"{{value: {{from: [{QTY}]}}}}", query).reads[0].columns
        assert column.via == (QTY,)


def _via(tmp_path: Path, value: str, kind: str, field: str) -> tuple[str, ...]:
    query = f"SELECT {value} AS value FROM stock AS s"
    arguments = "{all: {type: flag, default: false}}" if ":all" in value else "{}"
    tool = tool_of(tmp_path, f"{{value: {{kind: {kind}, from: [{field}]}}}}", query, arguments=arguments)
    (column,) = tool.reads[0].columns
    return column.via
