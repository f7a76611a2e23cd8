"""Profile files to `Profile`: strict, with file and line of every mistake."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities import COMMON_FIELDS, ENTITIES, Kind, field_specs
from erp_mcp.domain.nearest import nearest
from erp_mcp.domain.profile import IdentityRule, Profile
from erp_mcp.domain.write_grammar import PROTOCOLS, PlanError, parse_plan
from erp_mcp.errors import ProfileFileError
from erp_mcp.strict_yaml import Document, read_model
from erp_mcp.systems.fields import check_fields
from erp_mcp.systems.grammar import CommandsForm, ProfileForm
from erp_mcp.systems.kept import KeptText
from erp_mcp.systems.licensed import check_declaration

# What an id can belong to: the entities, and what only lines refer to.
_IDENTITIES: Final = frozenset(ENTITIES) | {
    spec.meaning.entity for entity in ENTITIES.values() for spec in field_specs(entity) if spec.kind is Kind.REF
}
_NOT_PROFILES: Final = frozenset({"freshness"})
_WITHOUT_HEAD: Final = frozenset({"jsonrpc", "memory", "sql"})  # kinds that have nothing to say for all entities
SHIPPED: Final = Path(__file__).resolve().parent


def load_profile(name: str, folders: Sequence[Path], *, id_prefix: str = "", kept: Path | None = None) -> Profile:
    """Return a profile by name from the first folder that has it.

    Args:
        name: Name of the profile, which is the name of its file without `.yaml`.
        folders: The shipped folder first, then the operator's; a name in two of them is an error, never an override.
        id_prefix: Set before every id that this system owns (rule `same`), so that two systems of one product do not
            share numbers.
        kept: Folder where what its file was parsed into is kept for the next process; `None` keeps nothing.

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
    profile = _read(found[0], name, KeptText(kept / f"{name}.json") if kept is not None else None)
    return _prefixed(profile, id_prefix) if id_prefix else profile


def _read(file: Path, name: str, kept: KeptText | None) -> Profile:
    """Return the profile of a file; a process keeps what became of the last ones, so that none is read twice."""
    before = _what_counts(file)
    profile = _READ.get(before)
    if profile is None:
        profile = _checked(file, name, kept)
        if before[1] and before == _what_counts(file):  # not edited meanwhile
            while len(_READ) >= _MOST_READ:
                _READ.pop(next(iter(_READ)), None)
            _READ[before] = profile
    return profile


_READ: Final[dict[tuple[Path, str, bool], Profile]] = {}
_MOST_READ: Final = 64


def _what_counts(file: Path) -> tuple[Path, str, bool]:
    """Return what decides beside the code: the file, SHA-256 of what stands in it (or nothing), whether it ships."""
    place, digest = file.resolve(), ""
    with contextlib.suppress(OSError):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return place, digest, place.parent == SHIPPED


def _checked(file: Path, name: str, kept: KeptText | None) -> Profile:
    form, document = read_model(file, ProfileForm, ProfileFileError, kept)
    if form.profile != name:
        raise document.error(("profile",), f"must be {name!r}, the name of the file")
    _check_keys(form, document)
    _check_top(form, document)
    _check_commands(form, document)
    _check_states(form, document)
    for entity, mapping in form.entities.items():
        if entity not in ENTITIES:
            raise document.error(("entities", entity), "no such entity")
        check_fields(form.kind, entity, mapping, document)
    check_declaration(form.declaration, _leading(form), document)
    return _profile(form)


def profile_names(folders: Sequence[Path]) -> list[str]:
    """Return the names of all profiles in these folders, sorted."""
    names = {file.stem for folder in folders if folder.is_dir() for file in folder.glob("*.yaml")}
    return sorted(names - _NOT_PROFILES)


def _check_keys(form: ProfileForm, document: Document) -> None:
    """Let through the one key that belongs to the profile's kind, and no other."""
    own = [form.kind] if form.kind not in _WITHOUT_HEAD else []
    for name, value in (form.model_extra or {}).items():
        if name not in own:
            known = [*ProfileForm.model_fields, *own]
            meant = nearest(name, known)
            hint = f"did you mean {meant}?" if meant else f"there are: {', '.join(known)}"
            if meant == form.kind:
                hint = f"a profile's own key is named like its `kind:`, which is {form.kind}"
            raise document.error((name,), f"there is no such key here; {hint}")
        if not isinstance(value, dict):
            raise document.error((name,), "must be a mapping")


