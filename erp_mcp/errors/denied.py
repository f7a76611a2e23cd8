"""Refusals by policy: ask for access; the same call will be refused again."""

from __future__ import annotations

from erp_mcp.errors.taxonomy import DeniedError


class BoundaryError(DeniedError):
    """The request asks for something below the planning side (ISA-95)."""

    code = "policy.boundary"
    summary = "This reaches below the planning side (ISA-95 level 3); no tool of the gateway does that."
    advice = "A person does this at the machine or in the MES; the gateway can only inform."


class LimitExceededError(DeniedError):
    """A business limit that a change would go beyond."""

    code = "limit.exceeded"
    summary = "A limit on how much may be proposed in a time is reached."
    advice = "Propose less, wait until the window named has passed, or leave it to a person."


class MaskedFieldError(DeniedError):
    """A filter or sort on a field that the role may not read."""

    code = "policy.masked_field"
    summary = "This argument works on a field that this role may not read."
    advice = "Leave the argument out."


class NoBreakGlassError(DeniedError):
    """An approval in an emergency where policy leaves no way for one."""

    code = "approval.no_break_glass"
    summary = "Policy lets nobody approve this in an emergency."
    advice = "Ask one of the approvers that `erp-mcp approvals show` names; `break_glass:` of the policy is for others."


class NotAReviewerError(DeniedError):
    """A person who may not look afterwards at what was approved in an emergency."""

    code = "approval.not_reviewer"
    summary = "This person may not review what was approved in an emergency."
    advice = "Ask one of those whom policy names as reviewers and who has not approved it themselves."


class NotAllowedError(DeniedError):
    """The agent is not one the deployment accepts, or policy refuses the call."""

    code = "policy.not_allowed"
    summary = "Policy does not allow this."
    advice = "Ask an administrator; `erp-mcp policy explain` shows the rule."


class NotAnApproverError(DeniedError):
    """A person who may not decide about this proposal."""

    code = "approval.not_allowed"
    summary = "This person may not decide about this proposal."
    advice = "Ask one of the approvers that `erp-mcp approvals show` names."


class PersonalDataError(DeniedError):
    """The request asks about a person: who did something, how to reach them, what they earn."""

    code = "policy.personal_data"
    summary = "This asks for personal data; no tool of the gateway has any."
    advice = "Ask for the work centre, the shift or the role instead; who it was, only the system of record knows."


class PolicyNeedsApproverError(DeniedError):
    """A policy that newly allows writes and that no approver has signed."""

    code = "policy.needs_approver"
    summary = "This policy newly allows a write, and no enrolled approver has confirmed it."
    advice = "Run `erp-mcp policy apply` and confirm as an enrolled approver, with the passphrase."


class DutiesSeparatedError(DeniedError):
    """An approval by somebody who approved what policy keeps apart from it."""

    code = "approval.separated"
    summary = "Whoever approved the other half of this does not approve this one."
    advice = "Ask another approver; `separations:` of the policy says what one person may not approve together."


class AskedOtherHalfError(DeniedError):
    """An approval by somebody whose agent asked for what policy keeps apart from it."""

    code = "approval.asked_other_half"
    summary = "Whoever's agent asked for the other half of this does not approve this one."
    advice = "Ask another approver; `separations:` of the policy says what one person may not bring about together."


class ApprovedOtherHalfError(DeniedError):
    """A proposal of somebody's agent who approved what policy keeps apart from it."""

    code = "proposal.approved_other_half"
    summary = "Whoever this agent acts for has approved the other half of this; one person does not bring about both."
    advice = "Leave it to somebody else's agent; `separations:` of the policy says what is kept apart, and how long."


class QuotaReachedError(DeniedError):
    """An approval by somebody who has approved as often as policy lets one person in an hour."""

    code = "approval.quota"
    summary = "This person has approved as much in this hour as policy lets one person."
    advice = "Take your time, or ask another approver; rejecting is always possible."


class RequesterError(DeniedError):
    """An approver who is one of those who asked for the change."""

    code = "approval.requester"
    summary = "Nobody may decide about a change that they asked for themselves."
    advice = "Ask another approver; policy may allow owners to decide about small changes (`self_approval: owner`)."


class ReviewOverdueError(DeniedError):
    """An approval in an emergency while an earlier one was not looked at in time."""

    code = "approval.review_overdue"
    summary = "An earlier approval in an emergency was not reviewed in time; until it is, there is no other."
    advice = "Let a reviewer look at it: `erp-mcp approvals list --reviews`, then `erp-mcp approvals review ID`."


class RuleNotEvaluableError(DeniedError):
    """A business rule whose facts are missing."""

    code = "rule.not_evaluable"
    summary = "A business rule could not be looked at, since facts are missing."
    advice = "Do without what `missing` names, or leave it to a person."


class StaleDataError(DeniedError):
    """The data is older than four times its freshness budget."""

    code = "freshness.stale"
    summary = "The data is too old to answer from."
    advice = "Wait for the next synchronisation or ask an operator to run `erp-mcp sync`."


class SystemReadOnlyError(DeniedError):
    """A system of record that takes no such writes here."""

    code = "adapter.read_only"
    summary = "This system does not take this change in this deployment."
    advice = (
        "An administrator names write credentials under `write:` of the system, and a profile that has the operation."
    )


class SignInRefusedError(DeniedError):
    """A sign-in at a provider that does not hold. Facts: `reason`, one word."""

    code = "page.sign_in_refused"
    summary = "The sign-in at your provider does not hold; nothing was done."
    advice = "Sign in again; if it stays, tell the operator the word in `reason`, docs/page.md says what each means."


class SubjectNotEnrolledError(DeniedError):
    """Somebody whom the provider knows and whom nobody has enrolled. Facts: `issuer`, `subject`."""

    code = "page.not_enrolled"
    summary = "Your provider knows you, and nobody has enrolled this account as an approver."
    advice = "Ask an approver: `erp-mcp approvals enrol ID --oidc-subject SUBJECT --as THEM`."
