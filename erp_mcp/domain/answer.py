"""What a call answers: tables, where they come from, and how old that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from erp_mcp.errors import GatewayError, TransientError

Cell = str | int | bool | None | list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One system an answer rests on. `as_of` is its oldest reading used, on the plant clock; `age_s` in seconds."""

    system: str
    via: str  # read_model, live
    as_of: str
    age_s: int
    stale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Data that was asked for and could not be used: which entity, why, and from which system if one is known.

    With `field` only this field of the entity is not there (`no_field`); `affects` names what cannot be told or is told
    without it: arguments, result columns, or what an analysis looks for.
    """

    entity: str
    reason: str  # no_source, never_synchronised, too_old, no_field
    system: str = ""
    as_of: str = ""
    field: str = ""
    affects: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The entity, or `entity.field`."""
        return f"{self.entity}.{self.field}" if self.field else self.entity


@dataclass(slots=True, kw_only=True)
class ResultTable:
    """Columns once, rows as arrays. `untrusted` names the columns whose text comes from outside."""

    columns: list[str]
    rows: list[list[Cell]]
    untrusted: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Answer:
    """The envelope of a successful read (see docs/answers.md)."""

    tables: dict[str, ResultTable]
    complete: bool
    sources: list[Source]
    warnings: list[str]
    call_id: str
    next_cursor: str = ""
    definition_id: str = ""
    gaps: list[Gap] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The envelope of a refused or failed call."""

    code: str
    summary: str
    advice: str
    facts: dict[str, str | int | list[str]]
    call_id: str
    retryable: bool = False

    @classmethod
    def of(cls, error: GatewayError, call_id: str) -> Self:
        """Return the refusal that tells an error, and whether the same call may work later."""
        return cls(
            code=error.code,
            summary=error.summary,
            advice=error.advice,
            facts=error.json_facts,
            call_id=call_id,
            retryable=isinstance(error, TransientError),
        )
