"""One change of one record in a system of record, and what the system said to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from erp_mcp.domain.call import JsonValue

RetryKind = Literal["native_key", "unique_ref", "conditional", "readback", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What is to be written, in canonical terms.

    `operation` is `<entity>.<verb>` (purchase_order_line.update_delivery_date, purchase_requisition.create). `key` is
    the source key of the record in its system, empty for a new one; `version_token` is what the record had when the
    change was worked out. `fields` hold decimal strings, ISO dates, ids and codes. `reference` is ours and is written
    into the record where the operation's contract says so.
    """

    operation: str
    system: str
    entity: str
    key: str
    version_token: str
    reference: str
    fields: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryContract:
    """How an outcome that is not known can be found out, and after how many seconds a miss counts.

    `ack_s` is for systems that take a change in and say later what became of it: for how long that is looked for before
    a person has to ask. `shows_taken_in` says that such a system shows by our reference alone, without a ticket, that
    it has taken a change in.
    """

    kind: RetryKind
    settle_s: int
    ack_s: int = 24 * 3600
    shows_taken_in: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What became of one line of a change: `code` is ours for why it was not written, `native_code` the system's."""

    line: str
    written: bool
    document: str = ""
    code: str = ""
    native_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A record as the system has it after the change, read back.

    `rows` are the results of its lines where the system gives one for each and some were not written; empty where all
    were.
    """

    document: str  # the number that people use
    key: str
    version_token: str
    fields: Mapping[str, JsonValue] = field(default_factory=dict)
    rows: tuple[RowResult, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether all of it was written."""
        return all(row.written for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """The system says that it was written; `warnings` are its own codes for what it remarks, cleaned."""

    written: Written
    warnings: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The system's own rules refused it; nothing was written.

    `code` is ours, never the system's text; `native_code` is the system's own code, cleaned: a fact for people.
    """

    code: str
    native_code: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """The record is not the one the change was worked out on; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """It certainly did not arrive, or was turned away at the door; it may be sent after `retry_after_s` seconds."""

    reason: str
    retry_after_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Nobody can say: the answer was lost, cut or makes no sense; `native_code` as in `Refused`."""

    reason: str
    native_code: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The system has taken it in for certain, and says later what becomes of it: a file, a queue, another's yes.

    `ticket` is what it gave for asking, cleaned: a fact for people. `ask_after_s` is when it is worth asking first.
    """

    ticket: str = ""
    ask_after_s: int = 30


Outcome = Committed | Refused | Conflict | NotSent | Unknown | Accepted
