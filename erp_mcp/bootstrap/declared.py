"""Whether what an operator declared about a system still holds for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from erp_mcp.bootstrap.checked_adapter import checked
from erp_mcp.errors import DeclarationMissingError, InvalidArgumentError
from erp_mcp.ports import Adapter
from erp_mcp.settings import SystemSettings

if TYPE_CHECKING:
    from erp_mcp.domain.declaration import Declaration
    from erp_mcp.domain.profile import Profile

MAX_PERSON: Final = 100
MAX_PATHWAY: Final = 500
_DOMAIN: Final = b"erp-mcp/declaration/v1\n"


def declared_target(system: SystemSettings, profile: Profile) -> str:
    """Return the digest of what a declaration is made for: the system's name, its profile as a version, its address."""
    told = [system.name, profile.name, profile.kind, profile.version, profile.declaration, system.url, system.database]
    return hashlib.sha256(_DOMAIN + json.dumps(told, separators=(",", ":")).encode()).hexdigest()


def declaration_of(system: SystemSettings, profile: Profile, *, by: str, pathway: str, account: str) -> Declaration:
    """Return what a person declares about a system, as it is stored.

    Raises:
        InvalidArgumentError: `call.invalid_argument`.
    """
    from erp_mcp.domain.declaration import Declaration

    if not profile.declaration:
        raise InvalidArgumentError(
            argument="NAME", rule="form", expected=f"a system that asks for one; profile {profile.name} does not"
        )
    words = {"--by": (by.strip(), MAX_PERSON), "--pathway": (pathway.strip(), MAX_PATHWAY)}
    for argument, (text, most) in words.items():
        if not text or len(text) > most or not text.isprintable():
            raise InvalidArgumentError(argument=argument, rule="form", expected=f"1 to {most} printable characters")
    return Declaration(
        system=system.name,
        name=profile.declaration,
        target=declared_target(system, profile),
        by=by.strip(),
        account=account,
        pathway=pathway.strip(),
    )


def check_declared(system: SystemSettings, profile: Profile, declared: Declaration | None) -> None:
    """Refuse a system that wants a declaration and has none, or one for something else.

    Raises:
        DeclarationMissingError: `adapter.not_declared`.
    """
    if declared is None:
        raise DeclarationMissingError(system=system.name, declaration=profile.declaration)
    if declared.target != declared_target(system, profile):
        reason = "declared for another profile, version or address"
        raise DeclarationMissingError(system=system.name, declaration=profile.declaration, reason=reason)


def guarded(adapter: Adapter, check: Callable[[], None]) -> Adapter:
    """Return the adapter for as long as the declaration holds: servers live longer than some declarations.

    Args:
        adapter: What is used; what is returned can do what it can.
        check: Asked before each use; it raises when the declaration does not hold any more.
    """

    async def holds() -> None:
        check()

    return checked(adapter, holds)
