"""Profile files to `Profile`: strict, with file and line of every mistake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from erp_mcp.domain.entities import COMMON_FIELDS, ENTITIES, Kind, field_specs
from erp_mcp.domain.profile import IdentityRule, Profile
from erp_mcp.errors import ProfileFileError
from erp_mcp.strict_yaml import Document, read_model
from erp_mcp.systems.fields import check_fields
from erp_mcp.systems.grammar import ProfileForm

# What an id can belong to: the entities, and what only lines refer to.
_IDENTITIES: Final = frozenset(ENTITIES) | {
    spec.meaning.entity for entity in ENTITIES.values() for spec in field_specs(entity) if spec.kind is Kind.REF
}
_NOT_PROFILES: Final = frozenset({"freshness"})


def load_profile(name: str, folders: Sequence[Path], *, id_prefix: str = "") -> Profile:
    """Return a profile by name from the first folder that has it.

    Args:
        name: Name of the profile, which is the name of its file without `.yaml`.
        folders: The shipped folder first, then the operator's; a name in two of them is an error, never an override.
        id_prefix: Set before every id that this system owns (rule `same`), so that two systems of one product do not
            share numbers.

    Raises:
        ProfileFileError: `systems.bad_profile`, with `file`, `line`, `key` and `reason`.
    """
    found = [folder / f"{name}.yaml" for folder in folders if (folder / f"{name}.yaml").is_file()]
    if not found or name in _NOT_PROFILES:
        known = ", ".join(profile_names(folders))
        raise ProfileFileError(
            file=f"{name}.yaml", line=0, key="profile", reason=f"no such profile; there are: {known}"
        )
    if len({file.resolve() for file in found}) > 1:
        raise ProfileFileError(file=f"{name}.yaml", line=0, key="profile", reason="in two folders; rename one")
    form, document = read_model(found[0], ProfileForm, ProfileFileError)
    if form.profile != name:
        raise document.error(("profile",), f"must be {name!r}, the name of the file")
    _check_head(form, document)
    _check_commands(form, document)
    _check_states(form, document)
    for entity, mapping in form.entities.items():
        if entity not in ENTITIES:
            raise document.error(("entities", entity), "no such entity")
        check_fields(form.kind, entity, mapping, document)
    profile = _profile(form)
    return _prefixed(profile, id_prefix) if id_prefix else profile


def profile_names(folders: Sequence[Path]) -> list[str]:
    """Return the names of all profiles in these folders, sorted."""
    names = {file.stem for folder in folders if folder.is_dir() for file in folder.glob("*.yaml")}
    return sorted(names - _NOT_PROFILES)


def _check_head(form: ProfileForm, document: Document) -> None:
    if form.level not in {3, 4}:
        raise document.error(("level",), "must be 3 or 4 (ISA-95); nothing below is ever connected")
    try:
        ZoneInfo(form.zone)
    except (KeyError, ValueError, OSError) as failure:
        raise document.error(("zone",), "no such time zone") from failure
    for entity in form.identity:
        if entity not in _IDENTITIES:
            raise document.error(("identity", entity), "no such entity")


def _check_commands(form: ProfileForm, document: Document) -> None:
    if form.commands is None:
        return
    if form.level == 3:
        raise document.error(("commands",), "a level-3 system may be read only")
    for name in form.commands.operations:
        if name.partition(".")[0] not in ENTITIES:
            raise document.error(("commands", "operations", name), "no such entity")


def _check_states(form: ProfileForm, document: Document) -> None:
    for name in form.states:
        entity, _, field = name.partition(".")
        if entity not in ENTITIES:
            raise document.error(("states", name), "no such entity")
        spec = next((spec for spec in field_specs(ENTITIES[entity]) if spec.name == field), None)
        if spec is None or field in COMMON_FIELDS:
            raise document.error(("states", name), "no such field")
        if spec.kind is not Kind.CODE:
            raise document.error(("states", name), f"is a {spec.kind.value}, not a code")


def _prefixed(profile: Profile, prefix: str) -> Profile:
    own = IdentityRule(rule="add_prefix", prefix=prefix)
    rules = {entity: profile.identity.get(entity, IdentityRule()) for entity in sorted(_IDENTITIES)}
    return replace(profile, identity={entity: own if rule.rule == "same" else rule for entity, rule in rules.items()})


def _profile(form: ProfileForm) -> Profile:
    return Profile(
        name=form.profile,
        version=form.version,
        kind=form.kind,
        level=form.level,
        zone=form.zone,
        identity={
            entity: IdentityRule(rule=rule.rule, width=rule.width, prefix=rule.prefix, query=rule.query)
            for entity, rule in form.identity.items()
        },
        states=form.states,
        entities=form.entities,
        commands={name: one.model_dump() for name, one in form.commands.operations.items()} if form.commands else {},
        commands_via=form.commands.via if form.commands else "",
    )
