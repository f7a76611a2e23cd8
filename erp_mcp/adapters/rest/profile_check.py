"""Whether a profile is one that this kind can read, told without a system."""

from __future__ import annotations

from erp_mcp.adapters._documents import Fields, compile_fields
from erp_mcp.adapters.rest.grammar import Source, read_head, read_sources
from erp_mcp.adapters.rest.login import read_login
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import ProfileFileError


def check_profile(profile: Profile) -> None:
    """Refuse what `RestAdapter` could not read.

    Raises:
        ProfileFileError: `systems.bad_profile`, naming the key.
    """
    read_login(profile)
    for source in read_sources(profile, read_head(profile)).values():
        fields_of(source, profile, system="")


def fields_of(source: Source, profile: Profile, *, system: str) -> Fields:
    """Return how documents of one entity become rows.

    Args:
        source: How the entity is read.
        profile: Its profile.
        system: For errors about documents.

    Raises:
        ProfileFileError: `systems.bad_profile`, naming the key.
    """
    fields = compile_fields(source.entity, profile.entities[source.entity], profile=profile, system=system)
    if source.paging.kind == "keyset" and sum(fields.in_document) != 1:
        key = f"entities.{source.entity}.key"
        raise ProfileFileError(profile=profile.name, key=key, reason="paging by keyset needs one part")
    return fields
