"""Checks the arguments of one call against the tool's contract: strict types, bounds, defaults.

Nothing is guessed or converted: `"5"` is not 5, `true` is not 1, `1.0` is not an integer. Errors name the argument, the
rule and what was expected, never the value.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from erp_mcp.domain.call import ArgumentValue, JsonValue, Rows, Scalar
from erp_mcp.domain.nearest import nearest
from erp_mcp.domain.tool import Argument, ArgumentType, Tool
from erp_mcp.domain.value import MONEY_DIGITS, QUANTITY_DIGITS, to_scaled
from erp_mcp.errors import CallerError, InexactNumberError, InvalidArgumentError, UnknownArgumentError

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
MAX_TEXT: Final = 40
MIN_KEY: Final = 8
MAX_KEY: Final = 64
MAX_INTEGER: Final = 10**9
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/\-]{0,39}").fullmatch
_KEY: Final = re.compile(r"[A-Za-z0-9._:\-]+").fullmatch
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_DECIMAL: Final = re.compile(r"-?[0-9]{1,13}(\.[0-9]{1,6})?").fullmatch
_CURSOR: Final = re.compile(r"[A-Za-z0-9_\-]{1,512}").fullmatch
_TYPE_WORDS: Final = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number with a fraction",
    list: "list",
    dict: "object",
    type(None): "null",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedArguments:
    """Every declared argument with its value or default; `limit` and `cursor` as the caller set them."""

    arguments: dict[str, ArgumentValue]
    limit: int = DEFAULT_LIMIT
    cursor: str = ""


def check(tool: Tool, raw: Mapping[str, JsonValue]) -> CheckedArguments:
    """Return the checked arguments of one call.

    Args:
        tool: The tool whose contract counts.
        raw: Arguments as decoded from strict JSON.

    Returns:
        A value for every declared argument, in declared order. Quantities and money are scaled integers, lists are
        tuples without repetitions, and what is absent without a default is `None`.

    Raises:
        UnknownArgumentError: `call.unknown_argument`, with the nearest name.
        InvalidArgumentError: `call.invalid_argument`, with argument, rule, what was expected and the type got.
    """
    checked: dict[str, ArgumentValue] = {}
    left = len(raw)
    for argument in tool.arguments:
        name = argument.name
        if name in raw:
            left -= 1
            checked[name] = _value(argument, raw[name])
        elif argument.required:
            raise _missing(tool, argument, raw)
        else:
            checked[name] = argument.default
    if not left:
        _check_windows(checked)
        return CheckedArguments(arguments=checked)
    return _with_paging(tool, raw, checked)


def _with_paging(tool: Tool, raw: Mapping[str, JsonValue], checked: dict[str, ArgumentValue]) -> CheckedArguments:
    limit, cursor = DEFAULT_LIMIT, ""
    for name, value in raw.items():
        if name in checked:
            continue
        if tool.paged is not None and name == "limit":
            limit = _limit(value)
        elif tool.paged is not None and name == "cursor":
            cursor = _cursor(value)
        else:
            raise _unknown(tool, name)
    _check_windows(checked)
    return CheckedArguments(arguments=checked, limit=limit, cursor=cursor)


def _value(argument: Argument, value: JsonValue) -> ArgumentValue:
    if argument.columns:
        return _rows(argument, _items(argument, value))
    if not argument.many:
        return _CHECKS[argument.type](argument, value)
    # Text types only: the compiler refuses lists of numbers.
    return tuple(dict.fromkeys(str(_CHECKS[argument.type](argument, one)) for one in _items(argument, value)))


def _items(argument: Argument, value: JsonValue) -> list[JsonValue]:
    if not isinstance(value, list):
        raise _wrong(argument, "type", value)
    if not 1 <= len(value) <= argument.max_items:
        raise _wrong(argument, "items", value)
    return value


def _rows(argument: Argument, items: list[JsonValue]) -> Rows:
    """Check a table row by row; an error names the place, such as `lines[0].qty`. Equal rows are kept."""
    rows = tuple(_row(replace(argument, name=f"{argument.name}[{place}]"), one) for place, one in enumerate(items))
    return Rows(tuple(column.name for column in argument.columns), rows)


def _row(argument: Argument, value: JsonValue) -> tuple[Scalar, ...]:
    if not isinstance(value, dict):
        raise _wrong(replace(argument, many=False), "type", value)
    known = {column.name for column in argument.columns}
    strange = next((name for name in value if name not in known), None)
    if strange is not None:
        raise _unknown_column(argument, strange)
    cells: list[Scalar] = []
    for column in argument.columns:
        at = replace(column, name=f"{argument.name}.{column.name}")
        if column.name in value:
            cells.append(_CHECKS[column.type](at, value[column.name]))
        elif column.required:
            raise InvalidArgumentError(argument=at.name, rule="required", expected=_expected(at), got="nothing")
        else:
            cells.append(None)
    return tuple(cells)


def _id(argument: Argument, value: JsonValue) -> Scalar:
    if type(value) is not str:
        raise _wrong(argument, "type", value)
    if argument.values:
        if value not in argument.values:
            raise _wrong(argument, "values", value)
    elif _ID(value) is None:
        raise _wrong(argument, "pattern", value)
    return value


def _key(argument: Argument, value: JsonValue) -> Scalar:
    if type(value) is not str:
        raise _wrong(argument, "type", value)
    if not MIN_KEY <= len(value) <= MAX_KEY:
        raise _wrong(argument, "length", value)
    if _KEY(value) is None:
        raise _wrong(argument, "pattern", value)
    return value


def _text(argument: Argument, value: JsonValue) -> Scalar:
    if type(value) is not str:
        raise _wrong(argument, "type", value)
    # Controls, directions and invisible characters have no place in a reference a person typed.
    if any(unicodedata.category(one)[0] == "C" for one in value):
        raise _wrong(argument, "characters", value)
    text = " ".join(unicodedata.normalize("NFC", value).split())
    if not (argument.minimum or 1) <= len(text) <= (argument.maximum or MAX_TEXT):
        raise _wrong(argument, "length", value)
    return text


def _date(argument: Argument, value: JsonValue) -> Scalar:
    if type(value) is not str:
        raise _wrong(argument, "type", value)
    if _DATE(value) is None:
        raise _wrong(argument, "pattern", value)
    try:
        date.fromisoformat(value)
    except ValueError:
        raise _wrong(argument, "calendar", value) from None
    return value


def _integer(argument: Argument, value: JsonValue) -> Scalar:
    if type(value) is not int:  # bool is a subclass of int, and true is not 1
        raise _wrong(argument, "type", value)
    low, high = _bounds(argument)
    if not low <= value <= high:
        raise _wrong(argument, "range", value)
    return value


def _flag(argument: Argument, value: JsonValue) -> Scalar:
    if type(value) is not bool:
        raise _wrong(argument, "type", value)
    return value


def _decimal(argument: Argument, value: JsonValue) -> Scalar:
    if type(value) is not str:
        raise _wrong(argument, "type", value)
    if _DECIMAL(value) is None:
        raise _wrong(argument, "pattern", value)
    digits = QUANTITY_DIGITS if argument.type == "quantity" else MONEY_DIGITS
    low, high = _bounds(argument)
    try:
        scaled = to_scaled(value, digits)
    except InexactNumberError:
        raise _wrong(argument, "digits", value) from None
    if not low * 10**digits <= scaled <= high * 10**digits:
        raise _wrong(argument, "range", value)
    return scaled


def _object(argument: Argument, value: JsonValue) -> Scalar:
    """Check that it is an object. Its members are another tool's arguments, and checked as such once it is found."""
    if type(value) is not dict:
        raise _wrong(argument, "type", value)
    return None


