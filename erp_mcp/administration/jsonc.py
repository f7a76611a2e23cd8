"""Edits JSON, with or without comments, and touches nothing but the member meant.

Configuration files of MCP clients belong to their users: comments, order, indents and line ends stay as they are. What
an edit did is read again and compared, so a file is either as asked or not written at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

from erp_mcp.domain.call import JsonValue

_MAX_DEPTH: Final = 100
_BOM: Final = "\ufeff"
_SCALAR: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null')
_BLANKS: Final = " \t\r\n"
_SPACE: Final = re.compile(r"[ \t\r\n]*")


class NotJsonError(ValueError):
    """A text that is not JSON, or not of the form an edit needs; `line` counts from 1."""

    def __init__(self, reason: str, line: int) -> None:
        """Keep the reason and the line."""
        super().__init__(reason)
        self.reason, self.line = reason, line


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One `"key": value` of an object; `start` is where the key's quote stands."""

    key: str
    start: int
    value: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One value and the span of its text; an object has members."""

    start: int
    end: int
    data: JsonValue
    members: tuple[Member, ...] = ()

    @property
    def is_object(self) -> bool:
        """Whether it is an object."""
        return isinstance(self.data, dict)

    def member(self, key: str) -> Member | None:
        """Return the member of a key."""
        return next((one for one in self.members if one.key == key), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A whole text; `relaxed_line` is the first line with a comment or a trailing comma, 0 where it is strict JSON."""

    root: Node
    relaxed_line: int


def parse(text: str) -> Parsed:
    """Return what a text says and where each part of it stands.

    Raises:
        NotJsonError: it is not JSON, beyond comments and trailing commas; or an object names a key twice.
    """
    reader = _Reader(text)
    root = reader.value(reader.skip(1 if text.startswith(_BOM) else 0), 0)
    end = reader.skip(root.end)
    if end != len(text):
        reader.refuse(end, "there is more after the end")
    return Parsed(root=root, relaxed_line=reader.line_of(reader.relaxed) if reader.relaxed >= 0 else 0)


def put(text: str, path: Sequence[str], value: JsonValue) -> str:
    """Return the text with one member set; objects on the way to it are made where they are missing.

    Args:
        text: The file as it is; empty stands for `{}`.
        path: Keys from the root down; at least one.
        value: What stands there afterwards.

    Raises:
        NotJsonError: as `parse`; or something on the way is no object.
    """
    if not text.strip(_BLANKS + _BOM):
        text = f"{text[:1] if text.startswith(_BOM) else ''}{{}}\n"
    parsed = parse(text)
    done = _put(text, parsed.root, path, value)
    return _checked(done, _with(parsed.root.data, path, value))


def remove(text: str, path: Sequence[str]) -> str:
    """Return the text without one member; the same text where there is none.

    Raises:
        NotJsonError: as `parse`.
    """
    parsed = parse(text)
    holder = parsed.root
    for key in path[:-1]:
        found = holder.member(key)
        if found is None:
            return text
        holder = found.value
    member = holder.member(path[-1])
    if member is None:
        return text
    return _checked(_without(text, holder, member), _with(parsed.root.data, path, None, gone=True))


def _put(text: str, root: Node, path: Sequence[str], value: JsonValue) -> str:
    holder, depth = root, 0
    while True:
        if not holder.is_object:
            where = ".".join(path[:depth]) or "the whole file"
            raise NotJsonError(f"{where} is not an object", _line(text, holder.start))
        found = holder.member(path[depth])
        if found is None:
            break
        if depth == len(path) - 1:
            style = _Style.of(text, root)
            told = style.dumped(value, style.indent_at(text, found.start))
            return text[: found.value.start] + told + text[found.value.end :]
        holder, depth = found.value, depth + 1
    for key in reversed(path[depth + 1 :]):
        value = {key: value}
    return _inserted(text, root, holder, path[depth], value)


