"""What a business rule of an operation takes from policy: its tolerances, each with what holds where none is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A whole number that a rule goes by; a lower one is stricter.

    `default` holds where policy says nothing; policy may say one from `least` to `most`. `words` are for people.
    """

    name: str
    default: int
    least: int
    most: int
    words: str


PRICE_OFF_SOURCE: Final = Parameter(
    name="price_off_source_pct",
    default=5,
    least=0,
    most=50,
    words="percent that a price may be above the source's (R-PRICE); one so far below it is told",
)
PRICE_STEP_TOLD: Final = Parameter(
    name="price_step_told_pct",
    default=10,
    least=0,
    most=100,
    words="percent that a price may change, up or down, before the approver is told (R-PRICE-CHANGE)",
)
PRICE_STEP_MOST: Final = Parameter(
    name="price_step_most_pct",
    default=50,
    least=1,
    most=100,
    words="percent that a price may change at once, up or down (R-PRICE-CHANGE)",
)

_DECLARED: Final[Mapping[str, tuple[Parameter, ...]]] = MappingProxyType(
    {
        "purchase_order_line.create": (PRICE_OFF_SOURCE,),
        "purchase_order_line.change": (PRICE_OFF_SOURCE,),
        "supply_source.update_price": (PRICE_STEP_TOLD, PRICE_STEP_MOST),
        "sales_order_line.update_price": (PRICE_STEP_TOLD, PRICE_STEP_MOST),
    }
)


def declared(operation: str) -> Mapping[str, Parameter]:
    """Return the parameters that an operation declares, by name; none for one that takes none from policy."""
    return {one.name: one for one in _DECLARED.get(operation, ())}
