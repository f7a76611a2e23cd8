"""Whether a profile is one that this kind can read and write, told without a system."""

from __future__ import annotations

from erp_mcp.adapters.jsonrpc.grammar import sources
from erp_mcp.adapters.jsonrpc.recipes import recipes
from erp_mcp.domain.profile import Profile


def check_profile(profile: Profile) -> None:
    """Refuse what `JsonRpcAdapter` could not read, and operations that `JsonRpcCommands` does not have.

    Raises:
        ProfileFileError: `systems.bad_profile`, naming the key.
    """
    sources(profile)
    if profile.commands_via in {"", "jsonrpc"}:
        recipes(profile)
