"""May it be called: a pure function of principal, tool and arguments.

Default deny; forbid wins; whatever goes wrong while deciding is a denial. A tool that writes is allowed only where a
permit of exactly this tool and role carries evidence, and only as it was defined then. Tools that look after the
caller's own proposals are allowed where some write is, those that find other tools where anything is; no rule names
them. Nothing here reads a file, a clock or a network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from erp_mcp.domain.call import ArgumentValue
from erp_mcp.domain.decision import Decision, Mask
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.tool import Tool
from erp_mcp.errors import NotAllowedError
from erp_mcp.policy.bundle import Bundle
from erp_mcp.policy.cells import with_sites
from erp_mcp.policy.rules import WRITE_LEVEL

Arguments = Mapping[str, ArgumentValue]
# What the gateway answers of itself: allowed by what else a role may call, never by a rule.
_OWN: Final[Mapping[str, Callable[[Bundle], Mapping[str, Decision]]]] = {
    "status": lambda bundle: bundle.status,
    "discovery": lambda bundle: bundle.discovery,
}


def identify(bundle: Bundle, agent: str) -> Principal:
    """Return the principal that the bundle declares for an agent.

    Raises:
        NotAllowedError: `policy.not_allowed`, when the deployment does not accept this agent.
    """
    principal = bundle.agents.get(agent)
    if principal is None:
        raise NotAllowedError(reason="unknown_agent")
    return principal


def decide(bundle: Bundle, principal: Principal, tool: Tool, arguments: Arguments) -> Decision:
    """Decide one call.

    Args:
        bundle: The applied policy.
        principal: Who asks; must be exactly as the bundle declares the agent, owner and role included.
        tool: The tool as the catalogue has it.
        arguments: Validated arguments; those marked `is_site` narrow the row filter.

    Returns:
        A decision. Allowed only with obligations; their `sites` may be an empty tuple, when the call asks for sites
        outside the scope: it is then answered as if nothing were there. Those of a write hold `approval` and `limits`.
        Reasons of a denial: `unknown_agent`, `write`, `level`, `default_deny`, `forbid`, `site`, `mask`, `error`. Never
        raises.
    """
    try:
        if bundle.agents.get(principal.agent) != principal:
            return _denied(bundle, "unknown_agent")
        return _of_role(bundle, principal.role, tool, arguments)
    except Exception:  # noqa: BLE001 - whatever goes wrong while deciding is a denial
        return Decision(allowed=False, reasons=("error",))


def decide_role(bundle: Bundle, role: str, tool: Tool, arguments: Arguments) -> Decision:
    """Decide for a role without an agent, for tests and explanations of a policy; never raises."""
    try:
        return _of_role(bundle, role, tool, arguments)
    except Exception:  # noqa: BLE001 - whatever goes wrong while deciding is a denial
        return Decision(allowed=False, reasons=("error",))


def visible(bundle: Bundle, principal: Principal, tools: Iterable[Tool]) -> list[Tool]:
    """Return the tools that the principal may call with some arguments, in the order given; all others don't exist."""
    return [tool for tool in tools if decide(bundle, principal, tool, {}).allowed]


def _of_role(bundle: Bundle, role: str, tool: Tool, arguments: Arguments) -> Decision:
    if tool.level not in bundle.levels or (tool.effect == "write" and tool.level != WRITE_LEVEL):
        return _denied(bundle, "level")
    own = _OWN.get(tool.effect)
    cell = own(bundle).get(role) if own else bundle.cells.get((role, tool.name, tool.level))
    if cell is None:
        return _denied(bundle, "default_deny")
    if not cell.allowed:
        return cell
    if not own and not _as_granted(bundle, tool):
        return _denied(bundle, "write")
    broken = _broken_masks(tool, cell)
    if broken:
        return Decision(allowed=False, rules=broken, reasons=("mask",), bundle=bundle.digest)
    asked = _asked_sites(tool, arguments)
    return cell if asked is None else _narrowed(cell, asked)


def _as_granted(bundle: Bundle, tool: Tool) -> bool:
    """Tell whether a tool is what the rules about it were written for.

    A write needs a grant for its risk class and its definition; what was granted as a write is nothing else.
    """
    grant = bundle.grants.get(tool.name)
    if grant is None:
        return tool.effect == "read"
    return tool.effect == "write" and tool.risk == grant.risk and tool.hash == grant.hash


def _broken_masks(tool: Tool, cell: Decision) -> tuple[str, ...]:
    """Return the masks that can't hold: which rows come would tell of the field, however it is hidden in them."""
    masks = cell.obligations.masks if cell.obligations else ()
    return tuple(mask.rule for mask in masks if mask.field in tool.conditions or _is_linked(tool, mask, masks))


def _is_linked(tool: Tool, mask: Mask, masks: Iterable[Mask]) -> bool:
    """Tell whether rows are linked by a hidden field; where all it is linked with are tokens, these say as much."""
    linked = [one for one in tool.links if mask.field in one]
    if not linked or mask.way != "hash":
        return bool(linked)
    tokens = {one.field for one in masks if one.way == "hash"}
    return not all(tokens.issuperset(one) for one in linked)


def _asked_sites(tool: Tool, arguments: Arguments) -> set[str] | None:
    """Return the sites that every site argument allows, or `None` when no site was named."""
    asked: set[str] | None = None
    for argument in tool.arguments:
        if not argument.is_site:
            continue
        value = arguments.get(argument.name)
        if value is None:
            continue
        named = _site_names(value)
        asked = named if asked is None else asked & named
    return asked


def _site_names(value: ArgumentValue) -> set[str]:
    """A site is text; anything else is a defect upstream, and a defect is a denial."""
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        raise TypeError("a site argument is text")
    return set(names)


def _narrowed(cell: Decision, asked: set[str]) -> Decision:
    terms = cell.obligations
    if terms is None:
        raise TypeError("an allowed cell has obligations")
    sites = asked if terms.sites is None else asked.intersection(terms.sites)
    return Decision(
        allowed=True,
        rules=cell.rules,
        reasons=cell.reasons,
        obligations=with_sites(terms, tuple(sorted(sites))),
        bundle=cell.bundle,
    )


def _denied(bundle: Bundle, reason: str) -> Decision:
    return Decision(allowed=False, reasons=(reason,), bundle=bundle.digest)
