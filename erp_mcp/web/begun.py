"""A sign-in at a provider that a browser has begun: sealed into the browser's own cookie, for some minutes.

Nothing of it is kept here, so nobody can fill a table by beginning, and any process of the page can go on with it.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from erp_mcp.domain.instants import exact_instant, parse_instant

LASTS: Final = timedelta(minutes=10)
_NONCE_BYTES: Final = 12
_PURPOSE: Final = b"erp-mcp/begun/v1"
_MOST: Final = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What answers must fit: `state` and `nonce`, and the `verifier` of PKCE.

    `session` is the hash of the session whose person proves anew who they are, and `asked_for` what for; both are
    empty for signing in to the page.
    """

    state: str
    nonce: str
    verifier: str
    begun_at: str
    session: str = ""
    asked_for: str = ""

    @property
    def challenge(self) -> str:
        """Return what the provider is shown of the verifier (RFC 7636, S256)."""
        return base64.urlsafe_b64encode(sha256(self.verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")


def begin(now: datetime, *, session: str = "", asked_for: str = "") -> Begun:
    """Return a new one."""
    return Begun(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        begun_at=exact_instant(now),
        session=session,
        asked_for=asked_for,
    )


def sealed(begun: Begun, key: bytes) -> str:
    """Return what the browser holds of it."""
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    nonce = secrets.token_bytes(_NONCE_BYTES)
    cipher = ChaCha20Poly1305(key).encrypt(nonce, json.dumps(asdict(begun)).encode("utf-8"), _PURPOSE)
    return base64.urlsafe_b64encode(nonce + cipher).decode("ascii")


def opened(text: str, key: bytes, now: datetime) -> Begun | None:
    """Return what a browser holds; `None` for nothing, for what is not ours, and for what is too old."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    if not text or len(text) > _MOST:
        return None
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii"))
        plain = ChaCha20Poly1305(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _PURPOSE)
        begun = Begun(**json.loads(plain))
        passed = now - parse_instant(begun.begun_at)
    except (InvalidTag, ValueError, TypeError):
        return None
    return begun if timedelta(0) <= passed < LASTS else None
