"""Whether a profile is one that this kind can read, told without a system."""

from __future__ import annotations

from erp_mcp.adapters._documents.fields import compile_fields
from erp_mcp.adapters.odata.grammar import read_head, read_sources
from erp_mcp.domain.profile import Profile


def check_profile(profile: Profile) -> None:
    """Refuse what `ODataAdapter` could not read.

    Raises:
        ProfileFileError: `systems.bad_profile`, naming the key.
    """
    for entity in read_sources(profile, read_head(profile)):
        compile_fields(entity, profile.entities[entity], profile=profile, system="")
