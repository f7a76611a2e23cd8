"""What policy files may speak of: the tools of the catalogue and the fields of the canonical entities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from erp_mcp.domain.entities import ENTITIES, Kind, field_specs
from erp_mcp.domain.tool import Tool

WILDCARD = "/*"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNames:
    """Everything that may be named. `fields` maps `entity.field` to its kind."""

    tools: Mapping[str, Tool]
    entities: frozenset[str]
    fields: Mapping[str, Kind]

    @staticmethod
    def of(tools: Iterable[Tool]) -> KnownNames:
        """Return what a catalogue's tools and the canonical entities offer."""
        return KnownNames(
            tools={tool.name: tool for tool in tools}, entities=frozenset(ENTITIES), fields=_canonical_fields()
        )

    @property
    def toolsets(self) -> frozenset[str]:
        """Names of the toolsets that `toolset/*` can stand for: those with something to read."""
        return frozenset(tool.toolset for tool in self.tools.values() if tool.effect == "read")

    def expand(self, patterns: Iterable[str]) -> tuple[str, ...]:
        """Return the tools that patterns stand for, sorted.

        `toolset/*` covers reads only: a write is granted by name.
        """
        names: set[str] = set()
        for pattern in patterns:
            if pattern.endswith(WILDCARD):
                toolset = pattern.removesuffix(WILDCARD)
                names |= {
                    tool.name for tool in self.tools.values() if tool.toolset == toolset and tool.effect == "read"
                }
            elif pattern in self.tools:
                names.add(pattern)
        return tuple(sorted(names))


@cache
def _canonical_fields() -> dict[str, Kind]:
    return {f"{name}.{spec.name}": spec.kind for name, entity in ENTITIES.items() for spec in field_specs(entity)}
