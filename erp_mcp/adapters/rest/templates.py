"""Requests of a profile with places for what we fill in: an instant, source keys, the last key, a setting.

A place is `{since}`, `{keys}`, `{key}`, `{key.1}`, `{after}` or `{option.company}`, with a form after a colon where it
stands inside other text: `{since:date}`, `{keys:sql}`. Texts keep their structure: what stands for a whole text may be
anything, since it is encoded as one; inside a text, only forms that can't end it are allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Final
from urllib.parse import quote

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.instants import parse_instant

_PLACE: Final = re.compile(r"\{([a-z]+)(?:\.([a-z0-9_]{1,40}))?(?::([a-z_]+))?\}")
_WORD: Final = re.compile(r"[A-Za-z0-9_.:@#+-]{1,200}")
_SQL_TEXT: Final = re.compile(r"[A-Za-z0-9_.:@#+ /-]{1,200}")
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_SEGMENT_DOTS: Final = frozenset({".", ".."})


class TemplateError(ValueError):
    """A text of a profile that can't be filled in; says why."""


class UnwritableError(ValueError):
    """A key that can't be written into a request as safely as the profile asks, so it is none of the system's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What is filled in: `keys` by their parts in the document, `after` the last key so far, `since` an instant."""

    zone: tzinfo
    since: str = ""
    keys: Sequence[Sequence[str]] = ()
    after: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


Fill = Callable[[Filling], JsonValue]


@dataclass(frozen=True, slots=True)
class Template:
    """`fill` gives the value; `names` are the places in it, such as `since` and `option.company`.

    `shown` is a path with its places as they stand in the profile, for people and for finding it in a description.
    """

    fill: Fill
    names: frozenset[str]
    shown: str = ""


def template_of(body: JsonValue) -> Template:
    """Return what a value of a profile becomes when filled in; lists and mappings keep their structure.

    Raises:
        TemplateError: for a place that is none.
    """
    if isinstance(body, str):
        return _text(body)
    if isinstance(body, list):
        items = [template_of(one) for one in body]
        return Template(lambda filling: [one.fill(filling) for one in items], _names(items))
    if isinstance(body, dict):
        named = {name: template_of(one) for name, one in body.items()}
        return Template(
            lambda filling: {name: one.fill(filling) for name, one in named.items()}, _names(named.values())
        )
    return Template(lambda _: body, frozenset())


def path_template(body: str) -> Template:
    """Return a path in which every place is one part, percent-encoded.

    Raises:
        TemplateError: for a place that is none, or a path that is not plain.
    """
    if not body.startswith("/") or any(one in _SEGMENT_DOTS for one in body.split("/")) or set("?#\\") & set(body):
        raise TemplateError("a path that starts with / and has no query is needed here")
    found, places = _parts(body)
    texts = [quote(text, safe="/;=@:,~()'!*+$") for text in found]

    def fill(filling: Filling) -> JsonValue:
        return "".join(_woven(texts, [_segment(one, filling) for one in places]))

    return Template(fill, frozenset(_name(one) for one in places), body)


@dataclass(frozen=True, slots=True)
class _Place:
    name: str
    part: str
    form: str


def _segment(place: _Place, filling: Filling) -> str:
    found = _filled(place, filling, whole=True)
    if not isinstance(found, str) or not found or found in _SEGMENT_DOTS:
        raise UnwritableError
    return quote(found, safe="")


def _text(body: str) -> Template:
    texts, places = _parts(body)
    if not places:
        return Template(lambda _: body, frozenset())
    names = frozenset(_name(one) for one in places)
    if len(places) == 1 and not any(texts):
        only = places[0]
        return Template(lambda filling: _filled(only, filling, whole=True), names)
    for place in places:
        _check_embedded(place)
    return Template(
        lambda filling: "".join(_woven(texts, [str(_filled(one, filling, whole=False)) for one in places])), names
    )


def _check_embedded(place: _Place) -> None:
    if place.name in {"keys", "key", "after"} and place.form not in _EMBEDDED:
        raise TemplateError(f"inside other text, {{{place.name}}} needs one of {', '.join(sorted(_EMBEDDED))}")


