"""One signed-in session: calls of listed reading methods only, and the system's verdicts in our own words."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, NoReturn

from erp_mcp.adapters._http_connection import open_egress
from erp_mcp.adapters.jsonrpc.settings import JsonRpcSettings
from erp_mcp.adapters.jsonrpc.wire import Decoded, Encodable, WireError, decode, encode
from erp_mcp.egress.transport import Answer
from erp_mcp.errors import BadAnswerError, SystemRefusedError, SystemUnreachableError

READS: Final = frozenset({"search", "search_read", "get_preferences"})
"""The only methods that this session ever calls; each reads."""

_UNAUTHORISED: Final = 401
_REFUSAL_STANDS_S: Final = 150.0
_REFUSALS: Final = {401: "sign-in", 403: "method not open to this account", 404: "no such database"}
_REFUSED_ERRORS: Final = {"UserError": "access", "UserWarning": "a question to a person", "LoginException": "sign-in"}


class Session:
    """Signs in at the first call, and once more when the session has run out."""

    def __init__(self, settings: JsonRpcSettings) -> None:
        """Contact nothing yet.

        Raises:
            ConfigurationError: `settings.bad_configuration`, when the certificate file can't be read.
        """
        self._settings = settings
        self._egress = open_egress(settings.connection, identity=False)
        self._token = ""
        self._user = 0
        self._context: dict[str, Encodable] = {}
        self._sign_in = asyncio.Lock()
        self._refusal: SystemRefusedError | None = None
        self._refused_at = 0.0
        self._refused_secret = ""
        self._date = ""

    async def call(
        self, model: str, method: str, *params: Encodable, context: Mapping[str, Encodable] | None = None
    ) -> Decoded:
        """Call a reading method of a model with the account's context.

        Raises:
            SystemRefusedError: `adapter.refused`, when the account may not, or can't sign in.
            SystemUnreachableError, SystemTimeoutError, TooLargeError: as in `Egress.send`.
            BadAnswerError: `adapter.bad_answer`, for anything that is not an answer to this call.
        """
        if not self._listed(model, method):
            raise SystemRefusedError(system=self._settings.system, reason="not a reading method")
        token = await self._signed_in("")
        answer = await self._post(f"model.{model}.{method}", [*params, {**self._context, **(context or {})}])
        if answer.status == _UNAUTHORISED:  # the session ran out; nothing was done, so the read may be asked again
            await self._signed_in(token)
            answer = await self._post(f"model.{model}.{method}", [*params, {**self._context, **(context or {})}])
        return self._verdict(answer, model)

    def _listed(self, model: str, method: str) -> bool:
        """Say whether a call reads; nothing else is sent, whoever asks."""
        return bool(model) and method in READS

    async def version(self) -> str:
        """Return the server's series, such as `8.2`."""
        url = self._settings.rpc_url.removesuffix(f"{self._settings.database}/rpc/") + "rpc/"
        body = encode({"id": 1, "method": "common.server.version", "params": []})
        found = self._verdict(await self._egress.send("POST", url, headers=_JSON, body=body))
        return found if isinstance(found, str) else ""

    def server_time(self) -> datetime | None:
        """Return the server's own time at its last answer, to the second; a proxy may leave it out."""
        try:
            moment = parsedate_to_datetime(self._date)
        except ValueError:
            return None
        return moment.astimezone(UTC) if moment.tzinfo else None

    async def close(self) -> None:
        """Forget the session and let go of connections."""
        self._token, self._refusal = "", None
        await self._egress.close()

    async def _signed_in(self, stale: str) -> str:
        """Return the session's token, signing in when there is none or it is the stale one."""
        async with self._sign_in:
            if self._token and self._token != stale:
                return self._token
            self._token = ""
            match await self._login():
                case [int() as uid, str() as key, *_]:
                    self._user = uid
                    text = f"{self._settings.account}:{uid}:{key}"
                case _:
                    raise self._bad("sign-in")
            self._token = base64.b64encode(text.encode()).decode("ascii")
            self._context = await self._preferences()
            return self._token

    async def _login(self) -> Decoded:
        """Ask for a session; a refusal stands for a while, since a try per entity would lock the account out."""
        now = asyncio.get_running_loop().time()
        credential = self._settings.connection.credential
        secret = await credential.current() if credential is not None else self._settings.secret
        stands = now - self._refused_at < _REFUSAL_STANDS_S and secret == self._refused_secret
        if self._refusal is not None and stands:
            raise SystemRefusedError(**self._refusal.facts)
        try:
            return await self._login_with(secret)
        except SystemRefusedError as refusal:
            newer = await credential.after_refusal(secret) if credential is not None else secret
            if newer == secret:
                self._refusal, self._refused_at, self._refused_secret = refusal, now, secret
                raise
            return await self._login_with(newer)

    async def _login_with(self, secret: str) -> Decoded:
        return self._verdict(await self._post("common.db.login", [self._settings.account, {"password": secret}]))

    async def _preferences(self) -> dict[str, Encodable]:
        """Return the context that the account's company and language make up; computed fields depend on it."""
        found = self._verdict(await self._post("model.res.user.get_preferences", [True, {}]))
        if not isinstance(found, dict):
            raise self._bad("preferences")
        context = {key: found.get(key) for key in ("company", "employee", "language", "company_filter")}
        taken: dict[str, Encodable] = {key: one for key, one in context.items() if isinstance(one, str | int)}
        return {**taken, "active_test": False}  # a product that was retired is still named by open orders

    async def _post(self, method: str, params: Sequence[Encodable], *, reference: str = "") -> Answer:
        """Call a method; one that writes has a reference, and goes out one time."""
        headers = {**_JSON, "Authorization": f"Session {self._token}"} if self._token else _JSON
        body = encode({"id": 1, "method": method, "params": params})
        answer = await self._egress.send(
            "POST", self._settings.rpc_url, headers=headers, body=body, once=bool(reference), reference=reference
        )
        self._date = answer.headers.get("date", self._date)
        return answer

    def _verdict(self, answer: Answer, model: str = "") -> Decoded:
        """Return the result; HTTP 200 may hold an error, and other statuses hold pages for people."""
        system = self._settings.system
        if answer.status in _REFUSALS:
            raise SystemRefusedError(system=system, reason=_REFUSALS[answer.status])
        if answer.status != 200 or answer.media_type != "application/json":
            raise self._bad(f"status {answer.status}, not a JSON answer")
        try:
            decoded = decode(answer.body)
        except WireError:
            raise self._bad("not typed JSON") from None
        if not isinstance(decoded, dict):
            raise self._bad("not an answer to the call")
        if decoded.get("error") is not None:
            self._refuse(decoded["error"], model)
        if "result" not in decoded:
            raise self._bad("not an answer to the call")
        return decoded["result"]

    def _refuse(self, error: Decoded, model: str) -> NoReturn:
        """Raise our error for the system's; its text may hold anything, so only its name is looked at."""
        name = error[0] if isinstance(error, list) and error else ""
        if isinstance(name, str) and name in _REFUSED_ERRORS:
            about = f" to {model} or a linked model" if model and name == "UserError" else ""
            raise SystemRefusedError(system=self._settings.system, reason=f"{_REFUSED_ERRORS[name]}{about}")
        if name == "RateLimitException":
            raise SystemUnreachableError(system=self._settings.system, reason="rate limit")
        raise self._bad("the system failed: the profile may not fit its version")

    def _bad(self, reason: str) -> BadAnswerError:
        return BadAnswerError(system=self._settings.system, reason=reason)


_JSON: Final = {"Content-Type": "application/json"}
