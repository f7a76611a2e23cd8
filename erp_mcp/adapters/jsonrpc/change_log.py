"""What the system's own log of changes says: did this account write to a record since?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from erp_mcp.adapters.jsonrpc.query import SourceQuery
from erp_mcp.adapters.jsonrpc.rows import newest_of
from erp_mcp.adapters.jsonrpc.wire import Encodable

_ROUNDING: Final = timedelta(milliseconds=1)  # of the version, which is seconds as text


async def wrote_since(query: SourceQuery, resources: Sequence[str], *, user: int, version_token: str) -> bool:
    """Say whether the log has a change of an account that came after a version.

    Args:
        query: Asks in the session that writes.
        resources: Records as `model,id`.
        user: Record number of the account.
        version_token: The version that was approved.

    Raises:
        BadAnswerError: `adapter.bad_answer`, field `version_token`, for a token of another kind.
    """
    try:
        since = datetime.fromtimestamp(float(newest_of(version_token)), UTC).replace(tzinfo=None) + _ROUNDING
    except (ArithmeticError, ValueError, OSError, OverflowError):
        raise query.bad("version_token") from None
    domain: list[Encodable] = [
        ["resource", "in", list(resources)],
        ["event", "=", "write"],
        ["user", "=", user],
        ["create_date", ">", since],
    ]
    return bool(await query.rows("ir.model.log", domain, ["id"]))
