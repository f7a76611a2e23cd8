"""What a profile needs and a system does not have: refused by name, or a gap; and what a closer look tells."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.odata.adapter import ODataAdapter
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities.orders import SalesOrderLine
from erp_mcp.errors import BadAnswerError, ConfigurationError, ProfileFileError, UnboundFieldError
from erp_mcp.ports import Introspects
from erp_mcp.testing import FixedClock
from erp_mcp.testing.passes import content, fold, read_pages
from tests.guarantees import guarantees
from tests.unit.adapters.odata.conftest import Open
from tests.unit.adapters.odata.plant import ENTITIES, Plant, profile


def _fields(entity: str, **changes: JsonValue) -> dict[str, JsonValue]:
    found = ENTITIES[entity]["fields"]
    assert isinstance(found, dict)
    return {"fields": {**found, **changes}}


@guarantees("P9.odata_binding")
@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_fields("stock", qty="NoSuchQuantity"), ("qty",)),
        (_fields("stock", qty={"sum": "to_Nowhere.Quantity"}), ("qty",)),
        (_fields("stock", site={"first": ["NoPlant", "NoOther"]}), ("site",)),
        ({"key": ["Material", "NoBin"]}, ("source_key",)),
        ({"version": "NoVersion"}, ("version_token",)),
        ({"changed": "NoChange"}, ("changed",)),
        ({"filter": {"NoFlag": [False]}}, ("filter.NoFlag",)),
        ({"filter": {"Quantity": ["many"]}}, ("filter.Quantity",)),
    ],
)
async def test_a_mandatory_field_that_is_not_there_refuses_the_entity(
    plant: Plant, open_adapter: Open, change: dict[str, JsonValue], named: tuple[str, ...]
) -> None:
    """A stock without a quantity answers nothing; which field it is, is what a person has to know."""
    adapter = open_adapter(mapping=profile(plant.fake.version, stock=change))
    for _ in range(2):
        with pytest.raises(UnboundFieldError) as caught:
            await read_pages(adapter, "stock")
        assert caught.value.facts["fields"] == named
    with pytest.raises(UnboundFieldError):
        await adapter.read("stock", ["M1/A%2F1"])
    assert len(await fold(adapter, "downtime")) == 5
    assert not [one for one in plant.fake.requests if one.path == "A_Stock"]


@guarantees("P9.odata_binding")
async def test_a_set_that_is_not_there_refuses_the_entity(plant: Plant, open_adapter: Open) -> None:
    """Nothing of it can be read."""
    adapter = open_adapter(mapping=profile(plant.fake.version, stock={"set": "main/A_Other"}))
    with pytest.raises(UnboundFieldError) as caught:
        await read_pages(adapter, "stock")
    assert caught.value.facts["fields"] == ("set",)


@guarantees("P9.odata_binding")
async def test_an_optional_field_that_is_not_there_is_a_gap(plant: Plant, open_adapter: Open) -> None:
    """It is not asked for, and never counted as zero: a sum over what is not there would be."""
    gaps = _fields("sales_order_line", qty_confirmed={"sum": "to_Schedule.NoConfirmed"}, credit_status="NoStatus")
    adapter = open_adapter(mapping=profile(plant.fake.version, sales_order_line=gaps))
    held = await fold(adapter, "sales_order_line")
    assert content(held) == content(plant.expected("sales_order_line"))
    assert {one.qty_confirmed for one in held.values() if isinstance(one, SalesOrderLine)} == {None}
    assert "No" not in " ".join(one.query.get("$select", "") for one in plant.fake.requests).split(",")


@guarantees("P9.odata_binding")
async def test_of_several_ways_those_that_are_there_are_taken(plant: Plant, open_adapter: Open) -> None:
    """Releases of a product differ; a profile names both places."""
    change = _fields("stock", uom={"first": ["NoUnit", {"unit": "Unit"}]})
    adapter = open_adapter(mapping=profile(plant.fake.version, stock=change))
    assert content(await fold(adapter, "stock")) == content(plant.expected("stock"))


@guarantees("P9.odata_binding")
async def test_a_closer_look_tells_what_is_there(plant: Plant, open_adapter: Open) -> None:
    """It is read before a system is used, so it must not stop at the first thing that is missing."""
    change = _fields("stock", qty="NoQuantity")
    gap = _fields("customer", country="NoCountry")
    adapter = open_adapter(mapping=profile(plant.fake.version, stock=change, customer=gap))
    assert isinstance(adapter, Introspects)
    found = await adapter.introspect()
    entities = {one.entity: one for one in found.entities}
    assert entities["stock"].mandatory == ("qty",)
    assert entities["stock"].missing == ("qty",)
    assert entities["customer"].missing == ("country",)
    assert entities["customer"].mandatory == ()
    assert "name" in entities["customer"].bound
    assert entities["downtime"].source == "main/A_Stop"
    assert not found.usable
    assert found.excess == ()
    assert found.told["protocol"] == f"OData V{plant.fake.version}"
    assert found.told["write rights"].startswith("not visible")
    assert "with etag" not in found.told  # of what can be read, no set has one
    assert found.told["read by change time"] == "sales_order_line"
    assert found.told["read whole each time"] == "customer, downtime"
    assert found.told["paged by the system's links"] == "customer"
    assert {one.method for one in plant.fake.requests} == {"GET"}


@guarantees("adapter.introspection", "P9.odata_binding")
async def test_a_set_without_etags_lacks_its_version_where_the_profile_takes_them(
    plant: Plant, open_adapter: Open
) -> None:
    """The metadata says nothing of it: a record tells, before a synchronisation fails on the first one."""
    by_etag = {entity for entity, mapping in ENTITIES.items() if mapping.get("version") == "etag"}
    told = {one.entity: one for one in (await open_adapter().introspect()).entities}
    assert by_etag
    assert not any(told[entity].mandatory for entity in by_etag)
    plant.fake.etags = False
    found = await open_adapter().introspect()
    lacking = {one.entity for one in found.entities if one.mandatory == ("version_token",)}
    assert (lacking, found.usable) == (by_etag, False)
    for entity in by_etag:
        with pytest.raises(BadAnswerError):
            await read_pages(open_adapter(), entity)


@guarantees("adapter.introspection")
async def test_an_etag_that_no_record_shows_yet_is_not_called_there_or_missing(
    plant: Plant, open_adapter: Open
) -> None:
    """An empty set says nothing of versions."""
    plant.fake.etags = False
    for one in plant.fake.sets.values():
        one.rows.clear()
    found = await open_adapter().introspect()
    assert found.usable
    assert "no record yet, so its etag can't be seen" in found.told


@guarantees("adapter.introspection")
async def test_a_probe_says_who_and_when(plant: Plant, open_adapter: Open) -> None:
    """Account and clock are what is wrong most often."""
    probe = await open_adapter().probe()
    assert probe["account"] == "agent"
    assert probe["version"] == f"V{plant.fake.version}"
    assert probe["server_time"].startswith("2026-03-16T05:")


_WRONG: list[tuple[dict[str, JsonValue], str]] = [
    ({"set": "A_Stock"}, "set"),
    ({"set": "other/A_Stock"}, "set"),
    ({"set": "main/A_Stock?x=1"}, "set"),
    ({"set": 5}, "set"),
    ({"filter": {"A": "x"}}, "filter.A"),
    ({"filter": {"A": {"like": "x"}}}, "filter.A.like"),
    ({"filter": {"A' or true": ["x"]}}, "filter.A' or true"),
    ({"filter": {"A": [1.5]}}, "filter.A"),
    ({"filter": ["A"]}, "filter"),
    ({"paging": "offset"}, "paging"),
    ({"sorting": "x"}, "sorting"),
    ({"key": []}, "key"),
]


@guarantees("input.clear_errors")
@pytest.mark.parametrize(("change", "key"), _WRONG)
def test_a_wrong_profile_is_refused_by_key_when_it_is_opened(change: dict[str, JsonValue], key: str) -> None:
    """Before anything is contacted."""
    connection = Connection(system="erp", url="http://127.0.0.1:1")
    with pytest.raises(ProfileFileError) as caught:
        ODataAdapter.open(connection, profile(2, stock=change), FixedClock())
    assert str(caught.value.facts["key"]) == f"entities.stock.{key}"


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("head", "key"),
    [
        ({"version": 3, "services": {"main": "x"}}, "odata.version"),
        ({"version": True, "services": {"main": "x"}}, "odata.version"),
        ({"version": 2}, "odata.services"),
        ({"version": 2, "services": {"Main": "x"}}, "odata.services.Main"),
        ({"version": 2, "services": {"main": "../x"}}, "odata.services.main"),
        ({"version": 2, "services": {"main": "/x"}}, "odata.services.main"),
        ({"version": 2, "services": {"main": "x?y"}}, "odata.services.main"),
        ({"version": 2, "services": {"main": {"path": "x", "version": 5}}}, "odata.services.main.version"),
        ({"version": 2, "services": {"main": {"path": "x"}}}, "odata.services.main"),
        ({"version": 2, "services": {"main": "x"}, "other": 1}, "odata.other"),
    ],
)
def test_a_wrong_head_is_refused_by_key(head: dict[str, JsonValue], key: str) -> None:
    """A path that climbs would lead out of what the operator named."""
    connection = Connection(system="erp", url="http://127.0.0.1:1")
    with pytest.raises(ProfileFileError) as caught:
        ODataAdapter.open(connection, replace(profile(2), head=head), FixedClock())
    assert caught.value.facts["key"] == key


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("options", "url", "key"),
    [
        ({"next_links": "follow"}, "http://127.0.0.1:1", "options.next_links"),
        ({"overlap_s": "-1"}, "http://127.0.0.1:1", "options.overlap_s"),
        ({"sap_client": "1"}, "http://127.0.0.1:1", "options.sap_client"),
        ({"no_such": "1"}, "http://127.0.0.1:1", "options.no_such"),
        ({}, "http://127.0.0.1:1/?x=1", "url"),
        ({}, "ftp://127.0.0.1", "url"),
        ({}, "http://erp.example", "url"),
    ],
)
def test_wrong_settings_are_refused_by_key(options: dict[str, str], url: str, key: str) -> None:
    """Before anything is contacted."""
    connection = Connection(system="erp", url=url, options=options)
    with pytest.raises(ConfigurationError) as caught:
        ODataAdapter.open(connection, profile(2), FixedClock())
    assert caught.value.facts["key"] == f"systems.erp.{key}"


@guarantees("input.clear_errors")
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has not installed it is told what to install, not which module Python looked for."""
    monkeypatch.setitem(sys.modules, "pyodata", None)
    with pytest.raises(ConfigurationError) as caught:
        ODataAdapter.open(Connection(system="erp", url="http://127.0.0.1:1"), profile(2), FixedClock())
    assert "erp-mcp-gateway[odata]" in str(caught.value.facts["reason"])


@guarantees("identity.as_told")
async def test_the_client_of_sap_goes_with_each_request(plant: Plant, open_adapter: Open) -> None:
    """Without it, the system's default client answers, which is another firm's books."""
    await open_adapter(options={"sap_client": "100"}).probe()
    assert {one.headers.get("sap-client") for one in plant.fake.requests} == {"100"}
