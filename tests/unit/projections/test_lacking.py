"""What a source does not keep is named, for every filter, condition and column of every shipped tool."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pytest

from erp_mcp.analyses import ANALYSES
from erp_mcp.catalog.registry import Catalog
from erp_mcp.domain.analysis import Dependence
from erp_mcp.domain.call import ArgumentValue
from erp_mcp.domain.entities import ENTITIES, field_specs
from erp_mcp.domain.freshness import EntityState
from erp_mcp.domain.kept_fields import left_out, may_be_left_out
from erp_mcp.domain.tool import Argument, Needs, Tool
from erp_mcp.errors import FieldNotKeptError
from erp_mcp.ports import SqlValue
from erp_mcp.projections import reads
from erp_mcp.projections.lacking import Lacking, assess
from erp_mcp.projections.paging import Page
from erp_mcp.systems import load_profile
from erp_mcp.systems.overview import profile_heads
from tests.guarantees import guarantees
from tests.unit.projections.small_plant import NOW, ROOT, TODAY, SmallPlant, shipped

Arguments = dict[str, ArgumentValue]
States = Mapping[str, tuple[EntityState, ...]]
PROFILES = sorted(head.name for head in profile_heads([ROOT / "erp_mcp" / "systems"]))
TOOLS = sorted(path.stem for path in (ROOT / "tools").glob("*/*.yaml") if "effect: read" in path.read_text("utf-8"))
LISTS = [name for name in TOOLS if "analysis:" not in next((ROOT / "tools").glob(f"*/{name}.yaml")).read_text("utf-8")]
OTHERS = [name for name in TOOLS if name not in LISTS]
# What an analysis chooses by and finds nothing else without: a source that does not say when a stop ended, or which
# parent an order has, gives stops that last and orders without parents.
ONLY_CHOSEN_BY = {"downtime.ended_at"}
# Looked up beside each row, and chosen by only when asked for: without it all rows are there.
SHOWN_BY_LOOKING_UP = {"lot.supplier_id"}


@cache
def _catalog() -> Catalog:
    return shipped()


def _tool(name: str) -> Tool:
    tool = _catalog().get(name)
    assert tool is not None
    return tool


def _states(lacks: Mapping[str, Mapping[str, tuple[str, ...]]]) -> States:
    """Give every entity by each of these systems, without the fields named for it."""
    return {
        entity: tuple(
            EntityState(
                system=system, entity=entity, as_of=NOW, rows=1, complete=True, lacks=tuple(fields.get(entity, ()))
            )
            for system, fields in lacks.items()
        )
        for entity in ENTITIES
    }


def _without(*names: str, also: str = "") -> States:
    """Give what one system keeps but these `entity.field` names; `also` is another one that keeps everything."""
    fields: dict[str, tuple[str, ...]] = {}
    for name in names:
        entity, _, field = name.partition(".")
        fields[entity] = (*fields.get(entity, ()), field)
    return _states({"erp": fields, **({also: {}} if also else {})})


def _asked(argument: Argument) -> ArgumentValue:
    if argument.type == "flag":
        return True
    if argument.type == "integer":
        return 1
    value = argument.values[0] if argument.values else "2026-03-16" if argument.type == "date" else "X"
    return (value,) if argument.many else value


def _defaults(tool: Tool) -> Arguments:
    return {one.name: one.default if not one.required else _asked(one) for one in tool.arguments}


def _assess(tool: Tool, arguments: Arguments, states: States) -> Lacking:
    return assess(tool, arguments, states, _rests_on(tool))


def _judged(tool: Tool, arguments: Arguments, states: States) -> Lacking | FieldNotKeptError:
    try:
        return _assess(tool, arguments, states)
    except FieldNotKeptError as refused:
        return refused


def _rests_on(tool: Tool) -> tuple[Dependence, ...]:
    return ANALYSES[tool.analysis].dependences if tool.analysis else ()


def _optional(name: str) -> bool:
    entity, _, field = name.partition(".")
    spec = next(one for one in field_specs(ENTITIES[entity]) if one.name == field)
    return spec.optional and may_be_left_out(entity, field)


def _told(tool: Tool, arguments: Arguments, states: States) -> tuple[dict[str, tuple[str, ...]], bool, bool]:
    """Return what is named with what it affects, whether the answer is whole, and whether there is none at all."""
    found = _judged(tool, arguments, states)
    if isinstance(found, FieldNotKeptError):
        fields = found.facts["fields"]
        assert isinstance(fields, tuple)
        assert found.facts["systems"]
        return dict.fromkeys(fields, (str(found.facts.get("argument", "")),)), False, True
    return {gap.name: gap.affects for gap in found.gaps}, found.complete, False


@guarantees("P7.names_what_a_source_lacks")
@pytest.mark.parametrize("name", LISTS)
def test_each_filter_that_rests_on_an_unbound_field_names_it(name: str) -> None:
    """Field by field: the field, the argument that asked for it, and that the answer is not whole."""
    tool = _tool(name)
    for argument in tool.arguments:
        for field in filter(_optional, argument.fields):
            told, whole, _ = _told(tool, {**_defaults(tool), argument.name: _asked(argument)}, _without(field))
            assert argument.name in told.get(field, ()), (argument.name, field)
            assert not whole, (argument.name, field)


@guarantees("P7.names_what_a_source_lacks")
@pytest.mark.parametrize("name", LISTS)
def test_a_filter_of_which_no_field_is_kept_refuses_or_names_all(name: str) -> None:
    """Never a list that reads as "none": what nothing can decide has no rows to give."""
    tool = _tool(name)
    first = tool.reads[0]
    for argument in tool.arguments:
        fields = [field for field in argument.fields if _optional(field)]
        alone = fields and set(argument.fields) == set(fields) and not argument.shapes
        told, whole, refused = _told(tool, {**_defaults(tool), argument.name: _asked(argument)}, _without(*fields))
        assert set(told) >= set(fields)
        assert whole is not bool(fields)
        assert refused or not alone or _noted(first.needs, fields), argument.name


def _noted(needs: Needs, fields: list[str]) -> bool:
    """Whether rows come all the same, by what the fields are worked into or by their absence; it is told."""
    if needs.kind == "noted":
        return bool(set(fields) & _named(needs))
    return any(_noted(part, fields) for part in needs.parts)


def _named(needs: Needs) -> set[str]:
    return {needs.name} | {name for part in needs.parts for name in _named(part)}


@guarantees("P7.names_what_a_source_lacks")
@pytest.mark.parametrize("name", LISTS)
def test_each_condition_of_a_tool_that_rests_on_an_unbound_field_names_it(name: str) -> None:
    """What a tool chooses by whatever is asked: also there the answer is not whole."""
    tool = _tool(name)
    for field in filter(_optional, tool.conditions):
        told, whole, _ = _told(tool, _defaults(tool), _without(field))
        assert field in told
        assert not whole or field in SHOWN_BY_LOOKING_UP, field


@guarantees("P7.names_what_a_source_lacks")
@pytest.mark.parametrize("name", LISTS)
def test_each_column_and_sort_key_that_rests_on_an_unbound_field_names_it(name: str) -> None:
    """An empty cell reads as "no value" unless something says that there could be none."""
    tool = _tool(name)
    everything = {one.name: _asked(one) if one.shapes else _defaults(tool)[one.name] for one in tool.arguments}
    for table in tool.tables:
        for column in table.columns:
            for field in filter(_optional, column.fields):
                told, whole, refused = _told(tool, everything, _without(field))
                shown = f"{table.name}.{column.name}" if len(tool.tables) > 1 else column.name
                assert refused or shown in told[field], field
                assert not whole or len(column.fields) == 1 or column.needs.parts or column.needs.name, column.name


@guarantees("P7.names_what_a_source_lacks")
@pytest.mark.parametrize("name", OTHERS)
def test_each_field_that_an_analysis_rests_on_is_named_where_nothing_else_will_do(name: str) -> None:
    """All fields of a dependence gone: each is named with what can't be told, and the answer is not whole."""
    tool = _tool(name)
    seen = {field for query in tool.reads for column in query.columns for field in column.fields}
    for one in _rests_on(tool):
        fields = [field for field in one.fields if field.partition(".")[0] in tool.entities]
        assert set(fields) <= seen, f"{name} reads none of {fields}"
        told, _, refused = _told(tool, _defaults(tool), _without(*filter(_optional, fields)))
        if all(map(_optional, fields)):
            assert refused or all(set(one.tells) <= set(told[field]) for field in fields), fields


