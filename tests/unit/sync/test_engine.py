from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from erp_mcp.adapters.memory.adapter import MemoryAdapter
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import ENTITIES, field_specs
from erp_mcp.domain.kept_fields import may_be_left_out
from erp_mcp.domain.profile import IdentityRule
from erp_mcp.errors import BadAnswerError, SystemUnreachableError
from erp_mcp.ports import ChangePage
from erp_mcp.store.read_model.writer import ReadModelWriter
from erp_mcp.sync import Progress, sync_once
from erp_mcp.sync.entity_pass import MANY_ROWS
from erp_mcp.sync.order import in_order
from erp_mcp.testing import FixedClock, NumberedIds
from tests.guarantees import guarantees
from tests.unit.sync.plants import conversion, material, profile, purchase_line, stock, table


class Plant(MemoryAdapter):
    """A memory system some of whose entities fail, and that tells its time."""

    def __init__(self, *entities: str) -> None:
        super().__init__("erp", entities, FixedClock(), page_rows=2)
        self.failing: dict[str, Exception] = {}
        self.asked: list[str] = []
        self.down = False
        self.time = ""
        self.defect: Exception | None = None

    async def changes(self, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        self.asked.append(entity)
        if entity in self.failing:
            raise self.failing[entity]
        async for page in super().changes(entity, watermark):
            yield page

    async def probe(self) -> Mapping[str, str]:
        if self.defect is not None:
            raise self.defect
        if self.down:
            raise SystemUnreachableError(system="erp")
        return {"server_time": self.time} if self.time else {}


async def run(plant: Plant, writer: ReadModelWriter, *, full: bool = False) -> dict[str, str]:
    report = await sync_once(plant, profile(), writer, FixedClock(), NumberedIds(), full=full)
    return {entity.entity: entity.error for entity in report.entities}


@guarantees("P7.sync_exact")
def test_master_data_is_read_before_what_refers_to_it() -> None:
    """A line whose material is not there yet could not be converted."""
    order = in_order(["purchase_order_line", "reservation", "unit_conversion", "lot", "material", "supplier"])
    assert order.index("material") < order.index("unit_conversion") < order.index("purchase_order_line")
    assert order.index("lot") < order.index("reservation")


@guarantees("P7.sync_exact", "P10.survives")
async def test_an_entity_that_fails_is_noted_and_the_others_go_on(writer: ReadModelWriter) -> None:
    """One wrong field in one table must not stop the whole plant."""
    plant = Plant("material", "stock", "lot")
    plant.put(stock(1, 5))
    plant.failing["lot"] = BadAnswerError(system="erp", entity="lot", field="site")
    assert await run(plant, writer) == {"material": "", "lot": "adapter.bad_answer", "stock": ""}
    state = writer.state("erp", "lot")
    assert state is not None
    assert (state.complete, state.as_of, state.last_error) == (False, "", "adapter.bad_answer")


@guarantees("P10.survives")
async def test_a_defect_of_an_adapter_is_an_error_of_its_entity_only(writer: ReadModelWriter) -> None:
    """Adapters are written elsewhere too."""
    plant = Plant("material", "stock")
    plant.failing["material"] = KeyError("s3cret")
    assert await run(plant, writer) == {"material": "gateway.internal", "stock": ""}


@guarantees("P10.survives")
async def test_a_defect_in_the_probe_of_an_adapter_stops_no_pass(writer: ReadModelWriter) -> None:
    """It would stop the systems after it as well, at each turn."""
    plant = Plant("stock")
    plant.put(stock(1, 5))
    plant.defect = KeyError("s3cret")
    assert await run(plant, writer) == {"stock": ""}


@guarantees("P9.bounded")
async def test_a_system_that_is_down_is_not_asked_for_every_entity(writer: ReadModelWriter) -> None:
    """Twenty time-outs in a row would hold up the other systems."""
    plant = Plant("material", "stock", "lot")
    plant.failing = dict.fromkeys(("material", "stock", "lot"), SystemUnreachableError(system="erp"))
    plant.down = True
    assert set((await run(plant, writer)).values()) == {"adapter.unreachable"}
    assert plant.asked == ["material"]


@guarantees("P7.freshness")
async def test_a_failure_keeps_the_age_of_what_is_there(writer: ReadModelWriter) -> None:
    """Old data stays usable, and stays old."""
    plant = Plant("stock")
    plant.put(stock(1, 5))
    await run(plant, writer)
    plant.failing["stock"] = BadAnswerError(system="erp")
    await run(plant, writer)
    state = writer.state("erp", "stock")
    assert state is not None
    assert (state.complete, state.as_of, state.rows) == (True, "2026-03-16T05:00:00Z", 1)


@guarantees("P7.freshness", "P7.provenance")
async def test_age_is_the_older_of_reading_and_what_the_source_says_of_itself(writer: ReadModelWriter) -> None:
    """A feed that lags is as old as its own high-water mark."""
    plant = Plant("stock", "material")
    plant.put(stock(1, 5))
    plant.set_high_water("stock", "2026-03-16T04:13:00Z")
    await run(plant, writer)
    states = {state.entity: state.as_of for state in writer.states()}
    assert states == {"stock": "2026-03-16T04:13:00Z", "material": "2026-03-16T05:00:00Z"}


@guarantees("P7.freshness")
@pytest.mark.parametrize(
    ("high_water", "server_time", "suspect"),
    [
        ("2026-03-16T05:00:29Z", "", False),
        ("2026-03-16T05:00:31Z", "", True),
        ("", "2026-03-16T04:59:29Z", True),
        ("", "2026-03-16T05:00:30Z", False),
        ("", "2026-03-16T06:00:00", True),
    ],
)
async def test_a_clock_more_than_30_seconds_off_is_suspect(
    writer: ReadModelWriter, high_water: str, server_time: str, suspect: bool
) -> None:
    """Ages from a wrong clock are wrong, so the source is marked."""
    plant = Plant("stock")
    plant.put(stock(1, 5))
    plant.time = server_time
    plant.set_high_water("stock", high_water)
    await run(plant, writer)
    state = writer.state("erp", "stock")
    assert state is not None
    assert state.clock_suspect is suspect
    assert state.as_of <= "2026-03-16T05:00:00Z"


@guarantees("P7.no_false_empty")
async def test_what_a_system_offers_is_known_before_it_is_there(writer: ReadModelWriter) -> None:
    """A source never read and one that nobody offers are different answers."""
    plant = Plant("stock", "material")
    await sync_once(plant, profile(), writer, FixedClock(), NumberedIds(), entities=["stock"])
    states = {state.entity: (state.as_of != "", state.complete) for state in writer.states()}
    assert states == {"stock": (True, True), "material": (False, False)}


class Emptied(Plant):
    """Answers as a system does whose account may not see any rows any more: with none, and no error."""

    async def changes(self, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        del entity, watermark
        yield ChangePage(records=(), deleted=(), watermark="none", last=True, snapshot=True)


@guarantees("P7.no_false_empty")
@pytest.mark.parametrize(
    ("rows", "error", "left"), [(MANY_ROWS, "adapter.bad_answer", MANY_ROWS), (MANY_ROWS - 1, "", 0)]
)
async def test_a_system_that_shows_nothing_any_more_takes_no_rows_away(
    writer: ReadModelWriter, rows: int, error: str, left: int
) -> None:
    """Systems answer 200 and no rows to an account that lost its rights; a person says whether it is so."""
    plant, ids = Plant("stock"), NumberedIds()
    for number in range(rows):
        plant.put(stock(number, 5))
    await sync_once(plant, profile(), writer, FixedClock(), ids)
    report = await sync_once(Emptied("stock"), profile(), writer, FixedClock(), ids)
    assert [(one.error, one.rows) for one in report.entities] == [(error, left)]
    state = writer.state("erp", "stock")
    assert state is not None
    assert (state.last_error, state.complete) == (error, True)
    again = await sync_once(Emptied("stock"), profile(), writer, FixedClock(), ids, full=True)
    assert [(one.error, one.rows) for one in again.entities] == [("", 0)]


@guarantees("P7.sync_exact")
async def test_a_changed_mapping_reads_everything_again(writer: ReadModelWriter, path: Path) -> None:
    """Unchanged rows would otherwise keep what the old mapping made of them."""
    plant = Plant("stock", "material")
    plant.put(stock(1, 5))
    await run(plant, writer)
    changed = profile({"material": IdentityRule(rule="add_prefix", prefix="X-")})
    await sync_once(plant, changed, writer, FixedClock(), NumberedIds())
    assert table(path, "stock")["S1"]["material_id"] == "X-M1"


@guarantees("P7.sync_exact")
async def test_a_watermark_that_the_adapter_no_longer_knows_starts_over(writer: ReadModelWriter, path: Path) -> None:
    """After an upgrade of an adapter nobody should have to repair anything by hand."""
    plant = Plant("stock")
    plant.put(stock(1, 5))
    await run(plant, writer)
    state = writer.state("erp", "stock")
    assert state is not None
    writer.finish(dataclasses.replace(state, watermark=state.watermark.replace('"1"]', '"v0:1"]')))
    plant.put(stock(2, 6))
    assert await run(plant, writer) == {"stock": ""}
    assert set(table(path, "stock")) == {"S1", "S2"}


@guarantees("P7.sync_exact")
async def test_a_full_run_removes_what_only_the_read_model_has(writer: ReadModelWriter, path: Path) -> None:
    """It mends whatever went wrong before."""
    plant = Plant("stock")
    plant.put(stock(1, 5))
    await run(plant, writer)
    ghost = ChangePage(records=(stock(9, 9),), deleted=(), watermark="x")
    writer.apply("erp", "stock", ghost, as_of="2026-03-16T05:00:00Z", pass_id="other")
    await run(plant, writer, full=True)
    assert set(table(path, "stock")) == {"S1"}


@guarantees("P7.exact_numbers")
async def test_open_purchase_quantities_are_converted_exactly_to_base_units(
    writer: ReadModelWriter, path: Path
) -> None:
    """Supply is compared with demand in the material's own unit; without a rate there is no figure, never a guess."""
    plant = Plant("material", "unit_conversion", "purchase_order_line")
    plant.put(material(1))
    plant.put(conversion("M2", 8, 1))
    plant.put(conversion("PAL", 1, 3))
    for line, qty, uom in (("10", 2_500_000, "M2"), ("20", 4_000_000, "EA"), ("30", 7, "BX"), ("40", 1_000_000, "PAL")):
        plant.put(purchase_line(line, qty, uom))
    plant.put(purchase_line("50", 1, "EA", "M404"))
    await run(plant, writer)
    lines = table(path, "purchase_order_line")
    assert {key[3:]: (line["qty_open_base"], line["base_uom"]) for key, line in lines.items()} == {
        "10": (20_000_000, "EA"),
        "20": (4_000_000, "EA"),
        "30": (None, None),
        "40": (333_333, "EA"),
        "50": (None, None),
    }


@guarantees("P7.exact_numbers")
async def test_a_new_conversion_rate_reaches_lines_that_did_not_change(writer: ReadModelWriter, path: Path) -> None:
    """The rate is corrected in master data; the orders stay as they were."""
    plant = Plant("material", "unit_conversion", "purchase_order_line")
    plant.put(material(1))
    plant.put(conversion("M2", 8, 1))
    plant.put(purchase_line("10", 1_000_000, "M2"))
    await run(plant, writer)
    plant.put(conversion("M2", 9, 1))
    await run(plant, writer)
    assert table(path, "purchase_order_line")["P1/10"]["qty_open_base"] == 9_000_000


@guarantees("P9.bounded", "cli.teaches")
async def test_progress_is_told_after_each_page(writer: ReadModelWriter) -> None:
    """A person who waits sees that something happens."""
    plant = Plant("stock")
    for number in range(5):
        plant.put(stock(number, 1))
    seen: list[Progress] = []
    await sync_once(plant, profile(), writer, FixedClock(), NumberedIds(), progress=seen.append)
    assert [(one.applied, one.done) for one in seen] == [(2, False), (4, False), (5, True)]


class Poorer(Plant):
    """A system that turns out not to have one of the mapped fields."""

    def lacking(self, entity: str) -> tuple[str, ...]:
        return {"stock": ("lot_id",)}.get(entity, ())


@guarantees("P7.names_what_a_source_lacks")
async def test_what_a_system_does_not_keep_is_noted_with_each_complete_pass(writer: ReadModelWriter) -> None:
    """What nobody mapped, and what the system was found not to have; a failed pass changes nothing of it."""
    fields = {"stock": {spec.name for spec in field_specs(ENTITIES["stock"])}, "material": {"material_id", "base_uom"}}
    entities: dict[str, dict[str, JsonValue]] = {
        name: {"fields": {one: "x" for one in sorted(given)}}  # noqa: C420 - typed as JSON
        for name, given in fields.items()
    }
    mapped = dataclasses.replace(profile(), entities=entities)
    plant, ids = Poorer("stock", "material"), NumberedIds()
    plant.put(stock(1, 5))
    await sync_once(plant, mapped, writer, FixedClock(), ids)
    lacks = {state.entity: state.lacks for state in writer.states()}
    specs = (spec.name for spec in field_specs(ENTITIES["material"]) if may_be_left_out("material", spec.name))
    assert lacks == {"stock": ("lot_id",), "material": tuple(name for name in specs if name not in fields["material"])}
    assert "status" in lacks["material"]
    plant.failing["stock"] = BadAnswerError(system="erp", entity="stock", field="site")
    await sync_once(plant, mapped, writer, FixedClock(), ids)
    assert {state.entity: state.lacks for state in writer.states()} == lacks
