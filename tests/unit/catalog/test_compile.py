"""What the compiler makes of a statement: scope, lineage, arguments, exact days, both dialects."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp
from sqlglot.errors import SqlglotError

from erp_mcp.catalog.load import inspect_file
from erp_mcp.catalog.meaning import fields_of
from erp_mcp.catalog.names import Names
from erp_mcp.catalog.problems import ProblemError
from erp_mcp.catalog.render import render
from erp_mcp.catalog.resolve import Scope, relation_of
from erp_mcp.catalog.results import columns_of
from erp_mcp.catalog.trial import check_runnable
from erp_mcp.domain.tool import Tool
from erp_mcp.projections import reads
from tests.guarantees import guarantees
from tests.unit.projections.small_plant import NOW, TODAY, SmallPlant, compiled, shipped, values_of

CATALOG = shipped()
HEAD = """
name: list_sample
version: 1
title: List samples
description: Samples for a test.
effect: read
level: 4
scope: orders.read
"""
TAIL = "examples:\n  - {}\n"


def tool_of(folder: Path, columns: str, query: str, arguments: str = "{}", more: str = "") -> Tool:
    """Return the tool of one statement, compiled."""
    body = "\n".join(f"    {line}" for line in query.strip().splitlines())
    text = (
        f"{HEAD}arguments: {arguments}\nresult:\n  rows:\n    columns: {columns}\n{more}binding:\n  query: |\n{body}\n"
    )
    return compiled(folder, text + TAIL)


def _rules(folder: Path, columns: str, query: str, arguments: str = "{}") -> list[str]:
    path = folder / "sample" / "list_sample.yaml"
    path.parent.mkdir(exist_ok=True)
    body = "\n".join(f"    {line}" for line in query.strip().splitlines())
    text = f"{HEAD}arguments: {arguments}\nresult:\n  rows:\n    columns: {columns}\nbinding:\n  query: |\n{body}\n"
    path.write_text(text + TAIL, encoding="utf-8")
    return [finding.rule for finding in inspect_file(path, {})[1]]


async def _rows(tool: Tool, plant: SmallPlant, **given: object) -> list[tuple[object, ...]]:
    got = await reads.run(plant, tool, values_of(tool, **given), sites=None, today=TODAY, now=NOW, deadline_s=5)  # type: ignore[arg-type]
    return list(got.rows["rows"])


_COMPANIES = "SELECT company_code FROM purchase_order_line WHERE {}"


@guarantees("P1.scope")
@pytest.mark.parametrize("tool", list(CATALOG), ids=[tool.name for tool in CATALOG])
def test_every_table_with_a_site_is_read_through_the_scope(tool: Tool) -> None:
    """Checked on the finished text of every shipped tool, independently of how the compiler put it there."""
    for query in tool.reads:
        tree = sqlglot.parse_one(query.sql["sqlite"], dialect="sqlite")
        for table in tree.find_all(exp.Table):
            scoped = table.find_ancestor(exp.Select)
            assert scoped is not None
            mine = "site IN (SELECT value FROM JSON_EACH(:site_scope))"
            if table.name == "purchase_order_line" and scoped.sql(dialect="sqlite") == _COMPANIES.format(mine):
                continue  # what says which company codes are those of a site
            if table.name == "budget":
                mine = f"company_code IN ({_COMPANIES.format(mine)})"
            elif "site" not in fields_of(table.name):
                continue
            assert scoped.sql(dialect="sqlite") == f"SELECT * FROM {table.name} WHERE (:site_scope IS NULL OR {mine})"
            assert "site_scope" in query.parameters


@guarantees("P8.masks")
def test_an_argument_knows_every_field_it_filters_by() -> None:
    """Policy refuses a filter on a masked field, also where the field only shows in a condition of a flag."""
    touched = {argument.name: argument.fields for argument in CATALOG.tools["list_sales_orders"].arguments}
    fields = ("confirmed_date", "order_state", "qty_open", "requested_date")
    assert touched["late_only"] == tuple(f"sales_order_line.{field}" for field in fields)
    assert touched["blocked_only"] == ("sales_order_line.credit_status", "sales_order_line.delivery_block")
    assert touched["customer_id"] == ("sales_order_line.customer_id",)
    assert touched["site"] == ()
    searched = {argument.name: argument.fields for argument in CATALOG.tools["find_order"].arguments}
    assert set(searched["reference"]) == {
        "sales_order.sales_order_id", "sales_order.customer_reference", "delivery.delivery_id", "delivery.tracking_id"
    }  # fmt: skip


@guarantees("P8.masks")
def test_a_tool_knows_every_field_by_which_it_chooses_rows_whatever_is_asked(tmp_path: Path) -> None:
    """Policy hides a tool whose rows would tell of a masked field; links by id stand apart, optional filters don't."""
    tool = tool_of(
        tmp_path,
        "{order_id: {from: [sales_order.sales_order_id]}}",
        """
SELECT o.sales_order_id AS order_id
FROM sales_order AS o
JOIN sales_order_line AS l ON l.sales_order_id = o.sales_order_id AND l.qty_open > 0
WHERE o.net_value > 0 AND NOT (o.note IS NULL OR EXISTS (SELECT d.line FROM delivery AS d WHERE d.delivered = 1))
  AND (:late = 0 OR l.confirmed_date > l.requested_date) AND o.order_state IN (:state)
ORDER BY o.order_date
""",
        "{late: {type: flag, default: false}, state: {type: code, many: true, values: [open], default: [open]}}",
    )
    assert tool.conditions == (
        "delivery.delivered",
        "sales_order.net_value",
        "sales_order.note",
        "sales_order.order_date",
        "sales_order.order_state",
        "sales_order_line.qty_open",
    )


