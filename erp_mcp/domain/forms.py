"""Frozen dataclasses as JSON and back, strictly: what was stored must be exactly what the class says."""

from __future__ import annotations

import types
from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from erp_mcp.domain.call import JsonValue

Form = TypeVar("Form")


class FormError(ValueError):
    """The JSON is not of the form of the class; the text names the field, never its value."""


def to_json(value: object) -> JsonValue:
    """Return the JSON of a dataclass: every field by its name, tuples as arrays, nothing left out."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if isinstance(value, StrEnum):
        return value.value
    if value is None or isinstance(value, str | int | bool):
        return value
    raise FormError(f"{type(value).__name__} has no place in JSON")


def from_json(form: type[Form], value: JsonValue, name: str = "") -> Form:
    """Return the dataclass that the JSON describes.

    Raises:
        FormError: A field is missing, unknown or of the wrong type.
    """
    if not isinstance(value, dict):
        raise FormError(f"{name or form.__name__} is no object")
    hints = _hints(form)  # type: ignore[arg-type]  # a class is hashable
    if set(value) != set(hints):
        strange = sorted(set(value) ^ set(hints))
        raise FormError(f"{name or form.__name__}: {strange[0]} is unknown or missing")
    return form(**{key: _value(hint, value[key], key) for key, hint in hints.items()})


@cache
def _hints(form: Hashable) -> dict[str, Any]:
    return get_type_hints(form)


def _value(hint: Any, value: JsonValue, name: str) -> Any:  # noqa: ANN401 - types at run time
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _union(get_args(hint), value, name)
    if origin is Literal:
        return _word(get_args(hint), value, name)
    if origin is tuple:
        return tuple(_value(get_args(hint)[0], item, name) for item in _of(list, value, name))
    if origin is not None and issubclass(origin, Mapping):
        return _of(dict, value, name)
    if issubclass(hint, StrEnum):
        return hint(_word(tuple(hint), value, name))
    return _of(hint, value, name) if hint in (str, int, bool) else from_json(hint, value, name)


def _of(kind: type, value: JsonValue, name: str) -> Any:  # noqa: ANN401 - types at run time
    if type(value) is not kind:
        raise FormError(f"{name} is of the wrong type")
    return value


def _word(words: tuple[Any, ...], value: JsonValue, name: str) -> Any:  # noqa: ANN401 - types at run time
    if type(value) is not str or value not in words:
        raise FormError(f"{name} is not one of its words")
    return value


def _union(options: tuple[Any, ...], value: JsonValue, name: str) -> Any:  # noqa: ANN401 - types at run time
    if value is None and types.NoneType in options:
        return None
    (form,) = (option for option in options if option is not types.NoneType)
    return _value(form, value, name)
