"""THE WAY of one approved proposal: claimed → looked at once more → sent → recorded, and read back where nobody knows.

Each call of `Committer.work` does one piece of work on one proposal and leaves it in a state of `domain.lifecycle`;
killed at any line, the next worker goes on from the state that was recorded. Nothing here waits: what has to wait gets
a not-before time in its row.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from erp_mcp.catalog import arguments as contract_of
from erp_mcp.catalog.arguments import CheckedArguments
from erp_mcp.catalog.registry import Catalog
from erp_mcp.committing import today
from erp_mcp.committing.held_back import HeldBackError, held_back_by
from erp_mcp.committing.moving import Moves, found
from erp_mcp.committing.reading_back import ReadingBack
from erp_mcp.committing.records import check_recorded
from erp_mcp.committing.sagas import Sagas
from erp_mcp.committing.signatures import Signatures
from erp_mcp.committing.turned_away import AppliedError, TurnedAway
from erp_mcp.committing.ways_back import Prepares, WaysBack
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.call_context import WORKER, CallContext, calling, trace_of
from erp_mcp.domain.clock_watch import ClockWatch
from erp_mcp.domain.command import (
    Accepted,
    Committed,
    Conflict,
    NotSent,
    Outcome,
    Refused,
    RetryContract,
    Unknown,
)
from erp_mcp.domain.decision import Obligations
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.operation import Draft
from erp_mcp.domain.proposal import Content, Proposal
from erp_mcp.domain.saga import Begin, PlannedStep, advance, is_saga, part_of, plan_of, stands_of, ways_back_of
from erp_mcp.domain.saga_draft import draft_of
from erp_mcp.domain.tool import Tool
from erp_mcp.errors import GatewayError, ProposalMovedError, RuleRefusedError
from erp_mcp.policy.bundle import Bundle
from erp_mcp.ports import Bundles, Clock, Commands, Ids, Proposals

LEASE_S: Final = 120
SEND_S: Final = 60  # an answer may take so long, and never longer than what is left of the lease
_TO_RECORD_S: Final = 15  # of the lease, kept for recording what the answer was
_LEAST_SEND_S: Final = 5  # with less time than this nothing is sent
_log = logging.getLogger("erp_mcp")


class Way(NamedTuple):
    """The way into a system for one operation."""

    commands: Commands
    contract: RetryContract


class Looked(NamedTuple):
    """A change that may be sent: the way, and the change as it was worked out now."""

    way: Way
    draft: Draft


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One piece of work: the proposal as it was left, or as it was found when another worker had taken it over."""

    proposal: Proposal
    lost: bool = False


def _nothing(_name: str) -> None:
    """Stand in for the hook of crash tests."""


async def _fresh(_system: str, _entities: Sequence[str]) -> None:
    """Stand in where nothing is read of what was written."""


