"""The strict contract of arguments: nothing guessed, nothing converted, errors that name field and fix."""

from __future__ import annotations

import timeit
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.catalog.arguments import check
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.tool import Argument, Column, Table, Tool
from erp_mcp.errors import InvalidArgumentError, UnknownArgumentError
from tests.guarantees import guarantees

TABLE = Table(name="lines", columns=(Column(name="line", kind="id"),), paged=True, order_by=("line",))
TOOL = Tool(
    name="list_things",
    version=1,
    title="List things",
    description="",
    toolset="orders",
    effect="read",
    level=4,
    scope="orders.read",
    arguments=(
        Argument(name="order_id", type="id", description="", required=True),
        Argument(name="reference", type="text", description="", maximum=40),
        Argument(name="status", type="code", description="", many=True, values=("open", "closed"), default=("open",)),
        Argument(name="material_id", type="id", description="", many=True, max_items=3),
        Argument(name="due_from", type="date", description=""),
        Argument(name="due_to", type="date", description=""),
        Argument(name="depth", type="integer", description="", minimum=1, maximum=6, default=6),
        Argument(name="late_only", type="flag", description="", default=False),
        Argument(name="qty", type="quantity", description="", minimum=0, maximum=1000),
        Argument(name="amount", type="money", description=""),
    ),
    tables=(TABLE,),
    reads=(),
)
GOOD: dict[str, JsonValue] = {"order_id": "0010000123"}


@guarantees("input.clear_errors")
def test_every_declared_argument_has_a_value_and_defaults_are_filled_in() -> None:
    """What follows needs no second look at what was sent."""
    checked = check(TOOL, {**GOOD, "material_id": ["A", "B", "A"], "limit": 7, "cursor": "abc_-9"})
    assert checked.arguments == {
        "order_id": "0010000123",
        "reference": None,
        "status": ("open",),
        "material_id": ("A", "B"),
        "due_from": None,
        "due_to": None,
        "depth": 6,
        "late_only": False,
        "qty": None,
        "amount": None,
    }
    assert (checked.limit, checked.cursor) == (7, "abc_-9")
    assert check(TOOL, GOOD).limit == 50


@guarantees("P7.exact_numbers")
def test_decimals_are_strings_and_become_scaled_integers() -> None:
    """A float has lost its digits before anybody could check them."""
    arguments = check(TOOL, {**GOOD, "qty": "12.5", "amount": "0.0001"}).arguments
    assert (arguments["qty"], arguments["amount"]) == (12_500_000, 1)


WRONG: list[tuple[str, JsonValue, str]] = [
    ("order_id", 123, "type"),
    ("order_id", None, "type"),
    ("order_id", "", "pattern"),
    ("order_id", "-1", "pattern"),
    ("order_id", "a" * 41, "pattern"),
    ("order_id", "1 OR 1=1", "pattern"),
    ("order_id", "1\n", "pattern"),
    ("order_id", "１２", "pattern"),
    ("reference", "a\u202eb", "characters"),
    ("reference", "a\x00b", "characters"),
    ("reference", "a\u200bb", "characters"),
    ("reference", "   ", "length"),
    ("reference", "x" * 41, "length"),
    ("reference", ["a"], "type"),
    ("status", "open", "type"),
    ("status", [], "items"),
    ("status", ["lost"], "values"),
    ("status", [True], "type"),
    ("material_id", ["A", "B", "C", "D"], "items"),
    ("material_id", [["A"]], "type"),
    ("due_from", "2026-02-30", "calendar"),
    ("due_from", "20260301", "pattern"),
    ("due_from", "2026-3-1", "pattern"),
    ("due_from", "2026-03-01T00:00:00", "pattern"),
    ("due_from", 20260301, "type"),
    ("depth", "5", "type"),
    ("depth", True, "type"),
    ("depth", 1.0, "type"),
    ("depth", 0, "range"),
    ("depth", 7, "range"),
    ("late_only", 1, "type"),
    ("late_only", "true", "type"),
    ("qty", 5, "type"),
    ("qty", 5.5, "type"),
    ("qty", "5,5", "pattern"),
    ("qty", "1e3", "pattern"),
    ("qty", "0.1234567", "pattern"),
    ("qty", "-1", "range"),
    ("qty", "1000.000001", "range"),
    ("amount", "0.00001", "digits"),
    ("limit", 0, "range"),
    ("limit", 201, "range"),
    ("limit", True, "type"),
    ("limit", "5", "type"),
    ("cursor", "x" * 513, "pattern"),
    ("cursor", "a b", "pattern"),
    ("cursor", 5, "type"),
]


