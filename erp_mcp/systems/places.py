"""Where in a profile file stands what an adapter complains about: a kind knows keys, the file knows lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from erp_mcp.errors import GatewayError, ProfileFileError
from erp_mcp.strict_yaml import Document


def with_place(error: GatewayError, name: str, folders: Sequence[Path]) -> GatewayError:
    """Return an error about a profile with the file and line of the key that it names.

    Args:
        error: What an adapter raised; returned as it is where it has a line already, or names no key.
        name: Name of the profile.
        folders: Where profiles lie, as for `load_profile`.
    """
    key = error.facts.get("key")
    file = next((folder / f"{name}.yaml" for folder in folders if (folder / f"{name}.yaml").is_file()), None)
    if not isinstance(error, ProfileFileError) or not isinstance(key, str) or error.facts.get("line") or file is None:
        return error
    try:
        document = Document(file, ProfileFileError)
    except ProfileFileError:  # it was changed meanwhile; what was complained about still stands
        return error
    line = document.line(document.place(key))
    return ProfileFileError(file=file.name, line=line, key=key, reason=str(error.facts.get("reason", "")))
