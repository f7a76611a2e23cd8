"""The form of a tool file: closed, typed, without expressions or templates. It also writes the schema for editors."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, StringConstraints

from erp_mcp.domain.saga import MAX_STEPS
from erp_mcp.domain.tool import Effect, Risk

NAME: Final = r"^[a-z][a-z0-9_]{2,63}$"
PART: Final = r"^[a-z][a-z0-9_]{0,39}$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
Part = Annotated[str, StringConstraints(pattern=PART)]
OrderKey = Annotated[str, StringConstraints(pattern=r"^-?[a-z][a-z0-9_]{0,39}$")]
Operation = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]
Scope = Annotated[str, StringConstraints(pattern=r"^[a-z]+\.(read|write|status|discovery)$")]
ErrorCode = Annotated[str, StringConstraints(pattern=r"^[a-z_]+\.[a-z_]+$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=600, strip_whitespace=True)]
Statement = Annotated[str, StringConstraints(min_length=8, max_length=8000)]
# What a tool file may declare; an object is taken by the tool that passes on other calls, and by no other.
CellType = Literal["id", "code", "text", "date", "quantity", "money", "integer", "flag"]
DeclaredType = Literal[CellType, "key", "rows"]
ResultKind = Literal["id", "ref", "code", "text", "quantity", "money", "date", "instant", "integer", "flag"]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class StrictForm(BaseModel):
    """A closed, frozen form."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CellSpec(StrictForm):
    """One column of an argument that is a table; the key above it is its name."""

    type: CellType
    description: Annotated[str, StringConstraints(max_length=160)] = ""
    required: bool = False
    values: list[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_\-]{0,39}$")]] = []
    minimum: int | None = None
    maximum: int | None = None


class ArgumentSpec(StrictForm):
    """One argument; the key above it is its name."""

    type: DeclaredType
    description: Annotated[str, StringConstraints(max_length=160)] = ""
    required: bool = False
    many: bool = False
    values: list[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_\-]{0,39}$")]] = []
    default: str | int | bool | list[str] | None = None
    minimum: int | None = None
    maximum: int | None = None
    max_items: Annotated[int, Field(ge=1, le=200)] = 50
    site: bool = False
    columns: Annotated[dict[Part, CellSpec], Field(max_length=12)] = {}


class ColumnSpec(StrictForm):
    """One result column: the entity fields it comes from, and its kind where that does not follow from them."""

    from_: Annotated[list[FieldName], BeforeValidator(_listed)] = Field(default=[], alias="from")
    kind: ResultKind | None = None
    description: Annotated[str, StringConstraints(max_length=160)] = ""


class TableSpec(StrictForm):
    """One table of the result; the key above it is its name."""

    columns: Annotated[dict[Part, ColumnSpec], Field(min_length=1, max_length=40)]
    paged: bool = False
    order_by: list[OrderKey] = []
    max_rows: Annotated[int, Field(ge=1, le=1000)] = 200


class ReadSpec(StrictForm):
    """One SELECT; an optional one may find its sources missing or too old."""

    query: Statement
    optional: bool = False
    max_rows: Annotated[int, Field(ge=1, le=200_000)] = 10_000


def _as_read(value: object) -> object:
    return {"query": value} if isinstance(value, str) else value


Read = Annotated[ReadSpec, BeforeValidator(_as_read)]


class StepSpec(StrictForm):
    """One step of a saga; the key above it is its name.

    `arguments` say for those of its tool which argument of this one they take; `values` give others a constant. Reason
    and key are those of the saga.
    """

    tool: Name
    arguments: dict[Part, Part] = {}
    values: dict[Part, str | int | bool] = {}


class BindingSpec(StrictForm):
    """What is behind the tool.

    Rows of one `query`, of a `document` of several, or of an `analysis` over `reads`; a `command` that is proposed from
    what its `reads` found; the steps of a `saga`, several such changes as one, of which the last alone may be one that
    can't be taken back; what is asked or done about the caller's own proposals (`status`); or how other tools are
    found and called (`discovery`).
    """

    query: Statement | None = None
    document: dict[Part, Read] = {}
    analysis: Part | None = None
    command: Operation | None = None
    saga: Annotated[dict[Part, StepSpec], Field(max_length=MAX_STEPS)] = {}
    status: Literal["get", "list", "cancel", "undo"] | None = None
    discovery: Literal["search", "describe", "call"] | None = None
    reads: dict[Part, Read] = {}


class ToolFile(StrictForm):
    """A whole tool file."""

    name: Name
    version: Annotated[int, Field(ge=1)]
    title: Annotated[str, StringConstraints(min_length=3, max_length=60)]
    description: Line
    effect: Effect = "write"  # what does not say that it only reads is taken to write
    level: int
    scope: Scope
    risk: Risk | None = None
    stock: bool = False  # it moves or holds stock, so what was looked at is soon another
    arguments: dict[Part, ArgumentSpec] = {}
    result: Annotated[dict[Part, TableSpec], Field(max_length=8)] = {}
    binding: BindingSpec
    live: Part | None = None
    errors: list[ErrorCode] = []
    examples: Annotated[list[dict[str, JsonValue]], Field(min_length=1, max_length=5)]


def editor_schema() -> dict[str, object]:
    """Return the JSON Schema of a tool file, for editors that know the YAML language server."""
    schema = ToolFile.model_json_schema(by_alias=True)
    # What a validator turns into the long form is also right in its short form.
    definitions = schema["$defs"]
    column = definitions["ColumnSpec"]["properties"]["from"]
    definitions["ColumnSpec"]["properties"]["from"] = {"anyOf": [column["items"], column]}
    short = {"anyOf": [{"type": "string", "minLength": 8, "maxLength": 8000}, {"$ref": "#/$defs/ReadSpec"}]}
    for key in ("document", "reads"):
        places = definitions["BindingSpec"]["properties"][key]
        places["patternProperties"] = {PART: short}
        places["additionalProperties"] = False
    return {**schema, "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "erp-mcp tool file"}
