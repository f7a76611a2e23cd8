"""Rows worked out ahead of time: which keys are dirty after what, and what is left after a crash."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from erp_mcp.domain.derivation import Derivation, Key, Lookup, Moment, Sight, Source
from erp_mcp.domain.entities.inventory import Material, Stock
from erp_mcp.domain.freshness import EntityState
from erp_mcp.ports import ChangePage
from erp_mcp.store.read_model.writer import ReadModelWriter
from tests.guarantees import guarantees

AS_OF: Final = "2026-03-16T05:00:00Z"
MOMENT: Final = Moment(today="2026-03-16", now=AS_OF)


class _StockRow(NamedTuple):
    as_of: str
    material_id: str
    qty: int


class _MaterialRow(NamedTuple):
    material_id: str
    base_uom: str


class _Sum(NamedTuple):
    material_id: str
    qty: int
    uom: str | None


def _sums(sight: Sight, key: Key) -> Iterable[_Sum]:
    """The usable stock of a material at a site, in its unit."""
    stock, material = sight.find("stock", *key), sight.find("material", key[0])
    if stock:
        quantities: list[Any] = [one[2] for one in stock]
        yield _Sum(key[0], sum(quantities), str(material[0][1]) if material else None)


def _derivation(version: int = 1) -> Derivation:
    return Derivation(
        name="stock_sum",
        version=version,
        sources=(Source(entity="stock", key=("material_id", "site"), where="row.qty > 0"),),
        lookups={
            "stock": Lookup(
                entity="stock", by=("material_id", "site"), row=_StockRow, token="place", where="row.qty > 0"
            ),
            "material": Lookup(entity="material", by=("material_id",), row=_MaterialRow, token="material"),
        },
        row=_Sum,
        function=_sums,
        dated=False,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "read_model.sqlite"


@pytest.fixture
def writer(path: Path) -> Iterator[ReadModelWriter]:
    writer = ReadModelWriter(path, [_derivation()])
    for entity in ("stock", "material"):
        writer.finish(EntityState(system="erp", entity=entity, as_of=AS_OF, rows=0, complete=True))
    writer.work_out(MOMENT, limit=1)
    yield writer
    writer.close()


def _stock(key: str, qty: int, material: str = "M1", site: str = "1000") -> Stock:
    return Stock(
        system="erp", source_key=key, version_token="1", as_of=AS_OF, material_id=material, site=site,
        storage_location_id="A1", stock_type="unrestricted", qty=qty, uom="EA",
    )  # fmt: skip


def _material(number: str, uom: str = "EA") -> Material:
    return Material(system="erp", source_key=number, version_token="1", as_of=AS_OF, material_id=number, base_uom=uom)


def _apply(writer: ReadModelWriter, entity: str, *records: Stock | Material, **page: Any) -> None:
    one = ChangePage(records=tuple(records), deleted=page.pop("deleted", ()), watermark="w", last=True, **page)
    writer.apply("erp", entity, one, as_of=AS_OF, pass_id="pass-1")


def _dirty(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {key for (key,) in connection.execute("SELECT key FROM derived_key WHERE dirty = 1")}


def _rows(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT material_id, qty, uom FROM derived_stock_sum ORDER BY 1, 2").fetchall()


def _all(writer: ReadModelWriter) -> int:
    done = 0
    while some := writer.work_out(MOMENT, limit=2):
        done += some
    return done


@guarantees("P7.worked_out_ahead")
def test_each_row_that_comes_changes_or_goes_makes_the_keys_dirty_that_looked_there(
    path: Path, writer: ReadModelWriter
) -> None:
    """Where the row was and where it is now, and everywhere for a material; nothing else."""
    _apply(writer, "material", _material("M1"), _material("M2"))
    _apply(writer, "stock", _stock("a", 5), _stock("b", 7), _stock("c", 1, "M2"))
    assert _dirty(path) == {'["M1","1000"]', '["M2","1000"]'}
    assert _all(writer) == 2
    assert _rows(path) == [("M1", 12, "EA"), ("M2", 1, "EA")]
    _apply(writer, "stock", _stock("b", 7, "M2"))
    assert _dirty(path) == {'["M1","1000"]', '["M2","1000"]'}
    _all(writer)
    assert _rows(path) == [("M1", 5, "EA"), ("M2", 8, "EA")]
    _apply(writer, "material", _material("M2", "KG"))
    assert _dirty(path) == {'["M2","1000"]'}
    _all(writer)
    _apply(writer, "stock", deleted=("a",))
    assert _dirty(path) == {'["M1","1000"]'}
    _all(writer)
    assert _rows(path) == [("M2", 8, "KG")]


@guarantees("P7.worked_out_ahead")
def test_a_row_that_moves_is_missed_where_it_was(path: Path, writer: ReadModelWriter) -> None:
    """A record that goes over to another material leaves the first one without a unit."""
    _apply(writer, "stock", _stock("a", 5), _stock("b", 7, "M2"))
    _apply(writer, "material", _material("M1"))
    _all(writer)
    moved = Material(
        system="erp", source_key="M1", version_token="2", as_of=AS_OF, material_id="M2", base_uom="KG"
    )  # fmt: skip
    _apply(writer, "material", moved)
    assert _dirty(path) == {'["M1","1000"]', '["M2","1000"]'}
    _all(writer)
    assert _rows(path) == [("M1", 5, None), ("M2", 7, "KG")]


@guarantees("P7.worked_out_ahead")
def test_what_is_the_same_as_before_or_seen_by_nobody_makes_nothing_dirty(path: Path, writer: ReadModelWriter) -> None:
    """A whole snapshot read again costs nothing; a quantity of 0 is looked at by nobody."""
    _apply(writer, "material", _material("M1"))
    _apply(writer, "stock", _stock("a", 5))
    _all(writer)
    _apply(writer, "stock", _stock("a", 5), _stock("z", 0, "M3"))
    _apply(writer, "material", _material("M1"))
    assert _dirty(path) == set()


@guarantees("P7.worked_out_ahead")
def test_rows_that_a_snapshot_no_longer_names_and_systems_taken_away_make_keys_dirty(
    path: Path, writer: ReadModelWriter
) -> None:
    """The sweep at the end of a snapshot, and what no configured system offers any more."""
    _apply(writer, "stock", _stock("a", 5), _stock("b", 7, "M2"))
    _all(writer)
    last = ChangePage(records=(_stock("a", 5),), deleted=(), watermark="w", last=True, snapshot=True)
    writer.apply("erp", "stock", last, as_of=AS_OF, pass_id="pass-2")
    assert _dirty(path) == {'["M2","1000"]'}
    _all(writer)
    assert _rows(path) == [("M1", 5, None)]
    writer.retain({})
    _all(writer)
    assert _rows(path) == []
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM derived_key").fetchone() == (0,)
        assert connection.execute("SELECT COUNT(*) FROM derived_use").fetchone() == (0,)


@guarantees("P7.worked_out_ahead")
def test_a_process_that_dies_before_it_works_out_loses_nothing(path: Path, writer: ReadModelWriter) -> None:
    """The mark stands in the transaction of the rows, so the next process finds it."""
    _apply(writer, "stock", _stock("a", 5), _stock("b", 7, "M2"), _stock("c", 9, "M3"))
    assert writer.work_out(MOMENT, limit=1) == 1
    writer.close()
    again = ReadModelWriter(path, [_derivation()])
    try:
        assert len(_dirty(path)) == 2
        assert _all(again) == 2
    finally:
        again.close()
    assert _rows(path) == [("M1", 5, None), ("M2", 7, None), ("M3", 9, None)]


@guarantees("P7.worked_out_ahead")
def test_another_version_of_a_derivation_works_everything_out_anew(path: Path, writer: ReadModelWriter) -> None:
    """Also one that a file of before has never heard of."""
    _apply(writer, "stock", _stock("a", 5), _stock("b", 7, "M2"))
    _all(writer)
    writer.close()
    for derivations, keys in (([_derivation(2)], 2), ([_derivation(2)], 0), ([_derivation(1)], 2)):
        newer = ReadModelWriter(path, derivations)
        try:
            assert _all(newer) == keys
        finally:
            newer.close()
        assert _rows(path) == [("M1", 5, None), ("M2", 7, None)]


@guarantees("P7.worked_out_ahead")
def test_a_change_between_two_batches_is_seen_by_the_second(path: Path, writer: ReadModelWriter) -> None:
    """What was read for the first batch is forgotten as soon as anybody writes."""
    _apply(writer, "material", _material("M1"))
    _apply(writer, "stock", _stock("a", 5), _stock("b", 7, site="2000"))
    assert writer.work_out(MOMENT, limit=1) == 1
    _apply(writer, "material", _material("M1", "KG"))
    _all(writer)
    assert _rows(path) == [("M1", 5, "KG"), ("M1", 7, "KG")]
