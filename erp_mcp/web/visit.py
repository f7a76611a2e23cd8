"""One request as the pages see it, and what they answer with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from erp_mcp.errors import InvalidArgumentError
from erp_mcp.web.office import Office
from erp_mcp.web.sessions import SignedIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request that has passed the guard; `path`, `query` and `form` are texts by name, missing ones are empty.

    `token` is what the browser holds: of a session, or of nobody who is about to sign in. `begun` is what it holds of a
    sign-in at a provider. `client` is the address that asks: it slows down who asks too often, and proves nothing.
    """

    office: Office
    address: str
    token: str = field(repr=False, default="")
    begun: str = field(repr=False, default="")
    client: str = ""
    who: SignedIn | None = None
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def person(self) -> SignedIn:
        """Who is signed in; pages that need somebody are never asked without."""
        if self.who is None:
            raise RuntimeError("a page for people who are signed in was asked by nobody")
        return self.who

    @property
    def now(self) -> datetime:
        """The wall clock."""
        return self.office.deployment.clock.wall()

    def text(self, name: str, *, most: int, label: str, least: int = 0) -> str:
        """Return a text of the form, without blanks around it.

        Raises:
            InvalidArgumentError: `call.invalid_argument`, for one that is too short or too long.
        """
        given = self.form.get(name, "").strip()
        if not least <= len(given) <= most:
            raise InvalidArgumentError(argument=label, rule="length", expected=f"{least} to {most} characters")
        return given

    def form_token(self, address: str) -> str:
        """Return what a form carries that this browser will send to `address`."""
        return self.office.sessions.form_token(self.token, address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A page made of a template; `facts` are what it shows.

    `token` and `begun` are what the browser holds from now on, empty for nothing any more, `None` where that stays.
    `retry_after_s` says when to ask again, 0 for nothing to say.
    """

    template: str
    facts: Mapping[str, object] = field(default_factory=dict)
    status: int = 200
    retry_after_s: int = 0
    token: str | None = field(repr=False, default=None)
    begun: str | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoTo:
    """Another address of the page, asked for by GET; `token` is what the browser holds from now on, if it changes."""

    address: str
    token: str | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What another server is answered, in JSON."""

    status: int
    content: Mapping[str, str]


Answer = Shown | GoTo | Told
Page = Callable[[Visit], Answer]