def _inserted(text: str, root: Node, holder: Node, key: str, value: JsonValue) -> str:
    style = _Style.of(text, root)
    closing = holder.end - 1
    if not holder.members:
        outer = style.indent_at(text, holder.start)
        inner = outer + style.unit
        kept = text[holder.start + 1 : closing].rstrip(_BLANKS)
        member = f"{json.dumps(key)}: {style.dumped(value, inner)}"
        return f"{text[: holder.start + 1]}{kept}{style.end}{inner}{member}{style.end}{outer}{text[closing:]}"
    last = holder.members[-1]
    tail = text[last.value.end : closing]
    comma = "" if _comma_at(text, last.value.end, closing) >= 0 else ","
    kept = tail.rstrip(_BLANKS)
    if "\n" in text[holder.start : holder.end]:
        inner = style.indent_at(text, last.start)
        member = f"{style.end}{inner}{json.dumps(key)}: {style.dumped(value, inner)}"
    else:
        member = f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
    return text[: last.value.end] + comma + kept + member + tail[len(kept) :] + text[closing:]


def _without(text: str, holder: Node, member: Member) -> str:
    index = holder.members.index(member)
    following = holder.members[index + 1].start if index + 1 < len(holder.members) else holder.end - 1
    comma = _comma_at(text, member.value.end, following)
    start, end = member.start, comma + 1 if comma >= 0 else member.value.end
    own_lines = not text[text.rfind("\n", 0, start) + 1 : start].strip(" \t")
    rest = re.compile(r"[ \t]*(?:\r?\n)?").match(text, end)
    if own_lines and rest and rest[0].endswith("\n"):
        start, end = text.rfind("\n", 0, start) + 1, rest.end()
    kept = text[:start]
    if comma < 0 and index:  # the last one: what was before it now ends the object
        at = _comma_at(text, holder.members[index - 1].value.end, member.start)
        kept = text[:at] + (text[at + 1 : start] if own_lines else text[at + 1 : start].rstrip(" \t"))
    elif not own_lines:
        end += len(text[end:]) - len(text[end:].lstrip(" \t"))
    if len(holder.members) == 1 and not (text[holder.start + 1 : start] + text[end : holder.end - 1]).strip(_BLANKS):
        return f"{text[: holder.start]}{{}}{text[holder.end :]}"
    return kept + text[end:]


def _comma_at(text: str, start: int, end: int) -> int:
    """Return where a comma stands between two places, comments left out; -1 where none does."""
    reader = _Reader(text)
    at = reader.skip(start)
    return at if at < end and text[at] == "," else -1


def _with(data: JsonValue, path: Sequence[str], value: JsonValue, *, gone: bool = False) -> JsonValue:
    """Return the data as they must be afterwards."""
    held: dict[str, JsonValue] = dict(data) if isinstance(data, dict) else {}
    if len(path) > 1:
        held[path[0]] = _with(held.get(path[0]), path[1:], value, gone=gone)
    elif gone:
        held.pop(path[0], None)
    else:
        held[path[0]] = value
    return held


def _checked(text: str, wanted: JsonValue) -> str:
    if parse(text).root.data != wanted:
        raise NotJsonError("the edit would have changed something else", 0)
    return text


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


@dataclass(frozen=True, slots=True)
class _Style:
    """How a file is laid out: its line ends and its step of indent."""

    end: str
    unit: str

    @staticmethod
    def of(text: str, root: Node) -> _Style:
        end = "\r\n" if "\r\n" in text else "\n"
        for inner in _objects(root):
            outer, first = _Style.indent_at(text, inner.start), _Style.indent_at(text, inner.members[0].start)
            if first.startswith(outer) and len(first) > len(outer):
                return _Style(end, first[len(outer) :])
        return _Style(end, "  ")

    @staticmethod
    def indent_at(text: str, at: int) -> str:
        """Return the white space that the line of a place begins with."""
        start = text.rfind("\n", 0, at) + 1
        found = re.compile(r"[ \t]*").match(text, start)
        return found[0] if found else ""

    def dumped(self, value: JsonValue, indent: str) -> str:
        told = json.dumps(value, ensure_ascii=False, indent=self.unit)
        return told.replace("\n", f"{self.end}{indent}")