@guarantees("input.clear_errors", "P8.no_leaks")
@pytest.mark.parametrize(
    ("name", "value", "rule"), WRONG, ids=[f"{name}-{rule}-{n}" for n, (name, _, rule) in enumerate(WRONG)]
)
def test_what_breaks_the_contract_is_refused_with_argument_and_rule(name: str, value: JsonValue, rule: str) -> None:
    """The refusal says what was expected and of which type the value was, and never the value."""
    with pytest.raises(InvalidArgumentError) as caught:
        check(TOOL, {**GOOD, name: value})
    facts = caught.value.facts
    assert (facts["argument"], facts["rule"]) == (name, rule)
    assert facts["expected"]
    assert len(str(value)) < 4 or value in ("open", "true") or str(value) not in str(facts)


@guarantees("input.clear_errors")
def test_a_missing_argument_is_named() -> None:
    """A model mends the call from the refusal alone."""
    with pytest.raises(InvalidArgumentError) as caught:
        check(TOOL, {})
    assert (caught.value.facts["argument"], caught.value.facts["rule"]) == ("order_id", "required")


@guarantees("input.clear_errors")
def test_a_window_that_ends_before_it_starts_is_refused() -> None:
    """It would always be empty, which reads like "nothing there"."""
    check(TOOL, {**GOOD, "due_from": "2026-03-01", "due_to": "2026-03-01"})
    with pytest.raises(InvalidArgumentError) as caught:
        check(TOOL, {**GOOD, "due_from": "2026-03-02", "due_to": "2026-03-01", "limit": 5})
    assert (caught.value.facts["argument"], caught.value.facts["rule"]) == ("due_to", "window")


@guarantees("input.clear_errors")
def test_an_unknown_argument_is_refused_with_the_nearest_name() -> None:
    """A guess that is silently dropped would answer another question."""
    with pytest.raises(UnknownArgumentError) as caught:
        check(TOOL, {**GOOD, "materialid": ["A"]})
    assert caught.value.facts == {"argument": "materialid", "suggestion": "material_id"}
    with pytest.raises(UnknownArgumentError) as caught:
        check(TOOL, {**GOOD, "zzz\x1b[31m" + "z" * 100: 1})
    assert len(str(caught.value.facts["argument"])) <= 40
    assert "\x1b" not in str(caught.value.facts["argument"])
    assert "suggestion" not in caught.value.facts


@guarantees("input.clear_errors")
def test_a_required_argument_under_a_wrong_name_is_told_as_the_wrong_name() -> None:
    """The word "required" would send a caller looking for what it has given."""
    with pytest.raises(UnknownArgumentError) as caught:
        check(TOOL, {"orderid": "4711"})
    assert caught.value.facts == {"argument": "orderid", "suggestion": "order_id"}
    with pytest.raises(InvalidArgumentError) as missing:
        check(TOOL, {"limit": 5})
    assert (missing.value.facts["argument"], missing.value.facts["rule"]) == ("order_id", "required")


@guarantees("input.clear_errors")
def test_limit_and_cursor_are_unknown_where_nothing_pages() -> None:
    """They would promise pages that do not come."""
    plain = replace(TOOL, tables=(replace(TABLE, paged=False, order_by=()),))
    for name in ("limit", "cursor"):
        with pytest.raises(UnknownArgumentError):
            check(plain, {**GOOD, name: 5})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from([argument.name for argument in TOOL.arguments] + ["limit", "cursor", "other"])


@guarantees("input.clear_errors")
@given(raw=st.dictionaries(NAMES, JSON, max_size=6))
def test_whatever_is_sent_is_checked_or_refused_and_never_crashes(raw: dict[str, JsonValue]) -> None:
    """Front doors meet everything."""
    try:
        checked = check(TOOL, raw)
    except (InvalidArgumentError, UnknownArgumentError):
        return
    assert list(checked.arguments) == [argument.name for argument in TOOL.arguments]
    assert 1 <= checked.limit <= 200


@guarantees("input.clear_errors")
def test_checking_costs_microseconds() -> None:
    """It stands in the path of every call; the floor is generous for a busy machine."""
    raw: dict[str, JsonValue] = {**GOOD, "status": ["open"], "due_from": "2026-03-01", "late_only": True}
    best = min(timeit.repeat(lambda: check(TOOL, raw), number=200, repeat=5)) / 200
    assert best < 100e-6
