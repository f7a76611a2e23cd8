from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final

import pytest

from erp_mcp.adapters.memory.adapter import MemoryAdapter
from erp_mcp.domain.entities import Record
from erp_mcp.domain.entities.inventory import Material, Stock
from erp_mcp.errors import BadAnswerError, GatewayError, SystemTimeoutError, SystemUnreachableError
from erp_mcp.testing import AdapterContract, ContractSource, Fault, FixedClock
from tests.guarantees import guarantees

_FAULTS: Final[dict[Fault, GatewayError | None]] = {
    "none": None,
    "down": SystemUnreachableError(system="plant"),
    "slow": SystemTimeoutError(system="plant"),
    "nonsense": BadAnswerError(system="plant", field="qty"),
}


def stock(number: int, qty: int) -> Stock:
    return Stock(
        system="plant",
        source_key=f"S{number:03d}",
        version_token=f"v{qty}",
        as_of="2026-03-16T05:00:00Z",
        material_id=f"M{number:03d}",
        site="1000",
        storage_location_id="A1",
        stock_type="unrestricted",
        qty=qty,
        uom="EA",
    )


class MemorySource:
    entity = "stock"
    page_rows = 3
    secrets = ("s3cret",)

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.adapter = MemoryAdapter("plant", ["material", "stock"], self.clock, page_rows=self.page_rows)
        self._next = 8
        for number in range(self._next):
            self.adapter.put(stock(number, 1_000_000 + number))
        common = {"system": "plant", "version_token": "1", "as_of": "2026-03-16T05:00:00Z"}
        self.adapter.put(Material(**common, source_key="M001", material_id="M001", base_uom="EA"))

    def expected(self, entity: str) -> Mapping[str, Record]:
        return self.adapter.records(entity)

    def edit(self) -> str:
        record = self.adapter.records("stock")["S002"]
        assert isinstance(record, Stock)
        self.adapter.put(dataclasses.replace(record, qty=record.qty + 5, version_token=f"v{record.qty + 5}"))
        return "S002"

    def add(self) -> str:
        self._next += 1
        self.adapter.put(stock(self._next, 7))
        return f"S{self._next:03d}"

    def delete(self) -> str:
        key = next(key for key in self.adapter.records("stock") if key != "S002")
        self.adapter.remove("stock", key)
        return key

    def fault(self, how: Fault) -> None:
        self.adapter.break_with(_FAULTS[how])


@guarantees("adapter.contract")
class TestMemory(AdapterContract):
    @pytest.fixture
    def source(self) -> ContractSource:
        return MemorySource()
