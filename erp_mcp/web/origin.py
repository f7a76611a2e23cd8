"""Where the page lives: the names under which browsers may ask for it, and what only holds for one of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from erp_mcp.errors import ConfigurationError

_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_-]{1,40}){0,5}")


@dataclass(frozen=True)
class Origin:
    """Where the page listens, and the address by which browsers reach it where another one stands before it.

    `public` is empty, or `https://HOST[:PORT][/PATH]` of a proxy that ends TLS and passes paths on as they come. `tls`
    says whether this process ends it.
    """

    host: str
    port: int
    public: str = ""
    tls: bool = False

    @property
    def scheme(self) -> str:
        """`https` where browsers come by it, else `http`."""
        return "https" if self.tls or self.public else "http"

    @cached_property
    def hosts(self) -> frozenset[str]:
        """What a `Host` header may say, in small letters."""
        if self.public:
            return frozenset({urlsplit(self.public).netloc.lower()})
        names = {"localhost", "127.0.0.1", "[::1]"} if is_loopback(self.host) else {_bracketed(self.host)}
        usual = {"http": 80, "https": 443}[self.scheme]
        return frozenset({f"{name}:{self.port}" for name in names} | (names if self.port == usual else set()))

    @cached_property
    def origins(self) -> frozenset[str]:
        """What an `Origin` header may say."""
        return frozenset(f"{self.scheme}://{host}" for host in self.hosts)

    @cached_property
    def root(self) -> str:
        """The path under which the page lies at the proxy's address, without its end; empty for all of it."""
        return urlsplit(self.public).path.rstrip("/")

    @property
    def address(self) -> str:
        """The address for people."""
        return self.public or f"{self.scheme}://{_bracketed(self.host)}:{self.port}"

    def check(self) -> None:
        """Refuse a page that would carry passphrases over a network in the clear.

        Raises:
            ConfigurationError: `settings.bad_configuration`.
        """
        if self.public:
            _check_public(self.public)
        elif not is_loopback(self.host) and not self.tls:
            reason = "beyond this machine passphrases need TLS: --tls-certificate and --tls-key, or --public-url"
            raise ConfigurationError(key="--host", reason=reason)


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine alone."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check_public(address: str) -> None:
    parts = urlsplit(address)
    plain = not (parts.query or parts.fragment) and parts.username is None and _PATH.fullmatch(parts.path)
    if parts.scheme != "https" or not parts.hostname or not plain:
        reason = "must be https://HOST, https://HOST:PORT, or one of these with a path such as /approvals, and no more"
        raise ConfigurationError(key="--public-url", reason=reason)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
