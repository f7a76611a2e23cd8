"""Which fields of the canonical entities a profile leaves out: what its product does not keep, or nobody mapped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import COMMON_FIELDS, ENTITIES, field_specs
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.select_text import select_columns

# Fields that the read model works out by itself, so that no system has to give them.
WORKED_OUT: Final[Mapping[str, frozenset[str]]] = {"purchase_order_line": frozenset({"qty_open_base", "base_uom"})}
_NATIVE: Final = "native_state"


def left_out(profile: Profile, entity: str) -> tuple[str, ...]:
    """Return the fields of an entity that a profile does not give, in the entity's order.

    Args:
        profile: The profile.
        entity: A canonical entity that it maps.

    Returns:
        Field names; none where the mapping does not name its fields, as that of a third party's kind may not.
    """
    given = _given(profile.entities.get(entity, {}))
    if not given or entity not in ENTITIES:
        return ()
    ours: set[str] = set()
    if any(name.startswith(f"{entity}.") and name.endswith("_state") for name in profile.states):
        ours.add(_NATIVE)  # kept beside the state that it is mapped to
    names = (spec.name for spec in field_specs(ENTITIES[entity]))
    return tuple(name for name in names if may_be_left_out(entity, name) and name not in ours and name not in given)


def may_be_left_out(entity: str, field: str) -> bool:
    """Return whether a field has to come from a system, and not from us."""
    return field not in COMMON_FIELDS and field not in WORKED_OUT.get(entity, ())


def given_fields(profile: Profile, entity: str) -> tuple[str, ...]:
    """Return the fields of an entity that a profile gives, in the entity's order, without those that all records have.

    Args:
        profile: The profile.
        entity: A canonical entity that it maps.

    Returns:
        Field names; none where the mapping does not name its fields, as that of a third party's kind may not.
    """
    given = _given(profile.entities.get(entity, {})) - {*COMMON_FIELDS}
    return tuple(spec.name for spec in field_specs(ENTITIES[entity]) if spec.name in given) if given else ()


def _given(mapping: Mapping[str, JsonValue]) -> frozenset[str]:
    """Return the canonical fields that a mapping gives, empty where it does not say."""
    fields, statement = mapping.get("fields"), mapping.get("statement")
    if isinstance(fields, dict):
        return frozenset(fields)
    if isinstance(statement, str):
        try:
            return frozenset(select_columns(statement))
        except ValueError:
            return frozenset()
    return frozenset()
