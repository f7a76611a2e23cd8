"""The moves that a worker makes, each under its lease and with the times that the next attempt has to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from erp_mcp.committing.held_back import HeldBackError, held_back_by, later, pause_s
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.clock_watch import ClockWatch
from erp_mcp.domain.command import Accepted, Command, RetryContract, Written
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.proposal import Proposal, Receipt, Step
from erp_mcp.ports import Clock, Commands, Proposals

FIND_S: Final = 30  # how long a system may take to say what is there
LOOKED_FOR_S: Final = 300  # what is not known is looked for so often, however long its system may take to settle
_LONGEST_ASK_S: Final = 3600

Facts = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """Makes moves; `at` is told the name of every point at which a process may die."""

    proposals: Proposals
    clock: Clock
    watch: ClockWatch
    at: Callable[[str], None]

    def make(
        self,
        proposal: Proposal,
        name: str,
        *,
        reason: str = "",
        not_before: str = "",
        misses: int | None = None,
        receipt: Receipt | None = None,
        facts: Facts | None = None,
    ) -> Proposal:
        """Make one move under our lease.

        Raises:
            ProposalMovedError: `proposal.moved`; another worker holds a higher fence.
        """
        step = Step(
            name=name,
            actor=proposal.holder,
            fence=proposal.fence,
            reason=reason,
            not_before=not_before,
            misses=misses,
            receipt=receipt,
            facts=facts or {},
        )
        return self.made(proposal, step)

    def made(self, proposal: Proposal, step: Step) -> Proposal:
        """Make a move that is worked out already; raises as `make`."""
        self.at(f"before_{step.name}")
        moved = self.proposals.move(proposal.content.proposal_id, step)
        self.at(f"after_{step.name}")
        return moved

    def believed(self, held: HeldBackError) -> HeldBackError:
        """Return why it is held back; nothing ends by a clock that has jumped, so then it waits whatever was found."""
        jumped = self.watch.look() if held.move != "postpone" else None
        return held if jumped is None else held_back_by(jumped)

    def postpone(self, proposal: Proposal, reason: str, *, at_least: int = 0, facts: Facts | None = None) -> Proposal:
        """Back to APPROVED: certainly not applied, to be tried again later, until its time is over."""
        not_before = self.again_after(pause_s(proposal.fence, at_least=at_least))
        return self.make(proposal, "postpone", reason=reason, not_before=not_before, facts=facts)

    def lose(self, proposal: Proposal, contract: RetryContract, reason: str, *, facts: Facts | None = None) -> Proposal:
        """Nobody can say what happened; it is looked for soon, and missed only once the system has had its time."""
        not_before = self.again_after(min(contract.settle_s, LOOKED_FOR_S))
        return self.make(proposal, "lose", reason=reason, not_before=not_before, misses=0, facts=facts)

    def commit(
        self,
        proposal: Proposal,
        written: Written,
        found: Literal["answered", "read_back"],
        *,
        read_back: str,
        warnings: Sequence[str] = (),
    ) -> Proposal:
        """Say what was written; `read_back` is what reading it back gave, `warnings` what the system remarks.

        Where some lines of it were not, that is another end, and the receipt says which.
        """
        receipt = Receipt(written=written, committed_at=self.after(0), found=found)
        remarks: Facts = {"warnings": list(warnings)} if warnings else {}
        lines: Facts = {} if written.is_whole else {"lines": len(written.rows), "not_written": _missing(written)}
        facts = {"found": found, "read_back": read_back, **remarks, **lines}
        return self.make(proposal, "commit" if written.is_whole else "commit_in_part", receipt=receipt, facts=facts)

    def accept(self, proposal: Proposal, said: Accepted) -> Proposal:
        """It was taken in, and the system says later what becomes of it."""
        return self.make(proposal, "accept", not_before=self.again_after(ask_after_s(said)), facts=ticket_of(said))

    def was_sent(self, proposal: Proposal) -> bool:
        """Whether it was ever sent, whatever became of it."""
        return any(one.type == "proposal.sending" for one in self.proposals.history(proposal.content.proposal_id))

    def after(self, seconds: int) -> str:
        """Return the instant some seconds from now."""
        return later(self.clock.wall(), seconds)

    def again_after(self, seconds: int) -> str:
        """Return before when nobody tries again; nothing by a clock that has jumped, since it may be put right."""
        return self.after(seconds) if self.watch.is_steady() else ""

    def lease_left_s(self, proposal: Proposal) -> float:
        """Return for how long nobody else may take this proposal."""
        return (parse_instant(proposal.lease_expires_at) - self.clock.wall()).total_seconds()


def ask_after_s(said: Accepted) -> int:
    """Return after how many seconds it is asked, within bounds whatever the system says."""
    return max(1, min(said.ask_after_s, _LONGEST_ASK_S))


def ticket_of(said: Accepted) -> dict[str, JsonValue]:
    """Return what the record of a move says of the ticket that came with it."""
    return {"ticket": said.ticket} if said.ticket else {}


def _missing(written: Written) -> int:
    return sum(not row.written for row in written.rows)


async def found(commands: Commands, command: Command) -> Written | None:
    """Return what the system has of this command.

    Raises:
        TimeoutError: it takes too long; otherwise as `ports.Commands.find`.
    """
    async with asyncio.timeout(FIND_S):
        return await commands.find(command)
