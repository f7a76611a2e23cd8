"""Which enrolments count: those that go back, signature by signature, to the key of the first approver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from erp_mcp.approval import keys, signed
from erp_mcp.approval.requesters import key_of
from erp_mcp.domain.approver import Approver, Enrolment, Signed
from erp_mcp.errors import RegistryDamagedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """The words that end an enrolment. `keeps` are the keys that this approver had enrolled and that stay enrolled.

    A key that a revoked approver enrols later, whatever date it is given, is not among them and counts for nothing.
    """

    deployment: str
    approver_id: str
    public_key: str
    revoked_by: str
    revoked_at: str
    keeps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """An enrolment as it was read, before anybody believes it."""

    row: Approver
    enrolment: Enrolment
    signed_bytes: bytes


def enrolment_message(enrolment: Enrolment) -> tuple[str, bytes]:
    """Return the text of an enrolment that is stored and the bytes that are signed."""
    return signed.written(signed.ENROLMENT, enrolment)


def revocation_message(revocation: Revocation) -> tuple[str, bytes]:
    """Return the text of a revocation that is stored and the bytes that are signed."""
    return signed.written(signed.REVOCATION, revocation)


def trusted(approvers: Sequence[Approver], root_public_key: str, deployment: str) -> Mapping[str, Enrolment]:
    """Return the approvers who may decide, by id.

    Args:
        approvers: Enrolments as the store has them; nothing of them is believed.
        root_public_key: Key of the first approver, from the file that only the operator can write.
        deployment: Name of the deployment.

    Raises:
        RegistryDamagedError: `approval.broken_registry`: an enrolment or a revocation does not verify, or two stand on
            one id or key. Nobody may decide until that is mended.
    """
    entries = [_entry(row, deployment) for row in approvers]
    _refuse_doubles(entries)
    chain = _chain(entries, root_public_key)
    revocations = _revocations(entries, chain, deployment)
    return {name: one for name, one in chain.items() if _stands(one, chain, revocations)}


def enrolled_by(approvers: Sequence[Approver], approver_id: str) -> tuple[str, ...]:
    """Return the keys that an approver has enrolled, sorted: what a revocation keeps."""
    found = (signed.opened(signed.ENROLMENT, Enrolment, row.enrolment.text) for row in approvers)
    enrolments = (one[0] for one in found if one is not None)
    return tuple(
        sorted(
            one.public_key for one in enrolments if one.enrolled_by == approver_id and one.approver_id != approver_id
        )
    )


def _entry(row: Approver, deployment: str) -> _Entry:
    found = signed.opened(signed.ENROLMENT, Enrolment, row.enrolment.text)
    if found is None:
        raise RegistryDamagedError(approver=row.approver_id, reason="not an enrolment")
    enrolment, signed_bytes = found
    told = (enrolment.deployment, enrolment.approver_id, enrolment.enrolled_by)
    if told != (deployment, row.approver_id, row.enrolment.signer):
        raise RegistryDamagedError(approver=row.approver_id, reason="of something else")
    return _Entry(row=row, enrolment=enrolment, signed_bytes=signed_bytes)


def _refuse_doubles(entries: Sequence[_Entry]) -> None:
    """Two names with one key would let one person decide twice."""
    ids = {key_of(one.enrolment.approver_id) for one in entries}
    public_keys = {one.enrolment.public_key for one in entries}
    if len(ids) != len(entries) or len(public_keys) != len(entries):
        raise RegistryDamagedError(reason="two enrolments with one id or key")


def _chain(entries: Sequence[_Entry], root_public_key: str) -> dict[str, Enrolment]:
    """Return every enrolment that goes back to the root, revoked or not; one that does not is damage."""
    chain: dict[str, Enrolment] = {}
    waiting = list(entries)
    while waiting:
        found = [one for one in waiting if _is_signed(one, chain, root_public_key)]
        if not found:
            raise RegistryDamagedError(approver=waiting[0].row.approver_id, reason="does not go back to the root")
        chain.update((one.enrolment.approver_id, one.enrolment) for one in found)
        waiting = [one for one in waiting if one not in found]
    return chain


def _is_signed(entry: _Entry, chain: Mapping[str, Enrolment], root_public_key: str) -> bool:
    enrolment = entry.enrolment
    if enrolment.enrolled_by == enrolment.approver_id:
        signer = root_public_key if enrolment.public_key == root_public_key else ""
    else:
        known = chain.get(enrolment.enrolled_by)
        signer = known.public_key if known else ""
    return bool(signer) and keys.verifies(signer, entry.signed_bytes, entry.row.enrolment.signature)


def _revocations(entries: Sequence[_Entry], chain: Mapping[str, Enrolment], deployment: str) -> dict[str, Revocation]:
    return {
        entry.row.approver_id: _revocation(entry.enrolment, entry.row.revocation, chain, deployment)
        for entry in entries
        if entry.row.revocation is not None
    }


def _revocation(enrolment: Enrolment, stored: Signed, chain: Mapping[str, Enrolment], deployment: str) -> Revocation:
    """Return a revocation that was signed by anybody of the chain.

    One that does not verify is damage, not nothing: else whoever spoils it would be an approver again.
    """
    found = signed.opened(signed.REVOCATION, Revocation, stored.text)
    signer = chain.get(stored.signer)
    if found is None or signer is None:
        raise RegistryDamagedError(approver=enrolment.approver_id, reason="not a revocation")
    revocation, signed_bytes = found
    told = (revocation.deployment, revocation.approver_id, revocation.public_key, revocation.revoked_by)
    if told != (deployment, enrolment.approver_id, enrolment.public_key, stored.signer):
        raise RegistryDamagedError(approver=enrolment.approver_id, reason="revocation of something else")
    if not keys.verifies(signer.public_key, signed_bytes, stored.signature):
        raise RegistryDamagedError(approver=enrolment.approver_id, reason="revocation does not verify")
    return revocation


def _stands(one: Enrolment, chain: Mapping[str, Enrolment], revocations: Mapping[str, Revocation]) -> bool:
    """Whether an enrolment counts: not revoked, and kept wherever one that it stands on was revoked."""
    if one.approver_id in revocations:
        return False
    below = one
    while below.enrolled_by != below.approver_id:
        revoked = revocations.get(below.enrolled_by)
        if revoked is not None and below.public_key not in revoked.keeps:
            return False
        below = chain[below.enrolled_by]
    return True
