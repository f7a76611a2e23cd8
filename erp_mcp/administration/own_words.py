"""Which fields of a change are made of an agent's own words: nobody has checked them, and they ask for nothing.

Nothing of it is stored: it follows from the arguments of the call, from what the tool declares of them, and from which
ids and codes of its operation no rule looks up (`Operation.unverified`), or has looked up and not found (`doubted`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from erp_mcp.commands import OPERATIONS
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.forms import FormError
from erp_mcp.domain.proposal import Check, Content
from erp_mcp.domain.saga import is_saga, plan_of
from erp_mcp.domain.tool import Argument, Tool

_PLAIN: Final = re.compile(r"[A-Za-z0-9._:/-]{1,64}")  # an id, code, key, date or number
_LONG: Final = 8  # characters; shorter texts stand in others by chance
_PARTS: Final = re.compile(r"[./]")
_WORDS: Final = re.compile(r"[./ ]")


def free_text_fields(tool: Tool | None, content: Content) -> frozenset[str]:
    """Return the fields of a change, and of what would be sent, that hold words of the agent's own.

    Args:
        tool: As the catalogue has it now. Where it is another one than the proposal was made with, or none, every text
            of the call counts that no id, code, date or number can be.
        content: Of the proposal.

    Returns:
        Names as in `preview.changes` and in `command.fields` (`step.field` for those of a saga): those that are called
        as an argument of free text, and those in whose value such an argument stands, as a whole or, where it is not
        short, as a part; and those that take an id or code which nobody looks up, or which was not found. What else
        could be an id or a date counts by its name alone: else a reason of "2026-04-02" would make a date of that day
        suspect.
    """
    names, texts = _free_text(tool, content)
    commands = list(_commands(content))
    whole = [(step, command, name) for step, command, _ in commands for name in command.fields]
    doubted = {step: _doubted(command, checks) for step, command, checks in commands}
    unverified = {f"{step}{name}" for step, command, name in whole if _holds(name, command.fields[name], doubted[step])}
    sent = {
        f"{step}{name}"
        for step, command, name in whole
        if _is_called(name, names) or any(_says(one, texts) for one in _strings(command.fields[name]))
    }
    changed = {
        one.field
        for one in content.preview.changes
        if one.field in unverified or _is_called(one.field, names) or _says(one.after, texts)
    }
    changed |= {
        one.field
        for step, of in doubted.items()
        for one in content.preview.changes
        if one.after and one.field.startswith(step) and _WORDS.split(one.field)[-1] in of
    }
    return frozenset(changed | sent | unverified)


def _doubted(command: Command, checks: Sequence[Check]) -> frozenset[str]:
    """Return the fields and columns of a command whose ids or codes nobody has found in a system."""
    known = OPERATIONS.get(command.operation)
    if known is None:
        return frozenset()
    flagged = {one.rule for one in checks if one.verdict != "ok"}
    return known.unverified.union(*(names for rule, names in known.doubted.items() if rule in flagged))


def _holds(name: str, value: JsonValue, doubted: frozenset[str]) -> bool:
    """Whether a field of a command is one of these and says something, or a column in its rows is."""
    if name in doubted and any(_strings(value)):
        return True
    rows = value if isinstance(value, list) else ()
    return any(_holds(inner, told, doubted) for row in rows if isinstance(row, dict) for inner, told in row.items())


def quotes_free_text(tool: Tool | None, content: Content, sentence: str) -> bool:
    """Whether one of our sentences about a change (headline, effect) has words of the agent's own in it."""
    _, texts = _free_text(tool, content)
    texts |= frozenset(map(_folded, _made_up(content)))
    said = _folded(sentence)
    telling = (text for text in texts if text != _folded(content.rationale) or _PLAIN.fullmatch(text) is None)
    return any(re.search(rf"(?<!\w){re.escape(text)}(?!\w)", said) is not None for text in telling)


def _made_up(content: Content) -> Iterator[str]:
    """Yield the ids and codes of a change that nobody has found in a system."""
    for _, command, checks in _commands(content):
        doubted = _doubted(command, checks)
        for name, value in command.fields.items():
            if name in doubted:
                yield from filter(None, _strings(value))


def _commands(content: Content) -> Iterator[tuple[str, Command, Sequence[Check]]]:
    """Yield what would be sent and what the rules say of it, one for each step of a saga, named before its fields."""
    checks = content.preview.checks
    if not is_saga(content):
        yield "", content.command, checks
        return
    try:
        yield from [(f"{step.name}.", step.command, step.preview.checks) for step in plan_of(content)]
    except FormError:  # shown as it is stored
        yield "", content.command, checks


def _free_text(tool: Tool | None, content: Content) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of arguments of free text, and what stood in them."""
    declared = {one.name: one for one in tool.arguments} if tool is not None else {}
    names = frozenset(name for one in declared.values() for name in _names(one))
    texts = {text for name, one in declared.items() for text in _declared(one, content.arguments.get(name))}
    if tool is None or tool.hash != content.tool_hash:
        texts |= {text for text in _strings(dict(content.arguments)) if _PLAIN.fullmatch(text) is None}
    return names, frozenset(filter(None, map(_folded, texts)))


def _names(argument: Argument) -> Iterator[str]:
    if argument.type == "text":
        yield argument.name
    for column in argument.columns:
        yield from _names(column)


def _declared(argument: Argument, value: JsonValue) -> Iterator[str]:
    """Yield what stands in an argument of free text, and in such columns of one that is a table."""
    if argument.type == "text":
        yield from _strings(value)
    if not isinstance(value, list):
        return
    for row in value:
        if isinstance(row, dict):
            for column in argument.columns:
                yield from _declared(column, row.get(column.name))


def _strings(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _strings(one)


def _is_called(field: str, names: frozenset[str]) -> bool:
    return _PARTS.split(field)[-1] in names


def _says(value: str, texts: frozenset[str]) -> bool:
    said = _folded(value)
    telling = (text for text in texts if _PLAIN.fullmatch(text) is None)
    return any(said == text or (len(text) >= _LONG and text in said) for text in telling)


def _folded(text: str) -> str:
    """Return a text as the check of arguments leaves it: composed, with single blanks."""
    return " ".join(unicodedata.normalize("NFC", text).split())
