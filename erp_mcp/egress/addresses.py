"""Which network addresses a host may lead to: public ones, and what the operator listed.

A name is looked up once per connection, every address it has is judged, and the connection goes to one of those. So a
name that leads somewhere else a moment later leads nowhere.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from erp_mcp.egress.origin import Origin
from erp_mcp.errors import ConfigurationError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LOOPBACK: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

# what is not public, IANA's special-purpose registries; of IPv6 only 2000::/3 is ever public
_SPECIAL_V4: Final = tuple(
    ipaddress.IPv4Network(one)
    for one in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
_PUBLIC_V6: Final = ipaddress.IPv6Network("2000::/3")
_SPECIAL_V6: Final = tuple(
    ipaddress.IPv6Network(one) for one in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)  # Teredo, ORCHID, documentation, 6to4, direct delegation

# where clouds answer with credentials; some of these are public addresses
_METADATA: Final = frozenset(
    ipaddress.ip_address(one)
    for one in (
        "169.254.169.254", "169.254.169.253", "169.254.169.123", "169.254.170.2", "169.254.170.23", "100.100.100.200",
        "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fe80::a9fe:a9fe",
    )
)  # fmt: skip

# IPv6 forms that carry an IPv4 address in their last 32 bits, or (6to4) in the 32 after the first 16
_CARRIERS: Final = tuple(
    (ipaddress.IPv6Network(one), shift)
    for one, shift in (
        ("::ffff:0:0/96", 0), ("::ffff:0:0:0/96", 0), ("::/96", 0), ("64:ff9b::/96", 0), ("64:ff9b:1::/48", 0),
        ("2002::/16", 80),
    )
)  # fmt: skip
_NOT_CARRIERS: Final = frozenset({ipaddress.ip_address("::"), ipaddress.ip_address("::1")})
# a host whose last label is a number is an address in one of its many spellings, or nothing
_NUMBERS: Final = re.compile(r"(?:^|\.)(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?$")


@dataclass(frozen=True, slots=True)
class AddressRules:
    """What one system's addresses may be."""

    networks: tuple[Network, ...]
    literal: frozenset[Address]  # written as addresses in the system's own url
    local: bool  # `localhost` is written there

    @classmethod
    def of(cls, system: str, networks: Iterable[str], allowed: Iterable[Origin]) -> AddressRules:
        """Return the rules for listed networks and origins.

        Raises:
            ConfigurationError: `settings.bad_configuration`, for a network that is none.
        """
        hosts = [origin.host for origin in allowed]
        return cls(
            networks=tuple(_network(system, one) for one in networks),
            literal=frozenset(found for found in map(literal_address, hosts) if found is not None),
            local="localhost" in hosts,
        )

    def allows(self, host: str, address: Address) -> bool:
        """Say whether a connection for `host` may go to `address`."""
        if address in _METADATA:
            return any(one.num_addresses == 1 and address in one for one in self._of(address))
        carried = _carried(address)
        if carried is not None and not self.allows(host, carried):
            return False
        if host == "localhost" and self.local and any(address in one for one in _LOOPBACK):
            return True
        if address in self.literal and literal_address(host) == address:
            return True
        return _is_public(address) or any(address in one for one in self._of(address))

    def _of(self, address: Address) -> tuple[Network, ...]:
        return tuple(one for one in self.networks if one.version == address.version)


def literal_address(host: str) -> Address | None:
    """Return the address that a host spells in the one usual way, else `None`."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def is_odd_number(host: str) -> bool:
    """Say whether a host is an address in an unusual spelling: decimal, octal, hexadecimal, shortened."""
    return literal_address(host) is None and _NUMBERS.search(host) is not None


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in one for one in _SPECIAL_V4)
    return address in _PUBLIC_V6 and address.scope_id is None and not any(address in one for one in _SPECIAL_V6)


def _carried(address: Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address inside an IPv6 one that leads to it."""
    if isinstance(address, ipaddress.IPv4Address) or address in _NOT_CARRIERS:
        return None
    for network, shift in _CARRIERS:
        if address in network:
            return ipaddress.IPv4Address(int(address) >> shift & 0xFFFF_FFFF)
    return None


def _network(system: str, text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise ConfigurationError(
            key=f"systems.{system}.networks", reason="a network such as 10.20.0.0/16 is needed"
        ) from None
