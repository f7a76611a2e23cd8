"""How one canonical value is made from a record: each form of the profile, and its way of saying no."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

import pytest

from erp_mcp.adapters.jsonrpc.forms import Form
from erp_mcp.adapters.jsonrpc.grammar import sources
from erp_mcp.adapters.jsonrpc.rows import Row, ShapeError
from erp_mcp.adapters.jsonrpc.wire import Decoded
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.profile import Profile
from tests.guarantees import guarantees

KG: Final[dict[str, Decoded]] = {"id": 2, "symbol": "kg", "digits": 2, "factor": Decimal("1.0"), "rate": Decimal("1.0")}
GRAM: Final[dict[str, Decoded]] = {
    "id": 3, "symbol": "g", "digits": 0, "factor": Decimal("0.001"), "rate": Decimal("1000.0")
}  # fmt: skip
PIECE: Final[dict[str, Decoded]] = {"id": 1, "symbol": "u", "digits": 0, "factor": Decimal(1), "rate": Decimal(1)}


def form(body: JsonValue) -> Form:
    """Return the form of a profile's text, by way of the grammar."""
    fields: dict[str, JsonValue] = {"material_id": "code", "base_uom": "unit", "description": body}
    entity: Mapping[str, JsonValue] = {"model": "m", "domain": [], "fields": fields}
    profile = Profile(
        name="p", version=1, kind="jsonrpc", level=4, zone="UTC", identity={}, states={}, entities={"material": entity}
    )
    return sources(profile)["material"].fields["description"]


def move(quantity: str, state: str, unit: dict[str, Decoded] = KG, **more: Decoded) -> dict[str, Decoded]:
    return {"id": 9, "quantity": Decimal(quantity), "state": state, "unit.": unit, **more}


@guarantees("P7.exact_numbers")
def test_a_path_leads_along_links_and_takes_the_first_that_is_there() -> None:
    """A party's country is that of the first address that has one."""
    row: Row = {"addresses.": [{"country.": None}, {"country.": {"code": "NL"}}]}
    assert form("addresses.country.code").make(row) == "NL"
    assert form("addresses.country.code").make({"addresses.": []}) is None
    assert form("name").make({"name": None}) is None


@guarantees("P7.exact_numbers")
def test_a_naive_time_is_utc() -> None:
    """Tryton keeps its times so; guessing the plant's zone would move them."""
    moment = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert form("create_date").make({"create_date": moment.replace(tzinfo=None)}) == moment


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize(
    ("amount", "unit", "exact"),
    [("0.30000000000000004", KG, "0.30"), ("2.0", PIECE, "2"), ("2.675", KG, "2.68"), ("1E+3", KG, "1000.00")],
)
def test_a_float_is_exact_by_the_digits_of_its_unit(amount: str, unit: dict[str, Decoded], exact: str) -> None:
    """Tryton computes with floats of a unit's digits; beyond those digits there is only noise."""
    made = form({"quantity": "quantity", "in": "unit"}).make({"quantity": Decimal(amount), "unit.": unit})
    assert made == Decimal(exact)


@guarantees("P7.exact_numbers")
def test_a_sum_converts_units_exactly_and_counts_what_a_condition_names() -> None:
    """Goods may arrive in another unit than they were ordered in."""
    body: JsonValue = {
        "sum": "moves", "quantity": "quantity", "in": "unit", "into": "unit", "when": {"state": ["done"]}
    }  # fmt: skip
    moves: list[Decoded] = [move("0.1", "done"), move("0.2", "done"), move("250", "done", GRAM), move("9", "draft")]
    assert form(body).make({"unit.": KG, "moves.": moves}) == Decimal("0.55")
    assert form(body).make({"unit.": GRAM, "moves.": moves}) == Decimal(550)
    assert form(body).make({"unit.": KG, "moves.": []}) == 0


@guarantees("P7.exact_numbers")
def test_a_sum_counts_items_of_the_same_place() -> None:
    """An order point of another warehouse says nothing about this one."""
    body: JsonValue = {
        "sum": "points", "quantity": "quantity", "in": "unit", "into": "unit", "same": {"location": "place.id"}
    }  # fmt: skip
    points: list[Decoded] = [move("5", "", location=7), move("3", "", location=8)]
    assert form(body).make({"unit.": KG, "points.": points, "place.": {"id": 8}}) == 3


@guarantees("P7.exact_numbers")
def test_a_ratio_of_units_is_a_fraction_in_lowest_terms() -> None:
    """A third of something has no decimal."""
    third: dict[str, Decoded] = {"id": 4, "digits": 2, "factor": Decimal("0.333333333333"), "rate": Decimal(3)}
    parts = [form({"ratio": "a", "into": "b", "part": part}) for part in ("numerator", "denominator")]
    assert [one.make({"a.": third, "b.": GRAM}) for one in parts] == [1000, 3]
    assert [one.make({"a.": KG, "b.": GRAM}) for one in parts] == [1000, 1]


@guarantees("P7.exact_numbers")
def test_what_is_open_is_never_negative_and_zero_for_a_closed_order() -> None:
    """More may arrive than was ordered; a cancelled rest is no supply."""
    moved: JsonValue = {"sum": "moves", "quantity": "quantity", "in": "unit", "into": "unit"}
    body: JsonValue = {
        "open": {"quantity": "quantity", "in": "unit"}, "minus": moved, "when": {"order.state": ["open"]}
    }  # fmt: skip
    row: dict[str, Decoded] = {"quantity": Decimal("10.5"), "unit.": KG, "order.": {"state": "open"}}
    assert form(body).make({**row, "moves.": [move("4.25", "done")]}) == Decimal("6.25")
    assert form(body).make({**row, "moves.": [move("11", "done")]}) == 0
    assert form(body).make({**row, "moves.": [], "order.": {"state": "cancelled"}}) == 0


