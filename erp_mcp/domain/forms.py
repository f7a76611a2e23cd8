"""Frozen dataclasses as JSON and back, strictly: what was stored must be exactly what the class says."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache, partial
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from erp_mcp.domain.call import JsonValue

Form = TypeVar("Form")
# The metadata of a field that a class got after some of it had been stored and signed: it stands in the JSON only where
# it is not the default, so what was written before it was there reads back as it did and has the digest that it had.
LATER: Final = types.MappingProxyType({"later": True})


class FormError(ValueError):
    """The JSON is not of the form of the class; the text names the field, never its value."""


def to_json(value: object) -> JsonValue:
    """Return the JSON of a dataclass: every field by its name, tuples as arrays; only what came `LATER` may lack."""
    kind = type(value)
    if value is None or kind is str or kind is int or kind is bool:
        return value  # type: ignore[return-value]  # `kind is str` does not narrow
    if names := _names(kind):  # type: ignore[arg-type]  # a class is hashable
        told: dict[str, JsonValue] = {name: to_json(getattr(value, name)) for name in names}
        for name, default in _came_later(kind).items():  # type: ignore[arg-type]  # as above
            if getattr(value, name) == default:
                del told[name]
        return told
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, str | int):
        return value
    if is_dataclass(kind):
        return {}
    raise FormError(f"{kind.__name__} has no place in JSON")


def from_json(form: type[Form], value: JsonValue, name: str = "") -> Form:
    """Return the dataclass that the JSON describes.

    Raises:
        FormError: A field is missing, unknown or of the wrong type.
    """
    if not isinstance(value, dict):
        raise FormError(f"{name or form.__name__} is no object")
    readers = _readers(form)  # type: ignore[arg-type]  # a class is hashable
    came_later = _came_later(form)  # type: ignore[arg-type]  # a class is hashable
    if value.keys() != readers.keys():
        strange = sorted((value.keys() ^ readers.keys()) - (came_later.keys() - value.keys()))
        if strange:
            raise FormError(f"{name or form.__name__}: {strange[0]} is unknown or missing")
    found = {key: readers[key](item, key) for key, item in value.items()}
    if any(key in found and found[key] == default for key, default in came_later.items()):
        raise FormError(f"{name or form.__name__} says what it leaves out")  # one object has one text
    return form(**found)


# What a class says of its fields is worked out once: thousands of them are read in a second.
_Reader = Callable[[JsonValue, str], Any]


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


@cache
def _came_later(kind: type) -> Mapping[str, Any]:
    """Return the fields that a class got later, with what they are where they are not there."""
    found = fields(kind) if is_dataclass(kind) else ()
    return {one.name: one.default for one in found if "later" in one.metadata}


@cache
def _readers(form: type) -> Mapping[str, _Reader]:
    return {name: _reader(hint) for name, hint in get_type_hints(form).items()}


def _reader(hint: Any) -> _Reader:  # noqa: ANN401 - types at run time
    """Return what reads a value of a type."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _union(get_args(hint))
    if origin is Literal:
        return partial(_word, get_args(hint))
    if origin is tuple:
        return partial(_array, _reader(get_args(hint)[0]))
    if origin is not None and issubclass(origin, Mapping):
        return partial(_of, dict)
    if issubclass(hint, StrEnum):
        words = tuple(hint)
        return lambda value, name: hint(_word(words, value, name))
    return partial(_of, hint) if hint in (str, int, bool) else partial(from_json, hint)


def _array(read: _Reader, value: JsonValue, name: str) -> tuple[Any, ...]:
    return tuple([read(item, name) for item in _of(list, value, name)])


def _of(kind: type, value: JsonValue, name: str) -> Any:  # noqa: ANN401 - types at run time
    if type(value) is not kind:
        raise FormError(f"{name} is of the wrong type")
    return value


def _word(words: tuple[Any, ...], value: JsonValue, name: str) -> Any:  # noqa: ANN401 - types at run time
    if type(value) is not str or value not in words:
        raise FormError(f"{name} is not one of its words")
    return value


def _union(options: tuple[Any, ...]) -> _Reader:
    (form,) = (option for option in options if option is not types.NoneType)
    read, may_lack = _reader(form), types.NoneType in options
    return lambda value, name: None if value is None and may_lack else read(value, name)
