"""The words of policy files: three kinds of file, each a closed form; the JSON Schema for editors comes from here.

`policies/base.yaml` declares sites, agents, roles and rules; `policies/<site>.yaml` adds rules for one site;
`policies/tests/*.yaml` hold the cases that prove every rule.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.json_schema import models_json_schema
from pydantic_core import PydanticCustomError

from erp_mcp.domain.call import JsonValue
from erp_mcp.policy.rules import (
    MAX_BANDS,
    MAX_NEEDED,
    MAX_PARAMETER,
    MAX_QUOTA,
    MAX_REVIEW_H,
    MAX_SEPARATION_DAYS,
    MAX_TAINT_H,
    MAX_VALID_H,
    MAX_WINDOW_H,
)

VERSION: Final = 1


def _shown(text: str) -> str:
    """Refuse what a terminal does not show as it is: whoever applies a policy must see what it says."""
    if not text.isprintable():
        raise PydanticCustomError("not_shown", "not printable")
    return text


def _exact(text: str) -> str:
    if re.fullmatch(r"(0|[1-9][0-9]{0,10})(\.[0-9]{1,4})?", text) is None or not Decimal(text):
        raise PydanticCustomError("bad_decimal", "not a decimal number above zero")
    return text


def _a_day(text: str) -> str:
    try:
        good = date.fromisoformat(text).isoformat() == text
    except ValueError:
        good = False
    if not good:
        raise PydanticCustomError("bad_day", "not a day")
    return text


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Site = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,19}$")]
ToolPattern = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,63}(/\*)?$")]
FieldName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}\.[a-z][a-z0-9_]{0,63}$")]
EntityName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
ToolName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,63}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Reason = Annotated[str, Field(min_length=8, max_length=200), AfterValidator(_shown)]
Amount = Annotated[str, AfterValidator(_exact)]
SelfApproval = Literal["none", "owner"]
CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Names = Annotated[list[Name], Field(min_length=1)]
People = Literal["any"] | Names
Needed = Annotated[int, Field(ge=0, le=MAX_NEEDED)]
Day = Annotated[str, AfterValidator(_a_day)]
BusinessRule = Annotated[str, Field(pattern=r"^R-[A-Z][A-Z0-9-]{0,30}$")]
Edge = Annotated[str, Field(pattern=r"^-?\d{1,15}(\.\d{1,6})?$")]

# What can be wrong with a policy file: stable codes, documented in docs/policy.md.
ProblemCode = Literal[
    "anchor",
    "bad_bands",
    "bad_break_glass",
    "bad_currency",
    "bad_day",
    "bad_decimal",
    "bad_edges",
    "bad_escalation",
    "bad_evidence",
    "bad_left_to_people",
    "bad_level",
    "bad_measure",
    "bad_name",
    "bad_version",
    "bad_window",
    "bad_yaml",
    "band_needs_number",
    "duplicate_approval",
    "duplicate_id",
    "duplicate_key",
    "duplicate_mask",
    "duplicate_parameter",
    "empty_list",
    "failed_case",
    "missing_key",
    "missing_version",
    "no_base",
    "not_a_mapping",
    "not_a_write",
    "not_utf8",
    "out_of_range",
    "self_approval",
    "shadow_permit",
    "site_mismatch",
    "status_tool",
    "tag",
    "too_few_approvers",
    "too_large",
    "unknown_argument",
    "unknown_entity",
    "unknown_field",
    "unknown_group",
    "unknown_key",
    "unknown_parameter",
    "unknown_role",
    "unknown_rule",
    "unknown_site",
    "unknown_tool",
    "unknown_toolset",
    "unknown_word",
    "unreachable_rule",
    "unreadable",
    "untested_rule",
    "write_not_alone",
    "write_without_evidence",
    "wrong_type",
]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AgentForm(_Form):
    """A declared agent: the role it acts in and the person it acts for."""

    role: Name
    owner: Name


class BoundaryForm(_Form):
    """How deep the deployment reaches: ISA-95 levels 3 and 4 at most."""

    isa95_levels: Annotated[list[int], Field(min_length=1)]


class CapsForm(_Form):
    """Upper limits of one answer."""

    rows: Annotated[int, Field(ge=1, le=200)] = 200
    window_days: Annotated[int, Field(ge=1, le=730)] = 366


class FreshnessForm(_Form):
    """How old data may be: budgets per entity in seconds, and how many times the budget is still answered."""

    max_age_factor: Annotated[int, Field(ge=1, le=4)] = 4
    budgets_s: dict[EntityName, Annotated[int, Field(ge=1, le=604_800)]] = {}


class MaskForm(_Form):
    """A field that a role does not read in the clear."""

    id: Name
    field: FieldName
    way: Literal["drop", "hash", "band"]
    edges: Annotated[list[Edge], Field(min_length=1, max_length=20)] | None = None


class RoleForm(_Form):
    """What a role is bound to in every call, and which of its tools its list shows. `sites` is `all` or a list."""

    description: Annotated[str, Field(max_length=200)] = ""
    sites: Literal["all"] | Annotated[list[Site], Field(min_length=1)]
    caps: CapsForm = CapsForm()
    freshness: FreshnessForm = FreshnessForm()
    masks: Annotated[list[MaskForm], Field(min_length=1)] | None = None
    shows: Annotated[list[ToolPattern], Field(min_length=1)] | None = None


class EvidenceForm(_Form):
    """What earned a write: the digest of a report, or a named person who accepts that there is none, and why."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["report"]}, {"required": ["accepted_by", "reason"]}]}
    )

    report: Digest | None = None
    accepted_by: Name | None = None
    reason: Reason | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_sentence(cls, value: object) -> object:
        if isinstance(value, str):
            raise PydanticCustomError("evidence_sentence", "a sentence")
        return value

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        given = tuple(part is not None for part in (self.report, self.accepted_by, self.reason))
        if given not in ((True, False, False), (False, True, True)):
            raise PydanticCustomError("evidence_parts", "neither of the two forms")
        return self