@guarantees("P7.names_what_a_source_lacks")
@pytest.mark.parametrize("name", OTHERS)
def test_each_condition_of_an_analysis_is_among_what_it_rests_on(name: str) -> None:
    """Which rows come decides what is found as much as what stands in them."""
    tool = _tool(name)
    rested_on = {field for one in _rests_on(tool) for field in one.fields}
    assert set(filter(_optional, tool.conditions)) - rested_on <= ONLY_CHOSEN_BY


@guarantees("P7.names_what_a_source_lacks")
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", LISTS)
def test_every_shipped_profile_with_every_tool_names_what_it_leaves_out(name: str, profile: str) -> None:
    """The real profiles: each field that a filter of the tool rests on and the profile does not bind."""
    tool, mapped = _tool(name), load_profile(profile, [ROOT / "erp_mcp" / "systems"])
    states = _states({"one": {entity: left_out(mapped, entity) for entity in mapped.entities}})
    lacks = {f"{entity}.{field}" for entity, (state,) in states.items() for field in state.lacks}
    for argument in tool.arguments:
        told, whole, _ = _told(tool, {**_defaults(tool), argument.name: _asked(argument)}, states)
        gone = lacks.intersection(argument.fields)
        assert gone <= told.keys(), argument.name
        assert not (gone and whole), argument.name


