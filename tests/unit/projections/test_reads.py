"""Running compiled reads: scope, order, inputs, limits and deadlines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from erp_mcp.domain.call import ArgumentValue
from erp_mcp.domain.tool import Query
from erp_mcp.errors import DeadlineError
from erp_mcp.ports import Row, SqlValue
from erp_mcp.projections import reads
from erp_mcp.projections.paging import Page
from tests.guarantees import guarantees
from tests.unit.projections.small_plant import NOW, TODAY, SmallPlant, compiled, shipped, values_of

CHAIN = """
name: get_chain
version: 1
title: Get the chain
description: Orders and what is made for them.
effect: read
level: 4
scope: orders.read
arguments:
  sales_order_id: {type: id, many: true}
result:
  orders:
    max_rows: 2
    columns:
      sales_order_id: {from: sales_order.sales_order_id}
      site: {from: sales_order.site}
  made:
    columns:
      production_order_id: {from: production_order.production_order_id}
      depth: {kind: integer}
  customers:
    columns:
      customer_id: {from: customer.customer_id}
binding:
  document:
    orders: |
      SELECT o.sales_order_id, o.site FROM sales_order AS o WHERE o.sales_order_id IN (:sales_order_id)
      ORDER BY o.sales_order_id
    made:
      optional: true
      query: |
        WITH RECURSIVE tree(production_order_id, depth) AS (
          SELECT p.production_order_id, 1 FROM production_order AS p WHERE p.sales_order_id IN (:orders.sales_order_id)
          UNION ALL
          SELECT c.production_order_id, t.depth + 1
          FROM tree AS t JOIN production_order AS c ON c.parent_order_id = t.production_order_id
          WHERE t.depth < 5
        )
        SELECT t.production_order_id, t.depth FROM tree AS t ORDER BY t.depth, t.production_order_id
    customers: SELECT c.customer_id FROM customer AS c ORDER BY c.customer_id
examples:
  - {sales_order_id: [A]}
"""


def _plant() -> SmallPlant:
    plant = SmallPlant()
    for number, site in ((1, "1000"), (2, "1000"), (3, "2000"), (4, "1000")):
        plant.add("sales_order", sales_order_id=f"A{number}", site=site, customer_id="C-1", order_state="open")
    for number, site, order, parent in (
        (1, "1000", "A1", None),
        (2, "1000", None, "P1"),
        (3, "2000", None, "P1"),
        (4, "1000", None, "P3"),
        (5, "2000", "A3", None),
    ):
        plant.add(
            "production_order", production_order_id=f"P{number}", site=site, material_id="M", qty_planned=1, uom="EA",
            request_state="Released", sales_order_id=order, parent_order_id=parent,
        )  # fmt: skip
    plant.add("customer", customer_id="C-1")
    return plant


async def _run(
    folder: Path,
    *,
    plant: SmallPlant | None = None,
    sites: tuple[str, ...] | None = None,
    deadline_s: float = 5,
    skip: tuple[str, ...] = (),
    arguments: Mapping[str, ArgumentValue] | None = None,
) -> reads.ReadRows:
    tool = compiled(folder, CHAIN)
    values = {**values_of(tool), **(arguments or {})}
    return await reads.run(
        plant or _plant(), tool, values, sites=sites, today=TODAY, now=NOW, deadline_s=deadline_s, skip=skip
    )


@guarantees("P1.scope")
async def test_a_site_out_of_scope_is_absent_wherever_its_table_stands(tmp_path: Path) -> None:
    """Also inside a recursion: P4 is on site 1000, but only reached through P3 of another site."""
    everything = await _run(tmp_path, arguments={"sales_order_id": ("A1", "A3")})
    scoped = await _run(tmp_path, sites=("1000",), arguments={"sales_order_id": ("A1", "A3")})
    assert [row[0] for row in everything.rows["made"]] == ["P1", "P5", "P2", "P3", "P4"]
    assert scoped.rows["orders"] == [("A1", "1000")]
    assert scoped.rows["made"] == [("P1", 1), ("P2", 2)]


@guarantees("P1.scope", "P1.default_deny")
async def test_no_site_in_scope_means_no_row_of_any_site(tmp_path: Path) -> None:
    """An empty list is not the same as no list; master data has no site."""
    got = await _run(tmp_path, sites=())
    assert got.rows["orders"] == []
    assert got.rows["made"] == []
    assert got.rows["customers"] == [("C-1",)]


@guarantees("catalog.lint")
async def test_a_list_argument_that_is_absent_filters_nothing(tmp_path: Path) -> None:
    """An author who forgets the case must not turn it into an empty answer."""
    got = await _run(tmp_path)
    assert [row[0] for row in got.rows["orders"]] == ["A1", "A2"]


@guarantees("P9.bounded")
async def test_more_rows_than_a_table_may_have_are_cut_and_said(tmp_path: Path) -> None:
    """The fourth order is left out, and the answer can say so."""
    got = await _run(tmp_path)
    assert got.truncated == ("orders",)
    assert len(got.rows["orders"]) == 2


@guarantees("P7.provenance")
async def test_an_optional_read_can_be_left_out_and_a_needed_one_cannot(tmp_path: Path) -> None:
    """What is skipped is named, so that the answer is not called complete."""
    got = await _run(tmp_path, skip=("made", "customers"), arguments={"sales_order_id": ("A1",)})
    assert got.rows["made"] == []
    assert got.rows["customers"] == [("C-1",)]
    assert got.skipped == ("made",)


class _Slow(SmallPlant):
    """Uses up the time it is given."""

    async def rows(self, query: Query, parameters: Mapping[str, SqlValue], *, deadline_s: float) -> list[Row]:
        """Give up as the read model does."""
        raise DeadlineError(query=query.name)


@guarantees("P9.bounded")
async def test_the_deadline_holds_for_all_reads_together(tmp_path: Path) -> None:
    """A document of many reads gets no more time than a single one."""
    with pytest.raises(DeadlineError):
        await _run(tmp_path, deadline_s=0.0)
    with pytest.raises(DeadlineError):
        await _run(tmp_path, plant=_Slow())


@guarantees("P7.stable_paging")
async def test_a_page_fetches_one_row_more_than_it_shows() -> None:
    """That is how the last page is known without a count."""
    tool = shipped().tools["list_production_orders"]
    plant = _plant()

    async def turn(page: Page) -> reads.ReadRows:
        return await reads.run(plant, tool, values_of(tool), sites=None, today=TODAY, now=NOW, deadline_s=5, page=page)

    first = await turn(Page(limit=3))
    rest = await turn(Page(limit=3, after=first.next_after))
    assert [row[0] for row in first.rows["orders"]] == ["P1", "P2", "P3"]
    assert [row[0] for row in rest.rows["orders"]] == ["P4", "P5"]
    assert rest.next_after is None


@guarantees("P1.scope")
async def test_nothing_a_caller_sends_stands_in_for_the_scope(tmp_path: Path) -> None:
    """The scope is bound last and under a name that no argument may have."""
    got = await _run(tmp_path, sites=("2000",), arguments={"site_scope": "null", "sales_order_id": None})
    assert got.rows["orders"] == [("A3", "2000")]
