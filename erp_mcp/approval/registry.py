"""Which enrolments count: those that go back, signature by signature, to the key of the first approver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from erp_mcp.approval import keys, signed
from erp_mcp.approval.oidc import OidcEnrolment, PageEnrolment
from erp_mcp.approval.requesters import key_of
from erp_mcp.domain.approver import Approver, Enrolment, OidcApprover, Signed
from erp_mcp.domain.instants import parse_instant
from erp_mcp.errors import RegistryDamagedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """The words that end an enrolment. `keeps` is what this approver had enrolled and stays enrolled.

    What a revoked approver enrols later, whatever date it is given, is not among it and counts for nothing. Where an
    account at a provider or a page's key is revoked, `approver_id` is the id of its row.
    """

    deployment: str
    approver_id: str
    public_key: str
    revoked_by: str
    revoked_at: str
    keeps: tuple[str, ...]


Statement = Enrolment | OidcEnrolment | PageEnrolment


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """An enrolment as it was read, before anybody believes it: of a key, of an account at a provider, or of a page."""

    row: Approver
    enrolment: Statement
    signed_bytes: bytes

    @property
    def identity(self) -> str:
        """Return what only one enrolment may have."""
        one = self.enrolment
        return one.public_key if isinstance(one, Enrolment) else one.identity

    @property
    def is_first(self) -> bool:
        """Whether it was signed by the very person whose key it enrols."""
        return isinstance(self.enrolment, Enrolment) and self.enrolment.enrolled_by == self.enrolment.approver_id


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
    return _trusted([_entry(row, deployment) for row in approvers], root_public_key, deployment)


def trusted_then(
    approvers: Sequence[Approver], root_public_key: str, deployment: str, said: Sequence[tuple[str, str]]
) -> dict[str, Enrolment]:
    """Return who may decide, and of those revoked since whoever had said something before that.

    Args:
        approvers: As `trusted`.
        root_public_key: As `trusted`.
        deployment: As `trusted`.
        said: Who, and when.

    Raises:
        RegistryDamagedError: as `trusted`.
    """
    found = {**trusted(approvers, root_public_key, deployment)}
    for who, at in said:
        if who in found:
            continue
        own = [one for one in approvers if _is_of(one, who)]
        if all(one.revocation is None or _was_before(at, one.revocation) for one in own):
            then = [replace(one, revocation=None) if one in own else one for one in approvers]
            back = trusted(then, root_public_key, deployment)
            found.update({name: one for name, one in back.items() if name == who})
    return found


def enrolled_by(approvers: Sequence[Approver], approver_id: str) -> tuple[str, ...]:
    """Return what an approver has enrolled, sorted: keys, and accounts by one word each; a revocation keeps it."""
    found = ((row, opened(row)) for row in approvers)
    entries = [_Entry(row=row, enrolment=one[0], signed_bytes=one[1]) for row, one in found if one is not None]
    return tuple(
        sorted(one.identity for one in entries if one.enrolment.enrolled_by == approver_id and not one.is_first)
    )


def opened(row: Approver) -> tuple[Statement, bytes] | None:
    """Return the enrolment of a row and the bytes that must have been signed; `None` if it isn't one."""
    if row.approver_id.startswith("oidc:"):
        return signed.opened(signed.OIDC_ENROLMENT, OidcEnrolment, row.enrolment.text)
    if row.approver_id.startswith("page:"):
        return signed.opened(signed.PAGE_ENROLMENT, PageEnrolment, row.enrolment.text)
    return signed.opened(signed.ENROLMENT, Enrolment, row.enrolment.text)


def opened_revocation(text: str) -> tuple[Revocation, bytes] | None:
    """Return the revocation of a stored text and the bytes that must have been signed; `None` if it isn't one."""
    return signed.opened(signed.REVOCATION, Revocation, text)


def _is_of(row: Approver, approver_id: str) -> bool:
    """Whether an enrolment is of this person: of their key, or of an account of theirs at a provider."""
    found = opened(row)
    return found is not None and getattr(found[0], "approver_id", "") == approver_id  # a page's is of nobody


def _was_before(at: str, revocation: Signed) -> bool:
    """Whether what somebody said is of a time before they were revoked."""
    found = opened_revocation(revocation.text)
    return found is not None and parse_instant(at) <= parse_instant(found[0].revoked_at)


def row_id(enrolment: Statement) -> str:
    """Return under which id an enrolment is stored."""
    return enrolment.approver_id if isinstance(enrolment, Enrolment) else enrolment.row_id


def _trusted(entries: Sequence[_Entry], root_public_key: str, deployment: str) -> dict[str, Enrolment]:
    _refuse_doubles(entries)
    chain = _chain(entries, root_public_key)
    revocations = _revocations(entries, chain, deployment)
    standing = [one.enrolment for one in entries if _stands(one, chain, revocations)]
    people = {one.approver_id: one for one in standing if isinstance(one, Enrolment)}
    accounts: dict[str, list[OidcEnrolment]] = {}
    for one in standing:
        if isinstance(one, OidcEnrolment) and (one.approver_id in people or one.approver_id not in chain):
            accounts.setdefault(one.approver_id, []).append(one)
    pages = tuple(sorted(one.public_key for one in standing if isinstance(one, PageEnrolment)))
    signing_in = {name: _signing_in(people.get(name), some, pages) for name, some in accounts.items()}
    return {**people, **signing_in}


