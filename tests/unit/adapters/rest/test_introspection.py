"""What a REST system really has, by its OpenAPI document or by some of its records."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from erp_mcp.adapters.rest.adapter import RestAdapter
from erp_mcp.errors import BadAnswerError, UnboundFieldError
from erp_mcp.testing import FixedClock, connection_to
from erp_mcp.testing.passes import read_pages
from tests.guarantees import guarantees
from tests.unit.adapters.rest.fake import PREFIX, FakeRest, Reply, fake_rest
from tests.unit.adapters.rest.source import profile, requisition

ENTITY = "purchase_requisition"


@pytest.fixture
async def fake() -> AsyncIterator[FakeRest]:
    async with fake_rest() as served:
        for number in range(1, 5):
            served.put("requisitions", requisition(number))
        served.put("stores", {"id": "S1", "site": "1", "lots": [{"no": "L1", "material": "M"}]})
        yield served


def openapi(*without: str, wrapped: bool = True) -> dict[str, Any]:
    """Return a description of the fake's two lists, without some properties."""
    names = ["id", "line", "qty", "unit", "wanted", "made_on", "made_at", "state", "modified"]
    row = {
        "allOf": [
            {"$ref": "#/components/schemas/Base"},
            {"type": "object", "properties": {"item": {"$ref": "#/components/schemas/Item"}}},
        ]
    }
    store = {
        "type": "object",
        "properties": {"id": {}, "site": {}, "lots": {"type": "array", "items": {"$ref": "#/components/schemas/Lot"}}},
    }
    schemas = {
        "Base": {"type": "object", "properties": {one: {"type": "string"} for one in names if one not in without}},
        "Item": {"type": "object", "properties": {} if "item.code" in without else {"code": {"type": "string"}}},
        "Lot": {"type": "object", "properties": {"no": {}, "material": {}}},
        "Circle": {"$ref": "#/components/schemas/Circle"},
    }

    def listing(item: dict[str, Any]) -> dict[str, Any]:
        answer = {"type": "object", "properties": {"data": {"type": "array", "items": item}}}
        content = {"application/json": {"schema": answer if wrapped else {"$ref": "#/components/schemas/Circle"}}}
        return {"get": {"responses": {"200": {"content": content}}}}

    paths = {f"{PREFIX}/requisitions": listing(row), f"{PREFIX}/stores": listing(store)}
    return {"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas}}


def opened(fake: FakeRest, description: object, kind: str = "application/json") -> RestAdapter:
    body = description if isinstance(description, bytes) else json.dumps(description).encode()
    fake.pages[f"{PREFIX}/openapi.json"] = Reply(body=body, headers={"content-type": kind})
    return RestAdapter.open(connection_to(fake.url), profile(openapi="/openapi.json"), FixedClock())


@guarantees("adapter.introspection")
async def test_finds_all_fields_through_references_and_parts(fake: FakeRest) -> None:
    """As descriptions are written in the wild."""
    adapter = opened(fake, openapi())
    found = await adapter.introspect()
    assert found.usable
    assert {(one.entity, one.missing, one.mandatory) for one in found.entities} == {
        ("purchase_requisition", (), ()), ("lot", (), ()),
    }  # fmt: skip
    assert {one.source for one in found.entities} == {f"{PREFIX}/requisitions", f"{PREFIX}/stores"}
    await adapter.close()


@guarantees("adapter.introspection")
async def test_an_unbound_mandatory_field_refuses_the_system_by_name_at_its_first_use(fake: FakeRest) -> None:
    """Before a record is read, and as often as it is tried."""
    adapter = opened(fake, openapi("qty", "item.code", "wanted"))
    found = {one.entity: one for one in (await adapter.introspect()).entities}
    assert found[ENTITY].mandatory == ("material_id", "qty")
    assert found[ENTITY].missing == ("delivery_date",)
    for _ in range(2):
        with pytest.raises(UnboundFieldError) as caught:
            await read_pages(adapter, ENTITY)
        assert caught.value.facts["fields"] == ("material_id", "qty")
    assert await read_pages(adapter, "lot")
    assert not [one for one in fake.asked if one.path.endswith("requisitions")]
    assert len([one for one in fake.asked if one.path.endswith("openapi.json")]) == 1
    await adapter.close()


CIRCLE: Final[dict[str, Any]] = {"type": "array", "items": {"$ref": "#/components/schemas/Circle"}}
FAN: Final[dict[str, Any]] = {
    "anyOf": [
        {"properties": {name: {"$ref": "#/components/schemas/Fan"} for name in ("data", "item", "dates")}}
        for _ in range(390)
    ]
}


def answering(schema: object) -> dict[str, Any]:
    """Return a description whose listing answers by a schema that has no end."""
    content = {"application/json": {"schema": schema}}
    return {
        "openapi": "3.1.0",
        "paths": {f"{PREFIX}/requisitions": {"get": {"responses": {"200": {"content": content}}}}},
        "components": {"schemas": {"Circle": CIRCLE, "Fan": FAN}},
    }


@guarantees("adapter.introspection")
@guarantees("adapter.introspection", "P9.bounded")
async def test_a_description_without_an_end_is_no_way_to_keep_us_busy(fake: FakeRest) -> None:
    """A list of itself says nothing; parts that multiply with each step of a path are looked at once each."""
    circle = opened(fake, answering({"$ref": "#/components/schemas/Circle"}))
    assert await read_pages(circle, ENTITY)
    await circle.close()
    fan = opened(fake, answering({"$ref": "#/components/schemas/Fan"}))
    with pytest.raises(UnboundFieldError):
        await asyncio.wait_for(read_pages(fan, ENTITY), 10)
    await fan.close()


@guarantees("adapter.introspection")
@pytest.mark.parametrize(
    ("description", "kind"),
    [
        (openapi(wrapped=False), "application/json"),
        ({"openapi": "3.1.0"}, "application/json"),
        ({"paths": {f"{PREFIX}/requisitions": {"get": {"responses": []}}}}, "application/json"),
        (b"<html>", "text/html"),
        (b"[]", "application/json"),
    ],
)
async def test_a_description_that_says_nothing_refuses_nothing(fake: FakeRest, description: object, kind: str) -> None:
    """Circles end, other shapes are no shapes; then the records themselves are looked at."""
    adapter = opened(fake, description, kind)
    assert await read_pages(adapter, ENTITY)
    assert (await adapter.introspect()).usable
    await adapter.close()


@guarantees("adapter.introspection")
async def test_without_a_description_some_records_tell(fake: FakeRest) -> None:
    """A property that none of them has is missing; of an empty list nothing can be said."""
    fake.spoil = lambda value: (
        value | {"data": [{name: one[name] for name in one if name not in {"qty", "wanted"}} for one in value["data"]]}
    )
    del fake.rows["stores"]["S1"]
    adapter = RestAdapter.open(connection_to(fake.url), profile(), FixedClock())
    found = {one.entity: one for one in (await adapter.introspect()).entities}
    assert (found[ENTITY].mandatory, found[ENTITY].missing) == (("qty",), ("delivery_date",))
    assert found["lot"].bound == ()
    with pytest.raises(UnboundFieldError) as caught:
        await read_pages(adapter, ENTITY)
    assert caught.value.facts["fields"] == ("qty",)
    await adapter.close()


@guarantees("adapter.introspection")
async def test_one_record_without_a_mandatory_field_is_a_bad_answer_and_no_more(fake: FakeRest) -> None:
    """The system has the field; that record is wrong."""
    fake.put("requisitions", requisition(9) | {"qty": None})
    adapter = RestAdapter.open(connection_to(fake.url), profile(), FixedClock())
    with pytest.raises(BadAnswerError) as caught:
        await read_pages(adapter, ENTITY)
    assert caught.value.facts["field"] == "qty"
    await adapter.close()
