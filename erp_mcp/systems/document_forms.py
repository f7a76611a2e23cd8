"""The shape of the forms in `fields` of a profile that reads documents, checked where the file and its lines are known.

What a form means is the adapter's; that its head, its keys and its paths are such is said here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from erp_mcp.domain.nearest import nearest
from erp_mcp.strict_yaml import Document

Place = tuple[str | int, ...]

DOCUMENT_KINDS: Final = frozenset({"odata", "rest"})

FORM_KEYS: Final[dict[str, frozenset[str]]] = {
    "const": frozenset(),
    "path": frozenset(),
    "first": frozenset(),
    "join": frozenset({"by"}),
    "flag": frozenset({"true", "True"}),
    "map": frozenset({"values", "other"}),
    "pad": frozenset({"width"}),
    "strip": frozenset({"prefix", "zeros"}),
    "unit": frozenset(),
    "date": frozenset({"none"}),
    "instant": frozenset({"zone", "epoch"}),
    "minus": frozenset({"floor"}),
    "times": frozenset(),
    "share": frozenset({"digits"}),
    "sum": frozenset({"where"}),
    "earliest": frozenset({"where"}),
    "latest": frozenset({"where"}),
    "only": frozenset({"where", "several"}),
}
"""Head of a form → the keys it takes beside its head and `when`."""

_LISTS: Final = frozenset({"first", "join", "minus", "times", "share"})
_INNER: Final = frozenset({"map", "pad", "strip", "unit"})
_SEGMENT: Final = r'(?:"[^"]+"|@[A-Za-z]+\.[A-Za-z]+|[^."\s]+)'
_PATH: Final = re.compile(rf"(?:\^\.)*{_SEGMENT}(?:\.{_SEGMENT})*")


def check_document_mapping(mapping: Mapping[str, JsonValue], document: Document, place: Place) -> None:
    """Refuse a mapping without fields, key or version, and forms that are none.

    Raises:
        ProfileFileError: `systems.bad_profile`, with file, line and key.
    """
    for name in ("key", "version"):
        if not mapping.get(name):
            raise document.error((*place, name), "this key is missing")
    fields = mapping.get("fields")
    if not isinstance(fields, dict):
        raise document.error((*place, "fields"), "a mapping of canonical fields to forms is needed here")
    for name, form in fields.items():
        _check_form(form, document, (*place, "fields", name))


def _check_form(form: JsonValue, document: Document, place: Place) -> None:
    if isinstance(form, str):
        _check_path(form, document, place)
        return
    if not isinstance(form, dict):
        raise document.error(place, "a path or a form is needed here")
    heads = [name for name in FORM_KEYS if name in form]
    if len(heads) != 1:
        meant = nearest(next(iter(form), ""), list(FORM_KEYS)) if not heads else ""
        hint = f"did you mean {meant}?" if meant else f"there are: {', '.join(FORM_KEYS)}"
        raise document.error(place, f"exactly one form is needed here; {hint}")
    head = heads[0]
    for key in form:
        if key not in {head, "when", *FORM_KEYS[head]}:
            raise document.error((*place, key), f"there is no such key beside {head}")
    for key in ("when", "where"):
        if key in form:
            _check_condition(form[key], document, (*place, key))
    _check_head(head, form[head], document, (*place, head))


def _check_head(head: str, body: JsonValue, document: Document, place: Place) -> None:
    if head == "const":
        return
    if head in _LISTS:
        if not isinstance(body, list) or not body:
            raise document.error(place, "a list of forms is needed here")
        for number, one in enumerate(body):
            _check_form(one, document, (*place, number))
    elif head in _INNER:
        _check_form(body, document, place)
    elif head == "instant" and isinstance(body, dict):
        for key, one in body.items():
            _check_path(one, document, (*place, key))
    else:
        _check_path(body, document, place)


def _check_path(body: JsonValue, document: Document, place: Place) -> None:
    if not isinstance(body, str) or not _PATH.fullmatch(body):
        raise document.error(place, "a path such as to_Header.SoldToParty is needed here")


def _check_condition(body: JsonValue, document: Document, place: Place) -> None:
    if not isinstance(body, dict) or not body:
        raise document.error(place, "a mapping of paths to values is needed here")
    for path in body:
        _check_path(path, document, (*place, path))
