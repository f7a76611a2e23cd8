"""The contract of write operations: pure functions from facts to a draft of one change.

An operation gets rows that are scoped to the role's sites, and the live records that the gateway has read again
itself; it does no I/O. It says what would be written, what a person sees of it, and which business rules it looked at.
It runs twice: before there is a proposal, and in the worker just before it is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import NamedTuple

from erp_mcp.domain.call import ArgumentValue, JsonValue
from erp_mcp.domain.command import Command, Written
from erp_mcp.domain.entities import Record
from erp_mcp.domain.parameters import Parameter
from erp_mcp.domain.proposal import Change, Check


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFacts:
    """What an operation may look at. `today` is the plant's business date, `now` the plant clock in UTC.

    `rows` are those of the read model per read. `live` holds, for each read that the tool re-reads, the records as
    their system has them this moment, found by `source_key`; one that is gone is missing. `stale` names systems whose
    copied data is above its freshness budget. `gaps` names optional reads that were left out, since what they look at
    is missing or too old; they have no rows, which then means nothing. `parameters` are those that policy says, by
    name; `of` gives any.
    """

    rows: Mapping[str, tuple[NamedTuple, ...]]
    live: Mapping[str, tuple[Record, ...]]
    arguments: Mapping[str, ArgumentValue]
    today: str
    now: str
    zone: tzinfo = UTC
    stale: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    parameters: Mapping[str, int] = field(default_factory=dict)

    def of(self, parameter: Parameter) -> int:
        """Return what a rule goes by: what policy says, else the default."""
        return self.parameters.get(parameter.name, parameter.default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One change worked out: the payload for the system, and what a person decides on.

    `key` and `version_token` are of the live record that changes, empty for a new one. `fields` are the payload in
    canonical names: decimal strings, ISO dates, ids, codes, null. `document` is the number that people know, empty for
    a new one. `amounts` are what limits count: `value` as a decimal string with `currency`, where it is known, and
    `material_id`, `supplier_id` and `site` where no field of the payload says them. A `site` is that of the live
    record, and of all that is changed: a stopped site stops by it.
    """

    system: str
    key: str
    version_token: str
    fields: Mapping[str, JsonValue]
    document: str
    headline: str
    changes: tuple[Change, ...]
    checks: tuple[Check, ...]
    effects: tuple[str, ...] = ()
    amounts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undoing:
    """What the way back is worked out from: what was sent and shown, what was written, and the record as it is now."""

    command: Command
    changes: tuple[Change, ...]
    written: Written
    live: Record
    today: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """The way back of an operation: the call of a tool, which is proposed, looked at and approved like any other.

    `function` gives the arguments of that tool. It raises `RuleRefusedError` where what was written can't be taken back
    as it is now; the message says why. `words` tell an approver beforehand how it would be taken back.
    """

    tool: str
    words: str
    function: Callable[[Undoing], Mapping[str, JsonValue]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A registered operation: the function, the entity it writes, and the row type of each read, as for analyses.

    `live` reads look at one entity each (the compiler sees to it) and find at most 200 records, `ports.MAX_KEYS`. A
    draft whose checks hold a refusal becomes no proposal. One without `undo` says in `irreversible` why, in a sentence.
    `unverified` names the fields that take an id or code of the call which no rule looks up in a system: it is the
    agent's own word, however much it looks like an id. `doubted` names, by the rule that says so, those which were not
    found where that rule flags them, and are looked up otherwise; a column of a table counts wherever it stands.
    """

    name: str  # <entity>.<verb>
    entity: str
    function: Callable[[CommandFacts], Draft]
    reads: Mapping[str, type[NamedTuple]]
    live: tuple[str, ...] = ()  # reads whose records are read again; their rows have `system` and `source_key`
    undo: Undo | None = None
    irreversible: str = ""
    unverified: frozenset[str] = frozenset()
    doubted: Mapping[str, frozenset[str]] = field(default_factory=dict)