@guarantees("P8.masks")
@pytest.mark.parametrize(
    ("test", "arguments", "chosen"),
    [
        ("(:late = 0 OR o.net_value > 0)", "{late: {type: flag, default: false}}", False),
        ("(o.net_value > 0 OR (0 = :late))", "{late: {type: flag, default: false}}", False),
        ("(:all = 1 OR o.net_value > 0)", "{all: {type: flag, default: false}}", True),
        ("(:late = 0 OR o.net_value > 0)", "{late: {type: flag, default: true}}", True),
        ("(:late = 0 AND o.net_value > 0)", "{late: {type: flag, default: false}}", True),
        ("(:note IS NULL OR o.net_value > 0)", "{note: {type: text}}", False),
        ("(o.credit_status IN (:credit) OR o.net_value > 0)", "{credit: {type: code, many: true, values: [a]}}", False),
        ("(o.credit_status IN (:credit) AND o.net_value > 0)", "{credit: {type: code, many: true, values: [a]}}", True),
        (
            "((o.credit_status IN (:credit) AND o.net_value > 0) OR o.note IS NULL)",
            "{credit: {type: code, many: true, values: [a]}}",
            True,
        ),
        ("(:note IS NULL OR o.note = :note) AND (NOT :note IS NULL OR o.net_value > 0)", "{note: {type: text}}", True),
    ],
)
def test_a_filter_that_works_unless_the_caller_says_otherwise_chooses_rows(
    tmp_path: Path, test: str, arguments: str, chosen: bool
) -> None:
    """A role that must not see the field would learn of it from the rows of a plain call."""
    query = f"SELECT o.sales_order_id AS order_id FROM sales_order AS o WHERE {test}"
    tool = tool_of(tmp_path, "{order_id: {from: [sales_order.sales_order_id]}}", query, arguments)
    assert ("sales_order.net_value" in tool.conditions) is chosen


