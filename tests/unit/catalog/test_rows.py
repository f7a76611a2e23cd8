"""Arguments that are tables: lines of an order, moves between orders. Each cell is as strict as an argument."""

from __future__ import annotations

from pathlib import Path

import jsonschema_rs
import pytest

from erp_mcp.catalog.arguments import check
from erp_mcp.catalog.compiled import from_json, to_json
from erp_mcp.catalog.load import inspect_file
from erp_mcp.catalog.registry import catalog_of
from erp_mcp.catalog.schemas import input_schema
from erp_mcp.domain.call import JsonValue, Rows
from erp_mcp.domain.decision import Mask
from erp_mcp.domain.tool import Tool
from erp_mcp.errors import InvalidArgumentError, MaskedFieldError, UnknownArgumentError
from erp_mcp.policy.obligations import check_masked_arguments
from erp_mcp.projections import reads
from erp_mcp.proposing import fingerprint_of
from tests.guarantees import guarantees
from tests.unit.projections.small_plant import NOW, TODAY, SmallPlant, compiled

FILE = """
name: list_sources_of
version: 1
title: List sources of lines
description: Supply sources for the lines of a wish.
effect: read
level: 4
scope: procurement.read
arguments:
  lines:
    type: rows
    required: true
    max_items: 3
    description: What is wanted.
    columns:
      material_id: {type: id, required: true}
      qty: {type: quantity, required: true, minimum: 1, maximum: 100}
      delivery_date: {type: date}
result:
  sources:
    columns:
      supplier_id: {from: supply_source.supplier_id}
      material_id: {from: supply_source.material_id}
binding:
  query: |
    SELECT s.supplier_id, s.material_id FROM supply_source AS s
    WHERE s.material_id IN (:lines.material_id) ORDER BY s.supplier_id
examples:
  - {lines: [{material_id: RM-1, qty: "5"}]}
"""
LINE: dict[str, JsonValue] = {"material_id": "RM-1", "qty": "12.5"}


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """A tool that takes lines."""
    return compiled(tmp_path_factory.mktemp("tools"), FILE)


@guarantees("input.clear_errors")
def test_rows_become_a_table_with_exact_numbers_and_nothing_lost(tool: Tool) -> None:
    """Equal lines stay two lines; what is left out is empty."""
    lines: list[JsonValue] = [LINE, LINE, {**LINE, "delivery_date": "2026-04-01"}]
    given = check(tool, {"lines": lines}).arguments["lines"]
    assert isinstance(given, Rows)
    assert given.columns == ("material_id", "qty", "delivery_date")
    assert given.column("qty") == (12_500_000,) * 3
    assert given.records()[2] == {"material_id": "RM-1", "qty": 12_500_000, "delivery_date": "2026-04-01"}


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("lines", "argument", "rule"),
    [
        ("RM-1", "lines", "type"),
        ([], "lines", "items"),
        ([LINE] * 4, "lines", "items"),
        (["RM-1"], "lines[0]", "type"),
        ([LINE, {"qty": "1"}], "lines[1].material_id", "required"),
        ([{**LINE, "qty": 5}], "lines[0].qty", "type"),
        ([{**LINE, "qty": "0.5"}], "lines[0].qty", "range"),
        ([{**LINE, "delivery_date": "2026-02-30"}], "lines[0].delivery_date", "calendar"),
        ([{**LINE, "material_id": None}], "lines[0].material_id", "type"),
    ],
)
def test_what_breaks_a_row_is_refused_with_its_place(tool: Tool, lines: JsonValue, argument: str, rule: str) -> None:
    """Whoever sent fifty lines learns which one and what to write there."""
    with pytest.raises(InvalidArgumentError) as refused:
        check(tool, {"lines": lines})
    assert (refused.value.facts["argument"], refused.value.facts["rule"]) == (argument, rule)
    assert "RM-1" not in str(refused.value.facts)


@guarantees("input.clear_errors")
def test_a_column_that_is_none_is_refused_with_the_nearest(tool: Tool) -> None:
    """A misspelt optional column would be left out in silence otherwise."""
    with pytest.raises(UnknownArgumentError) as refused:
        check(tool, {"lines": [{**LINE, "delivery_day": "2026-04-01"}]})
    assert refused.value.facts == {"argument": "lines[0].delivery_day", "suggestion": "delivery_date"}


@guarantees("docs.agree")
def test_the_published_schema_says_what_a_row_is(tool: Tool) -> None:
    """What is shown to a model and what is enforced agree."""
    schema = jsonschema_rs.validator_for(input_schema(tool))
    schema.validate({"lines": [LINE]})
    for wrong in ({"lines": [{"qty": "1"}]}, {"lines": [{**LINE, "price": "1"}]}, {"lines": LINE}, {}):
        assert not schema.is_valid(wrong)


@guarantees("P1.scope")
async def test_a_statement_looks_up_by_a_column_of_the_rows(tool: Tool) -> None:
    """Bound as a list, like what an earlier read found; a role's sites narrow it as ever."""
    plant = SmallPlant()
    for supplier, material, site in (("V1", "RM-1", "1000"), ("V2", "RM-2", "1000"), ("V3", "RM-1", "2000")):
        plant.add("supply_source", supplier_id=supplier, material_id=material, site=site)
    found = {}
    for sites in (None, ("2000",)):
        checked = check(tool, {"lines": [LINE, LINE, {**LINE, "material_id": "RM-9"}]}).arguments
        got = await reads.run(plant, tool, checked, sites=sites, today=TODAY, now=NOW, deadline_s=5)
        found[sites] = [row[0] for row in got.rows["sources"]]
    assert found == {None: ["V1", "V3"], ("2000",): ["V3"]}


@guarantees("P8.masks")
def test_rows_filter_by_no_masked_field(tool: Tool) -> None:
    """Lines of many guesses would find out what is masked."""
    checked = check(tool, {"lines": [LINE]}).arguments
    with pytest.raises(MaskedFieldError):
        check_masked_arguments(tool, checked, [Mask(field="supply_source.material_id", way="drop")])


@guarantees("P4.idempotent")
def test_what_a_call_means_depends_on_each_cell(tool: Tool) -> None:
    """The same key with another line is another wish."""
    lines: list[list[JsonValue]] = [[LINE], [{**LINE, "qty": "12.500"}], [{**LINE, "qty": "13"}], [LINE, LINE]]
    prints = [fingerprint_of(tool, check(tool, {"lines": one}).arguments) for one in lines]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


@guarantees("catalog.lint")
def test_the_compiled_form_keeps_the_columns(tool: Tool) -> None:
    """Serving reads the compiled form, never the file."""
    assert from_json(to_json(catalog_of([tool]))).tools[tool.name] == tool


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (":lines.material_id", ":lines", "sql.list"),
        (":lines.material_id", ":lines.qty", "sql.unknown_input"),
        (":lines.material_id", ":lines.supplier_id", "sql.unknown_input"),
        ("type: rows", "type: id", "argument.form"),
        ("material_id: {type: id, required: true}", "material_id: {type: id, values: [A]}", "argument.form"),
        ("max_items: 3", "default: x", "argument.form"),
    ],
)
def test_a_file_that_misuses_rows_is_refused(tmp_path: Path, old: str, new: str, rule: str) -> None:
    """Before anybody can call it."""
    path = tmp_path / "sample" / "list_sources_of.yaml"
    path.parent.mkdir()
    assert old in FILE
    path.write_text(FILE.replace(old, new, 1), encoding="utf-8")
    assert rule in {finding.rule for finding in inspect_file(path, {})[1]}
