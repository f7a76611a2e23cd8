"""THE PATH of one call, in numbered steps. Read this file first.

(1) identify → (2) screen, find, validate → (3) decide → (4) obligations → (5) read, or propose → (7) record →
(8) answer. Step (6), approval and commit, follows a proposal elsewhere: people decide by `erp-mcp approvals`, and the
worker (`committing/committer.py`) writes; nothing on this path does. Stages never call each other: each result is
handed on here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from erp_mcp.answers.outsiders import outsiders_in
from erp_mcp.catalog import arguments as contract
from erp_mcp.catalog import schemas
from erp_mcp.catalog.arguments import CheckedArguments
from erp_mcp.catalog.registry import Catalog
from erp_mcp.catalog.steps import arguments_of
from erp_mcp.domain.analysis import Analysis
from erp_mcp.domain.answer import Answer, Refusal
from erp_mcp.domain.audit import AuditEntry
from erp_mcp.domain.bank_data import without_bank_data
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.call_context import CallContext, agent_caller, calling, trace_of
from erp_mcp.domain.clock_watch import ClockWatch
from erp_mcp.domain.decision import Decision, Obligations
from erp_mcp.domain.freshness import FreshnessBudget
from erp_mcp.domain.instants import instant_text
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.taint import OUTSIDER_TEXT
from erp_mcp.domain.tool import SagaStep, Tool
from erp_mcp.errors import (
    BoundaryError,
    BusyError,
    CallCancelledError,
    CallDirectlyError,
    GatewayError,
    InternalError,
    NotAllowedError,
    PersonalDataError,
    UnknownArgumentError,
    UnknownToolError,
)
from erp_mcp.finding import Finding, of_argument, unknown
from erp_mcp.policy import boundary, decide, obligations, personal
from erp_mcp.policy.bundle import Bundle, from_json
from erp_mcp.policy.listing import listed
from erp_mcp.policy.permissions import Permissions, permissions_of
from erp_mcp.ports import AuditStore, Bundles, Clock, ReadModel
from erp_mcp.projections import freshness, lacking
from erp_mcp.projections.kept_findings import KeptFindings
from erp_mcp.reading import Keys, Question, Reading

if TYPE_CHECKING:
    from erp_mcp.proposing import AllowedStep, Proposing

_log = logging.getLogger("erp_mcp")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolView:
    """A tool as a principal's list shows it; `read_only` unless a call of it leaves something behind."""

    name: str
    title: str
    description: str
    input_schema: Mapping[str, JsonValue]
    output_schema: Mapping[str, JsonValue]
    read_only: bool


@dataclass(slots=True, kw_only=True)
class _Trail:
    """What the record of a call will say, filled in step by step."""

    principal: Principal
    tool: Tool | None = None
    decision: Decision | None = None
    rows: dict[str, int] = field(default_factory=dict)
    proposal: dict[str, JsonValue] = field(default_factory=dict)
    outsiders: tuple[str, ...] = ()  # where in the answer there is text that outsiders can have written
    through: str = ""  # the tool that passed the call on


