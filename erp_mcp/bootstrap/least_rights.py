"""Refuses accounts that can do more than they need, by what adapters and commands of third parties say of them.

Our own kinds look at rights themselves, where their systems tell them, on each connection.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol, cast

from erp_mcp.errors import AccountTooPowerfulError
from erp_mcp.ports import Adapter, ChangePage, Commands, Introspects, KnowsLacking

if TYPE_CHECKING:
    from erp_mcp.domain.entities import Record
    from erp_mcp.domain.introspection import Introspection

LOOK_AGAIN_S: Final = 900.0  # as long as what was seen of an account holds
_NAMED: Final = 8  # rights in an error; `systems probe` shows more
_MAX_NAME: Final = 120
_MAX_STATEMENT: Final = 500


class RightsCheck:
    """Whether an account can do no more than it needs; looked at before its first use and from time to time."""

    def __init__(self, system: str, looks: Introspects, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Take the system's name and what tells of its rights; nothing is asked yet."""
        self._system = system
        self._looks = looks
        self._monotonic = monotonic
        self._good_until: float | None = None

    async def check(self) -> None:
        """Refuse the account that can do more than it needs.

        Raises:
            AccountTooPowerfulError: `adapter.account_too_powerful`; otherwise as `ports.Introspects.introspect`.
        """
        if self._good_until is not None and self._monotonic() < self._good_until:
            return
        self._good_until = None
        found = await self._looks.introspect()
        if found.excess:
            raise AccountTooPowerfulError(
                system=self._system, rights=_tamed(found.excess, _MAX_NAME), revoke=_shown(found.revoke)
            )
        self._good_until = self._monotonic() + LOOK_AGAIN_S


class LeastRightsAdapter:
    """Reads as the adapter does, as long as it says that its account can only read.

    `probe` and `introspect` answer all the same, since they are how a person finds out.
    """

    def __init__(self, adapter: Adapter, check: RightsCheck) -> None:
        """Ask `check` before each use."""
        self._adapter = adapter
        self._rights = check

    @property
    def system(self) -> str:
        """Name of the configured system."""
        return self._adapter.system

    @property
    def entities(self) -> frozenset[str]:
        """Canonical entities this system can give."""
        return self._adapter.entities

    async def changes(self, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        """Yield pages as `ports.Adapter.changes`; raises AccountTooPowerfulError beside."""
        await self._rights.check()
        async for page in self._adapter.changes(entity, watermark):
            yield page
            await self._rights.check()

    async def read(self, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        """Return records as `ports.Adapter.read`; raises AccountTooPowerfulError beside."""
        await self._rights.check()
        return await self._adapter.read(entity, keys)

    async def probe(self) -> Mapping[str, str]:
        """Return what `ports.Adapter.probe` does."""
        return await self._adapter.probe()

    async def introspect(self) -> Introspection:
        """Return what `ports.Introspects.introspect` does."""
        assert isinstance(self._adapter, Introspects)  # noqa: S101  `least_rights` sees to it
        return await self._adapter.introspect()

    def lacking(self, entity: str) -> tuple[str, ...]:
        """Return what `ports.KnowsLacking.lacking` does; nothing is asked of the system."""
        return self._adapter.lacking(entity) if isinstance(self._adapter, KnowsLacking) else ()

    async def close(self) -> None:
        """Let go of connections."""
        await self._adapter.close()


class _Referring(Protocol):
    async def cross_references(self, entity: str) -> Mapping[str, str]: ...


class LeastRightsReferringAdapter(LeastRightsAdapter):
    """The same for an adapter that has cross-references."""

    async def cross_references(self, entity: str) -> Mapping[str, str]:
        """Return local id → canonical id; raises AccountTooPowerfulError beside."""
        await self._rights.check()
        return await cast("_Referring", self._adapter).cross_references(entity)


def least_rights(adapter: Adapter) -> Adapter:
    """Return the adapter behind a check of its account, where it can say what that account may do."""
    if not isinstance(adapter, Introspects):
        return adapter
    behind = LeastRightsReferringAdapter if hasattr(adapter, "cross_references") else LeastRightsAdapter
    return behind(adapter, RightsCheck(adapter.system, adapter))


class WritingRights:
    """The same of the accounts that write, each looked at before what is sent with it."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Nothing is known yet."""
        self._monotonic = monotonic
        self._seen: dict[str, tuple[Commands, RightsCheck]] = {}

    async def check(self, commands: Commands) -> None:
        """Refuse the account of a port that says that it can do more than it needs; others are not asked.

        Raises:
            AccountTooPowerfulError: `adapter.account_too_powerful`; otherwise as `ports.Introspects.introspect`.
        """
        looks: object = commands
        if not isinstance(looks, Introspects):
            return
        known = self._seen.get(commands.system)
        if known is None or known[0] is not commands:
            known = (commands, RightsCheck(commands.system, looks, monotonic=self._monotonic))
            self._seen[commands.system] = known
        await known[1].check()


def _tamed(names: Sequence[str], most: int) -> tuple[str, ...]:
    """Return names fit to be shown: nobody vouches for what is in them."""
    return tuple("".join(sign if sign.isprintable() else "?" for sign in name)[:most] for name in names[:_NAMED])


def _shown(statements: Sequence[str]) -> tuple[str, ...]:
    """Return what can be shown exactly: a changed statement would be another one."""
    return tuple(text for text in statements[:_NAMED] if len(text) <= _MAX_STATEMENT and text.isprintable())
