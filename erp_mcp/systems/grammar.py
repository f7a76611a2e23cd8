"""What a profile file may say. Unknown keys are errors; the mapping of an entity belongs to the adapter's kind."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from erp_mcp.domain.command import RetryKind

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
EntityName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Prefix = Annotated[str, Field(min_length=1, max_length=20)]
Declaration = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
NativeUnit = Annotated[str, Field(min_length=1, max_length=20)]
UnitCode = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,3}$")]  # of UN/ECE Recommendation 20
OperationName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}\.[a-z][a-z0-9_]{0,39}$")]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class IdentityForm(_Form):
    """How a local id becomes a canonical one."""

    rule: Literal["same", "pad_left", "strip_prefix", "add_prefix", "table"]
    width: Annotated[int, Field(ge=1, le=40)] = 0
    prefix: Prefix = ""
    query: Annotated[str, Field(min_length=1)] = ""

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> IdentityForm:
        wants = {"pad_left": "width", "strip_prefix": "prefix", "add_prefix": "prefix", "table": "query"}.get(self.rule)
        given = {name for name in ("width", "prefix", "query") if getattr(self, name)}
        if given != ({wants} if wants else set()):
            raise ValueError(f"rule {self.rule} takes {wants or 'nothing else'}")
        return self


class SqlEntityForm(_Form):
    """One entity of a `kind: sql` profile: fixed SELECT statements."""

    statement: Annotated[str, Field(min_length=1)]
    feed: str = ""
    tombstones: str = ""


class OperationForm(BaseModel):
    """One write operation: how an unknown outcome is found out, and what of the read model it changes.

    Further keys belong to the implementation.
    """

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    contract: RetryKind
    settle_s: Annotated[int, Field(ge=0, le=86_400)]
    touches: Annotated[list[EntityName], Field(min_length=1)] | None = None


class CommandsForm(_Form):
    """What may be written, and by which implementation: that of the profile's kind where `via` is not given."""

    via: Name = ""
    operations: Annotated[dict[OperationName, OperationForm], Field(min_length=1)]


class ProfileForm(BaseModel):
    """A whole profile file. The one further key it may have is named like its kind and belongs to that kind."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    profile: Name
    version: Annotated[int, Field(ge=1)]
    kind: Name
    level: Annotated[int, Field(ge=0, le=4)]
    zone: str
    verified: Literal["live", "protocol", "documentation"] | None = None
    declaration: Declaration = ""
    identity: dict[EntityName, IdentityForm] = {}
    states: dict[str, dict[str, str]] = {}
    units: dict[NativeUnit, UnitCode] = {}
    entities: Annotated[dict[str, dict[str, JsonValue]], Field(min_length=1)]
    commands: CommandsForm | None = None


class BudgetForm(_Form):
    """Budget and cadence of one entity, in seconds."""

    budget_s: Annotated[int, Field(ge=1, le=31 * 86_400)]
    cadence_s: Annotated[int, Field(ge=1, le=31 * 86_400)]

    @model_validator(mode="after")
    def _is_kept(self) -> BudgetForm:
        if self.cadence_s > self.budget_s:
            raise ValueError("cadence_s must not be longer than budget_s, or the data would always be stale")
        return self


class BudgetsForm(_Form):
    """The freshness file."""

    version: Literal[1]
    entities: dict[EntityName, BudgetForm]
