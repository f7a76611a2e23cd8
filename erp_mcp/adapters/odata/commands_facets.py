"""What the metadata says about writing: how long a text may be, how fine a number, what may be set and searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from erp_mcp.adapters.odata.edmx import Element, bodies_of, children, schemas

_SAP: Final = "http://www.sap.com/Protocols/SAPData"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """Of one property. `longest` is in characters and `digits` after the point, `None` where the metadata is silent."""

    longest: int | None = None
    digits: int | None = None
    creatable: bool = True
    updatable: bool = True
    filterable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """Of one service: by qualified name of the type and property."""

    types: Mapping[str, Mapping[str, Facet]] = field(default_factory=dict)
    closed: frozenset[str] = frozenset()  # entity sets that say of themselves that they can't be written

    def of(self, type_name: str, name: str) -> Facet:
        """Return what is known of a property; where nothing is, nothing is ruled out."""
        return self.types.get(type_name, {}).get(name, Facet())


def read_facets(root: Element) -> Facets:
    """Return the facets of a document, V2 or V4.

    Raises:
        EdmxError: for a document without a schema.
    """
    types: dict[str, Element] = {}
    alias: dict[str, str] = {}
    closed: set[str] = set()
    for schema in schemas(root):
        namespace = schema.get("Namespace") or ""
        alias[schema.get("Alias") or namespace] = namespace
        for one in children(schema, "EntityType", "ComplexType"):
            types[f"{namespace}.{one.get('Name')}"] = one
        for container in children(schema, "EntityContainer"):
            closed |= {str(one.get("Name")) for one in children(container, "EntitySet") if _is_closed(one)}

    def full(name: str) -> str:
        prefix, _, tail = name.rpartition(".")
        return f"{alias.get(prefix, prefix)}.{tail}"

    # What a type says of a property stands above what its base says.
    facets = {
        name: {
            str(one.get("Name")): _facet(one)
            for body in bodies_of(element, types, full)
            for one in children(body, "Property")
        }
        for name, element in types.items()
    }
    return Facets(types=facets, closed=frozenset(closed))


def _facet(element: Element) -> Facet:
    return Facet(
        longest=_number(element.get("MaxLength")),
        digits=_number(element.get("Scale")),
        creatable=element.get(f"{{{_SAP}}}creatable") != "false",
        updatable=element.get(f"{{{_SAP}}}updatable") != "false",
        filterable=element.get(f"{{{_SAP}}}filterable") != "false",
    )


def _is_closed(element: Element) -> bool:
    said = [element.get(f"{{{_SAP}}}{name}") for name in ("creatable", "updatable")]
    return said == ["false", "false"]


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else None