class BandForm(_Form):
    """Who must say yes to a change worth up to `to`; the last band has none. What is left out is as in the rule."""

    to: Amount | None = None
    needed: Needed | None = None
    approvers: People | None = None
    all_of: Names | None = None


class BandsForm(_Form):
    """Bands of value in one currency, rising. A change whose value is not known in it falls into the last one."""

    currency: CurrencyCode
    steps: Annotated[list[BandForm], Field(min_length=2, max_length=MAX_BANDS)]


class EscalationForm(_Form):
    """Who may decide as well when nobody has, after some minutes; as many people are needed as before."""

    after_min: Annotated[int, Field(ge=1, le=MAX_VALID_H * 60)]
    to: Names


class BreakGlassForm(_Form):
    """Who may approve in an emergency, two of them together and with a reason each, and who looks at it afterwards.

    Names of people and of groups; a reviewer is none of the two who approved.
    """

    people: Names
    review_by: Names
    review_within_h: Annotated[int, Field(ge=1, le=MAX_REVIEW_H)] = 24


class ApprovalForm(_Form):
    """Who must say yes to proposals of some tools; without one: any enrolled approver but the agent's owner.

    Where it does not say until when: within 4 hours, within 30 minutes where stock is moved or held.
    """

    id: Name
    tools: Annotated[list[ToolName], Field(min_length=1)]
    approvers: People | None = None
    all_of: Names | None = None
    needed: Annotated[int, Field(ge=0, le=MAX_NEEDED)] | None = None  # nobody: for a task for a person alone
    bands: BandsForm | None = None
    escalate: EscalationForm | None = None
    self_approval: SelfApproval = "none"
    expires_h: Annotated[int, Field(ge=1, le=MAX_VALID_H)] | None = None
    expires_min: Annotated[int, Field(ge=1, le=MAX_VALID_H * 60)] | None = None
    carry_out_min: Annotated[int, Field(ge=1, le=MAX_VALID_H * 60)] | None = None
    outage_pause_h: Annotated[int, Field(ge=1, le=MAX_VALID_H)] | None = None
    break_glass: BreakGlassForm | None = None


