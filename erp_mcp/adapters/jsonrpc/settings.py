"""What a JSON-RPC system needs to be reached, taken from the configured connection and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from erp_mcp.adapters._connection import Connection
from erp_mcp.adapters._http_connection import OPTIONS, checked_origin, number_option, wrong

MAX_PAGE_ROWS: Final = 500
"""Rows with their linked records: a larger page only makes answers long, not faster."""

_DATABASE: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
_OPTIONS: Final = OPTIONS | {"overlap_s"}


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonRpcSettings:
    """Where the system is and who signs in; `connection` is what the way out is opened with."""

    connection: Connection = field(repr=False)
    system: str
    rpc_url: str
    database: str
    account: str
    secret: str = field(repr=False)
    page_rows: int
    overlap_s: int

    @classmethod
    def of(cls, connection: Connection) -> JsonRpcSettings:
        """Return the settings of a connection.

        Options: `ca_file` (own certificate authorities), `overlap_s` (seconds re-read before the watermark, 300),
        `max_mb` (largest answer, 32), `plain_http: allowed` (no TLS to another machine).

        Raises:
            ConfigurationError: `settings.bad_configuration`, naming the key.
        """
        _check(connection)
        return cls(
            connection=connection,
            system=connection.system,
            rpc_url=f"{connection.url.rstrip('/')}/{connection.database}/rpc/",
            database=connection.database,
            account=connection.account,
            secret=connection.secret,
            page_rows=max(1, min(connection.page_rows, MAX_PAGE_ROWS)),
            overlap_s=number_option(connection, "overlap_s", 300),
        )


def _check(connection: Connection) -> None:
    """See to it that everything that is needed is there and nothing is unknown."""
    checked_origin(connection)
    unknown = set(connection.options) - _OPTIONS
    if unknown:
        raise wrong(connection, f"options.{min(unknown)}", "there is no such option")
    for key in ("database", "account"):
        if not getattr(connection, key):
            raise wrong(connection, key, "it is needed to sign in")
    if not connection.secret and connection.credential is None:
        raise wrong(connection, "secret", "it is needed to sign in")
    if not _DATABASE.fullmatch(connection.database):
        raise wrong(connection, "database", "a plain name is needed, since it becomes part of the address")
