"""Adds and removes one entry of a mapping in a YAML file as a person would: nothing else of the text changes.

Places come from ruamel.yaml's parsed nodes and the text is edited there, so comments, order, quotes and line widths
stay as they are. Whoever calls this reads the result again and compares it with what was meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

_STEP: Final = 2  # columns
_WIDTH: Final = 4096  # values are never folded


def with_entry(text: str, section: str, name: str, value: Mapping[str, object]) -> str:
    """Return a text with `section.name: value` behind what the section holds.

    Args:
        text: A YAML file whose root is a mapping.
        section: A key of the root; it is made at the end where it is missing.
        name: The new key; not there yet.
        value: Text, numbers, flags, mappings and lists.
    """
    found = _section(text, section)
    if found is None:
        return f"{_ended(text)}{section}:\n{_block(name, value, _STEP)}"
    key, node = found
    if not isinstance(node, MappingNode) or not node.value:
        return _filled(text, key, node, _block(name, value, key.start_mark.column + _STEP))
    if node.flow_style:
        end = node.end_mark.index - 1
        return f"{text[:end].rstrip()}, {_flow(name, value)}{text[end:]}"
    place = _line_end(text, _end(node))
    return f"{_ended(text[:place])}{_block(name, value, node.value[0][0].start_mark.column)}{text[place:]}"


def without_entry(text: str, section: str, name: str) -> str:
    """Return a text without `section.name`; an emptied section stays as `{}`.

    Raises:
        KeyError: there is no such entry.
    """
    found = _section(text, section)
    node = found[1] if found is not None else None
    entries = list(node.value) if isinstance(node, MappingNode) else []
    at = next((place for place, (key, _) in enumerate(entries) if key.value == name), None)
    if at is None or found is None or not isinstance(node, MappingNode):
        raise KeyError(name)
    if len(entries) == 1:
        return _emptied(text, found[0], node)
    if node.flow_style:
        return _cut_from_line(text, entries, at)
    start = text.rfind("\n", 0, entries[at][0].start_mark.index) + 1
    return text[:start] + text[_line_end(text, _end(entries[at][1])) :]


def _emptied(text: str, key: ScalarNode, node: MappingNode) -> str:
    start = key.end_mark.index
    if node.flow_style:
        return f"{text[:start]}: {{}}{text[node.end_mark.index :]}"
    first = _line_end(text, start)
    beside = text[text.index(":", start) + 1 : first].rstrip("\n")  # a comment on the line of the section
    return f"{text[:start]}: {{}}{beside}\n{text[_line_end(text, _end(node)) :]}"


def _section(text: str, section: str) -> tuple[ScalarNode, Node] | None:
    root = YAML(typ="rt").compose(text)
    entries = root.value if isinstance(root, MappingNode) else []
    return next(((key, node) for key, node in entries if key.value == section), None)


def _end(node: Node) -> int:
    """Return where a node's own text ends; a block ends where its last value does, not at what follows it."""
    if isinstance(node, MappingNode) and not node.flow_style and node.value:
        return _end(node.value[-1][1])
    if isinstance(node, SequenceNode) and not node.flow_style and node.value:
        return _end(node.value[-1])
    return int(node.end_mark.index)


def _line_end(text: str, place: int) -> int:
    """Return the beginning of the line after a place; a literal block ends at the beginning of a line already."""
    if place and text[place - 1] == "\n":
        return place
    found = text.find("\n", place)
    return len(text) if found < 0 else found + 1


def _filled(text: str, key: ScalarNode, node: Node, block: str) -> str:
    """Return a text whose empty section (`{}` or nothing) holds a block, before the comments that follow it."""
    start = key.end_mark.index
    colon = text.index(":", start) + 1
    end = node.end_mark.index if isinstance(node, MappingNode) else colon
    line = _line_end(text, end)
    rest = text[end:line].rstrip("\n")  # a comment on the same line
    return f"{text[:colon]}{rest.rstrip()}\n{block}{text[line:]}"


def _cut_from_line(text: str, entries: list[tuple[Node, Node]], at: int) -> str:
    if at + 1 < len(entries):
        return text[: entries[at][0].start_mark.index] + text[entries[at + 1][0].start_mark.index :]
    return text[: _end(entries[at - 1][1])] + text[_end(entries[at][1]) :]


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _block(name: str, value: Mapping[str, object], column: int) -> str:
    lines = _dumped({name: value}, flow=False).splitlines()
    return "".join(f"{' ' * column}{line}\n" for line in lines)


def _flow(name: str, value: Mapping[str, object]) -> str:
    return _dumped({name: value}, flow=True).strip().removeprefix("{").removesuffix("}")


def _dumped(value: Mapping[str, object], *, flow: bool) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = flow
    yaml.width = _WIDTH
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    out = StringIO()
    yaml.dump(dict(value), out)
    return out.getvalue()
