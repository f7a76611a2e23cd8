"""What policy, catalogue and record say about an approved proposal today: the same or more, else it is not sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from erp_mcp.catalog.registry import Catalog
from erp_mcp.committing.held_back import HeldBackError
from erp_mcp.domain.call import ArgumentValue, JsonValue
from erp_mcp.domain.decision import Obligations
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.operation import Draft
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.proposal import Content, LimitUse, Proposal, SignedDecision
from erp_mcp.domain.quorum import BREAK_GLASS_NEEDED, Said
from erp_mcp.domain.tool import Tool
from erp_mcp.errors import BadBundleError, NotAllowedError
from erp_mcp.policy import decide, tightened
from erp_mcp.policy.bands import terms_for
from erp_mcp.policy.bundle import Bundle, from_json
from erp_mcp.policy.limit_use import limits_of
from erp_mcp.ports import Bundles
from erp_mcp.preparing import Prepared


def bundle_in_force(bundles: Bundles) -> Bundle:
    """Return the applied policy.

    Raises:
        HeldBackError: `deny` without one; `postpone` when it can't be used, since an operator will apply it again.
    """
    digest, text = bundles.active()
    if not digest:
        raise HeldBackError("deny", "no_policy")
    try:
        return from_json(text, digest)
    except BadBundleError as error:
        raise HeldBackError("postpone", "policy_unusable") from error


def same_tool(catalog: Catalog, content: Content) -> Tool:
    """Return the tool by which the proposal was made.

    Raises:
        HeldBackError: `deny`, when it is gone or its definition is another one.
    """
    tool = catalog.get(content.tool)
    if tool is None or tool.hash != content.tool_hash:
        raise HeldBackError("deny", "tool_changed")
    return tool


def decide_again(bundle: Bundle, content: Content, tool: Tool, arguments: dict[str, ArgumentValue]) -> Obligations:
    """Return what the second decision obliges to.

    Raises:
        HeldBackError: `deny`, when the agent is not what it was, or the call is not allowed any more.
    """
    try:
        principal = decide.identify(bundle, content.agent)
    except NotAllowedError as error:
        raise HeldBackError("deny", "agent_unknown") from error
    if principal.role != content.role:
        raise HeldBackError("deny", "role_changed")
    if principal.owner != content.owner:
        raise HeldBackError("deny", "owner_changed")
    decision = decide.decide(bundle, principal, tool, arguments)
    facts: dict[str, JsonValue] = {
        "rules": list(decision.rules),
        "reasons": list(decision.reasons),
        "bundle": bundle.digest,
    }
    obligations = decision.obligations
    if not decision.allowed or obligations is None or obligations.approval is None or obligations.sites == ():
        raise HeldBackError("deny", "policy_denied", facts)
    return obligations


def check_terms(
    obligations: Obligations,
    content: Content,
    draft: Draft,
    decisions: Sequence[SignedDecision],
    *,
    bundle: Bundle,
    now: datetime,
) -> None:
    """Compare the terms of today, for what the change is worth today, with those that people decided under.

    Args:
        obligations: Of the second decision.
        content: What was proposed, with the terms of then.
        draft: The change as it was worked out now.
        decisions: Who said yes and when; their signatures were checked.
        bundle: The policy in force.
        now: The wall clock.

    Raises:
        HeldBackError: `deny`, for terms that ask for more than the approval has.
    """
    age_s = max((int((now - parse_instant(one.decided_at)).total_seconds()) for one in decisions), default=0)
    if obligations.approval is None:
        raise HeldBackError("deny", "terms_stricter", {"terms": "no_terms"})
    today = terms_for(obligations.approval, draft.amounts)
    glass = [one for one in decisions if one.decision == "break_glass"]
    broken = len(glass) >= BREAK_GLASS_NEEDED  # where one alone said so, others were enough
    counted = glass if broken else [one for one in decisions if one.decision == "approve"]
    deciders = [Said(one.approver_id, parse_instant(one.decided_at)) for one in counted]
    made = parse_instant(content.created_at)
    why = tightened.stricter(content.terms, today, deciders=deciders, made=made, age_s=age_s, in_emergency=broken)
    if why:
        raise HeldBackError("deny", "terms_stricter", {"terms": why, "band": today.band, "bundle": bundle.digest})


def is_too_late(proposal: Proposal, decided: datetime, now: datetime) -> bool:
    """Whether what was approved then is taken up for the first time after the time that policy gives it."""
    seconds = proposal.content.terms.carry_out_s
    return bool(seconds) and proposal.fence == 1 and decided + timedelta(seconds=seconds) <= now


def check_limits(
    obligations: Obligations, content: Content, draft: Draft, counted_uses: Sequence[LimitUse] | None = None
) -> None:
    """Compare what the change takes of the limits of today with what was counted when it was proposed.

    Args:
        obligations: Of the second decision.
        content: What was proposed.
        draft: The change as it was worked out now.
        counted_uses: What was counted, where that is not the proposal's own: a saga counts for its steps.

    Raises:
        HeldBackError: `deny`, for a limit that was not counted, is lower or looks further back, or of which the change
            takes more by now (its price has risen).
        RuleNotEvaluableError: `rule.not_evaluable`, as when it was proposed.
    """
    principal = Principal(agent=content.agent, owner=content.owner, role=content.role)
    counted = {(use.limit, use.key): use for use in (content.limits if counted_uses is None else counted_uses)}
    for use in limits_of(obligations.limits, principal, draft):
        then = counted.get((use.limit, use.key))
        if then is None or _stricter_use(use, then):
            raise HeldBackError("deny", "limits_stricter", {"limit": use.limit})


def _stricter_use(today: LimitUse, then: LimitUse) -> bool:
    """Another currency, a lower limit, a longer look back, or a change that takes more of it."""
    return (
        today.currency != then.currency
        or today.maximum < then.maximum
        or today.window_s > then.window_s
        or today.amount > then.amount
    )


def check_same(content: Content, prepared: Prepared) -> None:
    """The change worked out now must be the one that was approved, on the record as it was, and as it was shown.

    Raises:
        HeldBackError: `go_stale`; what was approved is never made to fit a changed record. `hand_over`, when people
            were shown another change than this: nobody but the gateway makes previews. `deny`, when business rules go
            by a stricter parameter now than people decided under, or nothing here knows what one of them asks for that
            people were shown as kept.
    """
    approved, draft, shown = content.command, prepared.draft, content.preview
    if (draft.system, draft.key, draft.version_token) != (approved.system, approved.key, approved.version_token):
        raise HeldBackError("go_stale", "record_changed")
    if dict(draft.fields) != dict(approved.fields):
        raise HeldBackError("go_stale", "payload_changed")
    for name, then in content.parameters.items():
        now = prepared.parameters.get(name)
        if now is not None and isinstance(then, int) and now < then:
            raise HeldBackError("deny", "parameters_stricter", {"parameter": name})
    shown_open = {one.rule for one in shown.checks if one.verdict != "ok"}
    for one in draft.checks:
        if one.verdict == "person" and one.rule not in shown_open:
            raise HeldBackError("deny", "left_to_people_unasked", {"rule": one.rule})
    if (draft.headline, draft.document, draft.changes) != (shown.headline, shown.document, shown.changes):
        raise HeldBackError("hand_over", "preview_differs")
