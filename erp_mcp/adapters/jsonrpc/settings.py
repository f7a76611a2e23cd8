"""What a JSON-RPC system needs to be reached, taken from the configured connection and checked."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final

from erp_mcp.adapters._connection import Connection
from erp_mcp.adapters._http import EgressLimits, Origin
from erp_mcp.errors import ConfigurationError

MAX_PAGE_ROWS: Final = 500
"""Rows with their linked records: a larger page only makes answers long, not faster."""

_DATABASE: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
_OPTIONS: Final = frozenset({"ca_file", "overlap_s", "max_mb", "plain_http"})


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonRpcSettings:
    """Where the system is, who signs in, and the bounds of one request."""

    system: str
    origin: Origin
    rpc_url: str
    database: str
    account: str
    secret: str = field(repr=False)
    limits: EgressLimits
    page_rows: int
    overlap_s: int
    ca_file: str

    @classmethod
    def of(cls, connection: Connection) -> JsonRpcSettings:
        """Return the settings of a connection.

        Options: `ca_file` (own certificate authorities), `overlap_s` (seconds re-read before the watermark, 300),
        `max_mb` (largest answer, 32), `plain_http: allowed` (no TLS to another machine).

        Raises:
            ConfigurationError: `settings.bad_configuration`, naming the key.
        """
        origin = _checked(connection)
        return cls(
            system=connection.system,
            origin=origin,
            rpc_url=f"{connection.url.rstrip('/')}/{connection.database}/rpc/",
            database=connection.database,
            account=connection.account,
            secret=connection.secret,
            limits=EgressLimits(
                connect_s=min(5.0, connection.timeout_s),
                read_s=connection.timeout_s,
                total_s=connection.timeout_s,
                max_bytes=_number(connection, "max_mb", 32) * 1024 * 1024,
            ),
            page_rows=max(1, min(connection.page_rows, MAX_PAGE_ROWS)),
            overlap_s=_number(connection, "overlap_s", 300),
            ca_file=connection.options.get("ca_file", ""),
        )


def _checked(connection: Connection) -> Origin:
    """Return the origin of a connection in which everything that is needed is there and nothing is unknown."""
    origin = Origin.of(connection.url)
    if origin is None:
        raise _wrong(connection, "url", "an http or https address without credentials is needed")
    unknown = set(connection.options) - _OPTIONS
    if unknown:
        raise _wrong(connection, f"options.{min(unknown)}", "there is no such option")
    if origin.scheme == "http" and not _local(origin.host) and connection.options.get("plain_http") != "allowed":
        raise _wrong(connection, "url", "https is needed to another machine, or `plain_http: allowed`")
    for key in ("database", "account", "secret"):
        if not getattr(connection, key):
            raise _wrong(connection, key, "it is needed to sign in")
    if not _DATABASE.fullmatch(connection.database):
        raise _wrong(connection, "database", "a plain name is needed, since it becomes part of the address")
    return origin


def _number(connection: Connection, key: str, default: int) -> int:
    text = connection.options.get(key, str(default))
    if not text.isdecimal() or len(text) > 6:
        raise _wrong(connection, f"options.{key}", "a whole number is needed")
    return int(text)


def _local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _wrong(connection: Connection, key: str, reason: str) -> ConfigurationError:
    return ConfigurationError(key=f"systems.{connection.system}.{key}", reason=reason)