@guarantees("P8.masks")
@pytest.mark.parametrize("link", ["l.sales_order_id = o.note", "o.note = l.sales_order_id"])
def test_an_id_compared_with_a_value_is_a_choice_and_no_link(tmp_path: Path, link: str) -> None:
    """The row that comes tells the value."""
    query = f"SELECT o.sales_order_id AS order_id FROM sales_order AS o JOIN sales_order_line AS l ON {link}"
    tool = tool_of(tmp_path, "{order_id: {from: [sales_order.sales_order_id]}}", query)
    assert "sales_order.note" in tool.conditions


@guarantees("P8.masks")
def test_lineage_is_followed_through_sub_queries_conditions_and_recursion(tmp_path: Path) -> None:
    """A mask on a field must reach every column that tells something of it."""
    tool = tool_of(
        tmp_path,
        """
      order_id: {from: [production_order.production_order_id]}
      rich: {kind: flag, from: [sales_order.net_value]}
      held: {kind: integer, from: [lot.lot_id, lot.material_id, production_order.material_id, lot.lot_disposition]}
""",
        """
WITH RECURSIVE tree(id, mat, so) AS (
  SELECT p.production_order_id, p.material_id, p.sales_order_id FROM production_order AS p
  UNION ALL
  SELECT c.production_order_id, c.material_id, t.so FROM tree AS t
  JOIN production_order AS c ON c.parent_order_id = t.id
)
SELECT t.id AS order_id,
       CASE WHEN (SELECT MAX(o.net_value) FROM sales_order AS o WHERE o.sales_order_id = t.so) > 0 THEN 1 ELSE 0 END
         AS rich,
       CASE WHEN EXISTS (SELECT l.lot_id FROM lot AS l
                         WHERE l.material_id = t.mat AND l.lot_disposition = 'Restricted') THEN 1 ELSE 0 END AS held
FROM tree AS t
""",
    )
    assert set(tool.reads[0].columns[2].fields) == {
        "lot.lot_id", "lot.material_id", "production_order.material_id", "lot.lot_disposition"
    }  # fmt: skip
    assert tool.reads[0].entities == ("lot", "production_order", "sales_order")


@guarantees("P8.text_is_data")
def test_text_from_outside_stays_marked_whatever_it_is_mixed_with(tmp_path: Path) -> None:
    """COALESCE of a note and an id is still a note."""
    tool = tool_of(
        tmp_path,
        "{note: {kind: text, from: [sales_order.note, sales_order.sales_order_id]}}",
        "SELECT COALESCE(o.note, o.sales_order_id) AS note FROM sales_order AS o",
    )
    column = tool.tables[0].columns[0]
    assert (column.kind, column.outsider) == ("text", True)


@guarantees("P7.exact_numbers")
async def test_days_and_hours_are_whole_and_exact(tmp_path: Path) -> None:
    """A day count by fractions of days falls one short at some hours."""
    plant = SmallPlant()
    common = {"site": "1000", "work_center_id": "W", "production_order_id": "P", "response_state": "Running"}
    starts = ["2026-03-14T05:00:00Z", "2026-03-14T05:00:01Z", "2026-03-16T04:00:00Z", "2026-03-15T23:59:59Z", None]
    for number, started in enumerate(starts):
        plant.add("job", job_id=f"J{number}", started_at=started, **common)
    tool = CATALOG.tools["list_wip_jobs"]
    from erp_mcp.projections.paging import Page

    got = await reads.run(
        plant, tool, values_of(tool), sites=None, today=TODAY, now=NOW, deadline_s=5, page=Page(limit=9)
    )
    ages = [row[8] for row in got.rows["jobs"]]
    assert ages == [48, 47, 1, 5, None]
    got = await reads.run(
        plant, tool, values_of(tool, min_age_h=48), sites=None, today=TODAY, now=NOW, deadline_s=5, page=Page(limit=9)
    )
    assert [row[0] for row in got.rows["jobs"]] == ["J0"]


