"""Who may decide: enrol the first approver, let an approver enrol and revoke others, and sign in their name."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from erp_mcp.approval import keys, registry, signed
from erp_mcp.approval.keys import OpenKey
from erp_mcp.approval.requesters import same_person
from erp_mcp.bootstrap import Deployment, approvers_root, approvers_root_file
from erp_mcp.domain.approver import Approver, Enrolment, Signed
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
    """

    approver_id: str
    passphrase: str
    key: OpenKey | None = None

    def __repr__(self) -> str:
        """Leave the passphrase out of whatever shows this."""
        return f"Signing(approver_id={self.approver_id!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An enrolment as people look at it: in force, or since when and by whom not any more."""

    enrolment: Enrolment
    in_force: bool
    revoked_by: str = ""


def trusted(deployment: Deployment) -> Mapping[str, Enrolment]:
    """Return the approvers in force, by id.

    Raises:
        RegistryDamagedError: `approval.broken_registry`. StateUnavailableError: `state.unavailable`.
    """
    rows = deployment.state.approvers.all()
    return registry.trusted(rows, approvers_root(deployment.settings.state_dir), deployment.settings.deployment)


def members(deployment: Deployment) -> list[Member]:
    """Return every enrolment, oldest first; raises as `trusted`."""
    in_force = trusted(deployment)
    found = []
    for row in deployment.state.approvers.all():
        opened = signed.opened(signed.ENROLMENT, Enrolment, row.enrolment.text)
        if opened is not None:  # `trusted` has refused anything else
            revoked_by = row.revocation.signer if row.revocation else ""
            member = Member(enrolment=opened[0], in_force=row.approver_id in in_force, revoked_by=revoked_by)
            found.append(member)
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
    """End an enrolment for good; whom that approver had enrolled stays enrolled.

    Raises:
        ApproverNotFoundError: `approval.not_found`, for either person. BadPassphraseError: `approval.bad_passphrase`.
        LastApproverError: `approval.last`: then nobody could enrol another.
        RegistryDamagedError: `approval.broken_registry`.
    """
    who = check_revocable(deployment, approver_id)
    revocation = registry.Revocation(
        deployment=deployment.settings.deployment,
        approver_id=approver_id,
        public_key=who.public_key,
        revoked_by=by.approver_id,
        revoked_at=exact_instant(deployment.clock.wall()),
        keeps=registry.enrolled_by(deployment.state.approvers.all(), approver_id),
    )
    text, message = registry.revocation_message(revocation)
    deployment.state.approvers.revoke(approver_id, sign(deployment, by, text, message))


def check_revocable(deployment: Deployment, approver_id: str) -> Enrolment:
    """Return the enrolment of somebody who can be revoked; asked before the one who signs types a passphrase.

    Raises:
        ApproverNotFoundError: `approval.not_found`. LastApproverError: `approval.last`.
        RegistryDamagedError: `approval.broken_registry`.
    """
    in_force = trusted(deployment)
    who = _known(in_force, approver_id)
    if len(in_force) == 1:
        raise LastApproverError(approver=approver_id)
    return who


def sign(deployment: Deployment, signing: Signing, text: str, message: bytes) -> Signed:
    """Sign with an approver's key.

    Raises:
        ApproverNotFoundError: `approval.not_found`, for one who is not enrolled or not any more.
        BadPassphraseError: `approval.bad_passphrase`. RegistryDamagedError: `approval.broken_registry`.
    """
    key = opened_key(deployment, signing)
    return Signed(text=text, signer=signing.approver_id, signature=key.sign(message))


def opened_key(deployment: Deployment, signing: Signing) -> OpenKey:
    """Return the key of an approver in force, opened now, or held already and still theirs; raises as `sign`."""
    approver = _known(trusted(deployment), signing.approver_id)
    if signing.key is not None:
        if signing.key.public != approver.public_key:
            raise BadPassphraseError
        return signing.key
    (row,) = (one for one in deployment.state.approvers.all() if one.approver_id == signing.approver_id)
    return keys.open_key(keys.KeyPair(public=approver.public_key, sealed=row.sealed_key), signing.passphrase)


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
