"""What every kind of adapter is opened with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from erp_mcp.credentials import Identity
from erp_mcp.domain.profile import Profile
from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.ports import Adapter, Clock, Commands, SecretSource, Traffic


class ConfiguredSystem(Protocol):
    """One system as the configuration describes it."""

    @property
    def name(self) -> str:
        """Name in this deployment."""
        ...

    @property
    def url(self) -> str:
        """Address; for a file, its path."""
        ...

    @property
    def database(self) -> str:
        """Database behind the address, where there are several."""
        ...

    @property
    def account(self) -> str:
        """Account that may read, and nothing more."""
        ...

    @property
    def timeout_s(self) -> int:
        """Longest time of one request, in seconds."""
        ...

    @property
    def page_rows(self) -> int:
        """Rows of one page."""
        ...

    @property
    def options(self) -> Mapping[str, str]:
        """The kind's own settings."""
        ...

    @property
    def networks(self) -> tuple[str, ...]:
        """Networks that the address may lead to beside public ones (CIDR)."""
        ...

    @property
    def limits(self) -> TrafficLimits:
        """What the system bears."""
        ...


class WriteAccount(Protocol):
    """The account that writes."""

    @property
    def account(self) -> str:
        """Its name in the system."""
        ...


class WritableSystem(ConfiguredSystem, Protocol):
    """A configured system that may have an account that writes."""

    @property
    def write(self) -> WriteAccount | None:
        """The account that writes; nothing is ever written where there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a deployment gives a connection beside the settings: the secret as it is now, who we are, shared traffic."""

    credential: SecretSource | None = field(default=None, repr=False)
    identity: Identity | None = field(default=None, repr=False)
    traffic: Traffic | None = field(default=None, repr=False)
    ca_file: str = ""


NO_ACCESS: Final = Access()
"""For a system that asks for nothing of the kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to reach one configured system.

    `secret` is the resolved secret; it is kept out of `repr` and never put into an error. `timeout_s` bounds one
    request, `page_rows` the rows of one page. `options` are the kind's own settings. `networks` are the networks that
    the address may lead to beside public ones. `traffic` is shared by all processes; without one, each connection
    counts for itself. `credential` gives the secret as it is now, `identity` what each request bears for it; a kind
    that signs in otherwise uses `account` and `credential`. `ca_file` replaces the machine's certificate authorities.
    """

    system: str
    url: str
    database: str = ""
    account: str = ""
    secret: str = field(default="", repr=False)
    timeout_s: float = 30.0
    page_rows: int = 2000
    options: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[str, ...] = ()
    limits: TrafficLimits = field(default_factory=TrafficLimits)
    traffic: Traffic | None = field(default=None, repr=False)
    credential: SecretSource | None = field(default=None, repr=False)
    identity: Identity | None = field(default=None, repr=False)
    ca_file: str = ""


class Opens(Protocol):
    """What a class named in `KINDS`, or by an `erp_mcp.adapters` entry point, must offer."""

    @classmethod
    def open(cls, connection: Connection, profile: Profile, clock: Clock) -> Adapter:
        """Return an adapter; nothing is contacted before the first read.

        Raises:
            ProfileFileError: `systems.bad_profile`, when the profile lacks what this kind needs.
        """
        ...


class OpensCommands(Protocol):
    """What a class named in `COMMANDS` must offer."""

    @classmethod
    def open(cls, connection: Connection, profile: Profile, clock: Clock) -> Commands:
        """Return the commands; nothing is contacted before the first of them.

        Raises:
            ProfileFileError: `systems.bad_profile`, when the profile's `commands` are not those of this kind.
        """
        ...
