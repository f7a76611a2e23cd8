"""Sets that are read beside an entity's own: what belongs together is joined exactly, or said to be missing."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import pytest

from erp_mcp.adapters.odata.adapter import ODataAdapter
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import BadAnswerError, ProfileFileError, SystemRefusedError, UnboundFieldError
from erp_mcp.testing import FixedClock
from erp_mcp.testing.connections import connection_to
from erp_mcp.testing.passes import fold
from tests.guarantees import guarantees
from tests.unit.adapters.odata.fake import FakeOData, fake_odata
from tests.unit.adapters.odata.fake_form import FakeSet
from tests.unit.adapters.odata.plant import SERVICE

BESIDE: Final[dict[str, Any]] = {
    "receipts": {"set": "Receipts", "on": {"PoNo": "Order", "PoLine": "Line"}, "ask": ["PoNo"]}
}
PROFILE: Final = Profile(
    name="works", version=1, kind="odata", level=4, zone="UTC", identity={}, states={},
    head={"version": 4, "services": {"po": SERVICE}},
    entities={
        "purchase_requisition": {
            "set": "po/Lines", "key": ["Order", "Line"], "version": "hash", "beside": BESIDE,
            "fields": {
                "requisition_id": "Order", "line": "Line", "site": {"const": "1"}, "material_id": "Item",
                "qty": {"sum": "receipts.Qty"}, "uom": {"const": "C62"}, "order_state": {"const": "open"},
            },
        }
    },
)  # fmt: skip
ENTITY: Final = "purchase_requisition"


def sets(orders: int = 7, lines: int = 3) -> dict[str, FakeSet]:
    """Return orders whose lines were received in parts: order N line M in M parts of 0.1 and one of N."""
    held = {
        "Lines": FakeSet(
            key=("Order", "Line"), types={"Order": "Edm.String", "Line": "Edm.Int32", "Item": "Edm.String"}
        ),
        "Receipts": FakeSet(
            key=("Id",),
            types={"Id": "Edm.Int64", "PoNo": "Edm.String", "PoLine": "Edm.Int64", "Qty": "Edm.Decimal"},
        ),
    }  # fmt: skip
    for order in range(1, orders + 1):
        for line in range(1, lines + 1):
            held["Lines"].rows.append({"Order": f"PO'{order}", "Line": line, "Item": "A"})
            for part in [Decimal("0.1")] * line + [Decimal(order)]:
                number = len(held["Receipts"].rows) + 1
                held["Receipts"].rows.append({"Id": number, "PoNo": f"PO'{order}", "PoLine": line, "Qty": part})
    return held


@contextmanager
def served(held: dict[str, FakeSet], beside: dict[str, Any] | None = None) -> Iterator[tuple[FakeOData, ODataAdapter]]:
    """Serve the sets; `beside` is said instead of what the profile says."""
    entities = copy.deepcopy(dict(PROFILE.entities))
    if beside is not None:
        entities[ENTITY] = {**entities[ENTITY], "beside": beside}
    with fake_odata(held, version=4) as fake:
        connection = connection_to(fake.url, page_rows=4, headers={"Authorization": "Basic YWdlbnQ6cGFzcy13b3JkLTk="})
        yield fake, ODataAdapter.open(connection, replace(PROFILE, entities=entities), FixedClock())


def wanted(orders: int = 7, lines: int = 3) -> dict[str, int]:
    """Return millionths by source key, as they must be."""
    return {
        f"PO'{order}/{line}": order * 1_000_000 + line * 100_000
        for order in range(1, orders + 1)
        for line in range(1, lines + 1)
    }


@guarantees("P7.sync_exact")
@pytest.mark.parametrize("cap", [1, 2, 1000])
async def test_what_belongs_to_a_record_is_summed_exactly_over_all_its_pages(cap: int) -> None:
    """Over pages of ours and of theirs, whole and by key; numbers are equal whatever types they have."""
    with served(sets()) as (fake, adapter):
        fake.cap = cap
        found = await fold(adapter, ENTITY)
        assert {key: one.qty for key, one in found.items()} == wanted()  # type: ignore[attr-defined]
        again = await adapter.read(ENTITY, ["PO'3/2", "PO'7/1"])
        assert {one.source_key: one.qty for one in again} == {"PO'3/2": 3_200_000, "PO'7/1": 7_100_000}  # type: ignore[attr-defined]
        await adapter.close()


@guarantees("P9.odata_literals")
async def test_is_asked_for_by_what_the_page_holds_and_never_whole() -> None:
    """A thousand receipts of old orders are not fetched for four lines; a quote in a number stays in its text."""
    with served(sets()) as (fake, adapter):
        await adapter.read(ENTITY, ["PO'3/2"])
        asked = [one.query["$filter"] for one in fake.requests if one.path == "Receipts"]
        assert asked == ["PoNo eq 'PO''3'"]
        await adapter.close()


@guarantees("P7.sync_exact")
async def test_many_records_are_asked_for_in_addresses_that_servers_take() -> None:
    """Hundreds of orders on a page are several requests, none of which is too long."""
    with served(sets(orders=300, lines=1), {"receipts": {**BESIDE["receipts"], "ask": ["PoNo", "PoLine"]}}) as (
        fake, adapter,
    ):  # fmt: skip
        keys = list(wanted(300, 1))[:200]
        found = await adapter.read(ENTITY, keys)
        assert {one.source_key: one.qty for one in found} == {key: wanted(300, 1)[key] for key in keys}  # type: ignore[attr-defined]
        targets = [one.target for one in fake.requests if one.path == "Receipts"]
        assert len(targets) > 1
        assert max(map(len, targets)) < 2_500
        await adapter.close()


@guarantees("P7.sync_exact")
async def test_a_record_that_nothing_belongs_to_has_none() -> None:
    """That nothing came is zero; that could not be asked is no answer."""
    held = sets()
    held["Receipts"].rows = [row for row in held["Receipts"].rows if row["PoNo"] != "PO'2"]
    with served(held) as (fake, adapter):
        found = await fold(adapter, ENTITY)
        assert found["PO'2/1"].qty == 0  # type: ignore[attr-defined]
        fake.handlers["GET"] = lambda request: (
            fake.error(403, "NO/1") if request.path == "Receipts" else fake.get(request)
        )
        with pytest.raises(SystemRefusedError) as caught:
            await fold(adapter, ENTITY)
        assert caught.value.facts["native_code"] == "NO/1"
        await adapter.close()


@guarantees("adapter.introspection")
@pytest.mark.parametrize("lost", ["Receipts", "PoLine", "Qty"])
async def test_what_is_not_there_refuses_the_entity_by_its_field(lost: str) -> None:
    """A set without the property that joins it would give each line nothing, or everything."""
    held = sets()
    if lost == "Receipts":
        del held["Receipts"]
    else:
        del held["Receipts"].types[lost]
    with served(held) as (_, adapter):
        assert not (await adapter.introspect()).usable
        with pytest.raises(UnboundFieldError) as caught:
            await fold(adapter, ENTITY)
        assert "qty" in str(caught.value.facts["fields"])
        await adapter.close()


@guarantees("P9.odata_literals")
async def test_a_value_that_theirs_cannot_have_is_named_and_nothing_is_guessed() -> None:
    """A line number that is text there and a number here."""
    held = sets()
    held["Lines"].types["Line"] = "Edm.String"
    for row in held["Lines"].rows:
        row["Line"] = f"line {row['Line']}"
    with served(held, {"receipts": {**BESIDE["receipts"], "ask": ["PoNo", "PoLine"]}}) as (_, adapter):
        with pytest.raises(BadAnswerError):
            await fold(adapter, ENTITY)
        await adapter.close()


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    "said",
    [
        {"receipts": {"set": "Receipts"}}, {"receipts": {"set": "po/Receipts", "on": {"PoNo": "Order"}}},
        {"receipts": {"set": "Receipts", "on": {}}}, {"receipts": {"set": "Receipts", "on": {"PoNo eq 1": "Order"}}},
        {"receipts": {"set": "Receipts", "on": {"PoNo": "Order"}, "ask": ["Qty"]}}, {"a b": BESIDE["receipts"]},
        {"receipts": {**BESIDE["receipts"], "where": "x"}}, ["receipts"],
    ],
)  # fmt: skip
def test_a_wrong_beside_is_refused_with_its_key(said: Any) -> None:
    """Before anything is asked of a system."""
    with pytest.raises(ProfileFileError) as caught, served(sets(), said):
        pass
    assert str(caught.value.facts["key"]).startswith(f"entities.{ENTITY}.beside")
