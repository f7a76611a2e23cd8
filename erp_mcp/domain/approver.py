"""People who decide: enrolments that each stand on an earlier one, and what may be signed beside decisions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """Who may decide, in the words that are signed: by themselves for the first, else by one who was there before."""

    deployment: str
    approver_id: str
    name: str
    public_key: str  # Ed25519, 32 bytes, lower-case hexadecimal
    enrolled_by: str
    enrolled_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A canonical JSON text and an Ed25519 signature over it (with a domain tag before it), lower-case hexadecimal."""

    text: str
    signer: str  # approver id
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """An enrolment as stored, with the sealed private key and the revocation, where there is one."""

    approver_id: str
    enrolment: Signed
    sealed_key: str
    revocation: Signed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """Who made a policy bundle count, when, in place of which, and with whose signature where it allows writes."""

    digest: str
    applied_by: str
    applied_at: str
    approval: Signed | None = None
    previous: str = ""  # digest of the bundle that was in force before


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A pressed kill switch: `all`, or one `tool:…`, `agent:…`, `system:…`."""

    scope: str
    set_by: str
    set_at: str
    reason: str
