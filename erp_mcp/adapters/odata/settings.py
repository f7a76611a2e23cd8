"""What an OData system needs to be reached, taken from the configured connection and checked."""

from __future__ import annotations

import base64
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from erp_mcp.adapters._connection import Connection
from erp_mcp.adapters._http_connection import OPTIONS, checked_origin, number_option, wrong
from erp_mcp.adapters.odata.grammar import Head, Version

MAX_PAGE_ROWS: Final = 1000
"""Servers cap pages at about this; a larger one only makes answers long."""

_CLIENT: Final = re.compile(r"[0-9]{3}")
_OPTIONS: Final = OPTIONS | {"next_links", "overlap_s", "sap_client"}
_OVERLAP_S: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class ODataSettings:
    """Where the services are, and the bounds of one request. `services` are addresses by alias, ending in a slash.

    `versions` says which version each of them speaks, `version` what most of them do.
    """

    system: str
    account: str
    version: Version
    services: Mapping[str, str]
    versions: Mapping[str, Version]
    page_rows: int
    overlap_s: int
    rewrite_links: bool
    headers: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, connection: Connection, head: Head) -> ODataSettings:
        """Return the settings of a connection.

        Options: `overlap_s` (seconds re-read before the watermark, 300), `next_links: rewrite` (the system names its
        next pages by another host than the one it is reached by), `sap_client` (three digits); and those of
        `_http_connection.open_egress`.

        Raises:
            ConfigurationError: `settings.bad_configuration`, naming the key.
        """
        _check_installed(connection)
        checked_origin(connection)
        if "?" in connection.url or "#" in connection.url:
            raise wrong(connection, "url", "an address without query and fragment is needed")
        unknown = set(connection.options) - _OPTIONS
        if unknown:
            raise wrong(connection, f"options.{min(unknown)}", "there is no such option")
        links = connection.options.get("next_links", "")
        if links not in {"", "rewrite"}:
            raise wrong(connection, "options.next_links", "`rewrite` is all that can stand here")
        root = connection.url.rstrip("/")
        return cls(
            system=connection.system,
            account=connection.account,
            version=head.version,
            versions={alias: head.version_of(alias) for alias in head.services},
            services={alias: f"{root}/{path}/" for alias, path in head.services.items()},
            page_rows=max(1, min(connection.page_rows, MAX_PAGE_ROWS)),
            overlap_s=number_option(connection, "overlap_s", _OVERLAP_S),
            rewrite_links=links == "rewrite",
            headers=_headers(connection),
        )


def _check_installed(connection: Connection) -> None:
    if any(importlib.util.find_spec(name) is None for name in ("lxml", "pyodata")):
        raise wrong(connection, "profile", 'it needs the extra odata: pip install "erp-mcp-gateway[odata]"')


def _headers(connection: Connection) -> Mapping[str, str]:
    """Return what each request bears: the client of SAP, and account and secret where no identity says otherwise."""
    client = connection.options.get("sap_client", "")
    if client and not _CLIENT.fullmatch(client):
        raise wrong(connection, "options.sap_client", "three digits are needed")
    headers = {"sap-client": client} if client else {}
    if connection.identity is None and connection.account:
        pair = base64.b64encode(f"{connection.account}:{connection.secret}".encode()).decode("ascii")
        headers["Authorization"] = f"Basic {pair}"
    return headers
