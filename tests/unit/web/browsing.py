"""A browser without a screen: it asks the page for addresses, and sends the forms that it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Self
from urllib.parse import urlencode

import httpx2

from erp_mcp.bootstrap import Deployment, SystemClock
from erp_mcp.domain.clock_watch import ClockWatch
from erp_mcp.web import Office, Origin, application
from tests.unit.cli.people_at_work import PASSPHRASE

PORT = 8321
HERE = f"http://127.0.0.1:{PORT}"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class MovableClock(SystemClock):
    """The machine's clock, moved on when told to; `jumped` is how far somebody set it."""

    def __init__(self, plant: str = "") -> None:
        super().__init__(plant)
        self.ahead = self.jumped = timedelta(0)

    def wall(self) -> datetime:
        return super().wall() + self.ahead + self.jumped

    def steady(self) -> float:
        return super().steady() + self.ahead.total_seconds()


class Seen(HTMLParser):
    """What a person gets of a page: its words, its forms with their hidden fields, and every element there is."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.forms: dict[str, dict[str, str]] = {}
        self.fields: dict[str, set[str]] = {}
        self.elements: list[tuple[str, dict[str, str]]] = []
        self._action = ""
        self.feed(text)
        self.close()

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.elements.append((tag, given))
        if tag == "form":
            self._action = given.get("action", "")
            self.forms[self._action], self.fields[self._action] = {}, set()
        if tag in {"input", "select", "textarea"} and self._action and "name" in given:
            self.fields[self._action].add(given["name"])
            if given.get("type") == "hidden":
                self.forms[self._action][given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._action = ""

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@dataclass(kw_only=True)
class Browser:
    """One browser profile at the page of a deployment."""

    deployment: Deployment
    clock: MovableClock
    office: Office
    client: httpx2.AsyncClient = field(repr=False)
    answer: httpx2.Response = field(default_factory=lambda: httpx2.Response(200))

    @classmethod
    def at(cls, deployment: Deployment, origin: Origin | None = None) -> Self:
        """Return a browser that holds nothing yet; nobody waits for a worker that does not run."""
        clock = MovableClock(deployment.settings.clock)
        deployment.clock, deployment.watch = clock, ClockWatch(clock)
        office = Office(deployment=deployment, origin=origin or Origin(host="127.0.0.1", port=PORT), looks=0)
        return cls(deployment=deployment, clock=clock, office=office, client=cls.profile(office))

    @staticmethod
    def profile(office: Office) -> httpx2.AsyncClient:
        """Return a fresh browser profile."""
        transport = httpx2.ASGITransport(app=application(office))
        return httpx2.AsyncClient(transport=transport, base_url=HERE, follow_redirects=False)

    def another(self) -> Browser:
        """Return another browser at the same page, which holds nothing."""
        return Browser(
            deployment=self.deployment, clock=self.clock, office=self.office, client=self.profile(self.office)
        )

    def at_another_process(self) -> Browser:
        """Return a browser that holds nothing, at another process of the page, which shares the store alone."""
        office = replace(self.office)
        return Browser(deployment=self.deployment, clock=self.clock, office=office, client=self.profile(office))

    @property
    def seen(self) -> Seen:
        return Seen(self.answer.text)

    async def get(self, address: str, **headers: str) -> httpx2.Response:
        self.answer = await self.client.get(address, headers=headers)
        return self.answer

    async def post(self, address: str, fields: Mapping[str, str], **headers: str) -> httpx2.Response:
        """Send a form as it stands in `fields`, nothing added."""
        self.answer = await self.client.post(address, content=urlencode(fields), headers={**FORM, **headers})
        return self.answer

    async def send(self, action: str, **fields: str) -> httpx2.Response:
        """Send the form of the page at hand, with what a person fills in."""
        return await self.post(action, {**self.seen.forms[action], **fields})

    async def sign_in(self, name: str, passphrase: str = "") -> httpx2.Response:
        """Sign in as a person does who was not; the passphrase is the one that people here have."""
        self.client.cookies.clear()
        await self.get("/sign-in")
        return await self.send("/sign-in", name=name, passphrase=passphrase or f"{PASSPHRASE} of {name}")

    async def leave(self) -> None:
        await self.client.aclose()
