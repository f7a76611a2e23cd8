"""The public key of the first approver: a file beside the state, that only the operator can write."""

from __future__ import annotations

import os
from pathlib import Path

from erp_mcp.errors import StateUnavailableError


def approvers_root_file(state_dir: Path) -> Path:
    """Return where the public key of the first approver stands; everything that approvers may do stands on it."""
    return state_dir / "keys" / "approvers.root"


def approvers_root(state_dir: Path) -> str:
    """Return the public key of the first approver, empty where nobody is enrolled.

    Raises:
        StateUnavailableError: `state.unavailable`; the file can't be read, or others may write it.
    """
    path = approvers_root_file(state_dir)
    try:
        if os.name == "posix" and path.exists() and path.stat().st_mode & 0o022:
            raise StateUnavailableError(file=path.name, reason="others may write it; chmod 600")
        return path.read_text(encoding="ascii").strip() if path.exists() else ""
    except (OSError, ValueError) as error:
        raise StateUnavailableError(file=path.name, reason=type(error).__name__) from error
