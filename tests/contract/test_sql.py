from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import Record
from erp_mcp.domain.entities.inventory import Material, Stock
from erp_mcp.domain.entities.production import Downtime
from erp_mcp.domain.profile import Profile
from erp_mcp.testing import AdapterContract, ContractSource, Fault, FixedClock
from tests.guarantees import guarantees
from tests.systems.matrix.covering import ADAPTER_CONTRACT, DEMO_PLANT, covers

_DDL: Final = """
CREATE TABLE bin (k TEXT PRIMARY KEY, mat TEXT, qty TEXT, note TEXT, chg TEXT);
CREATE TABLE part (no TEXT PRIMARY KEY, chg TEXT);
CREATE TABLE gone (tab TEXT, k TEXT, at TEXT);
CREATE TABLE stop (no TEXT PRIMARY KEY, began TEXT);
CREATE TABLE feed (high TEXT);
INSERT INTO stop VALUES ('D1', '2026-03-16T05:30:00+01:00');
INSERT INTO feed VALUES ('2026-03-16T05:59:20+01:00');
"""
_STOCK: Final = (
    "SELECT k AS source_key, chg || ':' || qty AS version_token, chg AS changed_at, mat AS material_id, '1000' AS site,"
    " 'A1' AS storage_location_id, 'F' AS stock_type, qty, 'EA' AS uom FROM bin"
)
_MATERIAL: Final = (
    "SELECT no AS source_key, chg AS version_token, chg AS changed_at, no AS material_id, 'EA' AS base_uom FROM part"
)
_DOWNTIME: Final = (
    "SELECT no AS source_key, '1' AS version_token, began AS changed_at, no AS downtime_id, '1000' AS site,"
    " 'W1' AS work_center_id, began AS started_at FROM stop"
)
_DOWN: Final = Downtime(
    system="erp", source_key="D1", version_token="", as_of="", downtime_id="D1", site="1000", work_center_id="W1",
    started_at="2026-03-16T04:30:00Z",
)  # fmt: skip
# Sorting a long recursion takes far more than the deadline of a slow source.
_SLOW: Final = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50000000)"
    " SELECT i AS source_key, i AS version_token, i AS changed_at, i AS material_id, '1000' AS site,"
    " 'A1' AS storage_location_id, 'F' AS stock_type, i AS qty, 'EA' AS uom FROM n"
)


def profile(stock: str = _STOCK) -> Profile:
    gone = "SELECT k AS source_key, at AS changed_at FROM gone WHERE tab = 'bin'"
    entities: dict[str, dict[str, JsonValue]] = {
        "downtime": {"statement": _DOWNTIME},
        "material": {"statement": _MATERIAL},  # without tombstones: read as a whole each time
        "stock": {"statement": stock, "tombstones": gone, "feed": "SELECT high FROM feed"},
    }
    states = {"stock.stock_type": {"F": "unrestricted"}}
    return Profile(name="p", version=1, kind="sql", level=4, zone="UTC", identity={}, states=states, entities=entities)


class SqlSource:
    entity = "stock"
    page_rows = 2
    secrets = ("s3cret", "no such table", "unable to open")

    def __init__(self, directory: Path) -> None:
        self.file = directory / "erp.sqlite"
        self._away = directory / "away.sqlite"
        self.clock = FixedClock()
        self._tick = 0
        with closing(sqlite3.connect(self.file)) as database:
            database.executescript(_DDL)
        for number in range(25):  # more than one statement's worth of pages, many on one tick
            self._write(
                "INSERT INTO bin VALUES (?, ?, '1.5', 'n', ?)", f"S{number:03d}", f"M{number}", f"t{number // 7:04d}"
            )
        self._write("INSERT INTO part VALUES ('M1', 't0000'), ('M2', 't0000')")
        self.adapter = self._open(str(self.file), profile())

    def _open(self, url: str, mapping: Profile, timeout_s: float = 5.0) -> SqlAdapter:
        connection = Connection(system="erp", url=url, secret="s3cret", page_rows=self.page_rows, timeout_s=timeout_s)
        return SqlAdapter.open(connection, mapping, self.clock)

    def _write(self, text: str, *values: str) -> None:
        with closing(sqlite3.connect(self.file)) as database, database:
            database.execute(text, values)

    def _now(self) -> str:
        self._tick += 1
        return f"t{100 + self._tick // 2:04d}"  # two changes share each tick

    def expected(self, entity: str) -> Mapping[str, Record]:
        common = {"system": "erp", "version_token": "", "as_of": ""}
        with closing(sqlite3.connect(self.file)) as database:
            if entity == "downtime":
                return {"D1": _DOWN}
            if entity == "material":
                rows = database.execute("SELECT no FROM part")
                return {no: Material(**common, source_key=no, material_id=no, base_uom="EA") for (no,) in rows}
            return {
                k: Stock(
                    **common, source_key=k, material_id=mat, site="1000", storage_location_id="A1",
                    stock_type="unrestricted", qty=int(float(qty) * 1_000_000), uom="EA",
                )
                for k, mat, qty in database.execute("SELECT k, mat, qty FROM bin")
            }  # fmt: skip

    def edit(self) -> str:
        self._write("UPDATE bin SET qty = '2.25', chg = ? WHERE k = 'S004'", self._now())
        return "S004"

    def add(self) -> str:
        now = self._now()
        key = f"S0{self._tick:03d}"
        self._write("INSERT INTO bin VALUES (?, 'M9', '0.000001', 'n', ?)", key, now)
        return key

    def delete(self) -> str:
        key = next(key for key in sorted(self.expected("stock")) if key >= "S003")
        self._write("DELETE FROM bin WHERE k = ?", key)
        self._write("INSERT INTO gone VALUES ('bin', ?, ?)", key, self._now())
        return key

    def fault(self, how: Fault) -> None:
        match how:
            case "none":
                self._away.rename(self.file)
            case "down":
                self.file.rename(self._away)
            case "slow":
                self.adapter = self._open(str(self.file), profile(_SLOW), timeout_s=0.02)
            case "nonsense":
                self._write("UPDATE bin SET qty = 'many' WHERE k = 'S020'")


@covers(ADAPTER_CONTRACT, DEMO_PLANT)
@guarantees("adapter.contract")
class TestSqlite(AdapterContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> ContractSource:
        return SqlSource(tmp_path)