def _never(_content: Content) -> bool:
    """Stand in where nothing is seeded."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Committer:
    """Takes approved proposals to their systems of record.

    `watch` tells when the times of the clock don't count. `catalog` gives the tools as they are defined this moment,
    `commands` the port that writes to a system, `target` the digest of what the system's name stands for today,
    `refresh` brings what is read of a system up to what was written to it. `send_s` is how long an answer may take.
    `at` is told the name of every point at which a process may die; tests end it there.
    """

    proposals: Proposals
    bundles: Bundles
    signatures: Signatures
    catalog: Callable[[], Catalog]
    preparation: Prepares
    commands: Callable[[str], Awaitable[Commands]]
    clock: Clock
    watch: ClockWatch
    ids: Ids
    target: Callable[[str], str]
    send_s: float = SEND_S
    at: Callable[[str], None] = _nothing
    is_canary: Callable[[Content], bool] = _never
    refresh: Callable[[str, Sequence[str]], Awaitable[None]] = _fresh

    async def work(self, holder: str) -> Done | None:
        """Do the most urgent piece of work that is due.

        Args:
            holder: Who does it; a name of its own for each worker process.

        Returns:
            What became of the proposal it was about, or `None` when nothing is due; nothing is while the clock has
            jumped, since what is due, expired or free by now is reckoned by it.

        Raises:
            StateUnavailableError: `state.unavailable`; the lease runs out and another attempt finds what is recorded.
            AuditUnavailableError: `audit.unavailable`, likewise.
        """
        self.at("start")
        if not self.watch.is_steady():
            return None
        self.proposals.expire()
        self.proposals.escalate()
        self.at("expired")
        taken = self.proposals.take(holder, lease_s=LEASE_S)
        if taken is None:
            return None
        self.at(f"taken_{taken.state.lower()}")
        try:
            with calling(CallContext(traceparent=_trace(taken.content), caller=WORKER)):
                return Done(proposal=await self._advanced(taken))
        except ProposalMovedError:
            return Done(proposal=taken, lost=True)  # its lease ran out; whoever has it now goes on

    async def _advanced(self, proposal: Proposal) -> Proposal:
        if is_saga(proposal.content):
            return await self._sagas.go_on(proposal)
        if proposal.state is State.CLAIMED:
            return await self._claimed(proposal)
        if proposal.state is State.RECONCILING:
            return await self._reading_back.reconcile(proposal)
        return proposal  # UNKNOWN: the worker that sent it is gone; reading back is a piece of work of its own

    # --- CLAIMED: nothing has been sent -------------------------------------------------------------------------------

    async def _claimed(self, proposal: Proposal) -> Proposal:
        """Look at everything once more and send, or leave it in the state that says why not."""
        try:
            way = await self._cleared(proposal)
            self.watch.check()
            sending = self.moves.make(proposal, "send")
        except asyncio.CancelledError:
            with suppress(GatewayError):
                self._ended(proposal, HeldBackError("postpone", "worker_stopped"))
            raise
        except ProposalMovedError:
            raise
        except AppliedError as done:
            return self.moves.commit(proposal, done.written, "read_back", read_back="same")
        except Exception as error:  # noqa: BLE001 - nothing is sent now, so whatever it is, the proposal can wait
            return self._ended(proposal, _held_back(proposal, error))
        return await self._sending(sending, way)

    async def _cleared(self, proposal: Proposal) -> Way:
        """Return the way to send it, when everything that was right at the approval is right today.

        Raises:
            HeldBackError: what becomes of it instead; errors of ports are made into one by `held_back_by`.
        """
        content = proposal.content
        self._check_signatures(proposal)
        if self.is_canary(content):  # its target is no system's either
            raise HeldBackError("deny", "canary")
        self.at("signatures_checked")
        await self._check_done_before(content)
        return (await self._looked_at(proposal)).way

    async def _looked_at(self, proposal: Proposal) -> Looked:
        """Decide and work out once more what is to be sent; raises as `_cleared`."""
        content = proposal.content
        bundle, obligations, tool, checked = self._decided(proposal)
        self._check_time(proposal)
        if self.target(content.command.system) != content.target:
            raise HeldBackError("deny", "target_changed", {"system": content.command.system})
        self.at("decided")
        way = await self._unused(content)
        self.at("looked_up")
        try:
            prepared = await self.preparation.prepare(tool, checked, obligations)
            today.check_same(content, prepared)
        except (HeldBackError, RuleRefusedError):
            await self._turned_away.check(way.commands, way.contract, content)  # it may have come this very moment
            raise
        if content.part_of and content.undoes:
            await self._check_way_back(content)
        else:
            self._check_terms(content, prepared.draft, obligations, bundle)
        self.at("prepared")
        self._check_time(proposal)
        return Looked(way, prepared.draft)

    def _check_terms(self, content: Content, draft: Draft, obligations: Obligations, bundle: Bundle) -> None:
        """Compare terms and limits with today's; a part has those of its saga."""
        whole = self.proposals.get(content.part_of).content if content.part_of else content
        decisions = self.proposals.decisions(whole.proposal_id)
        today.check_terms(obligations, content, draft, decisions, bundle=bundle, now=self.clock.wall())
        today.check_limits(obligations, content, draft, whole.limits)

    async def _check_way_back(self, content: Content) -> None:
        """What takes a step back writes what follows from that step as its system has it, and is due."""
        whole = self.proposals.get(content.part_of)
        plan = plan_of(whole.content)
        step = next(one for one in plan if one.name == content.step)
        others = [
            one for one in self.proposals.parts(content.part_of) if one.content.proposal_id != content.proposal_id
        ]
        due = advance(stands_of(plan, others, self.proposals.orders(content.part_of)))
        if not (isinstance(due, Begin) and due.direction == "back" and plan[due.step].name == content.step):
            raise HeldBackError("hand_over", "way_back_not_due")
        for earlier in ways_back_of(content.step, others):  # a system may do it after it was looked for
            if self.moves.was_sent(earlier) and await self._ways_back.is_there(earlier.content):
                raise HeldBackError("hand_over", "applied_late", {"earlier": earlier.content.proposal_id})
        _, arguments = await self._ways_back.call_of(whole.content, step)
        if arguments != content.arguments:
            raise HeldBackError("go_stale", "way_back_changed")

    async def _look_ahead(self, proposal: Proposal, plan: Sequence[PlannedStep]) -> None:
        """Look at all steps of a saga before the first of them is begun, as if each were sent now."""
        content = proposal.content
        if self.is_canary(content):
            raise HeldBackError("deny", "canary")
        bundle, obligations, _, _ = self._decided(proposal)
        self._check_time(proposal)
        drafts = []
        for step in plan:
            part = replace(proposal, content=part_of(content, step))
            drafts.append((await self._looked_at(part)).draft)
        whole = draft_of(plan, [draft.amounts for draft in drafts])
        self._check_terms(content, whole, obligations, bundle)

    async def _unused(self, content: Content) -> Way:
        """Return the way into its system, where nothing is there under our reference yet.

        This comes before the record is compared: what a system did too late for an earlier proposal of the same
        meaning, which was called not applied, is no change by somebody else; writing it again would make a second one.
        """
        command = content.command
        commands = await self.commands(command.system)
        contract = commands.operations.get(command.operation)
        if contract is None:
            raise HeldBackError("deny", "operation_not_offered")
        there = await found(commands, command) if contract.kind != "none" else None
        if there is not None and self._turned_away.happened(content):
            raise AppliedError(there)
        if there is not None:
            raise HeldBackError("hand_over", "reference_used")  # never believed to be ours without having been sent
        for earlier in self.proposals.not_applied(content.agent, content.fingerprint):
            late = earlier.content.command
            if contract.kind != "none" and late.system == command.system and await found(commands, late) is not None:
                raise HeldBackError("hand_over", "applied_late", {"earlier": earlier.content.proposal_id})
        return Way(commands, contract)

    async def _check_done_before(self, content: Content) -> None:
        """Look for what was sent before, ahead of everything that could end it as not written.

        Raises:
            AppliedError: it is there; what its outcome was is no question of today's policy.
        """
        if not self._turned_away.happened(content) or self.target(content.command.system) != content.target:
            return
        commands = await self.commands(content.command.system)
        contract = commands.operations.get(content.command.operation)
        if contract is not None:
            await self._turned_away.check(commands, contract, content)

    def _check_signatures(self, proposal: Proposal) -> None:
        reason = self.signatures.refusal(proposal, now=self.clock.wall())
        if reason:
            raise HeldBackError("hand_over", reason)
        of = proposal.content.part_of
        whole = self.proposals.get(of) if of else proposal
        check_recorded(self.proposals, whole, self.proposals.parts(of) if of else ())
        reason = self.signatures.not_ordered(whole) if proposal.content.undoes and of else ""
        if reason:
            raise HeldBackError("hand_over", reason)

    @property
    def _ways_back(self) -> WaysBack:
        return WaysBack(
            preparation=self.preparation,
            catalog=self.catalog,
            bundles=self.bundles,
            commands=self.commands,
            target=self.target,
            clock=self.clock,
            ids=self.ids,
            refresh=self.refresh,
        )

    @property
    def _sagas(self) -> Sagas:
        return Sagas(
            moves=self.moves,
            proposals=self.proposals,
            signatures=self.signatures,
            look=self._look_ahead,
            ways_back=self._ways_back,
        )

    def _decided(self, proposal: Proposal) -> tuple[Bundle, Obligations, Tool, CheckedArguments]:
        content = proposal.content
        bundle = today.bundle_in_force(self.bundles)
        tool = today.same_tool(self.catalog(), content)
        checked = contract_of.check(tool, content.arguments)
        obligations = today.decide_again(bundle, content, tool, checked.arguments)
        reason = self.signatures.bundle_refusal(bundle)
        if reason:
            raise HeldBackError("postpone" if reason == "policy_changed" else "hand_over", reason)
        return bundle, obligations, tool, checked

    def _check_time(self, proposal: Proposal) -> None:
        ends = max(proposal.content.expires_at, proposal.paused_until, key=lambda one: one.rstrip("Z"))
        if parse_instant(ends) <= self.clock.wall():
            raise HeldBackError("expire", "expired")
        said = (parse_instant(one.decided_at) for one in self.proposals.decisions(proposal.content.proposal_id))
        if today.is_too_late(proposal, max(said, default=self.clock.wall()), self.clock.wall()):
            raise HeldBackError("expire", "not_carried_out")

    # --- SENDING: from here on it may have happened -------------------------------------------------------------------

    async def _sending(self, proposal: Proposal, way: Way) -> Proposal:
        """Send once, and record what the system says; whatever is not an answer is an unknown outcome."""
        jumped = self.watch.look()
        if jumped is not None:  # by its times the limit was counted
            return self._ended(proposal, held_back_by(jumped))
        left_s = self.moves.lease_left_s(proposal) - _TO_RECORD_S
        if left_s < _LEAST_SEND_S:  # the process was held up: somebody else may take this over any moment
            return self.moves.postpone(proposal, "lease_too_short")
        outcome: Outcome
        try:
            async with asyncio.timeout(min(self.send_s, left_s)):
                outcome = await way.commands.send(proposal.content.command)
        except asyncio.CancelledError:
            with suppress(GatewayError):
                self.moves.lose(proposal, way.contract, "worker_stopped")
            raise
        except TimeoutError:
            outcome = Unknown(reason="no_answer_in_time")
        except Exception:  # noqa: BLE001 - it may have arrived, whatever broke here
            _log.exception("sending %s failed", proposal.content.proposal_id)
            outcome = Unknown(reason="port_failed")
        self.at("answered")
        return await self._recorded(proposal, way, outcome)

    async def _recorded(self, proposal: Proposal, way: Way, outcome: Outcome) -> Proposal:
        match outcome:
            case Committed():
                return await self._committed(proposal, way, outcome)
            case Refused(code=code, native_code=native):
                return self.moves.make(proposal, "refuse", reason=code, facts=_native(native))
            case Conflict():
                return await self._superseded(proposal, way)
            case NotSent():
                return await self._not_sent(proposal, way, outcome)
            case Accepted():
                return self.moves.accept(proposal, outcome)
            case Unknown(reason=reason, native_code=native):
                return self.moves.lose(proposal, way.contract, reason, facts=_native(native))

    async def _not_sent(self, proposal: Proposal, way: Way, said: NotSent) -> Proposal:
        """Leave it for later, unless the system did what it said it had turned away."""
        try:
            await self._turned_away.at_once(way.commands, way.contract, proposal.content, said)
        except AppliedError as done:
            return self.moves.commit(proposal, done.written, "read_back", read_back="same")
        return self.moves.postpone(proposal, said.reason, at_least=said.retry_after_s)

    async def _superseded(self, proposal: Proposal, way: Way) -> Proposal:
        """Call it stale, unless it is there: then the other version is what this very change wrote."""
        try:
            await self._turned_away.superseded(way.commands, way.contract, proposal.content)
        except AppliedError as done:
            return self.moves.commit(proposal, done.written, "read_back", read_back="same")
        except Exception as error:  # noqa: BLE001 - whatever hinders looking, nobody can say
            return self.moves.lose(proposal, way.contract, held_back_by(error).reason)
        return self.moves.make(proposal, "go_stale", reason="record_changed")

    async def _committed(self, proposal: Proposal, way: Way, outcome: Committed) -> Proposal:
        """Read it back, so that the receipt says what is there; without that, what the answer said stands."""
        answer, remarks = outcome.written, outcome.warnings
        there, read_back = None, "failed"
        try:
            there = await found(way.commands, proposal.content.command)
            read_back = "missing" if there is None else "same" if there.key == answer.key else "other"
        except asyncio.CancelledError:
            with suppress(GatewayError):
                self.moves.commit(proposal, answer, "answered", read_back="stopped", warnings=remarks)
            raise
        except Exception as error:  # noqa: BLE001 - it is committed, whatever hinders reading it
            _log.warning("%s is committed but could not be read back: %s", proposal.content.proposal_id, _words(error))
        self.at("read_back")
        if there is None or read_back != "same" or not answer.is_whole:  # only the answer knows of its lines
            return self.moves.commit(proposal, answer, "answered", read_back=read_back, warnings=remarks)
        return self.moves.commit(proposal, there, "read_back", read_back=read_back, warnings=remarks)

    # --- what it is made of -------------------------------------------------------------------------------------------

    def _ended(self, proposal: Proposal, held: HeldBackError) -> Proposal:
        held = self.moves.believed(held)
        if held.move == "postpone":
            return self.moves.postpone(proposal, held.reason, at_least=held.at_least_s, facts=held.facts)
        return self.moves.make(proposal, held.move, reason=held.reason, facts=held.facts)

    @property
    def moves(self) -> Moves:
        """The moves it makes."""
        return Moves(proposals=self.proposals, clock=self.clock, watch=self.watch, at=self.at)

    @property
    def _turned_away(self) -> TurnedAway:
        return TurnedAway(proposals=self.proposals)

    @property
    def _reading_back(self) -> ReadingBack:
        return ReadingBack(moves=self.moves, signatures=self.signatures, commands=self.commands, target=self.target)


def _held_back(proposal: Proposal, error: Exception) -> HeldBackError:
    """Return what an error means that came before anything was sent; a defect of ours leaves its trace in the log."""
    held = held_back_by(error)
    if held.reason == "worker_defect":
        _log.exception("proposal %s could not be looked at", proposal.content.proposal_id)
    return held


def _trace(content: Content) -> str:
    return trace_of(content.correlation_id, content.proposal_id, content.trace)


def _native(code: str) -> dict[str, JsonValue] | None:
    """Return the system's own code as a fact of the audit record, where it gave one."""
    return {"native_code": code} if code else None


def _words(error: Exception) -> str:
    """Return what may be logged: our own errors hold no secret, others may."""
    return str(error) if isinstance(error, GatewayError) else type(error).__name__
