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
