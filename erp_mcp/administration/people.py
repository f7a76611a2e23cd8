"""Who may decide: enrol the first approver, let an approver enrol and revoke others, and sign in their name."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from erp_mcp.approval import keys, oidc, registry
from erp_mcp.approval.keys import OpenKey
from erp_mcp.approval.oidc import OidcEnrolment, PageEnrolment
from erp_mcp.approval.requesters import same_person
from erp_mcp.bootstrap import Deployment, approvers_root, approvers_root_file
from erp_mcp.domain.approver import Approver, Enrolment, OidcApprover, Signed, SignIn
from erp_mcp.domain.instants import exact_instant
from erp_mcp.errors import (
    ApproverExistsError,
    ApproverNotFoundError,
    BadPassphraseError,
    InvalidArgumentError,
    LastApproverError,
    RegistryDamagedError,
    StateUnavailableError,
)

ID_FORM: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_MAX_NAME: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """An approver and the passphrase that opens their key, for one act; never stored or shown.

    Where a process holds the key that the passphrase has opened a while ago, `key` is it, and `passphrase` is empty.
    Where a provider knew them, `sign_in` says how, and `key` is the page's.
    """

    approver_id: str
    passphrase: str
    key: OpenKey | None = None
    sign_in: SignIn | None = None

    def __repr__(self) -> str:
        """Leave the passphrase out of whatever shows this."""
        return f"Signing(approver_id={self.approver_id!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An enrolment as people look at it: in force, or since when and by whom not any more.

    `account` is issuer and subject where it is that of an account at a provider.
    """

    enrolment: Enrolment
    in_force: bool
    revoked_by: str = ""
    account: tuple[str, str] | None = None


def trusted(deployment: Deployment) -> Mapping[str, Enrolment]:
    """Return the approvers in force, by id.

    Raises:
        RegistryDamagedError: `approval.broken_registry`. StateUnavailableError: `state.unavailable`.
    """
    rows = deployment.state.approvers.all()
    return registry.trusted(rows, approvers_root(deployment.settings.state_dir), deployment.settings.deployment)


def members(deployment: Deployment) -> list[Member]:
    """Return every enrolment of a person, oldest first, keys and accounts each by itself; raises as `trusted`."""
    in_force = trusted(deployment)
    found = []
    for row in deployment.state.approvers.all():
        opened = registry.opened(row)
        if opened is None or isinstance(opened[0], PageEnrolment):  # `trusted` has refused what is no enrolment
            continue
        revoked_by = row.revocation.signer if row.revocation else ""
        one, account = opened[0], None
        if isinstance(one, OidcEnrolment):
            account = (one.issuer, one.subject)
            one = _as_person(one)
        known = in_force.get(one.approver_id)
        accounts = known.subjects if isinstance(known, OidcApprover) else ()
        standing = account in accounts if account else known is not None and known.public_key == one.public_key
        found.append(Member(enrolment=one, in_force=standing, revoked_by=revoked_by, account=account))
    return found


def first_approver_missing(deployment: Deployment) -> bool:
    """Whether nobody was ever enrolled here."""
    return not deployment.state.approvers.all()


def enrol(
    deployment: Deployment, approver_id: str, name: str, passphrase: str, *, by: Signing | None = None
) -> Enrolment:
    """Enrol an approver.

    Args:
        deployment: Where.
        approver_id: A small letter, then small letters, digits, _ and -.
        name: As people know them; the id where it is empty.
        passphrase: Of the new approver; it seals their key and is not kept.
        by: The approver who vouches for them; `None` for the first one, who signs for themselves.

    Raises:
        InvalidArgumentError: `call.invalid_argument`, for an id or a name of the wrong form.
        ApproverExistsError: `approval.exists`, for an id, a name or a first approver that is there.
        WeakPassphraseError: `approval.weak_passphrase`. BadPassphraseError: `approval.bad_passphrase`, for `by`.
        ApproverNotFoundError: `approval.not_found`, for `by`. RegistryDamagedError: `approval.broken_registry`.
    """
    shown = check_new(deployment, approver_id, name)
    random = secrets.token_bytes(keys.RANDOM_BYTES)
    pair = keys.make(passphrase, random=random)
    enrolment = Enrolment(
        deployment=deployment.settings.deployment,
        approver_id=approver_id,
        name=shown,
        public_key=pair.public,
        enrolled_by=by.approver_id if by else approver_id,
        enrolled_at=exact_instant(deployment.clock.wall()),
    )
    text, message = registry.enrolment_message(enrolment)
    if by is None:
        signature = keys.sign_first(random, message)
        row = Approver(
            approver_id=approver_id,
            enrolment=Signed(text=text, signer=approver_id, signature=signature),
            sealed_key=pair.sealed,
        )
        _found(deployment, row, pair.public)
        return enrolment
    row = Approver(approver_id=approver_id, enrolment=sign(deployment, by, text, message), sealed_key=pair.sealed)
    deployment.state.approvers.enrol(row)
    return enrolment


def revoke(deployment: Deployment, approver_id: str, *, by: Signing) -> None:
    """End an enrolment for good, key and accounts alike; whom that approver had enrolled stays enrolled.

    The accounts come first: killed between two, what is left of a person is their own key, and the next try ends it.

    Raises:
        ApproverNotFoundError: `approval.not_found`, for either person. BadPassphraseError: `approval.bad_passphrase`.
        LastApproverError: `approval.last`: then nobody could enrol another.
        RegistryDamagedError: `approval.broken_registry`.
    """
    check_revocable(deployment, approver_id)
    for row_id, identity in _rows_of(deployment, approver_id):
        revocation = registry.Revocation(
            deployment=deployment.settings.deployment,
            approver_id=row_id,
            public_key=identity,
            revoked_by=by.approver_id,
            revoked_at=exact_instant(deployment.clock.wall()),
            keeps=registry.enrolled_by(deployment.state.approvers.all(), row_id),
        )
        text, message = registry.revocation_message(revocation)
        deployment.state.approvers.revoke(row_id, sign(deployment, by, text, message))


