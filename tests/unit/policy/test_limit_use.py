"""What a change takes of a limit: per record, supplier or site, by value or by how far a field moves."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.decision import Limit, LimitKey
from erp_mcp.domain.operation import Draft
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.proposal import Change, LimitUse
from erp_mcp.errors import RuleNotEvaluableError
from erp_mcp.policy.limit_use import concerns, limits_of
from tests.guarantees import guarantees

PLANNER = Principal(agent="planner", owner="olga", role="buyer")
PCT = Limit(id="drift", measure="change_pct", key="object", maximum="10.5", window_s=900, field="price")


def draft(
    *changes: Change,
    fields: dict[str, JsonValue] | None = None,
    amounts: dict[str, str] | None = None,
    key: str = "17",
) -> Draft:
    return Draft(
        system="erp", key=key, version_token="v1", fields=fields or {}, document="4500000123", headline="A change",
        changes=changes, checks=(), amounts=amounts or {},
    )  # fmt: skip


def price(before: str, after: str, field: str = "price") -> Change:
    return Change(field=field, before=before, after=after, unit="EUR")


def used(limit: Limit, of: Draft) -> list[tuple[str, int]]:
    return [(use.key, use.amount) for use in limits_of([limit], PLANNER, of)]


@guarantees("P4.limits")
@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("agent", ["agent:planner"]),
        ("owner", ["owner:olga"]),
        ("material", ["material:RM-1"]),
        ("supplier", ["supplier:V-9"]),
        ("site", ["site:1000"]),
        ("object", ["object:erp/17"]),
    ],
)
def test_a_limit_is_counted_per_what_its_key_says(key: LimitKey, expected: list[str]) -> None:
    """Business objects, so that another agent or another key of the same change starts nothing anew."""
    limit = Limit(id="many", measure="count", key=key, maximum="3", window_s=900)
    what = draft(fields={"material_id": "RM-1", "site": "1000"}, amounts={"supplier_id": "V-9"})

    assert [use.key for use in limits_of([limit], PLANNER, what)] == expected


@guarantees("P4.limits")
def test_a_change_of_several_lines_counts_against_each_thing_that_they_name() -> None:
    """Else whoever puts two materials into one order would count against neither."""
    lines: JsonValue = [{"material_id": one, "qty": "1"} for one in ("B", "A", "B")]
    limit = Limit(id="worth", measure="value", key="material", maximum="500", window_s=900, currency="EUR")
    what = draft(fields={"lines": lines}, amounts={"value": "12.34", "currency": "EUR"})

    assert used(limit, what) == [("material:A", 123_400), ("material:B", 123_400)]
    assert concerns(what, "material") == ("A", "B")


@guarantees("P4.limits", "rules.not_evaluable")
@pytest.mark.parametrize("key", ["material", "supplier", "site", "object"])
def test_what_a_limit_counts_per_must_be_known(key: LimitKey) -> None:
    """A new record is no object yet; a change that names no supplier can't be counted per supplier."""
    limit = Limit(id="many", measure="count", key=key, maximum="3", window_s=900)

    with pytest.raises(RuleNotEvaluableError):
        limits_of([limit], PLANNER, draft(key=""))


@guarantees("P4.limits")
@pytest.mark.parametrize(
    ("changes", "amount"),
    [
        ((price("10", "11"),), 100_000),
        ((price("10", "9"),), 100_000),
        ((price("3", "4"),), 333_334),
        ((price("10.00", "10.00"),), 0),
        ((), 0),
        ((price("10", "20", "qty"),), 0),
        ((price("10", "11", "lines[0].price"), price("100", "150", "lines[1].price")), 500_000),
        ((price("10", "11", "00010/price"),), 100_000),
        ((price("-10", "-5"),), 500_000),
    ],
)
def test_a_relative_change_is_measured_exactly_up_or_down_and_rounded_against_the_change(
    changes: tuple[Change, ...], amount: int
) -> None:
    """In ten-thousandths of a percent; of several lines the one that moves most."""
    (use,) = limits_of([PCT], PLANNER, draft(*changes))

    assert use == LimitUse(
        limit="drift", key="object:erp/17", amount=amount, maximum=105_000, window_s=900, currency="%"
    )
    assert use.told(use.maximum) == "10.50 %"


@guarantees("P4.limits", "rules.not_evaluable")
@pytest.mark.parametrize("before", ["", "0", "0.00", "much", "NaN"])
def test_a_change_from_nothing_has_no_relative_size(before: str) -> None:
    """It is refused, never taken for small."""
    with pytest.raises(RuleNotEvaluableError):
        limits_of([PCT], PLANNER, draft(price(before, "11")))


@guarantees("P4.limits")
@given(st.decimals("0.0001", "99999", places=4), st.decimals("0", "99999", places=4))
def test_a_relative_change_is_never_counted_as_less_than_it_is(before: Decimal, after: Decimal) -> None:
    """For every two prices, against exact fractions."""
    (use,) = limits_of([PCT], PLANNER, draft(price(str(before), str(after))))
    exact = abs(after - before) * 1_000_000 / before

    assert use.amount >= exact - Decimal("1e-9")
    assert use.amount < exact + 2


@guarantees("P4.limits")
def test_what_takes_money_back_counts_like_what_spends_it() -> None:
    """A value below zero must not make room for the next change."""
    limit = Limit(id="worth", measure="value", key="agent", maximum="500", window_s=900, currency="EUR")

    assert used(limit, draft(amounts={"value": "-12.34", "currency": "EUR"})) == [("agent:planner", 123_400)]
