"""V2 metadata through pyodata's model, which is given a clean copy: what we use of it, in one namespace, and no more.

The copy is what makes pyodata dependable here: it stops at the first schema's namespace, knows neither aliases nor base
types, keeps annotations it does not know in global tables, warns on the root logger, and gives up over lengths.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, cast

from erp_mcp.adapters.odata.edmx import EdmxError, Element, bodies_of, children, local, schemas, text
from erp_mcp.adapters.odata.model import Model, Navigation, Property, Structure

if TYPE_CHECKING:
    from pyodata.v2.model import EntityType, Schema, StructType

_EDMX: Final = "http://schemas.microsoft.com/ado/2007/06/edmx"
_EDM: Final = "http://schemas.microsoft.com/ado/2008/09/edm"
_Names = list[tuple[str, str]]


def read_model(root: Element) -> Model:
    """Return the model of a V2 document.

    Raises:
        EdmxError: for a document that makes no model.
    """
    found = schemas(root)
    copy = _Copy(found)
    schema = _built(copy.bytes())
    structures = dict(_structures(schema, copy))
    sets = {name: kind for name, kind in copy.sets.items() if kind in structures}
    return Model(structures=structures, sets=sets)


def _built(document: bytes) -> Schema:
    from pyodata.exceptions import PyODataException
    from pyodata.v2.model import Config, MetadataBuilder, PolicyIgnore

    try:
        built: Schema = MetadataBuilder(document, config=Config(default_error_policy=PolicyIgnore())).build()
    except (PyODataException, ValueError, KeyError, AttributeError, TypeError, RuntimeError):
        raise EdmxError("metadata that makes no V2 model") from None
    return built


def _structures(schema: Schema, copy: _Copy) -> Iterator[tuple[str, Structure]]:
    """Yield the types that pyodata could make; what stands for the others raises at every touch."""
    from pyodata.v2.model import NullType

    for namespace, name in copy.entities:
        entity = schema.entity_type(name, namespace=namespace)
        if not isinstance(entity, NullType):
            yield f"{namespace}.{name}", _entity(f"{namespace}.{name}", entity)
    for namespace, name in copy.complexes:
        one = schema.complex_type(name, namespace=namespace)
        if not isinstance(one, NullType):
            yield f"{namespace}.{name}", Structure(name=f"{namespace}.{name}", properties=_properties(one))


def _entity(name: str, entity: EntityType) -> Structure:
    return Structure(
        name=name,
        keys=tuple(one.name for one in entity.key_proprties),
        properties=_properties(entity),
        navigations={one.name: one for one in _navigations(entity)},
    )


def _properties(structure: StructType) -> Mapping[str, Property]:
    found: dict[str, Property] = {}
    for one in structure.proprties():
        info = one.type_info
        kind = f"{info.namespace}.{info.name}" if info.namespace else info.name
        found[one.name] = Property(name=one.name, type=kind, many=info.is_collection, nullable=one.nullable)
    return found


def _navigations(entity: EntityType) -> Iterator[Navigation]:
    """Yield where navigations lead; one whose association is not there leads nowhere and is left out."""
    from pyodata.v2.model import NullAssociation

    for one in entity.nav_proprties:
        role = None if isinstance(one.association, NullAssociation) else one.association.end_by_role(one.to_role_name)
        if role is not None:
            info = role.entity_type_info
            yield Navigation(name=one.name, target=f"{info.namespace}.{info.name}", many=role.multiplicity == "*")


class _Copy:
    """A document in the one form that pyodata reads without trouble."""

    def __init__(self, found: list[Element]) -> None:
        self._alias = {alias: text(one, "Namespace") for one in found if (alias := one.get("Alias", ""))}
        self._types = {
            f"{text(schema, 'Namespace')}.{text(one, 'Name')}": one
            for schema in found
            for one in children(schema, "EntityType", "ComplexType")
        }
        self.entities: _Names = list(_named(found, "EntityType"))
        self.complexes: _Names = list(_named(found, "ComplexType"))
        self.sets = {
            text(one, "Name"): self._full(text(one, "EntityType")) for one in _in_containers(found, "EntitySet")
        }
        self._associations = list(_named(found, "Association"))
        self._elements = {
            f"{text(schema, 'Namespace')}.{text(one, 'Name')}": one
            for schema in found
            for one in children(schema, "Association")
        }

    def bytes(self) -> bytes:
        """Return it as XML."""
        from lxml import etree

        root = etree.Element(f"{{{_EDMX}}}Edmx", {"Version": "1.0"})
        services = etree.SubElement(root, f"{{{_EDMX}}}DataServices")
        made: dict[str, Element] = {}
        for namespace, name in (*self.entities, *self.complexes):
            schema = made.get(namespace)
            if schema is None:
                schema = made[namespace] = _add(services, "Schema", {"Namespace": namespace})
            self._add_type(schema, f"{namespace}.{name}", name)
        for namespace, name in self._associations:
            if namespace in made:
                self._add_association(made[namespace], self._elements[f"{namespace}.{name}"], name)
        return bytes(etree.tostring(root, encoding="utf-8"))

    def _add_type(self, schema: Element, full: str, name: str) -> None:
        element = self._types[full]
        made = _add(schema, local(element), {"Name": name})
        bodies = bodies_of(element, self._types, self._full)
        keys = [ref for body in bodies for key in children(body, "Key") for ref in children(key, "PropertyRef")]
        if keys and local(element) == "EntityType":
            into = _add(made, "Key", {})
            for ref in keys:
                _add(into, "PropertyRef", {"Name": text(ref, "Name")})
        for kind, names in (("Property", ("Type",)), ("NavigationProperty", ("Relationship", "FromRole", "ToRole"))):
            for one in _unique(one for body in bodies for one in children(body, kind)):
                told = {key: self._full(text(one, key)) for key in names}
                _add(made, kind, {"Name": text(one, "Name"), **told, "Nullable": one.get("Nullable", "true")[:5]})

    def _add_association(self, schema: Element, element: Element, name: str) -> None:
        ends = list(children(element, "End"))
        if len(ends) != 2:
            return
        made = _add(schema, "Association", {"Name": name})
        for end in ends:
            told = {"Type": self._full(text(end, "Type")), "Role": text(end, "Role")}
            _add(made, "End", {**told, "Multiplicity": end.get("Multiplicity", "*")[:4]})

    def _full(self, name: str) -> str:
        """Return a name with the namespace that its alias stands for."""
        opening, bracket, inner = name.rpartition("(")
        alias, dot, tail = inner.rpartition(".")
        return f"{opening}{bracket}{self._alias.get(alias, alias)}{dot}{tail}"


def _add(parent: Element, name: str, attributes: Mapping[str, str]) -> Element:
    from lxml import etree

    return cast("Element", etree.SubElement(parent, f"{{{_EDM}}}{name}", dict(attributes)))


def _named(found: Iterable[Element], kind: str) -> Iterator[tuple[str, str]]:
    """Yield (namespace, name) of the elements of a kind, each once."""
    names = ((text(schema, "Namespace"), text(one, "Name")) for schema in found for one in children(schema, kind))
    yield from dict.fromkeys(names)


def _unique(found: Iterable[Element]) -> Iterator[Element]:
    yield from {text(one, "Name"): one for one in found}.values()


def _in_containers(found: Iterable[Element], kind: str) -> Iterator[Element]:
    for schema in found:
        for container in children(schema, "EntityContainer"):
            yield from children(container, kind)
