"""Paths into a document: `to_Header.SoldToParty`, `lines."odd.name"`, and `^.number` for the document around an item.

A segment is a property. `@odata.etag` and other annotations of that form are one segment; other names with dots or
spaces stand in quotes. A path does not go into a list by itself: forms that take all items of a list do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from erp_mcp.adapters._documents.json_text import Document, Value

Scope = tuple[Document, ...]
"""The object that is looked at, then the documents around it, innermost first."""

MAX_PATH_CHARS: Final = 300

_SEGMENT: Final = re.compile(r'"([^"]+)"|(@[A-Za-z]+\.[A-Za-z]+)|([^."\s]+)')
_DEFERRED: Final = "__deferred"
_RESULTS: Final = "results"


class ShapeError(ValueError):
    """A document that does not look as its profile says; names path and reason, never a value."""

    def __init__(self, path: str, reason: str = "wrong shape") -> None:
        """Keep both apart."""
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class PathError(ValueError):
    """A text that is no path."""


@dataclass(frozen=True, slots=True)
class Path:
    """`ups` documents outward, then along `segments`."""

    segments: tuple[str, ...]
    ups: int = 0

    @classmethod
    def of(cls, text: str) -> Path:
        """Return the path that a text means.

        Raises:
            PathError: when it means none.
        """
        if not text or len(text) > MAX_PATH_CHARS:
            raise PathError("a path of at most 300 characters is needed")
        ups, rest = 0, text
        while rest == "^" or rest.startswith("^."):
            ups, rest = ups + 1, rest[2:]
        segments: list[str] = []
        at = 0
        while at < len(rest):
            found = _SEGMENT.match(rest, at)
            if found is None:
                raise PathError(f"{text!r} is no path")
            segments.append(next(part for part in found.groups() if part))
            at = found.end()
            if at < len(rest) and (rest[at] != "." or at + 1 == len(rest)):
                raise PathError(f"{text!r} is no path")
            at += 1
        if not segments:
            raise PathError(f"{text!r} is no path")
        return cls(tuple(segments), ups)

    @property
    def leaf(self) -> str:
        """The last segment."""
        return self.segments[-1]

    @property
    def holder(self) -> tuple[str, ...]:
        """The segments before the last."""
        return self.segments[:-1]

    def beside(self, other: Path) -> Path:
        """Return where `other` leads to, which is seen from the object that holds this one's leaf."""
        kept = len(self.holder) - other.ups
        if kept < 0:
            return Path(other.segments, self.ups - kept)
        return Path((*self.holder[:kept], *other.segments), self.ups)

    def __str__(self) -> str:
        """Return it for people."""
        return ".".join(("^",) * self.ups + self.segments)


def value_at(scope: Scope, path: Path) -> Value:
    """Return what a path leads to; `None` where nothing is there.

    Raises:
        ShapeError: where the path meets something that is neither an object nor nothing.
    """
    found: Value | Document = scope[path.ups]
    for segment in path.segments:
        if found is None:
            return None
        if not isinstance(found, Mapping):
            raise ShapeError(str(path))
        if _DEFERRED in found:
            raise ShapeError(str(path), "not expanded")
        found = found.get(segment)
    return found  # type: ignore[return-value]  # a path has a segment, so it is a value of the document


def objects_at(start: Document, segments: Sequence[str], path: Path) -> Iterator[Document]:
    """Yield the objects that some segments lead to from an object: one along single links, several along lists."""
    if not segments:
        yield start
        return
    if _DEFERRED in start:
        raise ShapeError(str(path), "not expanded")
    if start.get(f"{segments[0]}@odata.nextLink"):
        raise ShapeError(str(path), "not complete")
    for one in items_of(start.get(segments[0]), path):
        yield from objects_at(one, segments[1:], path)


def items_of(value: Value, path: Path) -> Iterator[Document]:
    """Yield the objects of a list, or one object, or nothing; OData V2 wraps a list as `{"results": […]}`."""
    if (
        isinstance(value, dict)
        and isinstance(value.get(_RESULTS), list)
        and set(value) <= {_RESULTS, "__count", "__next"}
    ):
        if value.get("__next"):
            raise ShapeError(str(path), "not complete")
        value = value[_RESULTS]
    if value is None:
        return
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, dict):
            raise ShapeError(str(path))
        yield one


def code_of(value: Value) -> str:
    """Return how conditions and codes see a scalar: `"true"`, `"10"`, trimmed text; `""` for nothing.

    Raises:
        ShapeError: for an object or a list.
    """
    if isinstance(value, str):  # nearly all
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return number_text(value)
    raise ShapeError("", "not a plain value")


def number_text(value: Decimal) -> str:
    """Return the shortest plain text of a number: `1E+2` is `100`, `1.50` is `1.5`."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
