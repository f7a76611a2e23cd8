"""Connections to addresses that were looked at: one look-up per connection, every address judged, no second look-up."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import httpcore2

from erp_mcp.egress.addresses import Address, AddressRules, is_odd_number, literal_address
from erp_mcp.egress.origin import refused_host
from erp_mcp.errors import DestinationNotAllowedError

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_MOST_TRIED: Final = 4


async def resolve_by_machine(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host as this machine's resolver has them.

    Raises:
        OSError: it has none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class PinnedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to judged addresses; the host's name stays in the request and in TLS."""

    def __init__(self, system: str, rules: AddressRules, resolve: Resolve = resolve_by_machine) -> None:
        """Take what addresses may be, and how names are looked up."""
        self._system = system
        self._rules = rules
        self._resolve = resolve
        self._backend = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,  # noqa: ARG002 - we ask for none
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002 - likewise
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address that answers; the time is for all of them together.

        Raises:
            DestinationNotAllowedError: `adapter.not_allowed`, when one of the host's addresses is not allowed.
        """
        try:
            async with asyncio.timeout(timeout):
                return await self._first(host, port, await self._addresses(host, port))
        except TimeoutError:
            raise httpcore2.ConnectTimeout from None

    async def sleep(self, seconds: float) -> None:
        """Sleep; the library asks for it between tries, of which there are none."""
        await asyncio.sleep(seconds)

    async def _first(self, host: str, port: int, addresses: Sequence[str]) -> httpcore2.AsyncNetworkStream:
        failure: httpcore2.ConnectError | None = None
        for address in addresses[:_MOST_TRIED]:
            try:
                return await self._backend.connect_tcp(address, port)
            except httpcore2.ConnectError as refused:
                failure = refused
        raise failure or httpcore2.ConnectError(f"no address of {host}")

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        """Return where a host is, when every one of its addresses is allowed."""
        if is_odd_number(host):
            raise self._refused("an address in an unusual spelling", host, port)
        if literal_address(host) is not None:
            found: Sequence[str] = [host.strip("[]")]
        else:
            try:
                found = await self._resolve(host, port)
            except (OSError, UnicodeError):
                raise httpcore2.ConnectError(f"no address of {host}") from None
        if not all(self._rules.allows(host, one) for one in map(_address, found)):
            raise self._refused("an address that is not listed", host, port)
        return found

    def _refused(self, reason: str, host: str, port: int) -> DestinationNotAllowedError:
        return DestinationNotAllowedError(system=self._system, reason=reason, **refused_host(host, port))


def _address(text: str) -> Address:
    return ipaddress.ip_address(text)
