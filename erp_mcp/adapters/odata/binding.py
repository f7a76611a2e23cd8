"""A profile's entity against a service's metadata: what is there, what is a gap, and what refuses the system."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from erp_mcp.adapters._documents.conditions import MappingError, condition_of
from erp_mcp.adapters._documents.fields import Fields, Segments, compile_fields
from erp_mcp.adapters._documents.forms import Forms
from erp_mcp.adapters._documents.paths import Path
from erp_mcp.adapters.odata.beside import Bond, take_bonds, with_besides
from erp_mcp.adapters.odata.grammar import Condition, Source, Version
from erp_mcp.adapters.odata.literals import LiteralError
from erp_mcp.adapters.odata.model import Model, Structure
from erp_mcp.adapters.odata.query import compare, either, every
from erp_mcp.adapters.odata.shape import Shape
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import ENTITIES, FieldSpec, field_specs
from erp_mcp.domain.introspection import EntityBinding
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import UnboundFieldError

Mapped = Mapping[str, JsonValue]

_STRUCTURAL: Final = {"key": "source_key", "version": "version_token", "changed": "changed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One property that documents are told apart and ordered by."""

    path: Segments
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The property that grows with each change; a time without a zone is one of `zone`."""

    path: Segments
    kind: str
    zone: tzinfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """All that reads of one entity need: `fields` without gaps, `shape` for documents, `key_shape` for keys alone.

    `order` are the properties that a listing is ordered by. `fixed` is the profile's own filter as text. `bonds` are
    the sets that are read beside. `missing` are optional fields that the service does not have.
    """

    fields: Fields
    shape: Shape
    key_shape: Shape
    order: tuple[Part, ...]
    key: tuple[Part, ...]
    changed: Changed | None
    fixed: tuple[str, ...]
    bonds: tuple[Bond, ...] = ()
    missing: tuple[str, ...] = ()


class Binding:
    """One entity and the metadata of its service."""

    def __init__(self, profile: Profile, source: Source, model: Model, *, system: str, version: Version) -> None:
        """Look at nothing yet."""
        self._profile = profile
        self._source = source
        self._model = model = with_besides(model, source)
        self._system = system
        self._version = version
        self._mapping = profile.entities[source.entity]
        self._structure = model.of_set(source.set) or Structure(name="")
        self._forms = Forms(zone=ZoneInfo(profile.zone), units=profile.units)
        self._each = _each_of(self._mapping)

    def told(self) -> EntityBinding:
        """Return what of the entity is there."""
        where = f"{self._source.service}/{self._source.set}"
        if self._model.of_set(self._source.set) is None:
            return EntityBinding(entity=self._source.entity, mandatory=("set",), source=where)
        specs = {spec.name: spec for spec in field_specs(ENTITIES[self._source.entity])}
        fields = self._fields()
        missing = [name for name in fields if self._kept(fields[name], specs[name]) is None]
        mandatory = [name for name in missing if not specs[name].optional]
        return EntityBinding(
            entity=self._source.entity,
            bound=tuple(name for name in fields if name not in missing),
            missing=tuple(missing),
            mandatory=(*mandatory, *self._structural()),
            source=where,
        )

    def bind(self) -> Bound:
        """Return what reads need.

        Raises:
            UnboundFieldError: `adapter.unbound_field`, naming the fields that are not there.
        """
        told = self.told()
        if told.mandatory:
            raise UnboundFieldError(system=self._system, entity=self._source.entity, fields=told.mandatory)
        fields = compile_fields(self._source.entity, self._pruned(), profile=self._profile, system=self._system)
        key = tuple(self._part(path) for path, own in zip(fields.key_paths, fields.in_document, strict=True) if own)
        order = key or tuple(self._part((name,)) for name in self._structure.keys)
        where = self._where_paths()
        key_paths = {*fields.key_paths, *where, *(part.path for part in order)}
        shape = Shape.of(self._model, self._structure, sorted({*fields.paths, *(part.path for part in order)}))
        return Bound(
            fields=fields,
            bonds=take_bonds(self._model, self._source, shape),
            shape=shape,
            key_shape=Shape.of(self._model, self._structure, sorted(key_paths)),
            order=order,
            key=key,
            changed=self._changed(fields),
            fixed=self._fixed(),
            missing=told.missing,
        )

    # --- What is there ------------------------------------------------------------------------------------------------

    def _fields(self) -> Mapped:
        found = self._mapping["fields"]
        return found if isinstance(found, Mapping) else {}

    def _kept(self, body: JsonValue, spec: FieldSpec) -> JsonValue:
        """Return a form without alternatives that are not there; `None` when nothing is left of it."""
        if self._is_there(body, spec):
            return body
        if not isinstance(body, Mapping) or not isinstance(first := body.get("first"), list):
            return None
        left = [one for one in first if self._is_there(one, spec)]
        kept = {**body, "first": left}
        return kept if left and self._is_there(kept, spec) else None

    def _is_there(self, body: JsonValue, spec: FieldSpec) -> bool:
        form = self._forms.form(body, spec.kind, f"fields.{spec.name}")
        return all(self._kind((*self._each[: len(self._each) - path.ups], *path.segments)) for path in form.paths)

    def _pruned(self) -> Mapped:
        specs = {spec.name: spec for spec in field_specs(ENTITIES[self._source.entity])}
        kept = {name: self._kept(body, specs[name]) for name, body in self._fields().items()}
        return {**self._mapping, "fields": {name: body for name, body in kept.items() if body is not None}}

    def _structural(self) -> list[str]:
        """Return what else of the mapping is not there, by its canonical name or the profile's key."""
        fields = compile_fields(self._source.entity, self._mapping, profile=self._profile, system=self._system)
        lost = [] if all(self._kind(path) for path in fields.key_paths) else [_STRUCTURAL["key"]]
        if fields.changed_path and not self._kind(fields.changed_path):
            lost.append(_STRUCTURAL["changed"])
        version = self._mapping.get("version")
        if version not in {"etag", "hash"} and not all(self._kind(path) for path in self._version_paths(version)):
            lost.append(_STRUCTURAL["version"])
        lost.extend(f"filter.{one.path}" for one in self._source.conditions if not self._fits(one))
        return [*lost, *(["each"] if self._each and not self._model.steps(self._structure, self._each) else [])]

    def _version_paths(self, body: JsonValue) -> list[Segments]:
        listed = body if isinstance(body, list) else [body]
        paths = [Path.of(str(one)) for one in listed]
        return [(*self._each[: len(self._each) - path.ups], *path.segments) for path in paths]

    def _where_paths(self) -> list[Segments]:
        each = self._mapping.get("each")
        if not isinstance(each, Mapping) or "where" not in each:
            return []
        try:
            found = condition_of(each["where"], "each.where").paths
        except MappingError:
            return []  # it was compiled before
        return [(*self._each[: len(self._each) - path.ups], *path.segments) for path in found]

    def _kind(self, path: Segments) -> str:
        """Return the type of the property that a path leads to, empty where there is none."""
        steps = self._model.steps(self._structure, path)
        if not steps or steps[-1].navigation or steps[-1].type in self._model.structures:
            return ""
        return steps[-1].type

    # --- Its parts ----------------------------------------------------------------------------------------------------

    def _part(self, path: Segments) -> Part:
        return Part(path=path, kind=self._kind(path))

    def _changed(self, fields: Fields) -> Changed | None:
        if fields.changed_path is None:
            return None
        body = self._mapping["changed"]
        site = isinstance(body, Mapping) and body.get("zone") == "site"
        zone: tzinfo = ZoneInfo(self._profile.zone) if site else UTC
        return Changed(path=fields.changed_path, kind=self._kind(fields.changed_path), zone=zone)

    def _fits(self, condition: Condition) -> bool:
        try:
            return bool(self._kind(tuple(condition.path.split(".")))) and bool(self._condition(condition))
        except LiteralError:
            return False

    def _fixed(self) -> tuple[str, ...]:
        return tuple(self._condition(one) for one in self._source.conditions)

    def _condition(self, condition: Condition) -> str:
        """Return a condition as text; of several values one must hold, of `ne` all must."""
        kind = self._kind(tuple(condition.path.split(".")))
        texts = [
            compare(condition.path, condition.operator, value, kind, self._version).text() for value in condition.values
        ]
        join: Callable[[Iterable[str]], str] = every if condition.operator == "ne" else either
        return join(texts)


def _each_of(mapping: Mapped) -> Segments:
    each = mapping.get("each")
    path = each.get("path") if isinstance(each, Mapping) else each
    return Path.of(path).segments if isinstance(path, str) else ()
