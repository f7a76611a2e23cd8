"""Systems that a deployment has opened, for reading or for writing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary

from erp_mcp.errors import AccountTooPowerfulError, ConfigurationError, SecretUnavailableError, SystemUnreachableError
from erp_mcp.ports import Adapter

if TYPE_CHECKING:
    from erp_mcp.domain.entities import Record


_log: Final = logging.getLogger("erp_mcp")


class Closable(Protocol):
    """What has connections to give back."""

    async def close(self) -> None:
        """Let go of connections."""
        ...


Port = TypeVar("Port", bound=Closable)


class OpenedSystems(Generic[Port]):
    """Ports of systems, opened when first needed; one set per event loop, since connections belong to one."""

    def __init__(self, open_system: Callable[[str], Port]) -> None:
        """Take how a system of a name is opened."""
        self._open = open_system
        self._opened: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Port]] = WeakKeyDictionary()

    def of(self, system: str) -> Port:
        """Return the port of a system; raises as what opens it."""
        opened = self._opened.setdefault(asyncio.get_running_loop(), {})
        if system not in opened:
            opened[system] = self._open(system)
        return opened[system]

    async def close(self) -> None:
        """Close what the running event loop has opened."""
        for port in self._opened.pop(asyncio.get_running_loop(), {}).values():
            await port.close()


class AdapterReads(OpenedSystems[Adapter]):
    """Reads records again from their systems."""

    async def read(self, system: str, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        """Return the records with these source keys as their system has them; see `ports.LiveReads`."""
        try:
            return await self.of(system).read(entity, keys)
        except AccountTooPowerfulError as failure:  # what the account may do is nothing for an agent
            _log.warning("system %s is not read: %s", system, failure)
            raise AccountTooPowerfulError(system=system) from None
        except (ConfigurationError, SecretUnavailableError) as failure:  # it may name files, variables and vault paths
            _log.warning("system %s can't be read: %s", system, failure)
            raise SystemUnreachableError(system=system) from None
