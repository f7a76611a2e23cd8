"""The part of a profile that says how operations are written: plans, key parts, units."""

from __future__ import annotations

from collections.abc import Mapping

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import ENTITIES, Kind, field_specs
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.write_grammar import PROTOCOLS, PlanError, parse_plan
from erp_mcp.domain.write_plan import Plan
from erp_mcp.errors import ProfileFileError


def plans_of(profile: Profile) -> dict[str, Plan]:
    """Return the plans of a profile by operation.

    Raises:
        ProfileFileError: `systems.bad_profile`, naming the key.
    """
    found: dict[str, Plan] = {}
    for name, body in profile.commands.items():
        entity = profile.entities.get(name.partition(".")[0])
        if entity is None:
            reason = "the profile must map this entity too, so that what was written can be read back"
            raise ProfileFileError(profile=profile.name, key=f"commands.operations.{name}", reason=reason)
        try:
            protocol = PROTOCOLS[profile.commands_via or profile.kind]
            found[name] = parse_plan(name, body, protocol=protocol, key_parts=_key_parts(entity))
        except PlanError as error:
            key_text = ".".join(str(part) for part in ("commands", "operations", name, *error.place))
            raise ProfileFileError(profile=profile.name, key=key_text, reason=error.reason) from None
    if found:
        _check_local_ids(profile, found)
    return found


def _check_local_ids(profile: Profile, found: Mapping[str, Plan]) -> None:
    """Refuse identity rules that would have to be turned round: an id is sent to the system as it is."""
    entities = {plan.entity for plan in found.values()}
    linked = {
        spec.meaning.entity for entity in entities for spec in field_specs(ENTITIES[entity]) if spec.kind is Kind.REF
    }
    for entity in sorted(entities | linked):
        rule = profile.identity.get(entity)
        if rule is not None and rule.rule != "same":
            raise ProfileFileError(
                profile=profile.name, key=f"identity.{entity}", reason="`commands` needs the rule same here"
            )


def key_parts_of(profile: Profile) -> dict[str, int]:
    """Return of how many parts the source key is made that each operation is about."""
    return {name: _key_parts(profile.entities[name.partition(".")[0]]) for name in profile.commands}


def _key_parts(mapping: Mapping[str, JsonValue]) -> int:
    key = mapping.get("key")
    return len(key) if isinstance(key, list | tuple) else 1


def canonical_units(profile: Profile) -> dict[str, str]:
    """Return canonical → native units; of several native codes for one unit the first that the profile names."""
    found: dict[str, str] = {}
    for native, canonical in profile.units.items():
        found.setdefault(canonical, native)
    return found
