"""What several commands do with a deployment: its policy, its approvers and their decisions, its read model."""

from __future__ import annotations

from erp_mcp.administration.activation import Activation, apply_policy, planned, signature_missing
from erp_mcp.administration.conditions import conditions
from erp_mcp.administration.connecting import add_system, check_name_free, remove_system
from erp_mcp.administration.deciding import decide, may_decide, why_not
from erp_mcp.administration.narrowing import Narrowed, narrow, narrowable, narrowed
from erp_mcp.administration.own_words import free_text_fields, quotes_free_text
from erp_mcp.administration.people import (
    Member,
    Signing,
    check_new,
    check_revocable,
    enrol,
    first_approver_missing,
    members,
    opened_key,
    revoke,
    trusted,
)
from erp_mcp.administration.reach import OutOfReach, Unenrolled, out_of_reach, unenrolled
from erp_mcp.administration.reading_in import sites_held, synchronise
from erp_mcp.administration.reviewing import Emergency
from erp_mcp.administration.stopping import write_scopes, write_sites
from erp_mcp.administration.tainting import Tainted, agents, clear_taint, tainted
from erp_mcp.administration.watching import figures, seed_canary, was_canary
from erp_mcp.approval.figures import Figures
from erp_mcp.approval.narrowing import Narrowable

__all__ = [
    "Activation",
    "Emergency",
    "Figures",
    "Member",
    "Narrowable",
    "Narrowed",
    "OutOfReach",
    "Signing",
    "Tainted",
    "Unenrolled",
    "add_system",
    "agents",
    "apply_policy",
    "check_name_free",
    "check_new",
    "check_revocable",
    "clear_taint",
    "conditions",
    "decide",
    "enrol",
    "figures",
    "first_approver_missing",
    "free_text_fields",
    "may_decide",
    "members",
    "narrow",
    "narrowable",
    "narrowed",
    "opened_key",
    "out_of_reach",
    "planned",
    "quotes_free_text",
    "remove_system",
    "revoke",
    "seed_canary",
    "signature_missing",
    "sites_held",
    "synchronise",
    "tainted",
    "trusted",
    "unenrolled",
    "was_canary",
    "why_not",
    "write_scopes",
    "write_sites",
]