class DeputyForm(_Form):
    """Who decides in the place of somebody absent, from the first to the last day."""

    absent: Name
    deputy: Name
    first: Day
    last: Day


class SeparationForm(_Form):
    """Tools of which one person approves no two about the same thing within some days."""

    id: Name
    tools: Annotated[list[ToolName], Field(min_length=2)]
    key: Literal["object", "material", "supplier", "site"]
    window_days: Annotated[int, Field(ge=1, le=MAX_SEPARATION_DAYS)]


class PeopleForm(_Form):
    """What holds for everybody who decides."""

    quota_per_hour: Annotated[int, Field(ge=1, le=MAX_QUOTA)] | None = None
    taint_h: Annotated[int, Field(ge=1, le=MAX_TAINT_H)] | None = None


class LimitForm(_Form):
    """No more than `max` in a sliding window, counted over all tools of the limit together, per `key`."""

    id: Name
    tools: Annotated[list[ToolName], Field(min_length=1)]
    measure: Literal["count", "value", "change_pct"]
    key: Literal["agent", "owner", "material", "supplier", "site", "object"]
    window_h: Annotated[int, Field(ge=1, le=MAX_WINDOW_H)] | None = None
    window_min: Annotated[int, Field(ge=1, le=MAX_WINDOW_H * 60)] | None = None
    max: Amount
    currency: CurrencyCode | None = None
    field: EntityName | None = None


class ParameterForm(_Form):
    """What business rules of some tools go by in place of their defaults; a lower number is stricter."""

    id: Name
    tools: Annotated[list[ToolName], Field(min_length=1)]
    values: Annotated[dict[EntityName, Annotated[int, Field(ge=0, le=MAX_PARAMETER)]], Field(min_length=1)]


class RuleForm(_Form):
    """One rule: who may (or may not) call what, where. `orders/*` stands for every read tool of a toolset.

    `left_to_people:` names the business rules of a write tool whose facts nothing here has: where it is silent they
    refuse, where it names one a person looks.
    """

    id: Name
    effect: Literal["permit", "forbid"]
    roles: Annotated[list[Name], Field(min_length=1)]
    tools: Annotated[list[ToolPattern], Field(min_length=1)]
    sites: Annotated[list[Site], Field(min_length=1)] | None = None
    levels: Annotated[list[int], Field(min_length=1)] | None = None
    enforcement: Literal["hard", "shadow"] = "hard"
    evidence: EvidenceForm | None = None
    left_to_people: Annotated[list[BusinessRule], Field(min_length=1, max_length=20)] | None = None


class BaseFile(_Form):
    """`policies/base.yaml`."""

    version: Literal[1]
    boundary: BoundaryForm
    sites: Annotated[list[Site], Field(min_length=1)]
    agents: Annotated[dict[Name, AgentForm], Field(min_length=1)]
    roles: Annotated[dict[Name, RoleForm], Field(min_length=1)]
    rules: Annotated[list[RuleForm], Field(min_length=1)]
    groups: Annotated[dict[Name, Names], Field(min_length=1)] | None = None
    approvals: Annotated[list[ApprovalForm], Field(min_length=1)] | None = None
    deputies: Annotated[list[DeputyForm], Field(min_length=1)] | None = None
    separations: Annotated[list[SeparationForm], Field(min_length=1)] | None = None
    people: PeopleForm | None = None
    limits: Annotated[list[LimitForm], Field(min_length=1)] | None = None
    parameters: Annotated[list[ParameterForm], Field(min_length=1)] | None = None


class SiteFile(_Form):
    """`policies/<site>.yaml`: rules that hold at one site only."""

    version: Literal[1]
    site: Site
    rules: Annotated[list[RuleForm], Field(min_length=1)]


