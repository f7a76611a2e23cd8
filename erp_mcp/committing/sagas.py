"""Carries a saga out: begins one part after the other, and takes back in reverse what was written where one fails.

Each part goes its own way (`committer`), so what holds for one change holds for each of these. Here is only which comes
next; killed at any line, the next worker finds the parts that were begun and goes on behind them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from erp_mcp.committing.held_back import STOPPED, HeldBackError, held_back_by, pause_s
from erp_mcp.committing.moving import Facts, Moves
from erp_mcp.committing.records import check_recorded
from erp_mcp.committing.signatures import Signatures
from erp_mcp.committing.ways_back import WaysBack
from erp_mcp.domain import human_task, saga
from erp_mcp.domain.command import Written
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Content, Proposal, Receipt, Step
from erp_mcp.domain.saga import Begin, End, PlannedStep, Wait
from erp_mcp.errors import GatewayError, ProposalMovedError
from erp_mcp.ports import Proposals

_GIVE_UP: Final = timedelta(hours=24)  # what keeps a way back from being begun for so long
_GIVE_UP_LOOKS: Final = 12  # and at so many looks, one after the other, is for a person
# Why a saga waits that nothing hinders; what a person has stopped waits for that person, however long it takes.
_NO_HINDRANCE: Final = frozenset({"part_begun", "part_under_way", "part_needs_person", STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sagas:
    """Takes sagas from one part to the next.

    `look` looks at all steps of one as if they were sent now, and raises `HeldBackError` or an error of a port where
    one of them would not be.
    """

    moves: Moves
    proposals: Proposals
    signatures: Signatures
    look: Callable[[Proposal, Sequence[PlannedStep]], Awaitable[None]]
    ways_back: WaysBack

    async def go_on(self, proposal: Proposal) -> Proposal:
        """Do the next thing: begin a part, forward or back, wait for one, or end it."""
        parts: Sequence[Proposal] | None = None
        try:
            parts = self.proposals.parts(proposal.content.proposal_id)
            return await self._next(proposal, parts)
        except asyncio.CancelledError:
            with suppress(GatewayError):
                self._wait(proposal, "worker_stopped", pause=1)
            raise
        except ProposalMovedError:
            raise
        except Exception as error:  # noqa: BLE001 - nothing was sent here, so whatever it is, it can wait
            begun = parts is None or bool(parts)  # one that can't be read was begun
            return self._hindered(proposal, held_back_by(error), begun=begun)

    async def _next(self, proposal: Proposal, parts: Sequence[Proposal]) -> Proposal:
        self._check(proposal, parts)
        plan = saga.plan_of(proposal.content)
        match saga.advance(saga.stands_of(plan, parts, self.proposals.orders(proposal.content.proposal_id))):
            case Begin(step=number, direction="forward"):
                if not parts:
                    await self.look(proposal, plan)
                return self._begin(proposal, saga.part_of(proposal.content, plan[number]))
            case Begin(step=number):
                return await self._back(self._taking_back(proposal, plan, parts), parts, plan[number])
            case Wait(for_a_person=for_a_person):
                return self._wait(proposal, "part_needs_person" if for_a_person else "part_under_way")
            case End(state=State.COMMITTED):
                return self._whole(proposal, plan, parts)
            case End(state=State.COMPENSATED):
                return await self._back(self._taking_back(proposal, plan, parts), parts)
            case End(state=State.NEEDS_HUMAN, step=partly):
                return self.moves.make(
                    proposal, "hand_over", reason="step_written_in_part", facts={"step": plan[partly].name}
                )
            case End(step=stuck):
                stands = self._taking_back(proposal, plan, parts)
                return self.moves.make(stands, "stick", reason="not_taken_back", facts={"step": plan[stuck].name})

    def _check(self, proposal: Proposal, parts: Sequence[Proposal]) -> None:
        """Go on with nothing that nobody said yes to, nor by the word of rows that no record leads to.

        Once something is begun, that somebody left is no reason.
        """
        now = self.moves.clock.wall()
        look = self.signatures.never_approved if parts else self.signatures.refusal
        reason = look(proposal, now=now)
        if reason:
            raise HeldBackError("hand_over", reason)
        check_recorded(self.proposals, proposal, parts)
        reason = self.signatures.not_ordered(proposal)
        if reason:
            raise HeldBackError("hand_over", reason)

    def _begin(self, proposal: Proposal, content: Content) -> Proposal:
        step = self._waiting(proposal, "part_begun", {"step": content.step, "part": content.proposal_id})
        self.moves.at("before_begin")
        self.proposals.begin(step, content)
        self.moves.at("after_begin")
        return self.proposals.get(proposal.content.proposal_id)

    async def _back(self, proposal: Proposal, parts: Sequence[Proposal], step: PlannedStep | None = None) -> Proposal:
        """Begin to take a step back, or end it where nothing is left to be; neither while what failed stands."""
        try:
            await self._check_nothing_stands(saga.plan_of(proposal.content), parts)
            if step is not None:
                number = len(saga.ways_back_of(step.name, parts)) + 1
                return self._begin(proposal, await self.ways_back.of(proposal.content, step, number))
        except ProposalMovedError:
            raise
        except Exception as error:  # noqa: BLE001 - what hinders it is told apart in one place
            return self._hindered(proposal, held_back_by(error), begun=True, step=step.name if step else "")
        return self.moves.make(proposal, "finish", reason="taken_back")

    async def _check_nothing_stands(self, plan: Sequence[PlannedStep], parts: Sequence[Proposal]) -> None:
        """Look once more for what was sent and called not written: a system may do it after it was looked for.

        A step is looked for as people signed it, a way back as it was sent: that is written nowhere else.

        Raises:
            HeldBackError: `deny`, where it stands. GatewayError: as `WaysBack.is_there`.
        """
        steps = {step.name: step for step in plan}
        for part in parts:
            if part.state not in saga.NOTHING_WRITTEN or not self.moves.was_sent(part):
                continue
            is_back, name = bool(part.content.undoes), part.content.step
            if await self.ways_back.is_there(part.content if is_back else steps[name]):
                reason = "failed_way_back_is_there" if is_back else "failed_step_is_there"
                raise HeldBackError("deny", reason, {"failed": name})

    def _taking_back(self, proposal: Proposal, plan: Sequence[PlannedStep], parts: Sequence[Proposal]) -> Proposal:
        if proposal.state is State.COMPENSATING:
            return proposal
        names = {step.name for step in plan}
        failed = next(one for one in parts if one.state in saga.NOTHING_WRITTEN and one.content.step in names)
        facts: Facts = {"step": failed.content.step, "state": str(failed.state), "why": failed.reason}
        return self.moves.make(proposal, "compensate", reason="step_failed", facts=facts)

    def _whole(self, proposal: Proposal, plan: Sequence[PlannedStep], parts: Sequence[Proposal]) -> Proposal:
        """Say that all of it is written: the number is that of the last document in a system of record."""
        done = {one.content.step: one.receipt.written for one in parts if one.receipt is not None}
        documents = {step.name: done[step.name].document for step in plan}
        outside = [documents[step.name] for step in plan if step.command.system != human_task.SYSTEM]
        last = next((one for one in reversed(outside) if one), "")
        written = Written(document=last, key="", version_token="", fields={"documents": {**documents}})
        receipt = Receipt(written=written, committed_at=self.moves.after(0), found="read_back")
        return self.moves.make(proposal, "commit", receipt=receipt, facts={"documents": {**documents}})

    # --- waiting ------------------------------------------------------------------------------------------------------

    def _hindered(self, proposal: Proposal, held: HeldBackError, *, begun: bool, step: str = "") -> Proposal:
        """Leave it where that puts it: as any other change while nothing is begun, else with what is there in view."""
        held = self.moves.believed(held)
        if not begun:
            if held.move == "postpone":
                return self.moves.postpone(proposal, held.reason, at_least=held.at_least_s, facts=held.facts)
            return self.moves.make(proposal, held.move, reason=held.reason, facts=held.facts)
        taking_back = proposal.state is State.COMPENSATING
        waits = not taking_back or held.reason == STOPPED or not self._too_long(proposal)
        if held.move == "postpone" and waits:
            return self._wait(proposal, held.reason, pause=held.at_least_s)
        facts: Facts = {**held.facts, "step": step} if step else held.facts
        return self.moves.make(proposal, "stick" if taking_back else "hand_over", reason=held.reason, facts=facts)

    def _too_long(self, proposal: Proposal) -> bool:
        """Whether what hinders it has done so for too long: since that began, whatever came before.

        Time in which no worker looked is not enough by itself.
        """
        since, looks = "", 1
        for one in reversed(self.proposals.history(proposal.content.proposal_id)):
            move, reason = one.payload.get("move"), one.payload.get("reason")
            taken = (move, one.payload.get("from")) == ("compensate", State.COMPENSATING)
            if taken or reason == "worker_stopped":
                continue
            if move != "wait" or reason in _NO_HINDRANCE:
                break
            since, looks = one.time, looks + 1
        return looks >= _GIVE_UP_LOOKS and self.moves.clock.wall() >= parse_instant(since) + _GIVE_UP

    def _wait(self, proposal: Proposal, reason: str, *, pause: int = 0) -> Proposal:
        return self.moves.made(proposal, self._waiting(proposal, reason, {}, pause=pause))

    def _waiting(self, proposal: Proposal, reason: str, facts: Facts, *, pause: int = 0) -> Step:
        """Return the move that gives the lease back; the end of a part wakes it, else it looks by itself in a while."""
        return Step(
            name="wait",
            actor=proposal.holder,
            fence=proposal.fence,
            reason=reason,
            lease_expires_at=min(self.moves.after(0), proposal.lease_expires_at),  # whichever way the clock jumped
            not_before=self.moves.again_after(pause_s(proposal.fence, at_least=pause)),
            facts=facts,
        )
