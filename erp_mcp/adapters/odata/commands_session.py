"""The session that writes: schemas, tokens against forged requests, and each write sent once.

A token belongs to the session cookie it came with. A write that is turned away for want of one did nothing, so it alone
is sent a second time, with a new token, once a search finds nothing of it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from erp_mcp.adapters._documents.command_verdicts import SIGN_IN_PAUSE_S, Verdict, without_answer
from erp_mcp.adapters.odata.commands_answers import CSRF, wants_token
from erp_mcp.adapters.odata.commands_batch import VERSIONS, Request
from erp_mcp.adapters.odata.commands_body import Schema
from erp_mcp.adapters.odata.commands_facets import Facets, read_facets
from erp_mcp.adapters.odata.edmx import EdmxError, parse
from erp_mcp.adapters.odata.service import Services
from erp_mcp.adapters.odata.settings import ODataSettings
from erp_mcp.adapters.odata.verdicts import refused
from erp_mcp.domain.command import NotSent, Unknown
from erp_mcp.egress import Answer, Egress
from erp_mcp.errors import BadAnswerError, GatewayError

_OK: Final = 200
_REFUSED: Final = frozenset({401, 403})
_JSON: Final = {"Accept": "application/json"}
_XML: Final = {"Accept": "application/xml"}
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,512}")
_COOKIE: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}=[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{0,4096}")


class WriteSession:
    """Sends what writes, for the services of one system, with the account that writes."""

    def __init__(self, settings: ODataSettings, services: Services, egress: Egress) -> None:
        """Contact nothing yet."""
        self._settings = settings
        self._services = services
        self._egress = egress
        self._facets: dict[str, Facets] = {}
        self._tokens: dict[str, Mapping[str, str]] = {}  # by service: what each write bears beside its own headers
        self._fetching = asyncio.Lock()

    def base(self, alias: str) -> str:
        """Return the address of a service, ending in a slash.

        Raises:
            BadAnswerError: `adapter.bad_answer`, for an alias that is none.
        """
        if alias not in self._settings.services:
            raise BadAnswerError(system=self._settings.system, reason="no such service in the profile")
        return self._settings.services[alias]

    async def schema(self, alias: str) -> Schema:
        """Return how a service describes itself, read at the first use.

        Raises:
            as `Services.model`.
        """
        self.base(alias)
        model = await self._services.model(alias)
        if alias not in self._facets:
            self._facets[alias] = await self._read_facets(alias)
        return Schema(version=self._settings.versions[alias], model=model, facets=self._facets[alias])

    async def send(
        self, alias: str, request: Request, reference: str, *, is_there: Callable[[], Awaitable[bool]]
    ) -> Answer | Verdict:
        """Send one write; return its answer, or what is certain without one.

        Args:
            alias: The service.
            request: What is sent.
            reference: What it is known by.
            is_there: Says before a repeat whether the refused one left something after all: whoever stands between us
                and the system may speak too late.

        Raises:
            GatewayError: before anything was sent, or after it was turned away at the door.
        """
        for last in (False, True):
            token = await self._token(alias)
            headers = {**request.headers, **token, **self._settings.headers}
            try:
                answer = await self._egress.send(
                    request.method, request.url, headers=headers, body=request.body, once=True, reference=reference
                )
            except GatewayError as failure:
                return without_answer(failure)
            if not wants_token(answer):
                return answer
            self._egress.released(reference)
            self._tokens.pop(alias, None)
            if last:
                break
            if await is_there():
                return Unknown(reason="reference_exists")
        return NotSent(reason="token_refused", retry_after_s=SIGN_IN_PAUSE_S)

    async def asked(self, url: str, wanted: Mapping[str, str]) -> Answer:
        """Return the answer of an address that the system named for asking; raises as `Egress.send`."""
        headers = {**_JSON, **VERSIONS[4], **self._settings.headers, **wanted}
        return await self._egress.send("GET", url, headers=headers)

    def refused(self, answer: Answer) -> GatewayError:
        """Return what an answer that is none means for whoever asks."""
        return refused(answer, self._settings.system)

    def released(self, reference: str) -> None:
        """Let a write be sent again that was certainly turned away."""
        self._egress.released(reference)

    async def close(self) -> None:
        """Forget tokens and let go of connections."""
        self._tokens.clear()
        await self._services.close()
        await self._egress.close()

    async def _token(self, alias: str) -> Mapping[str, str]:
        """Return token and cookies of the present session; nothing where the service asks for none."""
        async with self._fetching:
            if alias not in self._tokens:
                headers = {**_JSON, **self._settings.headers, CSRF: "Fetch"}
                answer = await self._egress.send("GET", self.base(alias), headers=headers)
                if answer.status in _REFUSED:
                    raise refused(answer, self._settings.system)
                self._tokens[alias] = _borne(answer)
            return self._tokens[alias]

    async def _read_facets(self, alias: str) -> Facets:
        url = f"{self.base(alias)}$metadata"
        answer = await self._egress.send("GET", url, headers={**_XML, **self._settings.headers})
        if answer.status != _OK:
            raise refused(answer, self._settings.system)
        try:
            return await asyncio.to_thread(lambda: read_facets(parse(answer.body)))
        except EdmxError as failure:
            raise BadAnswerError(system=self._settings.system, reason=str(failure)) from None


def _borne(answer: Answer) -> Mapping[str, str]:
    """Return what writes of a session bear: its token and its cookies, where it has a token."""
    token = answer.headers.get(CSRF, "").strip()
    if not _TOKEN.fullmatch(token) or token.lower() in {"required", "fetch"}:
        return {}
    pairs = [one.partition(";")[0].strip() for one in answer.set_cookies]
    cookies = "; ".join(one for one in pairs if _COOKIE.fullmatch(one))
    return {CSRF: token, **({"Cookie": cookies} if cookies else {})}
