"""Cells of an answer: exact, of their kind, or the answer is withheld."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.answers.shape import RawCell, shape
from erp_mcp.errors import ResultContractError
from tests.guarantees import guarantees
from tests.unit.answers.fakes import a_table, shaped


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize(
    ("kind", "stored", "shown"),
    [
        ("quantity", 2_500_000, "2.5"),
        ("quantity", -1, "-0.000001"),
        ("quantity", 9_223_372_036_854_775_807, "9223372036854.775807"),
        ("money", 1_250_000, "125.00"),
        ("money", 12_345, "1.2345"),
        ("integer", 10, 10),
        ("flag", 1, True),
        ("flag", 0, False),
        ("date", "2026-03-02", "2026-03-02"),
        ("instant", "2026-03-02T06:00:00Z", "2026-03-02T06:00:00Z"),
        ("id", "0000012345", "0000012345"),
        ("code", ("a", "b\u200b"), ["a", "b"]),
        ("text", "a  b", "a b"),
        ("sentence", "It is  written.\u200b", "It is written."),
        ("quantity", None, None),
        ("text", None, None),
    ],
)
def test_each_kind_is_written_in_its_one_form(kind: str, stored: RawCell, shown: object) -> None:
    """Leading zeros, decimal places and signs arrive as the system of record has them; null stays null."""
    cell = shaped({"x": kind}, (stored,)).rows[0][0]
    assert cell == shown
    assert type(cell) is type(shown)


@guarantees("P7.exact_numbers")
@given(st.integers(-(2**63), 2**63 - 1))
def test_no_digit_of_a_quantity_is_lost(scaled: int) -> None:
    """Ten to the minus six units, over the whole range of the store."""
    (row,) = shaped({"qty": "quantity", "value": "money"}, (scaled, scaled)).rows
    assert Decimal(str(row[0])) * 10**6 == scaled
    assert Decimal(str(row[1])) * 10**4 == scaled


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        ("quantity", "2.5"),
        ("quantity", True),
        ("money", "h_abc"),
        ("integer", "10"),
        ("integer", True),
        ("flag", 2),
        ("flag", "true"),
        ("date", "2026-3-2"),
        ("date", 20260302),
        ("date", "2026-03-02\n"),
        ("instant", "2026-03-02 06:00:00"),
        ("id", 12345),
        ("text", 5),
        ("code", tuple("x" * 51)),
        ("no_such_kind", 1),
    ],
)
def test_a_cell_of_another_kind_withholds_the_answer(kind: str, stored: RawCell) -> None:
    """A number that might be wrong is worse than none; the error names table and column, never the value."""
    with pytest.raises(ResultContractError) as error:
        shape(a_table({"x": kind}), [(stored,)])
    assert error.value.facts == {"table": "lines", "column": "x", "rule": "kind", "expected": kind}


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize("row", [(), (1, 2)])
def test_a_row_of_another_width_withholds_the_answer(row: tuple[RawCell, ...]) -> None:
    """A shifted column would put numbers under the wrong name."""
    with pytest.raises(ResultContractError):
        shape(a_table({"x": "integer"}), [(1,), row])


@guarantees("P8.text_is_data")
def test_text_columns_are_named_as_untrusted_and_removals_counted() -> None:
    """The envelope says which columns are data from outside."""
    table = a_table({"id": "id", "note": "text"})
    result, removed = shape(table, [("1", "ok"), ("2", "a\u202eb\u200b")])
    assert result.untrusted == ["note"]
    assert (result.rows[1], removed) == (["2", "ab"], 2)


@guarantees("P7.no_false_empty")
def test_an_empty_table_keeps_its_columns() -> None:
    """Who reads no rows must still see what was asked."""
    result = shaped({"id": "id", "qty": "quantity"})
    assert (result.columns, result.rows) == (["id", "qty"], [])


@guarantees("P8.text_is_data")
def test_what_the_gateway_says_itself_is_cleaned_and_not_fenced() -> None:
    """A sentence may name ids of a system; it is ours all the same, and the fence is for what others wrote."""
    result = shaped({"said": "sentence", "note": "text"}, ("Order «1»\u202e is open.", "x"))
    assert result.rows[0][0] == 'Order "1" is open.'
    assert result.untrusted == ["note"]
