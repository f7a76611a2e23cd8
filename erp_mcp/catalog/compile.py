"""Turns one checked tool file into a `Tool`: statements parsed, judged and written per dialect, arguments traced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Final, NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from erp_mcp.catalog import discovery_tables, proposal_tables
from erp_mcp.catalog.compiled import canonical, definition_hash
from erp_mcp.catalog.grammar import BindingSpec, ReadSpec, ToolFile
from erp_mcp.catalog.meaning import TEXTUAL, Meaning, Relation
from erp_mcp.catalog.names import Names
from erp_mcp.catalog.needs import all_of, entities_of
from erp_mcp.catalog.problems import Place, ProblemError
from erp_mcp.catalog.render import Paging, input_parameter, render
from erp_mcp.catalog.resolve import Scope, relation_of
from erp_mcp.catalog.results import analysis_tables, arguments_of, check_table, columns_of, plain_tables
from erp_mcp.catalog.trial import check_runnable
from erp_mcp.domain import human_task
from erp_mcp.domain.analysis import Analysis
from erp_mcp.domain.entities import ENTITIES
from erp_mcp.domain.operation import Operation
from erp_mcp.domain.tool import NOTHING, Argument, Query, SagaStep, Table, Tool
from erp_mcp.ports import MAX_KEYS

_BUSINESS: Final = 4  # ISA-95: what is below is planned from here, never written from here
NO_OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType({})


@dataclass(slots=True, kw_only=True)
class _Parts:
    """What becomes of the reads of one tool, one after the other."""

    arguments: dict[str, Argument]
    relations: dict[str, Relation] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    touched: dict[str, set[str]] = field(default_factory=dict)
    shaped: dict[str, set[str]] = field(default_factory=dict)
    conditions: set[str] = field(default_factory=set)
    links: set[frozenset[str]] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)

    def saw(self, name: str, relation: Relation, names: Names, links: Iterable[frozenset[str]]) -> None:
        """Keep what later reads and the arguments need to know of a read."""
        self.relations[name] = relation
        self.used |= names.used_arguments
        self.conditions |= names.conditions
        self.links.update(links)
        self.seen |= names.seen
        for argument, fields in names.touched.items():
            self.touched.setdefault(argument, set()).update(fields)
        for argument, fields in names.shaped.items():
            self.shaped.setdefault(argument, set()).update(fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bound:
    """What a tool is bound to, and the tables that come of it."""

    tables: tuple[Table, ...]
    reads: tuple[Query, ...] = ()
    analysis: Analysis | None = None
    operation: Operation | None = None
    status: str = ""
    discovery: str = ""
    steps: tuple[SagaStep, ...] = ()

    @property
    def fixed(self) -> bool:
        """Whether arguments and tables are added here, being the same for all tools of the kind."""
        return self.operation is not None or bool(self.status or self.discovery or self.steps)


def compile_tool(
    spec: ToolFile,
    toolset: str,
    analyses: Mapping[str, Analysis],
    operations: Mapping[str, Operation] = NO_OPERATIONS,
) -> Tool:
    """Return the tool of a file.

    Args:
        spec: The file's content, in the right form.
        toolset: Name of its folder.
        analyses: Registered analyses by name.
        operations: Registered operations by name.

    Returns:
        A tool with statements for every dialect and its definition's hash.

    Raises:
        ProblemError: with the rule that is broken and the place in the file.
    """
    binding = spec.binding
    _check_kind(spec)
    given = {argument.name: argument for argument in (*arguments_of(spec), *_added(spec))}
    parts = _Parts(arguments=given, relations=_tables_given(given.values()))
    if binding.status:
        bound = _Bound(tables=proposal_tables.status_tables(binding.status), status=binding.status)
    elif binding.discovery:
        bound = _Bound(tables=discovery_tables.TABLES[binding.discovery], discovery=binding.discovery)
    elif binding.command:
        bound = _command(binding, spec.level, parts, operations)
    elif binding.saga:
        bound = _Bound(tables=proposal_tables.TABLES, steps=_steps(spec, parts))
    elif binding.analysis:
        bound = _analysis(spec, parts, analyses)
    else:
        tables = plain_tables(spec)
        reads = _plain_reads(spec, tables, parts)
        bound = _Bound(tables=tuple(_typed(table, reads) for table in tables), reads=reads)
    _check_arguments(parts, spec)
    return _tool(spec, toolset, parts, bound)


def _tables_given(arguments: Iterable[Argument]) -> dict[str, Relation]:
    """Return what statements may look up by of arguments that are tables: their texts and dates."""
    return {
        argument.name: {
            column.name: Meaning(kind=column.type)
            for column in argument.columns
            if column.type in TEXTUAL or column.type == "date"
        }
        for argument in arguments
        if argument.columns
    }


def _check_kind(spec: ToolFile) -> None:
    binding = spec.binding
    own = (binding.status, binding.discovery)  # what the gateway answers of itself
    chosen = (binding.query, binding.document, binding.analysis, binding.command, binding.saga, *own)
    if sum(map(bool, chosen)) != 1 or _misses_reads(binding):
        detail = "give one of query, document, analysis with reads, command with reads, saga, status or discovery"
        raise ProblemError("binding.kind", detail, ("binding",))
    fixed = bool(binding.command or binding.saga) or any(own)
    if fixed and spec.result:
        detail = "all tools of this kind have the same result, which is not written here"
        raise ProblemError("result.fixed", detail, ("result",))
    if not fixed and not spec.result:
        raise ProblemError("result.missing", "say which tables and columns come back", ("result",))


def _misses_reads(binding: BindingSpec) -> bool:
    """Whether it has no reads and needs some, or the other way round; a command says itself whether it takes any."""
    return bool(binding.reads) != bool(binding.analysis) and not binding.command


def _added(spec: ToolFile) -> tuple[Argument, ...]:
    """Return the arguments that are the same for all tools of the kind."""
    if spec.binding.status:
        added = proposal_tables.STATUS_ARGUMENTS[spec.binding.status]
    elif spec.binding.discovery:
        added = discovery_tables.ARGUMENTS[spec.binding.discovery]
    else:
        added = proposal_tables.PROPOSE_ARGUMENTS if spec.binding.command or spec.binding.saga else ()
    for one in added:
        if one.name in spec.arguments:
            detail = f"{one.name} is added by the compiler"
            raise ProblemError("argument.reserved", detail, ("arguments", one.name))
    return added


def _analysis(spec: ToolFile, parts: _Parts, analyses: Mapping[str, Analysis]) -> _Bound:
    name = spec.binding.analysis or ""
    if name not in analyses:
        raise ProblemError("binding.unknown_analysis", f"there is no analysis {name}", ("binding", "analysis"))
    reads = _reads(spec.binding.reads, ("binding", "reads"), parts, {})
    _check_row_types(reads, f"analysis {name}", analyses[name].reads)
    return _Bound(tables=analysis_tables(spec, parts.relations), reads=reads, analysis=analyses[name])


def _command(binding: BindingSpec, level: int, parts: _Parts, operations: Mapping[str, Operation]) -> _Bound:
    name = binding.command or ""
    if name not in operations:
        raise ProblemError("binding.unknown_command", f"there is no operation {name}", ("binding", "command"))
    operation = operations[name]
    written = ENTITIES.get(operation.entity)
    own = operation.entity == human_task.ENTITY  # the gateway's own record, in no system
    if level != _BUSINESS or (not own and (written is None or written.LEVEL != _BUSINESS)):
        raise ProblemError("level.write", "only level-4 tools write, and only what level-4 systems hold", ("level",))
    reads = _reads(binding.reads, ("binding", "reads"), parts, {})
    _check_row_types(reads, f"operation {name}", operation.reads)
    for query in reads:
        if query.name in operation.live:
            _check_live(query, ("binding", "reads", query.name))
    return _Bound(tables=proposal_tables.TABLES, reads=reads, operation=operation)


def _steps(spec: ToolFile, parts: _Parts) -> tuple[SagaStep, ...]:
    """Return the steps of a saga; whether they fit their tools is seen once all tools are there (`catalog.sagas`)."""
    if spec.level != _BUSINESS:
        raise ProblemError("level.write", "only level-4 tools write, and only what level-4 systems hold", ("level",))
    for name, step in spec.binding.saga.items():
        for argument in (one for one in step.arguments.values() if one not in parts.arguments):
            detail = f"this tool has no argument {argument}"
            raise ProblemError("saga.arguments", detail, ("binding", "saga", name, "arguments"))
        parts.used |= {*step.arguments.values()}
    return tuple(
        SagaStep(name=name, tool=step.tool, arguments=tuple(step.arguments.items()), values=tuple(step.values.items()))
        for name, step in spec.binding.saga.items()
    )


def _check_live(query: Query, place: Place) -> None:
    """What is read again must say which records it found: of one entity, by system and key, no more than one look."""
    source = {column.name: column.fields for column in query.columns}
    named = all(
        source.get(name) == (f"{entity}.{name}",) for entity in query.entities for name in ("system", "source_key")
    )
    if len(query.entities) != 1 or not named or query.max_rows > MAX_KEYS:
        detail = f"read again from its system: one entity, with its system and source_key, max_rows up to {MAX_KEYS}"
        raise ProblemError("binding.live", detail, place)


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
    given = parts.arguments.get(name)
    if given is not None and given.columns:
        raise ProblemError("argument.reserved", f"{name} is an argument and a read", place)
    names = Names(arguments=parts.arguments, inputs=parts.relations)
    try:
        return _compiled(name, spec, names, parts, table)
    except RecursionError:
        raise ProblemError("sql.depth", "the statement is nested too deep", place) from None
    except ProblemError as error:
        raise error.under(place) if not error.problem.place else error from None


def _compiled(name: str, spec: ReadSpec, names: Names, parts: _Parts, table: Table | None) -> Query:
    query = _parsed(spec.query)
    scope = Scope(names=names)
    relation = relation_of(query, scope)
    if table is not None:
        check_table(table, relation, query)
    _check_guards(names)
    columns = tuple(replace(one, needs=scope.shown.get(one.name, NOTHING)) for one in columns_of(relation, table))
    nullable = frozenset(column for column, meaning in relation.items() if meaning.optional)
    paging = None if table is None else Paging(table=table, nullable=nullable)
    needs = all_of(scope.needs)
    rendering = render(query, parts.arguments, columns, paging, judged=entities_of(needs))
    check_runnable(rendering.sql["sqlite"], rendering.parameters)
    parts.saw(name, relation, names, scope.linked)
    return Query(
        name=name,
        sql=rendering.sql,
        parameters=rendering.parameters,
        columns=columns,
        entities=tuple(sorted(names.entities)),
        inputs=tuple((input_parameter(*one), *one) for one in sorted(names.used_inputs)),
        optional=spec.optional,
        max_rows=spec.max_rows if table is None else max(table.max_rows, 200 if table.paged else 1),
        needs=needs,
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
    if spec.binding.analysis or spec.binding.command or spec.binding.status or spec.binding.discovery:
        return  # these get every argument, so they may use what no statement does
    added = {one.name for one in _added(spec)}
    for name, argument in parts.arguments.items():
        if not argument.is_site and name not in parts.used | added:
            raise ProblemError("argument.unused", f"{name} is used nowhere", ("arguments", name))


def _check_row_types(reads: tuple[Query, ...], what: str, taken: Mapping[str, type[NamedTuple]]) -> None:
    if {query.name for query in reads} != set(taken):
        wanted = ", ".join(sorted(taken))
        raise ProblemError("binding.reads", f"{what} takes the reads {wanted}", ("binding", "reads"))
    for query in reads:
        wanted_columns = list(taken[query.name]._fields)
        if [column.name for column in query.columns] != wanted_columns:
            detail = f"the columns must be, in this order: {', '.join(wanted_columns)}"
            raise ProblemError("binding.row_type", detail, ("binding", "reads", query.name))


def _typed(table: Table, reads: tuple[Query, ...]) -> Table:
    return replace(table, columns=next(query.columns for query in reads if query.name == table.name))


def _tool(spec: ToolFile, toolset: str, parts: _Parts, bound: _Bound) -> Tool:
    arguments = tuple(
        replace(
            argument,
            fields=tuple(sorted(parts.touched.get(argument.name, ()))),
            shapes=tuple(sorted(parts.shaped.get(argument.name, ()))),
        )
        for argument in parts.arguments.values()
    )
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
        tables=bound.tables,
        reads=bound.reads,
        analysis=bound.analysis.name if bound.analysis else "",
        command=bound.operation.name if bound.operation else "",
        status=bound.status,
        discovery=bound.discovery,
        steps=bound.steps,
        undone_by=_undone_by(bound),
        risk=spec.risk or "",
        stock=spec.stock,
        live=spec.live or "",
        definition_id=bound.analysis.definition_id if bound.analysis else "",
        errors=tuple(spec.errors),
        examples=tuple(canonical(example) for example in spec.examples),
        hash=definition_hash(_definition(spec, toolset, bound)),
        conditions=_conditions(arguments, parts, bound),
        links=_links(parts.links),
    )


def _undone_by(bound: _Bound) -> str:
    undo = bound.operation.undo if bound.operation else None
    return undo.tool if undo else ""


def _definition(spec: ToolFile, toolset: str, bound: _Bound) -> dict[str, object]:
    """Return what the hash of a tool covers: its file, and what is added to it here.

    What follows from `stock` is kept in a bundle beside the hash, so that no file changes it once a policy is applied.
    """
    definition = {"toolset": toolset, **spec.model_dump(mode="json", by_alias=True, exclude={"stock"})}
    if bound.fixed:
        definition["added"] = [*map(asdict, _added(spec)), *map(asdict, bound.tables)]
    return definition


def _conditions(arguments: tuple[Argument, ...], parts: _Parts, bound: _Bound) -> tuple[str, ...]:
    if bound.operation is not None:
        return tuple(sorted(parts.seen))  # what is proposed may tell of anything that was looked at
    # A flag's default asks for nothing; any other one filters although nobody asked.
    filtering = (one.fields for one in arguments if one.default is not None and one.type != "flag")
    return tuple(sorted(parts.conditions.union(*filtering)))


def _links(found: Iterable[frozenset[str]]) -> tuple[tuple[str, ...], ...]:
    """Return links in a stable order; one whose fields are all in another says nothing more."""
    several = set(found)
    return tuple(sorted(tuple(sorted(one)) for one in several if one and not any(one < other for other in several)))
