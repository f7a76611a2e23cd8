"""Where a request goes to: scheme, host and port, as an allow-list has them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import httpx2

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MAX_URL: Final = 16_000
_TELLABLE: Final = re.compile(r"[a-z0-9._:-]{1,100}")  # a host may be a system's own words: a name, and no more


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what an allow-list lists. A host of other letters stands in its ASCII form."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin | None:
        """Return the origin of an http or https address without credentials in it, else `None`."""
        if len(url) > _MAX_URL:
            return None
        try:
            parsed = httpx2.URL(url)
            usual = _DEFAULT_PORTS[parsed.scheme]  # also where a port is given: no other scheme is spoken
            port = usual if parsed.port is None else parsed.port
            host = parsed.raw_host.decode("ascii").lower()
        except (httpx2.InvalidURL, KeyError, TypeError, ValueError):
            return None
        if not host or parsed.userinfo or not 0 < port < 65_536:
            return None
        return cls(parsed.scheme, host, port)


def refused_host(host: str, port: int) -> dict[str, str]:
    """Return the fact that says which host was refused: host and port alone, none where it is no plain name."""
    name = host.strip("[]").lower()
    if not _TELLABLE.fullmatch(name):
        return {}
    return {"host": f"[{name}]:{port}" if ":" in name else f"{name}:{port}"}
