"""The dates of a purchase order line as the demo ERP's profile reads them, also after people changed the line."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.systems.load import load_profile
from tests.guarantees import guarantees

SYSTEMS: Final = Path(__file__).parents[3] / "erp_mcp" / "systems"
ENTITY: Final = load_profile("demo-erp", [SYSTEMS]).entities["purchase_schedule_line"]
Dates = list[tuple[str, str, str, str]]


class Erp:
    """The tables of a demo ERP in memory, with a line of 100 of which 45 come ahead, on 17 March."""

    def __init__(self, path: Path) -> None:
        self.tables = sqlite3.connect(":memory:")
        with closing(sqlite3.connect(path)) as file:
            file.backup(self.tables)
        self.number, self.item = self.tables.execute(
            "SELECT i.po_no, i.item_no FROM po_item i JOIN po_part p USING (po_no, item_no)"
            " WHERE i.stat = 'OPEN' AND i.qty_ord = '100.000' AND p.qty = '45.000' AND p.promise = '2026-03-17'"
        ).fetchone()

    def change(self, **values: str) -> None:
        """Change the line as a command does."""
        told = ", ".join(f"{name} = :{name}" for name in values)
        where = f"po_no = '{self.number}' AND item_no = '{self.item}'"
        self.tables.execute(f"UPDATE po_item SET {told} WHERE {where}", values)

    def dates(self) -> Dates:
        """Return number, date, quantity ordered and quantity open of each schedule line."""
        statement = f"SELECT schedule_line, promised_date, qty_ordered, qty_open FROM ({ENTITY['statement']})"
        where = f" WHERE purchase_order_id = '{self.number}' AND line = '{self.item}' ORDER BY source_key"
        return self.tables.execute(statement + where).fetchall()


@pytest.fixture
def erp(plant: DemoPlant) -> Iterator[Erp]:
    it = Erp(plant.erp)
    with closing(it.tables):
        yield it


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, [("2026-03-17", "45.000", "45.000"), ("2026-04-13", "55.000", "55.000")]),
        ({"qty_recv": "30.500", "qty_open": "69.500"},
         [("2026-03-17", "45.000", "14.500"), ("2026-04-13", "55.000", "55.000")]),
        ({"qty_recv": "60.000", "qty_open": "40.000"},
         [("2026-03-17", "45.000", "0.000"), ("2026-04-13", "55.000", "40.000")]),
        ({"promise": "2026-03-10"}, [("2026-03-10", "45.000", "45.000"), ("2026-03-10", "55.000", "55.000")]),
        ({"qty_ord": "40.000", "qty_open": "40.000"},
         [("2026-03-17", "40.000", "40.000"), ("2026-04-13", "0.000", "0.000")]),
        ({"qty_ord": "100.001", "qty_open": "100.001"},
         [("2026-03-17", "45.000", "45.000"), ("2026-04-13", "55.001", "55.001")]),
        ({"stat": "CANC", "qty_open": "0.000"},
         [("2026-03-17", "45.000", "0.000"), ("2026-04-13", "55.000", "0.000")]),
    ],
)  # fmt: skip
def test_the_dates_of_a_line_follow_what_happens_to_the_line(
    erp: Erp, change: dict[str, str], told: list[tuple[str, ...]]
) -> None:
    """Received, moved, made smaller, cancelled: quantities add up to the line's, and no part is later than the rest."""
    erp.change(promise="2026-04-13")
    if change:
        erp.change(**change)
    assert [line[1:] for line in erp.dates()] == told
    assert [line[0] for line in erp.dates()] == ["0001", "0002"]


@guarantees("P7.demo_plant")
def test_a_line_that_is_gone_takes_its_dates_with_it(erp: Erp) -> None:
    """Both numbers that a line can have are named, or a deleted line would stay in the answers."""
    erp.tables.execute("DELETE FROM po_item WHERE po_no = ? AND item_no = ?", (erp.number, erp.item))
    erp.tables.execute(
        "INSERT INTO deletion_log VALUES ('po_item', ?, '2026-03-16T05:00:00Z')", (f"{erp.number}/{erp.item}",)
    )
    erp.tables.execute("INSERT INTO deletion_log VALUES ('so_item', '1/10', '2026-03-16T05:00:00Z')")
    gone = {key for key, _ in erp.tables.execute(str(ENTITY["tombstones"]))}
    assert gone == {f"{erp.number}/{erp.item}/{number}" for number in ("0001", "0002")}
    assert erp.dates() == []
