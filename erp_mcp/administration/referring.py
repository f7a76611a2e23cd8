"""Writes the reference of a secret into the configuration: comments and order stay, and the file before is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node

from erp_mcp import settings
from erp_mcp.administration import replacing
from erp_mcp.errors import ConfigurationError


def refer(file: Path, system: str, reference: str, *, write: bool) -> Path:
    """Write `reference` as the secret of a system's account that reads, or of the one that writes.

    Returns:
        The backup of the configuration as it was.

    Raises:
        ConfigurationError: `settings.bad_configuration`, when there is no such system, none that writes, or the file
            would not be right any more; nothing was changed.
    """
    settings.load(file)  # what is wrong already is not made worse
    text = replacing.text_of(file)
    new = replacing.edited(text, lambda plain: _referring(plain, file, system, reference, write=write))
    with replacing.trying(file, new) as trial:
        settings.load(trial)
        return replacing.put(file, trial, text)


def _referring(plain: str, file: Path, system: str, reference: str, *, write: bool) -> str:
    """Return the text with the reference in its place, and nothing else changed."""
    keys = ("systems", system, *(["write"] if write else []))
    place = _mapping_at(YAML(typ="rt").compose(plain), keys)
    if place is None:
        reason = "there is no mapping that it could be written into"
        raise ConfigurationError(file=file.name, key=".".join(keys), reason=reason)
    return _with_secret(plain, place, json.dumps(reference, ensure_ascii=False))


def _mapping_at(node: Node | None, keys: Sequence[str]) -> MappingNode | None:
    for key in keys:
        entries = node.value if isinstance(node, MappingNode) else []
        node = next((value for name, value in entries if name.value == key), None)
    return node if isinstance(node, MappingNode) else None


def _with_secret(text: str, place: MappingNode, quoted: str) -> str:
    for key, value in place.value:
        if key.value == "secret":
            return text[: value.start_mark.index] + quoted + text[value.end_mark.index :]
    if place.flow_style:
        start = place.start_mark.index + 1
        return f"{text[:start]}secret: {quoted}{', ' if place.value else ''}{text[start:]}"
    first = place.value[0][0].start_mark
    return f"{text[: first.index]}secret: {quoted}\n{' ' * first.column}{text[first.index :]}"
