"""How often browsers may come back from the provider: each time costs a request there, whoever it is.

A sign-in that was begun is good for one return. Returns that let somebody in are given back; of the others there are so
many a minute from one client, and so many in all. Who is signed in and proves anew who they are is not counted.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Final

from erp_mcp.errors import SignInLostError, TooManySignInsError
from erp_mcp.ports import Clock
from erp_mcp.web.begun import LASTS

PER_CLIENT: Final = 10  # returns that let nobody in, a minute
IN_ALL: Final = 60
WINDOW: Final = timedelta(minutes=1)
_MOST_USED: Final = 2_000  # sign-ins remembered as used; when there are more, the oldest goes
_IPV6_SITE: Final = 64  # bits that one household or office has


@dataclass(frozen=True, slots=True)
class Return:
    """One return that was let through, until it is given back or its minute is over."""

    client: str
    at: datetime


class Returns:
    """What has come back lately. Safe for several threads; each process of the page counts for itself."""

    def __init__(self, clock: Clock) -> None:
        """Count by `clock.wall`."""
        self._clock = clock
        self._lock = threading.Lock()
        self._lately: deque[Return] = deque()
        self._used: dict[str, datetime] = {}

    def take(self, client: str, state: str, *, known: bool) -> Return | None:
        """Let a return through, once for the `state` of a sign-in that was begun.

        Args:
            client: The address that asks, as `client_of` gives it.
            state: What the sign-in was begun with.
            known: Whether it was begun by somebody who is signed in: then it is not counted, and `None` comes back.

        Raises:
            SignInLostError: `page.sign_in_lost`: it was used before.
            TooManySignInsError: `page.too_many_sign_ins`; the sign-in stays good for another return.
        """
        with self._lock:
            now = self._clock.wall()
            self._forget(now)
            key = sha256(state.encode("utf-8", "replace")).hexdigest()
            if key in self._used:
                raise SignInLostError
            one = None if known else self._counted(client, now)
            while len(self._used) >= _MOST_USED:
                del self._used[next(iter(self._used))]
            self._used[key] = now
            return one

    def give_back(self, one: Return | None) -> None:
        """Count a return no longer: it has let somebody in."""
        with self._lock:
            if one is not None and one in self._lately:
                self._lately.remove(one)

    def _counted(self, client: str, now: datetime) -> Return:
        theirs = [one.at for one in self._lately if one.client == client]
        full = theirs[0] if len(theirs) >= PER_CLIENT else self._lately[0].at if len(self._lately) >= IN_ALL else None
        if full is not None:
            raise TooManySignInsError(retry_after_s=int((full + WINDOW - now).total_seconds()) + 1)
        one = Return(client, now)
        self._lately.append(one)
        return one

    def _forget(self, now: datetime) -> None:
        while self._lately and now - self._lately[0].at >= WINDOW:
            self._lately.popleft()
        while self._used and now - next(iter(self._used.values())) >= LASTS:
            del self._used[next(iter(self._used))]


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
