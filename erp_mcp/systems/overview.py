"""What a person wants to know before choosing a profile: which there are, what they are for, what they leave out.

The words about a profile are the comment that its file begins with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from erp_mcp.domain.entities import COMMON_FIELDS, ENTITIES, field_specs
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.select_text import select_columns
from erp_mcp.systems.load import profile_names

_TOP: Final = re.compile(r"^(kind|level|version|verified|declaration):[ \t]*([A-Za-z0-9_-]+)", re.MULTILINE)
_WRITES: Final = re.compile(r"^commands:", re.MULTILINE)
# Fields that the read model works out by itself, so that no system has to give them.
WORKED_OUT: Final[Mapping[str, frozenset[str]]] = {"purchase_order_line": frozenset({"qty_open_base", "base_uom"})}
_MAX_WORDS: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileHead:
    """A profile as the top of its file describes it; nothing of it is checked here."""

    name: str
    folder: Path
    words: str
    kind: str
    level: str
    version: str
    verified: str
    declaration: str
    writes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """What a profile does not give: whole entities, and optional fields of those it gives."""

    entities: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]


def profile_heads(folders: Sequence[Path]) -> list[ProfileHead]:
    """Return what there is to choose from, sorted by name; files that can't be read are left out."""
    files = [folder / f"{name}.yaml" for name in profile_names(folders) for folder in folders]
    return [head for file in files if file.is_file() and (head := _head(file)) is not None]


def gaps(profile: Profile) -> Gaps:
    """Return what a profile leaves out, as far as its mappings name canonical fields."""
    native = {name.partition(".")[0] for name in profile.states if name.endswith("_state")}  # kept beside what it maps
    missing = {
        entity: tuple(name for name in _missing(entity, mapping) if name != "native_state" or entity not in native)
        for entity, mapping in profile.entities.items()
    }
    return Gaps(
        entities=tuple(sorted(set(ENTITIES) - set(profile.entities))),
        fields={entity: names for entity, names in sorted(missing.items()) if names},
    )


def _head(file: Path) -> ProfileHead | None:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    top = dict(_TOP.findall(text))
    return ProfileHead(
        name=file.stem,
        folder=file.parent,
        words=_words(text),
        kind=top.get("kind", ""),
        level=top.get("level", ""),
        version=top.get("version", ""),
        verified=top.get("verified", ""),
        declaration=top.get("declaration", ""),
        writes=_WRITES.search(text) is not None,
    )


def _words(text: str) -> str:
    """Return the first sentence of the comment at the top of a file."""
    lines: list[str] = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").strip())
    sentence = re.split(r"(?<=\w\w)\.(?:\s|$)", " ".join(lines).strip(), maxsplit=1)[0]
    return "".join(one if one.isprintable() else " " for one in sentence)[:_MAX_WORDS]


def _missing(entity: str, mapping: Mapping[str, JsonValue]) -> tuple[str, ...]:
    given = _given(mapping)
    ours = {*COMMON_FIELDS, *WORKED_OUT.get(entity, ())}
    names = [spec.name for spec in field_specs(ENTITIES[entity]) if spec.name not in ours]
    return tuple(name for name in names if name not in given) if given else ()


def _given(mapping: Mapping[str, JsonValue]) -> frozenset[str]:
    """Return the canonical fields that a mapping gives, empty where it does not say."""
    fields, statement = mapping.get("fields"), mapping.get("statement")
    if isinstance(fields, dict):
        return frozenset(fields)
    if isinstance(statement, str):
        try:
            return frozenset(select_columns(statement))
        except ValueError:
            return frozenset()
    return frozenset()
