"""For how long a proposal waits for its people: as a rule says, else by whether its tool moves or holds stock.

What is free or in a place now may be gone in half an hour; a date or a price is not. Which tools do so is said in their
files (`stock: true`). A saga waits no longer than the shortest of its steps.
"""

from __future__ import annotations

from collections.abc import Mapping

from erp_mcp.domain.tool import Tool
from erp_mcp.policy.grammar import ApprovalForm, BaseFile
from erp_mcp.policy.rules import DEFAULT_TERMS, HOUR_S, MINUTE_S, STOCK_VALID_S


def said_s(form: ApprovalForm) -> int | None:
    """Return the seconds that a rule of `approvals:` says, `None` where it leaves them to the tool."""
    if form.expires_min is not None:
        return form.expires_min * MINUTE_S
    return None if form.expires_h is None else form.expires_h * HOUR_S


def default_s(tool: Tool, tools: Mapping[str, Tool]) -> int:
    """Return for how long a proposal of a tool waits, in seconds, where no rule says so."""
    parts = [tool, *(tools[step.tool] for step in tool.steps if step.tool in tools)]
    return STOCK_VALID_S if any(one.stock for one in parts) else DEFAULT_TERMS.valid_s


def least_s(form: ApprovalForm, tools: Mapping[str, Tool]) -> int:
    """Return for how long the first of a rule's proposals to expire waits, in seconds."""
    said = said_s(form)
    if said is not None:
        return said
    return min((default_s(tools[name], tools) for name in form.tools if name in tools), default=DEFAULT_TERMS.valid_s)


def shorter(tool: Tool, tools: Mapping[str, Tool], base: BaseFile) -> int | None:
    """Return the seconds that a bundle keeps with the grant of a tool: `None` where its rule, or the default, has them.

    So a bundle says by itself how long its proposals wait, whatever the tool's file says later; and one without such
    tools is as it was before this was there.
    """
    default = default_s(tool, tools)
    said = any(said_s(one) is not None for one in base.approvals or [] if tool.name in one.tools)
    return None if said or default == DEFAULT_TERMS.valid_s else default
