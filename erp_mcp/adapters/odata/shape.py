"""What is asked of one set and how its answer is read: the tree of properties that a profile's paths lead to.

`$select` and `$expand` are its two projections into an address; `read` makes one document of what comes back, of the
same form for V2 and V4, with nothing in it that was not asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from erp_mcp.adapters._documents.json_text import Value
from erp_mcp.adapters.odata.grammar import Version
from erp_mcp.adapters.odata.model import Model, Structure
from erp_mcp.adapters.odata.values import TEXTS, Convert, TypeChangedError, converter

ETAG: Final = "@odata.etag"
"""Where a document keeps the version that the system gave it, V2's too."""

_RESULTS: Final = "results"
_MISSING: Final = object()


class ShapeChangedError(ValueError):
    """An answer that is not of the shape that the metadata gives it; names the property, never a value."""

    def __init__(self, name: str, reason: str) -> None:
        """Keep both apart."""
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


@dataclass(slots=True, kw_only=True)
class Shape:
    """Properties by name with what makes them exact, and what lies beneath navigations and complex properties.

    `texts` are those that are kept as they are: most of them, so they are not worth a call each.
    """

    many: bool = False
    navigation: bool = True
    texts: dict[str, None] = field(default_factory=dict)
    properties: dict[str, Convert] = field(default_factory=dict)
    children: dict[str, Shape] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Model, start: Structure, paths: Iterable[Sequence[str]]) -> Shape:
        """Return the shape of a type for some paths, each of which is in the model."""
        root = cls()
        for path in paths:
            root.add(model, start, path)
        return root

    def add(self, model: Model, start: Structure, path: Sequence[str]) -> None:
        """Take in one more path, which is in the model."""
        at = self
        steps = model.steps(start, path) or ()
        for step in steps[:-1]:
            at = at.children.setdefault(step.name, Shape(many=step.many, navigation=step.navigation))
        last = steps[-1]
        if last.navigation or last.type in model.structures:
            at.children.setdefault(last.name, Shape(many=last.many, navigation=last.navigation))
        elif last.type in TEXTS and not last.many:
            at.texts[last.name] = None
        else:
            at.properties[last.name] = _each(converter(last.type)) if last.many else converter(last.type)

    # --- Into an address ----------------------------------------------------------------------------------------------

    def query(self, version: Version) -> Mapping[str, str]:
        """Return `$select` and, where something lies beyond a navigation, `$expand`."""
        found = {"$select": ",".join(self.selected(version)), "$expand": ",".join(self.expanded(version))}
        return {name: text for name, text in found.items() if text}

    def selected(self, version: Version) -> list[str]:
        """Return the terms of `$select`; V2 names those beyond navigations here, V4 inside of `$expand`."""
        own = [*self.texts, *self.properties, *(name for name, child in self.children.items() if not child.navigation)]
        if version == 4:
            return own
        links = ((name, child) for name, child in self.children.items() if child.navigation)
        return [*own, *(f"{name}/{inner}" for name, child in links for inner in child.selected(version))]

    def expanded(self, version: Version) -> list[str]:
        """Return the terms of `$expand`."""
        links = {name: child for name, child in self.children.items() if child.navigation}
        if version == 4:
            inner = {
                name: ";".join(f"{key}={text}" for key, text in one.query(4).items()) for name, one in links.items()
            }
            return [f"{name}({text})" if text else name for name, text in inner.items()]
        deeper = [f"{name}/{inner}" for name, child in links.items() for inner in child.expanded(version)]
        return [*links, *deeper]

    # --- Out of an answer ---------------------------------------------------------------------------------------------

    def read(self, raw: Value) -> dict[str, Value]:
        """Return one document of what came.

        Raises:
            ShapeChangedError: when something that was asked for is not there, or not of its type.
        """
        if not isinstance(raw, dict):
            raise ShapeChangedError("", "not an object")
        document: dict[str, Value] = {}
        name = ""
        try:
            for name in self.texts:
                value = document[name] = raw[name]
                if value.__class__ is not str and value is not None:
                    raise ShapeChangedError(name, "not text")
            for name, convert in self.properties.items():
                document[name] = convert(raw[name])
        except KeyError:
            raise ShapeChangedError(name, "not in the answer") from None
        except TypeChangedError as failure:
            raise ShapeChangedError(name, str(failure)) from None
        for name, child in self.children.items():
            document[name] = child.below(raw, name)
        if etag := _etag(raw):
            document[ETAG] = etag
        return document

    def below(self, raw: Mapping[str, Value], name: str) -> Value:
        """Return what lies under a navigation or a complex property of this shape; raises as `read`."""
        found = raw.get(name, _MISSING)
        if found is _MISSING:
            raise ShapeChangedError(name, "not in the answer")
        if isinstance(found, dict) and "__deferred" in found:
            raise ShapeChangedError(name, "not expanded")
        if f"{name}@odata.nextLink" in raw or (isinstance(found, dict) and found.get("__next")):
            raise ShapeChangedError(name, "not given whole")
        if not self.many:
            return None if found is None else self.read(found)  # type: ignore[arg-type]  # it is not the marker
        items = found.get(_RESULTS) if isinstance(found, dict) else found
        if not isinstance(items, list):
            raise ShapeChangedError(name, "not a list")
        return [self.read(one) for one in items]


def _each(convert: Convert) -> Convert:
    def convert_all(value: Value) -> Value:
        items = value.get(_RESULTS) if isinstance(value, dict) else value
        if items is None:
            return None
        if not isinstance(items, list):
            raise TypeChangedError("not a list")
        return [convert(one) for one in items]

    return convert_all


def _etag(raw: Mapping[str, Value]) -> str:
    """Return the version that V2 or V4 gave a record, empty where it gave none."""
    about = raw.get("__metadata")
    found = about.get("etag") if isinstance(about, dict) else raw.get(ETAG, raw.get("@etag"))
    return found if isinstance(found, str) else ""