@dataclass(kw_only=True)
class Gateway:
    """Answers calls of agents for one deployment."""

    catalog: Catalog
    analyses: Mapping[str, Analysis]
    bundles: Bundles
    read_model: ReadModel
    audit: AuditStore
    clock: Clock
    watch: ClockWatch
    zone: ZoneInfo
    budgets: Mapping[str, FreshnessBudget]
    keys: Keys
    proposing: Callable[[], Proposing]  # imported and opened by the first call that needs it
    deadline_s: float = 10.0
    monotonic: Callable[[], float] = time.monotonic
    _bundle: Bundle | None = None
    _kept: KeptFindings = field(default_factory=KeptFindings)

    async def call(self, principal: Principal, call: ToolCall) -> Answer | Refusal:
        """Answer or refuse one call; a record of it is written before this returns.

        Args:
            principal: Who asks; only its agent counts, owner and role are taken from the applied policy.
            call: The request, untrusted.

        Returns:
            The answer, or a refusal with a stable code. Raises nothing but cancellation, which is recorded as well.
        """
        trail = _Trail(principal=principal)
        outcome: Answer | Refusal
        try:
            with calling(self._context(principal, call)):  # how long systems may take, for whom, what their logs say
                outcome = await self._answer(call, trail)
        except asyncio.CancelledError:  # nobody hears of it any more, but it was decided and perhaps read
            self._unrecorded(call, trail, Refusal.of(CallCancelledError(), call.call_id))
            raise
        except GatewayError as error:
            outcome = Refusal.of(error, call.call_id)
        except Exception:  # noqa: BLE001 - whatever it is, an agent sees a code and never the cause
            _log.exception("call %s failed", call.call_id)
            outcome = Refusal.of(InternalError(), call.call_id)
        # (7) record — where no record can be written, nothing is answered.
        return self._unrecorded(call, trail, outcome) or outcome

    def _context(self, principal: Principal, call: ToolCall) -> CallContext:
        return CallContext(
            deadline=self.monotonic() + self.deadline_s,
            traceparent=trace_of(call.correlation_id, call.call_id, call.traceparent),
            caller=agent_caller(principal.agent),
        )

    def turn_away(self, principal: Principal, call: ToolCall, why: GatewayError | None = None) -> Refusal:
        """Refuse a call unseen, for want of a place if not said otherwise; it is recorded like any other."""
        refusal = Refusal.of(why or BusyError(), call.call_id)
        return self._unrecorded(call, _Trail(principal=principal), refusal) or refusal

    def _unrecorded(self, call: ToolCall, trail: _Trail, outcome: Answer | Refusal) -> Refusal | None:
        """Write the record of a call; return why not, where that failed."""
        try:
            self.audit.append(_entry(call, trail, outcome))
        except GatewayError as error:
            return Refusal.of(error, call.call_id)
        return None

    async def _answer(self, call: ToolCall, trail: _Trail) -> Answer:
        self.watch.look()  # what is read goes on whatever it sees; what is proposed asks again
        # (1) identify — the policy in force says which agents this deployment accepts, and in which role.
        bundle = self._policy()
        trail.principal = principal = decide.identify(bundle, trail.principal.agent)
        # (2) screen, find, validate — hidden and missing tools take the same way out, after the same screening.
        tool, checked = self._asked(bundle, call, trail)
        if tool.discovery == "call":  # what is asked for through it takes the same step, as if it came alone
            tool, checked = self._passed_on(bundle, call, trail)
        undoes = ""
        if tool.status == "undo":  # the way back is the call of an ordinary tool, and takes the same steps
            undoes = str(checked.arguments["proposal_id"])
            call = await self._way_back(call, checked, trail)
            tool, checked = self._asked(bundle, call, trail)
        # (3) decide
        decision = trail.decision = decide.decide(bundle, principal, tool, checked.arguments)
        terms = _terms(decision)
        # (4) obligations — one that can't be fulfilled is a denial.
        obligations.check_masked_arguments(tool, checked.arguments, terms.masks)
        obligations.check_window(tool, checked.arguments, terms.max_window_days)
        # (5) read, find tools, propose, or tell of proposals — (8) checked against the tool's result contract
        question = Question(principal=principal, tool=tool, checked=checked, obligations=terms, call_id=call.call_id)
        if tool.effect == "read":
            answer = await self._read(question)
            trail.outsiders = outsiders_in(tool, answer)
        elif tool.effect == "discovery":
            able = decide.visible(bundle, principal, self.catalog)
            answer = self._finding.answer(question, able, bundle.shows[principal.role])
        else:  # whether a proposal happens is (6), decided by people over another channel
            steps = tuple(self.step(bundle, principal, call, step) for step in tool.steps)
            answer = await self._propose(question, call, decision, trail, undoes=undoes, steps=steps)
        trail.rows = {name: len(table.rows) for name, table in answer.tables.items()}
        return answer

    def _asked(
        self, bundle: Bundle, call: ToolCall, trail: _Trail, *, reads_only: bool = False
    ) -> tuple[Tool, CheckedArguments]:
        """Screen one call, find its tool and check its arguments."""
        violation = boundary.recognise(call.tool, call.arguments)
        if violation is not None:
            raise BoundaryError(rule=violation.code)
        try:
            tool = trail.tool = self._find(bundle, trail.principal, call.tool)
            if reads_only and tool.effect != "read":
                raise CallDirectlyError(tool=tool.name)
            return tool, contract.check(tool, call.arguments)
        except (UnknownToolError, UnknownArgumentError):
            if (trail.tool is None or trail.tool.effect == "read") and personal.asks(call.tool, call.arguments):
                raise PersonalDataError from None
            raise

    def _passed_on(self, bundle: Bundle, call: ToolCall, trail: _Trail) -> tuple[Tool, CheckedArguments]:
        """Take a call out of the one that it came in, as if it had come alone.

        Only what reads is passed on: a standing permission for the tool that passes on must cover no write.
        """
        trail.through, trail.tool = call.tool, None
        name, arguments = call.arguments["name"], call.arguments.get("arguments", {})
        inner = replace(call, tool=str(name), arguments=arguments if isinstance(arguments, dict) else {})
        try:
            return self._asked(bundle, inner, trail, reads_only=True)
        except UnknownToolError as error:
            raise of_argument(error) from None

    async def _read(self, question: Question) -> Answer:
        now = self.clock.plant()
        required, optional = freshness.needed(question.tool)
        states = await self.read_model.states()
        fresh = freshness.assess(required, optional, states, self.budgets, question.obligations, now=now)
        analysis = self.analyses.get(question.tool.analysis)
        rests_on = analysis.dependences if analysis else ()
        without = lacking.assess(question.tool, question.checked.arguments, states, rests_on)
        reading = Reading(
            read_model=self.read_model,
            analyses=self.analyses,
            keys=self.keys,
            today=now.astimezone(self.zone).date().isoformat(),
            now=instant_text(now),
            deadline_s=self.deadline_s,
            zone=self.zone,
            states=states,
            kept=self._kept,
        )
        return await reading.answer(question, fresh, without)

    async def _way_back(self, call: ToolCall, checked: CheckedArguments, trail: _Trail) -> ToolCall:
        """Return the call that takes a proposal of the agent's back; whether it may be made is seen like any other's.

        Raises:
            as `proposing.Proposing.way_back`.
        """
        name, arguments = await self.proposing().way_back(
            trail.principal.agent, str(checked.arguments["proposal_id"]), str(checked.arguments["idempotency_key"])
        )
        trail.through, trail.tool = call.tool, None
        own = {key: value for key, value in call.arguments.items() if key != "proposal_id"}
        return replace(call, tool=name, arguments={**arguments, **own})

    def step(self, bundle: Bundle, principal: Principal, call: ToolCall, step: SagaStep) -> AllowedStep:
        """See one step of a saga as if it came alone: nothing is let happen together that may not happen by itself.

        Args:
            bundle: The policy in force.
            principal: Whose call it is.
            call: Of the saga.
            step: As its tool declares it.

        Raises:
            NotAllowedError: `policy.not_allowed`, when the role may not propose it, or not what takes it back.
        """
        from erp_mcp.preparing import check_way_back
        from erp_mcp.proposing import AllowedCall, AllowedStep

        arguments = arguments_of(step, call.arguments)
        violation = boundary.recognise(step.tool, arguments)
        if violation is not None:
            raise BoundaryError(rule=violation.code)
        tool = self.catalog.get(step.tool)
        if tool is None or not decide.visible(bundle, principal, (tool,)):
            raise NotAllowedError(reason="step", step=step.name)
        checked = contract.check(tool, arguments)
        decision = decide.decide(bundle, principal, tool, checked.arguments)
        terms = _terms(decision)
        obligations.check_masked_arguments(tool, checked.arguments, terms.masks)
        obligations.check_window(tool, checked.arguments, terms.max_window_days)
        back = None
        if tool.undone_by:
            way_back = decide.decide(bundle, principal, self.catalog.tools[tool.undone_by], {})
            if not way_back.allowed or way_back.obligations is None:
                raise NotAllowedError(reason="way_back", step=step.name)
            check_way_back(self.catalog.tools[tool.undone_by], way_back.obligations)
            back = way_back.obligations.approval
        asked = AllowedCall(
            principal=principal,
            tool=tool,
            call=replace(call, tool=tool.name, arguments=arguments),
            checked=checked,
            decision=decision,
            obligations=terms,
        )
        return AllowedStep(name=step.name, asked=asked, back=back)

    async def _propose(
        self,
        question: Question,
        call: ToolCall,
        decision: Decision,
        trail: _Trail,
        *,
        undoes: str,
        steps: tuple[AllowedStep, ...],
    ) -> Answer:
        """Make a proposal, or tell of the agent's own."""
        from erp_mcp.proposing import AllowedCall

        asked = AllowedCall(
            principal=question.principal,
            tool=question.tool,
            call=call,
            checked=question.checked,
            decision=decision,
            obligations=question.obligations,
            undoes=undoes,
            steps=steps,
        )
        told = await self.proposing().answer(asked)
        if told.proposal is not None:
            trail.proposal = {"proposal_id": told.proposal.content.proposal_id, "state": str(told.proposal.state)}
        return told.answer

    def tools(self, principal: Principal) -> tuple[ToolView, ...]:
        """Return the tools of this principal's list, in a stable order; none when the policy does not know the agent.

        What else it may call is found through the tools for that.
        """
        try:
            bundle = self._policy()
            known = decide.identify(bundle, principal.agent)
        except GatewayError:
            return ()
        able = decide.visible(bundle, known, self.catalog)
        return tuple(self._views[tool.name] for tool in listed(able, bundle.shows[known.role]))

    def callable_tools(self, principal: Principal) -> tuple[Tool, ...]:
        """Return every tool this principal may call, listed or not, in a stable order; none as `tools`."""
        try:
            bundle = self._policy()
            known = decide.identify(bundle, principal.agent)
        except GatewayError:
            return ()
        return tuple(decide.visible(bundle, known, self.catalog))

    def permissions(self, principal: Principal) -> Permissions | None:
        """Return what this principal may do by the applied policy; `None` when that does not know the agent."""
        try:
            bundle = self._policy()
            known = decide.identify(bundle, principal.agent)
        except GatewayError:
            return None
        return permissions_of(bundle, known, self.catalog)

    def bundle_digest(self) -> str:
        """Return the digest of the applied policy; cheap, and fresh whichever process applied it."""
        return self.bundles.active_digest()

    @cached_property
    def _finding(self) -> Finding:
        return Finding(catalog=self.catalog)

    @cached_property
    def _views(self) -> dict[str, ToolView]:
        return {
            tool.name: ToolView(
                name=tool.name,
                title=tool.title,
                description=tool.description,
                input_schema=schemas.input_schema(tool),
                output_schema=schemas.output_schema(tool),
                read_only=tool.effect in ("read", "discovery") or tool.status in ("get", "list"),
            )
            for tool in self.catalog
        }

    def _find(self, bundle: Bundle, principal: Principal, name: str) -> Tool:
        tool = self.catalog.get(name)
        if tool is None or not decide.visible(bundle, principal, (tool,)):
            raise unknown(name, decide.visible(bundle, principal, self.catalog))
        return tool

    def _policy(self) -> Bundle:
        """Return the applied bundle; all processes switch as soon as another one is applied."""
        digest = self.bundles.active_digest()
        if not digest:
            raise NotAllowedError(reason="no_policy_applied")
        if self._bundle is None or self._bundle.digest != digest:
            digest, text = self.bundles.active()
            self._bundle = from_json(text, digest)
        return self._bundle


