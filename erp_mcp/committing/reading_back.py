"""Finds out what became of a change when nobody can say; nothing is ever sent from here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from erp_mcp.committing.held_back import held_back_by, later, pause_s
from erp_mcp.committing.moving import FIND_S, Moves, found
from erp_mcp.committing.signatures import Signatures
from erp_mcp.domain.command import Command, Committed, Refused, RetryContract, Written
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.proposal import Proposal
from erp_mcp.errors import GatewayError, ProposalMovedError
from erp_mcp.ports import Acknowledges, Commands

_GIVE_UP_S: Final = 24 * 3600  # after so long without an answer a person has to look


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingBack:
    """Reads proposals back whose outcome is unknown."""

    moves: Moves
    signatures: Signatures
    commands: Callable[[str], Awaitable[Commands]]
    target: Callable[[str], str]

    async def reconcile(self, proposal: Proposal) -> Proposal:
        """Look for what a proposal wrote, and leave it where that puts it."""
        tampering = self.signatures.tampering(proposal, now=self.moves.clock.wall())
        if tampering:  # an altered command would be looked for in vain, and not applied would be a lie
            return self.moves.make(proposal, "hand_over", reason=tampering)
        try:
            return await self._looked_for(proposal)
        except asyncio.CancelledError:
            with suppress(GatewayError):
                name = "lose" if self._accepted_at(proposal) is None else "wait"
                self.moves.make(proposal, name, reason="worker_stopped", not_before=self.moves.after(1))
            raise
        except ProposalMovedError:
            raise
        except Exception as error:  # noqa: BLE001 - it stays unknown, whatever hinders finding out
            return self._later(proposal, held_back_by(error).reason)

    async def _looked_for(self, proposal: Proposal) -> Proposal:
        command = proposal.content.command
        if self.target(command.system) != proposal.content.target:  # what is missed elsewhere says nothing
            return self._later(proposal, "target_changed")
        commands = await self.commands(command.system)
        contract = commands.operations.get(command.operation)
        if contract is None:
            return self._later(proposal, "operation_not_offered")
        accepted = self._accepted_at(proposal)
        if accepted is not None:
            return await self._asked(proposal, commands, contract, accepted)
        if contract.kind == "none":
            return self.moves.make(proposal, "hand_over", reason="cannot_be_read_back")
        there = await found(commands, command)
        self.moves.at("looked_for")
        if there is not None:
            return self.moves.commit(proposal, there, "read_back", read_back="same")
        return self._missed(proposal, contract)

    async def _asked(
        self, proposal: Proposal, commands: Commands, contract: RetryContract, accepted: datetime
    ) -> Proposal:
        """Ask what became of what the system took in: it says so, or it is asked again, until its time is over.

        It was taken in for certain, so that nothing is there yet says nothing; it is never called not applied.
        """
        said = await _acknowledged(commands, contract, proposal.content.command)
        self.moves.at("asked")
        match said:
            case Written():
                return self.moves.commit(proposal, said, "read_back", read_back="same")
            case Refused(code=code, native_code=native):
                return self.moves.make(proposal, "refuse", reason=code, facts={"native_code": native} if native else {})
        return self._wait(proposal, contract, accepted)

    def _wait(self, proposal: Proposal, contract: RetryContract, accepted: datetime, reason: str = "") -> Proposal:
        """Ask again later, or leave it to a person once the time for an acknowledgement is over."""
        if self.moves.clock.wall() >= accepted + timedelta(seconds=contract.ack_s):
            facts = {"last": reason} if reason else {}
            return self.moves.make(proposal, "hand_over", reason="not_acknowledged", facts=facts)
        again = self.moves.after(pause_s(proposal.fence))
        return self.moves.make(proposal, "wait", reason=reason or "not_acknowledged_yet", not_before=again)

    def _accepted_at(self, proposal: Proposal) -> datetime | None:
        """Return when the system took it in, `None` where the last sending ended otherwise."""
        taken = ""
        for event in self.moves.proposals.history(proposal.content.proposal_id):
            if event.type == "proposal.sending":
                taken = ""
            elif event.type == "proposal.awaiting_ack":
                taken = taken or event.time
        return parse_instant(taken) if taken else None

    def _missed(self, proposal: Proposal, contract: RetryContract) -> Proposal:
        """Two clean misses end it: one after the system had its time to settle, another as long again after that."""
        settled = later(self._unknown_since(proposal), contract.settle_s)
        if self.moves.after(0) < settled:  # looked for before that time, so this one says nothing yet
            return self.moves.make(proposal, "lose", reason="not_settled", not_before=settled)
        if not proposal.misses:
            again = self.moves.after(contract.settle_s)
            return self.moves.make(proposal, "lose", reason="missed", not_before=again, misses=1)
        return self.moves.make(proposal, "miss", reason="not_applied", misses=proposal.misses + 1)

    def _later(self, proposal: Proposal, reason: str) -> Proposal:
        accepted = self._accepted_at(proposal)
        if accepted is not None:
            unasked = RetryContract(kind="none", settle_s=0, ack_s=_GIVE_UP_S)
            return self._wait(proposal, unasked, accepted, reason)
        waited = (self.moves.clock.wall() - self._unknown_since(proposal)).total_seconds()
        if waited > _GIVE_UP_S:
            return self.moves.make(proposal, "hand_over", reason="unknown_for_too_long", facts={"last": reason})
        not_before = self.moves.after(pause_s(proposal.fence))
        return self.moves.make(proposal, "lose", reason=reason, not_before=not_before)

    def _unknown_since(self, proposal: Proposal) -> datetime:
        """Return when the outcome became unknown: the first such event after the last sending.

        Without any event (somebody took them away) it is the end of the proposal's time, which is never too early.
        """
        since = ""
        for event in self.moves.proposals.history(proposal.content.proposal_id):
            if event.type == "proposal.sending":
                since = ""
            elif event.type == "proposal.unknown":
                since = since or event.time
        return parse_instant(since or proposal.content.expires_at)


async def _acknowledged(commands: Commands, contract: RetryContract, command: Command) -> Written | Refused | None:
    """Return what the system says of what it took in; one that can't be asked is looked into, where that tells.

    Raises:
        TimeoutError: it takes too long; otherwise as `ports.Commands.find`.
    """
    asks: object = commands
    if not isinstance(asks, Acknowledges):
        return await found(commands, command) if contract.kind != "none" else None
    async with asyncio.timeout(FIND_S):
        said = await asks.acknowledged(command)
    return said.written if isinstance(said, Committed) else said
