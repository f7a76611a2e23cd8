"""How one operation is written over OData or REST: what to look up, the one request, and how its answer is judged.

A plan comes from `commands.operations.<operation>` of a profile (`write_grammar`); adapters carry it out. It names
places and typed parts only: whatever a command holds is a value in one of them, never a piece of an address or a query.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import RetryContract

REFERENCE_CHARS: Final = 12  # of `Command.reference`: `R`, ten characters and a check character

Protocol = Literal["odata", "rest"]
Source = Literal["field", "key", "found", "const", "reference", "version", "option"]
Kind = Literal["text", "decimal", "number", "integer", "flag"]
Method = Literal["POST", "PATCH", "PUT", "MERGE"]
Batch = Literal["", "multipart", "json"]
# What an error's own code means: the record is at another version; what is asked for is there already and may be ours;
# somebody else holds it at this moment. Any other word is our code for a refusal.
CONFLICT: Final = "conflict"
EXISTS: Final = "exists"
LATER: Final = "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One typed value of a request.

    `source` says where it comes from: a field of the command (`name`), a part of the record's source key (`index`), a
    field that a look-up took (`found` and `name`), a constant, our reference, the version token of the command or the
    version of a look-up (`found`), or an option of the configured system (`name`).

    The rest turns a canonical value into the system's: `codes` by a table, `unit` through the profile's units, zeros
    before it up to `pad` characters or taken away by `strip`, `prefix` before it and `suffix` after it. A value that
    is longer than `longest`, or finer than `digits` places, refuses the command. `kind` is its JSON type where the
    system does not describe it.
    Without `optional` a command that has no value here is refused.
    """

    source: Source
    name: str = ""
    index: int = 0
    found: str = ""
    const: JsonValue = None
    codes: Mapping[str, str] = field(default_factory=dict)
    unit: bool = False
    pad: int = 0
    strip: bool = False
    prefix: str = ""
    suffix: str = ""
    longest: int = 0
    digits: int | None = None
    kind: Kind = "text"
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """An object inside a body."""

    body: Mapping[str, Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Children:
    """Documents made together with the one that holds them."""

    bodies: tuple[Mapping[str, Part], ...]


Part = Value | Inner | Children


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a request goes.

    OData: `service` (alias) and `entity_set`, with `key` for one entity, `action` for what is called on it or on the
    service. REST: `path`, whose texts are the profile's and whose values are one segment each, and `query`.
    """

    service: str = ""
    entity_set: str = ""
    key: Mapping[str, Value] = field(default_factory=dict)
    action: str = ""
    path: tuple[str | Value, ...] = ()
    query: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """One record that is looked up first, and what is taken of it.

    It is the only one where every property in `where` has its value; `rows` leads to the list in a REST answer, empty
    where the answer is the record. Its version is kept beside what is taken: its ETag, in REST also what `version`
    leads to. `none` and `many` are our codes for a refusal.
    """

    name: str
    place: Place
    where: Mapping[str, Value]
    take: tuple[str, ...]
    rows: str = ""
    version: str = ""
    none: str = "not_found"
    many: str = "ambiguous"


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotency:
    """A header by which the system knows a repeat; `replayed` is the header of an answer that is one."""

    header: str
    form: Literal["text", "uuid"] = "text"
    replayed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """The one request that changes something.

    `if_match` names what its version condition is: `version` for the token of the command, else a look-up. `versioned`
    says that a version stands elsewhere in it. `batch` sends it as a change set in one of OData's two forms, and
    `together` with it what must be done together with it or not at all.
    """

    method: Method
    place: Place
    body: Mapping[str, Part]
    if_match: str = ""
    versioned: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    idempotency: Idempotency | None = None
    batch: Batch = ""
    minimal: bool = False
    together: tuple[Write, ...] = ()

    @property
    def whole(self) -> tuple[Write, ...]:
        """This one and what is done together with it, in that order."""
        return (self, *self.together)

    @property
    def target(self) -> tuple[str, ...]:
        """What of it is fixed: method and place without its values. Only what is listed is ever written."""
        texts = [one if isinstance(one, str) else f"{one.prefix}{{}}{one.suffix}" for one in self.place.path]
        return (self.method, self.place.service, self.place.entity_set, self.place.action, *texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a field of the record must hold, and our code where it does not."""

    field: str
    among: tuple[str, ...]
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where our reference goes in the body (a path, through children too), and how long it may be there."""

    path: str
    longest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """Where what bears our reference is found: `by` is compared as a whole, `key` makes the source key."""

    place: Place
    by: str
    key: tuple[str, ...]
    rows: str = ""
    where: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """How an answer is judged.

    `done` are the statuses of a whole answer, `empty` of one without a body. `error` leads to the system's own code in
    an error, `codes` says what such a code means. An answer whose `failed` path holds one of `failed_values` (any value
    but none, false, zero and empty where no value is named) is an error whatever its status.
    """

    done: frozenset[int] = frozenset({200, 201})
    empty: frozenset[int] = frozenset({204})
    error: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)
    failed: str = ""
    failed_values: tuple[JsonValue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one operation is carried out.

    `changes` says that it is about a record that exists: `same` are fields of the command that must be the record's,
    `needs` what else must be so. `absent` are fields that must have no value, with our code where one has. `shown`
    says under which name the record has a field of the command. `made` are the paths of a new record's key in the
    answer.
    """

    operation: str
    entity: str
    contract: RetryContract
    write: Write
    changes: bool
    lookups: tuple[Lookup, ...] = ()
    same: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    reference: Reference | None = None
    made: tuple[str, ...] = ()
    made_in_location: bool = False
    find: Find | None = None
    shown: Mapping[str, str] = field(default_factory=dict)
    judging: Judging = field(default_factory=Judging)
