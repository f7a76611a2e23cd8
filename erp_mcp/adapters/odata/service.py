"""The services of one system: metadata read once, and pages of documents, whatever the version of the protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from erp_mcp.adapters._documents.json_text import Value
from erp_mcp.adapters.odata import metadata_v2, metadata_v4
from erp_mcp.adapters.odata.edmx import EdmxError, parse
from erp_mcp.adapters.odata.grammar import Version
from erp_mcp.adapters.odata.model import Model
from erp_mcp.adapters.odata.settings import ODataSettings
from erp_mcp.adapters.odata.verdicts import JSON, json_of, message_codes, refused
from erp_mcp.domain.instants import instant_text
from erp_mcp.egress.links import next_link
from erp_mcp.egress.transport import Answer, Egress
from erp_mcp.errors import BadAnswerError

_Item = TypeVar("_Item")

_OK: Final = 200
_NOT_ACCEPTABLE: Final = 406
_MAX_NOTED: Final = 20
_EXACT: Final = f"{JSON};odata.metadata=minimal;IEEE754Compatible=true"
_PLAIN: Final = f"{JSON};odata.metadata=minimal"
_V4: Final = {"OData-MaxVersion": "4.0"}
_V2: Final = {"Accept": JSON, "DataServiceVersion": "2.0", "MaxDataServiceVersion": "2.0"}
_XML: Final = {"Accept": "application/xml"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RawPage:
    """One answer of a set: its items as they came, and where the system says that it goes on, empty at the end.

    `server_time` is the system's own time when it answered (UTC instant), empty where it does not tell.
    """

    items: list[Value]
    next_url: str = ""
    server_time: str = ""


class Services:
    """Reads of one system over one connection; nothing is contacted before the first of them."""

    def __init__(self, settings: ODataSettings, egress: Egress) -> None:
        """Take where the services are and what carries requests to them."""
        self._settings = settings
        self._egress = egress
        self._models: dict[str, Model] = {}
        self._reading = asyncio.Lock()
        self._accept = _EXACT
        self._told_at: datetime | None = None
        self._under_way: set[asyncio.Future[Any]] = set()
        self.noted: dict[str, None] = {}  # codes of warnings in message headers, oldest first
        self.metadata_versions: dict[str, str] = {}

    async def model(self, alias: str) -> Model:
        """Return the model of a service, read at the first use.

        Raises:
            BadAnswerError: `adapter.bad_answer`, for metadata that can't be used. Otherwise as `page`.
        """
        async with self._reading:
            if alias not in self._models:
                self._models[alias] = await self._read_model(alias)
            return self._models[alias]

    async def page(self, alias: str, url: str) -> RawPage:
        """Return one page of documents.

        Args:
            alias: Service that the address belongs to.
            url: Address made by `query.address`, or the `next_url` of the page before.

        Raises:
            SystemRefusedError, SystemUnreachableError, SystemBusyError, BadAnswerError: as `verdicts.json_of`.
            DestinationNotAllowedError: `adapter.not_allowed`, for a next link to somewhere else.
            and what `Egress.send` raises.
        """
        version = self._settings.versions[alias]
        answer = await self._get(url, version)
        body = json_of(answer, self._settings.system)
        self._note(answer)
        items, link = _v2_items(body) if version == 2 else _v4_items(body)
        if items is None:
            raise BadAnswerError(system=self._settings.system, reason="no list of records")
        told = _moment(answer)
        return RawPage(
            items=items,
            next_url=self._followed(alias, url, link),
            server_time=instant_text(told) if told else "",
        )

    def server_time(self) -> datetime | None:
        """Return the server's own time at its last answer, to the second; a proxy may leave it out."""
        return self._told_at

    async def ahead(self, walk: AsyncIterator[_Item]) -> AsyncIterator[_Item]:
        """Yield what a walk yields, and let it ask for the next while the last is worked on."""
        waiting = self._step(walk)
        try:
            while (one := await waiting) is not None:
                waiting = self._step(walk)
                yield one
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    async def close(self) -> None:
        """Give up what walks are asking for, and let go of connections."""
        for one in self._under_way:
            one.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._egress.close()

    def _step(self, walk: AsyncIterator[_Item]) -> asyncio.Future[_Item | None]:
        step = asyncio.ensure_future(anext(walk, None))
        self._under_way.add(step)
        step.add_done_callback(self._under_way.discard)
        return step

    async def _get(self, url: str, version: Version) -> Answer:
        answer = await self._egress.send("GET", url, headers=self._headers(version))
        if answer.status == _NOT_ACCEPTABLE and version == 4 and self._accept == _EXACT:
            self._accept = _PLAIN  # it does not know numbers as text; ours are exact either way
            answer = await self._egress.send("GET", url, headers=self._headers(version))
        self._told_at = _moment(answer)
        return answer

    def _headers(self, version: Version) -> Mapping[str, str]:
        paged = {"Prefer": f"odata.maxpagesize={self._settings.page_rows}"}
        own = _V2 if version == 2 else {**_V4, **paged, "Accept": self._accept}
        return {**own, **self._settings.headers}

    async def _read_model(self, alias: str) -> Model:
        url = f"{self._settings.services[alias]}$metadata"
        answer = await self._egress.send("GET", url, headers={**_XML, **self._settings.headers})
        self._told_at = _moment(answer)
        if answer.status != _OK:
            raise refused(answer, self._settings.system)
        read: Callable[[bytes], tuple[Model, str]] = _model_v2 if self._settings.versions[alias] == 2 else _model_v4
        try:
            model, version = await asyncio.to_thread(read, answer.body)
        except EdmxError as failure:
            raise BadAnswerError(system=self._settings.system, reason=str(failure)) from None
        self.metadata_versions[alias] = version
        return model

    def _followed(self, alias: str, url: str, link: Value) -> str:
        """Return where a next link leads, checked; empty where there is none."""
        if link is None or link == "":
            return ""
        if not isinstance(link, str):
            raise BadAnswerError(system=self._settings.system, reason="a next link that is no text")
        prefix = urlsplit(self._settings.services[alias]).path
        rewrite = self._settings.rewrite_links
        return next_link(url, link, prefix=prefix, rewrite=rewrite, system=self._settings.system)

    def _note(self, answer: Answer) -> None:
        for code in message_codes(answer.headers):
            if len(self.noted) < _MAX_NOTED:
                self.noted.setdefault(code)


def _moment(answer: Answer) -> datetime | None:
    try:
        moment = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None


def _v2_items(body: Mapping[str, Value]) -> tuple[list[Value] | None, Value]:
    """Return the items and the next link of a V2 answer; old servers leave `results` out."""
    data = body.get("d")
    if isinstance(data, list):
        return data, None
    if not isinstance(data, dict):
        return None, None
    results = data.get("results")
    return (results if isinstance(results, list) else None), data.get("__next")


def _v4_items(body: Mapping[str, Value]) -> tuple[list[Value] | None, Value]:
    found = body.get("value")
    return (found if isinstance(found, list) else None), body.get("@odata.nextLink", body.get("@nextLink"))


def _model_v2(body: bytes) -> tuple[Model, str]:
    root = parse(body)
    return metadata_v2.read_model(root), "V2"


def _model_v4(body: bytes) -> tuple[Model, str]:
    root = parse(body)
    return metadata_v4.read_model(root), f"V{root.get('Version', '4.0')[:4]}"
