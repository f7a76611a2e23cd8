"""Masks, windows and sorts: what a role may not read can't be read, filtered, sorted or inferred."""

from __future__ import annotations

import dataclasses
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.domain.decision import Mask, MaskWay
from erp_mcp.domain.tool import Argument, Column, Query, Table
from erp_mcp.domain.value import MONEY_DIGITS, QUANTITY_DIGITS, to_scaled
from erp_mcp.errors import InvalidArgumentError, MaskedFieldError, NotAllowedError
from erp_mcp.policy.obligations import (
    check_masked_arguments,
    check_window,
    input_masks,
    mask_columns,
    mask_inputs,
    mask_rows,
    sort_is_masked,
)
from tests.guarantees import guarantees
from tests.unit.policy.plant import TOOLS

KEY = b"k" * 32
LIST = TOOLS["list_sales_orders"]
ORDER = Column(name="sales_order_id", kind="ref", fields=("sales_order_line.sales_order_id",))
VALUE = Column(name="net_value", kind="money", fields=("sales_order_line.net_value",))
DERIVED = Column(name="value_at_risk", kind="money", fields=("sales_order_line.net_value", "sales_order_line.qty_open"))
ROW = ("0010000001", 12_500_000, 99)
COLUMNS = (ORDER, VALUE, DERIVED)


def _mask(way: str, field: str = "sales_order_line.net_value", *edges: str) -> Mask:
    return Mask(field=field, way=cast("MaskWay", way), edges=edges, rule="m")


@guarantees("P8.masks")
def test_without_a_mask_rows_stay_as_they_are() -> None:
    """Masking costs nothing where nothing is masked."""
    assert mask_rows(COLUMNS, [ROW], (), KEY) == [ROW]
    assert mask_rows(COLUMNS, [ROW], [_mask("drop", "customer.name")], KEY) == [ROW]
    assert mask_columns(COLUMNS, ()) == COLUMNS


@guarantees("P8.masks")
@pytest.mark.parametrize("way", ["drop", "hash", "band"])
def test_a_column_derived_from_a_masked_field_is_dropped(way: str) -> None:
    """Less would let the masked value be worked back from the others."""
    edges = ("0", "1000") if way == "band" else ()

    (masked,) = mask_rows(COLUMNS, [ROW], [_mask(way, VALUE.fields[0], *edges)], KEY)

    assert masked[0] == ROW[0]
    assert masked[1] != ROW[1]
    assert masked[2] is None


@guarantees("P8.masks", "P7.exact_numbers")
@pytest.mark.parametrize(
    ("amount", "band"),
    [
        ("-0.0001", "(-inf, 0)"),
        ("0", "[0, 1000)"),
        ("999.9999", "[0, 1000)"),
        ("1000", "[1000, 2500.50)"),
        ("2500.4999", "[1000, 2500.50)"),
        ("2500.5", "[2500.50, inf)"),
    ],
)
def test_a_band_is_half_open_and_exact_at_its_edges(amount: str, band: str) -> None:
    """The edge belongs to the upper band, to the last digit."""
    mask = _mask("band", "sales_order_line.net_value", "0", "1000", "2500.50")

    rows = mask_rows([VALUE], [(to_scaled(amount, MONEY_DIGITS),), (None,)], [mask], KEY)

    assert rows == [(band,), (None,)]
    assert mask_columns([VALUE], [mask])[0].kind == "code"


@guarantees("P8.masks", "P7.exact_numbers")
@given(
    edges=st.sets(st.decimals(-1000, 1000, places=2), min_size=1, max_size=6),
    amount=st.decimals(-2000, 2000, places=6),
)
def test_a_band_always_holds_its_value_and_never_tells_more(edges: set[object], amount: object) -> None:
    """Two values of one band can't be told apart."""
    rising = sorted(edges, key=lambda edge: float(str(edge)))
    mask = _mask("band", "stock.qty", *(str(edge) for edge in rising))
    column = Column(name="qty", kind="quantity", fields=("stock.qty",))

    ((cell,),) = mask_rows([column], [(to_scaled(str(amount), QUANTITY_DIGITS),)], [mask], KEY)

    low, high = str(cell)[1:-1].split(", ")
    assert float(low) <= float(str(amount)) < float(high)
    assert {low, high} <= {"-inf", "inf", *mask.edges}