class CaseApprovalForm(_Form):
    """What a case expects of those who must say yes to a change of a value; what is left out is not looked at."""

    needed: Needed | None = None
    self_approval: SelfApproval | None = None
    value: Amount | None = None
    currency: CurrencyCode | None = None
    groups: list[Name] | None = None
    break_glass: list[Name] | None = None  # who may; an empty list: nobody


class CaseForm(_Form):
    """One case. `by` names rules and masks that must have applied, `not_by` those that must not.

    `left_to_people` are all business rules that people look at then; an empty list: none, so that those whose facts
    nothing here has refuse.
    """

    name: Annotated[str, Field(min_length=3, max_length=120)]
    role: Name
    tool: Name
    arguments: dict[str, str | int | bool | list[str]] = {}
    expect: Literal["allowed", "denied"]
    reason: Name | None = None
    sites: Literal["all"] | list[Site] | None = None
    by: Annotated[list[Name], Field(min_length=1)] | None = None
    not_by: Annotated[list[Name], Field(min_length=1)] | None = None
    approval: CaseApprovalForm | None = None
    parameters: dict[EntityName, int] | None = None
    left_to_people: Annotated[list[BusinessRule], Field(max_length=20)] | None = None


class CasesFile(_Form):
    """`policies/tests/*.yaml`."""

    version: Literal[1]
    cases: Annotated[list[CaseForm], Field(min_length=1)]


def json_schema() -> Mapping[str, JsonValue]:
    """Return the JSON Schema (2020-12) of the three kinds of file, told apart by the key that only they have."""
    files = (BaseFile, SiteFile, CasesFile)
    references, definitions = models_json_schema([(one, "validation") for one in files], ref_template="#/$defs/{model}")
    base, site, cases = (references[one, "validation"] for one in files)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Policy files",
        "if": {"required": ["cases"]},
        "then": cases,
        "else": {"if": {"required": ["site"]}, "then": site, "else": base},
        "$defs": definitions["$defs"],
    }


def schema_text() -> str:
    """Return the schema as the file `policies/_schema.json` holds it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def hint_for(kind: str) -> tuple[ProblemCode, str]:
    """Return our stable problem code and a plain sentence for a pydantic error type."""
    return _PROBLEMS.get(kind, ("wrong_type", "this value has the wrong form"))


_TYPES: Final = ("string_type", "int_type", "bool_type", "list_type", "dict_type", "model_type", "int_from_float")
_RANGES: Final = ("greater_than_equal", "less_than_equal", "too_long", "string_too_long", "string_too_short")
_PROBLEMS: Final[dict[str, tuple[ProblemCode, str]]] = {
    "extra_forbidden": ("unknown_key", "there is no such key here"),
    "missing": ("missing_key", "this key is missing"),
    "too_short": ("empty_list", "an empty list grants or forbids nothing: leave it out or name something"),
    "literal_error": ("unknown_word", "only the words of the grammar are allowed here"),
    "evidence_sentence": (
        "bad_evidence",
        "a sentence is no evidence: write {report: SHA-256} or {accepted_by: NAME, reason: TEXT}",
    ),
    "evidence_parts": ("bad_evidence", "write either {report: SHA-256} or {accepted_by: NAME, reason: TEXT}"),
    "not_shown": ("bad_evidence", "the text has characters that a terminal does not show"),
    "bad_decimal": (
        "bad_decimal",
        'a limit is a decimal number above 0 in quotes, up to 11 digits and 4 decimals: "20", "1500.50"',
    ),
    "bad_day": ("bad_day", "write a day as YYYY-MM-DD in quotes"),
    "string_pattern_mismatch": ("bad_name", "this is not a name of the form expected here"),
    **dict.fromkeys(
        _TYPES, ("wrong_type", "the value has the wrong type (codes and numbers kept as text need quotes)")
    ),
    **dict.fromkeys(_RANGES, ("out_of_range", "the value is outside its limits")),
}
