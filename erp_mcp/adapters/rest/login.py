"""Signing in to a system that gives its own tokens for account and password, as its profile's `rest.login` says.

The token is fetched once for all requests, kept for as long as the profile says, and fetched anew after a refusal. An
account that the system lets do more than read is refused before anything is read with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from erp_mcp.adapters._connection import Connection
from erp_mcp.adapters._documents import Path, PathError, ShapeError, Value, decode_json
from erp_mcp.adapters._documents.paths import value_at
from erp_mcp.adapters._http_connection import open_egress
from erp_mcp.credentials import Identity
from erp_mcp.credentials.own_certificate import OwnCertificate
from erp_mcp.credentials.refreshing import Fetched, Timing
from erp_mcp.credentials.token_identity import FetchedToken, TokenIdentity
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.profile import Profile
from erp_mcp.egress import Answer, Egress
from erp_mcp.errors import AccountTooPowerfulError, BadAnswerError, ProfileFileError, SystemRefusedError
from erp_mcp.ports import SecretSource

KEYS: Final = frozenset({"path", "account", "password", "token", "good_s", "rights"})
_RIGHTS_KEYS: Final = frozenset({"path", "found", "reading", "writing"})
_PATH: Final = re.compile(r"/[A-Za-z0-9/_.-]{1,200}")
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")
_HEADERS: Final = {"Accept": "application/json", "Content-Type": "application/json"}
_GOOD_S: Final = 3600
_LONGEST_GOOD_S: Final = 86_400
_REFUSED: Final = frozenset({400, 401, 403, 422})  # servers differ in how they say that a password is wrong
_NAMED: Final = 8
_OK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Where a system says what the account may do: the list at `found`, of which only `allowed` is right.

    `writing` is what the account that writes may do beside that, `None` where the profile says nothing of it.
    """

    path: str
    found: Path
    allowed: frozenset[str]
    writing: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How a token is asked for: the names of account and password in the body, and where the answer has it."""

    path: str
    account: str
    password: str
    token: Path
    good_s: int
    rights: Rights | None = None

    def for_writing(self, profile: str) -> Login:
        """Return how the account signs in that writes: in the same way, with the rights that writing takes.

        Raises:
            ProfileFileError: `systems.bad_profile`, where rights are looked at and nothing says which writing takes.
        """
        rights = self.rights
        if rights is None:
            return self
        if rights.writing is None:
            reason = "the account that writes signs in like this too: a list of the rights that writing needs"
            raise ProfileFileError(profile=profile, key="rest.login.rights.writing", reason=reason)
        return replace(self, rights=replace(rights, allowed=rights.allowed | rights.writing))


def read_login(profile: Profile) -> Login | None:
    """Return what a profile says under `rest.login`, `None` where it says nothing.

    Raises:
        ProfileFileError: `systems.bad_profile`, naming the key.
    """
    body = profile.head.get("login")
    if body is None:
        return None
    form = _Form(profile.name, "rest.login", body, KEYS)
    rights = form.body.get("rights")
    return Login(
        path=form.path("path"),
        account=form.text("account"),
        password=form.text("password"),
        token=form.place("token"),
        good_s=form.seconds("good_s"),
        rights=_rights(_Form(profile.name, "rest.login.rights", rights, _RIGHTS_KEYS)) if rights is not None else None,
    )


def login_identity(connection: Connection, login: Login, root: str, timing: Timing | None = None) -> Identity:
    """Return the identity of a connection that signs in so; nothing is contacted yet.

    Args:
        connection: The configured system; its account and secret are what is shown.
        login: How.
        root: The system's address with its base path.
        timing: Where time comes from.
    """
    client = _Client(connection, login, root)
    shown = [connection.credential] if connection.credential is not None else []
    return _LoginIdentity(client, FetchedToken(client.token, shown, timing or Timing()))


class _LoginIdentity(TokenIdentity):
    def __init__(self, client: _Client, token: FetchedToken) -> None:
        super().__init__(token, OwnCertificate(client.system))
        self._client = client

    async def close(self) -> None:
        await super().close()
        await self._client.egress.close()


@dataclass(slots=True)
class _Client:
    connection: Connection
    login: Login
    root: str
    egress: Egress = field(init=False)

    def __post_init__(self) -> None:
        self.egress = open_egress(self.connection, identity=False)

    @property
    def system(self) -> str:
        return self.connection.system

    async def token(self) -> Fetched[str]:
        """Return a token; a password that is refused is asked for anew, once."""
        source = self.connection.credential
        secret = await source.current() if source is not None else self.connection.secret
        answer = await self._asked(secret)
        if answer.status in _REFUSED and source is not None:
            answer = await self._again(source, secret, answer)
        if answer.status in _REFUSED:
            raise SystemRefusedError(system=self.system, reason="sign-in")
        token = self._text(answer, self.login.token)
        await self._check_rights(token)
        return Fetched(value=token, good_s=float(self.login.good_s))

    async def _again(self, source: SecretSource, refused: str, answer: Answer) -> Answer:
        newer = await source.after_refusal(refused)
        return answer if newer == refused else await self._asked(newer)

    async def _asked(self, secret: str) -> Answer:
        body = {self.login.account: self.connection.account, self.login.password: str(secret)}
        return await self.egress.send(
            "POST", f"{self.root}{self.login.path}", headers=_HEADERS, body=json.dumps(body).encode()
        )

    async def _check_rights(self, token: str) -> None:
        rights = self.login.rights
        if rights is None:
            return
        headers = {**_HEADERS, "Authorization": f"Bearer {token}"}
        answer = await self.egress.send("GET", f"{self.root}{rights.path}", headers=headers)
        listed = self._found(answer, rights.found)
        if not isinstance(listed, list):
            raise self._bad("what the account may do is no list")
        excess = sorted({str(one) for one in listed} - rights.allowed)
        if excess:
            named = tuple("".join(sign if sign.isprintable() else "?" for sign in one)[:120] for one in excess[:_NAMED])
            raise AccountTooPowerfulError(system=self.system, rights=named)

    def _text(self, answer: Answer, place: Path) -> str:
        found = self._found(answer, place)
        if not isinstance(found, str) or not _TOKEN.fullmatch(found):
            raise self._bad("no usable token")
        return found

    def _found(self, answer: Answer, place: Path) -> Value:
        if answer.status != _OK:
            raise self._bad(f"status {answer.status}")
        try:
            told = decode_json(answer.body)
            if not isinstance(told, dict):
                raise self._bad("not an object")
            return value_at((told,), place)
        except (ValueError, ShapeError):
            raise self._bad("not what the profile says") from None

    def _bad(self, reason: str) -> BadAnswerError:
        return BadAnswerError(system=self.system, reason=f"sign-in: {reason}")


def _rights(form: _Form) -> Rights:
    return Rights(
        path=form.path("path"),
        found=form.place("found"),
        allowed=form.rights("reading"),
        writing=form.rights("writing") if "writing" in form.body else None,
    )


class _Form:
    def __init__(self, profile: str, key: str, body: JsonValue, known: frozenset[str]) -> None:
        self._profile, self._key = profile, key
        if not isinstance(body, Mapping):
            raise ProfileFileError(profile=profile, key=key, reason="a mapping is needed here")
        self.body = body
        for name in body:
            if name not in known:
                raise self.wrong(name, f"there is no such key here; there are: {', '.join(sorted(known))}")

    def wrong(self, key: str, reason: str) -> ProfileFileError:
        return ProfileFileError(profile=self._profile, key=f"{self._key}.{key}", reason=reason)

    def text(self, key: str) -> str:
        found = self.body.get(key)
        if not isinstance(found, str) or not found:
            raise self.wrong(key, "text is needed here")
        return found

    def rights(self, key: str) -> frozenset[str]:
        found = self.body.get(key)
        if not isinstance(found, list) or not found or not all(isinstance(one, str) for one in found):
            raise self.wrong(key, f"a list of the rights that {key} needs is needed here")
        return frozenset(map(str, found))

    def path(self, key: str) -> str:
        found = self.text(key)
        if not _PATH.fullmatch(found) or ".." in found:
            raise self.wrong(key, "a plain path that starts with / is needed here")
        return found

    def place(self, key: str) -> Path:
        try:
            return Path.of(self.text(key))
        except PathError as failure:
            raise self.wrong(key, str(failure)) from None

    def seconds(self, key: str) -> int:
        found = self.body.get(key, _GOOD_S)
        if not isinstance(found, int) or isinstance(found, bool) or not 1 <= found <= _LONGEST_GOOD_S:
            raise self.wrong(key, f"seconds from 1 to {_LONGEST_GOOD_S} are needed here")
        return found
