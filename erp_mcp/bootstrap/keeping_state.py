"""Where a deployment keeps its state: a file of this machine, or a schema on PostgreSQL that many machines share."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from erp_mcp.errors import ConfigurationError, StateUnavailableError
from erp_mcp.ports import Clock, Ids, Lease, Leases
from erp_mcp.settings import PostgresqlSettings, Settings

if TYPE_CHECKING:
    from erp_mcp.store.state.deployment_state import DeploymentState
    from erp_mcp.store.state.postgresql_engine import Place

_DRIVER: Final = "psycopg"


def open_state(settings: Settings, clock: Clock, ids: Ids) -> DeploymentState:
    """Return the state of a deployment; the caller closes it.

    Raises:
        StateUnavailableError: `state.unavailable`. ConfigurationError: `settings.bad_configuration`, where the driver
        is not installed. SecretUnavailableError: `credentials.unavailable`.
    """
    if settings.state is None:
        from erp_mcp.store.state.sqlite import State

        return State(settings.state_dir, clock=clock, ids=ids)
    _check_driver()
    from erp_mcp.store.state.postgresql import PostgresqlState

    return PostgresqlState(_place(settings, settings.state), clock=clock, ids=ids)


def prepare_state(settings: Settings) -> int:
    """Make or renew the schema of a deployment's state as its owner, and return its version.

    Raises:
        ConfigurationError: `settings.bad_configuration`, where the configuration names no PostgreSQL or no owner.
        StateUnavailableError: `state.unavailable`. SecretUnavailableError: `credentials.unavailable`.
    """
    state = settings.state
    if state is None or not state.owner_account:
        key = "state" if state is None else "state.postgresql.owner_account"
        raise ConfigurationError(file=str(settings.file), key=key, reason="names nobody who could prepare a schema")
    _check_driver()
    import psycopg

    from erp_mcp.store.state.postgresql_engine import signed_in
    from erp_mcp.store.state.postgresql_schema import prepare

    try:
        connection = signed_in(_place(settings, state, as_owner=True))
        with connection:
            return prepare(
                connection,
                schema=state.schema,
                deployment=settings.deployment,
                role=state.account or state.owner_account,
            )
    except psycopg.Error as error:
        raise StateUnavailableError(reason=type(error).__name__) from error


class LocalLeases:
    """Leases of what only this machine has, such as its read model, in a state that other machines share."""

    def __init__(self, leases: Leases, settings: Settings) -> None:
        """Hold names in `leases`, each with the name of this machine and its read model behind it."""
        self._leases = leases
        import platform

        told = f"{platform.node()}\n{settings.read_model}"
        self._suffix = f"@{sha256(told.encode('utf-8')).hexdigest()[:12]}"

    def acquire(self, name: str, holder: str, *, ttl_s: int) -> Lease | None:
        """Return a lease, `None` while another process of this machine has it; see `ports.Leases`."""
        return self._leases.acquire(name.removesuffix(self._suffix) + self._suffix, holder, ttl_s=ttl_s)

    def release(self, lease: Lease) -> None:
        """Give a lease back; see `ports.Leases`."""
        self._leases.release(lease)


def _place(settings: Settings, state: PostgresqlSettings, *, as_owner: bool = False) -> Place:
    from erp_mcp.credentials.sources import local_secret
    from erp_mcp.store.state.postgresql_engine import Place

    account, reference = state.account, state.secret
    if as_owner:
        account, reference = state.owner_account, state.owner_secret
    return Place(
        url=state.url,
        schema=state.schema,
        deployment=settings.deployment,
        account=account,
        secret=lambda: local_secret(reference, settings.file.parent),
        ca_file=state.ca_file or ("" if _is_this_machine(state.url) else "system"),
    )


def _is_this_machine(url: str) -> bool:
    from ipaddress import ip_address
    from urllib.parse import urlsplit

    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check_driver() -> None:
    import importlib.util

    if importlib.util.find_spec(_DRIVER) is None:
        raise ConfigurationError(
            key="state.postgresql", reason="needs the driver: pip install 'erp-mcp-gateway[postgres]'"
        )
