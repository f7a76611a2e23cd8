"""Finds out what became of a change when nobody can say; nothing is ever sent from here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from erp_mcp.committing.held_back import held_back_by, later, pause_s
from erp_mcp.committing.moving import FIND_S, LOOKED_FOR_S, Facts, Moves, ask_after_s, found, ticket_of
from erp_mcp.committing.signatures import Signatures
from erp_mcp.domain.command import Accepted, Command, Committed, Refused, RetryContract, Unknown
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.proposal import Proposal
from erp_mcp.errors import GatewayError, ProposalMovedError
from erp_mcp.ports import Acknowledges, Commands

Word = Committed | Refused | Accepted | Unknown
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
        if contract.shows_taken_in:
            said = await _acknowledged(commands, contract, command, "")
            if isinstance(said, Unknown):
                return self._later(proposal, said.reason)
            if said is not None:
                return self._said(proposal, contract, said, self.moves.clock.wall())
        return self._missed(proposal, contract)

    async def _asked(
        self, proposal: Proposal, commands: Commands, contract: RetryContract, accepted: datetime
    ) -> Proposal:
        """Ask what became of what the system took in: it says so, or it is asked again, until its time is over.

        It was taken in for certain, so that nothing is there yet says nothing; it is never called not applied.
        """
        ticket = self.moves.proposals.ticket(proposal.content.proposal_id)
        try:
            said = await _acknowledged(commands, contract, proposal.content.command, ticket)
        except Exception as error:  # noqa: BLE001 - whatever hinders asking is no word
            patient = replace(contract, ack_s=max(contract.ack_s, _GIVE_UP_S))
            return self._wait(proposal, patient, accepted, held_back_by(error).reason)
        self.moves.at("asked")
        if said is None:
            return self._wait(proposal, contract, accepted)
        return self._said(proposal, contract, said, accepted, ticket)

    def _said(
        self, proposal: Proposal, contract: RetryContract, said: Word, accepted: datetime, ticket: str = ""
    ) -> Proposal:
        """Leave it where the word of its system puts it."""
        match said:
            case Committed(written=there, warnings=warnings):
                return self.moves.commit(proposal, there, "read_back", read_back="same", warnings=warnings)
            case Refused(code=code, native_code=native):
                return self.moves.make(proposal, "refuse", reason=code, facts={"native_code": native} if native else {})
            case Accepted():
                facts = ticket_of(said) if said.ticket != ticket else {}
                return self._wait(proposal, contract, accepted, at_least=ask_after_s(said), facts=facts)
            case Unknown(reason=reason):
                return self._wait(proposal, contract, accepted, reason)

    def _wait(
        self,
        proposal: Proposal,
        contract: RetryContract,
        accepted: datetime,
        reason: str = "",
        *,
        at_least: int = 0,
        facts: Facts | None = None,
    ) -> Proposal:
        """Ask again later, or leave it to a person once the time for an acknowledgement is over."""
        ends = accepted + timedelta(seconds=contract.ack_s)
        if self.moves.clock.wall() >= ends and self.moves.watch.is_steady():
            last: Facts = {"last": reason} if reason else {}
            return self.moves.make(proposal, "hand_over", reason="not_acknowledged", facts=last)
        again = min(self.moves.again_after(pause_s(proposal.fence, at_least=at_least)), later(ends, 0))
        reason = reason or "not_acknowledged_yet"
        return self.moves.make(proposal, "wait", reason=reason, not_before=again, facts=facts)

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
        """Two clean misses end it: one after the system had its time to settle, another as long again after that.

        It is looked for in between as well: found, it is over; a miss before its time says nothing.
        """
        self.moves.watch.check()  # what is not there yet by a clock that has jumped may come
        settled = later(
            self._missed_at(proposal) if proposal.misses else self._unknown_since(proposal), contract.settle_s
        )
        if self.moves.after(0) < settled:
            soon = min(settled, self.moves.after(max(pause_s(proposal.fence), LOOKED_FOR_S)))
            soon = soon if self._first_unknown(proposal) else settled  # a move now would count as when it began
            return self.moves.make(
                proposal, "lose", reason="missed" if proposal.misses else "not_settled", not_before=soon
            )
        if not proposal.misses:
            again = self.moves.after(min(contract.settle_s, LOOKED_FOR_S))
            return self.moves.make(proposal, "lose", reason="missed", not_before=again, misses=1)
        return self.moves.make(proposal, "miss", reason="not_applied", misses=proposal.misses + 1)

    def _missed_at(self, proposal: Proposal) -> datetime:
        """Return when it was missed first; without any event of that it is this moment, which is never too early."""
        missed = ""
        for event in self.moves.proposals.history(proposal.content.proposal_id):
            if event.type == "proposal.sending":
                missed = ""
            elif event.type == "proposal.unknown" and event.payload["reason"] == "missed":
                missed = missed or event.time
        return parse_instant(missed) if missed else self.moves.clock.wall()

    def _later(self, proposal: Proposal, reason: str) -> Proposal:
        accepted = self._accepted_at(proposal)
        if accepted is not None:
            unasked = RetryContract(kind="none", settle_s=0, ack_s=_GIVE_UP_S)
            return self._wait(proposal, unasked, accepted, reason)
        waited = (self.moves.clock.wall() - self._unknown_since(proposal)).total_seconds()
        if waited > _GIVE_UP_S and self.moves.watch.is_steady():
            return self.moves.make(proposal, "hand_over", reason="unknown_for_too_long", facts={"last": reason})
        not_before = self.moves.again_after(pause_s(proposal.fence))
        return self.moves.make(proposal, "lose", reason=reason, not_before=not_before)

    def _unknown_since(self, proposal: Proposal) -> datetime:
        """Return when the outcome became unknown: the first such event after the last sending.

        Without any event (somebody took them away) it is the end of the proposal's time, which is never too early.
        """
        return parse_instant(self._first_unknown(proposal) or proposal.content.expires_at)

    def _first_unknown(self, proposal: Proposal) -> str:
        """Return the instant of the first such event after the last sending, empty where there is none."""
        since = ""
        for event in self.moves.proposals.history(proposal.content.proposal_id):
            if event.type == "proposal.sending":
                since = ""
            elif event.type == "proposal.unknown":
                since = since or event.time
        return since


async def _acknowledged(commands: Commands, contract: RetryContract, command: Command, ticket: str) -> Word | None:
    """Return what the system says of what it took in; one that can't be asked is looked into, where that tells.

    Raises:
        TimeoutError: it takes too long; otherwise as `ports.Commands.find`.
    """
    asks: object = commands
    if isinstance(asks, Acknowledges):
        async with asyncio.timeout(FIND_S):
            return await asks.acknowledged(command, ticket)
    there = await found(commands, command) if contract.kind != "none" else None
    return Committed(written=there) if there is not None else None