@guarantees("P7.exact_numbers")
def test_an_amount_is_rounded_as_its_currency_is() -> None:
    """A price of four digits times a weight has more digits than money."""
    body: JsonValue = {"amount": {"quantity": "quantity", "in": "unit"}, "price": "price", "currency": "currency"}
    row: Row = {"quantity": Decimal("250.5"), "unit.": KG, "price": Decimal("9.85"), "currency.": {"digits": 2}}
    assert form(body).make(row) == Decimal("2467.42")
    assert form(body).make({**row, "price": None}) is None


@guarantees("P7.exact_numbers")
def test_the_latest_date_is_that_of_records_that_count() -> None:
    """A cancelled move promises nothing; a late production does."""
    dates: JsonValue = [
        {"path": "moves.planned", "when": {"state": ["draft"]}}, {"path": "made.planned"}, "day",
    ]  # fmt: skip
    row: Row = {
        "moves.": [
            {"planned": date(2026, 5, 1), "state": "cancelled"},
            {"planned": date(2026, 4, 1), "state": "draft"},
        ],
        "made.": [{"planned": date(2026, 4, 3)}, {"planned": None}],
        "day": date(2026, 1, 1),
    }
    assert form({"latest": dates}).make(row) == date(2026, 4, 3)
    assert form({"earliest": dates}).make(row) == date(2026, 1, 1)
    assert form({"latest": []}).make(row) is None


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize(("span", "days"), [(timedelta(days=3), 3), (timedelta(days=3, seconds=1), 4), (None, None)])
def test_a_part_of_a_day_counts_as_one(span: timedelta | None, days: int | None) -> None:
    """A lead time rounded down promises too much."""
    assert form({"days": "lead"}).make({"lead": span}) == days


@guarantees("P7.provenance")
def test_a_record_without_a_number_is_named_by_its_id() -> None:
    """A request has no number before it is released, and must still be told apart."""
    ref = form({"ref": "production.number"})
    assert ref.make({"production.": {"id": 12, "number": "MO7"}}) == "MO7"
    assert ref.make({"production.": {"id": 12, "number": None}}) == "id:12"
    assert ref.make({"production.": None}) is None


@guarantees("P7.provenance")
def test_a_line_number_is_written_as_people_know_it() -> None:
    """Who keeps line numbers as whole numbers still calls the first line 000010."""
    pad = form({"pad": "sequence", "width": 6})
    assert [pad.make({"sequence": one}) for one in (10, 0, 1234567, None)] == ["000010", "000000", "1234567", None]


@guarantees("P7.provenance")
def test_codes_flags_constants_and_units_come_from_closed_lists() -> None:
    """Nothing is worked out from text."""
    place: JsonValue = {"path": "code", "codes": {"QUA": "quality"}, "otherwise": "unrestricted"}
    assert [form(place).make({"code": code}) for code in ("QUA", "STO", None)] == [
        "quality",
        "unrestricted",
        "unrestricted",
    ]
    first: JsonValue = {"first": [{"const": "make", "when": {"made": [True]}}, {"const": "buy"}]}
    assert [form(first).make({"made": made}) for made in (True, False)] == ["make", "buy"]
    assert form({"flag": {"state": ["done"]}}).make({"state": "done"}) is True
    assert form({"unit": "unit"}).make({"unit.": KG}) == "KGM"
    assert form({"unit": "unit"}).make({"unit.": {"symbol": "barrel"}}) == "barrel"


@guarantees("P7.provenance")
def test_a_looked_up_text_counts_only_when_it_names_a_record() -> None:
    """People write other things into a reference field too."""
    lookup = form({"lookup": "reference", "model": "production", "by": "number"})
    assert lookup.make({"reference": "MO1", "?production.number": ["MO1"]}) == "MO1"
    assert lookup.make({"reference": "ask Eva", "?production.number": ["MO1"]}) is None
    assert lookup.make({"reference": None, "?production.number": []}) is None


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("body", "row"),
    [
        ("name", {"name": [1]}),
        ("name", {"name": b"x"}),
        ("a.b", {"a.": "x"}),
        ("a.b", {"a.": [1]}),
        ({"ref": "code"}, {"code": 5, "id": 1}),
        ({"ref": "code"}, {"code": None, "id": "x"}),
        ({"days": "lead"}, {"lead": 3}),
        ({"pad": "sequence", "width": 6}, {"sequence": "10"}),
        ({"pad": "sequence", "width": 6}, {"sequence": True}),
        ({"pad": "sequence", "width": 6}, {"sequence": -1}),
        ({"quantity": "q", "in": "u"}, {"q": "3", "u.": KG}),
        ({"quantity": "q", "in": "u"}, {"q": True, "u.": KG}),
        ({"quantity": "q", "in": "u"}, {"q": Decimal(3), "u.": None}),
        ({"latest": ["day"]}, {"day": "2026-01-01"}),
        (
            {"sum": "m", "quantity": "quantity", "in": "unit", "into": "unit"},
            {"unit.": KG, "m.": [move("1", "", {"id": 5, "digits": 0, "factor": Decimal(0), "rate": Decimal(0)})]},
        ),
    ],
)
def test_a_record_of_another_shape_is_refused_by_field(body: JsonValue, row: Row) -> None:
    """A wrong record is worse than none; the complaint names the field and never its value."""
    with pytest.raises(ShapeError):
        form(body).make(row)
