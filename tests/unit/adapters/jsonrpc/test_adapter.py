"""The adapter against a server that answers well or badly: verdicts, sessions, and passes under change."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from erp_mcp.adapters import Connection
from erp_mcp.adapters.jsonrpc.adapter import JsonRpcAdapter
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import Record
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import ConfigurationError, GatewayError
from erp_mcp.ports import ChangePage
from erp_mcp.testing import NO_LIMITS, FixedClock
from tests.guarantees import guarantees
from tests.unit.adapters.jsonrpc.fake import SYSTEM_TEXT, FakeTryton, Mode, Reference, fake_tryton

PLACES: Final[JsonValue] = [
    {"name": "place", "model": "stock.location", "domain": [], "fields": ["code"], "context": {"locations": "*"}}
]
ENTITIES: Final[dict[str, dict[str, JsonValue]]] = {
    "customer": {
        "model": "party.party",
        "domain": [["kind", "=", "c"]],
        "watch": ["address"],
        "fields": {"customer_id": {"ref": "code"}, "name": "name", "country": "address.country"},
    },
    "production_order": {
        "model": "production",
        "domain": [],
        "fields": {
            "production_order_id": {"ref": "number"},
            "site": {"const": "WH"},
            "material_id": {"const": "M"},
            "qty_planned": {"const": 1},
            "uom": {"const": "C62"},
            "request_state": "state",
            "parent_order_id": {"lookup": "reference", "model": "production", "by": "number"},
        },
    },
    "stock": {
        "model": "product.product",
        "domain": [],
        "snapshot": True,
        "each": PLACES,
        "parts": {
            "model": "stock.lot", "owner": "product", "quantity": "quantity", "unit": "default_uom",
            "fields": ["number"],
        },
        "fields": {
            "material_id": {"ref": "code"},
            "site": {"const": "WH"},
            "storage_location_id": "place.code",
            "stock_type": {"const": "unrestricted"},
            "lot_id": "part.number",
            "qty": {"quantity": "quantity", "in": "default_uom"},
            "uom": {"unit": "default_uom"},
        },
    },
}  # fmt: skip
STATES: Final = {"production_order.request_state": {"running": "Running"}}
PROFILE: Final = Profile(
    name="p", version=1, kind="jsonrpc", level=4, zone="UTC", identity={}, states=STATES, entities=ENTITIES
)


@pytest.fixture
def fake() -> Iterator[FakeTryton]:
    with fake_tryton() as running:
        running.put("party.address", 1, country="DE")
        for number in range(1, 6):
            running.put("party.party", number, code=f"C{number}", name="N", kind="c", address=("party.address", 1))
        yield running


def connection(fake: FakeTryton, **other: object) -> Connection:
    base = Connection(
        system="erp", url=fake.url, database="db", account="gateway", secret=fake.password, page_rows=2,
        options={"max_mb": "2"}, limits=NO_LIMITS,
    )  # fmt: skip
    return dataclasses.replace(base, **other)  # type: ignore[arg-type]  # the fields of `Connection`


@pytest.fixture
async def adapter(fake: FakeTryton) -> AsyncIterator[JsonRpcAdapter]:
    opened = JsonRpcAdapter.open(connection(fake), PROFILE, FixedClock())
    yield opened
    await opened.close()


async def pages(adapter: JsonRpcAdapter, entity: str = "customer", watermark: str = "") -> list[ChangePage]:
    return [page async for page in adapter.changes(entity, watermark)]


def records(found: list[ChangePage]) -> dict[str, Record]:
    return {record.source_key: record for page in found for record in page.records}


VERDICTS: Final[Mapping[Mode, str]] = {
    "down": "adapter.unreachable",
    "busy": "adapter.unreachable",
    "limited": "adapter.unreachable",
    "away": "adapter.not_allowed",
    "refused": "adapter.refused",
    "html403": "adapter.refused",
    "error": "adapter.bad_answer",
    "html500": "adapter.bad_answer",
    "text": "adapter.bad_answer",
    "cut": "adapter.bad_answer",
    "types": "adapter.bad_answer",
    "float": "adapter.bad_answer",
    "order": "adapter.bad_answer",
    "many": "adapter.bad_answer",
    "ids": "adapter.bad_answer",
    "shape": "adapter.bad_answer",
    "empty": "adapter.bad_answer",
    "encoding": "adapter.bad_answer",
    "huge": "adapter.too_large",
    "bomb": "adapter.too_large",
}


@guarantees("P8.no_leaks", "P9.bounded")
@pytest.mark.parametrize("mode", VERDICTS)
async def test_each_bad_answer_has_its_verdict_and_shows_nothing(
    fake: FakeTryton, adapter: JsonRpcAdapter, mode: Mode
) -> None:
    """HTTP 200 may hold an error, and a 500 a traceback; both become our words."""
    fake.mode = mode
    with pytest.raises(GatewayError) as caught:
        await pages(adapter)
    assert caught.value.code == VERDICTS[mode]
    shown = f"{caught.value} {caught.value.facts} {caught.value.__cause__}"
    assert not [one for one in (SYSTEM_TEXT, fake.password, fake.token) if one in shown]
    fake.mode = "well"
    assert len(records(await pages(adapter))) == 5


@guarantees("P9.egress")
async def test_a_server_that_has_just_started_may_move_a_request_once(
    fake: FakeTryton, adapter: JsonRpcAdapter
) -> None:
    """Tryton does, with 308, until its modules are loaded."""
    fake.mode = "moved"
    assert len(records(await pages(adapter))) == 5


@guarantees("P10.survives")
async def test_signs_in_again_once_when_the_session_has_run_out(fake: FakeTryton, adapter: JsonRpcAdapter) -> None:
    """Sessions end after minutes of silence; a pass comes every hour."""
    await pages(adapter)
    fake.token = "token-2"
    fake.calls.clear()
    assert len(records(await pages(adapter))) == 5
    assert fake.calls.count("common.db.login") == 1


@guarantees("P8.no_leaks")
async def test_a_wrong_password_is_refused_without_a_second_try(fake: FakeTryton, adapter: JsonRpcAdapter) -> None:
    """Trying again, or once for each entity, would lock the account."""
    right, fake.password = fake.password, "changed"
    for entity in sorted(adapter.entities):
        with pytest.raises(GatewayError) as caught:
            await pages(adapter, entity)
        assert caught.value.code == "adapter.refused"
    assert fake.calls == ["common.db.login"]
    fake.password = right
    await adapter.close()
    assert len(records(await pages(adapter))) == 5


@guarantees("input.clear_errors")
async def test_a_missing_right_names_the_model(fake: FakeTryton, adapter: JsonRpcAdapter) -> None:
    """Whoever grants rights in the system must know which one is missing."""
    fake.mode = "refused"
    with pytest.raises(GatewayError) as caught:
        await pages(adapter)
    assert "party.party" in str(caught.value.facts["reason"])


@guarantees("P2.no_writes")
async def test_calls_reading_methods_only(fake: FakeTryton, adapter: JsonRpcAdapter) -> None:
    """Whatever is asked, no method that changes anything is ever called."""
    for entity in adapter.entities:
        found = await pages(adapter, entity)
        await pages(adapter, entity, found[-1].watermark)
        await adapter.read(entity, ["1"])
    await adapter.probe()
    reads = {"login", "version", "get_preferences", "search", "search_read"}
    assert {call.rpartition(".")[2] for call in fake.calls} <= reads


@guarantees("P7.sync_exact")
async def test_a_change_of_a_watched_record_counts(fake: FakeTryton, adapter: JsonRpcAdapter) -> None:
    """A record is what it shows, and it shows values of others."""
    first = await pages(adapter)
    fake.put("party.address", 1, country="AT")
    later = records(await pages(adapter, watermark=first[-1].watermark))
    assert {getattr(one, "country", None) for one in later.values()} == {"AT"}
    assert len(later) == 5


@guarantees("P7.sync_exact")
async def test_a_change_behind_a_link_to_several_models_counts(fake: FakeTryton) -> None:
    """A shipment or a return: the system follows such a link only to the model that is named."""
    for number in range(1, 6):
        fake.models["party.party"][number]["address"] = Reference(("party.address", 1))
    watch: JsonValue = [{"path": "address", "model": "party.address"}]
    named = dataclasses.replace(PROFILE, entities={**ENTITIES, "customer": {**ENTITIES["customer"], "watch": watch}})
    adapter = JsonRpcAdapter.open(connection(fake), named, FixedClock())
    first = await pages(adapter)
    fake.put("party.address", 1, country="AT")
    later = records(await pages(adapter, watermark=first[-1].watermark))
    await adapter.close()
    assert {getattr(one, "country", None) for one in later.values()} == {"AT"}


@guarantees("P7.sync_exact")
async def test_a_second_pass_reads_only_what_changed(fake: FakeTryton, adapter: JsonRpcAdapter) -> None:
    """A large system is not read again each time."""
    first = await pages(adapter)
    fake.put("party.party", 2, name="changed")
    assert set(records(await pages(adapter, watermark=first[-1].watermark))) == {"2", "5"}  # 5 is the edge, re-read


@guarantees("P7.sync_exact")
async def test_names_what_left_the_filter(fake: FakeTryton, adapter: JsonRpcAdapter) -> None:
    """A hold that is released still exists, and is no hold."""
    first = await pages(adapter)
    fake.models["party.party"][3]["kind"] = "x"  # as a change of another record would have it: no date of its own
    later = await pages(adapter, watermark=first[-1].watermark)
    assert {key for page in later for key in page.deleted} == {"3"}
    fake.models["party.party"][3]["kind"] = "c"
    again = await pages(adapter, watermark=later[-1].watermark)
    assert "3" in records(again)


@guarantees("P7.provenance")
async def test_a_parent_is_looked_up(fake: FakeTryton, adapter: JsonRpcAdapter) -> None:
    """Only a reference that names an order is a link."""
    fake.put("production", 1, number="MO1", reference=None, state="running")
    fake.put("production", 2, number="MO2", reference="MO1", state="running")
    fake.put("production", 3, number=None, reference="for Eva", state="running")
    found = records(await pages(adapter, "production_order"))
    assert {key: getattr(one, "parent_order_id", None) for key, one in found.items()} == {
        "1": None,
        "2": "MO1",
        "3": None,
    }
    assert getattr(found["3"], "production_order_id", None) == "id:3"
    fake.put("production", 3, state="asleep")
    with pytest.raises(GatewayError) as caught:
        await pages(adapter, "production_order")
    assert caught.value.code == "adapter.bad_answer"


@guarantees("P7.exact_numbers")
async def test_stock_is_split_by_lots_and_the_rest_has_none(fake: FakeTryton, adapter: JsonRpcAdapter) -> None:
    """The parts and the rest make the whole; noise of floats makes no row."""
    fake.put("product.uom", 1, symbol="kg", digits=2)
    fake.put("stock.location", 4, code="STO")
    fake.put("stock.location", 5, code="QUA")
    for number, amount in ((1, 0.9), (2, 5.25)):
        fake.put("product.product", number, code=f"M{number}", quantity=amount, default_uom=("product.uom", 1))
    for number, amount in ((1, 0.1), (2, 0.2), (3, 0.6000000000000001)):
        fake.put("stock.lot", number, number=f"L{number}", quantity=amount, product=("product.product", 1))
    found = records(await pages(adapter, "stock"))
    seen = {(one.source_key, getattr(one, "lot_id", ""), getattr(one, "qty", 0)) for one in found.values()}
    assert {one for one in seen if one[0].endswith("@4")} == {
        ("1/1@4", "L1", 100_000), ("1/2@4", "L2", 200_000), ("1/3@4", "L3", 600_000), ("2@4", None, 5_250_000)
    }  # fmt: skip
    assert len(seen) == 8
    read = await adapter.read("stock", ["1/2@5", "2@4", "9@9"])
    assert {one.source_key for one in read} == {"1/2@5", "2@4"}


@guarantees("P7.sync_exact", "P10.survives")
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
async def test_any_changes_and_kills_end_with_what_the_system_holds(fake: FakeTryton, data: st.DataObject) -> None:
    """People work while a pass runs, and a pass may die after any page; two quiet passes later all is as it is."""
    fake.models["party.party"] = {}
    for number in range(1, 8):
        fake.put("party.party", number, code=f"C{number}", name="N", kind="c", address=("party.address", 1))
    held: dict[str, Record] = {}
    watermark, adapter = "", JsonRpcAdapter.open(connection(fake), PROFILE, FixedClock())
    try:
        for _ in range(data.draw(st.integers(1, 4))):
            stop = data.draw(st.integers(0, 9))
            watermark = await _some_of_a_pass(adapter, held, watermark, stop=stop, fake=fake, data=data)
        for _ in range(2):
            watermark = await _some_of_a_pass(adapter, held, watermark, stop=99, fake=fake, data=None)
    finally:
        await adapter.close()
    truth = {str(number): one["name"] for number, one in fake.models["party.party"].items() if one["kind"] == "c"}
    assert {key: getattr(one, "name", "") for key, one in held.items()} == truth


async def _some_of_a_pass(
    adapter: JsonRpcAdapter,
    held: dict[str, Record],
    watermark: str,
    *,
    stop: int,
    fake: FakeTryton,
    data: st.DataObject | None,
) -> str:
    number = 0
    async for page in adapter.changes("customer", watermark):
        for key in page.deleted:
            held.pop(key, None)
        held.update((record.source_key, record) for record in page.records)
        watermark = page.watermark
        number += 1
        if number > stop:
            break
        if data is not None:
            _disturb(fake, data)
    return watermark


def _disturb(fake: FakeTryton, data: st.DataObject) -> None:
    parties = fake.models["party.party"]
    number = data.draw(st.integers(1, 12))
    match data.draw(st.sampled_from(["nothing", "put", "drop", "hide"])):
        case "put":
            name = f"N{data.draw(st.integers(1, 99))}"
            fake.put("party.party", number, code=f"C{number}", name=name, kind="c", address=("party.address", 1))
        case "drop" if number in parties:
            fake.drop("party.party", number)
        case "hide" if number in parties:
            parties[number]["kind"] = "x"


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"url": "ftp://127.0.0.1/"}, "url"),
        ({"url": "http://user:pass@127.0.0.1/"}, "url"),
        ({"url": "http://erp.example.com/"}, "url"),
        ({"database": ""}, "database"),
        ({"database": "../other"}, "database"),
        ({"account": ""}, "account"),
        ({"secret": ""}, "secret"),
        ({"options": {"verify": "no"}}, "options.verify"),
        ({"options": {"overlap_s": "soon"}}, "options.overlap_s"),
        ({"options": {"ca_file": "/no/such/file"}}, "options.ca_file"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_is_contacted(
    fake: FakeTryton, change: dict[str, object], key: str
) -> None:
    """A password never goes over the wire in the clear, nor to a place that was not meant."""
    with pytest.raises(ConfigurationError) as caught:
        JsonRpcAdapter.open(connection(fake, **change), PROFILE, FixedClock())
    assert caught.value.facts["key"] == f"systems.erp.{key}"
    assert fake.calls == []


@guarantees("P8.no_leaks")
def test_a_password_is_in_no_text_of_the_settings(fake: FakeTryton) -> None:
    """What is printed by accident holds no secret."""
    from erp_mcp.adapters.jsonrpc.settings import JsonRpcSettings

    assert fake.password not in repr(JsonRpcSettings.of(connection(fake)))
