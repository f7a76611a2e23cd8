"""The JSON-RPC adapter keeps the contract of `ports.Adapter`, over real HTTP on the loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Final

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.jsonrpc.adapter import JsonRpcAdapter
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import Record
from erp_mcp.domain.entities.inventory import Lot
from erp_mcp.domain.entities.orders import Customer
from erp_mcp.domain.profile import Profile
from erp_mcp.testing import NO_LIMITS, AdapterContract, ContractSource, Fault, FixedClock
from tests.guarantees import guarantees
from tests.unit.adapters.jsonrpc.fake import SYSTEM_TEXT, FakeTryton, fake_tryton

ENTITIES: Final[dict[str, dict[str, JsonValue]]] = {
    "customer": {
        "model": "party.party",
        "domain": [["kind", "=", "c"]],
        "fields": {"customer_id": {"ref": "code"}, "name": "name"},
    },
    "lot": {
        "model": "stock.lot",
        "snapshot": True,
        "once": True,
        "each": [{"name": "warehouse", "model": "stock.location", "domain": [], "fields": ["code"]}],
        "fields": {"lot_id": {"ref": "number"}, "material_id": {"ref": "product.code"}, "site": "warehouse.code"},
    },
}
PROFILE: Final = Profile(
    name="p", version=1, kind="jsonrpc", level=4, zone="UTC", identity={}, states={}, entities=ENTITIES
)


class JsonRpcSource:
    entity = "customer"
    page_rows = 3
    secrets = (SYSTEM_TEXT, "pass-word-9", "token-1")

    def __init__(self, fake: FakeTryton) -> None:
        self.fake = fake
        self.clock = FixedClock()
        self._added = 60
        self.opened: list[JsonRpcAdapter] = []
        for number in range(1, 12):
            self._put(number)
        fake.put("party.party", 50, code="S50", name="no customer", kind="s")
        fake.put("stock.location", 1, code="WH1")
        fake.put("product.product", 1, code="M1")
        for number in range(1, 6):
            fake.put("stock.lot", number, number=f"L{number}", product=("product.product", 1))
        self.adapter = self._open()

    def _open(self, timeout_s: float = 10.0) -> JsonRpcAdapter:
        connection = Connection(
            system="erp", url=self.fake.url, database="db", account="gateway", secret=self.fake.password,
            page_rows=self.page_rows, timeout_s=timeout_s, limits=NO_LIMITS,
        )  # fmt: skip
        self.opened.append(JsonRpcAdapter.open(connection, PROFILE, self.clock))
        return self.opened[-1]

    def _put(self, number: int, name: str = "Ünal & Søn") -> str:
        self.fake.put("party.party", number, code=f"C{number}", name=name, kind="c")
        return str(number)

    def expected(self, entity: str) -> Mapping[str, Record]:
        if entity == "lot":
            lots = self.fake.models["stock.lot"]
            return {
                str(number): Lot(
                    system="erp", source_key=str(number), version_token="", as_of="", lot_id=one["number"],
                    material_id="M1", site="WH1",
                )
                for number, one in lots.items()
            }  # fmt: skip
        parties = self.fake.models["party.party"]
        return {
            str(number): Customer(
                system="erp", source_key=str(number), version_token="", as_of="", customer_id=one["code"],
                name=one["name"],
            )
            for number, one in parties.items()
            if one["kind"] == "c"
        }  # fmt: skip

    def edit(self) -> str:
        return self._put(2, "renamed")

    def add(self) -> str:
        self._added += 1
        return self._put(self._added)

    def delete(self) -> str:
        key = next(key for key in self.expected("customer") if int(key) >= 4)
        self.fake.drop("party.party", int(key))
        return key

    def fault(self, how: Fault) -> None:
        modes = {"none": "well", "down": "down", "slow": "slow", "nonsense": "types"}
        self.fake.mode = modes[how]  # type: ignore[assignment]  # the words of `Mode`
        self.adapter = self._open(0.2 if how == "slow" else 10.0)


@guarantees("adapter.contract")
class TestJsonRpc(AdapterContract):
    @pytest.fixture
    async def source(self) -> AsyncIterator[ContractSource]:
        with fake_tryton() as fake:
            source = JsonRpcSource(fake)
            yield source
            for adapter in source.opened:
                await adapter.close()