@guarantees("catalog.lint")
async def test_not_in_an_absent_list_excludes_nothing(tmp_path: Path) -> None:
    """The test for absence stands around the NOT, not inside it."""
    plant = SmallPlant()
    for number in range(3):
        plant.add("customer", customer_id=f"C{number}")
    tool = tool_of(
        tmp_path,
        "{customer_id: {from: customer.customer_id}}",
        "SELECT c.customer_id FROM customer AS c WHERE NOT c.customer_id IN (:without) ORDER BY c.customer_id",
        "{without: {type: id, many: true}}",
    )
    assert len(await _rows(tool, plant)) == 3
    assert await _rows(tool, plant, without=["C0", "C2"]) == [("C1",)]


@guarantees("P7.exact_numbers", "catalog.lint")
@pytest.mark.parametrize(
    ("expression", "rule"),
    [
        ("o.net_value * 2", "sql.arithmetic"),
        ("o.net_value / 2", "sql.not_allowed"),
        ("o.net_value + 1", "sql.scaled_literal"),
        ("o.net_value + l.qty_open", "sql.mixed_kinds"),
        ("COALESCE(o.net_value, l.qty_open)", "sql.mixed_kinds"),
        ("GREATEST(o.net_value, l.qty_open)", "sql.mixed_kinds"),
        ("CASE WHEN l.qty_open > 0 THEN o.net_value ELSE l.qty_open END", "sql.mixed_kinds"),
        ("o.net_value + o.order_date", "sql.mixed_kinds"),
        ("o.net_value || 'x'", "sql.mixed_kinds"),
        ("SUM(o.order_date)", "sql.arithmetic"),
        ("DATE_DIFF(o.order_date, l.as_of, DAY)", "sql.mixed_kinds"),
        ("CAST(o.net_value AS REAL)", "sql.not_allowed"),
        ("ROUND(o.net_value)", "sql.not_allowed"),
        ("o.net_value + 1.5", "sql.not_allowed"),
        ("JSON_EXTRACT(o.note, '$')", "sql.not_allowed"),
        ("RANDOM()", "sql.not_allowed"),
        ("CURRENT_DATE", "sql.not_allowed"),
        ("SUM(o.net_value) OVER (PARTITION BY o.site)", "sql.not_allowed"),
        ("(SELECT s.qty, s.uom FROM stock AS s)", "sql.subquery"),
        ("LOWER(o.net_value)", "sql.mixed_kinds"),
    ],
)
def test_numbers_keep_their_meaning_and_only_listed_functions_exist(tmp_path: Path, expression: str, rule: str) -> None:
    """Scaled integers look like any number to SQL, so the compiler has to know better."""
    query = f"""
SELECT {expression} AS x FROM sales_order AS o JOIN sales_order_line AS l ON l.sales_order_id = o.sales_order_id
"""
    assert rule in _rules(tmp_path, "{x: {kind: integer}}", query)


