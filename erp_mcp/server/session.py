"""What the server serves: one principal's view of one gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from erp_mcp.domain.answer import Answer, Refusal
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.proposal import Proposal
from erp_mcp.errors import GatewayError
from erp_mcp.policy.permissions import Permissions
from erp_mcp.ports import Ids

Outcome = Answer | Refusal


class ToolView(Protocol):
    """A tool as a list shows it; schemas are JSON Schema 2020-12 objects."""

    @property
    def name(self) -> str:
        """The name by which it is called."""
        ...

    @property
    def title(self) -> str:
        """A short name for people."""
        ...

    @property
    def description(self) -> str:
        """What it answers, written for a model that must choose."""
        ...

    @property
    def input_schema(self) -> Mapping[str, JsonValue]:
        """The published schema of its arguments."""
        ...

    @property
    def output_schema(self) -> Mapping[str, JsonValue]:
        """The published schema of its answer."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether a call leaves nothing behind but its record."""
        ...


class Gateway(Protocol):
    """The gateway as the server needs it."""

    def tools(self, principal: Principal) -> Sequence[ToolView]:
        """Return the tools of this principal's list, in a stable order."""
        ...

    def permissions(self, principal: Principal) -> Permissions | None:
        """Return what this principal may do by the applied policy; `None` when that does not know the agent."""
        ...

    async def call(self, principal: Principal, call: ToolCall) -> Outcome:
        """Answer or refuse one call; raises nothing but cancellation."""
        ...

    def turn_away(self, principal: Principal, call: ToolCall, why: GatewayError | None = None) -> Outcome:
        """Refuse a call unseen, for want of a place if not said otherwise, and record it."""
        ...

    def bundle_digest(self) -> str:
        """Return the digest of the applied policy; cheap, and fresh whichever process applied it."""
        ...


def _no_link(_proposal_id: str) -> str:
    """Be where people decide, where no page is known."""
    return ""


async def _nothing() -> None:
    """Be the work or the clean-up that a session does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """All that one stdio connection is served from.

    `structured` and `text` render an outcome, each whole. `background` runs beside the connection until it ends (the
    scheduled synchronisation), `close` after it. `proposals` gives a proposal by its id, whoever made it, as
    `ports.Proposals.get`; `link` the address where people decide about one, empty where the deployment names no page.
    `task_key` seals the ids of tasks; empty, no task is given.
    """

    gateway: Gateway
    principal: Principal
    ids: Ids
    structured: Callable[[Outcome], dict[str, JsonValue]]
    text: Callable[[Outcome], str]
    proposals: Callable[[str], Proposal] | None = None
    link: Callable[[str], str] = _no_link
    task_key: bytes = b""
    background: Callable[[], Awaitable[None]] = _nothing
    close: Callable[[], Awaitable[None]] = _nothing


Load = Callable[[], Awaitable[Session]]
