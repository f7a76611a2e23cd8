"""V4 metadata to a model; lxml has parsed it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from erp_mcp.adapters.odata.edmx import Element, bodies_of, children, local, schemas, text
from erp_mcp.adapters.odata.model import Model, Navigation, Property, Structure


def read_model(root: Element) -> Model:
    """Return the model of a V4 document.

    Raises:
        EdmxError: for a document without a schema, or with nameless parts.
    """
    return _Reader(schemas(root)).model()


class _Reader:
    def __init__(self, found: list[Element]) -> None:
        self._schemas = found
        self._alias = {alias: text(one, "Namespace") for one in found if (alias := one.get("Alias", ""))}
        self._types = dict(self._named("EntityType", "ComplexType"))
        self._defined = {name: one.get("UnderlyingType", "") for name, one in self._named("TypeDefinition")}

    def model(self) -> Model:
        """Return the model."""
        containers = [one for schema in self._schemas for one in children(schema, "EntityContainer")]
        sets = {
            text(one, "Name"): self._full(text(one, "EntityType"))
            for container in containers
            for one in children(container, "EntitySet")
        }
        return Model(
            structures={name: self._structure(name) for name in self._types},
            sets={name: kind for name, kind in sets.items() if kind in self._types},
        )

    def _structure(self, name: str) -> Structure:
        bodies = bodies_of(self._types[name], self._types, self._full)
        refs = [ref for body in bodies for key in children(body, "Key") for ref in children(key, "PropertyRef")]
        return Structure(
            name=name,
            keys=tuple(text(ref, "Name").replace("/", ".") for ref in refs),
            properties=self._properties(bodies),
            navigations=self._navigations(bodies),
        )

    def _properties(self, bodies: list[Element]) -> Mapping[str, Property]:
        found: dict[str, Property] = {}
        for one in (one for body in bodies for one in children(body, "Property")):
            name, (kind, many) = text(one, "Name"), self._kind(text(one, "Type"))
            nullable = one.get("Nullable", "true") != "false"
            found[name] = Property(name=name, type=self._defined.get(kind) or kind, many=many, nullable=nullable)
        return found

    def _navigations(self, bodies: list[Element]) -> Mapping[str, Navigation]:
        found: dict[str, Navigation] = {}
        for one in (one for body in bodies for one in children(body, "NavigationProperty")):
            name, (kind, many) = text(one, "Name"), self._kind(text(one, "Type"))
            found[name] = Navigation(name=name, target=kind, many=many)
        return found

    def _kind(self, declared: str) -> tuple[str, bool]:
        """Return the qualified name of a type and whether there are many of it."""
        many = declared.startswith("Collection(") and declared.endswith(")")
        return self._full(declared[11:-1] if many else declared), many

    def _full(self, name: str) -> str:
        alias, dot, tail = name.rpartition(".")
        return f"{self._alias.get(alias, alias)}{dot}{tail}"

    def _named(self, *kinds: str) -> Iterator[tuple[str, Element]]:
        wanted = frozenset(kinds)
        for schema in self._schemas:
            namespace = text(schema, "Namespace")
            yield from ((f"{namespace}.{text(one, 'Name')}", one) for one in schema if local(one) in wanted)