@guarantees("catalog.lint")
@pytest.mark.parametrize(
    ("query", "rule"),
    [
        ("SELECT o.site FROM sales_order AS o UNION SELECT o.site FROM nothing AS o", "sql.unknown_table"),
        ("SELECT o.site FROM sales_order AS o INTERSECT SELECT l.site FROM lot AS l", "sql.not_select"),
        ("SELECT o.site FROM sales_order AS o, lot AS l", "sql.join"),
        ("SELECT o.site FROM sales_order AS o RIGHT JOIN lot AS l ON l.site = o.site", "sql.join"),
        ("SELECT o.site FROM sales_order AS o JOIN lot AS l USING (site)", "sql.join"),
        ("SELECT o.site FROM main.sales_order AS o", "sql.not_allowed"),
        ("SELECT o.site FROM JSON_EACH('[]') AS o", "sql.not_allowed"),
        ("SELECT o.site FROM sales_order AS o FOR UPDATE", "sql.not_allowed"),
        ("SELECT o.site FROM (SELECT * FROM sales_order) AS o", "sql.star"),
        (
            "SELECT o.site FROM sales_order AS o WHERE o.site IN (SELECT l.site FROM lot AS l LIMIT 1)",
            "sql.not_allowed",
        ),
        ("WITH lot AS (SELECT o.site FROM sales_order AS o) SELECT l.site FROM lot AS l", "sql.shadowed_table"),
        ("SELECT o.site FROM sales_order AS o WHERE o.site = :site_scope", "sql.unknown_parameter"),
        ("SELECT o.site FROM sales_order AS o WHERE o.site LIKE 'a%'", "sql.not_allowed"),
        (
            "SELECT o.site FROM lot AS o WHERE o.site IN (WITH lot AS (SELECT 1 AS s) (SELECT l.s FROM lot AS l))",
            "sql.shadowed_table",
        ),
        ("UPDATE sales_order SET site = '1'", "sql.not_select"),
        ("PRAGMA table_info(lot)", "sql.not_select"),
        ("SELECT 1 AS site JOIN lot AS l", "sql.join"),
        ("SELECT COUNT() AS site FROM sales_order AS o", "sql.syntax"),
        ("SELECT COALESCE(o.site ALL, o.site) AS site FROM sales_order AS o", "sql.syntax"),
        ("ATTACH DATABASE 'x' AS y", "sql.syntax"),
        ("SELECT o.site FROM sales_order AS o WHERE", "sql.syntax"),
        ("SELECT 1 AS site", "result.lineage"),
    ],
)
def test_what_is_not_one_plain_select_is_refused(tmp_path: Path, query: str, rule: str) -> None:
    """Every way around scope or paging is closed by refusing what is not known."""
    assert rule in _rules(tmp_path, "{site: {from: sales_order.site}}", query)


JOINED = """
SELECT o.sales_order_id AS x FROM sales_order AS o JOIN lot AS l ON l.site <> o.site
WHERE NOT o.site IN ( SELECT s.site FROM stock AS s WHERE s.lot_id = l.lot_id )
"""
RECURSIVE = """
WITH RECURSIVE t ( x , n ) AS ( SELECT p.production_order_id , 1 FROM production_order AS p UNION ALL
SELECT c.production_order_id , t.n + 1 FROM t JOIN production_order AS c ON c.parent_order_id = t.x WHERE t.n < 4 )
SELECT t.x FROM t LEFT JOIN lot AS l ON l.lot_id = t.x
"""
NESTED = """
SELECT COALESCE( ( SELECT MAX(s.lot_id) FROM stock AS s ) , o.note ) AS x
FROM ( SELECT a.note , a.site FROM sales_order AS a UNION SELECT b.lot_id , b.site FROM lot AS b ) AS o
WHERE EXISTS ( SELECT 1 FROM stock AS s WHERE s.site = o.site )
"""
SHAPES = (JOINED, RECURSIVE, NESTED)
MORE_WORDS = {"*", ",", "AND", "OR", "NULL", "INNER", "ALL"}
WORDS = sorted({word for shape in SHAPES for word in shape.split()} | MORE_WORDS)
EDITS = st.lists(
    st.tuples(st.sampled_from(["swap", "drop", "add"]), st.integers(0, 200), st.sampled_from(WORDS)), max_size=3
)


@guarantees("P1.scope", "catalog.lint")
@settings(deadline=None, max_examples=150)
@given(shape=st.sampled_from(SHAPES), edits=EDITS)
def test_no_statement_that_compiles_sees_another_site_and_none_breaks_the_compiler(
    shape: str, edits: list[tuple[str, int, str]]
) -> None:
    """Whatever an author writes, joins and recursions across sites included, rows of other sites stay out."""
    words = shape.split()
    for edit, place, word in edits:
        at = place % len(words)
        words[at : at + (edit != "add")] = [] if edit == "drop" else [word]
    names = Names(arguments={}, inputs={})
    try:
        query = sqlglot.parse_one(" ".join(words))
        relation = relation_of(query, Scope(names=names))
    except (ProblemError, SqlglotError):
        return
    rendering = render(query, {}, columns_of(relation, None), None)
    try:
        check_runnable(rendering.sql["sqlite"], rendering.parameters)
    except ProblemError:
        return
    values = {"site_scope": '["1000"]'}
    steps = iter(range(200))
    TWO_SITES.database.set_progress_handler(lambda: next(steps, None) is None, 1000)
    try:
        rows = TWO_SITES.database.execute(rendering.sql["sqlite"], values).fetchall()
    except sqlite3.OperationalError:
        return  # an edit has made a recursion without end; deadlines are the read model's matter
    assert not [row for row in rows if any("2000" in str(cell) for cell in row)]


