"""The audit leaf: the bytes that are hashed for each record, in a form that never changes.

A leaf is canonical JSON (RFC 8785) of

    {"v", "seq", "prev", "id", "kind", "time", "correlation_id", "causation_id", "trace", "actor", "facts", "fields"}

`prev` is the leaf hash of the record before. `facts` stand in the clear. `fields` hold only SHA-256(salt || canonical
value) per name: value and salt live beside the leaf and can be erased without breaking the chain. The leaf hash is that
of RFC 6962, so a Merkle tree can be built over the same leaves later. Standard library only: every call writes one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from erp_mcp.domain.audit import AuditEntry, AuditRecord
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.canonical_json import canonical

LEAF_VERSION: Final = 1
GENESIS: Final = "0" * 64
SALT_BYTES: Final = 16
_LEAF_PREFIX: Final = b"\x00"  # RFC 6962 §2.1: leaves and nodes are hashed apart


def recordable(value: JsonValue) -> JsonValue:
    """Return the value itself, or `{"ascii_json": text}` when it is outside the subset.

    Whatever a client sent must be recordable, or a strange argument could keep a call out of the audit: floats, huge
    integers, lone surrogates and non-ASCII keys are kept exactly, as ASCII JSON text.
    """
    try:
        canonical(value)
    except ValueError:
        return {"ascii_json": json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))}
    return value


def leaf_hash(leaf: bytes) -> str:
    """Return SHA-256(0x00 || leaf) as lower-case hex: the leaf hash of RFC 6962."""
    return sha256(_LEAF_PREFIX + leaf).hexdigest()


def field_digest(salt: bytes, value: JsonValue) -> str:
    """Return SHA-256(salt || canonical value) as lower-case hex.

    Raises:
        ValueError: The value is outside the subset of `canonical`.
    """
    return sha256(salt + canonical(value)).hexdigest()


def text_digest(*texts: str) -> str:
    """Return SHA-256 of the canonical list of texts as lower-case hex, for rows of which a record vouches."""
    return sha256(canonical([*texts])).hexdigest()


def build(
    entry: AuditEntry, *, seq: int, prev: str, record_id: str, time: str, salts: Callable[[int], bytes]
) -> AuditRecord:
    """Return the record of an entry at its place in the chain.

    Args:
        entry: What to record; any JSON values.
        seq: Its number; the first record of a deployment is 1.
        prev: Leaf hash of the record before, `GENESIS` for the first.
        record_id: Its id, from `ports.Ids`.
        time: UTC instant with microseconds, `YYYY-MM-DDTHH:MM:SS.ffffffZ`, from `ports.Clock.wall`.
        salts: Gives that many random bytes; each field gets its own salt.

    Returns:
        The record with leaf, leaf hash and the values and salts to be kept beside it.
    """
    details: dict[str, tuple[str, JsonValue]] = {}
    digests: dict[str, JsonValue] = {}
    for name, raw in entry.fields.items():
        salt, value = salts(SALT_BYTES), recordable(raw)
        details[name] = (salt.hex(), value)
        digests[name] = field_digest(salt, value)
    parts: dict[str, JsonValue] = {
        "v": LEAF_VERSION,
        "seq": seq,
        "prev": prev,
        "id": record_id,
        "kind": entry.kind,
        "time": time,
        "correlation_id": _text(entry.correlation_id),
        "causation_id": _text(entry.causation_id),
        "trace": _text(entry.trace),
        "actor": _text(entry.actor),
        "facts": entry.facts,
        "fields": digests,
    }
    try:
        leaf = canonical(parts)
    except ValueError:
        leaf = canonical({**parts, "facts": {name: recordable(value) for name, value in entry.facts.items()}})
    return AuditRecord(seq=seq, record_id=record_id, time=time, leaf=leaf, leaf_hash=leaf_hash(leaf), details=details)


def _text(value: str) -> str:
    """Return text that UTF-8 can hold; lone surrogates become visible escapes."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
