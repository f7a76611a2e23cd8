"""Where the page lives: the names under which browsers may ask for it, and what only holds for one of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from urllib.parse import urlsplit

from erp_mcp.errors import ConfigurationError


@dataclass(frozen=True)
class Origin:
    """Where the page listens, and the address by which browsers reach it where another one stands before it.

    `public` is empty, or `https://HOST[:PORT]` of a proxy that ends TLS. `tls` says whether this process ends it.
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
    if parts.scheme != "https" or not parts.hostname or parts.path or parts.query or parts.username is not None:
        raise ConfigurationError(key="--public-url", reason="must be https://HOST or https://HOST:PORT, and no more")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
