"""Arguments and result tables of a tool file as the domain knows them, and whether a statement really gives them."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from erp_mcp.catalog.grammar import ArgumentSpec, CellSpec, ColumnSpec, TableSpec, ToolFile
from erp_mcp.catalog.meaning import CONDITION, NUMERIC, OPEN, TEXTUAL, Meaning, Relation, field_kind, outsider_fields
from erp_mcp.catalog.problems import Place, ProblemError
from erp_mcp.domain.entities import ENTITIES
from erp_mcp.domain.tool import Argument, Column, Table

_LISTED = ("id", "code")
_BOUNDED = ("integer", "quantity", "money")


def arguments_of(spec: ToolFile) -> tuple[Argument, ...]:
    """Return the declared arguments.

    Raises:
        ProblemError: rules `argument.*`.
    """
    return tuple(_argument(name, one) for name, one in spec.arguments.items())


def plain_tables(spec: ToolFile) -> tuple[Table, ...]:
    """Return the result tables as declared; kinds that follow from the statement are filled in later."""
    return tuple(_table(name, one) for name, one in spec.result.items())


def analysis_tables(spec: ToolFile, relations: Mapping[str, Relation]) -> tuple[Table, ...]:
    """Return the result tables of an analysis.

    Raises:
        ProblemError: rules `result.*`; a column can only come from what the reads select, and needs a kind.
    """
    known = {field for relation in relations.values() for one in relation.values() for field in one.fields}
    for table, one in spec.result.items():
        for name, column in one.columns.items():
            place: Place = ("result", table, "columns", name)
            missing = [field for field in column.from_ if field not in known]
            if missing:
                raise ProblemError("result.lineage", f"{', '.join(missing)}: no read selects this", place)
            if column.kind is None and len(column.from_) != 1:
                raise ProblemError("result.kind", "a kind is needed where it does not come from one field", place)
    tables = plain_tables(spec)
    for declared in tables:
        _check_order(declared)
    return tables


def columns_of(relation: Relation, table: Table | None) -> tuple[Column, ...]:
    """Return the result columns of a read: in the table's order where it feeds one, else in the statement's."""
    if table is None:
        return tuple(_column(name, meaning) for name, meaning in relation.items())
    declared = {column.name: column for column in table.columns}
    return tuple(_column(name, relation[name], column) for name, column in declared.items())


def check_table(table: Table, relation: Relation, query: exp.Expr) -> None:
    """Check that a statement gives exactly the declared columns, with the declared lineage, in an order that can page.

    Raises:
        ProblemError: rules `result.*` and `paging.*`.
    """
    declared = [column.name for column in table.columns]
    odd = sorted(set(declared) ^ set(relation))
    if odd:
        place: Place = ("result", table.name, "columns")
        raise ProblemError("result.columns", f"declared or selected, but not both: {', '.join(odd)}", place)
    for column in table.columns:
        _check_column(column, relation[column.name], ("result", table.name, "columns", column.name))
    _check_order(table)
    if table.paged:
        _check_paging(table, relation, query)


def _check_column(column: Column, meaning: Meaning, place: Place) -> None:
    if meaning.kind == CONDITION:
        raise ProblemError("result.kind", "a condition can't be answered; write CASE WHEN … THEN 1 ELSE 0 END", place)
    if set(column.fields) != meaning.fields:
        really = ", ".join(sorted(meaning.fields)) or "no field"
        raise ProblemError("result.lineage", f"the statement takes it from {really}", place)
    if column.kind and not _fits(column.kind, meaning):
        raise ProblemError("result.kind", f"the statement gives {meaning.kind}, not {column.kind}", place)
    if not column.kind and meaning.kind == OPEN:
        raise ProblemError("result.kind", "a literal needs a kind", place)


def _fits(kind: str, meaning: Meaning) -> bool:
    if meaning.kind == "text":
        return kind == "text"  # free text stays marked
    if meaning.kind in TEXTUAL:
        return kind in TEXTUAL
    if meaning.kind == OPEN:
        return kind in (("integer", "flag") if meaning.literal in ("number", "zero", "") else TEXTUAL)
    return kind == meaning.kind or {kind, meaning.kind} == {"integer", "flag"}


def _check_order(table: Table) -> None:
    place: Place = ("result", table.name, "order_by")
    names = {column.name for column in table.columns}
    keys = [name.removeprefix("-") for name in table.order_by]
    if table.paged != bool(keys):
        raise ProblemError("paging.order", "a paged table needs order_by, and only a paged one has it", place)
    if len(set(keys)) != len(keys) or not set(keys) <= names:
        raise ProblemError("paging.order", "order_by names columns of the table, each once", place)


def _check_paging(table: Table, relation: Relation, query: exp.Expr) -> None:
    place: Place = ("result", table.name, "order_by")
    keys = [relation[name.removeprefix("-")] for name in table.order_by]
    if query.args.get("order"):
        raise ProblemError("paging.order", "a paged table is sorted by order_by, not by its statement", place)
    if any(key.optional and key.kind in NUMERIC for key in keys):
        raise ProblemError("paging.nullable", "a number to sort by can't be null; use COALESCE", place)
    lineage = frozenset().union(*(key.fields for key in keys))
    if not _unique(lineage, {name.removeprefix("-") for name in table.order_by}, query):
        detail = "the sort columns must name one row: the key of the first table, or all grouped columns"
        raise ProblemError("paging.unique", detail, place)


def _unique(lineage: frozenset[str], keys: set[str], query: exp.Expr) -> bool:
    if not isinstance(query, exp.Select):
        return False
    group = query.args.get("group")
    if group:
        names = {one.unalias().sql(): one.alias_or_name for one in query.expressions}
        return all(names.get(one.sql()) in keys for one in group.expressions)
    if query.args.get("distinct"):
        return keys == {one.alias_or_name for one in query.expressions}
    first = query.args["from_"].this
    entity = ENTITIES.get(first.name) if isinstance(first, exp.Table) else None
    return entity is not None and {f"{entity.ENTITY}.{name}" for name in entity.KEY} <= lineage


def _table(name: str, spec: TableSpec) -> Table:
    return Table(
        name=name,
        columns=tuple(_declared(column, one, (name, column)) for column, one in spec.columns.items()),
        paged=spec.paged,
        order_by=tuple(spec.order_by),
        max_rows=spec.max_rows,
    )


def _declared(name: str, spec: ColumnSpec, place: Place) -> Column:
    for one in spec.from_:
        if not field_kind(one):
            raise ProblemError("result.unknown_field", f"there is no {one}", ("result", place[0], "columns", place[1]))
    kind: str = "id" if spec.kind == "ref" else spec.kind or ""
    if not kind and len(spec.from_) == 1:
        kind = field_kind(spec.from_[0])
    return Column(
        name=name,
        kind=kind,
        fields=tuple(sorted(set(spec.from_))),
        outsider=bool(outsider_fields() & set(spec.from_)),
        description=spec.description,
    )


def _column(name: str, meaning: Meaning, declared: Column | None = None) -> Column:
    kind = meaning.kind if meaning.kind != OPEN else _open_kind(meaning)
    return Column(
        name=name,
        kind=declared.kind if declared and declared.kind else kind,
        fields=tuple(sorted(meaning.fields)),
        via=tuple(sorted((meaning.via - meaning.fields) | (meaning.fields if meaning.made else frozenset()))),
        outsider=bool(outsider_fields() & meaning.fields),
        description=declared.description if declared else "",
    )


def _open_kind(meaning: Meaning) -> str:
    return "integer" if meaning.literal in ("number", "zero") else "code"


def _argument(name: str, spec: ArgumentSpec) -> Argument:
    place: Place = ("arguments", name)
    if name in ("limit", "cursor"):
        raise ProblemError("argument.reserved", f"{name} is added by the compiler where a table is paged", place)
    if name in ("today", "now", "site_scope", "left_out") or name.startswith("after_"):
        raise ProblemError("argument.reserved", f"{name} is a parameter of the gateway itself", place)
    _check_argument(spec, place)
    _check_columns(spec, place)
    return Argument(
        name=name,
        type=spec.type,
        description=spec.description,
        required=spec.required,
        many=spec.many,
        values=tuple(spec.values),
        default=_default(spec, place),
        minimum=spec.minimum,
        maximum=spec.maximum,
        max_items=spec.max_items,
        is_site=spec.site,
        columns=tuple(_cell(column, one) for column, one in spec.columns.items()),
    )


def _cell(name: str, spec: CellSpec) -> Argument:
    return Argument(
        name=name,
        type=spec.type,
        description=spec.description,
        required=spec.required,
        values=tuple(spec.values),
        minimum=spec.minimum,
        maximum=spec.maximum,
    )


def _check_columns(spec: ArgumentSpec, place: Place) -> None:
    """A table has columns, at least one of which every row fills in; nothing else has any."""
    if (spec.type == "rows") != bool(spec.columns):
        raise ProblemError("argument.form", "rows have columns, and nothing else has", place)
    if spec.type == "rows" and not any(one.required for one in spec.columns.values()):
        raise ProblemError("argument.form", "one column of the rows must be required", place)
    for name, one in spec.columns.items():
        as_argument = ArgumentSpec(type=one.type, values=one.values, minimum=one.minimum, maximum=one.maximum)
        _check_argument(as_argument, (*place, "columns", name))


def _check_argument(spec: ArgumentSpec, place: Place) -> None:
    wrong = ""
    if spec.many and spec.type not in _LISTED:
        wrong = "only ids and codes can be lists"
    elif spec.values and spec.type != "code":
        wrong = "only codes have a list of values"
    elif spec.type == "rows" and spec.default is not None:
        wrong = "rows have no default"
    elif spec.site and (spec.type != "code" or spec.many or spec.default is not None):
        wrong = "a site is one code without a default"
    elif spec.required and spec.default is not None:
        wrong = "what is required has no default"
    elif (spec.minimum is not None or spec.maximum is not None) and spec.type not in (*_BOUNDED, "text"):
        wrong = "minimum and maximum are for numbers; a text has a maximum length"
    elif spec.minimum is not None and spec.maximum is not None and spec.minimum > spec.maximum:
        wrong = "minimum is above maximum"
    if wrong:
        raise ProblemError("argument.form", wrong, place)


def _default(spec: ArgumentSpec, place: Place) -> str | int | bool | tuple[str, ...] | None:
    value = spec.default
    if value is None:
        return None
    if spec.many:
        if not isinstance(value, list) or not set(value) <= set(spec.values or value):
            raise ProblemError("argument.default", "the default must be a list of allowed values", place)
        return tuple(value)
    right = {"flag": type(value) is bool, "integer": type(value) is int}.get(spec.type, type(value) is str)
    if isinstance(value, list) or not right or (spec.values and value not in spec.values):
        raise ProblemError("argument.default", f"the default is not a {spec.type} that the argument allows", place)
    if spec.type in ("quantity", "money"):
        raise ProblemError("argument.default", "quantities and money have no default", place)
    return value
