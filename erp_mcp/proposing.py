"""Step (5) of a write in detail: a change is worked out, kept and put before people; nothing is written to a system.

An agent gets a handle, asks after it and may take it back. Whether it happens is decided elsewhere: `approval` by
people, `committing` by the worker. Keeping a proposal is one transaction without a pause in it, so whatever becomes of
the call, there is either none or one that the same key finds again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Final

from erp_mcp import answers
from erp_mcp.answers.proposals import is_over, row_of, tables_of
from erp_mcp.answers.shape import RawCell
from erp_mcp.catalog.arguments import CheckedArguments
from erp_mcp.domain import human_task, saga
from erp_mcp.domain.answer import Answer, Source
from erp_mcp.domain.call import ArgumentValue, JsonValue, Rows, ToolCall
from erp_mcp.domain.canonical_json import canonical
from erp_mcp.domain.clock_watch import ClockWatch
from erp_mcp.domain.command import Command
from erp_mcp.domain.decision import Decision, Obligations, Terms
from erp_mcp.domain.ids import proposal_id_of
from erp_mcp.domain.instants import instant_text, parse_instant
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.operation import Draft, Undoing
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.proposal import Content, LimitUse, Preview, Proposal, Step, Unlike
from erp_mcp.domain.reference import reference_of
from erp_mcp.domain.saga import PlannedStep, planned
from erp_mcp.domain.saga_draft import concerns_of, counted, draft_of, sources_of
from erp_mcp.domain.tool import Tool
from erp_mcp.errors import (
    InternalError,
    KeyReusedError,
    NotAllowedError,
    PossibleDuplicateError,
    ProposalMovedError,
    ProposalNotFoundError,
    RuleRefusedError,
)
from erp_mcp.policy.bands import terms_for
from erp_mcp.policy.limit_use import CONCERNS, concerns, limits_of
from erp_mcp.policy.together import together
from erp_mcp.ports import Clock, Ids, Proposals
from erp_mcp.preparing import Preparation, Prepared
from erp_mcp.projections import paging

DUPLICATE_WINDOW_S: Final = 24 * 3600
LOOK_EVERY_S: Final = 0.25
MAX_WAITING: Final = 8  # waits of one process at once; one more is answered at once, so that other calls keep a place
MAX_BATCH: Final = 200
MAX_BATCHES: Final = (
    5  # a page of a filtered list looks at no more than so many batches; its cursor goes on behind them
)

_WAITING: Final = frozenset({State.AWAITING_APPROVAL, State.APPROVED})  # nobody has it: it can expire or be cancelled
_KEY: Final = "idempotency_key"
_REASON: Final = "reason"
_ACKNOWLEDGE: Final = "acknowledge_duplicate_of"
_NO_WAY_BACK: Final = "No operation takes this back; a person does it in the system."


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedCall:
    """A validated call of a tool that proposes or asks about proposals, and what the policy said to it."""

    principal: Principal
    tool: Tool
    call: ToolCall
    checked: CheckedArguments
    decision: Decision
    obligations: Obligations
    undoes: str = ""  # the proposal that this call takes back
    steps: tuple[AllowedStep, ...] = ()  # of a saga, in order

    def text(self, name: str) -> str:
        """Return an argument that is text, empty when it is absent."""
        value = self.checked.arguments.get(name)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedStep:
    """One step of a saga as a call that was seen like any other; `back` are the terms of the tool that undoes it."""

    name: str
    asked: AllowedCall
    back: Terms | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The answer to a call, and the one proposal that it is about, if it is one."""

    answer: Answer
    proposal: Proposal | None = None


