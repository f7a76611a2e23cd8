"""Sums worked out ahead of time: always those of all keys, whichever of them are not known at the moment."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from erp_mcp.domain.derivation import Derivation, Key, Lookup, Moment, Only, Reach, Sight, Source, reach_of
from erp_mcp.domain.entities.inventory import Material, Stock
from erp_mcp.domain.freshness import EntityState
from erp_mcp.ports import ChangePage
from erp_mcp.store.read_model.reader import ReadModelReader
from erp_mcp.store.read_model.writer import ReadModelWriter
from tests.guarantees import guarantees

AS_OF: Final = "2026-03-16T05:00:00Z"
MOMENT: Final = Moment(today="2026-03-16", now=AS_OF)


class _StockRow(NamedTuple):
    material_id: str
    stock_type: str
    qty: int


class _MaterialRow(NamedTuple):
    base_uom: str


class _Sum(NamedTuple):
    uom: str
    stock_type: str
    rows: int
    qty: int


def _sums(sight: Sight, key: Key) -> Iterable[_Sum]:
    """The stock of a place by the unit of its material."""
    for found in sight.find("stock", *key):
        row: Any = found
        unit: Any = sight.find("material", row.material_id)
        yield _Sum(unit[0].base_uom if unit else "", row.stock_type, 1, row.qty)


BY_UNIT: Final = Derivation(
    name="by_unit",
    version=1,
    sources=(Source(entity="stock", key=("storage_location_id",), where="row.qty > 0"),),
    lookups={
        "stock": Lookup(
            entity="stock",
            by=("storage_location_id",),
            row=_StockRow,
            reach=reach_of("storage_location_id"),
            where="row.qty > 0",
        ),
        "material": Lookup(
            entity="material",
            by=("material_id",),
            row=_MaterialRow,
            reach=Reach(key=("s.storage_location_id",), via="FROM stock AS s WHERE s.material_id = row.material_id"),
        ),
    },
    row=_Sum,
    function=_sums,
    dated=False,
    sums=("rows", "qty"),
)


class _Model:
    """A read model with stock and materials."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer = ReadModelWriter(path, [BY_UNIT])
        self.reader = ReadModelReader(path)
        for entity in ("stock", "material"):
            self.writer.finish(EntityState(system="erp", entity=entity, as_of=AS_OF, rows=0, complete=True))
        self.work_out()

    def work_out(self, batches: int = 100) -> None:
        while batches and self.writer.work_out(MOMENT, limit=1):
            batches -= 1

    def stock(self, key: str, qty: int, place: str, *, material: str = "M1", site: str = "1000") -> None:
        record = Stock(
            system="erp", source_key=key, version_token="1", as_of=AS_OF, material_id=material, site=site,
            storage_location_id=place, stock_type="unrestricted", qty=qty, uom="EA",
        )  # fmt: skip
        self._apply("stock", record)

    def material(self, number: str, unit: str) -> None:
        self._apply("material", Material(
            system="erp", source_key=number, version_token="1", as_of=AS_OF, material_id=number, base_uom=unit
        ))  # fmt: skip

    def gone(self, key: str) -> None:
        self._apply("stock", deleted=(key,))

    def _apply(self, entity: str, *records: Stock | Material, deleted: tuple[str, ...] = ()) -> None:
        page = ChangePage(records=records, deleted=deleted, watermark="w", last=True)
        self.writer.apply("erp", entity, page, as_of=AS_OF, pass_id="pass-1")

    async def told(self, sites: tuple[str, ...] | None = None, only: Only | None = None) -> set[tuple[Any, ...]] | None:
        """Return the sums as a reader is told them, without those of nothing."""
        one = Derivation(**{name: getattr(BY_UNIT, name) for name in BY_UNIT.__slots__} | {"only": only})
        found = await self.reader.worked_out([one], MOMENT, sites=sites, deadline_s=10)
        return None if found is None else set(found["by_unit"])

    def kept(self, sql: str) -> Sequence[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def model(tmp_path: Path) -> Iterator[_Model]:
    made = _Model(tmp_path / "read_model.sqlite")
    yield made
    made.writer.close()
    made.reader.close()


@guarantees("P7.worked_out_ahead")
async def test_sums_are_those_of_now_before_while_and_after_keys_are_worked_out(model: _Model) -> None:
    """What a key added before it changed is taken off, what it adds now is put on."""
    model.material("M1", "KG")
    for key, qty, place in (("a", 5, "A"), ("b", 7, "B"), ("c", 1, "C")):
        model.stock(key, qty, place)
    for _ in range(4):
        assert await model.told() == {("KG", "unrestricted", 3, 13)}
        model.work_out(batches=1)
    model.stock("b", 9, "C")
    model.gone("a")
    for _ in range(4):
        assert await model.told() == {("KG", "unrestricted", 2, 10)}
        model.work_out(batches=1)
    model.material("M1", "EA")
    assert await model.told() == {("EA", "unrestricted", 2, 10)}
    model.work_out()
    assert await model.told() == {("EA", "unrestricted", 2, 10)}
    model.gone("b")
    model.gone("c")
    model.work_out()
    assert await model.told() == set()
    assert model.kept("SELECT * FROM derived_by_unit_sum") == []
    assert model.kept("SELECT key FROM derived_key") == []


@guarantees("P7.worked_out_ahead")
async def test_no_token_is_kept_where_a_row_tells_who_looks_at_it(model: _Model) -> None:
    """The row names its keys itself, through another one as well; what nobody sees marks nothing."""
    model.stock("a", 5, "A")
    model.stock("b", 5, "B", material="M2")
    model.work_out()
    dirty = "SELECT key FROM derived_key WHERE dirty = 1"
    model.material("M2", "KG")
    assert model.kept(dirty) == [('["B"]',)]
    model.work_out()
    assert model.kept("SELECT COUNT(*) FROM derived_use") == [(0,)]
    model.stock("z", 0, "A")
    assert model.kept(dirty) == []


@guarantees("P7.worked_out_ahead", "P1.scope")
async def test_a_scope_is_told_the_sums_of_its_own_rows(model: _Model) -> None:
    """A place of two sites is added up anew, through the scope."""
    model.stock("a", 5, "A")
    model.stock("b", 7, "B", site="2000")
    model.stock("c", 1, "C")
    model.stock("d", 2, "C", site="2000")
    for _ in range(2):
        assert await model.told(("1000",)) == {("", "unrestricted", 2, 6)}
        assert await model.told(("2000",)) == {("", "unrestricted", 2, 9)}
        assert await model.told(("1000", "2000")) == {("", "unrestricted", 4, 15)}
        assert await model.told(("9999",)) == set()
        model.work_out()


@guarantees("P7.worked_out_ahead", "P7.exact_numbers")
async def test_numbers_too_large_to_be_added_up_are_not_told_ahead(model: _Model) -> None:
    """Then the whole question is asked; once the number is gone, sums are told again, and they are right."""
    model.stock("a", 5, "A")
    model.stock("b", 2**60, "B")
    assert await model.told() is None
    model.work_out()
    assert await model.told() is None
    model.stock("b", 7, "B")
    assert await model.told() == {("", "unrestricted", 2, 12)}
    model.work_out()
    assert await model.told() == {("", "unrestricted", 2, 12)}


@guarantees("P7.worked_out_ahead")
async def test_a_question_adds_up_what_it_asks_for_alone(model: _Model) -> None:
    """By fewer columns, and only of some rows: of those kept and of those worked out now."""
    model.material("M1", "KG")
    model.stock("a", 5, "A")
    model.stock("b", 7, "B", material="M2")
    model.work_out()
    model.stock("c", 1, "C", material="M2")
    all_units = Only(where="1", values={}, by=("stock_type",))
    assert await model.told(only=all_units) == {("", "unrestricted", 3, 13)}
    kilograms = Only(where="d.uom = :only_uom", values={"only_uom": "KG"}, by=("uom",))
    assert await model.told(only=kilograms) == {("KG", "", 1, 5)}
