"""What a REST system needs to be reached, taken from the configured connection and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from erp_mcp.adapters._connection import Connection
from erp_mcp.adapters._http_connection import OPTIONS, checked_origin, number_option, wrong
from erp_mcp.adapters.rest.grammar import MAX_ROWS, Head

OVERLAP_S: Final = 300

_VALUE: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestSettings:
    """Where the system is, and the bounds of one request. `root` is its address with the profile's base path."""

    system: str
    account: str
    root: str
    page_rows: int
    overlap_s: int
    options: Mapping[str, str]

    @classmethod
    def of(cls, connection: Connection, head: Head) -> RestSettings:
        """Return the settings of a connection.

        Options: `overlap_s` (seconds re-read before the watermark, 300), those that the profile names, and those of
        `_http_connection.open_egress`.

        Raises:
            ConfigurationError: `settings.bad_configuration`, naming the key.
        """
        checked_origin(connection)
        if "?" in connection.url or "#" in connection.url:
            raise wrong(connection, "url", "an address without query and fragment is needed")
        unknown = set(connection.options) - OPTIONS - {"overlap_s", *head.options}
        if unknown:
            raise wrong(connection, f"options.{min(unknown)}", "there is no such option")
        for name in head.options:
            if not _VALUE.fullmatch(connection.options.get(name, "")):
                raise wrong(connection, f"options.{name}", "the profile needs it: letters, digits, dots and dashes")
        return cls(
            system=connection.system,
            account=connection.account,
            root=connection.url.rstrip("/") + head.base,
            page_rows=max(2, min(connection.page_rows, MAX_ROWS)),
            overlap_s=number_option(connection, "overlap_s", OVERLAP_S),
            options={name: connection.options[name] for name in head.options},
        )
