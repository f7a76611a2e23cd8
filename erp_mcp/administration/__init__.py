"""What several commands do with a deployment: its policy, its approvers and their decisions, its read model.

Names are imported when they are first used: a worker that reads in what it wrote needs no grammar of policies.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

from erp_mcp.administration.conditions import conditions

if TYPE_CHECKING:
    from erp_mcp.administration.activation import Activation, apply_policy, planned, signature_missing
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

_MODULES: Final = {
    "Activation": "administration.activation",
    "Emergency": "administration.reviewing",
    "Figures": "approval.figures",
    "Member": "administration.people",
    "Narrowable": "approval.narrowing",
    "Narrowed": "administration.narrowing",
    "OutOfReach": "administration.reach",
    "Signing": "administration.people",
    "Tainted": "administration.tainting",
    "Unenrolled": "administration.reach",
    "add_system": "administration.connecting",
    "agents": "administration.tainting",
    "apply_policy": "administration.activation",
    "check_name_free": "administration.connecting",
    "check_new": "administration.people",
    "check_revocable": "administration.people",
    "clear_taint": "administration.tainting",
    "decide": "administration.deciding",
    "enrol": "administration.people",
    "figures": "administration.watching",
    "first_approver_missing": "administration.people",
    "free_text_fields": "administration.own_words",
    "may_decide": "administration.deciding",
    "members": "administration.people",
    "narrow": "administration.narrowing",
    "narrowable": "administration.narrowing",
    "narrowed": "administration.narrowing",
    "opened_key": "administration.people",
    "out_of_reach": "administration.reach",
    "planned": "administration.activation",
    "quotes_free_text": "administration.own_words",
    "remove_system": "administration.connecting",
    "revoke": "administration.people",
    "seed_canary": "administration.watching",
    "signature_missing": "administration.activation",
    "sites_held": "administration.reading_in",
    "synchronise": "administration.reading_in",
    "tainted": "administration.tainting",
    "trusted": "administration.people",
    "unenrolled": "administration.reach",
    "was_canary": "administration.watching",
    "why_not": "administration.deciding",
    "write_scopes": "administration.stopping",
    "write_sites": "administration.stopping",
}

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


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"erp_mcp.{_MODULES[name]}"), name)
