"""How every kind that speaks HTTP opens the way out of its connection."""

from __future__ import annotations

import ipaddress
import ssl
from typing import Final

from erp_mcp.adapters._connection import Connection
from erp_mcp.egress import Egress, EgressLimits, Origin
from erp_mcp.egress.places import where_to
from erp_mcp.errors import ConfigurationError

OPTIONS: Final = frozenset({"ca_file", "max_mb", "plain_http"})
"""Options that `open_egress` reads; a kind adds its own and refuses the rest."""

_DEFAULT_MB: Final = 32
_CONNECT_S: Final = 5.0


def open_egress(connection: Connection, *, identity: bool = True) -> Egress:
    """Return the way out of a connection: its origin alone, its networks, limits, traffic and identity.

    Options: `ca_file` (own certificate authorities), `max_mb` (largest answer, 32), `plain_http: allowed` (no TLS to
    another machine).

    Args:
        connection: The configured system, for reading or for writing.
        identity: Let each request bear the connection's identity; a kind that signs in by itself says no.

    Raises:
        ConfigurationError: `settings.bad_configuration`, naming the key.
    """
    return Egress(
        system=connection.system,
        allowed=[checked_origin(connection)],
        limits=EgressLimits(
            connect_s=min(_CONNECT_S, connection.timeout_s),
            read_s=connection.timeout_s,
            total_s=connection.timeout_s,
            max_bytes=number_option(connection, "max_mb", _DEFAULT_MB) * 1024 * 1024,
            connections=connection.limits.concurrent,
        ),
        trust=_trust(connection),
        networks=connection.networks,
        where=where_to(connection.url),
        traffic=connection.traffic,
        traffic_limits=connection.limits,
        identity=connection.identity if identity else None,
    )


def checked_origin(connection: Connection) -> Origin:
    """Return the origin of a connection's address: https, or http to this machine or where plain http is allowed.

    Raises:
        ConfigurationError: `settings.bad_configuration`, key `url`.
    """
    origin = Origin.of(connection.url)
    if origin is None:
        raise wrong(connection, "url", "an http or https address without credentials is needed")
    if origin.scheme == "http" and not _local(origin.host) and connection.options.get("plain_http") != "allowed":
        raise wrong(connection, "url", "https is needed to another machine, or `plain_http: allowed`")
    return origin


def number_option(connection: Connection, key: str, default: int) -> int:
    """Return an option that is a whole number.

    Raises:
        ConfigurationError: `settings.bad_configuration`, naming the option.
    """
    text = connection.options.get(key, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= 6):
        raise wrong(connection, f"options.{key}", "a whole number is needed")
    return int(text)


def wrong(connection: Connection, key: str, reason: str) -> ConfigurationError:
    """Return the error for a wrong setting of a system."""
    return ConfigurationError(key=f"systems.{connection.system}.{key}", reason=reason)


def _trust(connection: Connection) -> ssl.SSLContext | None:
    file = connection.ca_file or connection.options.get("ca_file", "")
    if not file:
        return None
    try:
        return ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError):
        raise wrong(connection, "options.ca_file", "it can't be read") from None


def _local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
