"""Accounts at an OpenID provider with which people decide on the page, and the page's key that signs for them."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from erp_mcp.administration.people import Signing, check_new, sign, trusted
from erp_mcp.approval import keys, oidc, registry
from erp_mcp.approval.keys import OpenKey
from erp_mcp.approval.oidc import OidcEnrolment, PageEnrolment
from erp_mcp.bootstrap import Deployment
from erp_mcp.domain.approver import Approver, OidcApprover
from erp_mcp.domain.instants import exact_instant
from erp_mcp.errors import ApproverNotFoundError, BadPassphraseError, InvalidArgumentError, StateUnavailableError

_FILE: Final = "page.secret"
_SECRET_BYTES: Final = 32
_MAX_SUBJECT: Final = 255


def page_secret_file(deployment: Deployment) -> Path:
    """Return where the secret lies that opens the page's key: only the account that runs the page has to read it."""
    return deployment.settings.state_dir / "keys" / _FILE


def enrol_account(
    deployment: Deployment, approver_id: str, name: str, *, issuer: str, subject: str, by: Signing
) -> OidcEnrolment:
    """Let somebody decide who signs in with an account at a provider.

    Args:
        deployment: Where.
        approver_id: Whose account: somebody new, or somebody who is enrolled, who stays one person.
        name: Of somebody new, as people know them; the id where it is empty.
        issuer: The provider, in the very words of its tokens.
        subject: The account there, as its tokens name it (`sub`); never an e-mail address, which may change hands.
        by: The approver who vouches for them, by their own key.

    Raises:
        InvalidArgumentError: `call.invalid_argument`. ApproverExistsError: `approval.exists`, also for an account that
        somebody has. BadPassphraseError: `approval.bad_passphrase`. ApproverNotFoundError: `approval.not_found`.
        RegistryDamagedError: `approval.broken_registry`.
    """
    known = trusted(deployment).get(approver_id)
    shown = known.name if known is not None else check_new(deployment, approver_id, name)
    if not subject.isprintable() or not 1 <= len(subject) <= _MAX_SUBJECT:
        expected = f"1 to {_MAX_SUBJECT} visible characters, as the provider's tokens have it in `sub`"
        raise InvalidArgumentError(argument="--oidc-subject", rule="form", expected=expected)
    enrolment = OidcEnrolment(
        deployment=deployment.settings.deployment,
        approver_id=approver_id,
        name=shown,
        issuer=issuer,
        subject=subject,
        enrolled_by=by.approver_id,
        enrolled_at=exact_instant(deployment.clock.wall()),
    )
    text, message = oidc.oidc_message(enrolment)
    row = Approver(
        approver_id=enrolment.row_id,
        enrolment=sign(deployment, by, text, message),
        sealed_key="",
        account=enrolment.identity,
    )
    deployment.state.approvers.enrol(row)
    return enrolment


def enrol_page(deployment: Deployment, *, by: Signing) -> PageEnrolment:
    """Make the key of the page, sealed by a secret in an owner-only file, and enrol it.

    A page's key that was there before stays enrolled until it is revoked; its secret is written over.

    Raises:
        StateUnavailableError: `state.unavailable`, where the file can't be written. Otherwise as `enrol_account`.
    """
    secret, random = secrets.token_urlsafe(_SECRET_BYTES), secrets.token_bytes(keys.RANDOM_BYTES)
    pair = keys.make(secret, random=random)
    enrolment = PageEnrolment(
        deployment=deployment.settings.deployment,
        page="page",
        public_key=pair.public,
        enrolled_by=by.approver_id,
        enrolled_at=exact_instant(deployment.clock.wall()),
    )
    text, message = oidc.page_message(enrolment)
    row = Approver(approver_id=enrolment.row_id, enrolment=sign(deployment, by, text, message), sealed_key=pair.sealed)
    _write(page_secret_file(deployment), secret)
    deployment.state.approvers.enrol(row)
    return enrolment


def page_enrolments(deployment: Deployment) -> list[PageEnrolment]:
    """Return the keys of pages that are not revoked, oldest first; raises as `trusted`."""
    trusted(deployment)
    found = (registry.opened(row) for row in deployment.state.approvers.all() if row.revocation is None)
    return [one[0] for one in found if one is not None and isinstance(one[0], PageEnrolment)]


def revoke_page(deployment: Deployment, row_id: str, *, by: Signing) -> None:
    """End the enrolment of a page's key, `page:…`: what it signed and nobody has written yet is not written any more.

    Raises:
        ApproverNotFoundError: `approval.not_found`. Otherwise as `enrol_account`.
    """
    found = next((one for one in page_enrolments(deployment) if one.row_id == row_id), None)
    if found is None:
        raise ApproverNotFoundError(approver=row_id[:64])
    revocation = registry.Revocation(
        deployment=deployment.settings.deployment,
        approver_id=row_id,
        public_key=found.public_key,
        revoked_by=by.approver_id,
        revoked_at=exact_instant(deployment.clock.wall()),
        keeps=(),
    )
    text, message = registry.revocation_message(revocation)
    deployment.state.approvers.revoke(row_id, sign(deployment, by, text, message))


def opened_page_key(deployment: Deployment) -> OpenKey:
    """Return the key of this page, opened with the secret of its file; a fraction of a second and 64 MiB.

    Raises:
        BadPassphraseError: `approval.bad_passphrase`, where the secret opens none of those enrolled.
        ApproverNotFoundError: `approval.not_found`, where none is enrolled. StateUnavailableError: `state.unavailable`,
        where the file can't be read, or others may read it. RegistryDamagedError: `approval.broken_registry`.
    """
    rows = {row.approver_id: row for row in deployment.state.approvers.all()}
    enrolled = page_enrolments(deployment)
    if not enrolled:
        raise ApproverNotFoundError(approver="page", reason="the page has no key yet: erp-mcp approvals enrol-page")
    secret = _read(page_secret_file(deployment))
    newest = enrolled[-1]
    try:
        return keys.open_key(keys.KeyPair(public=newest.public_key, sealed=rows[newest.row_id].sealed_key), secret)
    except BadPassphraseError:
        raise StateUnavailableError(file=_FILE, reason="it does not open the page's key") from None


def of_account(deployment: Deployment, issuer: str, subject: str) -> OidcApprover | None:
    """Return whose account at a provider this is, `None` where nobody in force has it; raises as `trusted`."""
    for one in trusted(deployment).values():
        if isinstance(one, OidcApprover) and (issuer, subject) in one.subjects:
            return one
    return None


def _write(path: Path, secret: str) -> None:
    draft = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise StateUnavailableError(file=path.name, reason=type(error).__name__) from error


def _read(path: Path) -> str:
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise StateUnavailableError(file=path.name, reason="others may read it; chmod 600")
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise StateUnavailableError(file=path.name, reason=type(error).__name__) from error