_CHECKS: Final[dict[ArgumentType, Callable[[Argument, JsonValue], Scalar]]] = {
    "id": _id,
    "code": _id,
    "key": _key,
    "text": _text,
    "date": _date,
    "quantity": _decimal,
    "money": _decimal,
    "integer": _integer,
    "flag": _flag,
    "object": _object,
    "rows": _object,
}


def _bounds(argument: Argument) -> tuple[int, int]:
    low = 0 if argument.minimum is None else argument.minimum
    return low, MAX_INTEGER if argument.maximum is None else argument.maximum


def _limit(value: JsonValue) -> int:
    if type(value) is not int or not 1 <= value <= MAX_LIMIT:
        rule = "range" if type(value) is int else "type"
        raise InvalidArgumentError(
            argument="limit", rule=rule, expected=f"an integer from 1 to {MAX_LIMIT}", got=type_word(value)
        )
    return value


def _cursor(value: JsonValue) -> str:
    if type(value) is not str or _CURSOR(value) is None:
        rule = "pattern" if type(value) is str else "type"
        raise InvalidArgumentError(
            argument="cursor", rule=rule, expected="the `next_cursor` of the page before", got=type_word(value)
        )
    return value


def _check_windows(checked: Mapping[str, ArgumentValue]) -> None:
    for name, start in checked.items():
        if not name.endswith("_from") or type(start) is not str:
            continue
        end = checked.get(f"{name[:-5]}_to")
        if type(end) is str and end < start:
            raise InvalidArgumentError(
                argument=f"{name[:-5]}_to", rule="window", expected=f"a date not before {name}", got="an earlier date"
            )


