"""Records inside of documents, and change times in the forms that systems keep them in."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities.orders import Delivery
from erp_mcp.domain.profile import Profile
from erp_mcp.testing.passes import content, fold, read_pages
from tests.guarantees import guarantees
from tests.unit.adapters.odata.conftest import Open
from tests.unit.adapters.odata.plant import SERVICE, Plant, profile

_LINES: Final[dict[str, JsonValue]] = {
    "set": "main/A_Item",
    "version": "hash",
    "each": {"path": "to_Schedule", "where": {"Delivered": {"not": ["11"]}}},
    "fields": {
        "delivery_id": "Order",
        "line": "Line",
        "site": {"const": "1000"},
        "sales_order_id": "^.Order",
        "sales_order_line": "^.Item",
        "material_id": "^.Material",
        "qty": "Delivered",
        "uom": {"const": "EA"},
    },
}


def _deliveries(version: int, key: list[JsonValue]) -> Profile:
    return Profile(
        name="works", version=1, kind="odata", level=4, zone="Europe/Berlin", identity={}, states={},
        entities={"delivery": {**_LINES, "key": key}}, head={"version": version, "services": {"main": SERVICE}},
    )  # fmt: skip


def _expected(plant: Plant) -> dict[str, Delivery]:
    found = {}
    for row in plant.rows("A_Schedule"):
        if row["Delivered"] == 11:
            continue
        key = f"{row['Order']}/{row['Item']}/{row['Line']}"
        material = f"M{int(row['Order'])}"
        found[key] = Delivery(
            system="erp", source_key=key, version_token="", as_of="", delivery_id=row["Order"], line=row["Line"],
            site="1000", sales_order_id=row["Order"], sales_order_line=row["Item"], material_id=material,
            qty=int(row["Delivered"] * 10**6), uom="EA",
        )  # fmt: skip
    return found


@guarantees("P7.sync_exact")
@pytest.mark.parametrize("key", [["^.Order", "^.Item", "Line"], ["Order", "Item", "Line"]])
async def test_each_element_of_a_list_is_a_record(plant: Plant, open_adapter: Open, key: list[JsonValue]) -> None:
    """Lines of a delivery come with their header; they are found again through it, or by reading all."""
    adapter = open_adapter(mapping=_deliveries(plant.fake.version, key))
    expected = _expected(plant)
    held = await fold(adapter, "delivery")
    assert content(held) == content(expected)
    some = sorted(expected)[:2]
    found = await adapter.read("delivery", [*some, "0000000001/000010/9999", "x", "a/b/c"])
    assert content({one.source_key: one for one in found}) == content({one: expected[one] for one in some})


def _zoned(plant: Plant, kind: str, form: str) -> None:
    """Keep change times as text, a day or a time without a zone, in the plant's own zone."""
    of = plant.fake.sets["A_Stock"]
    of.etag, of.types["LastChange"] = "", kind
    for number, row in enumerate(of.rows):
        local = datetime(2026, 3, 16, 6, 0) + timedelta(hours=number)  # noqa: DTZ001  Berlin's, as it is kept
        made: dict[str, Any] = {"text": f"{local:%Y%m%d%H%M%S}", "day": local.date(), "time": local}
        row["LastChange"] = made[form]


_KINDS: Final = {
    "text": dict.fromkeys((2, 4), ("Edm.String", "text", "'20260316152500'")),
    "the version's own": {
        2: ("Edm.DateTime", "time", "datetime'2026-03-16T00:00:00'"),
        4: ("Edm.Date", "day", "2026-03-16"),
    },
}


@guarantees("P7.sync_exact")
@pytest.mark.parametrize("how", _KINDS)
async def test_a_change_time_is_asked_for_as_the_system_keeps_it(plant: Plant, open_adapter: Open, how: str) -> None:
    """An hour's difference between two zones would lose an hour of changes; what may be a day is read as a day."""
    kind, form, literal = _KINDS[how][plant.fake.version]
    _zoned(plant, kind, form)
    changed: JsonValue = {"instant": "LastChange", "zone": "site"}
    change: dict[str, JsonValue] = {"version": "hash", "changed": changed, "deletions": "never"}
    adapter = open_adapter(mapping=profile(plant.fake.version, stock=change))
    pages = await read_pages(adapter, "stock")
    plant.fake.requests.clear()
    later = await read_pages(adapter, "stock", _since(pages[-1].watermark, "2026-03-16T14:30:00Z"))
    asked = [one.query["$filter"] for one in plant.fake.requests]
    assert all(f"LastChange ge {literal}" in one for one in asked)
    assert sum(len(page.records) for page in later) > 0


def _since(watermark: str, instant: str) -> str:
    """Return a watermark that goes on from an instant."""
    parts = json.loads(watermark)
    return json.dumps([parts[0], instant, *parts[2:]])
