"""One REST system over one connection: requests of the profile filled in and sent, answers judged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from erp_mcp.adapters.rest.answers import Told, is_missing, told_by
from erp_mcp.adapters.rest.grammar import Errors, Head, Request
from erp_mcp.adapters.rest.templates import Filling
from erp_mcp.domain.call import JsonValue
from erp_mcp.egress import Egress
from erp_mcp.egress.links import next_link
from erp_mcp.errors import BadAnswerError

MAX_URL_CHARS: Final = 8000

_ACCEPT: Final = {"Accept": "application/json"}
_CONTENT: Final = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Reads of one system; nothing is contacted before the first of them. `root` is its address with the base path."""

    system: str
    root: str
    head: Head
    egress: Egress

    def address(self, request: Request, filling: Filling, more: Mapping[str, str] | None = None) -> str:
        """Return the address of a request; `more` are parameters for paging.

        Raises:
            UnwritableError: when a key can't be written into it.
            BadAnswerError: `adapter.bad_answer`, for an address longer than any server takes.
        """
        query = {name: _as_text(one.fill(filling)) for name, one in request.query.items()} | dict(more or {})
        path = f"{self.root}{request.path.fill(filling)}"
        url = f"{path}?{urlencode(query, quote_via=quote)}" if query else path
        if len(url) > MAX_URL_CHARS:
            raise BadAnswerError(system=self.system, reason="an address that is too long")
        return url

    async def ask(self, request: Request, filling: Filling, more: Mapping[str, str] | None = None) -> Told:
        """Send a request and return what a good answer holds; raises as `told_by`, `address` and `Egress.send`."""
        return await self.ask_at(self.address(request, filling, more), request, filling)

    async def ask_at(self, url: str, request: Request, filling: Filling) -> Told:
        """Send a request to an address made by `address` or `follow`."""
        answer = await self.egress.send(
            request.method, url, headers=self._headers(request), body=_body(request, filling)
        )
        return told_by(answer, self.head.errors, self.system)

    async def ask_for_one(self, request: Request, filling: Filling) -> Told | None:
        """Send a request for one document; `None` where the system says in its own form that there is none."""
        url = self.address(request, filling)
        answer = await self.egress.send(
            request.method, url, headers=self._headers(request), body=_body(request, filling)
        )
        return None if is_missing(answer) else told_by(answer, self.head.errors, self.system)

    async def get(self, path: str) -> Told:
        """Return what is at a fixed path below the base, such as an OpenAPI document."""
        answer = await self.egress.send("GET", f"{self.root}{path}", headers={**_ACCEPT, **self.head.headers})
        return told_by(answer, Errors(), self.system)

    def follow(self, url: str, link: str, *, rewrite: bool) -> str:
        """Return the address of a next page that the system named: on our origin and below the base, or refused.

        Raises:
            DestinationNotAllowedError: `adapter.not_allowed`.
        """
        prefix = urlsplit(self.root).path or "/"
        return next_link(url, link, prefix=prefix, rewrite=rewrite, system=self.system)

    def _headers(self, request: Request) -> dict[str, str]:
        own = {**_ACCEPT, **(_CONTENT if request.body else {})}
        return {**own, **self.head.headers, **request.headers}


def _body(request: Request, filling: Filling) -> bytes:
    if request.body is None:
        return b""
    return json.dumps(request.body.fill(filling), ensure_ascii=False).encode()


def _as_text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