def _two_sites() -> SmallPlant:
    plant = SmallPlant()
    for site, other in (("1000", "2000"), ("2000", "1000")):  # each order's parent is of the other site
        for number in range(3):
            own = f"{site}-{number}"
            plant.add("sales_order", sales_order_id=own, site=site, customer_id=own, order_state=own, note=own)
            plant.add("lot", lot_id=own, material_id="M", site=site)
            plant.add(
                "stock", material_id="M", site=site, storage_location_id=own, lot_id=own, stock_type=own, qty=1, uom=own
            )  # fmt: skip
            plant.add(
                "production_order", production_order_id=own, site=site, material_id="M", qty_planned=1, uom=own,
                request_state=own, parent_order_id=f"{other}-{number}",
            )  # fmt: skip
    return plant


TWO_SITES = _two_sites()


@guarantees("catalog.lint")
@pytest.mark.parametrize("tool", list(CATALOG), ids=[tool.name for tool in CATALOG])
def test_statements_are_plain_in_both_dialects(tool: Tool) -> None:
    """One SELECT each, and in the dialect of PostgreSQL every parameter has its type."""
    for query in tool.reads:
        assert len(sqlglot.parse(query.sql["sqlite"], dialect="sqlite")) == 1
        postgres = sqlglot.parse_one(query.sql["postgres"], dialect="postgres")
        bound = list(postgres.find_all(exp.Placeholder))
        assert {node.name for node in bound} == set(query.parameters)
        assert all(isinstance(node.parent, exp.Cast) for node in bound)


@guarantees("P8.masks")
@pytest.mark.parametrize(
    ("query", "via"),
    [
        (
            "SELECT c.name FROM sales_order AS o LEFT JOIN customer AS c ON c.customer_id = o.customer_id",
            ("customer.customer_id", "sales_order.customer_id"),
        ),
        (
            "SELECT (SELECT MAX(name) FROM customer WHERE customer_id = o.customer_id) AS name FROM sales_order AS o",
            ("customer.customer_id", "customer.name", "sales_order.customer_id"),  # the greatest is worked out as well
        ),
        (
            """WITH n AS (SELECT c.name FROM sales_order AS o JOIN customer AS c ON c.customer_id = o.customer_id)
               SELECT n.name FROM n""",
            ("customer.customer_id", "sales_order.customer_id"),
        ),
        (
            """SELECT c.name FROM delivery AS d JOIN sales_order AS o ON o.sales_order_id = d.sales_order_id
               JOIN customer AS c ON c.customer_id = o.customer_id""",
            (
                "customer.customer_id",
                "delivery.sales_order_id",
                "sales_order.customer_id",
                "sales_order.sales_order_id",
            ),
        ),
        ("SELECT c.name FROM customer AS c", ()),
    ],
)
def test_a_column_knows_by_which_fields_it_was_looked_up(tmp_path: Path, query: str, via: tuple[str, ...]) -> None:
    """In a join, a sub-query, along a chain, out of a WITH: whoever hides a side of the link hides where it leads."""
    tool = tool_of(tmp_path, "{name: {from: customer.name}}", query)

    (column,) = tool.reads[0].columns
    assert (column.fields, column.via) == (("customer.name",), via)
