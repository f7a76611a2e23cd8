"""How often browsers may come back from the provider: each time costs a request there, whoever it is.

A sign-in that was begun is good for one return. Returns that let somebody in are given back; of the others there are so
many a minute from one client, and so many in all, whichever process of the page they come to. Who is signed in and
proves anew who they are is not counted.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Final, Protocol

from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.page_session import CameBack, ReturnLimits
from erp_mcp.errors import SignInLostError, TooManySignInsError
from erp_mcp.ports import Clock
from erp_mcp.web.begun import LASTS

PER_CLIENT: Final = 10  # returns that let nobody in, a minute
IN_ALL: Final = 60
WINDOW: Final = timedelta(minutes=1)
_LIMITS: Final = ReturnLimits(per_client=PER_CLIENT, in_all=IN_ALL, window=WINDOW, lasts=LASTS)
_IPV6_SITE: Final = 64  # bits that one household or office has
_NOBODY: Final = "unknown"


class KeepsReturns(Protocol):
    """What remembers returns, whatever process they came to."""

    def come_back(self, state: str, client: str, limits: ReturnLimits) -> CameBack:
        """Let a return through, or say why not."""
        ...

    def forgive(self, name: str) -> None:
        """Count one no longer."""
        ...


class Returns:
    """What has come back lately. Safe for several threads and processes."""

    def __init__(self, kept: KeepsReturns, clock: Clock) -> None:
        """Remember returns in `kept`; waits are on `clock.wall`."""
        self._kept = kept
        self._clock = clock

    def take(self, client: str, state: str, *, known: bool) -> str:
        """Let a return through, once for the `state` of a sign-in that was begun.

        Args:
            client: The address that asks, as `client_of` gives it.
            state: What the sign-in was begun with.
            known: Whether it was begun by somebody who is signed in: then it is not counted.

        Returns:
            What it is counted under, for `give_back`; empty where it is not counted.

        Raises:
            SignInLostError: `page.sign_in_lost`: it was used before.
            TooManySignInsError: `page.too_many_sign_ins`; the sign-in stays good for another return.
            StateUnavailableError: `state.unavailable`.
        """
        key = sha256(state.encode("utf-8", "replace")).hexdigest()
        came = self._kept.come_back(key, "" if known else client or _NOBODY, _LIMITS)
        if came.was_used:
            raise SignInLostError
        if came.full_since:
            rest = parse_instant(came.full_since) + WINDOW - self._clock.wall()
            raise TooManySignInsError(retry_after_s=max(0, int(rest.total_seconds())) + 1)
        return came.name

    def give_back(self, one: str) -> None:
        """Count a return no longer: it has let somebody in.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        if one:
            self._kept.forgive(one)


def client_of(peer: str, told: list[str]) -> str:
    """Return which client asks: who is connected or, where a proxy of this machine is, whom the proxy names.

    Args:
        peer: The address that is connected to the page.
        told: What the header says that the proxy sets; empty where none is declared. Anything but one address is not
            believed, nor is a peer beyond this machine.
    """
    try:
        if len(told) == 1 and ip_address(peer).is_loopback:
            address = ip_address(told[0].strip())
            site = 32 if isinstance(address, IPv4Address) else _IPV6_SITE
            return str(ip_network(f"{address}/{site}", strict=False))
    except ValueError:
        pass
    return peer
