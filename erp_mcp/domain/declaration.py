"""What an operator declares about the way into a system that its maker lets be used only under conditions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One declaration in force.

    `name` is that of the profile's `declaration:`. `target` is the digest of the system, profile and address it was
    made for: of another one it says nothing. `by` is the person who answers for it, `account` that of the command,
    `pathway` what they declare, in their words.
    """

    system: str
    name: str
    target: str
    by: str
    account: str
    pathway: str
    at: str = ""
