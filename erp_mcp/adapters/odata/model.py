"""What a service's `$metadata` says, in one form for V2 and V4: sets, types, properties and where navigations lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One property; `type` is an `Edm.` type, or the qualified name of a complex or enumeration type."""

    name: str
    type: str
    many: bool = False
    nullable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Navigation:
    """One navigation property and the qualified name of the type it leads to."""

    name: str
    target: str
    many: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """An entity type or a complex type, with what it inherits."""

    name: str
    keys: tuple[str, ...] = ()
    properties: Mapping[str, Property] = field(default_factory=dict)
    navigations: Mapping[str, Navigation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One name of a path as the model knows it."""

    name: str
    type: str
    many: bool
    navigation: bool
    nullable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One service. `sets` are entity sets by name, with the qualified name of their type."""

    structures: Mapping[str, Structure]
    sets: Mapping[str, str]

    def of_set(self, name: str) -> Structure | None:
        """Return the type of an entity set, `None` where there is no such set."""
        return self.structures.get(self.sets.get(name, ""))

    def steps(self, start: Structure, path: Sequence[str]) -> tuple[Step, ...] | None:
        """Return the steps of a path from a type on, `None` where one of its names is not there."""
        steps: list[Step] = []
        at: Structure | None = start
        for name in path:
            step = _step(at, name) if at else None
            if step is None:
                return None
            steps.append(step)
            at = self.structures.get(step.type)
        return tuple(steps)


def _step(at: Structure, name: str) -> Step | None:
    if name in at.properties:
        found = at.properties[name]
        return Step(name=name, type=found.type, many=found.many, navigation=False, nullable=found.nullable)
    if name in at.navigations:
        link = at.navigations[name]
        return Step(name=name, type=link.target, many=link.many, navigation=True)
    return None
