"""What may be called: a tool as compiled from its YAML file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

# status: of the caller's own proposals; discovery: of the tools themselves
Effect = Literal["read", "write", "status", "discovery"]
Risk = Literal["W1", "W2", "W3", "W4"]
ArgumentType = Literal["id", "code", "key", "text", "date", "quantity", "money", "integer", "flag", "rows", "object"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What must be kept for rows to be chosen as a statement says; without parts, nothing in particular.

    `field` stands on an `entity.field` (`name`), `given` on an argument (`name`) having a `value`, `all` and `any` on
    their parts. `noted` fails for no field, but is told without the fields named in its parts.
    """

    kind: Literal["all", "any", "noted", "field", "given"] = "all"
    name: str = ""
    value: str | int | bool | None = None
    parts: tuple[Needs, ...] = ()


NOTHING: Final = Needs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One declared argument.

    `fields` are the `entity.field` names it filters or sorts by (for masks); `shapes` those that it shows or hides.
    `columns` are those of an argument that is a table; each is declared as an argument of its own.
    """

    name: str
    type: ArgumentType
    description: str
    required: bool = False
    many: bool = False
    values: tuple[str, ...] = ()
    default: str | int | bool | tuple[str, ...] | None = None
    minimum: int | None = None
    maximum: int | None = None
    max_items: int = 50
    is_site: bool = False  # narrows the site scope; always checked against the role's sites
    fields: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    columns: tuple[Argument, ...] = ()

    @property
    def kind(self) -> str:
        """Its type in words: `date`, `list of id`, `list of {material_id: id, note?: text}`."""
        if self.columns:
            names = (f"{one.name}{'' if one.required else '?'}: {one.type}" for one in self.columns)
            return f"list of {{{', '.join(names)}}}"
        return f"list of {self.type}" if self.many else self.type


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One result column: its kind (see `domain.entities.Kind`) and the `entity.field` names it comes from.

    `needs` says what it is empty without; with none, it has a value all the same. `via` are `entity.field` names by
    whose values what stands in it was looked up, or which it was worked out from: it would tell of them.
    """

    name: str
    kind: str
    fields: tuple[str, ...] = ()
    via: tuple[str, ...] = ()
    outsider: bool = False
    description: str = ""
    needs: Needs = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of a result. A paged table is sorted by `order_by`, whose last columns make a row unique."""

    name: str
    columns: tuple[Column, ...]
    paged: bool = False
    order_by: tuple[str, ...] = ()  # column names, "-name" for descending
    max_rows: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One compiled SELECT.

    `sql` maps a dialect to text with named parameters. Beside the declared ones the text may use `:site_scope` (JSON
    list of the sites in scope, written in by the compiler on every site-scoped table), `:left_out` (the same for
    systems that do not keep what rows are chosen by), `:today`, `:now` (plant
    clock), `:limit` and `:after_…` for keyset paging. `inputs` are columns of earlier reads bound as JSON lists.
    `columns` are the result columns in order. `needs` says what its rows are chosen by, as far as a system may not keep
    it.
    """

    name: str
    sql: dict[str, str]
    parameters: tuple[str, ...]
    columns: tuple[Column, ...]
    entities: tuple[str, ...]
    inputs: tuple[tuple[str, str, str], ...] = ()  # (parameter, read name, column)
    optional: bool = False  # its sources may be missing or too old: a data gap, not a refusal
    max_rows: int = 10_000
    needs: Needs = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaStep:
    """One of several changes that are proposed as one: a tool, and where each of its arguments comes from.

    `arguments` are pairs of an argument of that tool and the one of the saga that it takes; `values` are constants.
    """

    name: str
    tool: str
    arguments: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, str | int | bool], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool, ready to be shown and called.

    Exactly one binding: `query` alone (its rows are the first table), `analysis` (a name in `erp_mcp.analyses`) over
    the named `reads`, `command` (a name in `erp_mcp.commands`, of a tool that proposes) over them, `steps` (of a saga,
    which proposes several such changes as one), `status` (what is asked or done about the caller's own proposals) or
    `discovery` (how other tools are found and called). `risk` is the
    class of what a command writes. `live` names an entity that may be read from its system when the read model is too
    old. `conditions` are the `entity.field` names by which rows are chosen, grouped or sorted whatever is asked: which
    rows come then tells of these fields. `links` are sets of such names whose being equal decides which rows come, and
    how many: that tells which of the values are equal.
    """

    name: str
    version: int
    title: str
    description: str
    toolset: str
    effect: Effect
    level: int
    scope: str
    arguments: tuple[Argument, ...]
    tables: tuple[Table, ...]
    reads: tuple[Query, ...]
    analysis: str = ""
    command: str = ""
    status: str = ""
    risk: Risk | Literal[""] = ""
    live: str = ""
    definition_id: str = ""
    errors: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()  # canonical JSON of arguments
    hash: str = ""  # SHA-256 of the canonical definition
    conditions: tuple[str, ...] = ()
    links: tuple[tuple[str, ...], ...] = ()
    discovery: str = ""
    steps: tuple[SagaStep, ...] = ()
    undone_by: str = ""  # the tool that takes back what its command wrote
    stock: bool = False  # whether its command moves or holds stock

    @property
    def entities(self) -> tuple[str, ...]:
        """All entities the tool reads, sorted."""
        return tuple(sorted({entity for query in self.reads for entity in query.entities}))

    @property
    def paged(self) -> Table | None:
        """The table that pages, if one does."""
        return next((table for table in self.tables if table.paged), None)
