"""Are the terms of an approval stricter now than when people said yes? Then what they approved is not sent."""

from __future__ import annotations

from collections.abc import Iterable

from erp_mcp.domain.decision import Terms


def stricter(then: Terms, now: Terms, *, deciders: Iterable[str], age_s: int) -> str:
    """Tell by what the policy in force asks for more than the one that a proposal was decided under.

    What it asks of people who did not decide, or of a time that has not passed, holds nothing back.

    Args:
        then: The terms in the proposal.
        now: The terms of the second decision.
        deciders: Ids of the approvers who said yes.
        age_s: Seconds since the first of them did.

    Returns:
        A stable code, empty where nothing is stricter: `more_approvers`, `approver_withdrawn`,
        `self_approval_withdrawn`, `validity_shortened`.
    """
    if now.needed > then.needed:
        return "more_approvers"
    if now.approvers and not set(deciders) <= set(now.approvers):
        return "approver_withdrawn"
    if then.self_approval and not now.self_approval:
        return "self_approval_withdrawn"
    return "validity_shortened" if now.valid_s < then.valid_s and age_s >= now.valid_s else ""
