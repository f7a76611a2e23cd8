"""One mapping of a profile as the grammar reads it: each key is asked for by type, and one too many is named."""

from __future__ import annotations

from collections.abc import Mapping

from erp_mcp.adapters.jsonrpc.rows import Condition
from erp_mcp.domain.call import JsonValue
from erp_mcp.errors import ProfileFileError


class Node:
    """One mapping of the profile with its address, so that each complaint can name the key."""

    def __init__(self, profile: str, key: str, body: JsonValue) -> None:
        self._profile = profile
        self.key = key
        if not isinstance(body, Mapping):
            raise self.wrong("not a mapping")
        self.body = body
        self._left = set(body)

    def wrong(self, reason: str, key: str = "") -> ProfileFileError:
        """Return the error for this mapping or one of its keys."""
        return ProfileFileError(profile=self._profile, key=f"{self.key}.{key}" if key else self.key, reason=reason)

    def take(self, key: str, default: JsonValue = None) -> JsonValue:
        """Return a key's value and count it as known."""
        self._left.discard(key)
        return self.body.get(key, default)

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; required when there is no default."""
        found = self.take(key, default)
        if not isinstance(found, str):
            raise self.wrong("text is needed here", key)
        return found

    def flag(self, key: str) -> bool:
        """Return a yes or no, no when it is not there."""
        found = self.take(key, default=False)
        if not isinstance(found, bool):
            raise self.wrong("true or false is needed here", key)
        return found

    def items(self, key: str) -> tuple[JsonValue, ...]:
        """Return a list, empty when it is not there."""
        found = self.take(key, [])
        if not isinstance(found, list | tuple):
            raise self.wrong("a list is needed here", key)
        return tuple(found)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        found = self.items(key)
        if not all(isinstance(one, str) for one in found):
            raise self.wrong("a list of texts is needed here", key)
        return tuple(str(one) for one in found)

    def node(self, key: str, body: JsonValue = None) -> Node:
        """Return a mapping under this one."""
        return Node(self._profile, f"{self.key}.{key}", self.take(key) if body is None else body)

    def text_map(self, key: str) -> dict[str, str]:
        """Return a mapping of texts, empty when it is not there."""
        if key not in self.body:
            return {}
        inner = self.node(key)
        return {str(name): inner.text(name) for name in inner.body}

    def condition(self, key: str = "when") -> Condition:
        """Return field path → allowed values, empty when it is not there."""
        if key not in self.body:
            return {}
        inner = self.node(key)
        return {str(path): inner.items(path) for path in inner.body}  # type: ignore[misc]  # JSON values are decoded values

    def done(self) -> None:
        """Refuse what was not asked for."""
        if self._left:
            raise self.wrong("this key is not known here", min(self._left))
