"""What an ID token must be before it is believed: signed by the provider, for us, now, for this very request."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt
from jwt.types import Options

from erp_mcp.credentials.endpoint import Json
from erp_mcp.domain.instants import exact_instant
from erp_mcp.errors import SignInRefusedError

_SKEW: Final = timedelta(minutes=1)
_OLDEST: Final = timedelta(minutes=10)  # it was made for this sign-in, moments ago
_MAX_TOKEN: Final = 32_768
_MAX_TEXT: Final = 255
_LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_LOGOUT_TYPES: Final = ("jwt", "logout+jwt", "application/logout+jwt")
_SIGNATURE_ALONE: Final[Options] = {  # all else is held to our own clock and words
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a token is held to."""

    issuer: str
    client_id: str
    nonce: str
    algorithms: Sequence[str]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token says of a person, with their groups under whatever claim; `authenticated_at` is an instant."""

    subject: str
    session: str
    authenticated_at: str
    acr: str
    amr: tuple[str, ...]
    all: Mapping[str, Json]

    def words(self, claim: str) -> frozenset[str]:
        """Return the texts that a claim holds."""
        found = self.all.get(claim)
        listed = found if isinstance(found, list) else [found]
        return frozenset(one for one in listed if isinstance(one, str))


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut:
    """What a logout token says: whose sessions ended there; `subject` or `session` is empty where it is not told."""

    issuer: str
    token_id: str
    subject: str
    session: str


def key_id_of(token: str) -> str:
    """Return the id of the key that a token says it was signed with, empty where it says none; nothing is believed."""
    return str(_header(token).get("kid") or "")


def claims_of(token: str, keys: Sequence[Mapping[str, Json]], expected: Expected) -> Claims:
    """Return what a token says, once all of it holds.

    Raises:
        SignInRefusedError: `page.sign_in_refused`; its `reason` is `token`, `algorithm`, `signature`, `issuer`,
        `audience`, `expired`, `not_yet`, `nonce`, `subject` or `auth_time`.
    """
    told = _verified(token, keys, expected.algorithms)
    for reason, holds in (
        ("issuer", told.get("iss") == expected.issuer),
        ("audience", _is_for(told, expected.client_id)),
        ("nonce", _is_text(told.get("nonce")) and hmac.compare_digest(told["nonce"].encode(), expected.nonce.encode())),
        ("subject", _is_text(told.get("sub"))),
    ):
        if not holds:
            raise SignInRefusedError(reason=reason)
    _check_times(told, expected.now)
    return Claims(
        subject=told["sub"],
        session=told["sid"] if _is_text(told.get("sid")) else "",
        authenticated_at=exact_instant(_instant(told.get("auth_time"), "auth_time")),
        acr=told["acr"] if _is_text(told.get("acr")) else "",
        amr=tuple(one for one in told.get("amr") or () if _is_text(one)) if isinstance(told.get("amr"), list) else (),
        all=told,
    )


def signed_out_of(token: str, keys: Sequence[Mapping[str, Json]], expected: Expected) -> SignedOut:
    """Return what a logout token says, once all of it holds (OpenID Connect Back-Channel Logout 1.0, 2.6).

    Raises:
        SignInRefusedError: `page.sign_in_refused`; its `reason` is `token`, `algorithm`, `signature`, `type`, `issuer`,
        `audience`, `event`, `nonce`, `subject`, `token_id`, `expired` or `not_yet`.
    """
    told = _verified(token, keys, expected.algorithms)
    events = told.get("events")
    for reason, holds in (
        ("type", str(_header(token).get("typ", "JWT")).lower() in _LOGOUT_TYPES),
        ("issuer", told.get("iss") == expected.issuer),
        ("audience", _is_for(told, expected.client_id)),
        ("event", isinstance(events, dict) and isinstance(events.get(_LOGOUT_EVENT), dict)),
        ("nonce", "nonce" not in told),  # it is no ID token
        ("subject", {"sub", "sid"} & told.keys() and all(_is_text(told.get(one, "x")) for one in ("sub", "sid"))),
        ("token_id", _is_text(told.get("jti"))),
    ):
        if not holds:
            raise SignInRefusedError(reason=reason)
    _check_made(told, expected.now)
    return SignedOut(
        issuer=expected.issuer, token_id=told["jti"], subject=told.get("sub", ""), session=told.get("sid", "")
    )


def _verified(token: str, keys: Sequence[Mapping[str, Json]], algorithms: Sequence[str]) -> dict[str, Any]:
    header = _header(token)
    algorithm = str(header.get("alg"))
    if algorithm not in algorithms or "crit" in header:
        raise SignInRefusedError(reason="algorithm")
    for key in _candidates(keys, header.get("kid")):
        try:
            usable = jwt.PyJWK.from_dict(dict(key), algorithm=algorithm)
            told = jwt.decode(token, usable, algorithms=[algorithm], options=_SIGNATURE_ALONE)
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        return dict(told)
    raise SignInRefusedError(reason="signature")


def _candidates(keys: Sequence[Mapping[str, Json]], key_id: object) -> list[Mapping[str, Json]]:
    signing = [one for one in keys if one.get("use", "sig") == "sig"]
    return [one for one in signing if one.get("kid") == key_id] if key_id else signing[:5]


def _header(token: str) -> Mapping[str, Any]:
    try:
        if len(token) > _MAX_TOKEN:
            raise SignInRefusedError(reason="token")
        return jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError):
        raise SignInRefusedError(reason="token") from None


def _is_for(told: Mapping[str, Any], client_id: str) -> bool:
    audience, party = told.get("aud"), told.get("azp")
    listed = audience if isinstance(audience, list) else [audience]
    if client_id not in listed or (len(listed) > 1 and party is None):
        return False
    return party is None or party == client_id


def _check_times(told: Mapping[str, Any], now: datetime) -> None:
    _check_made(told, now)
    if _instant(told.get("auth_time"), "auth_time") > now + _SKEW:
        raise SignInRefusedError(reason="not_yet")


def _check_made(told: Mapping[str, Any], now: datetime) -> None:
    made = _instant(told.get("iat"), "token")
    if _instant(told.get("exp"), "token") <= now - _SKEW or made < now - _OLDEST:
        raise SignInRefusedError(reason="expired")
    starts = _instant(told["nbf"], "token") if "nbf" in told else made
    if max(made, starts) > now + _SKEW:
        raise SignInRefusedError(reason="not_yet")


def _instant(seconds: object, reason: str) -> datetime:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise SignInRefusedError(reason=reason)
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise SignInRefusedError(reason=reason) from None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= _MAX_TEXT
