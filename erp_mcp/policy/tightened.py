"""Are the terms of an approval stricter now than when people said yes? Then what they approved is not sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from erp_mcp.domain import quorum
from erp_mcp.domain.decision import Terms
from erp_mcp.domain.quorum import Said


def stricter(
    then: Terms, now: Terms, *, deciders: Sequence[Said], made: datetime, age_s: int, in_emergency: bool = False
) -> str:
    """Tell by what the policy in force asks for more than the one that a proposal was decided under.

    What it asks of people who did not decide, or of a time that has not passed, holds nothing back.

    Args:
        then: The terms in the proposal.
        now: The terms of the second decision, worked out for what the change is worth today.
        deciders: Those who said yes, different people, and when.
        made: When it was proposed.
        age_s: Seconds since the first of them did.
        in_emergency: Whether they did by break-glass.

    Returns:
        A stable code, empty where nothing is stricter: `more_approvers`, `approver_withdrawn`, `group_missing`,
        `self_approval_withdrawn`, `break_glass_withdrawn`, `validity_shortened`.
    """
    if in_emergency:
        return _in_emergency(then, now, deciders, age_s)
    if now.needed > then.needed:
        return "more_approvers"
    if not all(quorum.may_decide(now, one, made) for one in deciders):
        return "approver_withdrawn"
    if quorum.missing(now, [[one] for one in deciders], made)[1]:
        return "group_missing"
    if then.self_approval and not now.self_approval:
        return "self_approval_withdrawn"
    return _shortened(then, now, age_s)


def _in_emergency(then: Terms, now: Terms, deciders: Sequence[Said], age_s: int) -> str:
    """In an emergency only who may break the glass says yes, so that is what may be asked otherwise by now."""
    if now.break_glass is None:
        return "break_glass_withdrawn"
    if not all(quorum.may_break_glass(now, one.approver_id) for one in deciders):
        return "approver_withdrawn"
    return _shortened(then, now, age_s)


def _shortened(then: Terms, now: Terms, age_s: int) -> str:
    return "validity_shortened" if now.valid_s < then.valid_s and age_s >= now.valid_s else ""
