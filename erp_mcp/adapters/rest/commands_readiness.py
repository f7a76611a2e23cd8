"""What can be said before anything is written: does a plan name a version, and can our reference be searched?"""

from __future__ import annotations

from erp_mcp.adapters._documents.command_readiness import NOBODY_KNOWS, Looks, searched, told_later
from erp_mcp.adapters._documents.command_values import Facts
from erp_mcp.domain.write_plan import Plan


async def of(plan: Plan, looks: Looks, facts: Facts) -> str:
    """Return `verified: …` with how the contract of a plan is kept, or what is missing.

    Raises:
        SystemUnreachableError, SystemBusyError, SystemRestingError, SystemTimeoutError: it can't be said now.
    """
    return await _kept(plan, looks, facts) + told_later(plan)


async def _kept(plan: Plan, looks: Looks, facts: Facts) -> str:
    if plan.contract.kind == "none":
        return NOBODY_KNOWS
    if plan.changes:
        where = "If-Match" if plan.write.if_match else "the request itself"
        return f"verified: each change names the version that was read, in {where}, as the system's documentation says"
    return await searched(plan, looks, facts)