def _wrong(argument: Argument, rule: str, value: JsonValue) -> InvalidArgumentError:
    expected = _expected(argument)
    return InvalidArgumentError(argument=argument.name, rule=rule, expected=expected, got=type_word(value))


def _missing(tool: Tool, argument: Argument, raw: Mapping[str, JsonValue]) -> CallerError:
    """Return the error for a required argument that is absent: an unknown name is most likely that one, misspelt."""
    known = {one.name for one in tool.arguments} | ({"limit", "cursor"} if tool.paged is not None else set())
    strange = next((name for name in raw if name not in known), None)
    if strange is not None:
        return _unknown(tool, strange)
    return InvalidArgumentError(argument=argument.name, rule="required", expected=_expected(argument), got="nothing")


def _unknown(tool: Tool, name: str) -> UnknownArgumentError:
    known = [argument.name for argument in tool.arguments]
    if tool.paged is not None:
        known += ["limit", "cursor"]
    return _unknown_among(known, name)


def _unknown_column(argument: Argument, name: str) -> UnknownArgumentError:
    return _unknown_among([column.name for column in argument.columns], name, within=f"{argument.name}.")


def _unknown_among(known: list[str], name: str, within: str = "") -> UnknownArgumentError:
    shown = within + "".join(one for one in name[:40] if one.isprintable())
    meant = nearest(name, known, cutoff=0.5)
    if meant:
        return UnknownArgumentError(argument=shown, suggestion=meant)
    return UnknownArgumentError(argument=shown, known=tuple(known))


def type_word(value: JsonValue) -> str:
    """Return what JSON calls the type of a value; it may stand in an error where the value may not."""
    return _TYPE_WORDS[type(value)]


_UNBOUNDED: Final[Mapping[str, str]] = {"date": "a calendar date as YYYY-MM-DD", "flag": "true or false"}


def _expected(argument: Argument) -> str:
    if argument.columns:
        names = ", ".join(column.name if column.required else f"{column.name}?" for column in argument.columns)
        one = f"an object with {names}"
        return one if argument.name.endswith("]") else f"a list of 1 to {argument.max_items} of: {one}"
    if argument.many:
        return f"a list of 1 to {argument.max_items} of: {_expected_one(argument)}"
    return _expected_one(argument)


def _expected_one(argument: Argument) -> str:
    low, high = _bounds(argument)
    match argument.type:
        case "date" | "flag":
            return _UNBOUNDED[argument.type]
        case "id" | "code" if argument.values:
            return f"one of {', '.join(argument.values)}"
        case "id" | "code":
            return "text of 1 to 40 letters, digits and . _ / -, such as an id of an earlier answer"
        case "key":
            return f"a key of your own: {MIN_KEY} to {MAX_KEY} letters, digits and . _ : -"
        case "text":
            low, high = argument.minimum or 1, argument.maximum or MAX_TEXT
            return f"text of {low} to {high} characters without control characters"
        case "integer":
            return f"an integer from {low} to {high}"
        case "quantity":
            return f'a decimal string such as "12.5", at most 6 places, from {low} to {high}'
        case "money":
            return f'a decimal string such as "12.50", at most 4 places, from {low} to {high}'
        case "object" | "rows":
            return "an object: the arguments of the tool named"
