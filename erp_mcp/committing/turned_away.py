"""A system that turned a request away may have carried it out all the same: a proxy that said 429 too late, a repeat.

So what was sent before is looked for before anything else is said of it: it is there as it was asked for, and then it
is committed; or it is not, and then it may be sent again, or called stale.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from erp_mcp.committing.held_back import HeldBackError
from erp_mcp.committing.moving import found
from erp_mcp.domain.command import NotSent, RetryContract, Written
from erp_mcp.domain.proposal import Content
from erp_mcp.errors import GatewayError
from erp_mcp.ports import Commands, Proposals

_BACK: Final = ("proposal.sending", "proposal.approved")  # next to each other in a history
# Said by an answer of the system, and not for want of a connection: whoever answered may have passed it on.
_BY_AN_ANSWER: Final = frozenset({"rate_limited", "locked_in_system", "sign_in_refused", "token_refused"})
_NEVER_LEFT: Final = frozenset({"lease_too_short", "system_unreachable", "system_resting", "not_allowed"})
_log = logging.getLogger("erp_mcp")


class AppliedError(Exception):
    """What was turned away is there after all; nothing is sent, and the proposal is committed as it was read back."""

    def __init__(self, written: Written) -> None:
        """Keep what is there."""
        super().__init__(written.key)
        self.written: Final = written


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedAway:
    """Looks for what was sent before."""

    proposals: Proposals

    def happened(self, content: Content) -> bool:
        """Say whether a proposal was sent and turned away before: its history goes from sending back to approved.

        Any other way from sending to approved is none of ours; what is found then is for a person to look at. What
        never left this machine was not turned away.
        """
        steps = pairwise(self.proposals.history(content.proposal_id))
        return any((one.type, two.type) == _BACK and two.payload["reason"] not in _NEVER_LEFT for one, two in steps)

    async def check(self, commands: Commands, contract: RetryContract, content: Content) -> None:
        """Refuse to go on with what was turned away before and is there.

        Raises:
            AppliedError: it is there. HeldBackError: nobody can look, so it is for a person and not sent again.
            Otherwise as `ports.Commands.find`: it can't be said now.
        """
        if not self.happened(content):
            return
        if contract.kind == "none":
            raise HeldBackError("hand_over", "cannot_be_read_back")
        await self._look(commands, contract, content)

    async def superseded(self, commands: Commands, contract: RetryContract, content: Content) -> None:
        """Look right after a system said that the record has another version than the one that was approved.

        That may be what this very change wrote: when it was sent before, or when somebody on the way sent it twice and
        only the answer to the second came back. Raises as `check`.
        """
        if self.happened(content):
            await self.check(commands, contract, content)
        else:
            await self._look(commands, contract, content)

    async def _look(self, commands: Commands, contract: RetryContract, content: Content) -> None:
        if contract.kind == "none":
            return
        there = await found(commands, content.command)
        if there is not None:
            raise AppliedError(there)

    async def at_once(self, commands: Commands, contract: RetryContract, content: Content, said: NotSent) -> None:
        """Look right after an answer that turned a request away, unless it asks to be left alone for a while.

        What hinders looking is no reason for anything: it is looked for again before it is sent again.

        Raises:
            AppliedError: it is there.
        """
        if said.retry_after_s or said.reason not in _BY_AN_ANSWER:
            return
        try:
            await self._look(commands, contract, content)
        except (GatewayError, TimeoutError) as error:
            code = error.code if isinstance(error, GatewayError) else "timeout"
            _log.warning("%s was turned away and can't be looked for: %s", content.proposal_id, code)