def _terms(decision: Decision) -> Obligations:
    """Return what an allowed decision obliges to; everything else is a denial."""
    if not decision.allowed or decision.obligations is None:
        raise NotAllowedError(reason=decision.reasons[0] if decision.reasons else "default_deny")
    return decision.obligations


def _entry(call: ToolCall, trail: _Trail, outcome: Answer | Refusal) -> AuditEntry:
    """Return the record of a call: names, rules and counts in the clear, what the agent sent as erasable fields."""
    decision, tool = trail.decision, trail.tool
    facts: dict[str, JsonValue] = {
        "call_id": call.call_id,
        "role": trail.principal.role,
        "owner": trail.principal.owner,
        "tool": tool.name if tool else "",
        "tool_hash": tool.hash if tool else "",
        "bundle": decision.bundle if decision else "",
        "rules": list(decision.rules) if decision else [],
        "reasons": list(decision.reasons) if decision else [],
        **({"through": trail.through} if trail.through else {}),
        **trail.proposal,
    }
    if isinstance(outcome, Refusal):
        facts["code"] = outcome.code
        facts["rule"] = str(outcome.facts.get("rule", outcome.facts.get("reason", "")))
        if "proposal_id" in outcome.facts:  # the other one of a conflict
            facts["proposal_id"] = str(outcome.facts["proposal_id"])
    else:
        facts["complete"] = outcome.complete
        facts["rows"] = dict(trail.rows)
        if trail.outsiders:
            facts[OUTSIDER_TEXT] = list(trail.outsiders)
        facts["sources"] = {source.system: source.as_of for source in outcome.sources}
    reads = tool is None or tool.effect == "read"
    kept: JsonValue = call.arguments if reads else without_bank_data(call.arguments)
    return AuditEntry(
        kind="call.refused" if isinstance(outcome, Refusal) else "call.answered",
        correlation_id=call.correlation_id or call.call_id,
        causation_id=call.causation_id,
        trace=call.traceparent,
        actor=trail.principal.agent,
        facts=facts,
        fields={"tool": call.tool, "arguments": kept, "client": call.client},
    )