@guarantees("P8.masks")
def test_equal_values_give_equal_tokens_wherever_the_same_thing_is_meant() -> None:
    """An order can be followed from list to list without its number being known."""
    customer = Column(name="customer_id", kind="id", fields=("customer.customer_id",))
    reference = Column(name="customer_id", kind="ref", fields=("sales_order.customer_id",))
    supplier = Column(name="supplier_id", kind="id", fields=("supplier.supplier_id",))
    masks = [_mask("hash", column.fields[0]) for column in (customer, reference, supplier)]

    (row,) = mask_rows([customer, reference, supplier], [("C1", "C1", "C1")], masks, KEY)
    (other,) = mask_rows([customer], [("C1",)], masks, b"o" * 32)

    assert row[0] == row[1]
    assert row[0] != row[2]
    assert other[0] != row[0]
    assert str(row[0]).startswith("h_")
    assert len(str(row[0])) == 14


@guarantees("P8.masks")
def test_an_analysis_sees_tokens_and_gaps_only() -> None:
    """What it never saw it can't put into a sentence."""
    masks = [_mask("hash", "sales_order_line.sales_order_id"), _mask("band", "sales_order_line.net_value", "0")]
    inner = input_masks([_read("lines", *COLUMNS)], masks)

    (seen,) = mask_inputs((ORDER, VALUE, DERIVED), [ROW], inner, KEY)
    (shown,) = mask_rows((ORDER, VALUE, DERIVED), [seen], masks, KEY, inputs_masked=True)

    assert str(seen[0]).startswith("h_")
    assert seen[1:] == (None, None)
    assert shown == seen


@guarantees("P8.masks", "P1.default_deny")
@pytest.mark.parametrize(
    ("mask", "column", "cell", "key"),
    [
        (_mask("blur"), VALUE, 1, KEY),
        (_mask("band"), VALUE, 1, KEY),
        (_mask("band", "sales_order_line.sales_order_id", "1"), ORDER, "7", KEY),
        (_mask("band", "sales_order_line.net_value", "1"), VALUE, "text", KEY),
        (_mask("hash"), VALUE, 1, b""),
    ],
    ids=["unknown way", "no edges", "not a number column", "not a number", "no key"],
)
def test_a_mask_that_cannot_be_fulfilled_is_a_denial(mask: Mask, column: Column, cell: object, key: bytes) -> None:
    """An obligation that is not understood must not be skipped."""
    with pytest.raises(NotAllowedError) as refusal:
        mask_rows([column], [(cast("int", cell),)], [mask], key)

    assert refusal.value.facts["reason"] == "obligation"


@guarantees("P8.masks")
def test_of_two_masks_on_one_field_the_stricter_counts() -> None:
    """However a bundle came to hold both."""
    masks = [_mask("band", "sales_order_line.net_value", "0"), _mask("drop")]

    assert mask_rows([VALUE], [(5,)], masks, KEY) == [(None,)]
    assert mask_rows([VALUE], [(5,)], masks[::-1], KEY) == [(None,)]


@guarantees("P8.masks")
def test_filtering_by_a_masked_field_is_refused() -> None:
    """Asking `over 1,000?` often enough would tell the value."""
    masks = [_mask("band", "sales_order_line.net_value", "0")]

    check_masked_arguments(LIST, {"site": "1000", "min_value": None}, masks)
    check_masked_arguments(LIST, {"min_value": "1000"}, ())
    with pytest.raises(MaskedFieldError) as refusal:
        check_masked_arguments(LIST, {"min_value": "1000"}, masks)

    assert refusal.value.facts == {"argument": "min_value"}


@guarantees("P8.masks")
def test_an_argument_left_at_its_default_is_no_filter_of_the_caller() -> None:
    """Else a tool with a default on a masked field could never be called."""
    late = Argument(name="late", type="flag", description="", default=False, fields=("sales_order_line.net_value",))
    tool = dataclasses.replace(LIST, arguments=(late,))

    check_masked_arguments(tool, {"late": False}, [_mask("drop")])
    with pytest.raises(MaskedFieldError):
        check_masked_arguments(tool, {"late": True}, [_mask("drop")])


@guarantees("P8.masks")
@pytest.mark.parametrize("way", ["drop", "hash"])
def test_what_was_looked_up_by_a_masked_field_is_dropped(way: str) -> None:
    """A customer's name beside a hidden customer number is the number."""
    name = Column(name="customer_name", kind="text", fields=("customer.name",), via=("sales_order.customer_id",))
    masks = [_mask(way, "sales_order.customer_id")]

    assert mask_rows([name], [("Keller AG",)], masks, KEY) == [(None,)]
    assert mask_inputs([name], [("Keller AG",)], masks, KEY) == [(None,)]
    assert sort_is_masked(Table(name="orders", columns=(name,), order_by=("customer_name",)), masks)