@guarantees("P7.names_what_a_source_lacks")
def test_what_nobody_asks_for_is_not_named() -> None:
    """A filter that is off, and a column that an argument would show, say nothing."""
    tool = _tool("get_stock")
    lots = _without("stock.lot_id", "reservation.lot_id")
    assert _assess(tool, _defaults(tool), lots).gaps == ()
    told, whole, _ = _told(tool, {**_defaults(tool), "by_lot": True}, lots)
    assert told == {"stock.lot_id": ("by_lot", "lot_id"), "reservation.lot_id": ("by_lot", "lot_id")}
    assert not whole


@guarantees("P7.names_what_a_source_lacks")
def test_an_empty_column_is_named_and_leaves_the_answer_whole() -> None:
    """All rows are there and none is wrong; the cell is empty since there is no such field."""
    tool = _tool("list_purchase_orders")
    told, whole, _ = _told(tool, _defaults(tool), _without("purchase_order_line.confirmed"))
    assert told == {"purchase_order_line.confirmed": ("confirmed",)}
    assert whole


@guarantees("P7.names_what_a_source_lacks")
def test_a_figure_made_without_a_field_is_not_whole() -> None:
    """Days late are still counted, but not those that only the schedule would show."""
    tool = _tool("list_production_orders")
    told, whole, _ = _told(tool, _defaults(tool), _without("production_order.scheduled_finish"))
    assert told == {"production_order.scheduled_finish": ("scheduled_finish", "days_late")}
    assert not whole


@guarantees("P7.names_what_a_source_lacks")
@pytest.mark.parametrize("also", ["", "other"])
def test_rows_that_nothing_can_choose_are_refused_unless_another_system_has_them(also: str) -> None:
    """One source of two that knows gives its rows; the answer names the other and is not whole."""
    tool = _tool("list_purchase_orders")
    states = _without("purchase_order_line.confirmed", also=also)
    arguments = {**_defaults(tool), "unconfirmed_only": True}
    if not also:
        with pytest.raises(FieldNotKeptError) as refused:
            _assess(tool, arguments, states)
        assert refused.value.facts == {
            "argument": "unconfirmed_only",
            "systems": ("erp",),
            "fields": ("purchase_order_line.confirmed",),
        }
        return
    found = _assess(tool, arguments, states)
    assert [(gap.system, gap.name) for gap in found.gaps] == [("erp", "purchase_order_line.confirmed")]
    assert found.unchosen == {"lines": frozenset({"erp"})}
    assert not found.complete
    assert found.fields == frozenset()


@guarantees("P7.names_what_a_source_lacks")
async def test_rows_of_a_system_that_can_not_be_judged_are_left_out() -> None:
    """They would all be unconfirmed, or none; those of the system that knows are there, and nothing else."""
    tool, plant = _tool("list_purchase_orders"), SmallPlant()
    for system, line, confirmed in (("erp", "1", None), ("other", "2", 0), ("other", "3", 1)):
        common: dict[str, SqlValue] = {"purchase_order_id": "P", "site": "1000", "order_state": "open", "qty_open": 1}
        plant.add("purchase_order_line", system=system, line=line, confirmed=confirmed, **common)
    arguments = {**_defaults(tool), "unconfirmed_only": True}
    found = _assess(tool, arguments, _without("purchase_order_line.confirmed", also="other"))
    page = Page(limit=9)
    for absent, lines in ((found.unchosen, ["2"]), ({}, ["1", "2"])):
        got = await reads.run(
            plant, tool, arguments, sites=None, today=TODAY, now=NOW, deadline_s=5, page=page, left_out=absent
        )
        assert [row[1] for row in got.rows["lines"]] == lines


@guarantees("P7.names_what_a_source_lacks")
def test_a_system_that_was_never_read_lacks_nothing_yet() -> None:
    """What it leaves out is known with its first complete pass; until then freshness refuses or names it."""
    tool = _tool("list_purchase_orders")
    never = EntityState(
        system="erp", entity="purchase_order_line", as_of="", rows=0, complete=False, lacks=("confirmed",)
    )
    assert _assess(tool, {**_defaults(tool), "unconfirmed_only": True}, {"purchase_order_line": (never,)}) == Lacking()


@guarantees("P7.names_what_a_source_lacks")
def test_a_field_that_another_one_makes_up_for_is_not_named() -> None:
    """When the promise was changed is told by the supplier's confirmations as well."""
    tool = _tool("explain_late_order")
    assert _assess(tool, _defaults(tool), _without("purchase_order_line.promise_changed_at")).gaps == ()
    both = ("sales_order_line.credit_status", "sales_order.credit_status")
    assert _assess(tool, _defaults(tool), _without(both[0])).gaps == ()
    told, _, _ = _told(tool, _defaults(tool), _without(*both))
    assert told == dict.fromkeys(both, ("credit_block",))