def _objects(node: Node) -> Iterator[Node]:
    if node.members:
        yield node
    for member in node.members:
        yield from _objects(member.value)


@dataclass(slots=True)
class _Reader:
    """A reader of one text that remembers where the first comment or trailing comma was."""

    text: str
    relaxed: int = field(default=-1)

    def refuse(self, at: int, reason: str) -> NoReturn:
        raise NotJsonError(reason, self.line_of(at))

    def line_of(self, at: int) -> int:
        return _line(self.text, at)

    def skip(self, at: int) -> int:
        """Return the next place that is neither white space nor comment."""
        while True:
            blank = _SPACE.match(self.text, at)
            at = blank.end() if blank else at
            if self.text.startswith("//", at):
                self._note(at)
                end = self.text.find("\n", at)
                at = len(self.text) if end < 0 else end
            elif self.text.startswith("/*", at):
                self._note(at)
                end = self.text.find("*/", at + 2)
                if end < 0:
                    self.refuse(at, "a comment has no end")
                at = end + 2
            else:
                return at

    def value(self, at: int, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            self.refuse(at, "it is nested too deeply")
        sign = self.text[at : at + 1]
        if sign == "{":
            return self._object(at, depth)
        if sign == "[":
            return self._array(at, depth)
        found = _SCALAR.match(self.text, at)
        try:
            data: JsonValue = json.loads(found[0] if found else "")
        except ValueError:
            self.refuse(at, "a value was expected" if at < len(self.text) else "it ends too early")
        return Node(start=at, end=at + len(found[0]) if found else at, data=data)

    def _object(self, at: int, depth: int) -> Node:
        start, members, data = at, list[Member](), dict[str, JsonValue]()
        at = self.skip(at + 1)
        while not self._ends(at, "}", bool(members)):
            key = self.value(at, depth + 1)
            if not isinstance(key.data, str):
                self.refuse(at, "a key in quotes was expected")
            if key.data in data:
                self.refuse(at, f"the key {key.data[:64]!r} stands there twice")
            at = self.skip(key.end)
            if self.text[at : at + 1] != ":":
                self.refuse(at, "a colon was expected")
            value = self.value(self.skip(at + 1), depth + 1)
            members.append(Member(key=key.data, start=key.start, value=value))
            data[key.data] = value.data
            at = self._next(value.end, "}")
        return Node(start=start, end=at + 1, data=data, members=tuple(members))

    def _array(self, at: int, depth: int) -> Node:
        start, items = at, list[JsonValue]()
        at = self.skip(at + 1)
        while not self._ends(at, "]", bool(items)):
            value = self.value(at, depth + 1)
            items.append(value.data)
            at = self._next(value.end, "]")
        return Node(start=start, end=at + 1, data=items)

    def _next(self, at: int, closing: str) -> int:
        """Return where the next part begins, after the comma, or where the closing sign stands."""
        at = self.skip(at)
        sign = self.text[at : at + 1]
        if sign == closing:
            return at
        if sign != ",":
            self.refuse(at, f"a comma or {closing} was expected" if sign else "it ends too early")
        return self.skip(at + 1)

    def _ends(self, at: int, closing: str, after_part: bool) -> bool:
        if self.text[at : at + 1] != closing:
            return False
        last = at - 1
        while last >= 0 and self.text[last] in _BLANKS:
            last -= 1
        if after_part and self.text[last] == ",":
            self._note(at)
        return True

    def _note(self, at: int) -> None:
        if self.relaxed < 0:
            self.relaxed = at
