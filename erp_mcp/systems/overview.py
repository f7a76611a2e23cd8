"""What a person wants to know before choosing a profile: which there are, what they are for, what they leave out.

The words about a profile are the comment that its file begins with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from erp_mcp.domain.entities import ENTITIES
from erp_mcp.domain.kept_fields import left_out
from erp_mcp.domain.profile import Profile
from erp_mcp.systems.load import profile_names

_TOP: Final = re.compile(r"^(kind|level|version|verified|declaration):[ \t]*([A-Za-z0-9_-]+)", re.MULTILINE)
_WRITES: Final = re.compile(r"^commands:", re.MULTILINE)
_ENTITIES: Final = re.compile(r"^entities:[ \t]*(?:#.*)?\n((?:[ \t].*\n|#.*\n|[ \t]*\n)*)", re.MULTILINE)
_KEYS: Final = re.compile(r"^([ \t]+)[a-z_]+:", re.MULTILINE)
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
    entities: int


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
    missing = {entity: left_out(profile, entity) for entity in profile.entities}
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
        entities=_entities(text),
    )


def _entities(text: str) -> int:
    """Return how many entities a file maps: the keys of the first depth below `entities:`."""
    below = _ENTITIES.search(text)
    depths = [len(one) for one in _KEYS.findall(below[1])] if below else []
    return depths.count(min(depths)) if depths else 0


def _words(text: str) -> str:
    """Return the first sentence of the comment at the top of a file."""
    lines: list[str] = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").strip())
    sentence = re.split(r"(?<=\w\w)\.(?:\s|$)", " ".join(lines).strip(), maxsplit=1)[0]
    return "".join(one if one.isprintable() else " " for one in sentence)[:_MAX_WORDS]