def _parts(body: str) -> tuple[list[str], list[_Place]]:
    texts: list[str] = []
    places: list[_Place] = []
    at = 0
    for found in _PLACE.finditer(body):
        texts.append(body[at : found.start()])
        places.append(_place(*found.groups(default="")))
        at = found.end()
    return [*texts, body[at:]], places


def _place(name: str, part: str, form: str) -> _Place:
    forms = _FORMS.get(name)
    if forms is None:
        raise TemplateError(f"there is no place {{{name}}}; there are {', '.join(sorted(_FORMS))}")
    if form not in forms:
        known = ", ".join(sorted(one for one in forms if one)) or "none"
        raise TemplateError(f"{{{name}}} has no form {form!r}; there are: {known}")
    if (name == "option") != (bool(part) and not part.isdecimal()):
        raise TemplateError(f"{{{name}}} takes {'a name' if name == 'option' else 'a number'} after its dot")
    return _Place(name, part, form)


def _name(place: _Place) -> str:
    return f"option.{place.part}" if place.name == "option" else place.name


def _names(templates: Iterable[Template]) -> frozenset[str]:
    return frozenset(name for one in templates for name in one.names)


def _woven(texts: Sequence[str], filled: Sequence[str]) -> list[str]:
    return [part for pair in zip(texts, [*filled, ""], strict=True) for part in pair]


def _filled(place: _Place, filling: Filling, *, whole: bool) -> JsonValue:
    if place.name == "since":
        return _SINCE[place.form](filling)
    if place.name == "option":
        return filling.options[place.part]
    if place.name == "after":
        return _one(filling.after, place.form)
    part = int(place.part or 0)
    values = list(dict.fromkeys(key[part] for key in filling.keys))
    if place.name == "key":
        if len(values) != 1:
            raise UnwritableError
        return _one(values[0], place.form)
    if whole and not place.form:
        return list(values)
    return ",".join(_one(value, place.form) for value in values)


def _one(value: str, form: str) -> str:
    if form == "sql":
        return f"'{_checked(_SQL_TEXT, value)}'"
    return _checked(_PATTERNS[form], value) if form else value


def _checked(pattern: re.Pattern[str], value: str) -> str:
    if not pattern.fullmatch(value):
        raise UnwritableError
    return value


def _local(form: str) -> Callable[[Filling], JsonValue]:
    return lambda filling: parse_instant(filling.since).astimezone(filling.zone).strftime(form)


def _utc(form: str) -> Callable[[Filling], JsonValue]:
    return lambda filling: parse_instant(filling.since).astimezone(UTC).strftime(form)


def _epoch(factor: int) -> Callable[[Filling], JsonValue]:
    return lambda filling: str(int(parse_instant(filling.since).timestamp()) * factor)


_PATTERNS: Final = {"word": _WORD, "number": _NUMBER}
_EMBEDDED: Final = frozenset({"sql", *_PATTERNS})
_SINCE: Final[dict[str, Callable[[Filling], JsonValue]]] = {
    "": lambda filling: filling.since,
    "site": _local("%Y-%m-%d %H:%M:%S"),
    "site_t": _local("%Y-%m-%dT%H:%M:%S"),
    "utc": _utc("%Y-%m-%d %H:%M:%S"),
    "utc_t": _utc("%Y-%m-%dT%H:%M:%S"),
    "offset": _utc("%Y-%m-%dT%H:%M:%S+00:00"),
    "date": _local("%Y-%m-%d"),
    "ymd": _local("%Y%m%d"),
    "epoch": _epoch(1),
    "epoch_ms": _epoch(1000),
}
_KEY_FORMS: Final = frozenset({"", *_EMBEDDED})
_FORMS: Final[dict[str, frozenset[str]]] = {
    "since": frozenset(_SINCE),
    "keys": _KEY_FORMS,
    "key": _KEY_FORMS,
    "after": _KEY_FORMS,
    "option": frozenset({""}),
}
