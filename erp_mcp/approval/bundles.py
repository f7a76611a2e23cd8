"""A policy bundle that allows writes counts only with the signature of an enrolled approver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from erp_mcp.approval import keys, signed
from erp_mcp.domain.approver import Applied, Enrolment
from erp_mcp.domain.instants import parse_instant

_APART: Final = timedelta(minutes=10)  # between signing and storing


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleApproval:
    """What is signed: this bundle is to count from now on, in place of the previous one.

    `targets` say per system that is written to where and how, by a digest of its settings and its profile: whoever
    points a name at another system, or maps a field of a change to something else, has not been given that leave.
    """

    deployment: str
    digest: str
    previous: str
    applied_by: str
    applied_at: str
    approver_id: str
    approver_name: str
    public_key: str
    targets: Mapping[str, str] = field(default_factory=dict)


def message(approval: BundleApproval) -> tuple[str, bytes]:
    """Return the text that is stored and the bytes that are signed."""
    return signed.written(signed.BUNDLE, approval)


def opened(text: str) -> tuple[BundleApproval, bytes] | None:
    """Return the approval of a stored text and the bytes that must have been signed; `None` if it isn't one."""
    return signed.opened(signed.BUNDLE, BundleApproval, text)


def refusal_of(applied: Applied, trusted: Mapping[str, Enrolment], deployment: str) -> str:
    """Return why an applied bundle may not allow writes, empty when it may.

    Args:
        applied: The bundle in force as the store has it.
        trusted: Approvers as `registry.trusted` found them.
        deployment: Name of the deployment.

    Returns:
        `unsigned`, `envelope` (the words are not of this bundle), `not_enrolled`, `signature`, `previous` (signed in
        place of another bundle) or `applied_at` (signed at another time), so that an old signature is used again, or
        nothing.
    """
    if applied.approval is None:
        return "unsigned"
    found = opened(applied.approval.text)
    if found is None:
        return "envelope"
    approval, signed_bytes = found
    if (approval.deployment, approval.digest, approval.applied_by, approval.approver_id) != (
        deployment,
        applied.digest,
        applied.applied_by,
        applied.approval.signer,
    ):
        return "envelope"
    signer = trusted.get(approval.approver_id)
    if signer is None or (signer.public_key, signer.name) != (approval.public_key, approval.approver_name):
        return "not_enrolled"
    if not keys.verifies(signer.public_key, signed_bytes, applied.approval.signature):
        return "signature"
    if approval.previous != applied.previous:
        return "previous"
    return "" if _near(approval.applied_at, applied.applied_at) else "applied_at"


def targets_of(applied: Applied | None) -> Mapping[str, str]:
    """Return the systems that an applied bundle was signed for, per name the digest of where and how it is written to.

    Nothing of it is verified here; see `refusal_of`.
    """
    found = opened(applied.approval.text) if applied is not None and applied.approval is not None else None
    return found[0].targets if found is not None else {}


def _near(signed_at: str, stored_at: str) -> bool:
    try:
        return abs(parse_instant(stored_at) - parse_instant(signed_at)) <= _APART
    except ValueError:
        return False
