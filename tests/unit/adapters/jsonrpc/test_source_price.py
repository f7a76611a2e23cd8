"""What forbids another price of a supplier, where a running system is not needed to tell."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest

from erp_mcp.adapters.jsonrpc.lookups import RefusedError
from erp_mcp.adapters.jsonrpc.source_price import _checked, _Source
from erp_mcp.domain.command import Command
from erp_mcp.domain.entities.procurement import SupplySource
from tests.guarantees import guarantees

RECORD = SupplySource(
    system="erp", source_key="3@4", version_token="1", as_of="2026-03-16T05:00:00Z",
    material_id="RM-1", supplier_id="S1", site="WH", price=73_500, price_unit=1, currency="EUR",
)  # fmt: skip
SOURCE = _Source(record=RECORD, prices=({"id": 9, "unit_price": Decimal("7.35")},), sites=1, is_active=True)
COMMAND = Command(
    operation="supply_source.update_price", system="erp", entity="supply_source", key="3@4", version_token="1",
    reference="", fields={
        "material_id": "RM-1", "supplier_id": "S1", "site": "WH", "price": "7.80", "price_unit": 1, "currency": "EUR",
    },
)  # fmt: skip


@guarantees("P4.one_effect")
def test_a_price_of_one_site_and_one_quantity_may_be_written() -> None:
    """Exactly as it was approved."""
    assert _checked(SOURCE, COMMAND) == Decimal("7.80")


@guarantees("P4.one_effect", "input.clear_errors")
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"sites": 2}, "shared_by_sites"),
        ({"prices": ()}, "several_prices"),
        ({"prices": SOURCE.prices * 2}, "several_prices"),
        ({"is_active": False}, "supplier_blocked"),
    ],
)
def test_a_price_that_is_more_than_one_or_of_nobody_is_refused(changed: dict[str, object], code: str) -> None:
    """What is shared by sites would change for all of them, though one was approved."""
    with pytest.raises(RefusedError, match=f"^{code}$"):
        _checked(dataclasses.replace(SOURCE, **changed), COMMAND)  # type: ignore[arg-type]
