"""Signing in to the page, and being known from one request to the next.

A browser holds 32 random bytes; the store holds their SHA-256 with who it is. A form carries a token made from both for
its own address, so that no other page, session or form can send it.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from erp_mcp import administration
from erp_mcp.administration import Signing
from erp_mcp.approval import keys
from erp_mcp.approval.keys import OpenKey
from erp_mcp.approval.oidc import is_known, is_timely
from erp_mcp.domain.approver import Enrolment, OidcApprover, SignIn
from erp_mcp.domain.instants import exact_instant, parse_instant
from erp_mcp.domain.page_session import PageSession, SignInMethod, provider_session_of
from erp_mcp.errors import BadPassphraseError, FormNotOursError, SignInAgainError, SignInRefusedError
from erp_mcp.web.held_keys import HeldKeys
from erp_mcp.web.held_sign_ins import HeldSignIns
from erp_mcp.web.tries import Tries

if TYPE_CHECKING:
    from erp_mcp.bootstrap import Deployment

IDLE: Final = timedelta(minutes=30)
LASTS: Final = timedelta(hours=10)  # one shift, with its handing over
_SEEN_EVERY: Final = timedelta(minutes=1)
_TOKEN_BYTES: Final = 32
NOBODY: Final = "(not enrolled)"  # all names that nobody has fail together
_DECOY: Final = "a decoy for names that nobody has"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who asks: an approver in force, and their session."""

    session: PageSession
    approver: Enrolment

    @property
    def id(self) -> str:
        """The approver's id."""
        return self.approver.approver_id


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """Sign-ins of one deployment."""

    deployment: Deployment
    held: HeldKeys
    sign_ins: HeldSignIns
    page_key: Callable[[], OpenKey] = field(repr=False)
    tries: Tries
    form_key: bytes = field(repr=False)

    def sign_in(self, name: str, passphrase: str) -> str:
        """Return what the browser of an approver is to hold from now on.

        A name that nobody has costs as much time as a wrong passphrase and is answered alike.

        Raises:
            BadPassphraseError: `approval.bad_passphrase`. TooManyTriesError: `approval.too_many_tries`.
            BusyError: `gateway.busy`. RegistryDamagedError: `approval.broken_registry`.
            StateUnavailableError: `state.unavailable`.
        """
        known = administration.trusted(self.deployment).get(name)
        enrolled = known is not None and bool(known.public_key)
        with self.tries.one(name if enrolled else NOBODY):
            if not enrolled:
                _guess_in_vain(passphrase)
            key = administration.opened_key(self.deployment, Signing(approver_id=name, passphrase=passphrase))
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        session = self.begin(token, name)
        self.held.keep(session.token_hash, key)
        return token

    def begin_known(self, approver: Enrolment, sign_in: SignIn, id_token: str) -> str:
        """Return what the browser of an approver is to hold whom a provider knew.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        there = provider_session_of(sign_in.issuer, sign_in.session)
        session = self.begin(token, approver.approver_id, method="oidc", there=there)
        self.sign_ins.keep(session.token_hash, sign_in, id_token)
        return token

    def begin(
        self, token: str, approver_id: str, *, method: SignInMethod = "passphrase", there: str = ""
    ) -> PageSession:
        """Store a session of a browser that holds `token`, and return it; `there` is the provider's of it, hashed."""
        now = self.deployment.clock.wall()
        session = PageSession(
            token_hash=_hash(token),
            approver_id=approver_id,
            method=method,
            signed_in_at=exact_instant(now),
            seen_at=exact_instant(now),
            ends_at=exact_instant(now + LASTS),
            provider_session=there,
        )
        self.deployment.state.page_sessions.begin(session)
        return session

    def of(self, token: str) -> SignedIn | None:
        """Return who holds `token`; `None` for nobody, a session that is over, and an approver who is not one any more.

        Raises:
            RegistryDamagedError: `approval.broken_registry`. StateUnavailableError: `state.unavailable`.
        """
        return self.of_hash(_hash(token)) if token else None

    def of_hash(self, token_hash: str) -> SignedIn | None:
        """Return whose session has this hash; as `of`."""
        session = self.deployment.state.page_sessions.find(token_hash)
        if session is None:
            return None
        now = self.deployment.clock.wall()
        approver = administration.trusted(self.deployment).get(session.approver_id)
        ended = _ended(session, now) or ("" if self._stands(session, approver) else "revoked")
        if ended or approver is None:
            self._end(session, ended)
            return None
        if now - parse_instant(session.seen_at) >= _SEEN_EVERY:
            self.deployment.state.page_sessions.seen(session.token_hash)
        return SignedIn(session=session, approver=approver)

    def _stands(self, session: PageSession, approver: Enrolment | None) -> bool:
        """Whether somebody is still an approver in the way in which they signed in."""
        if session.method == "passphrase":
            return approver is not None and bool(approver.public_key)
        oidc = self.deployment.settings.oidc
        known = approver.subjects if isinstance(approver, OidcApprover) else ()
        sign_in = self.sign_ins.last(session.token_hash)
        if sign_in is not None:
            return (sign_in.issuer, sign_in.subject) in known and oidc is not None and oidc.issuer == sign_in.issuer
        return oidc is not None and any(issuer == oidc.issuer for issuer, _ in known)

    def sign_out(self, who: SignedIn) -> None:
        """End a session and forget its key."""
        self._end(who.session, "asked")

    def signing(self, who: SignedIn, passphrase: str) -> Signing:
        """Return what signs a decision: the key that the passphrase opens now, else the one that is held.

        Raises:
            BadPassphraseError: `approval.bad_passphrase`, also where nothing is held and no passphrase given.
            TooManyTriesError: `approval.too_many_tries`. BusyError: `gateway.busy`. SignInAgainError:
            `approval.sign_in_again`, where a provider knew them, longer ago than counts. Otherwise as the page's key.
        """
        token_hash = who.session.token_hash
        if who.session.method == "oidc":
            return self._signing_known(who)
        key = self.held.of(token_hash)
        if not passphrase:
            if key is None:
                raise BadPassphraseError
            return Signing(approver_id=who.id, passphrase="", key=key)
        signing = Signing(approver_id=who.id, passphrase=passphrase)
        with self.tries.one(who.id):
            self.held.keep(token_hash, administration.opened_key(self.deployment, signing))
        return signing

    @contextmanager
    def proving(self, who: SignedIn, passphrase: str) -> Iterator[Signing]:
        """Give what signs something that takes the passphrase itself each time, or a sign-in made for it alone.

        Raises:
            As `signing` and `Tries.one`.
        """
        if who.session.method == "oidc":
            yield self._signing_known(who)
            return
        with self.tries.one(who.id):
            yield Signing(approver_id=who.id, passphrase=passphrase)

    def _signing_known(self, who: SignedIn) -> Signing:
        sign_in = self.sign_ins.of(who.session.token_hash)
        if sign_in is None:
            raise SignInAgainError
        key = self.page_key()
        if not is_known(who.approver, sign_in, key.public):
            raise SignInRefusedError(reason="page_key")
        told = sign_in if sign_in.session else replace(sign_in, session=f"page-{who.session.token_hash[:16]}")
        return Signing(approver_id=who.id, passphrase="", key=key, sign_in=told)

    def holds_key(self, who: SignedIn) -> bool:
        """Whether a decision can be signed without the passphrase, or without signing in anew."""
        if who.session.method == "oidc":
            return self.sign_ins.of(who.session.token_hash) is not None
        return self.held.of(who.session.token_hash) is not None

    def proved_for(self, who: SignedIn, *asked_for: str) -> bool:
        """Whether somebody whom a provider knew has just proved there who they are for one of these."""
        sign_in = self.sign_ins.of(who.session.token_hash)
        return sign_in is not None and is_timely(sign_in, self.deployment.clock.wall(), asked_for)

    def form_token(self, token: str, address: str) -> str:
        """Return what a form that is sent to `address` carries, for the browser that holds `token`."""
        return hmac.new(self.form_key, f"{_hash(token)}\n{address}".encode(), sha256).hexdigest()

    def check_form(self, token: str, address: str, given: str) -> None:
        """Refuse a form that was not made for this browser and this address.

        Raises:
            FormNotOursError: `page.bad_form`.
        """
        if not token or not hmac.compare_digest(self.form_token(token, address).encode(), given.encode()):
            raise FormNotOursError

    def _end(self, session: PageSession, reason: str) -> None:
        self.held.forget(session.token_hash)
        self.sign_ins.forget(session.token_hash)
        self.deployment.state.page_sessions.end(session, reason=reason)


def _ended(session: PageSession, now: datetime) -> str:
    if now >= parse_instant(session.ends_at):
        return "over"
    return "idle" if now - parse_instant(session.seen_at) >= IDLE else ""


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8", "replace")).hexdigest()


def _guess_in_vain(passphrase: str) -> None:
    """Take as long as a wrong passphrase does; then say the same.

    Raises:
        BadPassphraseError: `approval.bad_passphrase`, always.
    """
    keys.make(_DECOY, random=bytes(keys.RANDOM_BYTES))
    del passphrase
    raise BadPassphraseError
