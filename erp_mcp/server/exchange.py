"""The seam between the transport and the protocol: one message in, at most one answer out, notices beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from erp_mcp.domain.call import JsonValue
from erp_mcp.server.rpc import RequestId

SendNotice = Callable[[str, Mapping[str, JsonValue] | None], None]


def nobody(method: str, params: Mapping[str, JsonValue] | None) -> None:
    """Send nothing: there is no way to the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request under way.

    `busy`: it came beyond the bound on calls. `notify` writes a notice to the client, `ask` a request, of which the
    answer is never read.
    """

    id: RequestId
    method: str
    params: Mapping[str, JsonValue] | None
    notify: SendNotice
    busy: bool = False
    ask: SendNotice = nobody


class Peer(Protocol):
    """What a transport carries messages to."""

    async def request(self, exchange: Exchange) -> dict[str, JsonValue]:
        """Return the result of one request.

        Raises:
            RpcError: what is answered instead; nothing else is ever raised but cancellation.
        """
        ...

    async def notice(self, method: str, params: Mapping[str, JsonValue] | None) -> None:
        """Take note of a notification; never raises."""
        ...

    async def ready(self) -> None:
        """Wait until tools can be listed and called."""
        ...

    def end_streams(self) -> None:
        """End requests that last as long as the connection, so that each is answered."""
        ...
