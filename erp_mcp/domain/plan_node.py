"""One mapping of a profile with its place, so that each complaint can name the key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from erp_mcp.domain.call import JsonValue

_CODE_CHARS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


class PlanError(Exception):
    """A plan that breaks the grammar: `place` is the path of keys below the operation."""

    def __init__(self, place: tuple[str | int, ...], reason: str) -> None:
        """Keep where and why."""
        super().__init__(reason)
        self.place = place
        self.reason = reason


def is_code(word: str) -> bool:
    """Say whether a word is a code of ours: small letters, digits and `_`, a letter first."""
    return 0 < len(word) <= 64 and word[0].isalpha() and set(word) <= _CODE_CHARS


class Node:
    """One mapping with its place, so that each complaint can name the key."""

    def __init__(self, place: tuple[str | int, ...], body: JsonValue) -> None:
        """Take a mapping of a profile.

        Raises:
            PlanError: when it is none.
        """
        self._place = place
        if not isinstance(body, Mapping):
            raise PlanError(place, "must be a mapping")
        self.body = body
        self._left = {str(name) for name in body}

    def wrong(self, reason: str, *below: str | int) -> PlanError:
        """Return the error for this mapping or something below it."""
        return PlanError((*self._place, *below), reason)

    def has(self, key: str) -> bool:
        """Say whether a key is there."""
        return key in self.body

    def take(self, key: str) -> JsonValue:
        """Return a key's value and count it as known."""
        self._left.discard(key)
        return self.body.get(key)

    def inner(self, key: str) -> Node:
        """Return the mapping under a key, which must be there."""
        if key not in self.body:
            raise self.wrong("this key is missing", key)
        return Node((*self._place, key), self.take(key))

    def below(self, key: str, number: int, body: JsonValue) -> Node:
        """Return a mapping in a list under a key."""
        return Node((*self._place, key, number), body)

    def names(self, key: str) -> list[str]:
        """Return the keys of the mapping under a key, none where it is not there."""
        return [str(name) for name in self.inner(key).body] if key in self.body else []

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; required when there is no default."""
        found = self.take(key) if key in self.body else default
        if not isinstance(found, str) or (default is None and not found):
            raise self.wrong("text is needed here", key)
        return found

    def code(self, key: str, default: str) -> str:
        """Return a code of ours."""
        found = self.text(key, default)
        if found and not is_code(found):
            raise self.wrong("a code of ours is needed here: small letters, digits, _", key)
        return found

    def choice(self, key: str, words: tuple[str, ...], default: str | None = None) -> str:
        """Return one of some words."""
        found = self.text(key, default)
        if found not in words:
            raise self.wrong(f"must be {' or '.join(words)}", key)
        return found

    def flag(self, key: str) -> bool:
        """Return a yes or no, no when it is not there."""
        found = self.take(key) if key in self.body else False
        if not isinstance(found, bool):
            raise self.wrong("true or false is needed here", key)
        return found

    def number(self, key: str, default: int, least: int, most: int) -> int:
        """Return a whole number within bounds."""
        if key not in self.body:
            return default
        found = self.take(key)
        if isinstance(found, bool) or not isinstance(found, int) or not least <= found <= most:
            raise self.wrong(f"a whole number from {least} to {most} is needed here", key)
        return found

    def items(self, key: str) -> tuple[JsonValue, ...]:
        """Return a list, empty when it is not there."""
        found = self.take(key) if key in self.body else []
        if not isinstance(found, list | tuple):
            raise self.wrong("a list is needed here", key)
        return tuple(found)

    def texts(self, key: str) -> dict[str, str]:
        """Return a mapping of texts, empty when it is not there."""
        if key not in self.body:
            return {}
        inner = self.inner(key)
        for name, value in inner.body.items():
            if not isinstance(value, str) or not value:
                raise inner.wrong("text is needed here", str(name))
        return {str(name): str(value) for name, value in inner.body.items()}

    def done(self) -> None:
        """Refuse what was not asked for."""
        if self._left:
            raise self.wrong("this key is not known here", min(self._left))
