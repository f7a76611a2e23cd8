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
Source = Literal["field", "row", "place", "key", "found", "const", "reference", "version", "option", "ticket"]
Kind = Literal["text", "decimal", "number", "integer", "flag"]
Method = Literal["POST", "PATCH", "PUT", "MERGE"]
Batch = Literal["", "multipart", "json"]
TicketForm = Literal["address", "end", "path"]
# What an error's own code means: the record is at another version; what is asked for is there already and may be ours;
# somebody else holds it at this moment. Any other word is our code for a refusal.
CONFLICT: Final = "conflict"
EXISTS: Final = "exists"
LATER: Final = "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """What a field of the command must be for a value to be sent: one of `among`, or with `other` none of them."""

    field: str
    among: tuple[str, ...]
    other: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One typed value of a request.

    `source` says where it comes from: a field of the command (`name`), or of the row that a child is made for; the
    place of that row in steps (`index`: 10, 20 …); a part of the record's source key (`index`), a field that a look-up
    took (`found` and `name`), a constant, our reference, the version token of the command or the
    version of a look-up (`found`), an option of the configured system (`name`), or the ticket that the system gave when
    it took the change in.

    The rest turns a canonical value into the system's: `codes` by a table, `unit` through the profile's units, zeros
    before it up to `pad` characters or taken away by `strip`, `prefix` before it and `suffix` after it. A value that
    is longer than `longest`, or finer than `digits` places, refuses the command. `kind` is its JSON type where the
    system does not describe it.
    Without `optional` a command that has no value here is refused. In a body it is left out where `when` does not hold.
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
    when: When | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """An object inside a body."""

    body: Mapping[str, Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Children:
    """Documents made together with the one that holds them; with `each`, for each row of that field of the command."""

    bodies: tuple[Mapping[str, Part], ...]
    each: str = ""


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
class Single:
    """A list of the command that must have one entry, which is a field of the record; our code where it is not so."""

    field: str
    named: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where our reference goes in the body (a path, through children too), and how long it may be there."""

    path: str
    longest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """Where what bears our reference is found: `by` is compared as a whole, `key` makes the source key.

    A part of `key` that ends with `?` may be empty; one that begins with `=` stands as it is behind that sign.
    """

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
class Ask:
    """How a system is asked what became of what it took in, and how its word is read.

    `place` is what is asked with the ticket; `None` where the ticket is the address itself. Without `state` the last
    answer there is the one that the write would have had. With it, it leads to a word of the system's: one of
    `running`, `done` or `refused`, and `error` to its own code in the last case, which `codes` turn into ours. `made`
    are the paths of a new record's key.
    """

    place: Place | None = None
    state: str = ""
    running: frozenset[str] = frozenset()
    done: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    error: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)
    made: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """What says that a system took a change in and will say later what became of it.

    `statuses` are those of such an answer. `ticket` says where in it the ticket stands: `address` for the whole of
    `Location`, `end` for the last piece of it, else a path in the body (`path`). `respond_async` asks the system to
    work so. It is asked every `every_s` seconds at most, and for `ack_s` in all.
    """

    statuses: frozenset[int] = frozenset({202})
    ticket: TicketForm = "address"
    path: str = ""
    respond_async: bool = False
    every_s: int = 30
    ack_s: int
    ask: Ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one operation is carried out.

    `changes` says that it is about a record that exists: `same` are fields of the command that must be the record's,
    `needs` what else must be so, `unchanged` are fields of the command that the record must have already, with our code
    where it has not, `single` lists of one entry. `becomes` is what the record has afterwards. `absent` are fields that
    must have no value, with our code where one has. `shown` says under which name the record has a field of the
    command, empty where it has none of it. `made` are the paths of a new record's key in the answer. `accepted`
    is there where the system may say later what became of it.
    """

    operation: str
    entity: str
    contract: RetryContract
    write: Write
    changes: bool
    lookups: tuple[Lookup, ...] = ()
    same: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    unchanged: Mapping[str, str] = field(default_factory=dict)
    single: tuple[Single, ...] = ()
    becomes: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    reference: Reference | None = None
    made: tuple[str, ...] = ()
    made_in_location: bool = False
    find: Find | None = None
    shown: Mapping[str, str] = field(default_factory=dict)
    judging: Judging = field(default_factory=Judging)
    accepted: TakenIn | None = None
