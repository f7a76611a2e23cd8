"""How a source of a contract suite opens what is tried: as a deployment would, without waiting for its protections."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from erp_mcp.adapters import Connection
from erp_mcp.testing.limits import NO_LIMITS


class FixedIdentity:
    """Signs in with the same headers for ever."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        """Keep the headers; they are in no `repr`."""
        self._headers = dict(headers)

    async def headers(self) -> Mapping[str, str]:
        """Return them."""
        return self._headers

    async def after_refusal(self, refused: Mapping[str, str]) -> bool:  # noqa: ARG002  the form of an identity
        """Say no: there are no newer ones."""
        return False

    def certificate(self, context: ssl.SSLContext) -> None:
        """Load nothing."""

    async def close(self) -> None:
        """Let go of nothing."""


def connection_to(
    url: str,
    *,
    system: str = "erp",
    database: str = "",
    account: str = "",
    secret: str = "",
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 5.0,
    page_rows: int = 3,
    options: Mapping[str, str] | None = None,
) -> Connection:
    """Return a connection for a contract suite.

    Args:
        url: Address of the system; plain http is for this machine alone.
        system: Its name in the deployment.
        database: Database behind the address.
        account: Who reads or writes.
        secret: For kinds that sign in themselves.
        headers: What each request bears, for kinds that leave signing in to the deployment.
        timeout_s: Of one request; keep it short where the system is to be slow.
        page_rows: Rows of one page; small, so that there are several pages.
        options: The kind's own settings.
    """
    return Connection(
        system=system,
        url=url,
        database=database,
        account=account,
        secret=secret,
        timeout_s=timeout_s,
        page_rows=page_rows,
        options=options or {},
        limits=NO_LIMITS,
        identity=FixedIdentity(headers) if headers is not None else None,
    )
