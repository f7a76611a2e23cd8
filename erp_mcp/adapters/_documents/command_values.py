"""Values of a write: from the canonical fields of a command to what the system takes, exact or refused."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Final

from erp_mcp.adapters._documents.json_text import Document
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.plan_node import is_code
from erp_mcp.domain.write_plan import Children, Part, Value

Scalar = str | int | bool | Decimal | None
Native = Scalar | list["Native"] | dict[str, "Native"]
"""What a body is made of before it is text; a `Decimal` becomes a number with exactly its digits."""

MAX_TEXT: Final = 1000
_MOST_ROWS: Final = 100
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,9})?")
_NAMESPACE: Final = uuid.UUID("6f1d2a52-3a3c-5a0e-9d57-0c6d8f3f6c11")  # ours: keys of repeats are made in it


class RefusedError(Exception):
    """What was asked for can't be expressed in the system; carries our code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One record that was looked up, and the version it had."""

    document: Document
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What values are made of: the command, its key in parts, records looked up, canonical → native units, options.

    `ticket` is what the system gave when it took the command in, where that is what it is asked with. `row` is the one
    of a list field that a child is made for, and `place` which it is, from 1.
    """

    command: Command
    key: tuple[str, ...] = ()
    found: Mapping[str, Found] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    ticket: str = ""
    row: Mapping[str, JsonValue] = field(default_factory=dict)
    place: int = 0


def label(value: Value) -> str:
    """Return what a refusal names a value by: its field, in a command or in what was looked up, if that is a word."""
    name = value.name.lower()
    return name if value.source in {"field", "row"} or (value.source == "found" and is_code(name)) else value.source


def applies(value: Value, facts: Facts) -> bool:
    """Say whether a value of a body is sent at all: one that depends on a field of the command may not be.

    Raises:
        RefusedError: the command has no such field, so nobody can say.
    """
    if value.when is None:
        return True
    if value.when.field not in facts.command.fields:
        raise RefusedError(f"no_{value.when.field}")
    found = facts.command.fields[value.when.field]
    text = str(found).lower() if isinstance(found, bool) else "" if found is None else str(found)
    return (text in value.when.among) is not value.when.other


def text_of(value: Value, facts: Facts) -> str | bool | int | None:
    """Return a value as canonical text, a constant as it stands; `None` where there is none and none is needed.

    Raises:
        RefusedError: where the command has no such value, or one that the system has no place for.
    """
    raw = _raw(value, facts)
    if value.source == "const" and not isinstance(raw, str):
        return raw if isinstance(raw, bool | int) else None
    if raw == "" and value.source in {"const", "key"}:
        return ""  # a part of a key that may be empty, and says so
    if raw is None or raw == "":
        if value.optional:
            return None
        raise RefusedError(f"no_{label(value)}")
    if not isinstance(raw, str | bool | int | Decimal):
        raise RefusedError(f"bad_{label(value)}")
    return _shaped(value, str(raw).lower() if isinstance(raw, bool) else str(raw), facts)


def children_of(part: Children, facts: Facts) -> Iterator[tuple[Mapping[str, Part], Facts]]:
    """Yield what each child is made of: its body, and the facts with its row where one is made for each.

    Raises:
        RefusedError: the command has no such list, or one that is empty or too long.
    """
    rows = facts.command.fields.get(part.each) if part.each else [{}]
    if not isinstance(rows, list) or not 0 < len(rows) <= _MOST_ROWS:
        raise RefusedError(f"bad_{part.each}")
    for place, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise RefusedError(f"bad_{part.each}")
        known = replace(facts, row=row, place=place) if part.each else facts
        yield from ((body, known) for body in part.bodies)


def decimal_of(value: Value, text: str) -> Decimal:
    """Return a number exactly.

    Raises:
        RefusedError: when it is none, or finer than the value allows.
    """
    if not _NUMBER.fullmatch(text):
        raise RefusedError(f"bad_{label(value)}")
    exact = Decimal(text)
    if value.digits is not None and exact != round(exact, value.digits):
        raise RefusedError(f"{label(value)}_too_fine")
    return exact


def whole_of(value: Value, text: str) -> int:
    """Return a whole number.

    Raises:
        RefusedError: when it is none.
    """
    exact = decimal_of(value, text)
    if exact != exact.to_integral_value():
        raise RefusedError(f"{label(value)}_too_fine")
    return int(exact)


def day_of(value: Value, text: str) -> date:
    """Return a calendar day written as `YYYY-MM-DD`.

    Raises:
        RefusedError: when it is none.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise RefusedError(f"bad_{label(value)}") from None
    if day.isoformat() != text:
        raise RefusedError(f"bad_{label(value)}")
    return day


def flag_of(value: Value, text: str) -> bool:
    """Return yes or no.

    Raises:
        RefusedError: when it is neither.
    """
    if text not in {"true", "false"}:
        raise RefusedError(f"bad_{label(value)}")
    return text == "true"


def plain(exact: Decimal) -> str:
    """Return a number without exponent: `1E+2` is `100`."""
    return format(exact, "f")


def encode(value: Native) -> bytes:
    """Return a body as JSON in UTF-8, numbers with exactly their digits."""
    return _json(value).encode()


def repeat_key(reference: str, form: str) -> str:
    """Return the key by which the system knows a repeat of the command with this reference."""
    return str(uuid.uuid5(_NAMESPACE, reference)) if form == "uuid" else reference


def _raw(value: Value, facts: Facts) -> object:
    match value.source:
        case "field":
            return facts.command.fields.get(value.name)
        case "row":
            return facts.row.get(value.name)
        case "place":
            return facts.place * value.index
        case "key":
            return facts.key[value.index] if value.index < len(facts.key) else None
        case "found":
            one = facts.found.get(value.found)
            return one.document.get(value.name) if one is not None else None
        case "reference":
            return facts.command.reference
        case "version":
            one = facts.found.get(value.found)
            return one.version if one is not None else facts.command.version_token if not value.found else None
        case "option":
            return facts.options.get(value.name)
        case "ticket":
            return facts.ticket
    return value.const


def _shaped(value: Value, text: str, facts: Facts) -> str:
    if value.source in {"field", "row"} and (not text.isprintable() or text != text.strip() or len(text) > MAX_TEXT):
        raise RefusedError(f"bad_{label(value)}")
    if value.codes:
        if text not in value.codes:
            raise RefusedError(f"{label(value)}_not_mapped")
        text = value.codes[text]
    if value.unit:
        text = facts.units.get(text, text)
    if value.strip:
        text = text.lstrip("0") or "0"
    if value.pad:
        text = text.rjust(value.pad, "0")
    text = f"{value.prefix}{text}{value.suffix}"
    if value.longest and len(text) > value.longest:
        raise RefusedError(f"{label(value)}_too_long")
    return text


def _json(value: Native | JsonValue) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Decimal():
            return plain(value)
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{','.join(_json(one) for one in value)}]"
        case dict():
            return f"{{{','.join(f'{json.dumps(name)}:{_json(one)}' for name, one in value.items())}}}"
    raise RefusedError("bad_value")
