"""Whether what an operator declared about a system still holds for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol, cast

from erp_mcp.errors import DeclarationMissingError, InvalidArgumentError
from erp_mcp.ports import Adapter, ChangePage, Introspects, KnowsLacking
from erp_mcp.settings import SystemSettings

if TYPE_CHECKING:
    from erp_mcp.domain.declaration import Declaration
    from erp_mcp.domain.entities import Record
    from erp_mcp.domain.introspection import Introspection
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


class DeclaredAdapter:
    """Reads as the adapter does, as long as the declaration holds: servers live longer than some declarations."""

    def __init__(self, adapter: Adapter, check: Callable[[], None]) -> None:
        """Ask `check` before each use; it raises when the declaration does not hold any more."""
        self._adapter = adapter
        self._check = check

    @property
    def system(self) -> str:
        """Name of the configured system."""
        return self._adapter.system

    @property
    def entities(self) -> frozenset[str]:
        """Canonical entities this system can give."""
        return self._adapter.entities

    async def changes(self, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        """Yield pages as `ports.Adapter.changes`; raises DeclarationMissingError beside."""
        self._check()
        async for page in self._adapter.changes(entity, watermark):
            yield page
            self._check()

    async def read(self, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        """Return records as `ports.Adapter.read`; raises DeclarationMissingError beside."""
        self._check()
        return await self._adapter.read(entity, keys)

    async def probe(self) -> Mapping[str, str]:
        """Return what `ports.Adapter.probe` does; raises DeclarationMissingError beside."""
        self._check()
        return await self._adapter.probe()

    def lacking(self, entity: str) -> tuple[str, ...]:
        """Return what `ports.KnowsLacking.lacking` does; nothing is asked of the system."""
        return self._adapter.lacking(entity) if isinstance(self._adapter, KnowsLacking) else ()

    async def close(self) -> None:
        """Let go of connections."""
        await self._adapter.close()


class DeclaredIntrospectingAdapter(DeclaredAdapter):
    """The same for an adapter that can say what its system has."""

    async def introspect(self) -> Introspection:
        """Return what `ports.Introspects.introspect` does; raises DeclarationMissingError beside."""
        self._check()
        assert isinstance(self._adapter, Introspects)  # noqa: S101  `guarded` sees to it
        return await self._adapter.introspect()


class _Referring(Protocol):
    """What `sync` asks an adapter for whose profile resolves ids by a table."""

    async def cross_references(self, entity: str) -> Mapping[str, str]:
        """Return local id → canonical id."""
        ...


class DeclaredReferringAdapter(DeclaredAdapter):
    """The same for an adapter that has cross-references: without them its ids would stay those of the system."""

    async def cross_references(self, entity: str) -> Mapping[str, str]:
        """Return local id → canonical id; raises DeclarationMissingError beside."""
        self._check()
        return await cast("_Referring", self._adapter).cross_references(entity)


class DeclaredWholeAdapter(DeclaredIntrospectingAdapter, DeclaredReferringAdapter):
    """The same for an adapter that can do both."""


def guarded(adapter: Adapter, check: Callable[[], None]) -> Adapter:
    """Return the adapter behind a check that is made before each use; it can do what the adapter can."""
    if hasattr(adapter, "cross_references"):
        return (DeclaredWholeAdapter if isinstance(adapter, Introspects) else DeclaredReferringAdapter)(adapter, check)
    return (DeclaredIntrospectingAdapter if isinstance(adapter, Introspects) else DeclaredAdapter)(adapter, check)