def _leading(form: ProfileForm) -> Mapping[str, object]:
    """Return what of a profile says where it leads: its head, its mappings, its operations."""
    written = form.commands.model_dump() if form.commands is not None else {}
    return {**(form.model_extra or {}), "entities": form.entities, "commands": written}


def _check_top(form: ProfileForm, document: Document) -> None:
    if form.verified is None and document.path.resolve().parent == SHIPPED:
        raise document.error(("verified",), "is missing; a profile that ships says live, protocol or documentation")
    if form.level not in {3, 4}:
        raise document.error(("level",), "must be 3 or 4 (ISA-95); nothing below is ever connected")
    for entity, mapping in form.entities.items() if form.level == 3 else ():
        if (place := _not_got(mapping)) is not None:
            raise document.error(("entities", entity, *place), "a level-3 system is read with GET alone")
    try:
        ZoneInfo(form.zone)
    except (KeyError, ValueError, OSError) as failure:
        raise document.error(("zone",), "no such time zone") from failure
    for entity in form.identity:
        if entity not in _IDENTITIES:
            raise document.error(("identity", entity), "no such entity")


def _not_got(mapping: Mapping[str, JsonValue]) -> tuple[str, ...] | None:
    """Return where a mapping names another method than GET: what reads by POST is told from a write by its name."""
    for name, value in mapping.items():
        if name == "method" and isinstance(value, str) and value != "GET":
            return (name,)
        if isinstance(value, Mapping) and (inner := _not_got(value)) is not None:
            return (name, *inner)
    return None


def _check_commands(form: ProfileForm, document: Document) -> None:
    if form.commands is None:
        return
    if form.level == 3:
        raise document.error(("commands",), "a level-3 system may be read only")
    for name in form.commands.operations:
        if name.partition(".")[0] not in ENTITIES:
            raise document.error(("commands", "operations", name), "no such entity")
    _check_touches(form.commands, document)
    _check_plans(form, document)


def _check_touches(commands: CommandsForm, document: Document) -> None:
    """Refuse an operation that is said to change what there is not, the same twice, or not even what it writes."""
    for name, body in commands.operations.items():
        place = ("commands", "operations", name, "touches")
        touched = body.touches if body.touches is not None else []
        for at, entity in enumerate(touched):
            if entity not in ENTITIES:
                raise document.error((*place, at), "no such entity")
            if entity in touched[:at]:
                raise document.error((*place, at), "is there twice")
        if touched and (own := name.partition(".")[0]) not in touched:
            raise document.error(place, f"leaves out {own}, which the operation writes")


def _check_plans(form: ProfileForm, document: Document) -> None:
    """Refuse an operation whose declarative plan is wrong, with the line of the mistake."""
    kind = form.commands.via or form.kind if form.commands else ""
    if form.commands is None or kind not in PROTOCOLS:
        return
    for name, body in form.commands.operations.items():
        entity = form.entities.get(name.partition(".")[0])
        key = entity.get("key") if entity is not None else None
        if entity is None:
            reason = "the profile must map this entity too, so that what was written can be read back"
            raise document.error(("commands", "operations", name), reason)
        try:
            parts = len(key) if isinstance(key, list) else 1
            parse_plan(name, body.model_dump(exclude={"touches"}), protocol=PROTOCOLS[kind], key_parts=parts)
        except PlanError as error:
            raise document.error(("commands", "operations", name, *error.place), error.reason) from error


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
    operations = form.commands.operations if form.commands is not None else {}
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
        commands={name: one.model_dump(exclude={"touches"}) for name, one in operations.items()},
        touches={name: tuple(one.touches) for name, one in operations.items() if one.touches is not None},
        commands_via=form.commands.via if form.commands else "",
        head=(form.model_extra or {}).get(form.kind, {}),
        units=form.units,
        verified=form.verified or "",
        declaration=form.declaration,
    )
