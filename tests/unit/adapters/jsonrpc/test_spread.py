"""Several records of one row: sides of a movement, lots that went into lots, and what is read after a source."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from typing import Final

import pytest

from erp_mcp.adapters.jsonrpc.adapter import JsonRpcAdapter
from erp_mcp.adapters.jsonrpc.grammar import sources
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import Record
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import ProfileFileError
from erp_mcp.testing import FixedClock
from tests.guarantees import guarantees
from tests.unit.adapters.jsonrpc.fake import FakeTryton, fake_tryton
from tests.unit.adapters.jsonrpc.test_adapter import connection, pages, records
from tests.unit.adapters.jsonrpc.test_forms import form

SITE: Final[JsonValue] = {"ref": "place.parent.code", "when": {"place.parent.type": ["warehouse"]}}
ENTITIES: Final[dict[str, dict[str, JsonValue]]] = {
    "goods_movement": {
        "model": "stock.move",
        "domain": [["state", "=", "done"]],
        "spread": {"as": "place", "over": {"in": "to", "out": "from"}, "when": {"type": ["storage"]}},
        "needs": ["site"],
        "fields": {
            "movement_id": "id",
            "line": "side",
            "site": SITE,
            "movement_code": {"const": "transfer"},
            "material_id": {"const": "M"},
            "qty": {"quantity": "quantity", "in": "unit", "negative": {"side": ["out"]}},
            "uom": {"unit": "unit"},
            "reference_line": {"path": "id", "when": {"side": ["out"]}},
            "posted_at": {"midnight": "day"},
        },
    },
    "lot_genealogy": {
        "model": "stock.move",
        "domain": [["state", "=", "done"], ["made", "!=", None]],
        "watch": ["made", "made.outputs"],
        "spread": {"as": "output", "over": "made.outputs", "when": {"state": ["done"]}},
        "needs": ["output_lot_id"],
        "fields": {
            "output_lot_id": {"ref": "output.lot.number"},
            "input_lot_id": {"ref": "lot.number"},
            "production_order_id": {"ref": "made.number"},
            "site": {"const": "W1"},
        },
    },
    "lot": {
        "model": "stock.lot",
        "domain": [["quantity", "!=", 0]],
        "snapshot": True,
        "once": True,
        "fields": {"lot_id": {"ref": "number"}, "material_id": {"const": "M"}, "site": {"const": "W1"}},
        "then": {
            "model": "stock.move",
            "domain": [["lot", "!=", None]],
            "snapshot": True,
            "key": "lot",
            "needs": ["site"],
            "fields": {
                "lot_id": {"ref": "lot.number"},
                "material_id": {"const": "M"},
                "site": {"first": [{"ref": "to.parent.code", "when": {"to.parent.type": ["warehouse"]}}]},
                "lot_disposition": {"const": "Closed"},
            },
        },
    },
}
PROFILE: Final = Profile(
    name="p", version=1, kind="jsonrpc", level=4, zone="UTC", identity={}, states={}, entities=ENTITIES
)
STORE, OTHER, YARD, CUSTOMER = (("stock.location", number) for number in (1, 2, 3, 4))


@pytest.fixture
def fake() -> Iterator[FakeTryton]:
    with fake_tryton() as running:
        running.put("product.uom", 1, symbol="kg", digits=2)
        for number, code, kind in ((8, "W1", "warehouse"), (9, "V", "view")):
            running.put("stock.location", number, code=code, type=kind, parent=None)
        for (_, number), kind, parent in ((STORE, "storage", 8), (OTHER, "storage", 8), (YARD, "storage", 9)):
            running.put("stock.location", number, code=f"P{number}", type=kind, parent=("stock.location", parent))
        running.put("stock.location", 4, code="C", type="customer", parent=None)
        for number, quantity in ((1, 5.0), (2, 0.0), (3, 0.0)):
            running.put("stock.lot", number, number=f"L{number}", quantity=quantity)
        moved(running, 1, STORE, OTHER)
        moved(running, 2, STORE, CUSTOMER)
        moved(running, 3, YARD, CUSTOMER)
        yield running


@pytest.fixture
async def adapter(fake: FakeTryton) -> AsyncIterator[JsonRpcAdapter]:
    opened = JsonRpcAdapter.open(connection(fake), PROFILE, FixedClock())
    yield opened
    await opened.close()


def moved(fake: FakeTryton, number: int, start: tuple[str, int], end: tuple[str, int], **more: object) -> None:
    """Put a move of 2.5 kg that is done."""
    values = {
        "state": "done", "quantity": 2.5, "unit": ("product.uom", 1), "day": date(2026, 3, 16), "lot": None,
        "made": None, "from": start, "to": end,
    }  # fmt: skip
    fake.put("stock.move", number, **{**values, **more})


def seen(found: dict[str, Record], *names: str) -> dict[str, tuple[object, ...]]:
    return {key: tuple(getattr(one, name) for name in names) for key, one in found.items()}


@guarantees("P7.exact_numbers")
async def test_a_move_is_a_row_for_each_side_that_is_a_place_of_a_site(adapter: JsonRpcAdapter) -> None:
    """What went is below zero; a customer and a place of no warehouse have no side."""
    found = records(await pages(adapter, "goods_movement"))
    assert seen(found, "movement_id", "line", "site", "qty", "reference_line") == {
        "1/in": ("1", "in", "W1", 2_500_000, None),
        "1/out": ("1", "out", "W1", -2_500_000, "1"),
        "2/out": ("2", "out", "W1", -2_500_000, "2"),
    }
    assert {getattr(one, "posted_at", "") for one in found.values()} == {"2026-03-16T00:00:00Z"}


@guarantees("P7.sync_exact")
async def test_both_sides_are_gone_with_the_move_and_a_side_that_is_no_more_is_named(
    fake: FakeTryton, adapter: JsonRpcAdapter
) -> None:
    """A movement that was taken back must not stay as half of one."""
    first = await pages(adapter, "goods_movement")
    fake.put("stock.move", 1, state="cancelled")
    moved(fake, 2, YARD, CUSTOMER)
    later = await pages(adapter, "goods_movement", first[-1].watermark)
    gone = {key for page in later for key in page.deleted}
    assert {"1/in", "1/out", "2/out"} <= gone
    assert not gone & records(later).keys()


@guarantees("P7.provenance")
async def test_a_side_is_read_by_its_key(adapter: JsonRpcAdapter) -> None:
    """A live read of one record is that record, and not its other half."""
    assert [one.source_key for one in await adapter.read("goods_movement", ["1/out", "3/out", "x/in"])] == ["1/out"]


@guarantees("P7.lots_traced")
async def test_what_went_in_went_into_every_lot_that_came_out(fake: FakeTryton, adapter: JsonRpcAdapter) -> None:
    """Two lots of one production have all its inputs; what is not made yet, or unmade again, has none."""
    for number, state, lot in ((11, "done", 1), (12, "done", 2), (13, "draft", 3)):
        moved(fake, number, CUSTOMER, STORE, state=state, lot=("stock.lot", lot))
    moved(fake, 14, CUSTOMER, STORE)  # a piece of the production that bears no lot
    outputs = [("stock.move", number) for number in (11, 12, 13, 14)]
    fake.put("production", 5, number="MO5", outputs=outputs)
    moved(fake, 15, STORE, CUSTOMER, lot=("stock.lot", 3), made=("production", 5))
    first = await pages(adapter, "lot_genealogy")
    pairs = ("output_lot_id", "input_lot_id", "production_order_id")
    assert seen(records(first), *pairs) == {"15/11": ("L1", "L3", "MO5"), "15/12": ("L2", "L3", "MO5")}
    fake.put("stock.move", 12, state="cancelled")
    later = await pages(adapter, "lot_genealogy", first[-1].watermark)
    assert "15/12" in {key for page in later for key in page.deleted}
    assert seen(records(later), *pairs) == {"15/11": ("L1", "L3", "MO5")}
    fake.put("stock.move", 15, state="cancelled")
    last = await pages(adapter, "lot_genealogy", later[-1].watermark)
    assert {"15/11", "15/12"} <= {key for page in last for key in page.deleted}


@guarantees("P7.lots_traced")
async def test_a_lot_that_is_used_up_is_known_by_where_it_came_in(fake: FakeTryton, adapter: JsonRpcAdapter) -> None:
    """A complaint is about a lot of which nothing is left; one that is still here stays what its stock says."""
    for number, lot in ((21, 1), (22, 2), (23, 2)):
        moved(fake, number, CUSTOMER, STORE, lot=("stock.lot", lot))
    moved(fake, 24, CUSTOMER, YARD, lot=("stock.lot", 3))  # in no warehouse: nobody can say of which site it is
    found = [page async for page in adapter.changes("lot", "")]
    assert len([one for page in found for one in page.records]) == 2
    told = ("lot_id", "site", "lot_disposition")
    assert seen(records(found), *told) == {"1": ("L1", "W1", None), "2": ("L2", "W1", "Closed")}
    assert seen({one.source_key: one for one in await adapter.read("lot", ["1", "2"])}, *told) == seen(
        records(found), *told
    )


@guarantees("P7.exact_numbers")
def test_a_day_begins_at_midnight_in_utc() -> None:
    """Where the day alone is kept, an hour would be made up, and a zone could move the day."""
    assert form({"midnight": "day"}).make({"day": date(2026, 3, 29)}) == datetime(2026, 3, 29, tzinfo=UTC)
    assert form({"midnight": "day"}).make({"day": None}) is None


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("entity", "change", "key"),
    [
        ("lot_genealogy", {"spread": {"as": "output"}}, "spread.over"),
        ("lot_genealogy", {"spread": {"over": "a", "as": "b", "x": 1}}, "spread.x"),
        ("lot_genealogy", {"snapshot": True}, "spread"),
        ("lot_genealogy", {"needs": ["qty"]}, "needs"),
        ("lot", {"snapshot": False}, "then"),
        ("lot", {"then": {"model": "m", "domain": []}}, "then.fields"),
    ],
)
def test_names_the_key_that_does_not_go_with_the_others(entity: str, change: dict[str, JsonValue], key: str) -> None:
    """What would be read wrongly is refused before anything is read."""
    broken = Profile(
        name="p", version=1, kind="jsonrpc", level=4, zone="UTC", identity={}, states={},
        entities={entity: {**ENTITIES[entity], **change}},
    )  # fmt: skip
    with pytest.raises(ProfileFileError) as caught:
        sources(broken)
    assert caught.value.facts["key"] == f"entities.{entity}.{key}"