@dataclass(slots=True, kw_only=True)
class Proposing:
    """Makes proposals for agents and tells them what became of their own."""

    proposals: Proposals
    preparation: Preparation
    clock: Clock
    watch: ClockWatch
    ids: Ids
    cursor_key: bytes
    deployment: str
    environment: str
    target: Callable[[str], str]  # digest of what a system's name stands for
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    is_tainted: Callable[[Principal, int], bool] = lambda *_: False  # has read text that outsiders wrote
    is_canary: Callable[[Content], bool] = lambda _: False  # seeded for people; no agent made it
    _waiting: int = 0

    async def answer(self, asked: AllowedCall) -> Told:
        """Make a proposal, tell of the caller's own, or cancel one, as the tool says.

        Raises:
            GatewayError: as `propose`.
            ProposalNotFoundError: `proposal.not_found`, the same for another agent's and for none.
            ProposalMovedError: `proposal.moved`, with its state, for a cancellation that comes too late.
            BadCursorError: `call.bad_cursor`.
        """
        match asked.tool.effect, asked.tool.status:
            case "write", _:
                return await self.propose(asked)
            case "status", "get":
                return self._told(asked, await self._awaited(asked))
            case "status", "list":
                return Told(answer=self._page(asked))
            case "status", "cancel":
                return self._told(asked, self._cancelled(asked))
        raise InternalError

    # --- proposing ----------------------------------------------------------------------------------------------------

    async def propose(self, asked: AllowedCall) -> Told:
        """Make a proposal, or return the one that the same key made before.

        Raises:
            KeyReusedError, PossibleDuplicateError: see their codes; `proposal_id` names the other one.
            ClockJumpedError: `gateway.clock_jumped`, for anything new.
            NotAllowedError: `policy.not_allowed`, when nobody is said to approve it.
            RuleNotEvaluableError: `rule.not_evaluable`, when a limit counts what is not known.
            GatewayError: as `Preparation.prepare` and `ports.Proposals.create`. Nothing was kept then.
        """
        fingerprint = fingerprint_of(asked.tool, asked.checked.arguments)
        there = self.proposals.by_key(asked.principal.agent, asked.tool.name, asked.text(_KEY))
        if there is not None:
            if there.content.fingerprint != fingerprint:
                raise KeyReusedError(argument=_KEY, proposal_id=there.content.proposal_id)
            return self._told(asked, self._present(there))
        self.watch.check()
        unlike = _unlike(asked)
        self._check_not_twice(asked, unlike)
        content, sources = await self.worked_out(asked)
        self.watch.check()  # windows of limits and its own expiry are reckoned by the clock
        # From here to the answer nothing waits, so nothing can come between.
        proposal, is_new = self.proposals.create(content, unlike)
        return self._told(asked, proposal, sources if is_new else ())

    async def worked_out(self, asked: AllowedCall) -> tuple[Content, tuple[Source, ...]]:
        """Return what a proposal of this call holds, which is kept nowhere yet, and how old its evidence is.

        Raises:
            NotAllowedError, RuleNotEvaluableError: as `propose`. GatewayError: as `Preparation.prepare`.
        """
        if asked.steps:
            return await self._saga(asked)
        prepared = await self.preparation.prepare(asked.tool, asked.checked, asked.obligations)
        return self._content(asked, prepared), prepared.sources

    def _check_not_twice(self, asked: AllowedCall, unlike: Unlike) -> None:
        """Refuse it before anything is asked of a system; `create` looks once more for what others made meanwhile."""
        agent = asked.principal.agent
        same = unlike.like(self.proposals.same(agent, one, within_s=unlike.within_s) for one in unlike.fingerprints)
        if not same:
            return
        there = self.proposals.by_key(agent, asked.tool.name, asked.text(_KEY))
        if there is None or there.content.proposal_id != same:  # else another process made it this moment
            raise PossibleDuplicateError(proposal_id=same)

    async def _saga(self, asked: AllowedCall) -> tuple[Content, tuple[Source, ...]]:
        """Work out each step as if it were proposed alone, and put them together; raises as for each of them."""
        uuid = self.ids.new()
        steps: list[PlannedStep] = []
        terms: list[Terms] = []
        limits: list[LimitUse] = []
        amounts: list[Mapping[str, str]] = []
        sources: list[Source] = []
        for step in asked.steps:
            prepared = await self.preparation.prepare(step.asked.tool, step.asked.checked, step.asked.obligations)
            alone = self._content(step.asked, prepared)
            key = f"{proposal_id_of(uuid)}/{step.name}"  # no agent's own key has a slash
            steps.append(self._planned(replace(alone, idempotency_key=key), step))
            back = (self._terms_of(asked.principal, step.back, prepared.draft),) if step.back else ()
            terms += [alone.terms, *back]
            limits += alone.limits
            amounts.append(prepared.draft.amounts)
            sources += prepared.sources
        draft = draft_of(steps, amounts)
        own = self._terms_of(asked.principal, asked.obligations.approval, draft)
        strictest = together([own, *terms])
        if strictest is None:
            raise NotAllowedError(reason="approval")
        whole = Prepared(draft=draft, sources=tuple(dict.fromkeys(sources)), stale=())
        content = self._content(asked, whole, uuid=uuid, terms=strictest)
        return replace(
            content,
            limits=counted((*content.limits, *limits)),
            concerns=concerns_of(steps),
            sources=sources_of(steps),
        ), whole.sources

    def _planned(self, alone: Content, step: AllowedStep) -> PlannedStep:
        operation = self.preparation.operations[alone.command.operation]
        undo = operation.undo
        way_back = undo.words if undo else operation.irreversible or _NO_WAY_BACK
        return planned(alone, step.name, undo_tool=undo.tool if undo else "", way_back=way_back)

    def _terms_of(self, principal: Principal, terms: Terms | None, draft: Draft) -> Terms:
        if terms is None:
            raise NotAllowedError(reason="approval")
        tainted = bool(terms.taint_s) and self.is_tainted(principal, terms.taint_s)
        return terms_for(terms, draft.amounts, tainted=tainted)

    def _content(
        self, asked: AllowedCall, prepared: Prepared, *, uuid: str = "", terms: Terms | None = None
    ) -> Content:
        """Return what a proposal of this change holds; it is kept nowhere yet.

        Args:
            asked: The call.
            prepared: The change.
            uuid: Of the proposal, where it is known already.
            terms: Of a saga, which are those of its steps as well.

        Raises:
            NotAllowedError, RuleNotEvaluableError: as `propose`.
        """
        if not asked.tool.risk:
            raise NotAllowedError(reason="approval")
        uuid, draft, now = uuid or self.ids.new(), prepared.draft, self.clock.wall()
        terms = terms or self._terms_of(asked.principal, asked.obligations.approval, draft)
        return Content(
            proposal_id=proposal_id_of(uuid),
            deployment=self.deployment,
            environment=self.environment,
            agent=asked.principal.agent,
            owner=asked.principal.owner,
            role=asked.principal.role,
            tool=asked.tool.name,
            tool_version=asked.tool.version,
            tool_hash=asked.tool.hash,
            risk=asked.tool.risk,
            arguments=dict(asked.call.arguments),
            idempotency_key=asked.text(_KEY),
            fingerprint=fingerprint_of(asked.tool, asked.checked.arguments),
            command=self._command(asked.tool, draft, uuid),
            preview=preview_of(draft, asked.undoes),
            undoes=asked.undoes,
            parameters=dict(prepared.parameters),
            rationale=asked.text(_REASON),
            bundle=asked.decision.bundle,
            rules=asked.decision.rules,
            terms=terms,
            limits=limits_of(asked.obligations.limits, asked.principal, draft),
            sources={f"{source.system} ({source.via})": source.as_of for source in prepared.sources},
            created_at=instant_text(now),
            expires_at=instant_text(now + timedelta(seconds=terms.valid_s)),
            correlation_id=asked.call.correlation_id or asked.call.call_id,
            causation_id=asked.call.causation_id,
            trace=asked.call.traceparent,
            target=self.target(draft.system),
            concerns={name: list(found) for name in CONCERNS if (found := concerns(draft, name))},
        )

    def _command(self, tool: Tool, draft: Draft, uuid: str) -> Command:
        return Command(
            operation=tool.command or saga.CARRY_OUT,
            system=draft.system,
            entity=self.preparation.operations[tool.command].entity if tool.command else saga.ENTITY,
            key=draft.key,
            version_token=draft.version_token,
            reference=reference_of(uuid),
            fields=draft.fields,
        )

    async def way_back(self, agent: str, proposal_id: str, key: str) -> tuple[str, dict[str, JsonValue]]:
        """Return the call that takes back what a proposal wrote: a tool, and its arguments but those of all proposals.

        Args:
            agent: Who asks; they take back their own alone.
            proposal_id: What was written.
            key: Of the call; the same key again gives the call of then.

        Raises:
            ProposalNotFoundError: `proposal.not_found`. ProposalMovedError: `proposal.moved`, for what is not written.
            RuleRefusedError: `rule.refused`, for what can't be taken back; the message says why.
            GatewayError: as `Preparation.record`.
        """
        original = self.proposals.get(proposal_id)
        content, receipt = original.content, original.receipt
        if content.agent != agent or self.is_canary(content):
            raise ProposalNotFoundError
        if content.part_of:
            self._check_over(content.part_of)
        if original.state is not State.COMMITTED or receipt is None:
            raise ProposalMovedError(proposal_id=proposal_id, state=str(original.state))
        operation = self.preparation.operations.get(content.command.operation)
        if operation is None or operation.undo is None:
            why = (operation.irreversible if operation else "") or _NO_WAY_BACK
            raise RuleRefusedError(rule="R-UNDO", message=why)
        there = self.proposals.by_key(agent, operation.undo.tool, key)
        if there is not None and there.content.undoes == proposal_id:
            own = {_KEY, _REASON, _ACKNOWLEDGE}
            return there.content.tool, {name: one for name, one in there.content.arguments.items() if name not in own}
        taken_back = self.proposals.taken_back_by(agent, proposal_id)
        if taken_back:
            message = f"Proposal {taken_back} takes it back already."
            raise RuleRefusedError(rule="R-UNDO-TWICE", message=message, proposal_id=taken_back)
        command = content.command
        live = await self.preparation.record(command.system, command.entity, receipt.written.key)
        undoing = Undoing(
            command=command,
            changes=content.preview.changes,
            written=receipt.written,
            live=live,
            today=self.preparation.today,
        )
        return operation.undo.tool, dict(operation.undo.function(undoing))

    def _check_over(self, saga_id: str) -> None:
        """What a saga has written is its own to take back until it is over."""
        whole = self.proposals.get(saga_id)
        if whole.state not in (State.COMMITTED, State.NOT_APPLIED):
            raise ProposalMovedError(proposal_id=saga_id, state=str(whole.state))

    # --- what became of them ------------------------------------------------------------------------------------------

    def _own(self, asked: AllowedCall) -> Proposal:
        """Return a proposal of the agent itself; role and owner may have changed since it was made."""
        proposal = self.proposals.get(asked.text("proposal_id"))
        if proposal.content.agent != asked.principal.agent or self.is_canary(proposal.content):
            raise ProposalNotFoundError
        return self._present(proposal)

    def _present(self, proposal: Proposal) -> Proposal:
        """Return the proposal as it stands now: one whose time is over has expired, whether or not a worker came by."""
        if not self._is_late(proposal):
            return proposal
        self.proposals.expire()
        return self.proposals.get(proposal.content.proposal_id)

    def _is_late(self, proposal: Proposal) -> bool:
        late = proposal.state in _WAITING and parse_instant(proposal.content.expires_at) <= self.clock.wall()
        return late and self.watch.is_steady()

    async def _awaited(self, asked: AllowedCall) -> Proposal:
        """Return the proposal once it has moved, or when the time that the agent waits is over."""
        proposal = began = self._own(asked)
        seconds = asked.checked.arguments.get("wait_s")
        looks = int(seconds / LOOK_EVERY_S) if isinstance(seconds, int) else 0
        if is_over(began) or not looks or self._waiting >= MAX_WAITING:
            return began
        self._waiting += 1
        try:
            while looks and _where(proposal) == _where(began):
                await self.sleep(LOOK_EVERY_S)
                looks -= 1
                proposal = self._own(asked)
        finally:
            self._waiting -= 1
        return proposal

    def _cancelled(self, asked: AllowedCall) -> Proposal:
        proposal = self._own(asked)
        proposal_id = proposal.content.proposal_id
        if proposal.state not in _WAITING or proposal.content.part_of:
            raise ProposalMovedError(proposal_id=proposal_id, state=str(proposal.state))
        step = Step(name="cancel", actor=asked.principal.agent, reason="cancelled_by_agent")
        return self.proposals.move(proposal_id, step)

    def _page(self, asked: AllowedCall) -> Answer:
        """Return one page of the agent's proposals, newest first."""
        about = paging.Question(tool=asked.tool, principal=asked.principal, arguments=asked.checked.arguments)
        after = paging.unseal(self.cursor_key, about, asked.checked.cursor)
        limit = min(asked.checked.limit, asked.obligations.max_rows)
        before = str(after[0]) if after else ""
        found, behind = self._newest(asked, before, limit)
        if any(map(self._is_late, found)):
            self.proposals.expire()
            found, behind = self._newest(asked, before, limit)
        (table,) = asked.tool.tables
        answer = self._answer(asked, {table.name: [row_of(proposal) for proposal in found]})

        def cursor_after(kept: int) -> str:
            return paging.seal(self.cursor_key, about, [found[kept - 1].content.proposal_id])

        if behind:
            answer.next_cursor = paging.seal(self.cursor_key, about, [behind])
        return answers.fit(answer, paged=table.name, cursor_after=cursor_after)

    def _newest(self, asked: AllowedCall, before: str, limit: int) -> tuple[list[Proposal], str]:
        """Return at most `limit` proposals in the state asked for, and behind which one to go on (empty: no more)."""
        state, batch = asked.text("state"), MAX_BATCH if asked.text("state") else limit + 1
        found: list[Proposal] = []
        for _ in range(MAX_BATCHES):
            some = self.proposals.of_agent(asked.principal.agent, before=before, limit=batch)
            found += [one for one in some if state in ("", str(one.state)) and not self.is_canary(one.content)]
            if len(found) > limit:
                return found[:limit], found[limit - 1].content.proposal_id
            if not some:
                return found, ""
            before = some[-1].content.proposal_id
        return found, before

    def _told(self, asked: AllowedCall, proposal: Proposal, sources: Iterable[Source] = ()) -> Told:
        parts = self.proposals.parts(proposal.content.proposal_id) if saga.is_saga(proposal.content) else ()
        answer = self._answer(asked, tables_of(proposal, parts), sources)
        return Told(answer=answers.fit(answer), proposal=proposal)

    def _answer(
        self, asked: AllowedCall, rows: Mapping[str, list[tuple[RawCell, ...]]], sources: Iterable[Source] = ()
    ) -> Answer:
        shaped = {table.name: answers.shape(table, rows[table.name])[0] for table in asked.tool.tables}
        return Answer(tables=shaped, complete=True, sources=list(sources), warnings=[], call_id=asked.call.call_id)


