"""One mapping of a profile with its address, so that each complaint can name the key."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from erp_mcp.adapters._documents import Path, PathError
from erp_mcp.domain.call import JsonValue
from erp_mcp.errors import ProfileFileError

Body = Mapping[str, JsonValue]

REQUEST_KEYS: Final = frozenset({"method", "path", "query", "headers", "body"})


class Node:
    """One mapping of the profile with its address, so that each complaint can name the key."""

    def __init__(self, profile: str, key: str, body: JsonValue | Body) -> None:
        """Take a mapping."""
        self._profile = profile
        self._key = key
        if not isinstance(body, Mapping):
            raise self.wrong("a mapping is needed here")
        self.body: Body = body

    def wrong(self, reason: str, key: str = "") -> ProfileFileError:
        """Return the error for this mapping or one of its keys."""
        return ProfileFileError(profile=self._profile, key=f"{self._key}.{key}" if key else self._key, reason=reason)

    def only(self, known: Collection[str]) -> None:
        """Refuse keys that are not known."""
        for name in self.body:
            if name not in known:
                raise self.wrong(f"there is no such key here; there are: {', '.join(sorted(known))}", name)

    def inner(self, key: str) -> Node:
        """Return a mapping below this one; an empty one where there is none."""
        return Node(self._profile, f"{self._key}.{key}", self.body.get(key, {}))

    def over(self, other: Node) -> Node:
        """Return this request with another one laid over it: `query` key by key, all else as a whole."""
        query = {**self.inner("query").body, **other.inner("query").body}
        body = {**self.body, **{name: value for name, value in other.body.items() if name in REQUEST_KEYS}}
        return Node(self._profile, other._key, {**body, "query": query} if query else body)

    def text(self, key: str, default: str = "") -> str:
        """Return a text."""
        found = self.body.get(key, default)
        if not isinstance(found, str):
            raise self.wrong("text is needed here", key)
        return found

    def flag(self, key: str) -> bool:
        """Return a truth value, no where there is none."""
        found = self.body.get(key, False)
        if not isinstance(found, bool):
            raise self.wrong("true or false is needed here", key)
        return found

    def number(self, key: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number within bounds."""
        found = self.body.get(key, default)
        if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
            raise self.wrong(f"a whole number from {least} to {most} is needed here", key)
        return found

    def path(self, key: str) -> Path | None:
        """Return a path into an answer, `None` where there is none."""
        return self._path(self.body[key], key) if key in self.body else None

    def paths(self, key: str) -> tuple[Path, ...]:
        """Return paths into an answer."""
        found = self.body.get(key, [])
        return tuple(self._path(one, key) for one in (found if isinstance(found, list) else [found]))

    def places(self, key: str, default: str) -> tuple[Path | None, ...]:
        """Return alternative paths to what an answer holds; `.` is the answer itself."""
        found = self.body.get(key, default)
        listed: Sequence[JsonValue] = found if isinstance(found, list) else [found]
        return tuple(None if one == "." else self._path(one, key) for one in listed)

    def _path(self, body: JsonValue, key: str) -> Path:
        try:
            return Path.of(body if isinstance(body, str) else "")
        except PathError as failure:
            raise self.wrong(str(failure), key) from None
