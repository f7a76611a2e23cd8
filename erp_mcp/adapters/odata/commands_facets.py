"""What the metadata says about writing: how long a text may be, how fine a number, what may be set and searched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    """Of one service: by qualified name of the type and property.

    `calls` are the types of the parameters of what can be called, by its name in an address: an action import and a
    function import by their own, a bound action of V4 with its namespace.
    """

    types: Mapping[str, Mapping[str, Facet]] = field(default_factory=dict)
    calls: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
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
    return Facets(types=facets, calls=_calls(schemas(root), full), closed=frozenset(closed))


def _calls(found: list[Element], full: Callable[[str], str]) -> dict[str, Mapping[str, str]]:
    """Return what can be called; the parameter that says what a bound action is about is none of its parameters."""
    calls: dict[str, Mapping[str, str]] = {}
    for schema in found:
        for one in children(schema, "Action"):
            name = f"{schema.get('Namespace') or ''}.{one.get('Name')}"
            calls[name] = {**calls.get(name, {}), **_parameters(one, skip=int(one.get("IsBound") == "true"))}
    for container in (one for schema in found for one in children(schema, "EntityContainer")):
        for one in children(container, "FunctionImport"):
            calls[str(one.get("Name"))] = _parameters(one)
        for one in children(container, "ActionImport"):
            calls[str(one.get("Name"))] = calls.get(full(one.get("Action") or ""), {})
    return calls


def _parameters(element: Element, skip: int = 0) -> dict[str, str]:
    listed = list(children(element, "Parameter"))[skip:]
    return {str(one.get("Name")): str(one.get("Type")) for one in listed}


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
