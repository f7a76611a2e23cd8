"""What an agent may read beside calling tools: what it may do, its tools, its data, and pages that show answers.

A resource stands under the policy of the tools it belongs to: whoever may not call the tool finds no page of it and
no entity that only it reads: asking is answered as asking for what never was. None of them holds a record of a system.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

from erp_mcp import views
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import COMMON_FIELDS, ENTITIES, FieldSpec, field_specs
from erp_mcp.domain.tool import Tool
from erp_mcp.errors import UnknownResourceError
from erp_mcp.policy.permissions import Permissions, in_words
from erp_mcp.server.rpc import error_from
from erp_mcp.server.session import Session

POLICY: Final = "erp-mcp://policy"
MANIFEST: Final = "erp-mcp://tools"
SCHEMA: Final = "erp-mcp://schema/"
SCHEMA_TEMPLATE: Final = SCHEMA + "{entities}"
MOST_ENTITIES: Final = 10

# No page may load, connect to or frame anything: nothing is declared, so a host grants nothing.
_PAGE_META: Final[dict[str, JsonValue]] = {"ui": {"csp": {}, "prefersBorder": True}}
_NOT_SHARED: Final[dict[str, JsonValue]] = {"ttlMs": 0, "cacheScope": "private", "resultType": "complete"}
_ALWAYS: Final[tuple[JsonValue, ...]] = (
    {
        "uri": POLICY,
        "name": "policy",
        "title": "What you may do",
        "description": "Sites, limits, hidden fields, tools and proposals of your role, in words.",
        "mimeType": "text/markdown",
    },
    {
        "uri": MANIFEST,
        "name": "tools",
        "title": "Tools you may call",
        "description": "Every tool in reach, listed or not, with version, effect and the hash of its definition.",
        "mimeType": "application/json",
    },
)
_TEMPLATE: Final[JsonValue] = {
    "uriTemplate": SCHEMA_TEMPLATE,
    "name": "schema",
    "title": "Fields of the data",
    "description": f"Fields of up to {MOST_ENTITIES} entities, separated by commas: kinds, references, what is hidden.",
    "mimeType": "application/json",
}


def resource_list(session: Session | None, *, pictures: bool) -> dict[str, JsonValue]:
    """Return the wire form of the principal's resources; pages only for a client that shows them."""
    known = _permissions(session)
    found = [] if known is None else [*_ALWAYS, *(_listed(page) for page in pages_of(known) if pictures)]
    return {"resources": found, **_NOT_SHARED}


def template_list() -> dict[str, JsonValue]:
    """Return the wire form of the addresses that have a place to fill in."""
    return {"resourceTemplates": [_TEMPLATE], **_NOT_SHARED}


def read(session: Session | None, uri: str, *, not_found: int) -> dict[str, JsonValue]:
    """Return the wire form of one resource.

    Args:
        session: Whose resources are meant; without one there are none.
        uri: The address asked for.
        not_found: The JSON-RPC code by which the client's revision is told that there is none.

    Raises:
        RpcError: `not_found` with `call.unknown_resource`, for a resource that is hidden and one that never was.
    """
    known = _permissions(session)
    content = None if known is None else _content(known, uri)
    if content is None:
        raise error_from(not_found, "Resource not found", UnknownResourceError())
    return {"contents": [{"uri": uri, **content}], **_NOT_SHARED}


def addresses(session: Session | None) -> tuple[str, ...]:
    """Return the addresses of the principal's resources, pages among them."""
    known = _permissions(session)
    return () if known is None else (POLICY, MANIFEST, *(page.uri for page in pages_of(known)))


def pages_of(known: Permissions) -> list[views.View]:
    """Return the pages of the tools that may be called, listed or not; each once."""
    found = (page_of(one.tool.name, reads=_reads(one.tool)) for one in known.tools)
    return list(dict.fromkeys(view for view in found if view is not None))


def _reads(tool: Tool) -> bool:
    return tool.effect in ("read", "discovery") or tool.status in ("get", "list")


def page_of(tool: str, *, reads: bool) -> views.View | None:
    """Return the page that shows what a tool answers; what does not read answers with a proposal, and has its card."""
    return views.view_of(tool) or (None if reads else views.card())


def _permissions(session: Session | None) -> Permissions | None:
    return session.gateway.permissions(session.principal) if session else None


def _content(known: Permissions, uri: str) -> dict[str, JsonValue] | None:
    if uri in _WRITTEN:
        return _WRITTEN[uri](known)
    if uri.startswith(SCHEMA):
        return _schema(known, uri.removeprefix(SCHEMA))
    page = next((one for one in pages_of(known) if one.uri == uri), None)
    if page is None:
        return None
    return {"mimeType": views.MIME_TYPE, "text": views.page(page), "_meta": _PAGE_META}


def _policy(known: Permissions) -> dict[str, JsonValue]:
    return {"mimeType": "text/markdown", "text": in_words(known)}


def _manifest(known: Permissions) -> dict[str, JsonValue]:
    tools = [
        {
            "name": one.tool.name,
            "title": one.tool.title,
            "toolset": one.tool.toolset,
            "version": one.tool.version,
            "effect": one.tool.effect,
            "level": one.tool.level,
            "sha256": one.tool.hash,
        }
        for one in known.tools
    ]
    return _json({"bundle": known.bundle, "tools": tools})


_WRITTEN: Final[Mapping[str, Callable[[Permissions], dict[str, JsonValue]]]] = {POLICY: _policy, MANIFEST: _manifest}


def _schema(known: Permissions, asked: str) -> dict[str, JsonValue] | None:
    """Return the fields of the entities asked for; `None` where one of them is out of reach or never was."""
    names = list(dict.fromkeys(asked.replace("%2C", ",").split(",")))
    if len(names) > MOST_ENTITIES or not set(names) <= set(known.entities):
        return None
    return _json({"entities": {name: _entity(known, name) for name in names}})


def _entity(known: Permissions, name: str) -> dict[str, object]:
    record = ENTITIES[name]
    return {
        "about": (record.__doc__ or "").partition("\n")[0],
        "key": list(record.KEY),
        "fields": {
            spec.name: _field(known, name, spec) for spec in field_specs(record) if spec.name not in COMMON_FIELDS
        },
    }


def _field(known: Permissions, entity: str, spec: FieldSpec) -> dict[str, object]:
    mask = known.mask_of(entity, spec.name)
    return {
        "kind": spec.kind.value,
        **({"refers_to": spec.meaning.entity} if spec.meaning.entity else {}),
        **({"optional": True} if spec.optional else {}),
        **({"untrusted": True} if spec.meaning.outsider else {}),
        **({"hidden": mask.way} if mask else {}),
    }


def _json(document: Mapping[str, object]) -> dict[str, JsonValue]:
    return {"mimeType": "application/json", "text": json.dumps(document, ensure_ascii=False, separators=(",", ":"))}


def _listed(page: views.View) -> JsonValue:
    return {
        "uri": page.uri,
        "name": page.asset,
        "title": page.title,
        "description": page.description,
        "mimeType": views.MIME_TYPE,
        "_meta": _PAGE_META,
    }
