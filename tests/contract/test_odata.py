"""The OData adapter keeps the contract of `ports.Adapter`, in both versions, over real HTTP on the loopback."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import pytest

from erp_mcp.adapters.odata.adapter import ODataAdapter
from erp_mcp.adapters.odata.pages import SetPages
from erp_mcp.domain.entities import Record
from erp_mcp.errors import GatewayError
from erp_mcp.testing import AdapterContract, ContractSource, Fault, FixedClock
from tests.guarantees import guarantees
from tests.unit.adapters.odata.fake import SYSTEM_TEXT, FakeOData, fake_odata
from tests.unit.adapters.odata.plant import Plant, opened, sets


class ODataSource:
    page_rows = 3
    secrets = (SYSTEM_TEXT, "pass-word-9", "YWdlbnQ6")

    def __init__(self, fake: FakeOData, entity: str = "stock") -> None:
        self.fake = fake
        self.entity = entity
        self.clock = FixedClock()
        self.plant = Plant(fake)
        self.opened: list[ODataAdapter] = []
        self.adapter = self._open()

    def _open(self, timeout_s: float = 10.0) -> ODataAdapter:
        options = {"overlap_s": "0"}  # what is read again would hide what was lost
        self.opened.append(
            opened(self.fake, self.clock, timeout_s=timeout_s, page_rows=self.page_rows, options=options)
        )
        return self.opened[-1]

    def expected(self, entity: str) -> Mapping[str, Record]:
        return self.plant.expected(entity)

    def edit(self) -> str:
        return self.plant.stock(2, quantity="77.5")

    def add(self) -> str:
        self.plant.added += 1
        return self.plant.stock(self.plant.added, quantity="0.000001")

    def delete(self) -> str:
        key = min(key for key in self.plant.expected("stock") if not key.startswith("M2/"))
        self.fake.drop("A_Stock", key.partition("/")[0], "A/1")
        return key

    def fault(self, how: Fault) -> None:
        self.fake.mode = "down" if how == "down" else "slow" if how == "slow" else "well"
        self.fake.spoil = _spoilt if how == "nonsense" else lambda body: body
        self.adapter = self._open(0.3 if how == "slow" else 10.0)


def _spoilt(body: bytes) -> bytes:
    return body.replace(b'"Quantity": ', b'"Quantity": [], "x": ')


@guarantees("adapter.contract")
class TestOData(AdapterContract):
    @pytest.fixture(params=[2, 4])
    async def source(self, request: pytest.FixtureRequest) -> AsyncIterator[ContractSource]:
        with fake_odata(sets(request.param), version=request.param) as fake:
            source = ODataSource(fake)
            yield source
            for adapter in source.opened:
                await adapter.close()


_EXACT: Final = "gives_exactly_what_the_system_holds"


def _by_offset(pages: SetPages, shape: Any, since: str, _: object) -> object:
    return pages._by_link(shape, since)


def _long_ago(_: SetPages, since: str) -> str:
    return "LastChange lt 2000-01-01T00:00:00Z" if since else ""


def _bare(pages: SetPages, shape: Any, conditions: Any, paging: Any) -> str:
    fixed, pages.bound = pages.bound, dataclasses.replace(pages.bound, fixed=())
    try:
        return _address(pages, shape, conditions, paging)
    finally:
        pages.bound = fixed


_address: Final = SetPages._address
_WRONG: Final[dict[str, tuple[str, Any, str]]] = {
    "follows offsets and calls that stable": ("_by_key", _by_offset, "loses_no_change_made_between_two_pages"),
    "forgets the profile's filter": ("_address", _bare, _EXACT),
    "takes every change time for too old": ("_changed_since", _long_ago, "sees_an_edit"),
    "goes on from the same place": ("_beyond", lambda *_: "", _EXACT),
    "starts in the middle": ("_position", lambda *_: ("M3", "A/1"), _EXACT),
    "asks for no key": ("_equal", lambda *_: "", "reads_records_by_key_and_leaves_out_the_missing"),
}


@guarantees("adapter.contract")
@pytest.mark.parametrize("how", _WRONG)
async def test_the_contract_fails_an_odata_adapter_that(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a mistake that a client of this protocol invites."""
    name, wrong, check = _WRONG[how]
    monkeypatch.setattr(SetPages, name, wrong)
    with fake_odata(sets(4), version=4) as fake:
        fake.cap = 2
        source = ODataSource(fake)
        source.plant.stock(9, quantity="9.25")  # the newest stands last, so that what is lost is older than it
        more = ["delete"] if check.startswith("loses") else []
        try:
            with pytest.raises((AssertionError, GatewayError)):
                await getattr(AdapterContract(), f"test_{check}")(source, *more)
        finally:
            for adapter in source.opened:
                await adapter.close()
