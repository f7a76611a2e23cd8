"""An adapter behind a check that is made before each use; beyond that it does exactly what the adapter does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from erp_mcp.ports import Adapter, ChangePage, Introspects, KnowsLacking

if TYPE_CHECKING:
    from erp_mcp.domain.entities import Record
    from erp_mcp.domain.introspection import Introspection
    from erp_mcp.sync.identity import CrossReferences


class CheckedAdapter:
    """Reads as the adapter does, as long as the check lets it; each method raises what the check does beside."""

    def __init__(self, adapter: Adapter, check: Callable[[], Awaitable[None]], *, looks_unchecked: bool) -> None:
        """Ask `check` before each use and between pages; `looks_unchecked`: not before a person looks at the system."""
        self._adapter = adapter
        self._check = check
        self._looks_unchecked = looks_unchecked

    @property
    def system(self) -> str:
        """Name of the configured system."""
        return self._adapter.system

    @property
    def entities(self) -> frozenset[str]:
        """Canonical entities this system can give."""
        return self._adapter.entities

    async def changes(self, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        """Yield pages as `ports.Adapter.changes`; checked before each of them."""
        await self._check()
        async for page in self._adapter.changes(entity, watermark):
            yield page
            await self._check()

    async def read(self, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        """Return records as `ports.Adapter.read`."""
        await self._check()
        return await self._adapter.read(entity, keys)

    async def probe(self) -> Mapping[str, str]:
        """Return what `ports.Adapter.probe` does."""
        await self._check_look()
        return await self._adapter.probe()

    def lacking(self, entity: str) -> tuple[str, ...]:
        """Return what `ports.KnowsLacking.lacking` does; nothing is asked of the system."""
        return self._adapter.lacking(entity) if isinstance(self._adapter, KnowsLacking) else ()

    async def close(self) -> None:
        """Let go of connections."""
        await self._adapter.close()

    async def _check_look(self) -> None:
        if not self._looks_unchecked:
            await self._check()


class CheckedIntrospectingAdapter(CheckedAdapter):
    """The same for an adapter that can say what its system has."""

    async def introspect(self) -> Introspection:
        """Return what `ports.Introspects.introspect` does."""
        await self._check_look()
        assert isinstance(self._adapter, Introspects)  # noqa: S101  `checked` sees to it
        return await self._adapter.introspect()


class CheckedReferringAdapter(CheckedAdapter):
    """The same for an adapter that has cross-references: without them its ids would stay those of the system."""

    async def cross_references(self, entity: str) -> Mapping[str, str]:
        """Return local id → canonical id."""
        await self._check()
        return await cast("CrossReferences", self._adapter).cross_references(entity)


class CheckedWholeAdapter(CheckedIntrospectingAdapter, CheckedReferringAdapter):
    """The same for an adapter that can do both."""


def checked(adapter: Adapter, check: Callable[[], Awaitable[None]], *, looks_unchecked: bool = False) -> Adapter:
    """Return the adapter behind a check that is made before each use; it can do what the adapter can.

    Args:
        adapter: What is used.
        check: Raises when it may not be used, now or any more.
        looks_unchecked: Whether `probe` and `introspect` answer all the same.
    """
    introspects, refers = isinstance(adapter, Introspects), hasattr(adapter, "cross_references")
    behind = (
        (CheckedWholeAdapter if introspects else CheckedReferringAdapter)
        if refers
        else (CheckedIntrospectingAdapter if introspects else CheckedAdapter)
    )
    return behind(adapter, check, looks_unchecked=looks_unchecked)