def check_revocable(deployment: Deployment, approver_id: str) -> Enrolment:
    """Return the enrolment of somebody who can be revoked; asked before the one who signs types a passphrase.

    Raises:
        ApproverNotFoundError: `approval.not_found`. LastApproverError: `approval.last`.
        RegistryDamagedError: `approval.broken_registry`.
    """
    in_force = trusted(deployment)
    who = _known(in_force, approver_id)
    if who.public_key and sum(bool(one.public_key) for one in in_force.values()) == 1:
        raise LastApproverError(approver=approver_id)
    return who


def _rows_of(deployment: Deployment, approver_id: str) -> list[tuple[str, str]]:
    """Return id and identity of what stands of a person, accounts first."""
    found = []
    for row in deployment.state.approvers.all():
        opened = registry.opened(row) if row.revocation is None else None
        if opened is None or isinstance(opened[0], PageEnrolment) or opened[0].approver_id != approver_id:
            continue
        one = opened[0]
        found.append((row.approver_id, one.public_key if isinstance(one, Enrolment) else one.identity))
    return sorted(found, key=lambda one: one[0] == approver_id)


def sign(deployment: Deployment, signing: Signing, text: str, message: bytes) -> Signed:
    """Sign with an approver's own key.

    Raises:
        ApproverNotFoundError: `approval.not_found`, for one who is not enrolled or not any more.
        BadPassphraseError: `approval.bad_passphrase`. RegistryDamagedError: `approval.broken_registry`.
    """
    key = opened_key(deployment, signing)
    return Signed(text=text, signer=signing.approver_id, signature=key.sign(message))


def sign_as(deployment: Deployment, signing: Signing, text: str, message: bytes) -> Signed:
    """Sign with an approver's own key, or, where a provider knew them, with the page's; raises as `sign`.

    Only what says itself how its person was known is signed so: decisions, statements of outcomes, words about taint.
    """
    if signing.sign_in is None:
        return sign(deployment, signing, text, message)
    approver = _known(trusted(deployment), signing.approver_id)
    if signing.key is None or not oidc.is_known(approver, signing.sign_in, signing.key.public):
        raise BadPassphraseError
    return Signed(text=text, signer=signing.approver_id, signature=signing.key.sign(message))


def opened_key(deployment: Deployment, signing: Signing) -> OpenKey:
    """Return the key of an approver in force, opened now, or held already and still theirs; raises as `sign`."""
    approver = _known(trusted(deployment), signing.approver_id)
    if not approver.public_key or signing.sign_in is not None:
        raise BadPassphraseError
    if signing.key is not None:
        if signing.key.public != approver.public_key:
            raise BadPassphraseError
        return signing.key
    (row,) = (one for one in deployment.state.approvers.all() if one.approver_id == signing.approver_id)
    return keys.open_key(keys.KeyPair(public=approver.public_key, sealed=row.sealed_key), signing.passphrase)


def _as_person(account: OidcEnrolment) -> Enrolment:
    return Enrolment(
        deployment=account.deployment,
        approver_id=account.approver_id,
        name=account.name,
        public_key="",
        enrolled_by=account.enrolled_by,
        enrolled_at=account.enrolled_at,
    )


def _known(in_force: Mapping[str, Enrolment], approver_id: str) -> Enrolment:
    if approver_id not in in_force:
        nobody = {} if in_force else {"reason": "nobody is enrolled yet: erp-mcp approvals enrol ID"}
        raise ApproverNotFoundError(approver=approver_id[:64], **nobody)
    return in_force[approver_id]


def check_new(deployment: Deployment, approver_id: str, name: str) -> str:
    """Return the name of somebody who can be enrolled; asked before they choose a passphrase.

    One person must not be there under two names; what tells them apart may not be invisible.

    Raises:
        InvalidArgumentError: `call.invalid_argument`. ApproverExistsError: `approval.exists`.
        RegistryDamagedError: `approval.broken_registry`.
    """
    name = (name or approver_id).strip()
    if not ID_FORM.fullmatch(approver_id):
        expected = "a small letter, then small letters, digits, _ and -"
        raise InvalidArgumentError(argument="ID", rule="form", expected=expected)
    if not name.isprintable() or not 1 <= len(name) <= _MAX_NAME:
        raise InvalidArgumentError(argument="--name", rule="form", expected=f"1 to {_MAX_NAME} visible characters")
    for member in members(deployment):
        there = member.enrolment
        if any(same_person(one, other) for one in (approver_id, name) for other in (there.approver_id, there.name)):
            raise ApproverExistsError(approver=there.approver_id, name=there.name)
    return name


def _found(deployment: Deployment, row: Approver, public_key: str) -> None:
    """Store the first approver: the key beside the database, since everything stands on it, then the row.

    Killed between the two, the file stands alone; nobody is enrolled then, and the message says what to do.
    """
    path = approvers_root_file(deployment.settings.state_dir)
    if not first_approver_missing(deployment):
        raise ApproverExistsError(reason="the first approver is enrolled; they enrol the others (--as)")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        reason = "a first approver's key stands here without an enrolment; remove the file if an enrolment was cut off"
        raise RegistryDamagedError(file=str(path), reason=reason) from error
    except OSError as error:
        raise StateUnavailableError(file=path.name, reason=type(error).__name__) from error
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(public_key + "\n")
            file.flush()
            os.fsync(file.fileno())
        deployment.state.approvers.enrol(row)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
