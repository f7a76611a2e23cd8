"""The part of a system profile that this kind reads: how the system is asked, and where its answers hold what.

`fields` and its like are the grammar of documents; what is checked here is what only REST has.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, cast

from erp_mcp.adapters._documents import DOCUMENT_KEYS, Path
from erp_mcp.adapters.rest.node import REQUEST_KEYS, Body, Node
from erp_mcp.adapters.rest.templates import Template, TemplateError, path_template, template_of
from erp_mcp.domain.profile import Profile

PagingKind = Literal["offset", "page", "cursor", "link", "next", "keyset", "none"]
ReadMethod = Literal["GET", "POST"]

MAX_ROWS: Final = 5000
MAX_BATCH: Final = 200

_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
_OWN_HEADERS: Final = frozenset({
    "authorization", "cookie", "host", "content-length", "accept-encoding", "connection",
    "x-http-method", "x-http-method-override", "x-method-override",  # by which a read would be a write
})  # fmt: skip
_OPTION: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_ENTITY_KEYS: Final = DOCUMENT_KEYS | {"request", "items", "paging", "since", "keys_alone", "by_key", "detail"}
_HEAD_KEYS: Final = frozenset({"base", "headers", "options", "openapi", "errors", "probe", "paging", "login"})
_PAGING_KEYS: Final[dict[PagingKind, frozenset[str]]] = {
    "offset": frozenset({"offset", "limit", "more", "total"}),
    "page": frozenset({"page", "limit", "more", "total", "first"}),
    "cursor": frozenset({"cursor", "limit", "next"}),
    "link": frozenset({"limit", "rewrite"}),
    "next": frozenset({"limit", "next", "rewrite"}),
    "keyset": frozenset({"limit", "more", "start"}),
    "none": frozenset(),
}
_NEEDED: Final[dict[PagingKind, frozenset[str]]] = {
    "offset": frozenset({"offset", "limit"}),
    "page": frozenset({"page"}),
    "cursor": frozenset({"cursor", "next"}),
    "next": frozenset({"next"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One kind of request; `path` is below the base. Values of `query` that are no text go out as JSON."""

    method: ReadMethod = "GET"
    path: Template
    query: Mapping[str, Template] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Template | None = None

    @property
    def names(self) -> frozenset[str]:
        """The places to fill in."""
        parts = [self.path, *self.query.values(), *([self.body] if self.body else [])]
        return frozenset(name for one in parts for name in one.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How a listing goes on. `limit`, `offset`, `page` and `cursor` are names of query parameters.

    `rows` is the page size asked for. `more` is the path of a truth value, `total` of a number, `next` of a cursor or
    link. `start` is what a keyset begins after. `stable` says that a listing misses nothing that is there all the time.
    """

    kind: PagingKind = "none"
    rows: int = 100
    limit: str = ""
    offset: str = ""
    page: str = ""
    cursor: str = ""
    first: int = 1
    start: str = ""
    more: Path | None = None
    total: Path | None = None
    next: Path | None = None
    rewrite: bool = False
    stable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ByKey:
    """How documents are read by their keys: `batch` at once, or one by one where `single` says that one is given."""

    request: Request
    items: tuple[Path | None, ...]
    batch: int
    single: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """How one canonical entity is read. A path `None` among `items` is the answer itself.

    `changed` is the listing of what changed since an instant, `keys` that of keys alone. `detail` says that a listing
    gives less than a record needs, so that each document is read by its key.
    """

    entity: str
    listing: Request
    changed: Request | None
    keys: Request
    items: tuple[Path | None, ...]
    paging: Paging
    by_key: ByKey | None
    detail: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Where an answer holds an error: something at one of `found` makes it one whatever its status."""

    found: tuple[Path, ...] = ()
    code: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What is asked to see that the system is there and lets us in."""

    request: Request
    product: str = ""
    version: Path | None = None
    account: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What stands under `rest:`. `options` are settings of the system that requests need."""

    base: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    openapi: str = ""
    errors: Errors = field(default_factory=Errors)
    probe: Probe | None = None
    paging: Body = field(default_factory=dict)


def read_head(profile: Profile) -> Head:
    """Return what a profile says under `rest:`.

    Raises:
        ProfileFileError: `systems.bad_profile`, naming the key.
    """
    node = Node(profile.name, "rest", profile.head)
    node.only(_HEAD_KEYS)
    options = _options(node)
    return Head(
        base=_base(node),
        headers=_headers(node),
        options=options,
        openapi=_plain_path(node, "openapi"),
        errors=_errors(node.inner("errors")),
        probe=_probe(node.inner("probe"), options) if "probe" in node.body else None,
        paging=node.inner("paging").body,
    )


def read_sources(profile: Profile, head: Head) -> dict[str, Source]:
    """Return the sources of a profile, by entity.

    Raises:
        ProfileFileError: `systems.bad_profile`, naming the key that is unknown, missing or of the wrong type.
    """
    return {
        entity: _source(entity, Node(profile.name, f"entities.{entity}", body), head)
        for entity, body in profile.entities.items()
    }


def request_of(node: Node, *, options: Collection[str], places: Collection[str]) -> Request:
    """Return a request of a profile in which only some places may stand.

    Raises:
        ProfileFileError: `systems.bad_profile`, naming the key.
    """
    method = node.text("method", "GET")
    if method not in ("GET", "POST"):
        raise node.wrong("GET is needed here, or POST for a query language", "method")
    if (method == "POST") != ("body" in node.body):
        raise node.wrong("a body goes with POST, and with nothing else", "method")
    try:
        path = path_template(node.text("path"))
        query = {name: template_of(one) for name, one in node.inner("query").body.items()}
        body = template_of(node.body["body"]) if "body" in node.body else None
    except TemplateError as failure:
        raise node.wrong(str(failure)) from None
    request = Request(method=cast("ReadMethod", method), path=path, query=query, headers=_headers(node), body=body)
    unknown = sorted(request.names - {*places, *(f"option.{name}" for name in options)})
    if unknown:
        raise node.wrong(f"{{{unknown[0]}}} can't stand here")
    return request


def _source(entity: str, node: Node, head: Head) -> Source:
    node.only(_ENTITY_KEYS)
    paging = _paging(node.inner("paging") if "paging" in node.body else Node("", "rest.paging", head.paging))
    after = {"after"} if paging.kind == "keyset" else set[str]()
    base = node.inner("request")
    listing = request_of(base, options=head.options, places=after)
    changed = None
    if "changed" in node.body:
        changed = request_of(base.over(node.inner("since")), options=head.options, places={*after, "since"})
        if "since" not in changed.names:
            raise node.wrong("{since} has to stand in it, since the entity says `changed`", "since")
    if paging.kind == "keyset" and "after" not in listing.names:
        raise node.wrong("{after} has to stand in it, since paging is by keyset", "request")
    by_key = _by_key(node, base, head) if "by_key" in node.body else None
    if node.flag("detail") and by_key is None:
        raise node.wrong("`by_key` is needed with it", "detail")
    return Source(
        entity=entity,
        listing=listing,
        changed=changed,
        keys=request_of(base.over(node.inner("keys_alone")), options=head.options, places=after),
        items=node.places("items", "."),
        paging=paging,
        by_key=by_key,
        detail=node.flag("detail"),
    )


def _by_key(node: Node, base: Node, head: Head) -> ByKey:
    own = node.inner("by_key")
    own.only({*REQUEST_KEYS, "item", "items", "batch"})
    request = request_of(base.over(own), options=head.options, places={"key", "keys"})
    if not {"key", "keys"} & request.names:
        raise own.wrong("{key} or {keys} has to stand in it")
    one = "key" in request.names
    if "item" in own.body and not one:
        raise own.wrong("one document is given where {key} stands in the request", "item")
    listed = own if "items" in own.body else node
    return ByKey(
        request=request,
        items=own.places("item", ".") if "item" in own.body else listed.places("items", "."),
        batch=1 if one else own.number("batch", 50, least=1, most=MAX_BATCH),
        single="item" in own.body,
    )


def _paging(node: Node) -> Paging:
    kind = node.text("kind", "none")
    if kind not in _PAGING_KEYS:
        raise node.wrong(f"one of {', '.join(_PAGING_KEYS)} is needed here", "kind")
    node.only({"kind", "rows", "stable", *_PAGING_KEYS[kind]})
    for name in sorted(_NEEDED.get(kind, frozenset()) - set(node.body)):
        raise node.wrong("this key is missing", name)
    return Paging(
        kind=kind,
        rows=node.number("rows", 100, least=2, most=MAX_ROWS),
        limit=node.text("limit"),
        offset=node.text("offset"),
        page=node.text("page"),
        cursor=node.text("cursor"),
        first=node.number("first", 1, least=0, most=1),
        start=node.text("start"),
        more=node.path("more"),
        total=node.path("total"),
        next=node.path("next"),
        rewrite=node.flag("rewrite"),
        stable=kind in {"offset", "keyset", "none"} or node.flag("stable"),
    )


def _errors(node: Node) -> Errors:
    node.only({"found", "code"})
    return Errors(found=node.paths("found"), code=node.paths("code"))


def _probe(node: Node, options: Collection[str]) -> Probe:
    node.only({*REQUEST_KEYS, "product", "version", "account"})
    return Probe(
        request=request_of(node, options=options, places=()),
        product=node.text("product"),
        version=node.path("version"),
        account=node.path("account"),
    )


def _base(node: Node) -> str:
    return _plain_path(node, "base").rstrip("/")


def _plain_path(node: Node, key: str) -> str:
    found = node.text(key)
    if not found:
        return ""
    try:
        template = path_template(found)
    except TemplateError as failure:
        raise node.wrong(str(failure), key) from None
    if template.names:
        raise node.wrong("nothing is filled in here", key)
    return found


def _headers(node: Node) -> dict[str, str]:
    found = node.inner("headers").body
    for name, value in found.items():
        if not _HEADER.fullmatch(name) or name.lower() in _OWN_HEADERS:
            raise node.wrong("this header can't be set by a profile", f"headers.{name}")
        if not isinstance(value, str) or not value.isprintable() or not value.isascii():
            raise node.wrong("plain text is needed here", f"headers.{name}")
    return {name: str(value) for name, value in found.items()}


def _options(node: Node) -> tuple[str, ...]:
    found = node.body.get("options", [])
    if not isinstance(found, list) or not all(isinstance(one, str) and _OPTION.fullmatch(one) for one in found):
        raise node.wrong("a list of lower-case names is needed here", "options")
    return tuple(str(one) for one in found)