@guarantees("P8.masks")
def test_a_site_is_no_filter_where_an_entity_s_site_is_masked() -> None:
    """It narrows the rows of every entity that has one, and so would tell of each row where it belongs."""
    lines = Query(name="lines", sql={}, parameters=(), columns=(), entities=("delivery",))
    tool = dataclasses.replace(LIST, reads=(lines,))

    check_masked_arguments(tool, {"site": None}, [_mask("drop", "delivery.site")])
    check_masked_arguments(tool, {"site": "1000"}, [_mask("drop", "stock.site")])
    with pytest.raises(MaskedFieldError) as refusal:
        check_masked_arguments(tool, {"site": "1000"}, [_mask("drop", "delivery.site")])

    assert refusal.value.facts == {"argument": "site"}


@guarantees("P8.masks")
@pytest.mark.parametrize("order", ["net_value", "-net_value", "value_at_risk"])
def test_sorting_by_a_masked_field_is_noticed(order: str) -> None:
    """The order of rows is an answer too."""
    table = Table(name="lines", columns=COLUMNS, order_by=(order, "sales_order_id"))

    assert sort_is_masked(table, [_mask("hash")])
    assert not sort_is_masked(table, [_mask("hash", "customer.name")])


@guarantees("P9.bounded", "input.clear_errors")
def test_a_window_wider_than_the_cap_is_refused_with_its_argument() -> None:
    """A role's cap bounds what one call may sweep."""
    year = {"requested_from": "2026-01-01", "requested_to": "2026-12-31"}

    check_window(LIST, year, 364)
    check_window(LIST, {"requested_to": "2026-12-31"}, 30)
    with pytest.raises(InvalidArgumentError) as refusal:
        check_window(LIST, year, 363)

    assert refusal.value.facts == {"argument": "requested_to", "rule": "window", "max_days": 363}


@guarantees("P8.masks")
def test_what_an_analysis_took_from_elsewhere_is_hashed_like_what_it_read() -> None:
    """A site that the stock tells is no less hidden than the one of the master data; what is a token stays one."""
    mask = _mask("hash", ORDER.fields[0])
    (token,) = mask_rows((ORDER,), [("0010000001",)], [mask], KEY)
    assert mask_rows((ORDER,), [("0010000001",), token, (None,)], [mask], KEY, inputs_masked=True) == [
        token,
        token,
        (None,),
    ]


def _read(name: str, *columns: Column) -> Query:
    return Query(name=name, sql={}, parameters=(), columns=columns, entities=("sales_order_line",))


ORDERED = Column(name="sales_order_id", kind="id", fields=("delivery.sales_order_id",))


@guarantees("P8.masks")
@pytest.mark.parametrize(
    "field",
    [
        "sales_order_line.net_value",
        "sales_order_line.requested_date",
        "sales_order_line.order_state",
        "production_order.sales_order_line",
    ],
)
def test_an_analysis_gets_nothing_in_place_of_what_a_token_would_not_stand_for(field: str) -> None:
    """It would take a token for a date that is late, a state that is another, a line that no order has."""
    mask = _mask("hash", field)
    column = Column(name="value", kind="code", fields=(field,))

    (seen,) = input_masks([_read("lines", column)], [mask])

    assert (seen.way, seen.field, seen.rule) == ("drop", field, "m")
    assert mask_inputs([column], [("10",)], [seen], KEY) == [(None,)]


@guarantees("P8.masks")
def test_an_analysis_gets_tokens_of_ids_only_where_it_reads_no_such_id_in_the_clear() -> None:
    """Else what belongs together would look as if it did not, and every figure of it would be wrong."""
    reads = [_read("lines", ORDER), _read("deliveries", ORDERED)]
    both = [_mask("hash", one.fields[0]) for one in (ORDER, ORDERED)]

    assert [one.way for one in input_masks(reads, both)] == ["hash", "hash"]
    assert [one.way for one in input_masks(reads, both[:1])] == ["drop"]
    assert [one.way for one in input_masks(reads[:1], both[:1])] == ["hash"]
    assert [one.way for one in input_masks(reads, [both[0], _mask("drop", ORDERED.fields[0])])] == ["hash", "drop"]
    assert [one.way for one in input_masks(reads, [_mask("band", "stock.qty", "0")])] == ["drop"]


@guarantees("P8.masks")
@pytest.mark.parametrize("way", ["drop", "hash", "band"])
def test_what_is_worked_out_from_one_masked_field_is_dropped(way: str) -> None:
    """The range of a sum tells more than the ranges of what is added up, and a token of it which sums are equal."""
    field = "stock.qty"
    total = Column(name="total", kind="quantity", fields=(field,), via=(field,))
    edges = ("0", "10") if way == "band" else ()

    assert mask_rows([total], [(5_000_000,)], [_mask(way, field, *edges)], KEY) == [(None,)]
    assert mask_columns([total], [_mask(way, field, *edges)]) == (total,)