# --- what a proposal is made of ---------------------------------------------------------------------------------------


def fingerprint_of(tool: Tool, arguments: Mapping[str, ArgumentValue]) -> str:
    """Return the SHA-256 of what a call means: the tool and its checked arguments, without key, reason and the like."""
    meaning: dict[str, JsonValue] = {
        name: _plain(value) for name, value in arguments.items() if name not in (_KEY, _REASON, _ACKNOWLEDGE)
    }
    return sha256(b"erp-mcp/meaning/v1\n" + canonical({"tool": tool.name, "arguments": meaning})).hexdigest()


def _unlike(asked: AllowedCall) -> Unlike:
    """Return what a new proposal must not be like: what is asked for, nor any step of it."""
    calls = (asked, *(step.asked for step in asked.steps))
    return Unlike(
        fingerprints=[fingerprint_of(one.tool, one.checked.arguments) for one in calls],
        within_s=DUPLICATE_WINDOW_S,
        acknowledged=asked.text(_ACKNOWLEDGE),
    )


def _plain(value: ArgumentValue) -> JsonValue:
    if isinstance(value, Rows):
        return [dict(record) for record in value.records()]
    return list(value) if isinstance(value, tuple) else value


def preview_of(draft: Draft, undoes: str) -> Preview:
    """Return what people see: the draft, and that nobody has asked the system about it yet.

    None of the operations has a check before sending, since whoever prepares holds no account that writes.
    """
    own = draft.system == human_task.SYSTEM  # a saga is as well: each of its steps says it for itself
    unchecked = (
        ()
        if own
        else (f"{draft.system} offers no check before sending that is used here: its own rules may still refuse this.",)
    )
    back = (f"Takes back what {undoes} wrote.",) if undoes else ()
    return Preview(
        headline=draft.headline,
        system=draft.system,
        document=draft.document,
        changes=draft.changes,
        checks=draft.checks,
        effects=(*back, *draft.effects, *unchecked),
    )


def _where(proposal: Proposal) -> tuple[str, str, int]:
    return proposal.state, proposal.since, proposal.fence
