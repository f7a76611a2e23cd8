"""What a quantity is worth."""

from __future__ import annotations

import pytest

from erp_mcp.analyses.valuing import value_of
from tests.guarantees import guarantees
from tests.unit.analyses.small_plant import ONE


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize(
    ("qty", "price", "unit", "value"),
    [
        (3 * ONE, 2_5000, None, 7_5000),
        (3 * ONE, 2_5000, 100, 800),  # 0.075 → 0.08
        (-3 * ONE, 2_5000, 100, -800),
        (1, 1, 1, 0),
        (10**13 * ONE, 9_9999, 1, 99_9990 * 10**12),
        (ONE, None, 1, None),
        (ONE, 1_0000, 0, None),
    ],
)
def test_a_value_is_rounded_once_and_to_the_cent(
    qty: int, price: int | None, unit: int | None, value: int | None
) -> None:
    """A half away from zero; without a price, or with one for nothing, there is none."""
    assert value_of(qty, price, unit) == value
