"""YAML files as people edit them: strict, with the line of every mistake.

Refused: duplicate keys, anchors and aliases, tags, several documents, files above 256 kB. Only admin-side commands and
start-up without a cache come here; the path of a call never does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Protocol, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, NodeEvent

from erp_mcp.domain.nearest import nearest
from erp_mcp.errors import GatewayError

_MAX_BYTES: Final = 256 * 1024
_MAYBE_TRICK: Final = re.compile(r"(?<![\w(])(?:[&*]\S|!)")  # an anchor, alias or tag begins so; most files have none
Model = TypeVar("Model", bound=BaseModel)


class Kept(Protocol):
    """What files have been parsed into before; parsing one takes longer than all else that is done with it."""

    def get(self, text: str) -> object:
        """Return the plain values of a file's text; `None` where they are not known."""

    def put(self, text: str, data: object) -> None:
        """Keep them."""


def read_model(
    path: Path, model: type[Model], error: type[GatewayError], kept: Kept | None = None
) -> tuple[Model, Document]:
    """Read a YAML file into a pydantic model.

    Args:
        path: The file.
        model: A model that forbids unknown keys.
        error: What to raise; its facts are `file`, `line`, `key` and `reason`.
        kept: What such files have been parsed into before.

    Returns:
        The model, and the document for looking up further lines.
    """
    document = Document(path, error, kept)
    try:
        return model.model_validate(document.data), document
    except ValidationError as failure:
        first = failure.errors(include_url=False, include_input=False)[0]
        place = tuple(part for part in first["loc"] if part != "[key]")  # pydantic's word for a key that is wrong
        raise document.error(place, _in_words(failure, model)) from failure


def _in_words(failure: ValidationError, model: type[BaseModel]) -> str:
    """Return what the first error means for the person who edits the file: what stands there, or what must."""
    error = failure.errors(include_url=False, include_input=False)[0]
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        known = _keys(model, error["loc"][:-1])
        meant = nearest(str(error["loc"][-1]), known)
        hint = f"; did you mean {meant}?" if meant else f"; there are: {', '.join(known)}" if known else ""
        return f"there is no such key here{hint}"
    if kind in _TYPES:
        return f"must be {_TYPES[kind]}"
    if kind in _WORDS:
        return _WORDS[kind].format(**context)
    return str(error["msg"]).removeprefix("Value error, ")


def _keys(model: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """Return the keys that the grammar knows at a place; none where a union or free keys stand there."""
    kind: object = model
    for part in place:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            fields = {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
            kind = fields.get(str(part))
        else:
            kind = get_args(kind)[-1] if get_args(kind) else None  # the values of a mapping, the items of a list
        while get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [field.alias or name for name, field in kind.model_fields.items()]
    return []


_TYPES: Final = {
    "string_type": "text (codes and ids that look like numbers need quotes)",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}
_WORDS: Final = {
    "missing": "this key is missing",
    "literal_error": "must be {expected}",
    "string_pattern_mismatch": "must have the form {pattern}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


class Document:
    """A parsed YAML file that knows its lines. `data` is the root mapping."""

    def __init__(self, path: Path, error: type[GatewayError], kept: Kept | None = None) -> None:
        """Parse `path`, raising `error` with file and line for anything that is not one strict mapping.

        What is kept of the same text is taken as it is; the file is then parsed when a line is asked for.
        """
        self.path = path
        self._error = error
        self._read = self._text()
        self.data = kept.get(self._read) if kept is not None else None
        if self.data is None:
            self.data = _plain(self._root)
            if kept is not None:
                kept.put(self._read, self.data)

    @cached_property
    def _root(self) -> CommentedMap:
        self._refuse_tricks(self._read)
        try:
            data = YAML(typ="rt").load(self._read)
        except YAMLError as failure:
            raise self._broken(failure) from failure
        if not isinstance(data, CommentedMap):
            raise self._error(file=self.path.name, line=1, key="", reason="the file must be a mapping")
        return data

    def error(self, location: tuple[str | int, ...], reason: str) -> GatewayError:
        """Return the error for a place in the file."""
        key = ".".join(str(part) for part in location)
        return self._error(file=self.path.name, line=self.line(location), key=key, reason=reason)

    def line(self, location: tuple[str | int, ...]) -> int:
        """Return the line (from 1) of the deepest part of `location` that exists."""
        node: object = self._root
        line = 1
        for part in location:
            if isinstance(node, CommentedMap) and part in node:
                line = node.lc.key(part)[0] + 1
                node = node[part]
            elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
                line = node.lc.item(part)[0] + 1
                node = node[part]
        return int(line)

    def place(self, key: str) -> tuple[str | int, ...]:
        """Return the place of a key that is told with dots, as deep as it is there; names may have dots themselves."""
        node: object = self._root
        parts = key.split(".")
        place: list[str | int] = []
        while parts:
            step, used = _step(node, parts)
            if step is None:
                break
            node, parts = node[step], parts[used:]  # type: ignore[index]  # `_step` found it there
            place.append(step)
        return tuple(place)

    def _text(self) -> str:
        try:
            raw = self.path.read_bytes()
            if len(raw) > _MAX_BYTES:
                raise self._error(file=self.path.name, line=1, key="", reason="the file is larger than 256 kB")
            return raw.decode("utf-8")
        except OSError as failure:
            raise self._error(file=self.path.name, line=0, key="", reason="the file can't be read") from failure
        except UnicodeDecodeError as failure:
            raise self._error(file=self.path.name, line=1, key="", reason="the file is not UTF-8") from failure

    def _refuse_tricks(self, text: str) -> None:
        """Anchors and tags make files that grow when read and rules that read differently than they look."""
        if not _MAYBE_TRICK.search(text):
            return  # reading it once more for nothing would take a fifth of the time of a first start
        try:
            for event in YAML(typ="rt").parse(text):
                if not isinstance(event, NodeEvent):
                    continue
                line = event.start_mark.line + 1
                if isinstance(event, AliasEvent) or event.anchor:
                    raise self._error(file=self.path.name, line=line, key="", reason="anchors and aliases are refused")
                if getattr(event, "tag", None):
                    raise self._error(file=self.path.name, line=line, key="", reason="tags are refused")
        except YAMLError as failure:
            raise self._broken(failure) from failure

    def _broken(self, failure: YAMLError) -> GatewayError:
        mark = failure.problem_mark if isinstance(failure, MarkedYAMLError) else None
        line = mark.line + 1 if mark is not None else 1
        if "duplicate key" in str(failure):
            return self._error(file=self.path.name, line=line, key="", reason="duplicate key")
        told = "".join(one for one in str(getattr(failure, "problem", None) or "") if one.isprintable())[:80]
        reason = f"not valid YAML: {told}" if told else "not valid YAML"
        return self._error(file=self.path.name, line=line, key="", reason=reason)


def _step(node: object, parts: Sequence[str]) -> tuple[str | int | None, int]:
    """Return what is there of a dotted name's beginning, the longest first, and how many parts it takes."""
    if isinstance(node, CommentedSeq) and parts[0].isdecimal() and int(parts[0]) < len(node):
        return int(parts[0]), 1
    for used in range(len(parts), 0, -1):
        name = ".".join(parts[:used])
        if isinstance(node, CommentedMap) and name in node:
            return name, used
    return None, 0


def _plain(node: object) -> object:
    """Return the parsed tree as plain Python values, so that validation sees no parser types."""
    if isinstance(node, CommentedMap):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    if isinstance(node, int):
        return int(node)
    if isinstance(node, date):
        return node.isoformat()
    if isinstance(node, float):
        return float(node)
    return str(node)
