"""Pages that are cut out of a table before it is joined or added up are those that the whole statement would give."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.catalog.arguments import check
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities.inventory import Reservation
from erp_mcp.domain.tool import Tool
from erp_mcp.ports import Row
from erp_mcp.projections import reads
from erp_mcp.projections.paging import Page
from tests.guarantees import guarantees
from tests.unit.analyses.random_plant import NOW, SCOPES, TODAY, RandomPlant
from tests.unit.projections.small_plant import shipped

_QUESTIONS: Final[tuple[tuple[str, dict[str, JsonValue]], ...]] = (
    ("get_stock", {"by_lot": True}),
    ("get_stock", {}),
    ("get_stock", {"by_lot": True, "material_id": ["M1", "M3"]}),
    ("list_reservations", {}),
    ("list_reservations", {"need_to": "2026-03-18"}),
    ("list_reservations", {"material_id": "M2"}),
)


@pytest.fixture
def plant(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RandomPlant]:
    """Stock as it comes by chance, and reservations with ids of their own: no page can part two rows of one id."""
    made = RandomPlant(tmp_path / "plant.sqlite", request.param, shipped())
    made.change(80, ("stock",))
    for number in range(40):
        demand = made.chance.choice(("P1", "P2", "SO1", None))
        made.apply("reservation", records=(_reservation(number, demand, made),))
    yield made
    made.close()


def _reservation(number: int, demand: str | None, plant: RandomPlant) -> Reservation:
    chance = plant.chance
    return Reservation(
        system="erp", source_key=f"{number}", version_token="1", as_of=NOW, reservation_id=f"R{number:02d}",
        material_id=chance.choice(("M1", "M2", "M3")), site=chance.choice(("1000", "2000")), uom="EA",
        lot_id=chance.choice(("L1", "L2", None)), demand_type="production_order", demand_id=demand or "P9",
        qty=chance.choice((0, 1_000_000, 2_000_000)), need_date=chance.choice((None, "2026-03-16", "2026-03-18")),
    )  # fmt: skip


def _tool(plant: RandomPlant, name: str) -> Tool:
    tool = plant.catalog.get(name)
    assert tool is not None
    return tool


def _pages(
    plant: RandomPlant, tool: Tool, arguments: dict[str, JsonValue], sites: tuple[str, ...] | None, limit: int
) -> list[Row]:
    """Return all rows of a question, page by page."""
    checked, name = check(tool, arguments).arguments, tool.reads[0].name
    found: list[Row] = []
    page = Page(limit=limit)
    while True:
        got = asyncio.run(
            reads.run(plant.reader, tool, checked, sites=sites, today=TODAY, now=NOW, deadline_s=60, page=page)
        )
        found += got.rows[name]
        if got.next_after is None:
            return found
        page = Page(limit=limit, after=got.next_after)


@guarantees("P7.stable_paging")
@pytest.mark.parametrize("plant", range(4), indirect=True)
def test_pages_cut_early_hold_the_rows_of_one_large_page_in_its_order(plant: RandomPlant) -> None:
    """However small the page is: a group may have many rows of its first sort column, or just one."""
    told = 0
    for name, arguments in _QUESTIONS:
        tool = _tool(plant, name)
        for sites in SCOPES:
            whole = _pages(plant, tool, arguments, sites, 199)
            told += len(whole)
            for limit in (1, 2, 3):
                assert _pages(plant, tool, arguments, sites, limit) == whole, (name, arguments, sites, limit)
    assert told > 50


@guarantees("P7.stable_paging")
def test_only_a_page_is_joined_or_added_up() -> None:
    """The limit stands in the innermost statement too, so that a page costs the same however long the table is."""
    catalog = shipped().tools
    joined = catalog["list_reservations"].reads[0].sql["sqlite"]
    assert joined.index("LIMIT :limit) AS r LEFT JOIN") < joined.index("AS page")
    added = catalog["get_stock"].reads[0].sql["sqlite"]
    assert added.count("LIMIT :limit + 1") == 6
    assert "LIMIT :limit + 1" not in catalog["get_stock"].reads[0].sql["postgres"]
