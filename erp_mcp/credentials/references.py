"""References: where a secret is kept, written in the configuration in its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

SCHEMES: Final[Mapping[str, tuple[str, re.Pattern[str]]]] = {
    "keyring": ("keyring:NAME", re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")),
    "vault": ("vault:MOUNT/PATH#FIELD", re.compile(r"[\w.-]+(/[\w.-]+)+#[\w.-]{1,100}", re.ASCII)),
    "vault-db": ("vault-db:ROLE", re.compile(r"([\w.-]+/)*[\w.-]+", re.ASCII)),
    "file": ("file:PATH", re.compile(r"[^\0\n]{1,500}")),
    "env": ("env:NAME", re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")),
}
"""Scheme → (form as people write it, pattern of what follows the colon)."""


class Reference(NamedTuple):
    """Where a secret is kept; no secret itself, so it may be shown."""

    scheme: str
    place: str

    def __str__(self) -> str:
        """Return it as it stands in the configuration."""
        return f"{self.scheme}:{self.place}"


def parsed(text: str) -> Reference:
    """Return a reference taken apart.

    Raises:
        ValueError: for anything that is none, a secret itself most of all; the text is not in the message.
    """
    scheme, _, place = text.partition(":")
    if scheme not in SCHEMES:
        forms = ", ".join(form for form, _ in SCHEMES.values())
        raise ValueError(f"must be a reference ({forms}); a secret is never written here")
    form, pattern = SCHEMES[scheme]
    steps = set(place.partition("#")[0].split("/"))
    if not pattern.fullmatch(place) or (scheme.startswith("vault") and {".", ".."} & steps):
        raise ValueError(f"must have the form {form}")
    return Reference(scheme, place)
