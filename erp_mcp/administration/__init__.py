"""What several commands do with a deployment: its policy, its approvers and their decisions, its read model."""

from __future__ import annotations

from erp_mcp.administration.activation import Activation, apply_policy, planned, signature_missing
from erp_mcp.administration.connecting import add_system, check_name_free, remove_system
from erp_mcp.administration.deciding import decide, may_decide, why_not
from erp_mcp.administration.people import (
    Member,
    Signing,
    check_new,
    check_revocable,
    enrol,
    first_approver_missing,
    members,
    revoke,
    trusted,
)
from erp_mcp.administration.reach import OutOfReach, Unenrolled, out_of_reach, unenrolled
from erp_mcp.administration.reading_in import sites_held, synchronise

__all__ = [
    "Activation",
    "Member",
    "OutOfReach",
    "Signing",
    "Unenrolled",
    "add_system",
    "apply_policy",
    "check_name_free",
    "check_new",
    "check_revocable",
    "decide",
    "enrol",
    "first_approver_missing",
    "may_decide",
    "members",
    "out_of_reach",
    "planned",
    "remove_system",
    "revoke",
    "signature_missing",
    "sites_held",
    "synchronise",
    "trusted",
    "unenrolled",
    "why_not",
]
