"""What an adapter needs of a database: rows, how old they are, and what the account may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from erp_mcp.adapters.sql.rights import Rights
from erp_mcp.adapters.sql.statements import Statement

Rows = list[dict[str, object]]

DOES_NOT_FIT: Final = "the database does not fit the profile"  # the reason of a `BadAnswerError`


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Rows by column name, and how many seconds a replica was behind when they were asked for; `None` for no replica.

    It was measured before the statement and on the same connection, so the rows are at least as new.
    """

    rows: Rows
    behind_s: float | None = None


class Source(Protocol):
    """Runs read-only statements on one database."""

    dialect: str

    async def find(self, statement: Statement, *, limit: int) -> Found:
        """Return at most `limit` rows.

        Raises:
            SystemUnreachableError: `adapter.unreachable`; SystemTimeoutError: `adapter.timeout`;
            SystemRefusedError: `adapter.refused`; BadAnswerError: `adapter.bad_answer`;
            AccountTooPowerfulError: `adapter.account_too_powerful`; SystemRestingError: `adapter.resting`;
            SystemBusyError: `adapter.busy`; SecretUnavailableError: `credentials.unavailable`.
        """
        ...

    async def rights(self) -> Rights:
        """Return what the account may do beside reading, whether that refuses it or not; errors as `find`."""
        ...

    async def probe(self) -> Mapping[str, str]:
        """Run one statement and return what answers here; errors as `find`."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
