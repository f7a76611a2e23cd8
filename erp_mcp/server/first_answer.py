"""Answers what a client says first, from prebuilt parts, before anything heavy is imported.

Hosts wait for it with time-outs of half a second, about as long as the imports behind a real server take. So
`initialize`, `server/discover` and `ping` are answered here with what the SDK's server would answer (a test compares);
whatever is not of the plainest form is left to that server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from erp_mcp.server import identity
from erp_mcp.server.rpc import Request, result_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from erp_mcp.domain.call import JsonValue
    from erp_mcp.server.rpc import Message

_SERVER_INFO: Final[dict[str, JsonValue]] = {
    "name": identity.NAME,
    "title": identity.TITLE,
    "version": identity.VERSION,
}
_KNOWN_CAPABILITIES: Final = frozenset({"experimental", "sampling", "elicitation", "roots", "extensions", "tasks"})
_INITIALIZE_KEYS: Final = frozenset({"protocolVersion", "capabilities", "clientInfo"})
_CLIENT_TEXTS: Final = frozenset({"name", "version", "title", "description", "websiteUrl"})


def answer(message: Message | None) -> bytes | None:
    """Return the line that answers a plain opening request, or `None` to leave the message to the real server."""
    if not isinstance(message, Request):
        return None
    result = _RESULTS[message.method](message.params or {}) if message.method in _RESULTS else None
    return None if result is None else result_line(message.id, result)


def _initialize(params: Mapping[str, JsonValue]) -> dict[str, JsonValue] | None:
    requested = params.get("protocolVersion")
    plain = _is_capabilities(params.get("capabilities")) and _is_client(params.get("clientInfo"))
    if not plain or not isinstance(requested, str) or not params.keys() <= _INITIALIZE_KEYS:
        return None
    return {
        "protocolVersion": requested if requested in identity.HANDSHAKE_VERSIONS else identity.HANDSHAKE_VERSIONS[-1],
        "capabilities": identity.CAPABILITIES,
        "serverInfo": _SERVER_INFO,
        "instructions": identity.INSTRUCTIONS,
    }


def _discover(params: Mapping[str, JsonValue]) -> dict[str, JsonValue] | None:
    meta = params.get("_meta")
    if not isinstance(meta, dict) or not params.keys() <= {"_meta"}:
        return None
    client = meta.get(identity.META_CLIENT)
    plain = _is_capabilities(meta.get(identity.META_CAPABILITIES)) and (client is None or _is_client(client))
    known = {identity.META_VERSION, identity.META_CLIENT, identity.META_CAPABILITIES}
    if not plain or not meta.keys() <= known or meta.get(identity.META_VERSION) not in identity.STATELESS_VERSIONS:
        return None
    return {
        "_meta": {identity.META_SERVER: _SERVER_INFO},
        "cacheScope": "private",
        "capabilities": identity.STATELESS_CAPABILITIES,
        "instructions": identity.INSTRUCTIONS,
        "resultType": "complete",
        "supportedVersions": list(identity.STATELESS_VERSIONS),
        "ttlMs": 0,
    }


def _ping(params: Mapping[str, JsonValue]) -> dict[str, JsonValue] | None:
    return None if params else {}


def _is_client(value: JsonValue) -> bool:
    if not isinstance(value, dict) or not {"name", "version"} <= value.keys() <= _CLIENT_TEXTS:
        return False
    return all(isinstance(text, str) for text in value.values())


def _is_capabilities(value: JsonValue) -> bool:
    if not isinstance(value, dict) or not value.keys() <= _KNOWN_CAPABILITIES:
        return False
    return all(_is_capability(name, settings) for name, settings in value.items())


def _is_capability(name: str, settings: JsonValue) -> bool:
    if not isinstance(settings, dict):
        return False
    if name == "roots":
        return all(key == "listChanged" and isinstance(item, bool) for key, item in settings.items())
    if name in ("experimental", "extensions"):
        return all(isinstance(item, dict) for item in settings.values())
    return all(_is_nested(item) for item in settings.values())


def _is_nested(value: JsonValue) -> bool:
    return isinstance(value, dict) and all(_is_nested(item) for item in value.values())


_RESULTS: Final = {"initialize": _initialize, "server/discover": _discover, "ping": _ping}
