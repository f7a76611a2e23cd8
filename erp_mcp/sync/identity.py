"""Local ids to canonical ids, by the closed set of rules of a profile.

An id that its rule can't turn into a canonical one becomes `<system>/<local id>`: it joins with nothing, where the bare
local id might by chance be another thing's canonical id.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final, Protocol, runtime_checkable

from erp_mcp.domain.entities import ENTITIES, Kind, Record, field_specs
from erp_mcp.domain.profile import IdentityRule, Profile
from erp_mcp.errors import IdentityConflictError

# Fields that refer to one entity or another: the field beside them says which.
_BY_TYPE: Final[dict[str, tuple[str, str]]] = {"reservation": ("demand_id", "demand_type")}
_SAME: Final = IdentityRule()


@runtime_checkable
class CrossReferences(Protocol):
    """An adapter that can read the cross-reference of an entity whose rule is `table`."""

    async def cross_references(self, entity: str) -> Mapping[str, str]:
        """Return local id → canonical id."""
        ...


class Identities:
    """Resolves the ids of one system's records, and collects what is new for the identity table."""

    def __init__(self, profile: Profile, *, system: str, known: Mapping[tuple[str, str], str]) -> None:
        """Start from what the identity table knows: (entity, local id) → canonical id."""
        self._rules = profile.identity
        self._system = system
        self._known = dict(known)
        self._new: list[tuple[str, str, str]] = []
        self._tables: dict[str, Mapping[str, str]] = {}
        self._unresolved: set[tuple[str, str]] = set()
        self._fields = {name: self._id_fields(entity) for name, entity in ENTITIES.items()}

    @property
    def unresolved(self) -> int:
        """How many different ids had no canonical id."""
        return len(self._unresolved)

    @property
    def tables(self) -> tuple[str, ...]:
        """Entities whose rule needs a cross-reference."""
        return tuple(sorted(entity for entity, rule in self._rules.items() if rule.rule == "table"))

    def use_table(self, entity: str, references: Mapping[str, str]) -> None:
        """Take the cross-reference of an entity: local id → canonical id."""
        self._tables[entity] = references

    def misses(self, records: tuple[Record, ...]) -> frozenset[str]:
        """Return the entities with a `table` rule of which these records name an id that is not in the table."""
        return frozenset(
            target
            for record in records
            for field, target in self._fields[record.ENTITY]
            if target in self._tables and (local := getattr(record, field)) and local not in self._tables[target]
        )

    def resolve(self, record: Record) -> Record:
        """Return the record with canonical ids; its source key stays as it is.

        Raises:
            IdentityConflictError: `sync.identity_conflict`, when an id was known under another canonical id.
        """
        changes = {
            field: canonical
            for field, target in self._fields[record.ENTITY]
            if (local := getattr(record, field)) is not None and (canonical := self.canonical(target, local)) != local
        }
        if record.ENTITY in _BY_TYPE:
            field, type_field = _BY_TYPE[record.ENTITY]
            changes[field] = self.canonical(getattr(record, type_field), getattr(record, field))
        return dataclasses.replace(record, **changes) if changes else record

    def canonical(self, entity: str, local: str) -> str:
        """Return the canonical id of one local id."""
        rule = self._rules.get(entity, _SAME)
        if rule.rule == "same":
            return local
        known = self._known.get((entity, local))
        made = self._by_rule(entity, rule, local)
        if made is None:
            if known is None:
                self._unresolved.add((entity, local))
            return known or f"{self._system}/{local}"
        if known is None and made != local:
            self._known[entity, local] = made
            self._new.append((entity, local, made))
        elif known is not None and known != made:
            raise IdentityConflictError(system=self._system, entity=entity)
        return made

    def take_new(self) -> list[tuple[str, str, str]]:
        """Return what was found since the last time: (entity, local id, canonical id)."""
        new, self._new = self._new, []
        return new

    def _by_rule(self, entity: str, rule: IdentityRule, local: str) -> str | None:
        match rule.rule:
            case "same":
                return local
            case "pad_left":
                return local.rjust(rule.width, "0")
            case "strip_prefix":
                stripped = local.removeprefix(rule.prefix)
                return stripped if stripped and stripped != local else None
            case "add_prefix":
                return f"{rule.prefix}{local}"
            case "table":
                return self._tables.get(entity, {}).get(local)

    def _id_fields(self, entity: type[Record]) -> tuple[tuple[str, str], ...]:
        """Return (field, entity it names) for references and the record's own id, where the rule changes anything."""
        fields = [(spec.name, spec.meaning.entity) for spec in field_specs(entity) if spec.kind is Kind.REF]
        own = next(spec for spec in field_specs(entity) if spec.name == entity.KEY[0])
        if own.kind is Kind.ID:
            fields.append((own.name, entity.ENTITY))
        return tuple((name, target) for name, target in fields if self._rules.get(target, _SAME).rule != "same")
