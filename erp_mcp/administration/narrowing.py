"""One person says yes to less than was asked for: a smaller proposal in the place of the one that waited."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from erp_mcp.administration import watching
from erp_mcp.administration.deciding import may_decide, signed_decision
from erp_mcp.administration.people import Signing
from erp_mcp.approval import canaries, envelope, narrowing
from erp_mcp.approval.narrowing import Narrowable
from erp_mcp.bootstrap import Deployment
from erp_mcp.catalog import arguments as contract
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.decision import Decision, Obligations
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.proposal import Content, Proposal
from erp_mcp.domain.tool import Tool
from erp_mcp.errors import NotAllowedError, NotSmallerError, ProposalMovedError
from erp_mcp.policy import decide
from erp_mcp.policy.bundle import from_json
from erp_mcp.proposing import AllowedCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """A smaller proposal as it would be stored, and the one whose place it takes; stored nowhere yet."""

    original: Proposal
    content: Content

    @property
    def proposal(self) -> Proposal:
        """The smaller one as people are shown it."""
        content = self.content
        return Proposal(
            content=content,
            digest=envelope.digest(content),
            state=State.AWAITING_APPROVAL,
            since=content.created_at,
        )


def narrowable(content: Content) -> tuple[Narrowable, ...]:
    """Return what of a proposal can be made smaller, or left out."""
    return narrowing.narrowable(content.arguments)


async def narrowed(
    deployment: Deployment, shown: Proposal, sizes: Mapping[str, str], leave_out: Collection[str]
) -> Narrowed:
    """Work out a smaller change, on live data and by the rules, as if the agent had proposed it; nothing is stored.

    Of a saga each step is worked out anew, and all of it is put together as when it was proposed.

    Args:
        deployment: Where.
        shown: The proposal that waits.
        sizes: The new amount per path of `narrowable`.
        leave_out: Paths of the rows that go.

    Raises:
        InvalidArgumentError: `call.invalid_argument`, for a path that can't be made smaller, or an amount of no form.
        NotSmallerError: `proposal.not_smaller`, with `reason`: the change is larger, the same, or about something else.
        ProposalMovedError: `proposal.moved`, when it waits for no decision any more.
        NotAllowedError: `policy.not_allowed`, when the agent may not propose it any more.
        GatewayError: as `Preparation.prepare` says: business rules, systems that can't be read.
    """
    content = shown.content
    if shown.state is not State.AWAITING_APPROVAL:
        raise ProposalMovedError(state=shown.state)
    arguments = narrowing.narrowed_arguments(content.arguments, sizes, leave_out)
    asked = _asked(deployment, content, arguments)
    smaller, _ = await deployment.proposing.worked_out(asked)
    reason = narrowing.flaw(content, smaller)
    if reason:
        raise NotSmallerError(proposal_id=content.proposal_id, reason=reason)
    if deployment.is_canary(content):  # what nobody asked for does not become real by being made smaller
        mark = canaries.mark(deployment.key("canaries"), smaller.proposal_id)
        smaller = replace(smaller, target=mark)
    # No agent's key has a space, so none of theirs can be in the way.
    key = f"narrows {content.proposal_id}"
    return Narrowed(original=shown, content=replace(smaller, idempotency_key=key, narrows=content.proposal_id))


def narrow(deployment: Deployment, made: Narrowed, signing: Signing, comment: str = "") -> Proposal:
    """Reject what was asked for and say yes to the smaller one, in one transaction; return the smaller one.

    Raises:
        ProposalMovedError: `proposal.moved`, when the one that waited does not any more. Otherwise as `decide`, for
        both. Nothing was stored.
    """
    smaller = made.proposal
    may_decide(deployment, made.original, signing.approver_id, "approve")  # as if it were the whole change
    words = f"narrowed to {made.content.proposal_id}" + (f": {comment}" if comment else "")
    rejection = signed_decision(deployment, made.original, signing, "reject", words)
    approval = signed_decision(deployment, smaller, signing, "approve", comment)
    after = deployment.state.proposals.narrow(rejection, made.content, approval)
    watching.tell(deployment, after)
    return after


def _asked(deployment: Deployment, content: Content, arguments: dict[str, JsonValue]) -> AllowedCall:
    """Return the call that the agent would have made, as far as policy allows it today."""
    digest, text = deployment.state.bundles.active()
    bundle = from_json(text, digest)
    principal = decide.identify(bundle, content.agent)
    tool = deployment.catalog_now().get(content.tool)
    if tool is None or tool.hash != content.tool_hash:
        raise NotAllowedError(reason="write")
    checked = contract.check(tool, arguments)
    decision = decide.decide(bundle, principal, tool, checked.arguments)
    call = _call(content, tool, principal, arguments)
    return AllowedCall(
        principal=principal,
        tool=tool,
        call=call,
        checked=checked,
        decision=decision,
        obligations=_obligations(decision),
        steps=tuple(deployment.gateway.step(bundle, principal, call, step) for step in tool.steps),
    )


def _call(content: Content, tool: Tool, principal: Principal, arguments: dict[str, JsonValue]) -> ToolCall:
    if (principal.owner, principal.role) != (content.owner, content.role):
        raise NotAllowedError(reason="unknown_agent")
    return ToolCall(
        tool=tool.name,
        arguments=arguments,
        call_id=content.correlation_id,
        correlation_id=content.correlation_id,
        causation_id=content.proposal_id,
        traceparent=content.trace,
    )


def _obligations(decision: Decision) -> Obligations:
    terms = decision.obligations
    if not decision.allowed or terms is None or terms.sites == ():
        raise NotAllowedError(reason=decision.reasons[0] if decision.reasons else "default_deny")
    return terms
