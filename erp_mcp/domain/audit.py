"""What happened, as data to be recorded."""

from __future__ import annotations

from dataclasses import dataclass

from erp_mcp.domain.call import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing to record. `facts` stand in the clear; `fields` are committed to by salted digests and can be erased.

    `kind` is `<noun>.<past tense>`: call.answered, call.refused, policy.applied, sync.finished …
    """

    kind: str
    correlation_id: str
    causation_id: str
    trace: str
    actor: str  # agent, or the operator's account for command-line acts
    facts: dict[str, JsonValue]
    fields: dict[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """A recorded entry: `leaf` is the canonical JSON that was hashed, `details` the erasable values and salts."""

    seq: int
    record_id: str
    time: str
    leaf: bytes
    leaf_hash: str
    details: dict[str, tuple[str, JsonValue]]  # name -> (salt hex, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptProposal:
    """A proposal as its row has it now, for comparison with its records; digests are of what the row really holds."""

    proposal_id: str
    state: str
    digest: str  # of the content
    receipt: str  # SHA-256 of the canonical receipt, empty where there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an event of a proposal points to in the chain: its record, and the leaf hash of the one before that.

    `kind` is as the event has it. `record` is absent where there is none of that number; `before` is empty where there
    is none before it.
    """

    proposal_id: str
    kind: str
    record: AuditRecord | None
    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRow:
    """Any other row that a record vouches for, as it is now: `told` is what the row says of all that the record says.

    `kind` is enrolment, revocation, decision, resolution, order, task, policy, stop or declaration; `name` tells it
    from others of its kind. `at` is when it came to be, by the row itself, empty where it does not say.
    """

    kind: str
    name: str
    told: tuple[str, ...]
    at: str = ""
