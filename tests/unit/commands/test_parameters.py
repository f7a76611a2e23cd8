"""Business rules go by what policy says, to the last ten-thousandth, and by their defaults where it says nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erp_mcp.commands import OPERATIONS
from erp_mcp.domain import parameters
from erp_mcp.domain.parameters import PRICE_OFF_SOURCE, PRICE_STEP_MOST, PRICE_STEP_TOLD, Parameter, declared
from tests.guarantees import guarantees
from tests.unit.commands.buying import BOUGHT, CHANGE, ORDER, PRICE, SALES_PRICE, line, lines
from tests.unit.commands.cases import Case


def given(case: Case, parameter: Parameter, value: int) -> Case:
    return replace(case, parameters={parameter.name: value})


@guarantees("policy.parameters", "rules.price")
@pytest.mark.parametrize(
    ("most", "price", "verdict"),
    [
        (20, 24_000, "flag"),
        (20, 24_001, "refuse"),
        (20, 16_000, "flag"),
        (20, 15_999, "refuse"),
        (50, 24_001, "flag"),
        (100, 40_000, "flag"),
        (1, 20_200, "ok"),
        (1, 20_201, "refuse"),
    ],
)
def test_a_price_goes_no_further_at_once_than_policy_says(most: int, price: int, verdict: str) -> None:
    """Up or down; the message names the number that counts."""
    standing = PRICE.living(source=(BOUGHT,))
    found = given(standing, PRICE_STEP_MOST, most).given(new_price=price).check("R-PRICE-CHANGE")
    assert found.verdict == verdict
    assert (f"{most} %" in found.message) == (verdict == "refuse")


@guarantees("policy.parameters", "rules.price")
@pytest.mark.parametrize(("told", "verdict"), [(4, "flag"), (5, "ok"), (100, "ok"), (0, "flag")])
def test_an_approver_is_told_from_the_share_on_that_policy_says(told: int, verdict: str) -> None:
    """3.3333 to 3.50 is five per cent, of sources and of sales lines alike."""
    assert given(SALES_PRICE, PRICE_STEP_TOLD, told).verdict("R-PRICE-CHANGE") == verdict


@guarantees("policy.parameters", "rules.purchase_order", "rules.purchase_order_change")
@pytest.mark.parametrize(
    ("percent", "price", "verdict"),
    [(2, 20_400, "ok"), (2, 20_401, "refuse"), (2, 19_599, "flag"), (0, 20_001, "refuse"), (50, 30_000, "ok")],
)
def test_an_order_is_as_near_the_sources_price_as_policy_says(percent: int, price: int, verdict: str) -> None:
    """20.00 for a line of a new order, 2.00 for a line that changes."""
    new = given(ORDER, PRICE_OFF_SOURCE, percent).given(lines=lines(line(price=price * 10)))
    assert new.verdict("R-PRICE") == verdict
    changed = given(CHANGE, PRICE_OFF_SOURCE, percent).given(price=price)
    assert changed.verdict("R-PRICE") == verdict


@guarantees("policy.parameters")
def test_only_operations_that_there_are_declare_parameters() -> None:
    """Else a policy could say what nothing goes by."""
    assert set(parameters._DECLARED) <= set(OPERATIONS)
    assert declared("nothing") == {}
