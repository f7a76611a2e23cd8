"""What rows are linked by: ids whose being equal decides which rows there are, how many, or what is added up."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from erp_mcp.catalog.choosing import told_apart
from erp_mcp.catalog.compiled import from_json, to_json
from erp_mcp.catalog.registry import catalog_of
from erp_mcp.domain.tool import Column, Tool
from tests.guarantees import guarantees
from tests.unit.catalog.test_compile import tool_of
from tests.unit.projections.small_plant import shipped

LOT, STOCK, HELD = "lot.lot_id", "stock.lot_id", "quality_notification.lot_id"
LOTS = "SELECT l.lot_id AS id FROM lot AS l"
IDS = "{id: {from: [lot.lot_id]}}"
KEYED = "LEFT JOIN customer AS c ON c.customer_id = o.customer_id"


def _column(tool: Tool) -> Column:
    (column,) = tool.reads[0].columns
    return column


@guarantees("P8.masks")
@pytest.mark.parametrize(
    ("query", "links"),
    [
        (f"{LOTS} JOIN stock AS s ON s.lot_id = l.lot_id", {(LOT, STOCK)}),
        (f"{LOTS} LEFT JOIN stock AS s ON s.lot_id = l.lot_id", {(LOT, STOCK)}),
        (f"{LOTS} WHERE l.lot_id IN (SELECT s.lot_id FROM stock AS s)", {(LOT, STOCK)}),
        (f"{LOTS} WHERE EXISTS (SELECT s.qty FROM stock AS s WHERE s.lot_id = l.lot_id)", {(LOT, STOCK, "stock.qty")}),
        (
            f"{LOTS} WHERE NOT EXISTS (SELECT s.qty FROM stock AS s WHERE s.lot_id = l.lot_id)",
            {(LOT, STOCK, "stock.qty")},
        ),
        (f"{LOTS} WHERE (SELECT SUM(s.qty) FROM stock AS s WHERE s.lot_id = l.lot_id) > 0", {(LOT, STOCK)}),
        (f"{LOTS} WHERE l.site = '1' OR l.lot_id IN (SELECT s.lot_id FROM stock AS s)", {(LOT, STOCK)}),
        (
            """WITH t AS (SELECT l.lot_id, (SELECT SUM(s.qty) FROM stock AS s WHERE s.lot_id = l.lot_id) AS qty
               FROM lot AS l) SELECT t.lot_id AS id FROM t WHERE t.qty > 0""",
            {(LOT, STOCK)},
        ),
        (
            """WITH t AS (SELECT l.lot_id FROM lot AS l JOIN stock AS s ON s.lot_id = l.lot_id)
               SELECT t.lot_id AS id FROM t""",
            {(LOT, STOCK)},
        ),
        (
            """SELECT t.lot_id AS id
               FROM (SELECT l.lot_id FROM lot AS l JOIN stock AS s ON s.lot_id = l.lot_id) AS t""",
            {(LOT, STOCK)},
        ),
        (
            f"{LOTS} WHERE l.site = '1' UNION ALL {LOTS} JOIN stock AS s ON s.lot_id = l.lot_id",
            {(LOT, STOCK)},
        ),
        (f"{LOTS} UNION {LOTS}", set()),
        (f"{LOTS} UNION ALL {LOTS}", set()),
        ("SELECT DISTINCT l.lot_id AS id FROM lot AS l", set()),
        ("SELECT MAX(l.lot_id) AS id FROM lot AS l GROUP BY l.material_id", {("lot.material_id",)}),
        (f"{LOTS} WHERE l.lot_disposition = 'Restricted'", set()),
    ],
)
def test_a_tool_knows_by_which_ids_its_rows_are_linked(tmp_path: Path, query: str, links: set[tuple[str, ...]]) -> None:
    """Whoever may see neither id would see from the rows which are equal, and whoever sees one, what the other is."""
    tool = tool_of(tmp_path, IDS, query)

    assert set(tool.links) == {tuple(sorted(one)) for one in links}


@guarantees("P8.masks")
def test_what_rows_are_told_apart_or_sorted_by_counts_as_chosen_by(tmp_path: Path) -> None:
    """How many rows a DISTINCT leaves tells how many values there are; names in order tell what they belong to."""
    columns = "{value: {from: [sales_order.net_value]}, id: {from: [sales_order.customer_id]}}"
    distinct = "SELECT DISTINCT o.net_value AS value, o.customer_id AS id FROM sales_order AS o"
    each = distinct.replace("DISTINCT ", "")
    for query in (distinct, f"{each} UNION {each}"):
        tool = tool_of(tmp_path, columns, query)
        assert ("sales_order.net_value" in tool.conditions, tool.links) == (True, (("sales_order.customer_id",),))

    ordered = f"SELECT c.name AS name FROM sales_order AS o {KEYED} ORDER BY name"
    assert tool_of(tmp_path, "{name: {from: customer.name}}", ordered).links == (
        ("customer.customer_id", "sales_order.customer_id"),
    )


@guarantees("P8.masks")
@pytest.mark.parametrize(
    ("query", "told"),
    [
        (f"SELECT DISTINCT o.sales_order_id AS id, o.net_value AS value, c.name FROM sales_order AS o {KEYED}", set()),
        (
            "SELECT DISTINCT o.net_value AS value, c.name, o.note AS id FROM sales_order AS o " + KEYED,
            {"value", "name"},
        ),
        (
            """SELECT o.sales_order_id AS id, o.net_value AS value, '' AS name FROM sales_order AS o
               UNION SELECT o.sales_order_id, o.net_value, '' FROM sales_order AS o WHERE o.net_value > 0""",
            set(),
        ),
        (
            """SELECT o.sales_order_id AS id, o.net_value AS value, '' AS name FROM sales_order AS o
               UNION SELECT l.sales_order_id, l.net_value, '' FROM sales_order_line AS l""",
            {"value", "name"},
        ),
        (
            """SELECT DISTINCT o.sales_order_id AS id, l.net_value AS value, c.name
               FROM sales_order AS o JOIN sales_order_line AS l ON l.sales_order_id = o.sales_order_id
               LEFT JOIN customer AS c ON c.customer_id = l.customer_id""",
            {"value", "name"},
        ),
        (
            """SELECT DISTINCT o.sales_order_id AS id, 0 AS value, (SELECT COUNT(*) FROM stock AS s) AS name
               FROM sales_order AS o""",
            {"name"},
        ),
    ],
)
def test_a_key_tells_rows_apart_whatever_stands_beside_it(query: str, told: set[str]) -> None:
    """Of rows that hold a key the rest tells nothing: there are as many without it."""
    parsed = sqlglot.parse_one(query)
    assert isinstance(parsed, exp.Query)
    names = [one.alias_or_name for one in parsed.selects]

    beside = {names[place] for place in told_apart(parsed).beside}

    assert beside - {"id"} == told


@guarantees("P8.masks")
def test_a_left_join_by_a_key_links_no_rows_and_what_it_finds_is_looked_up(tmp_path: Path) -> None:
    """There is one row for each whatever is found; the name that is found goes with the id."""
    tool = tool_of(tmp_path, "{name: {from: customer.name}}", f"SELECT c.name FROM sales_order AS o {KEYED}")

    assert tool.links == ()
    assert _column(tool).via == ("customer.customer_id", "sales_order.customer_id")
    each = f"{LOTS} LEFT JOIN lot AS k ON k.lot_id = k.material_id"  # by nothing of the other: any number of them
    assert tool_of(tmp_path, IDS, each).links == ((LOT, "lot.material_id"),)


@guarantees("P8.masks")
@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ("(SELECT SUM(s.qty) FROM stock AS s WHERE s.lot_id = l.lot_id)", "stock.qty"),
        ("(SELECT COUNT(*) FROM stock AS s WHERE s.lot_id = l.lot_id)", ""),
        ("CASE WHEN l.lot_id IN (SELECT s.lot_id FROM stock AS s) THEN 1 ELSE 0 END", f"{LOT}, {STOCK}"),
        (
            "(SELECT SUM(t.qty) FROM (SELECT s.qty FROM stock AS s WHERE s.lot_id = l.lot_id) AS t)",
            "stock.qty",
        ),
        ("COALESCE((SELECT SUM(s.qty) FROM stock AS s JOIN lot AS o ON o.lot_id = s.lot_id), 0)", "stock.qty"),
    ],
)
def test_a_figure_of_a_sub_query_tells_of_the_ids_that_decide_what_it_counts(
    tmp_path: Path, value: str, fields: str
) -> None:
    """The rows stay, whatever the ids are; the figure goes with either of them."""
    kind = "quantity" if fields == "stock.qty" else "integer"
    tool = tool_of(tmp_path, f"{{n: {{kind: {kind}, from: [{fields}]}}}}", f"SELECT {value} AS n FROM lot AS l")

    column = _column(tool)
    assert {LOT, STOCK} <= {*column.fields, *column.via}
    assert tool.links == ()


@guarantees("P8.masks")
def test_a_filter_tells_of_the_ids_by_which_it_looks_up(tmp_path: Path) -> None:
    """Who may not see the id is refused the filter, and not the tool."""
    tool = tool_of(
        tmp_path,
        IDS,
        """WITH t AS (SELECT l.lot_id, (SELECT SUM(s.qty) FROM stock AS s WHERE s.lot_id = l.lot_id) AS qty
           FROM lot AS l) SELECT t.lot_id AS id FROM t WHERE (:held = 0 OR t.qty > 0)""",
        "{held: {type: flag, default: false}}",
    )

    assert tool.links == ()
    assert set(tool.arguments[0].fields) == {LOT, STOCK, "stock.qty"}


@guarantees("P8.masks")
def test_rows_of_a_later_read_are_linked_with_those_of_the_earlier_that_they_are_read_for() -> None:
    """As shipped: the notifications of the lots, by the lot; and the rows keep their links in the compiled form."""
    lots = shipped().tools["list_hold_lots"]

    assert any({LOT, HELD} <= set(one) for one in lots.links)
    assert from_json(to_json(catalog_of([lots]))).tools["list_hold_lots"].links == lots.links
