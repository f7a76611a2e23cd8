"""The deployment key: 32 random bytes that seal cursors and hash masked values, the same for all processes."""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from hashlib import sha256
from pathlib import Path
from typing import Final

from erp_mcp.errors import StateUnavailableError

KEY_BYTES: Final = 32
_NAME: Final = "deployment.key"


def deployment_key(directory: Path) -> bytes:
    """Return the key of a deployment, made at first need.

    Args:
        directory: The state directory; the key is `keys/deployment.key` in it, readable by its owner only.

    Raises:
        StateUnavailableError: `state.unavailable`; the key can't be read or made, is damaged, or others may read it.
    """
    path = directory / "keys" / _NAME
    try:
        if not path.exists():
            _make(path)
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise StateUnavailableError(file=_NAME, reason="others may read it; chmod 600")
        key = path.read_bytes()
    except OSError as error:
        raise StateUnavailableError(file=_NAME, reason=type(error).__name__) from error
    if len(key) != KEY_BYTES:
        raise StateUnavailableError(file=_NAME, reason="damaged")
    return key


def derived_key(key: bytes, purpose: str) -> bytes:
    """Return a key for one purpose (`cursor`, `mask`), so that no value made for one is of use in another."""
    return hmac.new(key, purpose.encode("utf-8"), sha256).digest()


def _make(path: Path) -> None:
    """Write a whole key under another name and link it into place: of two processes, one wins and both read its key."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{_NAME}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was quicker; its key counts
    finally:
        draft.unlink(missing_ok=True)
