"""Turns one checked tool file into a `Tool`: statements parsed, judged and written per dialect, arguments traced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from erp_mcp.catalog.compiled import canonical, definition_hash
from erp_mcp.catalog.grammar import ReadSpec, ToolFile
from erp_mcp.catalog.meaning import Relation
from erp_mcp.catalog.names import Names
from erp_mcp.catalog.problems import Place, ProblemError
from erp_mcp.catalog.render import Paging, input_parameter, render
from erp_mcp.catalog.resolve import Scope, relation_of
from erp_mcp.catalog.results import analysis_tables, arguments_of, check_table, columns_of, plain_tables
from erp_mcp.catalog.trial import check_runnable
from erp_mcp.domain.analysis import Analysis
from erp_mcp.domain.tool import Argument, Query, Table, Tool


@dataclass(slots=True, kw_only=True)
class _Parts:
    """What becomes of the reads of one tool, one after the other."""

    arguments: dict[str, Argument]
    relations: dict[str, Relation] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    touched: dict[str, set[str]] = field(default_factory=dict)
    conditions: set[str] = field(default_factory=set)

    def saw(self, name: str, relation: Relation, names: Names) -> None:
        """Keep what later reads and the arguments need to know of a read."""
        self.relations[name] = relation
        self.used |= names.used_arguments
        self.conditions |= names.conditions
        for argument, fields in names.touched.items():
            self.touched.setdefault(argument, set()).update(fields)


def compile_tool(spec: ToolFile, toolset: str, analyses: Mapping[str, Analysis]) -> Tool:
    """Return the tool of a file.

    Args:
        spec: The file's content, in the right form.
        toolset: Name of its folder.
        analyses: Registered analyses by name.

    Returns:
        A tool with statements for every dialect and its definition's hash.

    Raises:
        ProblemError: with the rule that is broken and the place in the file.
    """
    parts = _Parts(arguments={argument.name: argument for argument in arguments_of(spec)})
    binding = spec.binding
    chosen = [bool(binding.query), bool(binding.document), bool(binding.analysis)]
    if sum(chosen) != 1 or bool(binding.reads) != bool(binding.analysis):
        detail = "give one of query, document, or analysis with reads"
        raise ProblemError("binding.kind", detail, ("binding",))
    if binding.analysis:
        analysis = _analysis(binding.analysis, analyses)
        reads = _reads(binding.reads, ("binding", "reads"), parts, {})
        _check_row_types(reads, analysis)
        tables = analysis_tables(spec, parts.relations)
    else:
        analysis = None
        tables = plain_tables(spec)
        reads = _plain_reads(spec, tables, parts)
        tables = tuple(_typed(table, reads) for table in tables)
    _check_arguments(parts, spec)
    return _tool(spec, toolset, parts, tables, reads, analysis=analysis)


def _analysis(name: str, analyses: Mapping[str, Analysis]) -> Analysis:
    if name not in analyses:
        raise ProblemError("binding.unknown_analysis", f"there is no analysis {name}", ("binding", "analysis"))
    return analyses[name]


def _plain_reads(spec: ToolFile, tables: tuple[Table, ...], parts: _Parts) -> tuple[Query, ...]:
    by_name = {table.name: table for table in tables}
    if spec.binding.query is not None:
        if len(tables) != 1:
            raise ProblemError("binding.tables", "a query feeds one table; use document for several", ("result",))
        only = ReadSpec(query=spec.binding.query)
        return (_read(tables[0].name, only, ("binding", "query"), parts, tables[0]),)
    if list(by_name) != list(spec.binding.document):
        detail = "document and result need the same names in the same order"
        raise ProblemError("binding.tables", detail, ("binding", "document"))
    return _reads(spec.binding.document, ("binding", "document"), parts, by_name)


def _reads(
    specs: Mapping[str, ReadSpec], place: Place, parts: _Parts, tables: Mapping[str, Table]
) -> tuple[Query, ...]:
    return tuple(_read(name, spec, (*place, name), parts, tables.get(name)) for name, spec in specs.items())


def _read(name: str, spec: ReadSpec, place: Place, parts: _Parts, table: Table | None) -> Query:
    names = Names(arguments=parts.arguments, inputs=parts.relations)
    try:
        return _compiled(name, spec, names, parts, table)
    except RecursionError:
        raise ProblemError("sql.depth", "the statement is nested too deep", place) from None
    except ProblemError as error:
        raise error.under(place) if not error.problem.place else error from None


def _compiled(name: str, spec: ReadSpec, names: Names, parts: _Parts, table: Table | None) -> Query:
    query = _parsed(spec.query)
    relation = relation_of(query, Scope(names=names))
    if table is not None:
        check_table(table, relation, query)
    _check_guards(names)
    columns = columns_of(relation, table)
    nullable = frozenset(column for column, meaning in relation.items() if meaning.optional)
    paging = None if table is None else Paging(table=table, nullable=nullable)
    rendering = render(query, parts.arguments, columns, paging)
    check_runnable(rendering.sql["sqlite"], rendering.parameters)
    parts.saw(name, relation, names)
    return Query(
        name=name,
        sql=rendering.sql,
        parameters=rendering.parameters,
        columns=columns,
        entities=tuple(sorted(names.entities)),
        inputs=tuple((input_parameter(*one), *one) for one in sorted(names.used_inputs)),
        optional=spec.optional,
        max_rows=spec.max_rows if table is None else max(table.max_rows, 200 if table.paged else 1),
    )


def _parsed(text: str) -> exp.Expr:
    try:
        statements = sqlglot.parse(text)
    except SqlglotError as error:
        raise ProblemError("sql.syntax", f"the statement can't be read: {str(error).splitlines()[0][:120]}") from None
    if len(statements) != 1 or not isinstance(statements[0], (exp.Select, exp.Union)):
        raise ProblemError("sql.not_select", "a binding is one SELECT")
    return statements[0]


def _check_guards(names: Names) -> None:
    for name in sorted(names.used_arguments - names.guarded):
        argument = names.arguments[name]
        if not (argument.required or argument.many or argument.default is not None):
            detail = f":{name} may be absent; write (:{name} IS NULL OR …), else no row is found"
            raise ProblemError("sql.unguarded", detail)


def _check_arguments(parts: _Parts, spec: ToolFile) -> None:
    for name, argument in parts.arguments.items():
        if argument.is_site or name in parts.used:
            continue
        # An analysis gets every argument, so it may use what no statement does.
        if not spec.binding.analysis:
            raise ProblemError("argument.unused", f"{name} is used nowhere", ("arguments", name))


def _check_row_types(reads: tuple[Query, ...], analysis: Analysis) -> None:
    names = {query.name for query in reads}
    if names != set(analysis.reads):
        wanted = ", ".join(sorted(analysis.reads))
        raise ProblemError("binding.reads", f"analysis {analysis.name} takes the reads {wanted}", ("binding", "reads"))
    for query in reads:
        wanted_columns = list(analysis.reads[query.name]._fields)
        if [column.name for column in query.columns] != wanted_columns:
            detail = f"the columns must be, in this order: {', '.join(wanted_columns)}"
            raise ProblemError("binding.row_type", detail, ("binding", "reads", query.name))


def _typed(table: Table, reads: tuple[Query, ...]) -> Table:
    return replace(table, columns=next(query.columns for query in reads if query.name == table.name))


def _tool(
    spec: ToolFile,
    toolset: str,
    parts: _Parts,
    tables: tuple[Table, ...],
    reads: tuple[Query, ...],
    *,
    analysis: Analysis | None,
) -> Tool:
    arguments = tuple(
        replace(argument, fields=tuple(sorted(parts.touched.get(argument.name, ()))))
        for argument in parts.arguments.values()
    )
    # A flag's default asks for nothing; any other one filters although nobody asked.
    filtering = (one for one in arguments if one.default is not None and one.type != "flag")
    definition = {"toolset": toolset, **spec.model_dump(mode="json", by_alias=True)}
    return Tool(
        name=spec.name,
        version=spec.version,
        title=spec.title,
        description=" ".join(spec.description.split()),
        toolset=toolset,
        effect=spec.effect,
        level=spec.level,
        scope=spec.scope,
        arguments=arguments,
        tables=tables,
        reads=reads,
        analysis=analysis.name if analysis else "",
        live=spec.live or "",
        definition_id=analysis.definition_id if analysis else "",
        errors=tuple(spec.errors),
        examples=tuple(canonical(example) for example in spec.examples),
        hash=definition_hash(definition),
        conditions=tuple(sorted(parts.conditions.union(*(one.fields for one in filtering)))),
    )