def _signing_in(own: Enrolment | None, accounts: Sequence[OidcEnrolment], pages: tuple[str, ...]) -> OidcApprover:
    """Return a person with accounts at a provider; their own key's enrolment, if they have one, says who they are."""
    first = accounts[0]
    return OidcApprover(
        deployment=first.deployment,
        approver_id=first.approver_id,
        name=own.name if own else first.name,
        public_key=own.public_key if own else "",
        enrolled_by=own.enrolled_by if own else first.enrolled_by,
        enrolled_at=own.enrolled_at if own else first.enrolled_at,
        subjects=tuple((one.issuer, one.subject) for one in accounts),
        page_keys=pages,
    )


def _entry(row: Approver, deployment: str) -> _Entry:
    found = opened(row)
    if found is None:
        raise RegistryDamagedError(approver=row.approver_id, reason="not an enrolment")
    enrolment, signed_bytes = found
    told = (enrolment.deployment, row_id(enrolment), enrolment.enrolled_by)
    if told != (deployment, row.approver_id, row.enrolment.signer):
        raise RegistryDamagedError(approver=row.approver_id, reason="of something else")
    return _Entry(row=row, enrolment=enrolment, signed_bytes=signed_bytes)


def _refuse_doubles(entries: Sequence[_Entry]) -> None:
    """Two names with one key or one account would let one person decide twice."""
    ids = [one.enrolment.approver_id for one in entries if isinstance(one.enrolment, Enrolment)]
    everybody = {*ids, *(one.enrolment.approver_id for one in entries if isinstance(one.enrolment, OidcEnrolment))}
    identities = {one.identity for one in entries}
    if len({key_of(one) for one in everybody}) != len(everybody) or len(set(ids)) != len(ids):
        raise RegistryDamagedError(reason="two enrolments with one id or key")
    if len(identities) != len(entries):
        raise RegistryDamagedError(reason="two enrolments with one id or key")


def _chain(entries: Sequence[_Entry], root_public_key: str) -> dict[str, Enrolment]:
    """Return every enrolment of a key that goes back to the root, revoked or not; any that does not is damage."""
    chain: dict[str, Enrolment] = {}
    waiting = list(entries)
    while waiting:
        found = [one for one in waiting if _is_signed(one, chain, root_public_key)]
        if not found:
            raise RegistryDamagedError(approver=waiting[0].row.approver_id, reason="does not go back to the root")
        people = (one.enrolment for one in found if isinstance(one.enrolment, Enrolment))
        chain.update((one.approver_id, one) for one in people)
        waiting = [one for one in waiting if one not in found]
    return chain


def _is_signed(entry: _Entry, chain: Mapping[str, Enrolment], root_public_key: str) -> bool:
    if entry.is_first:
        signer = root_public_key if entry.identity == root_public_key else ""
    else:
        known = chain.get(entry.enrolment.enrolled_by)
        signer = known.public_key if known else ""
    return bool(signer) and keys.verifies(signer, entry.signed_bytes, entry.row.enrolment.signature)


def _revocations(entries: Sequence[_Entry], chain: Mapping[str, Enrolment], deployment: str) -> dict[str, Revocation]:
    return {
        entry.row.approver_id: _revocation(entry, entry.row.revocation, chain, deployment)
        for entry in entries
        if entry.row.revocation is not None
    }


def _revocation(entry: _Entry, stored: Signed, chain: Mapping[str, Enrolment], deployment: str) -> Revocation:
    """Return a revocation that was signed by anybody of the chain.

    One that does not verify is damage, not nothing: else whoever spoils it would be an approver again.
    """
    found = opened_revocation(stored.text)
    signer, name = chain.get(stored.signer), entry.row.approver_id
    if found is None or signer is None:
        raise RegistryDamagedError(approver=name, reason="not a revocation")
    revocation, signed_bytes = found
    told = (revocation.deployment, revocation.approver_id, revocation.public_key, revocation.revoked_by)
    if told != (deployment, name, entry.identity, stored.signer):
        raise RegistryDamagedError(approver=name, reason="revocation of something else")
    if not keys.verifies(signer.public_key, signed_bytes, stored.signature):
        raise RegistryDamagedError(approver=name, reason="revocation does not verify")
    return revocation


def _stands(entry: _Entry, chain: Mapping[str, Enrolment], revocations: Mapping[str, Revocation]) -> bool:
    """Whether an enrolment counts: not revoked, and kept wherever one that it stands on was revoked."""
    if entry.row.approver_id in revocations:
        return False
    identity, signer, first = entry.identity, entry.enrolment.enrolled_by, entry.is_first
    while not first:
        revoked = revocations.get(signer)
        if revoked is not None and identity not in revoked.keeps:
            return False
        below = chain[signer]
        identity, signer, first = below.public_key, below.enrolled_by, below.enrolled_by == below.approver_id
    return True
